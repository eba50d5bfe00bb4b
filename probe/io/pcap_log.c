/* SPDX-License-Identifier: BSD-2-Clause */
/* pcap_log.c - see pcap_log.h. */
#include "probe/io/pcap_log.h"

#include "probe/base/alloc.h"
#include "probe/io/host.h"

#include <pcap/pcap.h>

#include <stdio.h>
#include <stdlib.h>

enum { SNAP_LENGTH = 262144 };

struct pcap_log {
	char *path;
	pcap_t *format;
	pcap_dumper_t *out;
	uint64_t count; /* packets */
};

struct pcap_log *pcap_log_open(const char *path, struct err *err)
{
	struct pcap_log *log = xcalloc(1, sizeof(*log));
	FILE *file = fopen(path, "wbe");

	if (file == NULL) {
		err_set_errno(err, "cannot write %s", path);
		free(log);
		return NULL;
	}
	log->path = xstrdup(path);
	log->format = pcap_open_dead_with_tstamp_precision(DLT_RAW, SNAP_LENGTH,
		PCAP_TSTAMP_PRECISION_NANO);
	if (log->format != NULL)
		log->out = pcap_dump_fopen(log->format, file);
	if (log->out != NULL)
		return log;
	err_set(err, "libpcap cannot write captures");
	fclose(file);
	pcap_log_close(log, false, err);
	return NULL;
}

void pcap_log_add(struct pcap_log *log, const struct packet *packet, nsec_t at)
{
	struct pcap_pkthdr header = { .caplen = packet->length, .len = packet->length };

	header.ts.tv_sec = (time_t)(at / NSEC_PER_SEC);
	/* Nanoseconds: the file is opened with that precision. */
	header.ts.tv_usec = (suseconds_t)(at % NSEC_PER_SEC);
	log->count++;
	pcap_dump((u_char *)log->out, &header, packet_data(packet));
}

/* What was added is in the file; false when not all of it could be written. */
static bool pcap_log_flush(struct pcap_log *log, struct err *err)
{
	if (pcap_dump_flush(log->out) == 0 && ferror(pcap_dump_file(log->out)) == 0)
		return true;
	return err_set_errno(err, "cannot write %s", log->path);
}

bool pcap_log_close(struct pcap_log *log, bool ok, struct err *err)
{
	bool written = true;
	struct err late;

	if (log == NULL)
		return ok;
	if (log->out != NULL) {
		written = pcap_log_flush(log, ok ? err : &late);
		pcap_dump_close(log->out);
	}
	if (!written || (!ok && log->count == 0))
		host_discard(log->path);
	if (log->format != NULL)
		pcap_close(log->format);
	free(log->path);
	free(log);
	return ok && written;
}
