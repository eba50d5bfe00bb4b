/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/unit.h"

#include "probe/wire/capture.h"
#include "tests/unit/hex.h"

#define UDP4 "4500001f00030000401166c90a0000010a000002 0035041d000bf509 78797a"

TEST(capture_gives_back_what_was_added)
{
	struct packet *p = hex_packet(UDP4), *out = packet_new(PACKET_SMALL);
	struct packet *tiny = packet_new(30);
	struct capture capture;
	unsigned int i;

	capture_init(&capture);
	for (i = 0; i < 5000; i++) {
		packet_bytes(p)[30] = (uint8_t)i;
		capture_add(&capture, p, 10 * i, (uint16_t)(i % 3), i % 2 != 0);
	}
	CHECK_U64(capture.count, 5000);
	CHECK_U64(capture.used, 5000 * 31);
	CHECK(capture_get(&capture, 4711, out));
	CHECK_U64(out->form, PACKET_UDP);
	CHECK_U64(out->length, 31);
	CHECK_U64(packet_data(out)[30], 4711 % 256);
	CHECK_U64(out->at, 47110);
	CHECK_U64(capture.records[4711].path, 1);
	CHECK_U64(capture.records[4711].outgoing, true);
	CHECK_U64(capture.records[4711].length, 31);
	CHECK(!capture_get(&capture, 0, tiny));
	capture_clear(&capture);
	CHECK_U64(capture.count, 0);
	CHECK(capture.room > 0);
	capture_add(&capture, p, 1, 0, false);
	CHECK(capture_get(&capture, 0, out));
	CHECK_U64(out->at, 1);
	capture_fini(&capture);
	CHECK(capture.bytes == NULL);
	packet_free(p);
	packet_free(out);
	packet_free(tiny);
}
