/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * split.h - a capture of any length, packet by packet, taken apart into the Multipath TCP
 * connections in it: each is kept until it has ended, then handed over as a view and forgotten. So
 * memory follows the connections that are open at a time, never those that were.
 *
 * A connection begins with the first packet of an address pair that carries an option of kind 30;
 * subflows find it by the token in their MP_JOIN. It ends when all its subflows have, or when
 * nothing came of it for long. Beyond a bound of bytes held, packets are kept without payload:
 * checksums over them cannot be verified then.
 */
#ifndef PROBE_ANALYZE_SPLIT_H
#define PROBE_ANALYZE_SPLIT_H

#include "probe/analyze/view.h"
#include "probe/wire/packet.h"

/* A connection that ended; numbers[record] is what split_add was told of the packet. */
typedef void split_done(void *self, const struct view *view, const uint64_t *numbers);

struct split;

/* bytes: of packets held at once before payload is left out; 0: the default of 512 MiB. */
struct split *split_new(size_t bytes, split_done *done, void *self);
void split_free(struct split *split);

/*
 * The next packet, parsed, at packet->at; its number is the caller's own. Bytes that a capture cut
 * behind the TCP header are made up for in place (packet_fill_cut).
 */
void split_add(struct split *split, struct packet *packet, uint64_t number);

/* Hand over what is still open, in the order in which it began. */
void split_finish(struct split *split);

/* Connections held now, ended ones that are waited for a little included; for tests. */
size_t split_held(const struct split *split);

#endif
