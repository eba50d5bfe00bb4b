/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_record.c - what a far end may say of a trace: the input is its lines, to which the hash is
 * added that makes them be read. Whatever they hold, every finding has a hop that quotes it, and
 * nothing crashes. And the other way round: what may be asked of it.
 */
#include "probe/base/hash.h"
#include "tracebox/join.h"
#include "tracebox/record.h"
#include "tracebox/report.h"
#include "tracebox/reverse.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 8192, HASH_LINE = 40 };

static void expect(bool ok)
{
	if (!ok)
		abort();
}

static void report(const struct joined *joined)
{
	struct report_about about = { .name = "far", .probe = "" };
	struct result near = { .reverse = &joined->result };
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	expect(out != NULL);
	report_json(out, &about, &near);
	report_text_begin(out, &about);
	report_text_end(out, &about, &joined->result);
	fclose(out);
	free(text);
}

static void ask(const uint8_t *data, size_t size)
{
	char line[SERVE_LINE] = REVERSE_WORD;
	size_t used = strlen(line), length = size;
	struct trace_config config;

	if (length > sizeof(line) - used - 1)
		length = sizeof(line) - used - 1;
	memcpy(line + used, data, length);
	if (reverse_parse(&config, line))
		expect(established_stream_length(&config) < ROOM);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[ROOM + HASH_LINE];
	struct record record;
	struct joined joined;
	int length;

	ask(data, size);
	if (size > ROOM)
		return 0;
	memcpy(text, data, size);
	length = snprintf(text + size, HASH_LINE, "{\"hash\":\"%016" PRIx64 "\"}\n",
		hash_bytes(0, text, size));
	if (!record_read(&record, text, size + (size_t)length))
		return 0;
	joined_init(&joined, record.parts, record.part_count, &record.info);
	for (size_t i = 0; i < joined.result.finding_count; i++) {
		struct finding *finding = &joined.result.findings[i];

		expect(finding->before != NULL && finding->before->has_quote);
		finding->is_reverse = true;
	}
	report(&joined);
	joined_fini(&joined);
	record_fini(&record);
	return 0;
}
