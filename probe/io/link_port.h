/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link_port.h - a network interface as an inline device sees it: every frame that arrives, and a
 * way to send frames, in batches through rings shared with the kernel (packet(7), TPACKET_V2): one
 * system call sends all that was put, and none is needed to read while frames wait.
 */
#ifndef PROBE_IO_LINK_PORT_H
#define PROBE_IO_LINK_PORT_H

#include "probe/base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct link_port;

/* A frame that came, from its Ethernet header on; VLAN tags are in it. */
struct link_frame {
	uint8_t *bytes;
	uint32_t length;
	bool is_cut; /* longer than what is here */
	/* What a kernel left to its device (offload.h), counted from the frame's first byte. */
	bool unfinished;
	uint32_t checksum_start, checksum_offset;
	uint32_t segment_size; /* payload of each segment; 0: it is one */
};

/*
 * An Ethernet interface by name; it is put into promiscuous mode while it is open. NULL with a
 * sentence.
 */
struct link_port *link_port_open(const char *name, struct err *err);
void link_port_close(struct link_port *port);

/* Readable when frames wait, or the interface has gone. */
int link_port_fd(const struct link_port *port);

/* The next frame, the port's until link_port_done; false when none waits. */
bool link_port_read(struct link_port *port, struct link_frame *frame);
void link_port_done(struct link_port *port);

/*
 * Room for a frame to send, NULL when it is longer than the interface carries or, even after
 * waiting a moment, the interface is full; then link_port_put tells that the frame is there.
 */
uint8_t *link_port_room(struct link_port *port, uint32_t length);
void link_port_put(struct link_port *port, uint32_t length);

/* Send what was put. */
void link_port_send(struct link_port *port);

/* Whether the interface exists no more, with the sentence that says so; one that is down does. */
bool link_port_gone(const struct link_port *port, struct err *err);

/* Frames that came and found no room since this was asked last. */
uint32_t link_port_missed(struct link_port *port);

#endif
