/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bind_path.c - from prelude.lua's tables of boxes, links, hops and branches to a struct path_plan.
 */
#include "lua/bind_suite.h"

#include "lua/table.h"

#include <lauxlib.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare_args(const void *a, const void *b)
{
	return strcmp(((const struct box_arg *)a)->name, ((const struct box_arg *)b)->name);
}

static bool has_param(const struct box_param *params, const char *name)
{
	for (; params != NULL && params->name != NULL; params++) {
		if (strcmp(params->name, name) == 0)
			return true;
	}
	return false;
}

/* The parameter meant by a Lua key: '_' stands for '-' where that is how it is called. */
static const char *param_name(struct suite_build *build, const struct box_type *type,
	const char *key)
{
	char *name = arena_text(build->arena, key, strlen(key));
	char *at;

	if (has_param(type->params, name) || has_param(box_when_params, name))
		return name;
	for (at = name; *at != '\0'; at++) {
		if (*at == '_')
			*at = '-';
	}
	return name;
}

/* Push a value that text can stand for. A list is its members, joined by commas: knows = { 2, 3 }.
 */
static void push_text(const struct table *table, const struct element *element,
	const char *argument, int index)
{
	lua_State *L = table->L;
	lua_Integer count = lua_istable(L, index) ? (lua_Integer)lua_rawlen(L, index) : 0, i;

	if (lua_isboolean(L, index)) {
		lua_pushstring(L, lua_toboolean(L, index) ? "true" : "false");
		return;
	}
	if (lua_isstring(L, index)) {
		lua_pushvalue(L, index);
		return;
	}
	if (count == 0)
		table_error(table, "box %s: %s cannot be a %s", element->box, argument,
			luaL_typename(L, index));
	lua_pushliteral(L, "");
	for (i = 1; i <= count; i++) {
		if (i > 1)
			lua_pushliteral(L, ",");
		lua_rawgeti(L, index, i);
		if (!lua_isstring(L, -1))
			table_error(table, "box %s: %s is a list with a %s in it", element->box,
				argument, luaL_typename(L, -1));
		lua_concat(L, i > 1 ? 3 : 2);
	}
}

/* The arguments in the table on top of the stack, in the order of their names. */
static void read_args(struct suite_build *build, const struct table *table, struct element *element)
{
	lua_State *L = table->L;
	struct box_arg *args = arena_alloc(build->arena, SCENARIO_ARGS * sizeof(*args));

	lua_pushnil(L);
	while (lua_next(L, -2) != 0) {
		struct box_arg *arg = &args[element->arg_count];
		size_t length;

		if (lua_type(L, -2) != LUA_TSTRING)
			table_error(table, "box %s: arguments are named", element->box);
		if (element->arg_count == SCENARIO_ARGS)
			table_error(table, "box %s: more than %d arguments", element->box,
				SCENARIO_ARGS);
		arg->name = param_name(build, element->type, lua_tostring(L, -2));
		push_text(table, element, arg->name, lua_gettop(L));
		arg->text = lua_tolstring(L, -1, &length);
		arg->text = arena_text(build->arena, arg->text, length);
		arg->length = length;
		element->arg_count++;
		lua_pop(L, 2);
	}
	qsort(args, element->arg_count, sizeof(*args), compare_args);
	element->args = args;
}

static void read_box(struct suite_build *build, const struct table *table, struct element *element)
{
	const char *name = table_text(table, "box", "");
	struct err err;

	element->kind = ELEMENT_BOX;
	element->box = arena_text(build->arena, name, strlen(name));
	element->type =
		lua_boxes_find(build->boxes, element->box, table_text(table, "file", NULL), &err);
	if (element->type == NULL)
		table_error(table, "%s", err.text);
	if (!table_enter(table, "args"))
		return;
	read_args(build, table, element);
	lua_pop(table->L, 1);
	if (!box_check(element->box, element->type, element->args, element->arg_count, &err))
		table_error(table, "%s", err.text);
}

static void read_link_plan(const struct table *table, struct link_plan *plan)
{
	plan->delay_ns = table_time(table, "delay", plan->delay_ns);
	plan->rate_bps = table_uint(table, "rate", plan->rate_bps, 1000000000000u);
	plan->queue_bytes = (uint32_t)table_uint(table, "queue", plan->queue_bytes, 1u << 30);
	plan->loss_mask = table_uint(table, "loss_mask", plan->loss_mask, INT64_MAX);
	plan->loss_ppm = table_ppm(table, "loss", plan->loss_ppm);
	plan->duplicate_ppm = table_ppm(table, "duplicate", plan->duplicate_ppm);
	plan->reorder_ppm = table_ppm(table, "reorder", plan->reorder_ppm);
	plan->jitter_ns = table_time(table, "jitter", plan->jitter_ns);
}

static void read_link(const struct table *table, struct element *element)
{
	static const char *const known[] = { "element", "where", "delay", "rate", "queue", "loss",
		"loss_mask", "duplicate", "reorder", "jitter", "to_client", "to_server", NULL };
	static const char *const names[DIRS] = { "to_server", "to_client" };
	unsigned int dir;

	table_check_fields(table, known);
	element->kind = ELEMENT_LINK;
	for (dir = 0; dir < DIRS; dir++) {
		link_plan_default(&element->link[dir]);
		read_link_plan(table, &element->link[dir]);
		if (table_enter(table, names[dir])) {
			struct table inner = { table->L, lua_gettop(table->L), table->where };

			table_check_fields(&inner, known);
			read_link_plan(&inner, &element->link[dir]);
			lua_pop(table->L, 1);
		}
	}
}

/* MPLS label and interface name that an RFC 4884 quote is followed by; NULL: neither. */
static const struct icmp_objects *read_objects(struct suite_build *build, const struct table *table)
{
	enum { NO_LABEL = 1 << 20 };
	struct icmp_mpls label = { .bottom = true, .ttl = 1 };
	struct icmp_interface interface = { .has_name = true };
	const char *name = table_text(table, "interface", "");
	struct icmp_objects *objects;

	label.label = (uint32_t)table_uint(table, "mpls", NO_LABEL, NO_LABEL - 1);
	if (label.label == NO_LABEL && *name == '\0')
		return NULL;
	if (strlen(name) >= sizeof(interface.name))
		table_error(table, "the name of an interface has at most %zu letters",
			sizeof(interface.name) - 1);
	objects = arena_alloc(build->arena, sizeof(*objects));
	objects->length = 0;
	if (label.label != NO_LABEL)
		icmp_objects_add_mpls(objects, &label, 1);
	snprintf(interface.name, sizeof(interface.name), "%s", name);
	if (*name != '\0')
		icmp_objects_add_interface(objects, &interface);
	return objects;
}

static void read_hop(struct suite_build *build, const struct table *table, struct element *element)
{
	static const char *const known[] = { "element", "where", "addr", "addr6", "quote",
		"quote_bytes", "limit", "burst", "mpls", "interface", NULL };
	static const char *const quotes[] = { "full", "rfc792", "bytes", "rfc4884", "silent",
		NULL };
	const char *addr = table_text(table, "addr", NULL);
	const char *addr6 = table_text(table, "addr6", NULL);

	table_check_fields(table, known);
	element->kind = ELEMENT_HOP;
	if (addr != NULL &&
		!(addr_parse(&element->hop.addr[0], addr) && element->hop.addr[0].version == 4))
		table_error(table, "\"%s\" is no IPv4 address", addr);
	if (addr6 != NULL &&
		!(addr_parse(&element->hop.addr[1], addr6) && element->hop.addr[1].version == 6))
		table_error(table, "\"%s\" is no IPv6 address", addr6);
	element->hop.answers_per_s = (uint32_t)table_uint(table, "limit", 0, 1000000);
	element->hop.burst = (uint32_t)table_uint(table, "burst", 1, 1000000);
	element->hop.quote = (enum quote_kind)table_choice(table, "quote", quotes, QUOTE_FULL);
	element->hop.quote_bytes = (uint32_t)table_uint(table, "quote_bytes",
		element->hop.quote == QUOTE_BYTES ? 8 : 0, 1500);
	element->hop.objects = read_objects(build, table);
	if (element->hop.objects != NULL && element->hop.quote != QUOTE_RFC4884)
		table_error(table, "only a quote by RFC 4884 is followed by labels and interfaces");
}

/* One element of a row, by its kind. */
typedef void element_reader(struct suite_build *build, const struct table *table, const char *kind,
	struct element *element);

static void read_element(struct suite_build *build, const struct table *table, const char *kind,
	struct element *element)
{
	if (strcmp(kind, "box") == 0)
		read_box(build, table, element);
	else if (strcmp(kind, "link") == 0)
		read_link(table, element);
	else if (strcmp(kind, "hop") == 0)
		read_hop(build, table, element);
	else
		table_error(table, "here stand boxes, links and hops");
}

/* The row in the table on top of the stack. */
static void read_row(struct suite_build *build, const struct table *outer, struct path_plan *plan,
	element_reader *reader)
{
	static const char *const known[] = { "where", NULL };
	lua_State *L = outer->L;
	int index = lua_gettop(L);
	struct table row = { L, index, table_where(L, index) };
	size_t count = (size_t)lua_rawlen(L, index), i;
	struct element *elements = arena_alloc(build->arena, (count + 1) * sizeof(*elements));

	if (*row.where == '\0')
		row.where = outer->where;
	if (count > SCENARIO_ELEMENTS)
		table_error(&row, "a path has at most %d elements", SCENARIO_ELEMENTS);
	table_check_list(&row, count, known);
	for (i = 0; i < count; i++) {
		struct table table = { L, index + 1, NULL };

		if (lua_rawgeti(L, index, (lua_Integer)i + 1) != LUA_TTABLE)
			table_error(&row, "a path holds boxes, links and hops, as in box.strip {}");
		table.where = table_where(L, index + 1);
		if (*table.where == '\0')
			table.where = row.where;
		reader(build, &table, table_text(&table, "element", ""), &elements[i]);
		lua_pop(L, 1);
	}
	plan->elements = elements;
	plan->element_count = (unsigned int)count;
}

static void read_branches(struct suite_build *build, const struct table *table,
	struct element *element)
{
	lua_State *L = table->L;
	struct path_plan *branches;
	size_t count, i;

	if (!table_enter(table, "paths"))
		table_error(table, "ecmp needs paths = { path { ... }, ... }");
	count = (size_t)lua_rawlen(L, -1);
	if (count == 0 || count > ECMP_BRANCHES)
		table_error(table, "ecmp has 1 to %d paths", ECMP_BRANCHES);
	branches = arena_alloc(build->arena, count * sizeof(*branches));
	for (i = 0; i < count; i++) {
		table_item(table, i, "path");
		read_row(build, table, &branches[i], read_element);
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
	element->branches = branches;
	element->branch_count = (unsigned int)count;
}

static void read_ecmp(struct suite_build *build, const struct table *table, struct element *element)
{
	static const char *const known[] = { "element", "where", "by", "direction", "salt",
		"change", "paths", NULL };
	static const char *const bys[] = { "none", "flow", "label", "packet", NULL };
	static const char *const directions[] = { "to-server", "to-client", "both", NULL };
	struct ecmp_plan *plan = &element->ecmp;
	unsigned int direction;

	table_check_fields(table, known);
	element->kind = ELEMENT_ECMP;
	plan->by = (enum ecmp_by)table_choice(table, "by", bys, ECMP_FLOW);
	direction = table_choice(table, "direction", directions, 2);
	plan->one_way[TO_SERVER] = direction == 1;
	plan->one_way[TO_CLIENT] = direction == 0;
	plan->salt = (uint32_t)table_uint(table, "salt", 0, UINT32_MAX);
	plan->change_ns = table_time(table, "change", NSEC_NEVER);
	read_branches(build, table, element);
}

static void read_path_element(struct suite_build *build, const struct table *table,
	const char *kind, struct element *element)
{
	if (strcmp(kind, "ecmp") == 0)
		read_ecmp(build, table, element);
	else
		read_element(build, table, kind, element);
}

/* The path in the table on top of the stack. */
void suite_read_path(struct suite_build *build, const struct table *outer, struct path_plan *plan)
{
	read_row(build, outer, plan, read_path_element);
}
