/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/wire/optid.h"

#include "probe/wire/mptcp.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SMC_R = 0xe2d4 };

static bool is_exp(uint8_t kind)
{
	return kind == TCPOPT_EXP1 || kind == TCPOPT_EXP2;
}

struct optid optid_of(const uint8_t *bytes, uint32_t length)
{
	struct optid id = { .kind = bytes[0] };

	if (id.kind == TCPOPT_MPTCP && length >= 3) {
		id.has_detail = true;
		id.detail = bytes[2] >> 4;
	} else if (is_exp(id.kind) && length >= 4) {
		/* Of the registered identifiers that are in use, SMC-R's alone has 32 bits (RFC
		 * 7609). */
		id.has_detail = true;
		id.detail = get_be16(bytes + 2);
		if (id.detail == SMC_R && length >= 6)
			id.detail = get_be32(bytes + 2);
	}
	return id;
}

bool optid_equal(const struct optid *a, const struct optid *b)
{
	return a->kind == b->kind && a->has_detail == b->has_detail && a->any_exp == b->any_exp &&
		(!a->has_detail || a->detail == b->detail);
}

bool optid_matches(const struct optid *pattern, const struct optid *id)
{
	if (pattern->any_exp ? !is_exp(id->kind) : pattern->kind != id->kind)
		return false;
	return !pattern->has_detail || (id->has_detail && pattern->detail == id->detail);
}

const char *optid_text(const struct optid *id, char buf[static OPTID_TEXT])
{
	const char *kind = tcpopt_kind_name(id->kind);
	const char *subtype = mptcp_subtype_name(id->detail);

	if (id->any_exp || (is_exp(id->kind) && id->has_detail)) {
		snprintf(buf, OPTID_TEXT,
			id->has_detail ? "tcp.option.exp.%04" PRIx32 : "tcp.option.exp",
			id->detail);
	} else if (kind == NULL) {
		snprintf(buf, OPTID_TEXT, "tcp.option.%u", id->kind);
	} else if (!id->has_detail) {
		snprintf(buf, OPTID_TEXT, "tcp.option.%s", kind);
	} else if (subtype != NULL) {
		snprintf(buf, OPTID_TEXT, "tcp.option.%s.%s", kind, subtype);
	} else {
		snprintf(buf, OPTID_TEXT, "tcp.option.%s.%" PRIu32, kind, id->detail);
	}
	return buf;
}

/* A whole text as a number below limit; false when it is none. */
static bool parse_number(const char *text, int base, uint32_t limit, uint32_t *value)
{
	const char *digits = base == 10 ? "0123456789" : "0123456789abcdef";
	unsigned long long number;

	if (text[0] == '\0' || strlen(text) > 8 || text[strspn(text, digits)] != '\0')
		return false;
	number = strtoull(text, NULL, base);
	*value = (uint32_t)number;
	return number <= limit;
}

static bool parse_mptcp(struct optid *id, const char *detail)
{
	unsigned int i;

	id->kind = TCPOPT_MPTCP;
	id->has_detail = true;
	for (i = 0; mptcp_subtype_name(i) != NULL; i++) {
		if (strcmp(detail, mptcp_subtype_name(i)) == 0) {
			id->detail = i;
			return true;
		}
	}
	return parse_number(detail, 10, 15, &id->detail);
}

bool optid_parse(struct optid *id, const char *name)
{
	static const char prefix[] = "tcp.option.";
	struct optid found = { 0 };
	uint32_t kind;

	if (strncmp(name, prefix, strlen(prefix)) == 0)
		name += strlen(prefix);
	if (strncmp(name, "mptcp.", 6) == 0) {
		if (!parse_mptcp(&found, name + 6))
			return false;
	} else if (strncmp(name, "exp", 3) == 0) {
		found.kind = TCPOPT_EXP2;
		found.any_exp = true;
		found.has_detail = name[3] == '.';
		if (name[3] != '\0' &&
			!(found.has_detail &&
				parse_number(name + 4, 16, UINT32_MAX, &found.detail)))
			return false;
	} else if (parse_number(name, 10, UINT8_MAX, &kind)) {
		found.kind = (uint8_t)kind;
	} else {
		for (kind = 0; kind <= UINT8_MAX; kind++) {
			const char *known = tcpopt_kind_name((uint8_t)kind);

			if (known != NULL && strcmp(name, known) == 0)
				break;
		}
		if (kind > UINT8_MAX)
			return false;
		found.kind = (uint8_t)kind;
	}
	*id = found;
	return true;
}
