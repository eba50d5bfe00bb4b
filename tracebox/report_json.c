/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_json.c - mbkit.trace/1: one object on one line.
 */
#include "probe/base/json_text.h"
#include "probe/endpoint/endpoint.h"
#include "tracebox/report.h"
#include "tracebox/verdict.h"

#include <jansson.h>

#include <string.h>

enum { VALUE_TEXT = 512, NAME_TEXT = 256 };

static void put_addr(struct json_text *json, const char *key, const struct addr *addr)
{
	char text[ADDR_TEXT];

	json_put_text(json, key, addr != NULL ? addr_text(addr, text) : NULL);
}

static void put_name(struct json_text *json, const struct report_about *about,
	const struct addr *addr)
{
	char name[NAME_TEXT];
	bool has_name = addr != NULL && about->names != NULL &&
		about->names->ops->name(about->names->self, addr, name, sizeof(name)) ==
			NAMES_FOUND;

	json_put_text(json, "name", has_name ? name : NULL);
}

static void put_change(struct json_text *json, const struct hop_view *view,
	const struct change *change)
{
	char name[OPTID_TEXT], before[VALUE_TEXT], after[VALUE_TEXT];

	change_before(change, view->sent, before, sizeof(before));
	change_after(change, view->quote, view->layers.known, after, sizeof(after));
	json_open_object(json, NULL);
	json_put_text(json, "field", change_name(change, name));
	json_put_text(json, "change", change_kind_text(change->kind));
	json_put_text(json, "sent", change->kind == CHANGE_ADDED ? NULL : before);
	json_put_text(json, "seen", change->kind == CHANGE_REMOVED ? NULL : after);
	if (view->segment != NULL)
		json_put_text(json, "segment", view->segment);
	json_close_object(json);
}

static void put_changes(struct json_text *json, const struct hop_view *view)
{
	json_open_array(json, "changes");
	for (; view != NULL; view = view->more)
		for (size_t i = 0; i < view->changes.count; i++)
			if (!view->changes.list[i].follows)
				put_change(json, view, &view->changes.list[i]);
	json_close_array(json);
}

static void put_quote(struct json_text *json, const struct hop_view *view)
{
	if (!view->has_quote) {
		json_put_null(json, "quote");
		return;
	}
	json_open_object(json, "quote");
	json_put_text(json, "kind", icmp_quote_text(view->error.quote));
	json_put_number(json, "bytes", view->error.quote_known);
	json_close_object(json);
}

static void put_mpls(struct json_text *json, const struct icmp_mpls *labels, unsigned int count)
{
	json_open_array(json, "mpls");
	for (unsigned int i = 0; i < count; i++) {
		json_open_object(json, NULL);
		json_put_number(json, "label", labels[i].label);
		json_put_number(json, "traffic_class", labels[i].traffic_class);
		json_put_bool(json, "bottom", labels[i].bottom);
		json_put_number(json, "ttl", labels[i].ttl);
		json_close_object(json);
	}
	json_close_array(json);
}

static void put_interface(struct json_text *json, const struct icmp_interface *interface)
{
	static const char *const roles[] = { "incoming", "sub-ip", "outgoing", "next-hop" };

	json_open_object(json, "interface");
	json_put_text(json, "role", roles[interface->role]);
	if (interface->has_index)
		json_put_number(json, "index", interface->index);
	if (interface->has_addr)
		put_addr(json, "addr", &interface->addr);
	if (interface->has_name)
		json_put_text(json, "name", interface->name);
	if (interface->has_mtu)
		json_put_number(json, "mtu", interface->mtu);
	json_close_object(json);
}

static void put_bytes(struct json_text *json, const struct packet *packet,
	const struct icmp_object *object)
{
	char text[VALUE_TEXT] = "";

	for (uint32_t i = 0; i < object->length && 2 * i + 3 < sizeof(text); i++)
		snprintf(text + 2 * i, sizeof(text) - 2 * i, "%02x",
			packet_data(packet)[object->offset + i]);
	json_put_text(json, "bytes", text);
}

static void put_extensions(struct json_text *json, const struct hop_view *view)
{
	const struct packet *packet = view->hop->answer.packet;
	struct icmp_object object = { 0 };

	json_open_array(json, "icmp_extensions");
	while (view->has_quote && view->error.has_extensions &&
		icmp_object_next(packet, &view->error, &object)) {
		struct icmp_mpls labels[16];
		struct icmp_interface interface;
		unsigned int count = icmp_object_mpls(packet, &object, labels, 16);

		json_open_object(json, NULL);
		json_put_number(json, "class", object.class_);
		json_put_number(json, "type", object.type);
		json_put_bool(json, "checksum_ok", view->error.extensions_ok);
		if (count > 0)
			put_mpls(json, labels, count);
		else if (icmp_object_interface(packet, &object, &interface))
			put_interface(json, &interface);
		else
			put_bytes(json, packet, &object);
		json_close_object(json);
	}
	json_close_array(json);
}

/* What only an ICMP error tells. */
static void put_error(struct json_text *json, const struct hop_view *view)
{
	json_open_object(json, "icmp");
	json_put_number(json, "type", view->error.type);
	json_put_number(json, "code", view->error.code);
	json_close_object(json);
	if (view->has_checksum)
		json_put_bool(json, "checksum_fits", view->checksum_residue == 0);
	else
		json_put_null(json, "checksum_fits");
}

static void put_hop(struct json_text *json, const struct report_about *about,
	const struct hop_view *view)
{
	static const char *const matches[] = { "sequence", "id", "length", "turn", "order" };
	const struct answer *answer = &view->hop->answer;
	bool silent = answer->kind == ANSWER_NONE;

	json_open_object(json, NULL);
	json_put_number(json, "ttl", view->ttl);
	put_addr(json, "addr", hop_view_addr(view));
	put_name(json, about, hop_view_addr(view));
	if (silent)
		json_put_null(json, "rtt_ms");
	else
		json_put_milliseconds(json, "rtt_ms", answer->rtt);
	json_put_text(json, "reply", answer_kind_text(answer->kind));
	put_quote(json, view);
	put_changes(json, view);
	put_extensions(json, view);
	if (view->has_quote)
		put_error(json, view);
	if (!silent)
		json_put_text(json, "matched_by", matches[answer->match]);
	json_put_number(json, "sent", view->hop->sent);
	json_close_object(json);
}

static void put_destination(struct json_text *json, const struct destination_view *destination)
{
	json_open_object(json, "destination");
	json_put_bool(json, "reached", destination->reached);
	if (destination->reached)
		json_put_number(json, "ttl", destination->ttl);
	else
		json_put_null(json, "ttl");
	json_put_text(json, "reply", answer_kind_text(destination->reply));
	json_open_object(json, "mptcp");
	json_put_bool(json, "supported", destination->supports_mptcp);
	json_put_bool(json, "mirrored", destination->mirrors_mptcp);
	if (destination->has_version)
		json_put_number(json, "version", destination->version);
	else
		json_put_null(json, "version");
	json_close_object(json);
	json_close_object(json);
}

static void put_place(struct json_text *json, const char *key, const struct hop_view *view)
{
	json_open_object(json, key);
	json_put_number(json, "ttl", view != NULL ? view->ttl : 0);
	put_addr(json, "addr", hop_view_addr(view));
	json_close_object(json);
}

/* The kinds of segments of a live connection that show a finding. */
static void put_segments(struct json_text *json, const struct finding *finding)
{
	json_open_array(json, "segments");
	if (finding->in_data)
		json_put_text(json, NULL, "data");
	if (finding->in_acks)
		json_put_text(json, NULL, "ack");
	json_close_array(json);
}

static void put_finding(struct json_text *json, const struct finding *finding)
{
	char name[OPTID_TEXT], before[VALUE_TEXT], after[VALUE_TEXT], text[VERDICT_TEXT];

	finding_before(finding, before, sizeof(before));
	finding_after(finding, after, sizeof(after));
	json_open_object(json, NULL);
	json_put_text(json, "field", finding_name(finding, name));
	json_put_text(json, "change", change_kind_text(finding->change.kind));
	json_put_text(json, "how", change_how_text(finding->change.how));
	json_put_text(json, "direction", finding->is_reverse ? "reverse" : "forward");
	put_place(json, "after", finding->after);
	put_place(json, "before", finding->before);
	json_put_text(json, "certainty", finding->is_exact ? "exact" : "bounded");
	json_put_text(json, "sent", before[0] != '\0' ? before : NULL);
	json_put_text(json, "seen", after[0] != '\0' ? after : NULL);
	json_put_bool(json, "nat", finding->is_translated);
	json_put_text(json, "text", verdict_finding(finding, text));
	if (finding->in_data || finding->in_acks)
		put_segments(json, finding);
	json_close_object(json);
}

static void put_connection(struct json_text *json, const struct conn_info *info)
{
	static const char *const modes[] = { [MODE_UNDECIDED] = "none",
		[MODE_MPTCP] = "mptcp",
		[MODE_INFINITE] = "infinite",
		[MODE_TCP] = "tcp" };
	static const char *const ends[] = { [END_NONE] = "open",
		[END_CLEAN] = "clean",
		[END_REFUSED] = "refused",
		[END_UNANSWERED] = "unanswered",
		[END_RESET] = "reset",
		[END_TIMEOUT] = "timeout",
		[END_ABORTED] = "aborted" };
	bool fell_back = info->fallback != FALLBACK_NONE;

	json_open_object(json, "connection");
	json_put_text(json, "mode", modes[info->mode]);
	json_put_number(json, "version", info->version);
	json_put_bool(json, "checksum", info->checksum);
	json_put_text(json, "fallback", fell_back ? fallback_text(info->fallback) : NULL);
	json_put_text(json, "end", ends[info->end]);
	json_put_number(json, "written", (int64_t)info->written);
	json_put_number(json, "read", (int64_t)info->read);
	json_close_object(json);
}

/* The way back, as seen from its other end: "hops" as those of the way there. */
static void put_reverse(struct json_text *json, const struct report_about *about,
	const struct result *result)
{
	const struct result *reverse = result->reverse;
	char text[VERDICT_TEXT];

	if (reverse == NULL && result->reverse_unknown == NULL)
		return;
	json_open_object(json, "reverse");
	if (reverse == NULL) {
		json_put_text(json, "error", result->reverse_unknown);
	} else {
		json_put_number(json, "sent", reverse->sent);
		json_put_milliseconds(json, "elapsed_ms", reverse->elapsed_ns);
		json_open_array(json, "hops");
		for (size_t i = 0; i < reverse->hop_count; i++)
			put_hop(json, about, &reverse->hops[i]);
		json_close_array(json);
		put_connection(json, reverse->connection);
	}
	verdict_reverse(result, text);
	if (reverse != NULL && reverse->finding_count > 0)
		verdict_finding(&reverse->findings[0], text);
	json_put_text(json, "verdict", text);
	json_close_object(json);
}

/* As the last line of the text says it. */
static void put_verdict(struct json_text *json, const struct result *result)
{
	char text[2 * VERDICT_TEXT + 2], destination[VERDICT_TEXT];
	size_t used;

	if (result->finding_count == 0) {
		verdict_clean(result, text);
	} else {
		used = strlen(verdict_finding(&result->findings[0], text));
		snprintf(text + used, sizeof(text) - used, "; %s",
			verdict_destination(result, destination));
	}
	json_put_text(json, "verdict", text);
}

static void put_target(struct json_text *json, const char *name, const struct addr *addr,
	uint16_t port)
{
	json_open_object(json, "target");
	json_put_text(json, "name", name);
	put_addr(json, "addr", addr);
	if (port != 0)
		json_put_number(json, "port", port);
	else
		json_put_null(json, "port");
	json_close_object(json);
}

static void begin_line(struct json_text *json)
{
	json_text_init(json);
	json_open_object(json, NULL);
	json_put_text(json, "schema", "mbkit.trace/1");
}

static void end_line(struct json_text *json, FILE *out)
{
	json_close_object(json);
	fwrite(json->bytes, 1, json->used, out);
	fputc('\n', out);
	json_text_fini(json);
}

void report_json(FILE *out, const struct report_about *about, const struct result *result)
{
	struct json_text json;

	begin_line(&json);
	put_target(&json, about->name, &about->addr, about->port);
	json_put_text(&json, "probe", about->probe);
	json_put_number(&json, "sent", result->sent);
	json_put_milliseconds(&json, "elapsed_ms", about->elapsed_ns);
	json_open_array(&json, "hops");
	for (size_t i = 0; i < result->hop_count; i++)
		put_hop(&json, about, &result->hops[i]);
	json_close_array(&json);
	put_destination(&json, &result->destination);
	json_open_array(&json, "findings");
	for (const struct result *each = result; each != NULL; each = each->reverse)
		for (size_t i = 0; i < each->finding_count; i++)
			put_finding(&json, &each->findings[i]);
	json_close_array(&json);
	put_verdict(&json, result);
	if (result->connection != NULL)
		put_connection(&json, result->connection);
	put_reverse(&json, about, result);
	end_line(&json, out);
}

void report_json_error(FILE *out, const char *name, const char *error)
{
	struct json_text json;

	begin_line(&json);
	put_target(&json, name, NULL, 0);
	json_put_text(&json, "error", error);
	end_line(&json, out);
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
