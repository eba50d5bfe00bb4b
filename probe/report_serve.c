/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_serve.c - what mpprobe serve says: that it serves, and a line for each connection that has
 * ended, for people and as mbkit.serve/1.
 */
#include "probe/report.h"

#include <jansson.h>

#include <inttypes.h>

static void begin_text(FILE *out, uint16_t port)
{
	fprintf(out, "serving port %u\n", port);
}

static void connection_text(FILE *out, const struct report_served *served)
{
	static const char *const what[] = { [REPORT_ECHO] = "sent back",
		[REPORT_HEADERS] = "of headers sent",
		[REPORT_TRACE] = "sent in a trace" };
	char name[SOCKNAME_TEXT];

	fprintf(out, "%s", served->client != NULL ? sockname_text(served->client, name) : "-");
	if (served->fallback == NULL)
		fprintf(out, " v%u%s, %u subflow%s", served->version,
			served->checksum ? " with checksums" : "", served->subflows,
			served->subflows == 1 ? "" : "s");
	else
		fprintf(out, " TCP: %s", served->fallback);
	fprintf(out, "; %" PRIu64 " bytes received, %" PRIu64 " %s, %s\n", served->received,
		served->answered, what[served->answer], served->clean ? "closed" : "broken off");
}

static void write_line(FILE *out, json_t *object)
{
	json_dumpf(object, out, JSON_COMPACT);
	fputc('\n', out);
	json_decref(object);
}

static void begin_json(FILE *out, uint16_t port)
{
	write_line(out, json_pack("{s:s, s:i}", "schema", "mbkit.serve/1", "port", port));
}

static void connection_json(FILE *out, const struct report_served *served)
{
	static const char *const what[] = { [REPORT_ECHO] = "echo",
		[REPORT_HEADERS] = "headers",
		[REPORT_TRACE] = "trace" };
	bool mptcp = served->fallback == NULL;
	char name[SOCKNAME_TEXT];

	write_line(out,
		json_pack("{s:s, s:s?, s:b, s:o, s:b, s:i, s:s?, s:I, s:I, s:s, s:s}", "schema",
			"mbkit.serve/1", "client",
			served->client != NULL ? sockname_text(served->client, name) : NULL,
			"mptcp", mptcp, "version",
			mptcp ? json_integer(served->version) : json_null(), "checksum",
			served->checksum, "subflows", (int)served->subflows, "fallback",
			served->fallback, "received", (json_int_t)served->received, "answered",
			(json_int_t)served->answered, "answer", what[served->answer], "end",
			served->clean ? "closed" : "broken off"));
}

const struct report_serve report_serve_text = { begin_text, connection_text },
			  report_serve_json = { begin_json, connection_json };
