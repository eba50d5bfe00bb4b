/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sniff.h - packets that arrive on their own account, for scripts that wait for some: each sniffer
 * wants a flow and has a queue, which channels fill with whatever they see, traces going on or not.
 */
#ifndef TRACEBOX_SNIFF_H
#define TRACEBOX_SNIFF_H

#include "probe/base/err.h"
#include "probe/base/nsec.h"
#include "probe/wire/flow.h"

enum { SNIFFERS = 8, SNIFF_QUEUE = 4096 };

struct channel;
struct sniff;

struct sniff *sniff_new(void);
void sniff_free(struct sniff *sniff);

/* A sniffer of a flow, as a number below SNIFFERS; false when there are that many. */
bool sniff_add(struct sniff *sniff, const struct flow *flow, unsigned int *number);
void sniff_remove(struct sniff *sniff, unsigned int number);

/* Whether anybody wants anything. */
bool sniff_wants(const struct sniff *sniff);

/* A packet has arrived: a copy for everyone who wants it and has room for it. */
void sniff_input(struct sniff *sniff, const struct packet *packet);

/*
 * The oldest packet of a sniffer's queue into packet, waiting for one as long as wait. False when
 * none came, or with a sentence when the network failed.
 */
bool sniff_take(struct sniff *sniff, unsigned int number, const struct channel *channel,
	nsec_t wait, struct packet *packet, struct err *err);

#endif
