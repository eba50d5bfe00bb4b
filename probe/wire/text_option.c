/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text_option.c - TCP options in the notation.
 */
#include "probe/wire/text.h"

#include "probe/wire/optid.h"
#include "probe/wire/text_mptcp.h"

#include <inttypes.h>
#include <string.h>

/* Options whose value is a row of numbers of unit bytes each, or bytes in hex when unit is 0. */
struct simple {
	uint8_t kind, unit;
	uint8_t fewest, most;
	bool pairs; /* printed first:end */
};

static const struct simple simples[] = {
	{ TCPOPT_MSS, 2, 1, 1, false },
	{ TCPOPT_WSCALE, 1, 1, 1, false },
	{ TCPOPT_SACK_PERMITTED, 1, 0, 0, false },
	{ TCPOPT_SACK, 4, 2, 8, true },
	{ TCPOPT_TIMESTAMP, 4, 2, 2, false },
	{ TCPOPT_MD5, 0, 0, TCPOPT_SPACE, false },
	{ TCPOPT_AO, 0, 0, TCPOPT_SPACE, false },
	{ TCPOPT_TFO, 0, 0, TCPOPT_SPACE, false },
	{ TCPOPT_EDO, 2, 0, 2, false },
};

enum { SIMPLES = sizeof(simples) / sizeof(*simples) };

/* How the option at bytes is printed by its name; NULL when its length forbids. */
static const struct simple *simple_of(const uint8_t *bytes, uint32_t length)
{
	const struct simple *simple = simples;
	uint32_t count;

	while (simple < simples + SIMPLES && simple->kind != bytes[0])
		simple++;
	if (simple == simples + SIMPLES)
		return NULL;
	if (simple->unit == 0)
		return simple;
	count = (length - 2) / simple->unit;
	if ((length - 2) % simple->unit != 0 || count < simple->fewest || count > simple->most)
		return NULL;
	return simple->pairs && count % 2 != 0 ? NULL : simple;
}

static uint32_t get_number(const uint8_t *bytes, uint8_t unit)
{
	return unit == 1 ? bytes[0] : unit == 2 ? get_be16(bytes) : get_be32(bytes);
}

static void print_simple(struct out *out, const struct simple *simple, const uint8_t *bytes,
	uint32_t length)
{
	uint32_t at;

	if (simple->unit == 0) {
		if (length > 2)
			out_add(out, " ");
		out_hex(out, bytes + 2, length - 2);
		return;
	}
	for (at = 2; at < length; at += simple->unit)
		out_add(out, "%c%" PRIu32,
			simple->pairs && (at - 2) / simple->unit % 2 != 0 ? ':' : ' ',
			get_number(bytes + at, simple->unit));
}

static uint32_t exp_id_len(const struct optid *id)
{
	return id->detail > UINT16_MAX ? 4 : 2;
}

static void print_exp(struct out *out, const uint8_t *bytes, uint32_t length, bool name, bool value)
{
	struct optid id = optid_of(bytes, length);
	uint32_t header = 2 + exp_id_len(&id);

	if (name)
		out_add(out, "exp %u %04" PRIx32, bytes[0], id.detail);
	if (value && length > header) {
		out_add(out, " ");
		out_hex(out, bytes + header, length - header);
	}
}

static void print_kind(struct out *out, const uint8_t *bytes, uint32_t length, bool name,
	bool value)
{
	if (name)
		out_add(out, "kind %u", bytes[0]);
	if (value && length > 2) {
		out_add(out, " ");
		out_hex(out, bytes + 2, length - 2);
	}
}

/* A value is printed behind a blank. */
void option_print(struct out *out, const uint8_t *bytes, uint32_t length, bool name, bool value)
{
	const struct simple *simple;
	struct mptcp_opt opt;

	if (length == 1) {
		if (name)
			out_add(out, "%s", tcpopt_kind_name(bytes[0]));
	} else if (bytes[0] == TCPOPT_MPTCP && mptcp_parse(&opt, bytes, length)) {
		if (name)
			mptcp_print_name(out, &opt);
		if (value)
			mptcp_print_value(out, &opt);
	} else if (optid_of(bytes, length).has_detail && bytes[0] != TCPOPT_MPTCP) {
		print_exp(out, bytes, length, name, value);
	} else if ((simple = simple_of(bytes, length)) != NULL) {
		if (name)
			out_add(out, "%s", tcpopt_kind_name(bytes[0]));
		if (value)
			print_simple(out, simple, bytes, length);
	} else {
		print_kind(out, bytes, length, name, value);
	}
}

const char *tcpopt_text(const uint8_t *bytes, uint32_t length, char buf[static TEXT_OPTION])
{
	struct out out;

	out_init(&out, buf, TEXT_OPTION);
	option_print(&out, bytes, length, true, true);
	return buf;
}

const char *tcpopt_value_text(const uint8_t *bytes, uint32_t length, char buf[static TEXT_OPTION])
{
	struct out out;

	out_init(&out, buf, TEXT_OPTION);
	option_print(&out, bytes, length, false, true);
	if (buf[0] == ' ')
		memmove(buf, buf + 1, strlen(buf));
	return buf;
}

/* ---- reading; each reads behind the option's first word into bytes, *length is what it wrote ----
 */

static bool read_hex_rest(struct word text, uint8_t *bytes, uint32_t *length)
{
	struct word word;
	size_t count = 0;

	if (word_take(&text, "", &word) &&
		!word_bytes(&word, bytes + *length, TCPOPT_SPACE - *length, &count))
		return false;
	*length += (uint32_t)count;
	return !word_take(&text, "", &word);
}

static void put_value(uint8_t *bytes, uint8_t unit, uint64_t value)
{
	if (unit == 1)
		bytes[0] = (uint8_t)value;
	else if (unit == 2)
		put_be16(bytes, (uint16_t)value);
	else
		put_be32(bytes, (uint32_t)value);
}

static bool read_simple(struct word text, const struct simple *simple, uint8_t *bytes,
	uint32_t *length)
{
	uint64_t limit = (UINT64_C(1) << 8 * simple->unit) - 1, value;
	struct word word;

	if (simple->unit == 0)
		return read_hex_rest(text, bytes, length);
	while (word_take(&text, ":", &word)) {
		if (*length + simple->unit > TCPOPT_SPACE || !word_decimal(&word, limit, &value))
			return false;
		put_value(bytes + *length, simple->unit, value);
		*length += simple->unit;
		if (simple->pairs && text.length > 0 && *text.at == ':') {
			text.at++;
			text.length--;
		}
	}
	return text.length == 0 && simple_of(bytes, *length) != NULL;
}

static bool read_kind(struct word text, uint8_t *bytes, uint32_t *length)
{
	struct word word;
	uint64_t kind = 0;

	if (!word_take(&text, "", &word) || !word_decimal(&word, UINT8_MAX, &kind) || kind < 2)
		return false;
	bytes[0] = (uint8_t)kind;
	return read_hex_rest(text, bytes, length);
}

static bool read_exp(struct word text, uint8_t *bytes, uint32_t *length)
{
	struct word word;
	uint64_t kind = 0;
	size_t count = 0;

	if (!word_take(&text, "", &word) || !word_decimal(&word, UINT8_MAX, &kind))
		return false;
	if (!word_take(&text, "", &word) || !word_bytes(&word, bytes + 2, 4, &count) || count < 2)
		return false;
	bytes[0] = (uint8_t)kind;
	*length += (uint32_t)count;
	return (kind == TCPOPT_EXP1 || kind == TCPOPT_EXP2) && read_hex_rest(text, bytes, length);
}

/* What was read must say the same when it comes back from the bytes: no part may get lost. */
static bool read_mptcp(struct word text, uint8_t *bytes, uint32_t *length, struct err *err)
{
	char before[TEXT_OPTION], after[TEXT_OPTION] = "";
	struct mptcp_opt opt, again;
	struct out out;

	if (!mptcp_read(text, &opt, err))
		return false;
	*length = mptcp_emit(&opt, bytes);
	out_init(&out, before, sizeof(before));
	mptcp_print_value(&out, &opt);
	out_init(&out, after, sizeof(after));
	if (mptcp_parse(&again, bytes, *length))
		mptcp_print_value(&out, &again);
	if (strcmp(before, after) != 0 || !mptcp_parse(&again, bytes, *length))
		return err_set(err, "MPTCP option with a combination of parts that no version has");
	return true;
}

static const struct simple *simple_named(const struct word *name)
{
	size_t i;

	for (i = 0; i < SIMPLES; i++) {
		if (word_is(name, tcpopt_kind_name(simples[i].kind)))
			return &simples[i];
	}
	return NULL;
}

/* One option, in bytes of TCPOPT_SPACE. */
static bool read_option(struct word text, uint8_t *bytes, uint32_t *length, struct err *err)
{
	const struct simple *simple;
	struct word whole = text, name;
	bool ok;

	if (!word_take(&text, "", &name))
		return err_set(err, "empty TCP option");
	if (word_is(&name, "nop") || word_is(&name, "eol")) {
		bytes[0] = word_is(&name, "nop");
		*length = 1;
		ok = !word_take(&text, "", &name);
	} else if (word_is(&name, "raw")) {
		*length = 0;
		ok = read_hex_rest(text, bytes, length);
	} else if (word_is(&name, "mptcp")) {
		return read_mptcp(text, bytes, length, err);
	} else {
		*length = 2;
		simple = simple_named(&name);
		bytes[0] = simple != NULL ? simple->kind : 0;
		if (simple != NULL)
			ok = read_simple(text, simple, bytes, length);
		else if (word_is(&name, "exp"))
			ok = read_exp(text, bytes, length);
		else
			ok = word_is(&name, "kind") && read_kind(text, bytes, length);
		bytes[1] = (uint8_t)*length;
	}
	if (!ok)
		return err_set(err, "TCP option \"%.*s\" cannot be read", (int)whole.length,
			whole.at);
	return true;
}

bool options_read(struct word text, uint8_t *bytes, uint32_t *length, struct err *err)
{
	uint8_t option[TCPOPT_SPACE];
	uint32_t size = 0;
	struct word one;
	const char *comma;

	*length = 0;
	while (text.length > 0) {
		comma = memchr(text.at, ',', text.length);
		one.at = text.at;
		one.length = comma != NULL ? (size_t)(comma - text.at) : text.length;
		if (!read_option(one, option, &size, err))
			return false;
		if (size > TCPOPT_SPACE - *length)
			return err_set(err, "TCP options take more than %d bytes", TCPOPT_SPACE);
		memcpy(bytes + *length, option, size);
		*length += size;
		text.at += one.length + (comma != NULL);
		text.length -= one.length + (comma != NULL);
		if (comma != NULL && text.length == 0)
			return err_set(err, "empty TCP option");
	}
	return true;
}

bool tcpopt_from_text(const char *text, uint8_t bytes[static TCPOPT_SPACE], uint32_t *length,
	struct err *err)
{
	struct word whole = { text, strlen(text) };

	return options_read(whole, bytes, length, err);
}
