/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inject.h - sending whole IP packets of either version by raw sockets (libnet). In IPv4 the kernel
 * settles total length and header checksum, and fills an id of 0 unless DF is set; IPv6 goes out as
 * it is. What exceeds the MTU is refused.
 */
#ifndef PROBE_IO_INJECT_H
#define PROBE_IO_INJECT_H

#include "probe/base/err.h"
#include "probe/wire/packet.h"

#include <stdbool.h>

struct inject;

/* device NULL: by the routing table. NULL with a sentence that names the missing privilege. */
struct inject *inject_open(const char *device, struct err *err);
void inject_close(struct inject *inject);

/*
 * Packets from a source address go out by a device of their own, whatever the routing table says of
 * where they go. False with a sentence.
 */
bool inject_route(struct inject *inject, const struct addr *source, const char *device,
	struct err *err);

/* What is sent bears this mark of the kernel's firewall. */
bool inject_mark(struct inject *inject, uint32_t mark, struct err *err);

/* False when the kernel refuses the packet. */
bool inject_send(struct inject *inject, const struct packet *packet, struct err *err);

#endif
