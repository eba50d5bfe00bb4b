/* SPDX-License-Identifier: BSD-2-Clause */
/* live_close.c - see live_close.h. */
#include "mbtest/net/live_close.h"

#define QUIET_NS (60 * NSEC_PER_MS)

/* The flow of a packet; a new one where it is unknown; NULL when there are too many. */
static struct live_flow *flow_find(struct live_close *close, const struct sockname *local,
	const struct sockname *remote)
{
	struct live_flow *flow;

	for (size_t i = 0; i < close->flow_count; i++) {
		flow = &close->flows[i];
		if (sockname_equal(&flow->local, local) && sockname_equal(&flow->remote, remote))
			return flow;
	}
	if (close->flow_count == LIVE_CLOSE_FLOWS)
		return NULL;
	flow = &close->flows[close->flow_count++];
	*flow = (struct live_flow){ .local = *local, .remote = *remote };
	return flow;
}

static void close_note(struct live_close *close, const struct packet *packet, bool outgoing)
{
	struct sockname src, dst;
	struct live_flow *flow;
	uint16_t flags = tcp_flags(packet);

	packet_socknames(packet, &src, &dst);
	flow = outgoing ? flow_find(close, &src, &dst) : flow_find(close, &dst, &src);
	if (!flow)
		return;
	if (flags & TCP_RST)
		flow->reset = true;
	if (flags & TCP_FIN)
		*(outgoing ? &flow->fin_out : &flow->fin_in) = true;
	/* the four numbers of a dead connection may be used again */
	if ((flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		flow->reset = flow->fin_out = flow->fin_in = false;
}

void live_close_watch(struct live_close *close, const struct capture *tap)
{
	struct packet *packet;

	if (close->seen == tap->count)
		return;
	packet = packet_new(PACKET_LARGE);
	for (; close->seen < tap->count; close->seen++) {
		const struct capture_record *record = &tap->records[close->seen];

		if (!capture_get(tap, close->seen, packet) || packet->form != PACKET_TCP)
			continue;
		close_note(close, packet, record->outgoing);
		close->last = record->at;
	}
	packet_free(packet);
}

bool live_close_over(const struct live_close *close, nsec_t now)
{
	for (size_t i = 0; i < close->flow_count; i++) {
		const struct live_flow *flow = &close->flows[i];

		if (!flow->reset && !(flow->fin_out && flow->fin_in))
			return false;
	}
	return now >= close->last + QUIET_NS;
}
