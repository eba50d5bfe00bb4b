/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nfqueue.h - packets that a rule of the kernel's firewall hands to a queue, each waiting for a
 * verdict. No rule is made here.
 */
#ifndef PROBE_IO_NFQUEUE_H
#define PROBE_IO_NFQUEUE_H

#include "probe/base/err.h"
#include "probe/wire/packet.h"

#include <stdbool.h>
#include <stdint.h>

struct nfqueue;

/*
 * Take a queue. With fail_open the kernel lets pass what finds the queue full, else it drops that.
 * NULL with a sentence that names the rule to make.
 */
struct nfqueue *nfqueue_open(uint16_t number, bool fail_open, struct err *err);

/* What waits for a verdict then is dropped. */
void nfqueue_close(struct nfqueue *queue);

/* Readable when packets wait. */
int nfqueue_fd(const struct nfqueue *queue);

/*
 * The next packet, parsed, its number in ticket (never 0); packet must be PACKET_LARGE. is_cut:
 * the kernel could not hand over all of it (a few bytes of those of nearly 64 KiB are missing).
 * False when none waits, or (err set, not empty) the queue has failed.
 */
bool nfqueue_read(struct nfqueue *queue, struct packet *packet, bool *is_cut, struct err *err);

/* Let it pass as it came. */
bool nfqueue_pass(struct nfqueue *queue, uint64_t ticket, struct err *err);

/* Let it pass with the bytes it has now, or (packet NULL) drop it. */
bool nfqueue_verdict(struct nfqueue *queue, uint64_t ticket, const struct packet *packet,
	struct err *err);

#endif
