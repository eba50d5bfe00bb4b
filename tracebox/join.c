/* SPDX-License-Identifier: BSD-2-Clause */
#include "tracebox/join.h"

#include "tracebox/attribute.h"

#include <stdlib.h>
#include <string.h>

static unsigned int first_ttl(const struct finding *finding)
{
	return finding->after != NULL ? finding->after->ttl : 0;
}

static unsigned int width(const struct finding *finding)
{
	return finding->before->ttl - first_ttl(finding);
}

static bool is_option(const struct finding *finding, const char *name)
{
	char buf[OPTID_TEXT];

	return strcmp(finding_name(finding, buf), name) == 0;
}

/*
 * The options of Multipath TCP's first data (RFC 8684 3.1): who removes MP_CAPABLE with a mapping
 * and DSS in the same place removes the option.
 */
static bool is_mapping(const struct finding *finding)
{
	return is_option(finding, "tcp.option.mptcp.dss") ||
		is_option(finding, "tcp.option.mptcp.mp_capable");
}

static bool same_cause(const struct finding *a, const struct finding *b)
{
	if (first_ttl(a) >= b->before->ttl || first_ttl(b) >= a->before->ttl ||
		a->is_hidden != b->is_hidden || a->change.kind != b->change.kind ||
		a->change.how != b->change.how)
		return false;
	return change_same_subject(&a->change, &b->change) ||
		(a->change.kind == CHANGE_REMOVED && is_mapping(a) && is_mapping(b));
}

/* Of two that tell of the same: the one with the better name, else the better place. */
static bool is_better(const struct finding *a, const struct finding *b)
{
	if (!change_same_subject(&a->change, &b->change))
		return is_option(a, "tcp.option.mptcp.dss");
	return width(a) < width(b);
}

static void add(struct result *result, const struct finding *finding)
{
	for (size_t i = 0; i < result->finding_count; i++) {
		struct finding *known = &result->findings[i];
		bool in_data = known->in_data || finding->in_data;
		bool in_acks = known->in_acks || finding->in_acks;

		if (!same_cause(known, finding))
			continue;
		if (is_better(finding, known))
			*known = *finding;
		known->in_data = in_data;
		known->in_acks = in_acks;
		return;
	}
	result_add_finding(result, finding);
}

static void label(struct result *result, const struct established_part *part)
{
	for (size_t i = 0; i < result->hop_count; i++)
		result->hops[i].segment = part->segment;
	for (size_t i = 0; i < result->finding_count; i++) {
		result->findings[i].in_data = !part->is_ack;
		result->findings[i].in_acks = part->is_ack;
	}
}

/* Agreed upon in the handshake, whatever came of it later. */
static bool was_agreed(const struct conn_info *info)
{
	if (info->end == END_REFUSED || info->end == END_UNANSWERED)
		return false;
	return info->mode == MODE_MPTCP || info->mode == MODE_INFINITE ||
		info->fallback == FALLBACK_NO_FIRST_MAPPING ||
		info->fallback >= FALLBACK_NO_DATA_ACK;
}

static void read_connection(struct result *result, const struct conn_info *info)
{
	struct destination_view *destination = &result->destination;

	result->connection = info;
	destination->asked_mptcp = info->fallback != FALLBACK_NOT_ASKED;
	destination->supports_mptcp = destination->has_version = was_agreed(info);
	destination->mirrors_mptcp = info->fallback == FALLBACK_MIRRORED;
	destination->version = info->version;
}

/* Hops of both have the same TTLs, as far as the shorter one goes. */
static void chain(struct result *result, const struct result *next)
{
	for (size_t i = 0; i < result->hop_count && i < next->hop_count; i++)
		result->hops[i].more = &next->hops[i];
}

void joined_init(struct joined *joined, const struct established_part *parts, size_t count,
	const struct conn_info *info)
{
	struct result *result = &joined->result, *last = result;

	*joined = (struct joined){ .other_count = count > 0 ? count - 1 : 0 };
	if (count > 0) {
		result_init(result, parts[0].trace);
		label(result, &parts[0]);
	}
	for (size_t i = 1; i < count; i++) {
		struct result *other = &joined->others[i - 1];

		result_init(other, parts[i].trace);
		label(other, &parts[i]);
		chain(last, other);
		last = other;
		for (size_t j = 0; j < other->finding_count; j++)
			add(result, &other->findings[j]);
		result->sent += other->sent;
		result->elapsed_ns += other->elapsed_ns;
	}
	result_sort(result);
	read_connection(result, info);
}

void joined_fini(struct joined *joined)
{
	result_fini(&joined->result);
	for (size_t i = 0; i < joined->other_count; i++)
		result_fini(&joined->others[i]);
}
