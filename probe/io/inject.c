/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/io/inject.h"

#include "probe/base/alloc.h"

#include <libnet.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef IP_NODEFRAG
#define IP_NODEFRAG 22
#endif

enum { VERSIONS = 2, ERRORS_BYTES = LIBNET_ERRBUF_SIZE };

struct inject {
	libnet_t *raw[VERSIONS]; /* IPv4, IPv6; the latter NULL where there is none */
	struct addr source;      /* of the packets that go this way; the first: of all others */
	struct inject *next;
};

static bool set_device(int fd, const char *device, struct err *err)
{
	if (device == NULL ||
		setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device)) == 0)
		return true;
	if (errno == ENODEV)
		return err_set(err, "there is no interface %s", device);
	return err_set_errno(err, "cannot send by interface %s", device);
}

static int open_socket(int family, const char *device, struct err *err)
{
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW), one = 1;

	if (fd < 0 && (errno == EPERM || errno == EACCES)) {
		err_set(err, "raw sockets need the capability CAP_NET_RAW (or root)");
		return -1;
	}
	if (fd < 0) {
		err_set_errno(err, "cannot open a raw socket");
		return -1;
	}
	/* Connection tracking would put fragments together again. */
	if (family == AF_INET)
		setsockopt(fd, IPPROTO_IP, IP_NODEFRAG, &one, sizeof(one));
	if (set_device(fd, device, err))
		return fd;
	close(fd);
	return -1;
}

/*
 * The socket is ours and libnet's is the writing: libnet's own opening makes thousands of system
 * calls in search of the largest send buffer, and takes longer than some traces.
 */
static bool open_version(struct inject *inject, int index, const char *device, struct err *err)
{
	int fd = open_socket(index == 0 ? AF_INET : AF_INET6, device, err);
	char text[ERRORS_BYTES] = "";

	if (fd < 0)
		return false;
	inject->raw[index] = libnet_init(LIBNET_NONE, NULL, text);
	if (inject->raw[index] == NULL) {
		close(fd);
		return err_set(err, "cannot open a raw socket: %.*s", (int)strcspn(text, "\n"),
			text);
	}
	inject->raw[index]->fd = fd;
	return true;
}

struct inject *inject_open(const char *device, struct err *err)
{
	struct inject *inject = xcalloc(1, sizeof(*inject));
	struct err ignored;

	if (!open_version(inject, 0, device, err)) {
		inject_close(inject);
		return NULL;
	}
	/* A host without IPv6 traces IPv4. */
	open_version(inject, 1, device, &ignored);
	return inject;
}

void inject_close(struct inject *inject)
{
	if (inject == NULL)
		return;
	inject_close(inject->next);
	for (int i = 0; i < VERSIONS; i++)
		if (inject->raw[i] != NULL)
			libnet_destroy(inject->raw[i]);
	free(inject);
}

bool inject_mark(struct inject *inject, uint32_t mark, struct err *err)
{
	for (int i = 0; i < VERSIONS; i++) {
		if (inject->raw[i] != NULL &&
			setsockopt(inject->raw[i]->fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) !=
				0)
			return err_set_errno(err, "cannot mark packets");
	}
	return true;
}

bool inject_route(struct inject *inject, const struct addr *source, const char *device,
	struct err *err)
{
	struct inject *route = inject_open(device, err);

	if (route == NULL)
		return false;
	route->source = *source;
	route->next = inject->next;
	inject->next = route;
	return true;
}

/* The way of a packet from a source. */
static const struct inject *find_route(const struct inject *inject, const struct addr *source)
{
	for (const struct inject *at = inject->next; at != NULL; at = at->next)
		if (addr_equal(&at->source, source))
			return at;
	return inject;
}

bool inject_send(struct inject *inject, const struct packet *packet, struct err *err)
{
	char text[ADDR_TEXT];
	struct addr source, destination;
	libnet_t *raw;
	int sent;

	packet_addrs(packet, &source, &destination);
	raw = find_route(inject, &source)->raw[packet->version == 6];
	if (raw == NULL)
		return err_set(err, "this host has no IPv6");
	if (packet->version == 4)
		sent = libnet_write_raw_ipv4(raw, packet_data(packet), packet->length);
	else
		sent = libnet_write_raw_ipv6(raw, packet_data(packet), packet->length);
	if (sent == (int)packet->length)
		return true;
	if (errno == EMSGSIZE)
		return err_set(err, "a packet of %u bytes is larger than the MTU towards %s",
			packet->length, addr_text(&destination, text));
	return err_set_errno(err, "cannot send to %s", addr_text(&destination, text));
}
