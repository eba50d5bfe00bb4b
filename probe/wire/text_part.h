/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text_part.h - what the files of the notation share: a buffer that is printed into and never
 * overrun, and words of a text. For text*.c alone.
 */
#ifndef PROBE_WIRE_TEXT_PART_H
#define PROBE_WIRE_TEXT_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* used counts what was printed, also what no longer fitted. */
struct out {
	char *buf;
	size_t size, used;
};

void out_init(struct out *out, char *buf, size_t size);
void out_add(struct out *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
void out_hex(struct out *out, const uint8_t *bytes, size_t length);

/* Part of a text; not terminated. */
struct word {
	const char *at;
	size_t length;
};

/* Take the next word, ended by a blank or any of stops, off the front of text. False at the end. */
bool word_take(struct word *text, const char *stops, struct word *word);

bool word_is(const struct word *word, const char *text);

/* Whole word as a number of at most limit, decimal or hexadecimal; false when it is none. */
bool word_decimal(const struct word *word, uint64_t limit, uint64_t *value);
bool word_hex(const struct word *word, uint64_t limit, uint64_t *value);

/* Whole word as bytes in hex, at most room; false when it is none. */
bool word_bytes(const struct word *word, uint8_t *bytes, size_t room, size_t *length);

/* Copy of a word, terminated; false when it does not fit. */
bool word_copy(const struct word *word, char *buf, size_t size);

/* Print one option; name and value, or only one of them. */
void option_print(struct out *out, const uint8_t *bytes, uint32_t length, bool name, bool value);

struct err;

/* As tcpopt_from_text, for part of a text. */
bool options_read(struct word text, uint8_t *bytes, uint32_t *length, struct err *err);

#endif
