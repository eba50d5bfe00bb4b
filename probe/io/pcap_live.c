/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/io/pcap_live.h"

#include "probe/base/alloc.h"
#include "probe/base/bytes.h"

#include <pcap/pcap.h>

#include <stdlib.h>
#include <string.h>

enum {
	SNAP_LENGTH = 65535,
	BUFFER_BYTES = 8 << 20,
	ETHERTYPE_VLAN_TAG = 0x8100,
	VLAN_TAG = 4,
};

struct pcap_live {
	pcap_t *pcap;
	uint32_t header;      /* bytes of link header */
	uint32_t type_offset; /* where it has an Ethertype; 0: nowhere */
};

/* Link types, their headers, and where the Ethertype stands in them. */
static const struct {
	int type;
	uint32_t header, type_offset;
} links[] = {
	{ DLT_RAW, 0, 0 },
	{ DLT_NULL, 4, 0 },
	{ DLT_LOOP, 4, 0 },
	{ DLT_EN10MB, 14, 12 },
	{ DLT_LINUX_SLL, 16, 14 },
	{ DLT_LINUX_SLL2, 20, 0 },
};

static bool fail(struct err *err, const char *device, const char *why, int status)
{
	if (status == PCAP_ERROR_PERM_DENIED)
		return err_set(err, "capturing on %s needs the capability CAP_NET_RAW (or root)",
			device);
	if (status == PCAP_ERROR_NO_SUCH_DEVICE)
		return err_set(err, "there is no interface %s", device);
	return err_set(err, "cannot capture on %s: %s", device, why);
}

static bool activate(pcap_t *pcap, const char *device, struct err *err)
{
	char text[PCAP_ERRBUF_SIZE];
	int status;

	pcap_set_snaplen(pcap, SNAP_LENGTH);
	pcap_set_immediate_mode(pcap, 1);
	pcap_set_buffer_size(pcap, BUFFER_BYTES);
	status = pcap_activate(pcap);
	if (status < 0)
		return fail(err, device, pcap_geterr(pcap), status);
	if (pcap_setnonblock(pcap, 1, text) < 0)
		return fail(err, device, text, 0);
	return true;
}

static bool read_link(struct pcap_live *live, const char *device, struct err *err)
{
	int type = pcap_datalink(live->pcap);

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		if (links[i].type != type)
			continue;
		live->header = links[i].header;
		live->type_offset = links[i].type_offset;
		return true;
	}
	return err_set(err, "interface %s has link type %d, which is not known here", device, type);
}

struct pcap_live *pcap_live_open(const char *device, struct err *err)
{
	char text[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = pcap_create(device, text);
	struct pcap_live *live;

	if (pcap == NULL) {
		fail(err, device, text, 0);
		return NULL;
	}
	live = xcalloc(1, sizeof(*live));
	live->pcap = pcap;
	if (activate(pcap, device, err) && read_link(live, device, err))
		return live;
	pcap_live_close(live);
	return NULL;
}

void pcap_live_close(struct pcap_live *live)
{
	if (live == NULL)
		return;
	pcap_close(live->pcap);
	free(live);
}

bool pcap_live_filter(struct pcap_live *live, const char *expression, struct err *err)
{
	struct bpf_program program;
	struct pcap_pkthdr *header;
	const uint8_t *bytes;
	bool ok;

	if (pcap_compile(live->pcap, &program, expression, 1, PCAP_NETMASK_UNKNOWN) != 0)
		return err_set(err, "cannot compile the capture filter: %s",
			pcap_geterr(live->pcap));
	ok = pcap_setfilter(live->pcap, &program) == 0;
	pcap_freecode(&program);
	if (!ok)
		return err_set(err, "cannot set the capture filter: %s", pcap_geterr(live->pcap));
	/* What came before is no answer to what is sent from now on. */
	while (pcap_next_ex(live->pcap, &header, &bytes) == 1)
		;
	return true;
}

int pcap_live_fd(const struct pcap_live *live)
{
	return pcap_get_selectable_fd(live->pcap);
}

bool pcap_live_read(struct pcap_live *live, struct packet *packet)
{
	struct pcap_pkthdr *header;
	const uint8_t *bytes;

	while (pcap_next_ex(live->pcap, &header, &bytes) == 1) {
		uint32_t skip = live->header;

		if (header->caplen >= skip + VLAN_TAG && live->type_offset != 0 &&
			get_be16(bytes + live->type_offset) == ETHERTYPE_VLAN_TAG)
			skip += VLAN_TAG;
		if (header->caplen > skip &&
			packet_set(packet, bytes + skip, header->caplen - skip))
			return true;
	}
	return false;
}
