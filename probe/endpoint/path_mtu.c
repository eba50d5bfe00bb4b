/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/endpoint/path_mtu.h"

#include "probe/endpoint/ack.h"
#include "probe/endpoint/build.h"
#include "probe/endpoint/subflow.h"
#include "probe/wire/icmp.h"

enum {
	LEAST_V4 = 256, /* below, whoever says it means harm (RFC 5927 7.2) */
	LEAST_V6 = 1280,
};

/* What an error about a packet of ours says; sizes are those of IP packets. */
struct too_big {
	struct sockname local, remote;
	uint32_t seq;
	uint32_t size, told; /* of the packet, if it is known, and what would pass */
	uint32_t header;     /* bytes before TCP's in a packet of ours */
};

/* RFC 1191 7: what links there are, for routers that do not tell. */
static uint32_t plateau_below(uint32_t size)
{
	static const uint16_t plateaus[] = { 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296 };
	unsigned int i, last = sizeof(plateaus) / sizeof(*plateaus) - 1;

	for (i = 0; i < last && plateaus[i] >= size; i++)
		;
	return plateaus[i];
}

static bool read_error(struct too_big *big, const struct packet *packet)
{
	struct icmp_error error;
	struct layers layers;
	const uint8_t *quote;

	if (!icmp_parse(&error, packet) || error.kind != ICMP_TOO_BIG)
		return false;
	quote = packet_data(packet) + error.quote_offset;
	layers_read(&layers, quote, error.quote_known);
	if (layers.version != packet->version || layers.protocol != PROTOCOL_TCP ||
		layers.is_fragment || layers.l4 + 8 > layers.known ||
		!layers_socknames(&layers, quote, &big->local, &big->remote))
		return false;
	big->seq = get_be32(quote + layers.l4 + 4);
	big->size = layers.has_end ? layers.end : 0;
	big->told = error.value;
	big->header = layers.version == 4 ? 20 : 40;
	return true;
}

/*
 * The error is about data that is on its way, larger than what it says would pass, and still worth
 * repeating: after an abort the stream is gone.
 */
static bool is_credible(const struct subflow *subflow, const struct too_big *big)
{
	uint32_t least = subflow->local.addr.version == 4 ? LEAST_V4 : LEAST_V6;

	return subflow->conn->state == CONN_OPEN && subflow_is_live(subflow) &&
		!seq_before(big->seq, subflow->snd_una) && seq_before(big->seq, subflow->snd_nxt) &&
		big->told >= least && (big->size == 0 || big->size > big->told);
}

void path_mtu_input(struct endpoint *endpoint, const struct packet *packet)
{
	struct subflow *subflow;
	struct too_big big;
	uint32_t mss;

	if (!read_error(&big, packet)) {
		endpoint->dropped[DROP_NOT_TCP]++;
		return;
	}
	subflow = subflow_find(endpoint, &big.local, &big.remote);
	if (subflow == NULL) {
		endpoint->dropped[DROP_NO_CONNECTION]++;
		return;
	}
	if (big.told == 0)
		big.told = plateau_below(
			big.size > 0 ? big.size : subflow->mss + big.header + TCP_HEADER);
	if (!is_credible(subflow, &big)) {
		endpoint->dropped[DROP_SEQUENCE]++;
		return;
	}
	mss = big.told - big.header - TCP_HEADER;
	if (mss >= subflow->mss)
		return; /* known already */
	subflow->mss = (uint16_t)mss;
	subflow->cc.mss = build_payload_most(subflow);
	ack_cut(subflow, (uint16_t)subflow->cc.mss);
	subflow->conn->dirty = true;
}
