/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/io/inject.h"

#include "probe/base/alloc.h"

#include <libnet.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#ifndef IP_NODEFRAG
#define IP_NODEFRAG 22
#endif

enum { VERSIONS = 2, ERRORS_BYTES = LIBNET_ERRBUF_SIZE };

struct inject {
	libnet_t *raw[VERSIONS]; /* IPv4, IPv6; the latter NULL where there is none */
};

static bool set_device(libnet_t *raw, const char *device, struct err *err)
{
	if (device == NULL ||
		setsockopt(libnet_getfd(raw), SOL_SOCKET, SO_BINDTODEVICE, device,
			(socklen_t)strlen(device)) == 0)
		return true;
	if (errno == ENODEV)
		return err_set(err, "there is no interface %s", device);
	return err_set_errno(err, "cannot send by interface %s", device);
}

static bool open_version(struct inject *inject, int index, const char *device, struct err *err)
{
	char text[ERRORS_BYTES] = "", name[64] = "";
	int one = 1;

	if (device != NULL)
		strncpy(name, device, sizeof(name) - 1);
	inject->raw[index] = libnet_init(index == 0 ? LIBNET_RAW4 : LIBNET_RAW6,
		device != NULL ? name : NULL, text);
	if (inject->raw[index] == NULL) {
		/* libnet keeps errno only as a text. */
		if (strstr(text, strerror(EPERM)) != NULL || strstr(text, strerror(EACCES)) != NULL)
			return err_set(err,
				"sending probes needs the capability CAP_NET_RAW (or root)");
		text[strcspn(text, "\n")] = '\0';
		return err_set(err, "cannot open a raw socket: %s", text);
	}
	/* Connection tracking would put fragments together again. */
	if (index == 0)
		setsockopt(libnet_getfd(inject->raw[index]), IPPROTO_IP, IP_NODEFRAG, &one,
			sizeof(one));
	return set_device(inject->raw[index], device, err);
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
	if (!open_version(inject, 1, device, &ignored) && inject->raw[1] != NULL) {
		libnet_destroy(inject->raw[1]);
		inject->raw[1] = NULL;
	}
	return inject;
}

void inject_close(struct inject *inject)
{
	if (inject == NULL)
		return;
	for (int i = 0; i < VERSIONS; i++)
		if (inject->raw[i] != NULL)
			libnet_destroy(inject->raw[i]);
	free(inject);
}

bool inject_send(struct inject *inject, const struct packet *packet, struct err *err)
{
	libnet_t *raw = inject->raw[packet->version == 6];
	char text[ADDR_TEXT];
	struct addr source, destination;
	int sent;

	if (raw == NULL)
		return err_set(err, "this host has no IPv6");
	if (packet->version == 4)
		sent = libnet_write_raw_ipv4(raw, packet_data(packet), packet->length);
	else
		sent = libnet_write_raw_ipv6(raw, packet_data(packet), packet->length);
	if (sent == (int)packet->length)
		return true;
	packet_addrs(packet, &source, &destination);
	if (errno == EMSGSIZE)
		return err_set(err, "a packet of %u bytes is larger than the MTU towards %s",
			packet->length, addr_text(&destination, text));
	return err_set_errno(err, "cannot send to %s", addr_text(&destination, text));
}
