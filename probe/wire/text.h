/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text.h - the one notation of a packet, printed and read back: in logs, tests, Lua and failures.
 * doc/notation.md describes it.
 */
#ifndef PROBE_WIRE_TEXT_H
#define PROBE_WIRE_TEXT_H

#include "probe/base/err.h"
#include "probe/wire/tcpopt.h"

enum text_form {
	TEXT_SHORT, /* a readable line; payload and what is usual are left out */
	TEXT_FULL,  /* lossless: read back, every packet gives the same bytes */
};

enum {
	TEXT_LINE = 1024,  /* room for the short text of any packet */
	TEXT_OPTION = 256, /* room for the text of any TCP option */
};

/* Room for the full text of a packet of length bytes. */
#define TEXT_FULL_SIZE(length) (2 * (size_t)(length) + TEXT_LINE)

/* Print into buf, always terminated; returns the length of the whole text, as snprintf does. */
size_t packet_text(const struct packet *packet, enum text_form form, char *buf, size_t size);

/*
 * Build the packet a text describes; what it leaves out gets the usual value (TTL 64, DF, right
 * lengths and checksums, payload of zeros). False with a sentence that says where reading stopped.
 */
bool packet_from_text(struct packet *packet, const char *text, struct err *err);

/* One option: "mss 1460", "kind 77 0102", "mptcp dss ack4 00000001". Returns buf. */
const char *tcpopt_text(const uint8_t *bytes, uint32_t length, char buf[static TEXT_OPTION]);

/* Its value alone: "1460", "0102", "ack4 00000001"; empty when there is none. Returns buf. */
const char *tcpopt_value_text(const uint8_t *bytes, uint32_t length, char buf[static TEXT_OPTION]);

/*
 * Read options separated by commas, as they stand between < and >, into bytes. False with a
 * sentence; the number of bytes, not padded, in *length.
 */
bool tcpopt_from_text(const char *text, uint8_t bytes[static TCPOPT_SPACE], uint32_t *length,
	struct err *err);

/* TCP flags in letters ("S.", "P.", "-" for none) and back. */
enum { TCP_FLAGS_TEXT = 12 };
const char *tcp_flags_text(uint16_t flags, char buf[static TCP_FLAGS_TEXT]);
bool tcp_flags_parse(uint16_t *flags, const char *text);

#endif
