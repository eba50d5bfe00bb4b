/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wire_text.h - packets of tests, written in the notation.
 */
#ifndef TESTS_WIRE_TEXT_H
#define TESTS_WIRE_TEXT_H

#include "probe/wire/text.h"
#include "tests/unit/unit.h"

#include <stdio.h>

/* A packet from its text, which must be right; free it with packet_free. */
static inline struct packet *text_packet(const char *text)
{
	struct packet *packet = packet_new(PACKET_SMALL);
	struct err err = { "" };

	if (!packet_from_text(packet, text, &err))
		CHECK_TEXT(err.text, text);
	return packet;
}

#endif
