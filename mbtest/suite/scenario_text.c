/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scenario_text.c - a scenario written as the Lua that makes it.
 */
#include "mbtest/suite/shrink.h"

#include "probe/endpoint/profile.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

static const char *const senders[] = { "client", "server", "both" };

/* Text between quotes, as Lua reads it. */
static void write_text(FILE *out, const char *text, size_t length)
{
	size_t i;

	fputc('"', out);
	for (i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)text[i];

		if (isprint(byte) && byte != '"' && byte != '\\')
			fputc(byte, out);
		else
			fprintf(out, "\\%03u", byte);
	}
	fputc('"', out);
}

/* A number field, unless it is what it is by itself. */
static void write_number(FILE *out, const char *name, uint64_t value, uint64_t usual)
{
	if (value != usual)
		fprintf(out, " %s = %" PRIu64 ",", name, value);
}

static void write_time(FILE *out, const char *name, nsec_t value, nsec_t usual)
{
	if (value != usual)
		fprintf(out, " %s = \"%" PRIu64 "ns\",", name, value);
}

/* Chances are kept in parts of a million: six digits lose nothing. */
static void write_ratio(FILE *out, const char *name, uint32_t ppm)
{
	if (ppm != 0)
		fprintf(out, " %s = %u.%06u,", name, ppm / 1000000, ppm % 1000000);
}

static void write_link_plan(FILE *out, const struct link_plan *plan)
{
	struct link_plan usual;

	link_plan_default(&usual);
	write_time(out, "delay", plan->delay_ns, usual.delay_ns);
	write_number(out, "rate", plan->rate_bps, usual.rate_bps);
	write_number(out, "queue", plan->queue_bytes, usual.queue_bytes);
	write_number(out, "loss_mask", plan->loss_mask, usual.loss_mask);
	write_ratio(out, "loss", plan->loss_ppm);
	write_ratio(out, "duplicate", plan->duplicate_ppm);
	write_ratio(out, "reorder", plan->reorder_ppm);
	write_time(out, "jitter", plan->jitter_ns, usual.jitter_ns);
}

static bool link_plan_equal(const struct link_plan *a, const struct link_plan *b)
{
	return a->delay_ns == b->delay_ns && a->rate_bps == b->rate_bps &&
		a->queue_bytes == b->queue_bytes && a->loss_mask == b->loss_mask &&
		a->loss_ppm == b->loss_ppm && a->duplicate_ppm == b->duplicate_ppm &&
		a->reorder_ppm == b->reorder_ppm && a->jitter_ns == b->jitter_ns;
}

static void write_link(FILE *out, const struct element *element)
{
	const struct link_plan *to_server = &element->link[TO_SERVER];
	const struct link_plan *to_client = &element->link[TO_CLIENT];

	fprintf(out, "link {");
	if (link_plan_equal(to_server, to_client)) {
		write_link_plan(out, to_server);
	} else {
		fprintf(out, " to_server = {");
		write_link_plan(out, to_server);
		fprintf(out, " }, to_client = {");
		write_link_plan(out, to_client);
		fprintf(out, " },");
	}
	fprintf(out, " }");
}

static void write_hop(FILE *out, const struct hop_plan *hop)
{
	static const char *const quotes[] = { "full", "rfc792", "bytes", "rfc4884", "silent" };
	char text[ADDR_TEXT];

	fprintf(out, "hop {");
	if (hop->addr[0].version == 4)
		fprintf(out, " addr = \"%s\",", addr_text(&hop->addr[0], text));
	if (hop->addr[1].version == 6)
		fprintf(out, " addr6 = \"%s\",", addr_text(&hop->addr[1], text));
	if (hop->quote != QUOTE_FULL)
		fprintf(out, " quote = \"%s\",", quotes[hop->quote]);
	write_number(out, "quote_bytes", hop->quote_bytes, 0);
	fprintf(out, " }");
}

static void write_box(FILE *out, const struct element *element)
{
	unsigned int i;
	const char *at;

	fprintf(out, "box.");
	for (at = element->box; *at != '\0'; at++)
		fputc(*at == '-' ? '_' : *at, out);
	fprintf(out, " {");
	for (i = 0; i < element->arg_count; i++) {
		/* The one parameter whose name is a word of Lua. */
		fprintf(out,
			strcmp(element->args[i].name, "until") == 0 ? " [\"%s\"] = " : " %s = ",
			element->args[i].name);
		write_text(out, element->args[i].text, element->args[i].length);
		fputc(',', out);
	}
	fprintf(out, " }");
}

/* What stands on a branch, or on a path between the places where ways part. */
static void write_element(FILE *out, const struct element *element)
{
	if (element->kind == ELEMENT_LINK)
		write_link(out, element);
	else if (element->kind == ELEMENT_HOP)
		write_hop(out, &element->hop);
	else
		write_box(out, element);
}

/* By what ways part; the direction is that of the packets that have a choice. */
static void write_choice(FILE *out, const struct ecmp_plan *plan)
{
	static const char *const bys[] = { "none", "flow", "label", "packet" };

	fprintf(out, "ecmp { by = \"%s\",", bys[plan->by]);
	if (plan->one_way[TO_SERVER] || plan->one_way[TO_CLIENT])
		fprintf(out, " direction = \"to-%s\",",
			plan->one_way[TO_SERVER] ? "client" : "server");
	write_number(out, "salt", plan->salt, 0);
	write_time(out, "change", plan->change_ns, NSEC_NEVER);
}

static void write_ecmp(FILE *out, const struct element *element)
{
	unsigned int branch, i;

	write_choice(out, &element->ecmp);
	fprintf(out, " paths = {");
	for (branch = 0; branch < element->branch_count; branch++) {
		const struct path_plan *row = &element->branches[branch];

		fprintf(out, "\n\t\t\t\tpath {");
		for (i = 0; i < row->element_count; i++) {
			fprintf(out, "\n\t\t\t\t\t");
			write_element(out, &row->elements[i]);
			fputc(',', out);
		}
		fprintf(out, "\n\t\t\t\t},");
	}
	fprintf(out, "\n\t\t\t} }");
}

static void write_path(FILE *out, const struct path_plan *path)
{
	unsigned int i;

	fprintf(out, "\t\tpath {");
	for (i = 0; i < path->element_count; i++) {
		const struct element *element = &path->elements[i];

		fprintf(out, "\n\t\t\t");
		if (element->kind == ELEMENT_ECMP)
			write_ecmp(out, element);
		else
			write_element(out, element);
		fputc(',', out);
	}
	fprintf(out, path->element_count > 0 ? "\n\t\t},\n" : "},\n");
}

static void write_expectation(FILE *out, const struct scenario *scenario)
{
	unsigned int outcome;

	fprintf(out, "\texpect = {");
	for (outcome = 0; outcome < OUTCOME_COUNT; outcome++) {
		if (scenario->expected >> outcome & 1)
			fprintf(out, " \"%s\",", outcome_text((enum outcome)outcome));
	}
	if (scenario->any_intact)
		fprintf(out, " intact = \"any\" },\n");
	else
		fprintf(out, " intact = %s },\n", scenario->expect_intact ? "true" : "false");
}

/* Who the two endpoints are, where not what they are by themselves. */
static void write_endpoints(FILE *out, const struct scenario *scenario)
{
	const struct profile *const *profile = scenario->profile;

	if (profile[CLIENT] != NULL || profile[SERVER] != NULL) {
		fprintf(out, "\tprofiles = {");
		if (profile[CLIENT] != NULL)
			fprintf(out, " client = \"%s\",", profile[CLIENT]->name);
		if (profile[SERVER] != NULL)
			fprintf(out, " server = \"%s\",", profile[SERVER]->name);
		fprintf(out, " },\n");
	}
	if (scenario->path_manager != NULL)
		fprintf(out, "\tpath_manager = \"%s\", joins = %u,\n", scenario->path_manager,
			scenario->joins);
	if (scenario->cc != NULL)
		fprintf(out, "\tcc = \"%s\",\n", scenario->cc);
	if (scenario->scheduler != NULL)
		fprintf(out, "\tscheduler = \"%s\",\n", scenario->scheduler);
	if (scenario->join_backup)
		fprintf(out, "\tjoin_backup = true,\n");
	if (scenario->dsn_narrow)
		fprintf(out, "\tdsn_narrow = true,\n");
	if (scenario->dsn_wraps)
		fprintf(out, "\tdsn_wraps = true,\n");
	if (scenario->no_timestamps)
		fprintf(out, "\ttimestamps = false,\n");
	if (scenario->no_sack)
		fprintf(out, "\tsack = false,\n");
	if (scenario->no_window_scale)
		fprintf(out, "\twindow_scale = false,\n");
	if (scenario->server_joins > 0)
		fprintf(out, "\tserver_joins = %u,\n", scenario->server_joins);
}

static void write_steps(FILE *out, const struct step_plan *plan)
{
	static const char *const verbs[STEP_VERBS] = { "announce", "withdraw", "backup", "regular",
		"drop", "abort" };
	unsigned int i;

	if (plan->count == 0)
		return;
	fprintf(out, "\tsteps = {\n");
	for (i = 0; i < plan->count; i++) {
		const struct step *step = &plan->steps[i];

		fprintf(out, "\t\t{ by = \"%s\",", step->by == CLIENT ? "client" : "server");
		write_time(out, "at", step->at, 0);
		if (step->verb == STEP_ABORT)
			fprintf(out, " abort = true,");
		else
			write_number(out, verbs[step->verb], step->number, 0);
		write_number(out, "port", step->port, 0);
		fprintf(out, " },\n");
	}
	fprintf(out, "\t},\n");
}

static void write_application(FILE *out, const struct scenario *scenario)
{
	fprintf(out, "\tsender = \"%s\", bytes = %" PRIu64 ",", senders[scenario->sender],
		scenario->bytes);
	write_number(out, "server_port", scenario->server_port, 0);
	write_number(out, "first_chunk", scenario->first_chunk, 0);
	write_time(out, "pause", scenario->pause_ns, 0);
	write_time(out, "deadline", scenario->deadline, 0);
	if (scenario->marker != NULL) {
		fprintf(out, " marker = ");
		write_text(out, scenario->marker, strlen(scenario->marker));
		fprintf(out, ", marker_offset = %" PRIu64 ",", scenario->marker_offset);
		write_number(out, "marker_every", scenario->marker_every, 0);
	}
	fputc('\n', out);
}

void scenario_write(FILE *out, const struct scenario *scenario, const char *comment)
{
	unsigned int path;

	fprintf(out, "-- %s\nsuite \"%s\"\n\nscenario {\n", comment, scenario->suite);
	fprintf(out, "\tname = \"%s\", seed = %" PRIu64 ",\n", scenario->name, scenario->seed);
	fprintf(out, "\tcase = { version = %u, checksum = %s, family = %u },\n", scenario->version,
		scenario->checksum ? "true" : "false", scenario->family);
	fprintf(out, "\tsubflows = %u, direction = \"%s\", needs_box = %s, strict = %s,\n",
		scenario->subflows, scenario->direction, scenario->needs_box ? "true" : "false",
		scenario->strict ? "true" : "false");
	write_endpoints(out, scenario);
	write_application(out, scenario);
	write_steps(out, &scenario->steps);
	write_expectation(out, scenario);
	fprintf(out, "\tpaths = {\n");
	for (path = 0; path < scenario->path_count; path++)
		write_path(out, &scenario->paths[path]);
	fprintf(out, "\t},\n}\n");
}
