/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/endpoint/draft.h"

#include "probe/endpoint/subflow.h"

#include <assert.h>
#include <string.h>

void draft_begin(struct draft *draft, struct subflow *subflow, uint32_t seq, uint16_t flags)
{
	draft->header = (struct tcp_header){ .src = subflow->local,
		.dst = subflow->remote,
		.seq = seq,
		.flags = flags,
		.ip_id = subflow->conn->endpoint->ip_id++ };
	draft->used = 0;
}

static void draft_align(struct draft *draft)
{
	while (draft->used % 4 != 0)
		draft->options[draft->used++] = TCPOPT_NOP;
}

void draft_mptcp(struct draft *draft, const struct mptcp_opt *option)
{
	uint8_t bytes[TCPOPT_SPACE];
	uint32_t length = mptcp_emit(option, bytes);

	assert(draft->used + length <= TCPOPT_SPACE);
	memcpy(draft->options + draft->used, bytes, length);
	draft->used += length;
	draft_align(draft);
}

void draft_timestamp(struct draft *draft, const struct subflow *subflow, nsec_t now)
{
	uint8_t *at = draft->options + draft->used;

	at[0] = at[1] = TCPOPT_NOP;
	at[2] = TCPOPT_TIMESTAMP;
	at[3] = 10;
	put_be32(at + 4, (uint32_t)(now / NSEC_PER_MS) + subflow->ts_offset);
	put_be32(at + 8, subflow->ts_recent);
	draft->used += 12;
}

void draft_syn_options(struct draft *draft, const struct subflow *subflow, nsec_t now)
{
	uint8_t *at = draft->options;

	at[0] = TCPOPT_MSS;
	at[1] = 4;
	put_be16(at + 2, subflow->mss_clamped);
	draft->used = 4;
	if (subflow->timestamps) {
		draft_timestamp(draft, subflow, now);
		if (subflow->sack) {
			at[4] = TCPOPT_SACK_PERMITTED;
			at[5] = 2;
		}
	} else if (subflow->sack) {
		at[4] = at[5] = TCPOPT_NOP;
		at[6] = TCPOPT_SACK_PERMITTED;
		at[7] = 2;
		draft->used = 8;
	}
	if (subflow->window_scale) {
		at = draft->options + draft->used;
		at[0] = TCPOPT_NOP;
		at[1] = TCPOPT_WSCALE;
		at[2] = 3;
		at[3] = subflow->scale_local;
		draft->used += 4;
	}
}

void draft_sack(struct draft *draft, const struct subflow *subflow, unsigned int space)
{
	uint64_t base = subflow->rx_next;
	unsigned int most = space >= 12 ? (space - 4) / 8 : 0, count = 0;
	size_t i, index = subflow->rx_ooo.count;
	uint8_t *at = draft->options + draft->used;
	uint64_t newest = subflow_position(subflow, subflow->sack_first.first);

	if (most > 3)
		most = 3;
	if (most == 0 || index == 0)
		return;
	index = ranges_find(&subflow->rx_ooo, newest);
	for (i = 0; i <= subflow->rx_ooo.count && count < most; i++) {
		size_t which = i == 0 ? index : i - 1;
		const struct range *range = &subflow->rx_ooo.list[which];

		if (which == subflow->rx_ooo.count || (i > 0 && which == index))
			continue;
		put_be32(at + 4 + 8 * count, subflow->rcv_nxt + (uint32_t)(range->first - base));
		put_be32(at + 8 + 8 * count, subflow->rcv_nxt + (uint32_t)(range->end - base));
		count++;
	}
	at[0] = at[1] = TCPOPT_NOP;
	at[2] = TCPOPT_SACK;
	at[3] = (uint8_t)(2 + 8 * count);
	draft->used += 4 + 8 * count;
}

void draft_ack(struct draft *draft, struct subflow *subflow)
{
	uint32_t window = subflow_window(subflow), edge;
	unsigned int scale = draft->header.flags & TCP_SYN ? 0 : subflow->scale_local;

	window >>= scale;
	draft->header.window = window < UINT16_MAX ? (uint16_t)window : UINT16_MAX;
	draft->header.ack = subflow->rcv_nxt;
	edge = subflow->rcv_nxt + ((uint32_t)draft->header.window << scale);
	subflow->rcv_edge = seq_max(subflow->rcv_edge, edge);
	subflow->rcv_acked = subflow->rcv_nxt;
	subflow->ack_now = false;
	subflow->ack_at = NSEC_NEVER;
	subflow->unacked_segments = 0;
}

void draft_write(struct draft *draft, struct packet *packet)
{
	packet_init_tcp(packet, &draft->header);
	if (draft->used > 0)
		tcpopt_append(packet, draft->options, draft->used);
}

void draft_finish(struct draft *draft, struct packet *packet)
{
	draft_write(draft, packet);
	packet_finish(packet);
}
