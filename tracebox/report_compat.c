/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_compat.c - the JSON that the original printed with -j: its keys, its names, delays in
 * microseconds.
 */
#include "tracebox/compat.h"
#include "tracebox/report.h"

#include <jansson.h>

#include <stdlib.h>
#include <string.h>

enum { NAME_TEXT = 256 };

static const char *const groups[] = {
	[COMPAT_FIELD] = "Modifications",
	[COMPAT_ADDED] = "Additions",
	[COMPAT_REMOVED] = "Deletions",
};

static json_t *change_item(const struct compat_change *change, bool verbose)
{
	char name[128], text[COMPAT_TEXT];

	snprintf(name, sizeof(name), "%s%s%s", change->layer, change->field != NULL ? "::" : "",
		change->field != NULL ? change->field : "");
	if (!verbose)
		return json_string(name);
	if (change->kind != COMPAT_FIELD)
		return json_pack("{s:{s:s}}", name, "Info", compat_layer_text(change, text));
	if (change->field == NULL)
		return json_pack("{s:{}}", name);
	return json_pack("{s:{s:s, s:s}}", name, "Expected", change->expected, "Received",
		change->received);
}

static void add_changes(json_t *hop, const struct hop_view *view, bool verbose)
{
	struct compat_changes changes;

	compat_list(&changes, view);
	for (int kind = COMPAT_FIELD; kind <= COMPAT_REMOVED; kind++) {
		json_t *array = json_array();

		for (size_t i = 0; i < changes.count; i++)
			if ((int)changes.list[i].kind == kind)
				json_array_append_new(array,
					change_item(&changes.list[i], verbose));
		json_object_set_new(hop, groups[kind], array);
	}
}

static json_t *object_item(const struct icmp_object *object, bool verbose)
{
	const char *name =
		object->class_ == ICMP_CLASS_MPLS ? "ICMPExtensionMPLS" : "ICMPExtensionObject";
	char text[128];

	if (!verbose)
		return json_string(name);
	snprintf(text, sizeof(text),
		"< %s (%u bytes) :: Length = %u , ClassNum = %u , CType = %u , >", name,
		object->length, object->length, object->class_, object->type);
	return json_pack("{s:{s:s}}", name, "Info", text);
}

static void add_extensions(json_t *hop, const struct hop_view *view, bool verbose)
{
	struct icmp_object object = { 0 };
	json_t *array;

	if (!view->has_quote || !view->error.has_extensions)
		return;
	array = json_array();
	while (icmp_object_next(view->hop->answer.packet, &view->error, &object))
		json_array_append_new(array, object_item(&object, verbose));
	json_object_set_new(hop, "ICMPExtensions", array);
}

static json_t *hop_object(const struct report_about *about, const struct hop_view *view)
{
	char text[ADDR_TEXT], name[NAME_TEXT];
	const struct addr *addr = hop_view_addr(view);
	json_t *hop = json_pack("{s:i, s:s}", "hop", view->ttl, "from",
		addr != NULL ? addr_text(addr, text) : "*");

	if (addr == NULL)
		return hop;
	json_object_set_new(hop, "delay", json_integer((json_int_t)(view->hop->answer.rtt / 1000)));
	if (about->names != NULL) {
		if (about->names->ops->name(about->names->self, addr, name, sizeof(name)) !=
			NAMES_FOUND)
			snprintf(name, sizeof(name), "%s", text);
		json_object_set_new(hop, "name", json_string(name));
	}
	add_changes(hop, view, about->verbose);
	add_extensions(hop, view, about->verbose);
	return hop;
}

/* As json-c spaces it: a blank inside every bracket, one alone between those of an empty pair. */
static void print_spaced(FILE *out, const char *text)
{
	bool quoted = false;

	for (; *text != '\0'; text++) {
		bool opens = strchr("{[", *text) != NULL, closes = strchr("}]", *text) != NULL;

		if (!quoted && closes)
			fputc(' ', out);
		fputc(*text, out);
		if (!quoted && opens && strchr("}]", text[1]) == NULL)
			fputc(' ', out);
		if (quoted && *text == '\\')
			fputc(*++text, out);
		else if (*text == '"')
			quoted = !quoted;
	}
	fputc('\n', out);
}

void report_compat(FILE *out, const struct report_about *about, const struct result *result)
{
	json_t *root = json_object(), *hops = json_array();
	char text[ADDR_TEXT], *line;

	if (trace_first_ttl(result->trace) == 1) {
		json_object_set_new(root, "addr", json_string(addr_text(&about->addr, text)));
		json_object_set_new(root, "name", json_string(about->name));
		json_object_set_new(root, "max_hops", json_integer(about->last_ttl));
	}
	for (size_t i = 0; i < result->hop_count; i++)
		json_array_append_new(hops, hop_object(about, &result->hops[i]));
	json_object_set_new(root, "Hops", hops);
	line = json_dumps(root, 0);
	if (line != NULL)
		print_spaced(out, line);
	free(line);
	json_decref(root);
}
