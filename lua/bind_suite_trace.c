/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bind_suite_trace.c - what prelude.lua's traced says of a path for the prober: the probe, who
 * stands at the end, and the truth.
 */
#include "lua/bind_suite.h"

#include "lua/table.h"
#include "probe/wire/diff.h"

#include <lauxlib.h>

#include <stdio.h>
#include <string.h>

enum path_server path_server_read(const struct table *table)
{
	static const char *const servers[] = { "mptcp", "tcp", "closed", "silent", NULL };

	return (enum path_server)table_choice(table, "server", servers, PATH_SERVER_MPTCP);
}

static void read_finding(const struct table *table, struct trace_finding *finding)
{
	static const char *const known[] = { "field", "change", "how", "after", "before",
		"certainty", "nat", NULL };
	static const char *const changes[] = { "removed", "modified", "added", NULL };
	static const char *const hows[] = { "none", "gap", "nop", "eol", NULL };
	static const char *const certainties[] = { "exact", "bounded", NULL };
	const char *field = table_text(table, "field", "");

	_Static_assert(CHANGE_REMOVED == 0 && CHANGE_ADDED == 2, "in the order of the words");
	_Static_assert(HOW_NONE == 0 && HOW_EOL == 3, "in the order of the words");
	table_check_fields(table, known);
	if (*field == '\0' || strlen(field) >= sizeof(finding->field))
		table_error(table, "\"%s\" is no field", field);
	snprintf(finding->field, sizeof(finding->field), "%s", field);
	finding->change = (uint8_t)table_choice(table, "change", changes, CHANGE_MODIFIED);
	finding->how = (uint8_t)table_choice(table, "how", hows, HOW_NONE);
	finding->after = (uint8_t)table_uint(table, "after", 0, UINT8_MAX);
	finding->before = (uint8_t)table_uint(table, "before", 0, UINT8_MAX);
	finding->is_exact = table_choice(table, "certainty", certainties, 0) == 0;
	finding->is_nat = table_bool(table, "nat", false);
}

static void read_findings(struct suite_build *build, const struct table *table,
	struct trace_plan *plan)
{
	lua_State *L = table->L;
	struct trace_finding *findings;
	size_t count, i;

	if (!table_enter(table, "findings"))
		table_error(table, "a traced path has findings, if only {}");
	count = (size_t)lua_rawlen(L, -1);
	if (count > SCENARIO_FINDINGS)
		table_error(table, "at most %d findings", SCENARIO_FINDINGS);
	findings = arena_alloc(build->arena, (count + 1) * sizeof(*findings));
	memset(findings, 0, (count + 1) * sizeof(*findings));
	for (i = 0; i < count; i++) {
		struct table inner = table_item(table, i, "finding");

		read_finding(&inner, &findings[i]);
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
	plan->findings = findings;
	plan->finding_count = (unsigned int)count;
}

static void read_destination(const struct table *outer, struct trace_plan *plan)
{
	static const char *const known[] = { "ttl", "mptcp", NULL };
	static const char *const verdicts[] = { "unknown", "supported", "mirrored", "none", NULL };
	struct table table = { outer->L, 0, outer->where };
	unsigned int verdict;

	if (!table_enter(outer, "destination"))
		return;
	table.index = lua_gettop(outer->L);
	table_check_fields(&table, known);
	plan->destination.ttl = (uint8_t)table_uint(&table, "ttl", 0, UINT8_MAX);
	verdict = table_choice(&table, "mptcp", verdicts, 0);
	plan->judges_mptcp = verdict != 0;
	plan->destination.supports_mptcp = verdict == 1;
	plan->destination.mirrors_mptcp = verdict == 2;
	lua_pop(outer->L, 1);
}

const struct trace_plan *suite_read_trace(struct suite_build *build, const struct table *table)
{
	static const char *const known[] = { "probe", "fixed_seq", "server", "findings",
		"destination", NULL };
	struct trace_plan *plan = arena_alloc(build->arena, sizeof(*plan));
	const char *probe = table_text(table, "probe", "");

	memset(plan, 0, sizeof(*plan));
	table_check_fields(table, known);
	plan->probe = arena_text(build->arena, probe, strlen(probe));
	plan->fixed_seq = table_bool(table, "fixed_seq", false);
	plan->server = path_server_read(table);
	read_findings(build, table, plan);
	read_destination(table, plan);
	return plan;
}
