/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcap_file.c - see pcap_file.h.
 */
#include "probe/io/pcap_file.h"

#include "probe/base/bytes.h"
#include "probe/wire/packet.h"

#include <pcap/pcap.h>

#include <stdio.h>
#include <string.h>
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

bool pcap_file_write(const char *path, const struct capture *capture, struct err *err)
{
	pcap_t *pcap = pcap_open_dead_with_tstamp_precision(DLT_RAW, SNAP_LENGTH,
		PCAP_TSTAMP_PRECISION_NANO);
	char partial[1024];
	FILE *file;
	pcap_dumper_t *dumper;
	bool ok;

	if (pcap == NULL)
		return err_set(err, "libpcap cannot write captures");
	snprintf(partial, sizeof(partial), "%s.%ld.part", path, (long)getpid());
	file = fopen(partial, "wb");
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
	if (ok && rename(partial, path) != 0)
		ok = err_set_errno(err, "cannot write %s", path);
	if (!ok)
		unlink(partial);
	return ok;
}

/* ---- reading ---- */

/* Bytes before the IP header by link type; false when the frame carries none. */
static bool skip_link(int type, const uint8_t *bytes, uint32_t length, uint32_t *header)
{
	uint16_t ethertype = 0;

	switch (type) {
	case DLT_RAW:
	case DLT_IPV4:
	case DLT_IPV6:
		*header = 0;
		return true;
	case DLT_NULL:
	case DLT_LOOP:
		*header = 4;
		return length > 4;
	case DLT_EN10MB:
		*header = 14;
		if (length < 14)
			return false;
		ethertype = get_be16(bytes + 12);
		while ((ethertype == 0x8100 || ethertype == 0x88a8) && length >= *header + 4) {
			ethertype = get_be16(bytes + *header + 2);
			*header += 4;
		}
		break;
	case DLT_LINUX_SLL:
		*header = 16;
		if (length < 16)
			return false;
		ethertype = get_be16(bytes + 14);
		break;
	case DLT_LINUX_SLL2:
		*header = 20;
		if (length < 20)
			return false;
		ethertype = get_be16(bytes);
		break;
	default:
		return false;
	}
	return ethertype == 0x0800 || ethertype == 0x86dd;
}

static bool is_known_link(int type)
{
	switch (type) {
	case DLT_RAW:
	case DLT_IPV4:
	case DLT_IPV6:
	case DLT_NULL:
	case DLT_LOOP:
	case DLT_EN10MB:
	case DLT_LINUX_SLL:
	case DLT_LINUX_SLL2:
		return true;
	default:
		return false;
	}
}

static nsec_t header_time(const struct pcap_pkthdr *header)
{
	return (nsec_t)header->ts.tv_sec * NSEC_PER_SEC + (nsec_t)header->ts.tv_usec;
}

static bool read_records(pcap_t *pcap, const char *path, struct capture *capture, struct err *err)
{
	struct packet *packet = packet_new(PACKET_LARGE);
	int type = pcap_datalink(pcap), got;
	struct pcap_pkthdr *header;
	const u_char *bytes;
	nsec_t start = 0, at;
	size_t number = 0;
	uint32_t skip;

	while ((got = pcap_next_ex(pcap, &header, &bytes)) == 1) {
		at = header_time(header);
		if (number++ == 0)
			start = at;
		if (!skip_link(type, bytes, header->caplen, &skip))
			continue;
		if (packet_set(packet, bytes + skip, header->caplen - skip))
			capture_add(capture, packet, at > start ? at - start : 0, 0, false);
	}
	packet_free(packet);
	if (got == PCAP_ERROR)
		return err_set(err, "%s is cut after %zu packets: %s", path, number,
			pcap_geterr(pcap));
	return true;
}

bool pcap_file_read(const char *path, struct capture *capture, struct err *err)
{
	char text[PCAP_ERRBUF_SIZE] = "";
	FILE *file = fopen(path, "rb");
	pcap_t *pcap;
	bool ok;

	if (file == NULL)
		return err_set_errno(err, "cannot read %s", path);
	pcap = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, text);
	if (pcap == NULL) {
		fclose(file);
		return err_set(err, "%s is no capture: %s", path, text);
	}
	if (is_known_link(pcap_datalink(pcap)))
		ok = read_records(pcap, path, capture, err);
	else
		ok = err_set(err, "%s has link type %d, which is not read", path,
			pcap_datalink(pcap));
	pcap_close(pcap);
	return ok;
}
