/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_text.c - any text as the notation of a packet: refused with a sentence, or read into a
 * packet whose own text gives the same bytes.
 */
#include "probe/wire/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool ok)
{
	if (!ok)
		abort();
}

static void round_trip(const struct packet *packet)
{
	struct packet *again = packet_new(PACKET_LARGE);
	size_t room = TEXT_FULL_SIZE(packet->length);
	char *text = malloc(room);
	struct err err;

	expect(text != NULL);
	expect(packet_text(packet, TEXT_FULL, text, room) < room);
	expect(packet_from_text(again, text, &err));
	expect(again->length == packet->length);
	expect(memcmp(packet_data(again), packet_data(packet), packet->length) == 0);
	free(text);
	packet_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet *packet = packet_new(PACKET_LARGE);
	char *text = malloc(size + 1);
	struct err err = { "" };

	expect(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	if (packet_from_text(packet, text, &err))
		round_trip(packet);
	else
		expect(err.text[0] != '\0');
	free(text);
	packet_free(packet);
	return 0;
}
