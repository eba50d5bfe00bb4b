/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_json.c - mbkit.trace/1: one object on one line.
 */
#include "tracebox/report.h"
#include "tracebox/verdict.h"

#include <jansson.h>

#include <stdlib.h>

enum { VALUE_TEXT = 512, NAME_TEXT = 256 };

/* A text from outside, which may be no UTF-8. */
static json_t *safe_string(const char *text)
{
	json_t *value = json_string(text);
	char copy[VALUE_TEXT];
	size_t i;

	for (i = 0; value == NULL && text[i] != '\0' && i + 1 < sizeof(copy); i++)
		copy[i] = (char)((unsigned char)text[i] < 128 ? text[i] : '?');
	copy[i] = '\0';
	return value != NULL ? value : json_string(copy);
}

static json_t *text_or_null(const char *text)
{
	return text[0] != '\0' ? json_string(text) : json_null();
}

static json_t *addr_or_null(const struct addr *addr)
{
	char text[ADDR_TEXT];

	return addr != NULL ? json_string(addr_text(addr, text)) : json_null();
}

static json_t *how_or_null(enum change_how how)
{
	const char *text = change_how_text(how);

	return text != NULL ? json_string(text) : json_null();
}

/* Milliseconds with three decimals. */
static json_t *milliseconds(nsec_t time)
{
	nsec_t microseconds = time / NSEC_PER_US;

	return json_real((double)microseconds / 1000.0);
}

static json_t *name_of(const struct report_about *about, const struct addr *addr)
{
	char name[NAME_TEXT];

	if (about->names == NULL ||
		!about->names->ops->name(about->names->self, addr, name, sizeof(name)))
		return json_null();
	return safe_string(name);
}

static json_t *change_object(const struct hop_view *view, const struct change *change)
{
	char name[OPTID_TEXT], before[VALUE_TEXT], after[VALUE_TEXT];

	change_before(change, view->sent, before, sizeof(before));
	change_after(change, view->quote, view->layers.known, after, sizeof(after));
	return json_pack("{s:s, s:s, s:o, s:o}", "field", change_name(change, name), "change",
		change_kind_text(change->kind), "sent",
		change->kind == CHANGE_ADDED ? json_null() : json_string(before), "seen",
		change->kind == CHANGE_REMOVED ? json_null() : json_string(after));
}

static json_t *changes_array(const struct hop_view *view)
{
	json_t *array = json_array();

	for (size_t i = 0; i < view->changes.count; i++)
		if (!view->changes.list[i].follows)
			json_array_append_new(array, change_object(view, &view->changes.list[i]));
	return array;
}

static json_t *quote_object(const struct hop_view *view)
{
	if (!view->has_quote)
		return json_null();
	return json_pack("{s:s, s:i}", "kind", icmp_quote_text(view->error.quote), "bytes",
		(int)view->error.quote_known);
}

static json_t *mpls_array(const struct icmp_mpls *labels, unsigned int count)
{
	json_t *array = json_array();

	for (unsigned int i = 0; i < count; i++)
		json_array_append_new(array,
			json_pack("{s:i, s:i, s:b, s:i}", "label", (int)labels[i].label,
				"traffic_class", labels[i].traffic_class, "bottom",
				labels[i].bottom, "ttl", labels[i].ttl));
	return array;
}

static json_t *interface_object(const struct icmp_interface *interface)
{
	static const char *const roles[] = { "incoming", "sub-ip", "outgoing", "next-hop" };
	json_t *object = json_pack("{s:s}", "role", roles[interface->role]);

	if (interface->has_index)
		json_object_set_new(object, "index", json_integer(interface->index));
	if (interface->has_addr)
		json_object_set_new(object, "addr", addr_or_null(&interface->addr));
	if (interface->has_name)
		json_object_set_new(object, "name", safe_string(interface->name));
	if (interface->has_mtu)
		json_object_set_new(object, "mtu", json_integer(interface->mtu));
	return object;
}

static json_t *object_bytes(const struct packet *packet, const struct icmp_object *object)
{
	char text[VALUE_TEXT] = "";

	for (uint32_t i = 0; i < object->length && 2 * i + 3 < sizeof(text); i++)
		snprintf(text + 2 * i, sizeof(text) - 2 * i, "%02x",
			packet_data(packet)[object->offset + i]);
	return json_string(text);
}

static json_t *extensions_array(const struct hop_view *view)
{
	const struct packet *packet = view->hop->answer.packet;
	struct icmp_object object = { 0 };
	json_t *array = json_array();

	while (view->has_quote && view->error.has_extensions &&
		icmp_object_next(packet, &view->error, &object)) {
		json_t *entry = json_pack("{s:i, s:i, s:b}", "class", object.class_, "type",
			object.type, "checksum_ok", view->error.extensions_ok);
		struct icmp_mpls labels[16];
		struct icmp_interface interface;
		unsigned int count = icmp_object_mpls(packet, &object, labels, 16);

		if (count > 0)
			json_object_set_new(entry, "mpls", mpls_array(labels, count));
		else if (icmp_object_interface(packet, &object, &interface))
			json_object_set_new(entry, "interface", interface_object(&interface));
		else
			json_object_set_new(entry, "bytes", object_bytes(packet, &object));
		json_array_append_new(array, entry);
	}
	return array;
}

static json_t *hop_object(const struct report_about *about, const struct hop_view *view)
{
	static const char *const matches[] = { "sequence", "id", "turn", "order" };
	const struct answer *answer = &view->hop->answer;
	bool silent = answer->kind == ANSWER_NONE;
	json_t *hop = json_pack("{s:i, s:o, s:o, s:o, s:s, s:o, s:o, s:o}", "ttl", view->ttl,
		"addr", addr_or_null(hop_view_addr(view)), "name",
		silent ? json_null() : name_of(about, &answer->from), "rtt_ms",
		silent ? json_null() : milliseconds(answer->rtt), "reply",
		answer_kind_text(answer->kind), "quote", quote_object(view), "changes",
		changes_array(view), "icmp_extensions", extensions_array(view));

	if (view->has_quote) {
		json_object_set_new(hop, "icmp",
			json_pack("{s:i, s:i}", "type", view->error.type, "code",
				view->error.code));
		json_object_set_new(hop, "checksum_fits",
			view->has_checksum ? json_boolean(view->checksum_residue == 0)
					   : json_null());
	}
	if (!silent)
		json_object_set_new(hop, "matched_by", json_string(matches[answer->match]));
	json_object_set_new(hop, "sent", json_integer(view->hop->sent));
	return hop;
}

static json_t *destination_object(const struct destination_view *destination)
{
	return json_pack("{s:b, s:o, s:s, s:{s:b, s:b, s:o}}", "reached", destination->reached,
		"ttl", destination->reached ? json_integer(destination->ttl) : json_null(), "reply",
		answer_kind_text(destination->reply), "mptcp", "supported",
		destination->supports_mptcp, "mirrored", destination->mirrors_mptcp, "version",
		destination->has_version ? json_integer(destination->version) : json_null());
}

static json_t *place_object(const struct hop_view *view)
{
	return json_pack("{s:i, s:o}", "ttl", view != NULL ? view->ttl : 0, "addr",
		addr_or_null(hop_view_addr(view)));
}

static json_t *finding_object(const struct finding *finding)
{
	char name[OPTID_TEXT], before[VALUE_TEXT], after[VALUE_TEXT], text[VERDICT_TEXT];

	finding_before(finding, before, sizeof(before));
	finding_after(finding, after, sizeof(after));
	return json_pack("{s:s, s:s, s:o, s:s, s:o, s:o, s:s, s:o, s:o, s:b, s:s}", "field",
		finding_name(finding, name), "change", change_kind_text(finding->change.kind),
		"how", how_or_null(finding->change.how), "direction", "forward", "after",
		place_object(finding->after), "before", place_object(finding->before), "certainty",
		finding->is_exact ? "exact" : "bounded", "sent", text_or_null(before), "seen",
		text_or_null(after), "nat", finding->is_translated, "text",
		verdict_finding(finding, text));
}

/* One line in one piece: json_dumpf would call fwrite for every few bytes. Takes root. */
static void print_line(FILE *out, json_t *root)
{
	char *text = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(12));

	fprintf(out, "%s\n", text);
	free(text);
	json_decref(root);
}

void report_json(FILE *out, const struct report_about *about, const struct result *result)
{
	json_t *hops = json_array(), *findings = json_array(), *root;
	char addr[ADDR_TEXT], text[VERDICT_TEXT];

	for (size_t i = 0; i < result->hop_count; i++)
		json_array_append_new(hops, hop_object(about, &result->hops[i]));
	for (size_t i = 0; i < result->finding_count; i++)
		json_array_append_new(findings, finding_object(&result->findings[i]));
	root = json_pack("{s:s, s:{s:o, s:s, s:o}, s:o, s:i, s:o, s:o, s:o, s:o, s:s}", "schema",
		"mbkit.trace/1", "target", "name", safe_string(about->name), "addr",
		addr_text(&about->addr, addr), "port",
		about->port != 0 ? json_integer(about->port) : json_null(), "probe",
		safe_string(about->probe), "sent", (int)trace_sent(result->trace), "elapsed_ms",
		milliseconds(about->elapsed_ns), "hops", hops, "destination",
		destination_object(&result->destination), "findings", findings, "verdict",
		result->finding_count == 0 ? verdict_clean(result, text)
					   : verdict_finding(&result->findings[0], text));
	print_line(out, root);
}

void report_json_error(FILE *out, const char *name, const char *error)
{
	json_t *root = json_pack("{s:s, s:{s:o, s:n, s:n}, s:o}", "schema", "mbkit.trace/1",
		"target", "name", safe_string(name), "addr", "port", "error", safe_string(error));

	print_line(out, root);
	fflush(out);
}

bool report_json_target(const char *line, char *name, size_t size)
{
	json_t *root = json_loads(line, 0, NULL);
	const char *text =
		json_string_value(json_object_get(json_object_get(root, "target"), "name"));

	if (text != NULL)
		snprintf(name, size, "%s", text);
	json_decref(root);
	return text != NULL;
}
