/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * build.h - packets of a subflow as they go on the wire: headers, options in the order that Linux
 * has them, payload from the send stream. Decides nothing about when.
 */
#ifndef PROBE_ENDPOINT_BUILD_H
#define PROBE_ENDPOINT_BUILD_H

#include "probe/endpoint/state.h"

void build_syn(struct subflow *subflow, struct packet *packet, nsec_t now);
void build_synack(struct subflow *subflow, struct packet *packet, nsec_t now);

/* The third ACK of MP_JOIN. */
void build_join_ack(struct subflow *subflow, struct packet *packet, nsec_t now);

/* The third packet, with both keys until a DSS of the peer's shows that it has them. */
void build_third_ack(struct subflow *subflow, struct packet *packet, nsec_t now);

/* A segment of the queue, with the mapping it was first sent with (F55). */
void build_segment(struct subflow *subflow, const struct segment *segment, struct packet *packet,
	nsec_t now);

/* An ACK with whatever is to be signalled; from sequence number seq (snd_nxt, but for probes). */
void build_ack(struct subflow *subflow, uint32_t seq, struct packet *packet, nsec_t now);

/* RST with MP_TCPRST, MP_FAIL or MP_FASTCLOSE where these apply. */
void build_reset(struct subflow *subflow, struct packet *packet);

/* v0: MP_FASTCLOSE goes on an ACK (RFC 6824 3.5). */
void build_fastclose(struct subflow *subflow, struct packet *packet, nsec_t now);

/* A bare RST for an ACK of what was never sent. */
void build_stray(struct subflow *subflow, struct packet *packet);
void build_reply(struct endpoint *endpoint, const struct reply *reply, struct packet *packet);

/* Payload bytes that fit a segment beside the options it may need. */
uint32_t build_payload_most(const struct subflow *subflow);

#endif
