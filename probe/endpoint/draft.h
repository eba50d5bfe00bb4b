/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * draft.h - a TCP header in the making: its fields, its options in the padding that Linux uses, and
 * what sending it means for the subflow. Which options belong on it is build.c's.
 */
#ifndef PROBE_ENDPOINT_DRAFT_H
#define PROBE_ENDPOINT_DRAFT_H

#include "probe/endpoint/state.h"
#include "probe/wire/mptcp.h"

struct draft {
	struct tcp_header header;
	uint8_t options[TCPOPT_SPACE + 4]; /* padded to multiples of four */
	unsigned int used;
};

/* A segment of a subflow without options yet; it takes the next IP identification. */
void draft_begin(struct draft *draft, struct subflow *subflow, uint32_t seq, uint16_t flags);

/* MSS, SACK-permitted, timestamps and window scale, as the subflow offers them. First of all. */
void draft_syn_options(struct draft *draft, const struct subflow *subflow, nsec_t now);

/* RFC 7323 3.2, in milliseconds. */
void draft_timestamp(struct draft *draft, const struct subflow *subflow, nsec_t now);

/* An option of Multipath TCP; there must be room for it. */
void draft_mptcp(struct draft *draft, const struct mptcp_opt *option);

/* Out-of-order blocks, the newest first (RFC 2018 4), as many as fit into space bytes. */
void draft_sack(struct draft *draft, const struct subflow *subflow, unsigned int space);

/* What every ACK does: number, window, and the end of its being owed. */
void draft_ack(struct draft *draft, struct subflow *subflow);

/* Lay out header and options, for a payload to follow and packet_finish; or all of a packet. */
void draft_write(struct draft *draft, struct packet *packet);
void draft_finish(struct draft *draft, struct packet *packet);

#endif
