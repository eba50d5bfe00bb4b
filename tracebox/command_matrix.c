/* SPDX-License-Identifier: BSD-2-Clause */
#include "tracebox/command_matrix.h"

#include "tracebox/attribute.h"
#include "tracebox/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	STATUS_FINE = 0,
	STATUS_FOUND = 1,
	STATUS_WRONG = 2,
	CELL_TEXT = 40,
	EXPRESSION_TEXT = 128,
	MATRIX_PORTS = 16,
	PROBES = 2,
};

/* Options that do not fit into one header stand in two probes. */
static const char *const probes[PROBES] = {
	"MSS/SACKP/TS/WSCALE/MPCAPABLE",
	"MPJOIN/TFO/NOP/NOP",
};

/* The rows, and the probe each is in. */
static const struct {
	const char *field, *label;
	int probe;
} rows[] = {
	{ "tcp.option.mss", "MSS", 0 },
	{ "tcp.option.sackok", "SACK permitted", 0 },
	{ "tcp.option.timestamp", "timestamp", 0 },
	{ "tcp.option.wscale", "window scale", 0 },
	{ "tcp.option.mptcp.mp_capable", "MP_CAPABLE", 0 },
	{ "tcp.option.mptcp.mp_join", "MP_JOIN", 1 },
	{ "tcp.option.tfo", "Fast Open", 1 },
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

struct column {
	char cells[ROWS][CELL_TEXT];
	char other[CELL_TEXT]; /* findings about anything else */
	char answer[CELL_TEXT];
};

/* "80,443": the ports in order; false with a sentence. */
static bool matrix_ports(const char *text, uint16_t ports[static MATRIX_PORTS], unsigned int *count,
	struct err *err)
{
	*count = 0;
	while (*text != '\0') {
		char *end;
		unsigned long port = strtoul(text, &end, 10);

		if (end == text || *text < '0' || *text > '9' || port > UINT16_MAX ||
			(*end != '\0' && (*end != ',' || end[1] == '\0')))
			return err_set(err, "--matrix wants ports separated by commas, not \"%s\"",
				text);
		if (*count == MATRIX_PORTS)
			return err_set(err, "--matrix takes at most %d ports", MATRIX_PORTS);
		ports[(*count)++] = (uint16_t)port;
		text = end + (*end == ',');
	}
	return *count > 0 || err_set(err, "--matrix wants at least one port");
}

/* "removed 3-4"; a silent stretch shows as its ends. */
static void write_cell(char cell[CELL_TEXT], const struct finding *finding)
{
	snprintf(cell, CELL_TEXT, "%s %u-%u", change_kind_text(finding->change.kind),
		finding->after != NULL ? finding->after->ttl : 0u, finding->before->ttl);
}

/* Whether some hop quoted all of the options. */
static bool shows_options(const struct result *result)
{
	for (size_t i = 0; i < result->hop_count; i++) {
		const struct hop_view *view = &result->hops[i];

		if (view->has_quote && view->layers.payload != 0 &&
			view->layers.known >= view->layers.payload)
			return true;
	}
	return false;
}

static void fill_column(struct column *column, int probe, const struct result *result)
{
	const struct destination_view *destination = &result->destination;
	char name[OPTID_TEXT];

	for (int row = 0; row < ROWS; row++)
		if (rows[row].probe == probe)
			snprintf(column->cells[row], CELL_TEXT,
				shows_options(result) ? "kept" : "?");
	for (size_t i = result->finding_count; i-- > 0;) {
		int row = 0;

		finding_name(&result->findings[i], name);
		while (row < ROWS && strcmp(rows[row].field, name) != 0)
			row++;
		write_cell(row < ROWS ? column->cells[row] : column->other, &result->findings[i]);
	}
	if (probe != 0)
		return;
	snprintf(column->answer, CELL_TEXT, "%s",
		destination->supports_mptcp          ? "MPTCP"
			: destination->mirrors_mptcp ? "mirrored"
			: destination->reply == ANSWER_SYN_ACK
			? "plain TCP"
			: answer_kind_text(destination->reply));
}

/* One trace; its findings go into the column, its JSON to standard output. */
static bool trace_cell(const struct matrix_plan *plan, uint16_t port, int index,
	struct trace_pace *pace, struct column *column, bool *has_found, struct err *err)
{
	const struct options *o = plan->options;
	struct trace_lua_probe probe = { .packet = packet_new(PACKET_LARGE) };
	struct run_plan run = { .channel = plan->channel,
		.config = o->trace,
		.names = o->json && plan->about.names != NULL,
		.filters = o->debug ? stderr : NULL };
	char expression[EXPRESSION_TEXT], label[EXPRESSION_TEXT], name[OPTID_TEXT];
	struct report_about about = plan->about;
	struct sockname source, destination;
	struct trace *trace = NULL;
	struct result result;

	snprintf(expression, sizeof(expression), "%s/tcp{dst=%u}/%s", o->ipv6 ? "IPv6" : "IP", port,
		probes[index]);
	snprintf(label, sizeof(label), "%s/TCP/%s", o->ipv6 ? "IPv6" : "IP", probes[index]);
	run.config.pace = pace;
	if (trace_lua_probe(plan->lua, expression, &probe, err)) {
		packet_socknames(probe.packet, &source, &destination);
		trace = run_trace(&run, probe.packet, err);
	}
	packet_free(probe.packet);
	if (trace == NULL)
		return false;
	result_init(&result, trace);
	fill_column(column, index, &result);
	about.addr = destination.addr;
	about.port = port;
	about.probe = label;
	about.elapsed_ns = trace_elapsed(trace);
	if (o->json)
		report_json(stdout, &about, &result);
	for (size_t i = 0; i < result.finding_count; i++)
		*has_found |= options_fail_on(o, finding_name(&result.findings[i], name));
	result_fini(&result);
	trace_free(trace);
	return true;
}

static void print_row(const char *label, const struct column *columns, unsigned int count,
	size_t offset)
{
	printf("%-16s", label);
	for (unsigned int i = 0; i < count; i++) {
		const char *cell = (const char *)&columns[i] + offset;

		printf(" %-14s", cell[0] != '\0' ? cell : "-");
	}
	putchar('\n');
}

static void print_table(const struct column *columns, const uint16_t *ports, unsigned int count)
{
	printf("%-16s", "port");
	for (unsigned int i = 0; i < count; i++)
		printf(" %-14u", ports[i]);
	putchar('\n');
	for (size_t row = 0; row < ROWS; row++)
		print_row(rows[row].label, columns, count,
			offsetof(struct column, cells) + row * CELL_TEXT);
	print_row("other fields", columns, count, offsetof(struct column, other));
	print_row("answer", columns, count, offsetof(struct column, answer));
}

int command_matrix(const struct matrix_plan *plan, struct err *err)
{
	struct column columns[MATRIX_PORTS] = { 0 };
	struct trace_pace pace = { { 0 } };
	uint16_t ports[MATRIX_PORTS];
	bool has_found = false;
	unsigned int count;

	if (!matrix_ports(plan->options->matrix, ports, &count, err))
		return STATUS_WRONG;
	for (unsigned int i = 0; i < count; i++)
		for (int index = 0; index < PROBES; index++)
			if (!trace_cell(plan, ports[i], index, &pace, &columns[i], &has_found, err))
				return STATUS_WRONG;
	if (!plan->options->json)
		print_table(columns, ports, count);
	return has_found ? STATUS_FOUND : STATUS_FINE;
}
