/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json_text.h - JSON written straight into a text, member after member. For reports of which there
 * are many: building a tree first and printing it afterwards takes longer than tracing a target.
 * The calls are in the order of the text; key NULL is for elements of arrays.
 */
#ifndef PROBE_BASE_JSON_TEXT_H
#define PROBE_BASE_JSON_TEXT_H

#include "probe/base/nsec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_text {
	char *bytes; /* owned; used of room */
	size_t used, room;
};

void json_text_init(struct json_text *json);
void json_text_fini(struct json_text *json);

/* What follows is a text of its own, on the next line. */
void json_end_line(struct json_text *json);

void json_open_object(struct json_text *json, const char *key);
void json_close_object(struct json_text *json);
void json_open_array(struct json_text *json, const char *key);
void json_close_array(struct json_text *json);

/* NULL is null. Bytes that are no UTF-8 become question marks. */
void json_put_text(struct json_text *json, const char *key, const char *text);
void json_put_number(struct json_text *json, const char *key, int64_t number);
void json_put_bool(struct json_text *json, const char *key, bool value);
void json_put_null(struct json_text *json, const char *key);

/* A time in milliseconds, to the microsecond. */
void json_put_milliseconds(struct json_text *json, const char *key, nsec_t time);

#endif
