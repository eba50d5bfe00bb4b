/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bind_suite.c - from the settled tables of prelude.lua to struct scenario: one function a part,
 * every field checked, complaints with the file and line of what they are about.
 */
#include "lua/bind_suite.h"

#include "lua/state.h"
#include "lua/table.h"
#include "mbtest/judge/rules.h"
#include "probe/endpoint/cc.h"
#include "probe/endpoint/pm.h"
#include "probe/endpoint/profile.h"
#include "probe/endpoint/sched.h"

#include <lauxlib.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Lua: where(level), the place of a caller as "file:line: ". */
static int push_where(lua_State *L)
{
	luaL_where(L, (int)luaL_checkinteger(L, 1));
	return 1;
}

/* Lua: library(name) runs lua/NAME.lua of ours: what is too much for one suite file. */
static int run_library(lua_State *L)
{
	const char *name = lua_pushfstring(L, "lua/%s.lua", luaL_checkstring(L, 1));
	size_t length;
	const void *text = script_builtin(name, &length);

	if (text == NULL)
		return luaL_error(L, "there is no library %s", luaL_checkstring(L, 1));
	if (luaL_loadbufferx(L, text, length, lua_pushfstring(L, "@%s", name), "t") != LUA_OK)
		return lua_error(L);
	lua_call(L, 0, 0);
	return 0;
}

void suite_register(lua_State *L)
{
	lua_register(L, "where", push_where);
	lua_register(L, "library", run_library);
}

/* Text of the field where, or the empty text. */
static const char *where_of(lua_State *L, int index)
{
	const char *text;

	lua_getfield(L, index, "where");
	text = lua_tostring(L, -1);
	lua_pop(L, 1);
	return text == NULL ? "" : text;
}

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
		if (lua_isboolean(L, -1))
			lua_pushstring(L, lua_toboolean(L, -1) ? "true" : "false");
		else if (lua_type(L, -1) == LUA_TNUMBER || lua_type(L, -1) == LUA_TSTRING)
			lua_pushvalue(L, -1);
		else
			table_error(table, "box %s: %s cannot be a %s", element->box, arg->name,
				luaL_typename(L, -1));
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

/* Refuse fields of the table that are not in the list. */
void suite_check_fields(const struct table *table, const char *const *known)
{
	lua_State *L = table->L;

	lua_pushnil(L);
	while (lua_next(L, table->index) != 0) {
		const char *const *name = known;

		lua_pop(L, 1);
		if (lua_type(L, -1) != LUA_TSTRING)
			table_error(table, "fields are named");
		while (*name != NULL && strcmp(*name, lua_tostring(L, -1)) != 0)
			name++;
		if (*name == NULL)
			table_error(table, "there is no field \"%s\"", lua_tostring(L, -1));
	}
}

static void read_link(const struct table *table, struct element *element)
{
	static const char *const known[] = { "element", "where", "delay", "rate", "queue", "loss",
		"loss_mask", "duplicate", "reorder", "jitter", "to_client", "to_server", NULL };
	static const char *const names[DIRS] = { "to_server", "to_client" };
	unsigned int dir;

	suite_check_fields(table, known);
	element->kind = ELEMENT_LINK;
	for (dir = 0; dir < DIRS; dir++) {
		link_plan_default(&element->link[dir]);
		read_link_plan(table, &element->link[dir]);
		if (table_enter(table, names[dir])) {
			struct table inner = { table->L, lua_gettop(table->L), table->where };

			suite_check_fields(&inner, known);
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

	suite_check_fields(table, known);
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
	lua_State *L = outer->L;
	int index = lua_gettop(L);
	size_t count = (size_t)lua_rawlen(L, index), i;
	struct element *elements = arena_alloc(build->arena, (count + 1) * sizeof(*elements));

	if (count > SCENARIO_ELEMENTS)
		table_error(outer, "a path has at most %d elements", SCENARIO_ELEMENTS);
	for (i = 0; i < count; i++) {
		struct table table = { L, index + 1, outer->where };

		if (lua_rawgeti(L, index, (lua_Integer)i + 1) != LUA_TTABLE)
			table_error(outer, "a path holds boxes, links and hops");
		table.where = where_of(L, index + 1);
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
		if (lua_rawgeti(L, -1, (lua_Integer)i + 1) != LUA_TTABLE)
			table_error(table, "path %zu is no table", i + 1);
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

	suite_check_fields(table, known);
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
static void read_path(struct suite_build *build, const struct table *outer, struct path_plan *plan)
{
	read_row(build, outer, plan, read_path_element);
}

static void read_paths(struct suite_build *build, const struct table *table,
	struct scenario *scenario)
{
	lua_State *L = table->L;
	size_t count, i;

	if (table_enter(table, "paths")) {
		count = (size_t)lua_rawlen(L, -1);
		if (count > NET_PATHS)
			table_error(table, "at most %d paths", NET_PATHS);
		for (i = 0; i < count; i++) {
			if (lua_rawgeti(L, -1, (lua_Integer)i + 1) != LUA_TTABLE)
				table_error(table, "path %zu is no table", i + 1);
			read_path(build, table, &scenario->paths[i]);
			lua_pop(L, 1);
		}
		scenario->path_count = (unsigned int)count;
		lua_pop(L, 1);
	}
	while (scenario->path_count <= scenario->joins)
		scenario->path_count++;
}

static void read_rules(const struct table *table, struct scenario *scenario)
{
	lua_State *L = table->L;
	size_t count, i;

	if (!table_enter(table, "rules"))
		return;
	count = (size_t)lua_rawlen(L, -1);
	if (count > SCENARIO_RULES)
		table_error(table, "at most %d rules", SCENARIO_RULES);
	for (i = 0; i < count; i++) {
		const char *name;

		lua_rawgeti(L, -1, (lua_Integer)i + 1);
		name = lua_tostring(L, -1);
		if (name == NULL || !rule_find(name, &scenario->rules[i]))
			table_error(table, "there is no rule %s", name == NULL ? "?" : name);
		lua_pop(L, 1);
	}
	scenario->rule_count = (unsigned int)count;
	lua_pop(L, 1);
}

static void read_expect(const struct table *table, struct scenario *scenario)
{
	const unsigned int cut =
		1u << OUTCOME_RESET | 1u << OUTCOME_REFUSED | 1u << OUTCOME_CORRUPT;
	lua_State *L = table->L;
	struct table expect = { L, 0, table->where };
	const char *name;
	size_t i;

	if (!table_enter(table, "expect"))
		return;
	expect.index = lua_gettop(L);
	for (i = 1; i <= (size_t)lua_rawlen(L, expect.index); i++) {
		enum outcome outcome;

		lua_rawgeti(L, expect.index, (lua_Integer)i);
		name = lua_tostring(L, -1);
		if (name == NULL || !outcome_find(name, &outcome))
			table_error(table, "there is no outcome %s", name == NULL ? "?" : name);
		scenario->expected |= 1u << outcome;
		lua_pop(L, 1);
	}
	if (scenario->expected == 0)
		table_error(table, "expect names no outcome");
	lua_getfield(L, expect.index, "intact");
	name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
	scenario->any_intact = strcmp(name, "any") == 0;
	scenario->expect_intact = scenario->any_intact ||
		table_bool(&expect, "intact", (scenario->expected & ~cut) != 0);
	lua_pop(L, 1);
	scenario->expect_damage_box = table_text(&expect, "damage", NULL) != NULL;
	lua_pop(L, 1);
}

/* Who our endpoints are, each by the name of its profile. */
static void read_profiles(const struct table *table, struct scenario *scenario)
{
	static const char *const ends[ENDS] = { [CLIENT] = "client", [SERVER] = "server" };
	struct table profiles = { table->L, 0, table->where };
	enum end end;

	if (!table_enter(table, "profiles"))
		return;
	profiles.index = lua_gettop(table->L);
	for (end = CLIENT; end < ENDS; end++) {
		const char *name = table_text(&profiles, ends[end], NULL);

		scenario->profile[end] = name == NULL ? NULL : profile_find(name);
		if (name != NULL && scenario->profile[end] == NULL)
			table_error(table, "there is no profile %s", name);
	}
	lua_pop(table->L, 1);
}

/* A text field, kept in the arena. */
static const char *keep_text(struct suite_build *build, const struct table *table, const char *name,
	const char *absent)
{
	const char *text = table_text(table, name, absent);

	return text == NULL ? NULL : arena_text(build->arena, text, strlen(text));
}

static void read_application(struct suite_build *build, const struct table *table,
	struct scenario *scenario)
{
	scenario->server_port = (uint16_t)table_uint(table, "server_port", 0, 65535);
	scenario->virtual_server = table_bool(table, "virtual_server", false);
	scenario->bytes = table_uint(table, "bytes", 0, 1u << 30);
	scenario->marker = keep_text(build, table, "marker", NULL);
	scenario->marker_offset = table_uint(table, "marker_offset", 0, 1u << 30);
	scenario->marker_every = table_uint(table, "marker_every", 0, 1u << 30);
	if (scenario->marker_every > 0 &&
		scenario->marker_every < strlen(scenario->marker == NULL ? "" : scenario->marker))
		table_error(table, "marker_every is shorter than the marker");
	scenario->pause_ns = table_time(table, "pause", 0);
	scenario->first_chunk = table_uint(table, "first_chunk", 0, 1u << 30);
	scenario->cc = keep_text(build, table, "cc", NULL);
	if (scenario->cc != NULL && cc_find(scenario->cc) == NULL)
		table_error(table, "there is no congestion control %s", scenario->cc);
	scenario->scheduler = keep_text(build, table, "scheduler", NULL);
	if (scenario->scheduler != NULL && sched_find(scenario->scheduler) == NULL)
		table_error(table, "there is no scheduler %s", scenario->scheduler);
	read_profiles(table, scenario);
	scenario->deadline = table_time(table, "deadline", 0);
	scenario->seed = table_uint(table, "seed", 0, INT64_MAX);
	scenario->strict = table_bool(table, "strict", false);
}

/* One thing an end does, in the table on top of the stack. */
static void read_step(const struct table *outer, struct step *step)
{
	static const char *const known[] = { "at", "by", "port", "announce", "withdraw", "backup",
		"regular", "drop", "abort", NULL };
	static const char *const verbs[STEP_VERBS] = { "announce", "withdraw", "backup", "regular",
		"drop", "abort" };
	static const char *const ends[] = { "client", "server", NULL };
	struct table table = { outer->L, lua_gettop(outer->L), outer->where };
	unsigned int verb, found = 0;

	suite_check_fields(&table, known);
	step->at = table_time(&table, "at", 0);
	step->by = table_choice(&table, "by", ends, 0) == 0 ? CLIENT : SERVER;
	step->port = (uint16_t)table_uint(&table, "port", 0, 65535);
	for (verb = 0; verb < STEP_VERBS; verb++) {
		bool has = lua_getfield(table.L, table.index, verbs[verb]) != LUA_TNIL;

		lua_pop(table.L, 1);
		if (!has)
			continue;
		found++;
		step->verb = (enum step_verb)verb;
		if (verb != STEP_ABORT)
			step->number = (unsigned int)table_uint(&table, verbs[verb], 0, NET_PATHS);
	}
	if (found != 1 || (step->verb != STEP_ABORT && step->number == 0))
		table_error(&table, "a step does one thing, with an address from 1 to %d",
			NET_PATHS);
}

static int compare_steps(const void *a, const void *b)
{
	const struct step *one = a, *other = b;

	return one->at < other->at ? -1 : one->at > other->at;
}

static void read_steps(const struct table *table, struct scenario *scenario)
{
	struct step_plan *plan = &scenario->steps;
	lua_State *L = table->L;
	size_t count, i;

	if (!table_enter(table, "steps"))
		return;
	count = (size_t)lua_rawlen(L, -1);
	if (count > STEPS_MOST)
		table_error(table, "at most %d steps", STEPS_MOST);
	for (i = 0; i < count; i++) {
		if (lua_rawgeti(L, -1, (lua_Integer)i + 1) != LUA_TTABLE)
			table_error(table, "step %zu is no table", i + 1);
		read_step(table, &plan->steps[plan->count++]);
		lua_pop(L, 1);
	}
	qsort(plan->steps, plan->count, sizeof(*plan->steps), compare_steps);
	lua_pop(L, 1);
}

static void read_subflows(struct suite_build *build, const struct table *table,
	struct scenario *scenario)
{
	scenario->subflows = (unsigned int)table_uint(table, "subflows", 1, ENDPOINT_SUBFLOWS);
	if (scenario->subflows == 0)
		table_error(table, "at least one subflow");
	scenario->path_manager = keep_text(build, table, "path_manager", NULL);
	if (scenario->path_manager != NULL && pm_find(scenario->path_manager) == NULL)
		table_error(table, "there is no path manager %s", scenario->path_manager);
	scenario->joins = (unsigned int)table_uint(table, "joins",
		scenario->path_manager == NULL ? scenario->subflows - 1 : 0, NET_PATHS - 1);
	if (scenario->joins >= NET_PATHS)
		table_error(table, "the client joins from at most %d addresses", NET_PATHS - 1);
	scenario->server_joins = (unsigned int)table_uint(table, "server_joins", 0, 1);
	scenario->dsn_narrow = table_bool(table, "dsn_narrow", false);
	scenario->dsn_wraps = table_bool(table, "dsn_wraps", false);
	scenario->join_backup = table_bool(table, "join_backup", false);
	read_steps(table, scenario);
}

void suite_read_scenario(lua_State *L, struct suite_build *build, struct scenario *scenario)
{
	static const char *const senders[] = { "client", "server", "both", NULL };
	static const char *const directions[] = { "to-server", "to-client", "both", NULL };
	struct table table = { L, 1, NULL };
	const char *name;

	lua_getfield(L, 1, "name");
	name = lua_tostring(L, -1);
	table.where = lua_pushfstring(L, "%sscenario %s: ", where_of(L, 1), name ? name : "?");
	memset(scenario, 0, sizeof(*scenario));
	scenario->name = keep_text(build, &table, "name", "?");
	scenario->group = keep_text(build, &table, "group", "other");
	scenario->help = keep_text(build, &table, "help", "");
	scenario->version = (uint8_t)table_uint(&table, "version", 1, 1);
	scenario->checksum = table_bool(&table, "checksum", true);
	scenario->family = (uint8_t)table_uint(&table, "family", 4, 6);
	read_subflows(build, &table, scenario);
	scenario->second_carries = table_bool(&table, "second_carries", false);
	scenario->sender = (enum sender)table_choice(&table, "sender", senders, SENDER_CLIENT);
	scenario->path = (unsigned int)table_uint(&table, "path", 1, NET_PATHS);
	scenario->direction = directions[table_choice(&table, "direction", directions, 0)];
	scenario->needs_box = table_bool(&table, "needs_box", true);
	scenario->long_mapping = table_bool(&table, "long_mapping", false);
	read_paths(build, &table, scenario);
	read_rules(&table, scenario);
	read_expect(&table, scenario);
	read_application(build, &table, scenario);
	if (table_enter(&table, "trace")) {
		struct table trace = { L, lua_gettop(L), table.where };

		scenario->trace = suite_read_trace(build, &trace);
		lua_pop(L, 1);
	}
}
