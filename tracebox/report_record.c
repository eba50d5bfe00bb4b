/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/base/alloc.h"
#include "probe/base/hash.h"
#include "tracebox/record.h"

#include <jansson.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HASH_TEXT = 17, HOPS_MOST = UINT8_MAX };

static const char *const segments[] = { "data", "first-data", "ack" };

/* ---- writing ---- */

static void put_packet(struct json_text *json, const char *key, const struct packet *packet)
{
	static const char digits[] = "0123456789abcdef";
	char *text = xmalloc(2 * (size_t)packet->length + 1);
	size_t i;

	for (i = 0; i < packet->length; i++) {
		text[2 * i] = digits[packet_data(packet)[i] >> 4];
		text[2 * i + 1] = digits[packet_data(packet)[i] & 15];
	}
	text[2 * i] = '\0';
	json_put_text(json, key, text);
	free(text);
}

static void put_hop(struct json_text *json, const struct trace *trace, uint8_t ttl)
{
	const struct trace_hop *hop = trace_hop(trace, ttl);

	json_open_object(json, NULL);
	json_put_number(json, "ttl", ttl);
	json_open_array(json, "sent_ns");
	for (unsigned int i = 0; i < hop->sent; i++)
		json_put_number(json, NULL, (int64_t)hop->sent_at[i]);
	json_close_array(json);
	if (hop->answered > 0) {
		json_put_number(json, "attempt", hop->answer.attempt);
		json_put_number(json, "rtt_ns", (int64_t)hop->answer.rtt);
		put_packet(json, "answer", hop->answer.packet);
	}
	json_close_object(json);
	json_end_line(json);
}

static void put_part(struct json_text *json, const struct established_part *part)
{
	const struct trace_config *config = trace_settings(part->trace);
	unsigned int last = trace_last_ttl(part->trace), ttl;

	json_open_object(json, NULL);
	json_put_text(json, "segment", part->segment);
	json_put_number(json, "first_ttl", config->first_ttl);
	json_put_number(json, "last_ttl", config->last_ttl);
	json_put_number(json, "end_ttl", last);
	json_put_number(json, "step", config->attempt_step);
	put_packet(json, "probe", trace_given(part->trace));
	json_close_object(json);
	json_end_line(json);
	for (ttl = trace_first_ttl(part->trace); ttl <= last; ttl++)
		if (trace_hop(part->trace, (uint8_t)ttl)->sent > 0)
			put_hop(json, part->trace, (uint8_t)ttl);
}

void record_write(struct json_text *json, const struct established_part *parts, size_t count,
	const struct conn_info *info)
{
	size_t first = json->used;
	char hash[HASH_TEXT];

	json_open_object(json, NULL);
	json_put_number(json, "version", info->version);
	json_put_bool(json, "checksum", info->checksum);
	json_put_number(json, "mode", info->mode);
	json_put_number(json, "fallback", info->fallback);
	json_put_number(json, "written", (int64_t)info->written);
	json_put_number(json, "read", (int64_t)info->read);
	json_close_object(json);
	json_end_line(json);
	for (size_t i = 0; i < count; i++)
		put_part(json, &parts[i]);
	snprintf(hash, sizeof(hash), "%016" PRIx64,
		hash_bytes(0, json->bytes + first, json->used - first));
	json_open_object(json, NULL);
	json_put_text(json, "hash", hash);
	json_close_object(json);
	json_end_line(json);
}

/* ---- reading ---- */

/* A member that is a whole number in low..high; false when it is anything else. */
static bool get_number(const json_t *object, const char *key, json_int_t low, json_int_t high,
	json_int_t *value)
{
	const json_t *member = json_object_get(object, key);

	*value = json_integer_value(member);
	return json_is_integer(member) && *value >= low && *value <= high;
}

static int digit_value(char digit)
{
	return digit >= '0' && digit <= '9'    ? digit - '0'
		: digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
					       : -1;
}

/* A new packet of the bytes that a member spells; NULL when it spells none. */
static struct packet *get_packet(const json_t *object, const char *key)
{
	const json_t *member = json_object_get(object, key);
	const char *text = json_string_value(member);
	size_t length = json_string_length(member) / 2;
	struct packet *packet;
	uint8_t *bytes;
	bool ok = text != NULL && length > 0 && length <= UINT16_MAX;

	if (!ok)
		return NULL;
	bytes = xmalloc(length);
	for (size_t i = 0; i < length && ok; i++) {
		int high = digit_value(text[2 * i]), low = digit_value(text[2 * i + 1]);

		ok = high >= 0 && low >= 0;
		bytes[i] = (uint8_t)(high * 16 + low);
	}
	packet = packet_new(PACKET_HEADROOM + (uint32_t)length);
	ok = ok && packet_set(packet, bytes, length) && packet->form != PACKET_MALFORMED;
	free(bytes);
	if (ok)
		return packet;
	packet_free(packet);
	return NULL;
}

static bool read_connection(struct conn_info *info, const json_t *line)
{
	json_int_t version, mode, fallback, written, read;

	if (!get_number(line, "version", 0, 1, &version) ||
		!get_number(line, "mode", MODE_UNDECIDED, MODE_TCP, &mode) ||
		!get_number(line, "fallback", 0, FALLBACK_COUNT - 1, &fallback) ||
		!get_number(line, "written", 0, INT64_MAX, &written) ||
		!get_number(line, "read", 0, INT64_MAX, &read))
		return false;
	info->version = (uint8_t)version;
	info->checksum = json_is_true(json_object_get(line, "checksum"));
	info->mode = (enum conn_mode)mode;
	info->fallback = (enum fallback_reason)fallback;
	info->written = (uint64_t)written;
	info->read = (uint64_t)read;
	info->state = CONN_OPEN;
	return true;
}

/* The words that parts go by; NULL: no such. */
static const char *segment_name(const json_t *line)
{
	const char *text = json_string_value(json_object_get(line, "segment"));

	for (size_t i = 0; text != NULL && i < sizeof(segments) / sizeof(segments[0]); i++)
		if (strcmp(segments[i], text) == 0)
			return segments[i];
	return NULL;
}

static bool read_part(struct record *record, const json_t *line, uint8_t *end_ttl)
{
	struct established_part *part = &record->parts[record->part_count];
	struct packet *probe = get_packet(line, "probe");
	struct trace_config config;
	json_int_t first, last, end, step;
	bool ok = probe != NULL && probe->form == PACKET_TCP && !probe->is_fragment &&
		record->part_count < ESTABLISHED_PARTS && segment_name(line) != NULL &&
		get_number(line, "first_ttl", 1, UINT8_MAX, &first) &&
		get_number(line, "last_ttl", first, UINT8_MAX, &last) &&
		get_number(line, "end_ttl", first, last, &end) &&
		get_number(line, "step", last + 1, ESTABLISHED_NUMBERS, &step);

	if (ok) {
		trace_config_default(&config);
		config.first_ttl = (uint8_t)first;
		config.last_ttl = (uint8_t)last;
		config.attempt_step = (unsigned int)step;
		config.is_live = config.keep_open = true;
		part->segment = segment_name(line);
		part->is_ack = packet_payload_len(probe) == 0;
		part->trace = trace_new(probe, &config);
		record->part_count++;
		*end_ttl = (uint8_t)end;
	}
	packet_free(probe);
	return ok;
}

/* What was sent to a hop; its answer, which can be told only when all that was sent is, is kept. */
static bool read_hop(struct trace *trace, const json_t *line)
{
	const json_t *list = json_object_get(line, "sent_ns");
	nsec_t sent_at[TRACE_ATTEMPTS];
	size_t count = json_array_size(list);
	json_int_t ttl;

	if (count == 0 || count > TRACE_ATTEMPTS || !get_number(line, "ttl", 1, UINT8_MAX, &ttl))
		return false;
	for (size_t i = 0; i < count; i++) {
		const json_t *at = json_array_get(list, i);

		if (!json_is_integer(at) || json_integer_value(at) < 0)
			return false;
		sent_at[i] = (nsec_t)json_integer_value(at);
	}
	return trace_recall_hop(trace, (uint8_t)ttl, sent_at, (unsigned int)count);
}

/* An answer that is none is not heard. */
static bool read_answer(struct trace *trace, const json_t *line)
{
	struct packet *packet;
	json_int_t ttl, attempt, rtt;

	if (json_object_get(line, "answer") == NULL)
		return true;
	if (!get_number(line, "ttl", 1, UINT8_MAX, &ttl) ||
		!get_number(line, "attempt", 0, TRACE_ATTEMPTS - 1, &attempt) ||
		!get_number(line, "rtt_ns", 0, INT64_MAX / 4, &rtt))
		return false;
	packet = get_packet(line, "answer");
	if (packet == NULL)
		return false;
	trace_recall_answer(trace, (uint8_t)ttl, (unsigned int)attempt, packet, (nsec_t)rtt);
	packet_free(packet);
	return true;
}

/* The parts: each with the lines that follow it, up to the next one. */
static bool read_parts(struct record *record, json_t **lines, size_t count)
{
	size_t i = 0;

	while (i < count) {
		struct trace *trace;
		uint8_t end_ttl;
		size_t first = i + 1;
		bool ok = read_part(record, lines[i], &end_ttl);

		if (!ok)
			return false;
		trace = record->parts[record->part_count - 1].trace;
		for (i = first; ok && i < count && json_object_get(lines[i], "probe") == NULL; i++)
			ok = read_hop(trace, lines[i]);
		for (size_t k = first; ok && k < i; k++)
			ok = read_answer(trace, lines[k]);
		if (!ok)
			return false;
		trace_recall_end(trace, end_ttl);
	}
	return true;
}

/* Whether the last line says of those before it what they are. */
static bool is_as_written(const char *text, size_t length, const json_t *last)
{
	const char *told = json_string_value(json_object_get(last, "hash"));
	char hash[HASH_TEXT];

	snprintf(hash, sizeof(hash), "%016" PRIx64, hash_bytes(0, text, length));
	return told != NULL && strcmp(told, hash) == 0;
}

enum { LINES_MOST = 2 + ESTABLISHED_PARTS * (1 + HOPS_MOST) };

/* Objects of the lines of a text, each to be freed; where the last one begins. */
static size_t load_lines(const char *text, size_t length, json_t **lines, size_t *last_at)
{
	const char *at = text, *end = text + length;
	size_t count = 0;

	while (at < end && count < LINES_MOST) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));

		if (stop == NULL)
			break;
		lines[count] = json_loadb(at, (size_t)(stop - at), 0, NULL);
		if (lines[count] == NULL)
			break;
		*last_at = (size_t)(at - text);
		count++;
		at = stop + 1;
	}
	return at == end ? count : 0;
}

bool record_read(struct record *record, const char *text, size_t length)
{
	json_t **lines = xcalloc(LINES_MOST, sizeof(json_t *));
	size_t last_at = 0, count;
	bool ok;

	*record = (struct record){ .part_count = 0 };
	count = load_lines(text, length, lines, &last_at);
	ok = count >= 2 && is_as_written(text, last_at, lines[count - 1]) &&
		read_connection(&record->info, lines[0]) &&
		read_parts(record, lines + 1, count - 2);
	for (size_t i = 0; i < LINES_MOST; i++)
		json_decref(lines[i]);
	free(lines);
	if (!ok)
		record_fini(record);
	return ok;
}

void record_fini(struct record *record)
{
	for (size_t i = 0; i < record->part_count; i++)
		trace_free(record->parts[i].trace);
	record->part_count = 0;
}
