/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * raw_net.h - any machine as a host on a real interface: it sends by raw sockets, sees what arrives
 * by a packet socket, and the kernel, which knows nothing of its connections, is kept from
 * answering for them. For probers and endpoints alike: open, expect, run.
 */
#ifndef PROBE_IO_RAW_NET_H
#define PROBE_IO_RAW_NET_H

#include "probe/base/err.h"
#include "probe/io/names.h"
#include "probe/machine.h"
#include "probe/wire/capture.h"

struct raw_net;
struct flow; /* probe/wire/flow.h */

/*
 * Open sockets and guard, then give up all privileges. device NULL: by the routing table. guarded:
 * TCP may be spoken, so that the kernel has to be kept quiet. NULL with a sentence.
 */
struct raw_net *raw_net_open(const char *device, bool guarded, struct err *err);

/* The same for an endpoint. */
enum { RAW_NET_ROUTES = 8 };

struct raw_net_plan {
	const char *device; /* NULL: by the routing table */
	bool guarded;
	bool lossy; /* what the kernel refuses to send is lost, as on any path */
	struct {
		const char *device;
		struct addr source;
	} routes[RAW_NET_ROUTES]; /* packets that leave by a device of their own, by source */
	unsigned int route_count;
	/*
	 * TCP ports that are ours at every address this host has now: what comes is for them, or
	 * an ICMP error about a packet that was too big
	 */
	uint16_t first_port;
	unsigned int port_count;
	bool serves;               /* they must be free: whose they are would hear nothing more */
	bool errors;               /* and all errors that routers send us, not only of sizes */
	const struct addr *remote; /* and from this host alone; NULL: from any */
};

struct raw_net *raw_net_open_plan(const struct raw_net_plan *plan, struct err *err);
void raw_net_close(struct raw_net *net);

/*
 * Let in what answers packets like these (addresses and ports; unspecified ones stand for any), and
 * nothing else any more: errors about packets of this host, from whomever, and what is sent to the
 * ports they come from (or, where there are none, by whom they are for). What comes to TCP ports is
 * kept from the kernel, for as long as the net is open.
 */
bool raw_net_expect(struct raw_net *net, const struct packet *const *likes, size_t count,
	struct err *err);

/* The last of it alone: answers to packets like this are kept from the kernel, if they are TCP. */
bool raw_net_guard_answers(struct raw_net *net, const struct packet *like, struct err *err);

/* Let in all that arrives. */
bool raw_net_expect_all(struct raw_net *net, struct err *err);

/* What raw_net_expect lets in, as in pcap-filter(7); valid until the next call. */
const char *raw_net_filter(const struct raw_net *net);

/* Keep a flow from the kernel, and let it have it again. */
bool raw_net_guard(struct raw_net *net, const struct flow *flow, unsigned int *number,
	struct err *err);
bool raw_net_unguard(struct raw_net *net, unsigned int number, struct err *err);

/*
 * Run a machine until done says so: it is asked after every packet and every pause. False with a
 * sentence when the network failed.
 */
bool raw_net_run(struct raw_net *net, struct machine machine, bool (*done)(void *self), void *self,
	struct err *err);

/* Keep what is sent and received from now on; NULL: no longer. Borrowed. */
void raw_net_record(struct raw_net *net, struct capture *capture);

/* A descriptor that, readable, ends a pause as a packet would (interrupt.h); -1: none. Borrowed. */
void raw_net_wake(struct raw_net *net, int fd);

/* Names that are looked for while machines run. */
struct names *raw_net_names(const struct raw_net *net);

#endif
