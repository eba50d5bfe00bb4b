/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/io/pcap_link.h"

#include "probe/base/bytes.h"

#include <pcap/pcap.h>

enum {
	ETHERTYPE_VLAN_TAG = 0x8100,
	VLAN_TAG = 4,
};

static const struct {
	int type;
	struct pcap_link link;
} links[] = {
	{ DLT_RAW, { 0, 0 } },
	{ DLT_NULL, { 4, 0 } },
	{ DLT_LOOP, { 4, 0 } },
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

	if (length < skip)
		return false;
	if (link->type_offset != 0 && get_be16(bytes + link->type_offset) == ETHERTYPE_VLAN_TAG)
		skip += VLAN_TAG;
	return length > skip && packet_set(packet, bytes + skip, length - skip);
}
