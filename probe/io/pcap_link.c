/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/io/pcap_link.h"

#include "probe/base/bytes.h"

#include <pcap/pcap.h>

enum {
	ETHERTYPE_V4 = 0x0800,
	ETHERTYPE_V6 = 0x86dd,
	ETHERTYPE_VLAN = 0x8100,
	ETHERTYPE_VLAN_OUTER = 0x88a8,
	ETHERTYPE_PPPOE = 0x8864, /* RFC 2516: a session's packets */
	PPPOE_HEADER = 6,
	PPP_V4 = 0x0021,
	PPP_V6 = 0x0057,
	VLAN_TAG = 4,
	VLAN_NEXT = 2, /* where in a tag the next Ethertype is */
};

static const struct {
	int type;
	struct pcap_link link;
} links[] = {
	{ DLT_RAW, { 0, LINK_IP_ALONE } },
	{ DLT_IPV4, { 0, LINK_IP_ALONE } },
	{ DLT_IPV6, { 0, LINK_IP_ALONE } },
	{ DLT_NULL, { 4, LINK_IP_ALONE } },
	{ DLT_LOOP, { 4, LINK_IP_ALONE } },
	{ DLT_EN10MB, { 14, 12 } },
	{ DLT_LINUX_SLL, { 16, 14 } },
	{ DLT_LINUX_SLL2, { 20, 0 } },
};

bool pcap_link_find(struct pcap_link *link, int type)
{
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		if (links[i].type != type)
			continue;
		*link = links[i].link;
		return true;
	}
	return false;
}

bool pcap_link_read(const struct pcap_link *link, const uint8_t *bytes, uint32_t length,
	struct packet *packet)
{
	uint32_t skip = link->header;
	uint16_t type;

	if (length <= skip)
		return false;
	if (link->type_offset != LINK_IP_ALONE) {
		type = get_be16(bytes + link->type_offset);
		while ((type == ETHERTYPE_VLAN || type == ETHERTYPE_VLAN_OUTER) &&
			length > skip + VLAN_TAG) {
			type = get_be16(bytes + skip + VLAN_NEXT);
			skip += VLAN_TAG;
		}
		if (type == ETHERTYPE_PPPOE && length > skip + PPPOE_HEADER + 2) {
			type = get_be16(bytes + skip + PPPOE_HEADER);
			skip += PPPOE_HEADER + 2;
			if (type != PPP_V4 && type != PPP_V6)
				return false;
		} else if (type != ETHERTYPE_V4 && type != ETHERTYPE_V6) {
			return false;
		}
	}
	return packet_set(packet, bytes + skip, length - skip);
}
