/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * channel.h - how a prober reaches a network: live (channel_live.c), offline over two captures
 * (channel_offline.c), or simulated (command_sim.c, the only one that knows mbtest). Whoever traces
 * is given one of them and knows no difference.
 */
#ifndef TRACEBOX_CHANNEL_H
#define TRACEBOX_CHANNEL_H

#include "probe/base/err.h"
#include "probe/io/names.h"
#include "probe/machine.h"
#include "probe/wire/addr.h"
#include "probe/wire/capture.h"
#include "probe/wire/flow.h"
#include "tracebox/sniff.h"

struct channel_ops {
	/*
	 * The first address of a version that a name has, and the name of an address. Asking begins
	 * to look for them, and asking again tells what has become of it: see probe/io/names.h.
	 */
	enum names_state (*lookup)(void *self, const char *name, uint8_t version, struct addr *addr,
		struct err *err);
	enum names_state (*name)(void *self, const struct addr *addr, char *name, size_t size);
	/* Wait until one of them is found or given up. They are looked for during a run as well. */
	void (*wait)(void *self);
	/* The address this host sends from to reach a destination. */
	bool (*source)(void *self, const struct addr *destination, struct addr *source,
		struct err *err);
	/*
	 * Run a machine whose packets look like probe until done says so (unspecified addresses in
	 * it stand for any; NULL: it sends none and only what is sniffed arrives); done is asked
	 * after every packet and every pause. False when the network failed, not when nobody
	 * answered.
	 */
	bool (*run)(void *self, const struct packet *probe, struct machine machine,
		bool (*done)(void *done_self), void *done_self, struct err *err);
	/*
	 * Keep a flow towards this host from its kernel, and let the kernel have it again. A trace
	 * guards what comes back to its TCP probes by itself.
	 */
	bool (*guard)(void *self, const struct flow *flow, unsigned int *number, struct err *err);
	bool (*unguard)(void *self, unsigned int number, struct err *err);
	/* Hand whatever arrives to sniff as well, between runs too; NULL: no longer. */
	bool (*sniff)(void *self, struct sniff *sniff, struct err *err);
	/* What captures the answers of a run, as in pcap-filter(7); the member NULL: nothing does.
	 */
	const char *(*filter)(void *self);
	/* Keep what is sent and received from now on; NULL: no longer. */
	void (*record)(void *self, struct capture *capture);
	void (*free)(void *self);
};

struct channel {
	const struct channel_ops *ops;
	void *self;
};

/* The same as lookup and name, but for who has nothing else to do meanwhile. */
bool channel_resolve(const struct channel *channel, const char *name, uint8_t version,
	struct addr *addr, struct err *err);
bool channel_name(const struct channel *channel, const struct addr *addr, char *name, size_t size);

#endif
