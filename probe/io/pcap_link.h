/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcap_link.h - where the IP packet lies in what libpcap hands out.
 */
#ifndef PROBE_IO_PCAP_LINK_H
#define PROBE_IO_PCAP_LINK_H

#include "probe/wire/packet.h"

#include <stdbool.h>

struct pcap_link {
	uint32_t header;      /* bytes of link header */
	uint32_t type_offset; /* where it has an Ethertype, or LINK_IP_ALONE */
};

/* The link carries nothing but IP, and has no Ethertype. */
#define LINK_IP_ALONE UINT32_MAX

/* By libpcap's link type; false when it is not known here. */
bool pcap_link_find(struct pcap_link *link, int type);

/* Put the IP packet of a frame into packet; false when there is none. */
bool pcap_link_read(const struct pcap_link *link, const uint8_t *bytes, uint32_t length,
	struct packet *packet);

#endif
