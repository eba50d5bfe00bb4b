/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/wire/capture.h"

#include "probe/base/alloc.h"

#include <stdlib.h>
#include <string.h>

void capture_init(struct capture *capture)
{
	memset(capture, 0, sizeof(*capture));
}

void capture_fini(struct capture *capture)
{
	free(capture->records);
	free(capture->bytes);
	capture_init(capture);
}

void capture_clear(struct capture *capture)
{
	capture->count = 0;
	capture->used = 0;
}

void capture_add_cut(struct capture *capture, const struct packet *packet, uint32_t kept, nsec_t at,
	uint16_t path, bool outgoing)
{
	struct capture_record *record;

	if (kept > packet->length)
		kept = packet->length;
	if (capture->bytes == NULL || capture->room - capture->used < kept) {
		capture->room = 2 * (capture->room + kept);
		capture->bytes = xrealloc(capture->bytes, capture->room, 1);
	}
	capture->records =
		xgrow(capture->records, capture->count, &capture->capacity, sizeof(*record));
	record = &capture->records[capture->count++];
	record->at = at;
	record->offset = capture->used;
	record->length = kept;
	record->wire_length = packet->length;
	record->path = path;
	record->outgoing = outgoing;
	if (kept > 0)
		memcpy(capture->bytes + capture->used, packet_data(packet), kept);
	capture->used += kept;
}

void capture_add(struct capture *capture, const struct packet *packet, nsec_t at, uint16_t path,
	bool outgoing)
{
	capture_add_cut(capture, packet, packet->length, at, path, outgoing);
}

bool capture_get(const struct capture *capture, size_t index, struct packet *packet)
{
	const struct capture_record *record = &capture->records[index];

	if (record->wire_length > packet->capacity ||
		!packet_set(packet, capture->bytes + record->offset, record->length))
		return false;
	if (record->wire_length > record->length)
		packet_fill_cut(packet);
	packet->at = record->at;
	return true;
}
