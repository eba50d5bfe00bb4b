/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inline_bridge.c - two interfaces with boxes in between. Frames that carry no IP packet, and IP
 * that is for the link alone (neighbours, multicast), go over as they are. What a kernel left to
 * its device is finished first, so that boxes see what a wire would carry.
 */
#include "mbtest/suite/inline.h"
#include "probe/base/alloc.h"
#include "probe/base/hash.h"
#include "probe/io/link_port.h"
#include "probe/wire/offload.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum {
	ETHERNET = 14,
	HEADER_MOST = 22, /* with two tags */
	HEADERS = 4096,   /* remembered, of each direction */
	NEIGHBOURS = 4096,
	BATCH = 64, /* frames of one side before it is the other's turn */
};

/* The link header of frames whose packets may be under way. */
struct link_header {
	uint64_t since; /* the first packet that came with it, since it was put here */
	uint8_t length;
	uint8_t bytes[HEADER_MOST];
};

/* What a packet's ticket says: which packet it is, and where the header is that it came with. */
enum { TICKET_DIR = HEADERS, TICKET_SERIAL = 2 * HEADERS };

/* Who sent the last packet in a direction: mostly the sender of the next. */
struct source {
	uint32_t header; /* of the table */
	uint8_t version; /* of the address; 0: nobody */
	uint8_t address[16];
};

/* A host, by its IP address, as it was last seen on one side. */
struct neighbour {
	struct addr addr;
	uint8_t length;
	uint8_t bytes[HEADER_MOST]; /* of a frame to it */
};

struct bridge {
	struct inline_run *run;
	struct link_port *port[DIRS]; /* what goes in this direction comes in here */
	struct link_header headers[DIRS][HEADERS];
	struct neighbour neighbours[DIRS][NEIGHBOURS]; /* on the side that packets go to */
	struct source sources[DIRS];
	uint64_t serial;
	struct packet *large;
};

/* ---- link headers ---- */

/* Bytes before the network layer, tags included; 0: none that is known. */
static uint32_t header_length(const struct link_frame *frame, uint16_t *type)
{
	uint32_t length = ETHERNET;

	if (frame->length < ETHERNET)
		return 0;
	*type = get_be16(frame->bytes + 12);
	while ((*type == 0x8100 || *type == 0x88a8) && length + 4 <= HEADER_MOST &&
		frame->length >= length + 4) {
		*type = get_be16(frame->bytes + length + 2);
		length += 4;
	}
	return length;
}

static struct neighbour *neighbour_slot(struct bridge *bridge, enum dir dir,
	const struct addr *addr)
{
	return &bridge->neighbours[dir][hash_bytes(0, addr->bytes, 16) % NEIGHBOURS];
}

static bool header_is(const struct link_header *own, const uint8_t *header, uint32_t length)
{
	if (own->length != length)
		return false;
	/* Of a length known beforehand, as nearly all are, it takes no call. */
	return length == ETHERNET ? memcmp(own->bytes, header, ETHERNET) == 0
				  : memcmp(own->bytes, header, length) == 0;
}

/* Its place in the table, that of the last frame if it is the same. */
static uint32_t header_keep(struct bridge *bridge, enum dir dir, const uint8_t *header,
	uint32_t length)
{
	struct link_header *headers = bridge->headers[dir], *own;
	uint32_t at = bridge->sources[dir].header;

	if (header_is(&headers[at], header, length))
		return at;
	at = (uint32_t)(hash_bytes(0, header, length) % HEADERS);
	own = &headers[at];
	if (!header_is(own, header, length)) {
		bridge->sources[dir].version = 0; /* its header may be the one that goes */
		own->since = bridge->serial;
		own->length = (uint8_t)length;
		memcpy(own->bytes, header, length);
	}
	return at;
}

static bool source_is(const struct source *source, uint32_t header, const struct packet *packet)
{
	const uint8_t *bytes = packet_data(packet);

	if (source->header != header || source->version != packet->version)
		return false;
	return packet->version == 4 ? memcmp(source->address, bytes + 12, 4) == 0
				    : memcmp(source->address, bytes + 8, 16) == 0;
}

/* Who sent this packet can be sent to by its header turned round. */
static void neighbour_learn(struct bridge *bridge, enum dir dir, const struct packet *packet,
	uint32_t at)
{
	const struct link_header *header = &bridge->headers[dir][at];
	struct source *source = &bridge->sources[dir];
	struct neighbour *neighbour;
	struct addr src, dst;

	if (packet->form == PACKET_MALFORMED || source_is(source, at, packet))
		return;
	packet_addrs(packet, &src, &dst);
	*source = (struct source){ .header = at, .version = src.version };
	memcpy(source->address, src.bytes, sizeof(source->address));
	neighbour = neighbour_slot(bridge, dir_opposite(dir), &src);
	neighbour->addr = src;
	neighbour->length = header->length;
	memcpy(neighbour->bytes, header->bytes + 6, 6);
	memcpy(neighbour->bytes + 6, header->bytes, 6);
	memcpy(neighbour->bytes + 12, header->bytes + 12, header->length - 12u);
}

/* The header that a packet came with; NULL when it has none, or that has given way. */
static const struct link_header *header_of(const struct bridge *bridge, const struct packet *packet,
	enum dir dir)
{
	const struct link_header *own = &bridge->headers[dir][packet->ticket % HEADERS];

	if (packet->ticket == 0 || (packet->ticket & TICKET_DIR) != (uint64_t)dir * TICKET_DIR)
		return NULL;
	return packet->ticket / TICKET_SERIAL >= own->since ? own : NULL;
}

/* The header for a packet that leaves: its own, else that of its receiver; 0: not known. */
static uint32_t header_find(struct bridge *bridge, const struct packet *packet, enum dir dir,
	const uint8_t **header)
{
	const struct link_header *own = header_of(bridge, packet, dir);
	const struct neighbour *neighbour;
	struct addr src, dst;

	if (own != NULL) {
		*header = own->bytes;
		return own->length;
	}
	if (packet->form == PACKET_MALFORMED)
		return 0;
	packet_addrs(packet, &src, &dst);
	neighbour = neighbour_slot(bridge, dir, &dst);
	if (!addr_equal(&neighbour->addr, &dst))
		return 0;
	*header = neighbour->bytes;
	return neighbour->length;
}

/* ---- out ---- */

static void frame_send(struct bridge *bridge, enum dir dir, const uint8_t *header,
	uint32_t header_bytes, const uint8_t *bytes, uint32_t length)
{
	struct link_port *port = bridge->port[dir_opposite(dir)];
	uint8_t *room = link_port_room(port, header_bytes + length);

	if (room == NULL) {
		bridge->run->counts.refused++;
		return;
	}
	memcpy(room, header, header_bytes);
	memcpy(room + header_bytes, bytes, length);
	link_port_put(port, header_bytes + length);
}

static void bridge_send(void *self, const struct packet *packet, enum dir dir)
{
	struct bridge *bridge = self;
	const uint8_t *header;
	uint32_t length = header_find(bridge, packet, dir, &header);

	if (length == 0) {
		bridge->run->counts.refused++;
		return;
	}
	frame_send(bridge, dir, header, length, packet_data(packet),
		packet->form == PACKET_MALFORMED ? packet->length : packet->end);
}

/* ---- in ---- */

static void packet_enter(struct bridge *bridge, struct packet *packet, const uint8_t *header,
	uint32_t length, enum dir dir, nsec_t now)
{
	uint32_t at;

	bridge->serial++;
	at = header_keep(bridge, dir, header, length);
	packet->ticket = bridge->serial * TICKET_SERIAL + (uint64_t)dir * TICKET_DIR + at;
	neighbour_learn(bridge, dir, packet, at);
	inline_input(bridge->run, packet, dir, now);
}

/* What concerns the link alone, and would be wrong behind a box: routers do not forward it. */
static bool is_of_the_link(const struct packet *packet)
{
	const uint8_t *bytes = packet_data(packet);

	if (packet->form == PACKET_MALFORMED)
		return false;
	if (packet->version == 4)
		return bytes[16] >= 224 || (bytes[12] == 169 && bytes[13] == 254) ||
			get_be32(bytes + 12) == 0;
	return bytes[24] == 0xff || (bytes[24] == 0xfe && (bytes[25] & 0xc0) == 0x80) ||
		(bytes[8] == 0xfe && (bytes[9] & 0xc0) == 0x80) ||
		(packet->protocol == PROTOCOL_ICMPV6 && packet->form == PACKET_ICMP &&
			bytes[packet->l4] >= 130 && bytes[packet->l4] <= 137);
}

static void enter_segments(struct bridge *bridge, const struct link_frame *frame, uint32_t header,
	enum dir dir, nsec_t now)
{
	uint32_t size = frame->segment_size;

	packet_borrow(bridge->large, frame->bytes + header, frame->length - header);
	for (uint32_t i = 0;; i++) {
		struct packet *segment = inline_packet(bridge->run, bridge->large->payload + size);

		if (!offload_segment(bridge->large, size, i, segment)) {
			pipeline_give(bridge->run->pipeline, segment);
			/* A kind that we cannot cut is too large for the other side. */
			bridge->run->counts.refused += i == 0;
			return;
		}
		packet_enter(bridge, segment, frame->bytes, header, dir, now);
	}
}

static void frame_enter(struct bridge *bridge, const struct link_frame *frame, enum dir dir,
	nsec_t now)
{
	uint16_t type = 0;
	uint32_t header = header_length(frame, &type);
	struct packet *packet = NULL;

	if (frame->is_cut) {
		bridge->run->counts.refused++;
		return;
	}
	if (header > 0 && (type == 0x0800 || type == 0x86dd)) {
		if (frame->segment_size > 0) {
			enter_segments(bridge, frame, header, dir, now);
			return;
		}
		packet = inline_packet(bridge->run, frame->length - header);
		packet_borrow(packet, frame->bytes + header, frame->length - header);
		if (frame->unfinished && frame->checksum_start >= header)
			offload_checksum(packet, frame->checksum_start - header,
				frame->checksum_offset);
	}
	if (packet != NULL && !is_of_the_link(packet)) {
		packet_enter(bridge, packet, frame->bytes, header, dir, now);
		packet_own(packet); /* a box may have kept it */
		return;
	}
	bridge->run->counts.passed++;
	if (packet == NULL) {
		frame_send(bridge, dir, frame->bytes, frame->length, frame->bytes, 0);
		return;
	}
	frame_send(bridge, dir, frame->bytes, header, packet_data(packet), packet->length);
	pipeline_give(bridge->run->pipeline, packet);
}

/* Some of what waits at a port; whether there was any. */
static bool port_drain(struct bridge *bridge, enum dir dir)
{
	struct link_frame frame;
	unsigned int count = 0;
	nsec_t now = inline_now(bridge->run);

	while (count < BATCH && link_port_read(bridge->port[dir], &frame)) {
		frame_enter(bridge, &frame, dir, now);
		link_port_done(bridge->port[dir]);
		count++;
	}
	return count > 0;
}

/* ---- the loop ---- */

static bool port_lost(struct bridge *bridge, const struct pollfd *watches, struct err *err)
{
	for (size_t dir = 0; dir < DIRS; dir++) {
		if ((watches[dir].revents & (POLLERR | POLLHUP)) != 0 &&
			link_port_gone(bridge->port[dir], err))
			return true;
	}
	return false;
}

static bool bridge_loop(struct bridge *bridge, struct err *err)
{
	struct pollfd watches[] = {
		{ .fd = link_port_fd(bridge->port[TO_SERVER]), .events = POLLIN },
		{ .fd = link_port_fd(bridge->port[TO_CLIENT]), .events = POLLIN },
		{ .fd = bridge->run->plan.stop, .events = POLLIN },
	};
	bool go_on = true, busy = false;

	for (;;) {
		nsec_t wait = inline_turn(bridge->run, &go_on);
		struct timespec timeout = { 0 };

		if (!go_on)
			return err_set(err, "%s", bridge->run->failure.text);
		if (!busy) {
			timeout.tv_sec = (time_t)(wait / NSEC_PER_SEC);
			timeout.tv_nsec = (long)(wait % NSEC_PER_SEC);
		}
		for (size_t dir = 0; dir < DIRS; dir++)
			link_port_send(bridge->port[dir]);
		if (ppoll(watches, 3, &timeout, NULL) < 0 && errno != EINTR)
			return err_set_errno(err, "cannot wait for packets");
		if (watches[2].revents != 0)
			return true;
		if (port_lost(bridge, watches, err))
			return false;
		busy = port_drain(bridge, TO_SERVER);
		busy = port_drain(bridge, TO_CLIENT) || busy;
	}
}

bool inline_bridge(struct inline_run *run, const struct inline_plan *plan, const char *in,
	const char *out, struct err *err)
{
	struct bridge *bridge = xcalloc(1, sizeof(*bridge));
	const char *const names[DIRS] = { in, out };
	bool ok = true;

	bridge->run = run;
	bridge->large = packet_new(PACKET_LARGE + PACKET_HEADROOM);
	run->send = bridge_send;
	run->self = bridge;
	for (size_t dir = 0; ok && dir < DIRS; dir++) {
		bridge->port[dir] = link_port_open(names[dir], err);
		ok = bridge->port[dir] != NULL;
	}
	ok = ok && inline_begin(run, plan, err) && bridge_loop(bridge, err);
	for (size_t dir = 0; dir < DIRS; dir++) {
		if (bridge->port[dir] != NULL)
			run->counts.missed += link_port_missed(bridge->port[dir]);
		link_port_close(bridge->port[dir]);
	}
	packet_free(bridge->large);
	free(bridge);
	return ok;
}
