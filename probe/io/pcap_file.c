/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcap_file.c - see pcap_file.h.
 */
#include "probe/io/pcap_file.h"

#include "probe/base/alloc.h"
#include "probe/io/pcap_link.h"
#include "probe/wire/packet.h"

#include <pcap/pcap.h>

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SNAP_LENGTH = 262144 };

/* ---- writing ---- */

static bool write_records(pcap_dumper_t *dumper, const struct capture *capture)
{
	size_t i;

	for (i = 0; i < capture->count; i++) {
		const struct capture_record *record = &capture->records[i];
		struct pcap_pkthdr header = { .caplen = record->length, .len = record->length };

		header.ts.tv_sec = (time_t)(record->at / NSEC_PER_SEC);
		/* Nanoseconds: the file is opened with that precision. */
		header.ts.tv_usec = (suseconds_t)(record->at % NSEC_PER_SEC);
		pcap_dump((u_char *)dumper, &header, capture->bytes + record->offset);
	}
	return pcap_dump_flush(dumper) == 0 && ferror(pcap_dump_file(dumper)) == 0;
}

/* A pipe or a device is written to; only a file can be put in a file's place. */
static bool is_replaced(const char *path)
{
	struct stat about;

	return stat(path, &about) != 0 || S_ISREG(about.st_mode);
}

bool pcap_file_write(const char *path, const struct capture *capture, struct err *err)
{
	pcap_t *pcap = pcap_open_dead_with_tstamp_precision(DLT_RAW, SNAP_LENGTH,
		PCAP_TSTAMP_PRECISION_NANO);
	bool replaced = is_replaced(path), ok;
	char partial[PATH_MAX + 32];
	FILE *file;
	pcap_dumper_t *dumper;

	if (pcap == NULL)
		return err_set(err, "libpcap cannot write captures");
	snprintf(partial, sizeof(partial), "%s.%ld.part", path, (long)getpid());
	file = fopen(replaced ? partial : path, "wb");
	if (file == NULL) {
		pcap_close(pcap);
		return err_set_errno(err, "cannot write %s", path);
	}
	dumper = pcap_dump_fopen(pcap, file);
	if (dumper == NULL) {
		err_set(err, "cannot write %s: %s", path, pcap_geterr(pcap));
		fclose(file);
		ok = false;
	} else {
		ok = write_records(dumper, capture);
		if (!ok)
			err_set_errno(err, "cannot write %s", path);
		pcap_dump_close(dumper);
	}
	pcap_close(pcap);
	if (ok && replaced && rename(partial, path) != 0)
		ok = err_set_errno(err, "cannot write %s", path);
	if (!ok && replaced)
		unlink(partial);
	return ok;
}

/* ---- reading ---- */

struct pcap_file {
	pcap_t *pcap;
	struct pcap_link link;
	char *path;
	uint64_t frames;
	nsec_t start; /* time of the first frame */
};

struct pcap_file *pcap_file_open(const char *path, struct err *err)
{
	char text[PCAP_ERRBUF_SIZE] = "";
	FILE *stream = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
	struct pcap_file *file;
	const char *name;
	pcap_t *pcap;

	if (stream == NULL) {
		err_set_errno(err, "cannot read %s", path);
		return NULL;
	}
	pcap = pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO, text);
	if (pcap == NULL) {
		if (stream != stdin)
			fclose(stream);
		err_set(err, "%s is no capture: %s", path, text);
		return NULL;
	}
	file = xcalloc(1, sizeof(*file));
	file->pcap = pcap;
	file->path = xstrdup(path);
	if (pcap_link_find(&file->link, pcap_datalink(pcap)))
		return file;
	name = pcap_datalink_val_to_name(pcap_datalink(pcap));
	err_set(err, "%s has link type %d%s%s, which is not read", path, pcap_datalink(pcap),
		name != NULL ? ", " : "", name != NULL ? name : "");
	pcap_file_close(file);
	return NULL;
}

void pcap_file_close(struct pcap_file *file)
{
	if (file == NULL)
		return;
	pcap_close(file->pcap);
	free(file->path);
	free(file);
}

enum pcap_file_next pcap_file_next(struct pcap_file *file, struct packet *packet, struct err *err)
{
	struct pcap_pkthdr *header;
	const u_char *bytes;
	nsec_t at;
	int got;

	while ((got = pcap_next_ex(file->pcap, &header, &bytes)) == 1) {
		/* Nanoseconds: the file is read with that precision. */
		at = (nsec_t)header->ts.tv_sec * NSEC_PER_SEC + (nsec_t)header->ts.tv_usec;
		if (file->frames++ == 0)
			file->start = at;
		if (!pcap_link_read(&file->link, bytes, header->caplen, packet))
			continue;
		packet->at = at > file->start ? at - file->start : 0;
		return PCAP_FILE_PACKET;
	}
	if (got != PCAP_ERROR)
		return PCAP_FILE_END;
	err_set(err, "%s is cut after %" PRIu64 " packets: %s", file->path, file->frames,
		pcap_geterr(file->pcap));
	return PCAP_FILE_CUT;
}

uint64_t pcap_file_frames(const struct pcap_file *file)
{
	return file->frames;
}

bool pcap_file_read(const char *path, struct capture *capture, uint64_t *others, struct err *err)
{
	struct pcap_file *file = pcap_file_open(path, err);
	size_t before = capture->count;
	enum pcap_file_next next;
	struct packet *packet;

	if (file == NULL)
		return false;
	packet = packet_new(PACKET_LARGE);
	while ((next = pcap_file_next(file, packet, err)) == PCAP_FILE_PACKET)
		capture_add(capture, packet, packet->at, 0, false);
	if (others != NULL)
		*others = pcap_file_frames(file) - (capture->count - before);
	packet_free(packet);
	pcap_file_close(file);
	return next == PCAP_FILE_END;
}
