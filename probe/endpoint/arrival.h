/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arrival.h - a received TCP packet with its options read once, for the time of one input call.
 */
#ifndef PROBE_ENDPOINT_ARRIVAL_H
#define PROBE_ENDPOINT_ARRIVAL_H

#include "probe/endpoint/state.h"

struct arrival {
	uint32_t seq, ack;
	uint16_t flags, window; /* window as on the wire */
	const uint8_t *payload;
	uint32_t length; /* of the payload */
	bool has_timestamp, has_mss, has_scale, sack_permitted;
	uint32_t ts_value, ts_echo;
	uint16_t mss;
	uint8_t scale;
	unsigned int sack_count;
	struct sack_block sack[4];
	unsigned int option_count; /* MPTCP options that decoded */
	struct mptcp_opt options[ARRIVAL_OPTIONS];
};

void arrival_read(struct arrival *in, const struct packet *packet);

/* First MPTCP option of a subtype, or NULL. */
const struct mptcp_opt *arrival_find(const struct arrival *in, enum mptcp_subtype subtype);

/* Sequence number after the segment. */
static inline uint32_t arrival_end(const struct arrival *in)
{
	return in->seq + in->length + ((in->flags & TCP_SYN) != 0) + ((in->flags & TCP_FIN) != 0);
}

#endif
