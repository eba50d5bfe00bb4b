/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/base/json_text.h"

#include "probe/base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 4096, NUMBER_TEXT = 32 };

void json_text_init(struct json_text *json)
{
	*json = (struct json_text){ .bytes = xmalloc(FIRST_ROOM), .room = FIRST_ROOM };
}

void json_text_fini(struct json_text *json)
{
	free(json->bytes);
}

static void add(struct json_text *json, const char *bytes, size_t length)
{
	while (json->room - json->used < length) {
		json->room *= 2;
		json->bytes = xrealloc(json->bytes, json->room, 1);
	}
	memcpy(json->bytes + json->used, bytes, length);
	json->used += length;
}

static void add_char(struct json_text *json, char value)
{
	add(json, &value, 1);
}

/* Bytes of the UTF-8 character a text begins with; 0 when it is none (RFC 3629 4). */
static size_t character_length(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t length = at[0] < 0x80 ? 1
		: at[0] < 0xc2       ? 0
		: at[0] < 0xe0       ? 2
		: at[0] < 0xf0       ? 3
				     : 4;

	if (at[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong forms, surrogates, and what lies beyond Unicode. */
	if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
		(at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
		return 0;
	return length;
}

static void add_escaped(struct json_text *json, const char *text)
{
	char escape[8];
	size_t length;

	if (*text == '"' || *text == '\\') {
		add_char(json, '\\');
		add_char(json, *text);
	} else if ((unsigned char)*text < ' ') {
		length = (size_t)snprintf(escape, sizeof(escape), "\\u%04x", (unsigned int)*text);
		add(json, escape, length);
	} else {
		add_char(json, '?');
	}
}

/* What needs no escape goes in one piece. */
static void add_string(struct json_text *json, const char *text)
{
	const char *from = text;

	add_char(json, '"');
	while (*text != '\0') {
		size_t length = character_length(text);

		if (length != 0 && *text != '"' && *text != '\\' && (unsigned char)*text >= ' ') {
			text += length;
			continue;
		}
		add(json, from, (size_t)(text - from));
		add_escaped(json, text);
		from = ++text;
	}
	add(json, from, (size_t)(text - from));
	add_char(json, '"');
}

/* The comma after a member before this one, and the key. */
static void add_key(struct json_text *json, const char *key)
{
	if (json->used > 0 && strchr("{[\n", json->bytes[json->used - 1]) == NULL)
		add_char(json, ',');
	if (key == NULL)
		return;
	add_string(json, key);
	add_char(json, ':');
}

void json_end_line(struct json_text *json)
{
	add_char(json, '\n');
}

void json_open_object(struct json_text *json, const char *key)
{
	add_key(json, key);
	add_char(json, '{');
}

void json_close_object(struct json_text *json)
{
	add_char(json, '}');
}

void json_open_array(struct json_text *json, const char *key)
{
	add_key(json, key);
	add_char(json, '[');
}

void json_close_array(struct json_text *json)
{
	add_char(json, ']');
}

void json_put_text(struct json_text *json, const char *key, const char *text)
{
	if (text == NULL) {
		json_put_null(json, key);
		return;
	}
	add_key(json, key);
	add_string(json, text);
}

/* A number with at least so many digits. */
static void add_digits(struct json_text *json, uint64_t number, unsigned int least)
{
	char text[NUMBER_TEXT];
	size_t at = sizeof(text);

	for (; number > 0 || least > 0; number /= 10, least -= least > 0)
		text[--at] = (char)('0' + number % 10);
	add(json, text + at, sizeof(text) - at);
}

void json_put_number(struct json_text *json, const char *key, int64_t number)
{
	add_key(json, key);
	if (number < 0)
		add_char(json, '-');
	add_digits(json, number < 0 ? 0 - (uint64_t)number : (uint64_t)number, 1);
}

void json_put_milliseconds(struct json_text *json, const char *key, nsec_t time)
{
	add_key(json, key);
	add_digits(json, time / NSEC_PER_MS, 1);
	add_char(json, '.');
	add_digits(json, time / NSEC_PER_US % 1000, 3);
}

void json_put_bool(struct json_text *json, const char *key, bool value)
{
	add_key(json, key);
	add(json, value ? "true" : "false", value ? 4 : 5);
}

void json_put_null(struct json_text *json, const char *key)
{
	add_key(json, key);
	add(json, "null", 4);
}
