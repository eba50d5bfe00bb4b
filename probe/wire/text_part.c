/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/wire/text_part.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void out_init(struct out *out, char *buf, size_t size)
{
	out->buf = buf;
	out->size = size;
	out->used = 0;
	if (size > 0)
		buf[0] = '\0';
}

void out_add(struct out *out, const char *format, ...)
{
	size_t at = out->used < out->size ? out->used : out->size;
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(out->buf + at, out->size - at, format, args);
	va_end(args);
	out->used += length > 0 ? (size_t)length : 0;
}

void out_hex(struct out *out, const uint8_t *bytes, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < length && out->used + 2 < out->size; i++) {
		out->buf[out->used++] = digits[bytes[i] >> 4];
		out->buf[out->used++] = digits[bytes[i] & 15];
	}
	if (out->used < out->size)
		out->buf[out->used] = '\0';
	out->used += 2 * (length - i);
}

bool word_take(struct word *text, const char *stops, struct word *word)
{
	while (text->length > 0 && strchr(" \t\n", *text->at) != NULL) {
		text->at++;
		text->length--;
	}
	word->at = text->at;
	while (text->length > 0 && strchr(" \t\n", *text->at) == NULL &&
		strchr(stops, *text->at) == NULL) {
		text->at++;
		text->length--;
	}
	word->length = (size_t)(text->at - word->at);
	return word->length > 0;
}

bool word_is(const struct word *word, const char *text)
{
	return strlen(text) == word->length && memcmp(word->at, text, word->length) == 0;
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 16;
}

static bool word_number(const struct word *word, unsigned int base, uint64_t limit, uint64_t *value)
{
	uint64_t number = 0;
	unsigned int digit;
	size_t i;

	for (i = 0; i < word->length; i++) {
		digit = (unsigned int)digit_of(word->at[i]);
		if (digit >= base || number > (UINT64_MAX - digit) / base)
			return false;
		number = number * base + digit;
	}
	*value = number;
	return word->length > 0 && number <= limit;
}

bool word_decimal(const struct word *word, uint64_t limit, uint64_t *value)
{
	return word_number(word, 10, limit, value);
}

bool word_hex(const struct word *word, uint64_t limit, uint64_t *value)
{
	return word_number(word, 16, limit, value);
}

bool word_bytes(const struct word *word, uint8_t *bytes, size_t room, size_t *length)
{
	int high, low;
	size_t i;

	*length = word->length / 2;
	if (word->length % 2 != 0 || *length > room)
		return false;
	for (i = 0; i < *length; i++) {
		high = digit_of(word->at[2 * i]);
		low = digit_of(word->at[2 * i + 1]);
		if (high > 15 || low > 15)
			return false;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

bool word_copy(const struct word *word, char *buf, size_t size)
{
	if (word->length >= size)
		return false;
	memcpy(buf, word->at, word->length);
	buf[word->length] = '\0';
	return true;
}
