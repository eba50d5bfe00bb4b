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
			table_item(table, i, "path");
			suite_read_path(build, table, &scenario->paths[i]);
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
			table_error(table, "there is no rule %s (see mbtest list rules)",
				name == NULL ? "?" : name);
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
	static const char *const known[] = { "intact", "damage", NULL };
	static const char *const damages[] = { "box", NULL };
	struct table expect = { L, 0, table->where };
	const char *name;
	size_t i;

	if (!table_enter(table, "expect"))
		return;
	expect.index = lua_gettop(L);
	table_check_list(&expect, (size_t)lua_rawlen(L, expect.index), known);
	for (i = 1; i <= (size_t)lua_rawlen(L, expect.index); i++) {
		enum outcome outcome = OUTCOME_MPTCP;

		lua_rawgeti(L, expect.index, (lua_Integer)i);
		name = lua_tostring(L, -1);
		if (name == NULL || !outcome_find(name, &outcome))
			table_error(table, "there is no outcome %s (see mbtest(1))",
				name == NULL ? "?" : name);
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
	scenario->expect_damage_box = table_choice(&expect, "damage", damages, 1) == 0;
	lua_pop(L, 1);
}

/* Who our endpoints are, each by the name of its profile. */
static void read_profiles(const struct table *table, struct scenario *scenario)
{
	static const char *const ends[] = { [CLIENT] = "client", [SERVER] = "server", NULL };
	struct table profiles = { table->L, 0, table->where };
	enum end end;

	if (!table_enter(table, "profiles"))
		return;
	profiles.index = lua_gettop(table->L);
	table_check_fields(&profiles, ends);
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

/* One thing an end does. */
static void read_step(const struct table *table, struct step *step)
{
	static const char *const known[] = { "at", "by", "port", "announce", "withdraw", "backup",
		"regular", "drop", "abort", NULL };
	static const char *const verbs[STEP_VERBS] = { "announce", "withdraw", "backup", "regular",
		"drop", "abort" };
	static const char *const ends[] = { "client", "server", NULL };
	unsigned int verb, found = 0;

	table_check_fields(table, known);
	step->at = table_time(table, "at", 0);
	step->by = table_choice(table, "by", ends, 0) == 0 ? CLIENT : SERVER;
	step->port = (uint16_t)table_uint(table, "port", 0, 65535);
	for (verb = 0; verb < STEP_VERBS; verb++) {
		bool has = lua_getfield(table->L, table->index, verbs[verb]) != LUA_TNIL;

		lua_pop(table->L, 1);
		if (!has)
			continue;
		found++;
		step->verb = (enum step_verb)verb;
		if (verb != STEP_ABORT)
			step->number = (unsigned int)table_uint(table, verbs[verb], 0, NET_PATHS);
	}
	if (found != 1 || (step->verb != STEP_ABORT && step->number == 0))
		table_error(table, "a step does one thing, with an address from 1 to %d",
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
		struct table step = table_item(table, i, "step");

		read_step(&step, &plan->steps[plan->count++]);
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
	scenario->no_timestamps = !table_bool(table, "timestamps", true);
	scenario->no_sack = !table_bool(table, "sack", true);
	scenario->no_window_scale = !table_bool(table, "window_scale", true);
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
	table.where = lua_pushfstring(L, "%sscenario %s: ", table_where(L, 1), name ? name : "?");
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
	scenario->any_rule = table_bool(&table, "any_rule", false);
	read_expect(&table, scenario);
	read_application(build, &table, scenario);
	if (table_enter(&table, "trace")) {
		struct table trace = { L, lua_gettop(L), table.where };

		scenario->trace = suite_read_trace(build, &trace);
		lua_pop(L, 1);
	}
}
