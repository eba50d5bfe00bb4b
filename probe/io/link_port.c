/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link_port.c - see link_port.h. Two sockets: one with a ring that frames arrive in, one with a
 * ring to send from. What kernels hand to devices that cut segments fits no slot of a ring of many:
 * the kernel then keeps the whole of it behind the ring, to be received as such.
 */
#include "probe/io/link_port.h"

#include "probe/base/alloc.h"
#include "probe/base/bytes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	FRAME = 2048, /* of a ring, at least; more where the MTU is */
	BLOCK = 1 << 17,
	IN_BLOCKS = 64, /* 4096 frames: what comes while others have the processor */
	OUT_BLOCKS = 8,
	WHOLE_BYTES = 65536 + 64,                 /* the largest IP packet and its headers */
	WAITING_BYTES = 64 << 20,                 /* of such at most */
	KERNEL_BYTES = 128,                       /* in front of a frame in the ring it came in */
	OUT_OFFSET = sizeof(struct tpacket2_hdr), /* of what is sent, in its frame */
	TAG = 4,                                  /* bytes of a VLAN tag */
	HEADER = ETH_HLEN + 2 * TAG,
	FULL_WAIT_MS = 2,
	CACHE_LINE = 64,
	FETCH = 12, /* lines of a frame that comes */
};

_Static_assert(OUT_OFFSET % TPACKET_ALIGNMENT == 0, "TPACKET_ALIGN of the header");

struct ring {
	int fd;
	uint8_t *memory;
	size_t bytes;
	uint32_t frame, block, count;
	uint32_t at; /* the frame that is next */
};

struct link_port {
	char name[IFNAMSIZ];
	unsigned int index;
	uint32_t mtu;
	struct ring in, out;
	uint32_t put;   /* frames put since link_port_send */
	uint8_t *whole; /* the last one that fitted no slot */
};

static uint8_t *ring_frame(const struct ring *ring)
{
	return ring->memory + (size_t)ring->at * ring->frame;
}

static uint32_t ring_next(const struct ring *ring)
{
	return ring->at + 1 == ring->count ? 0 : ring->at + 1;
}

/* The frame behind the next. */
static const uint8_t *ring_ahead(const struct ring *ring)
{
	return ring->memory + (size_t)ring_next(ring) * ring->frame;
}

static struct tpacket2_hdr *ring_header(const struct ring *ring)
{
	return (struct tpacket2_hdr *)(void *)ring_frame(ring);
}

static uint32_t ring_status(const struct ring *ring)
{
	return __atomic_load_n(&ring_header(ring)->tp_status, __ATOMIC_ACQUIRE);
}

static void ring_pass(struct ring *ring, uint32_t status)
{
	__atomic_store_n(&ring_header(ring)->tp_status, status, __ATOMIC_RELEASE);
	ring->at = ring_next(ring);
}

/* ---- opening ---- */

static bool set_option(int fd, int option, int value)
{
	return setsockopt(fd, SOL_PACKET, option, &value, sizeof(value)) == 0;
}

static bool ring_map(struct ring *ring, int option, uint32_t blocks, const char *name,
	struct err *err)
{
	struct tpacket_req request = { .tp_block_size = ring->block,
		.tp_block_nr = blocks,
		.tp_frame_size = ring->frame };

	ring->count = request.tp_frame_nr = ring->block / ring->frame * blocks;
	ring->bytes = (size_t)ring->block * blocks;
	if (setsockopt(ring->fd, SOL_PACKET, option, &request, sizeof(request)) != 0)
		return err_set_errno(err, "no memory for the packets of %s", name);
	ring->memory = mmap(NULL, ring->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, 0);
	if (ring->memory != MAP_FAILED)
		return true;
	ring->memory = NULL;
	return err_set_errno(err, "cannot map the packets of %s", name);
}

static bool ring_bind(const struct ring *ring, const struct link_port *port, uint16_t protocol,
	struct err *err)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = (int)port->index };

	if (bind(ring->fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return true;
	return err_set_errno(err, "cannot use the interface %s", port->name);
}

static bool ring_socket(struct ring *ring, struct err *err)
{
	ring->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (ring->fd < 0 && errno == EPERM)
		return err_set(err, "an interface between two others needs root (CAP_NET_RAW)");
	if (ring->fd < 0)
		return err_set_errno(err, "cannot open a packet socket");
	if (!set_option(ring->fd, PACKET_VERSION, TPACKET_V2))
		return err_set_errno(err, "this kernel has no TPACKET_V2");
	return true;
}

/* Frames of a power of two, so that they fill blocks without gaps. */
static void ring_size(struct ring *ring, uint32_t frame)
{
	ring->block = BLOCK;
	ring->frame = FRAME;
	while (ring->frame < frame)
		ring->frame *= 2;
}

static bool open_in(struct link_port *port, struct err *err)
{
	struct packet_mreq everything = { .mr_ifindex = (int)port->index,
		.mr_type = PACKET_MR_PROMISC };
	struct ring *ring = &port->in;
	int waiting = WAITING_BYTES;

	ring_size(ring, KERNEL_BYTES + HEADER + port->mtu);
	if (!ring_socket(ring, err))
		return false;
	setsockopt(ring->fd, SOL_SOCKET, SO_RCVBUFFORCE, &waiting, sizeof(waiting));
	if (!set_option(ring->fd, PACKET_VNET_HDR, 1) ||
		!set_option(ring->fd, PACKET_COPY_THRESH, 1) ||
		!set_option(ring->fd, PACKET_IGNORE_OUTGOING, 1))
		return err_set_errno(err, "this kernel's packet sockets are too old");
	if (!ring_map(ring, PACKET_RX_RING, IN_BLOCKS, port->name, err) ||
		!ring_bind(ring, port, ETH_P_ALL, err))
		return false;
	if (setsockopt(ring->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &everything,
		    sizeof(everything)) != 0)
		return err_set_errno(err, "cannot listen to all of %s", port->name);
	return true;
}

static bool open_out(struct link_port *port, struct err *err)
{
	struct ring *ring = &port->out;

	ring_size(ring, OUT_OFFSET + HEADER + port->mtu);
	if (!ring_socket(ring, err))
		return false;
	/* A frame that the device refuses must not stop those behind it. */
	set_option(ring->fd, PACKET_LOSS, 1);
	return ring_map(ring, PACKET_TX_RING, OUT_BLOCKS, port->name, err) &&
		ring_bind(ring, port, 0, err);
}

/* Its MTU; false when it is no Ethernet interface. */
static bool interface_look(struct link_port *port, struct err *err)
{
	struct ifreq request = { .ifr_flags = 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool is_ethernet;

	memcpy(request.ifr_name, port->name, IFNAMSIZ);
	is_ethernet = fd >= 0 && ioctl(fd, SIOCGIFHWADDR, &request) == 0 &&
		request.ifr_hwaddr.sa_family == ARPHRD_ETHER;
	if (is_ethernet && ioctl(fd, SIOCGIFMTU, &request) == 0)
		port->mtu = (uint32_t)request.ifr_mtu;
	if (fd >= 0)
		close(fd);
	if (port->mtu > 0 && port->mtu < BLOCK / 4)
		return true;
	return err_set(err, "%s is no Ethernet interface", port->name);
}

struct link_port *link_port_open(const char *name, struct err *err)
{
	struct link_port *port = xcalloc(1, sizeof(*port));

	port->in.fd = port->out.fd = -1;
	port->whole = xmalloc(WHOLE_BYTES);
	snprintf(port->name, sizeof(port->name), "%s", name);
	port->index = strlen(name) < IFNAMSIZ ? if_nametoindex(name) : 0;
	if (port->index == 0)
		err_set(err, "there is no interface %s", name);
	else if (interface_look(port, err) && open_in(port, err) && open_out(port, err))
		return port;
	link_port_close(port);
	return NULL;
}

static void ring_close(struct ring *ring)
{
	if (ring->memory != NULL)
		munmap(ring->memory, ring->bytes);
	if (ring->fd >= 0)
		close(ring->fd);
}

void link_port_close(struct link_port *port)
{
	if (port == NULL)
		return;
	ring_close(&port->in);
	ring_close(&port->out);
	free(port->whole);
	free(port);
}

int link_port_fd(const struct link_port *port)
{
	return port->in.fd;
}

/* ---- reading ---- */

/* One that fitted no slot. What is in the slot stays if it cannot be had. */
static void read_whole(struct link_port *port, struct link_frame *frame)
{
	uint8_t *bytes = port->whole + TAG; /* the kernel's word, then the frame */
	ssize_t length = recv(port->in.fd, bytes, WHOLE_BYTES - TAG, MSG_DONTWAIT);

	if (length <= (ssize_t)sizeof(struct virtio_net_hdr))
		return;
	frame->bytes = bytes + sizeof(struct virtio_net_hdr);
	frame->length = (uint32_t)length - (uint32_t)sizeof(struct virtio_net_hdr);
	frame->is_cut = false;
}

/* What lies in front of the frame: the kernel's word on what is not finished. */
static void read_unfinished(const uint8_t *bytes, struct link_frame *frame)
{
	struct virtio_net_hdr header;

	memcpy(&header, bytes - sizeof(header), sizeof(header));
	frame->unfinished = (header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0;
	frame->checksum_start = header.csum_start;
	frame->checksum_offset = header.csum_offset;
	frame->segment_size = header.gso_type == VIRTIO_NET_HDR_GSO_NONE ? 0 : header.gso_size;
}

/* A VLAN tag that the kernel took out is put back, where its word on the frame has been. */
static void restore_tag(const struct tpacket2_hdr *header, struct link_frame *frame)
{
	uint16_t protocol = (header->tp_status & TP_STATUS_VLAN_TPID_VALID) != 0
		? header->tp_vlan_tpid
		: ETH_P_8021Q;

	if ((header->tp_status & TP_STATUS_VLAN_VALID) == 0)
		return;
	memmove(frame->bytes - TAG, frame->bytes, 2 * ETH_ALEN);
	frame->bytes -= TAG;
	frame->length += TAG;
	frame->checksum_start += TAG;
	put_be16(frame->bytes + 2 * ETH_ALEN, protocol);
	put_be16(frame->bytes + 2 * ETH_ALEN + 2, header->tp_vlan_tci);
}

bool link_port_read(struct link_port *port, struct link_frame *frame)
{
	const struct tpacket2_hdr *header = ring_header(&port->in);
	const uint8_t *ahead = ring_ahead(&port->in);

	if ((ring_status(&port->in) & TP_STATUS_USER) == 0)
		return false;
	/*
	 * To wait for what another processor wrote, when it is looked at, takes as long as a box. A
	 * processor asks for a few lines at a time and waits to ask for more; what comes behind
	 * them it guesses itself. (In a function that does no more gcc 12 takes this for nothing.)
	 */
	for (size_t i = 0; i < FETCH; i++)
		__builtin_prefetch(ahead + i * CACHE_LINE);
	frame->bytes = ring_frame(&port->in) + header->tp_mac;
	frame->length = header->tp_snaplen;
	frame->is_cut = header->tp_len > header->tp_snaplen;
	if ((header->tp_status & TP_STATUS_COPY) != 0)
		read_whole(port, frame);
	read_unfinished(frame->bytes, frame);
	restore_tag(header, frame);
	return true;
}

void link_port_done(struct link_port *port)
{
	ring_pass(&port->in, TP_STATUS_KERNEL);
}

/* ---- sending ---- */

static bool out_has_room(const struct link_port *port)
{
	return (ring_status(&port->out) & (TP_STATUS_SEND_REQUEST | TP_STATUS_SENDING)) == 0;
}

uint8_t *link_port_room(struct link_port *port, uint32_t length)
{
	struct pollfd watch = { .fd = port->out.fd, .events = POLLOUT };

	if (length > port->mtu + HEADER)
		return NULL;
	if (!out_has_room(port)) {
		link_port_send(port);
		if (!out_has_room(port))
			poll(&watch, 1, FULL_WAIT_MS);
		if (!out_has_room(port))
			return NULL;
	}
	__builtin_prefetch(ring_ahead(&port->out));
	return ring_frame(&port->out) + OUT_OFFSET;
}

void link_port_put(struct link_port *port, uint32_t length)
{
	ring_header(&port->out)->tp_len = length;
	ring_pass(&port->out, TP_STATUS_SEND_REQUEST);
	port->put++;
}

void link_port_send(struct link_port *port)
{
	/* What the device cannot take now stays in the ring and goes with the next. */
	if (port->put > 0)
		(void)send(port->out.fd, NULL, 0, MSG_DONTWAIT | MSG_NOSIGNAL);
	port->put = 0;
}

/* ---- looking ---- */

bool link_port_gone(const struct link_port *port, struct err *err)
{
	char name[IFNAMSIZ];
	int error = 0;
	socklen_t length = sizeof(error);

	/* Asking takes the error away, so that waiting does not end at once again. */
	(void)getsockopt(port->in.fd, SOL_SOCKET, SO_ERROR, &error, &length);
	if (if_indextoname(port->index, name) != NULL)
		return false;
	err_set(err, "the interface %s has gone", port->name);
	return true;
}

uint32_t link_port_missed(struct link_port *port)
{
	struct tpacket_stats stats = { 0 };
	socklen_t length = sizeof(stats);

	(void)getsockopt(port->in.fd, SOL_PACKET, PACKET_STATISTICS, &stats, &length);
	return stats.tp_drops;
}
