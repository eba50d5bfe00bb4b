/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/io/pcap_live.h"

#include "probe/base/alloc.h"
#include "probe/io/pcap_link.h"

#include <pcap/pcap.h>

#include <stdlib.h>
#include <string.h>

enum {
	SNAP_LENGTH = 65535,
	BUFFER_BYTES = 8 << 20,
};

struct pcap_live {
	pcap_t *pcap;
	struct pcap_link link;
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

	if (pcap_link_find(&live->link, type))
		return true;
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

	while (pcap_next_ex(live->pcap, &header, &bytes) == 1)
		if (pcap_link_read(&live->link, bytes, header->caplen, packet))
			return true;
	return false;
}
