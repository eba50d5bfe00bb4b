/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_box.c - the summary of boxes in the way of real traffic.
 */
#include "mbtest/report_box.h"

#include <jansson.h>

#include <inttypes.h>

static double rate(uint64_t now, uint64_t then, nsec_t elapsed)
{
	return elapsed == 0 ? 0.0 : (double)(now - then) * (double)NSEC_PER_SEC / (double)elapsed;
}

void report_box_line(FILE *out, const struct inline_counts *now, const struct inline_counts *then,
	nsec_t elapsed)
{
	static const char *const names[DIRS] = { "to server", "to client" };

	for (size_t dir = 0; dir < DIRS; dir++)
		fprintf(out, "%s %.0f packets/s %.1f Mbit/s, ", names[dir],
			rate(now->packets[dir], then->packets[dir], elapsed),
			rate(now->bytes[dir], then->bytes[dir], elapsed) * 8 / 1e6);
	fprintf(out, "dropped %" PRIu64 "\n", now->dropped - then->dropped);
}

void report_box(FILE *out, const struct box_report *report)
{
	const struct inline_counts *counts = &report->run->counts;
	struct pipeline_counts box;

	fprintf(out, "%s: %.1f s\n%-16s %10s %10s %10s %10s\n", report->path,
		(double)report->elapsed / (double)NSEC_PER_SEC, "", "to server", "to client",
		"dropped", "acted on");
	fprintf(out, "%-16s %10" PRIu64 " %10" PRIu64 "\n", "came", counts->packets[TO_SERVER],
		counts->packets[TO_CLIENT]);
	for (unsigned int i = 0; pipeline_counts(report->run->pipeline, i, &box); i++)
		fprintf(out, "%-16s %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10" PRIu64 "\n",
			box.name, box.sent[TO_SERVER], box.sent[TO_CLIENT], box.dropped, box.hits);
	fprintf(out, "%-16s %10" PRIu64 " %10" PRIu64 "\n", "sent", counts->sent[TO_SERVER],
		counts->sent[TO_CLIENT]);
	fprintf(out,
		"not for boxes %" PRIu64 ", refused by the interface %" PRIu64 ", missed %" PRIu64
		"\n",
		counts->passed, counts->refused, counts->missed);
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *both(const uint64_t values[static DIRS])
{
	json_t *object = json_object();

	json_object_set_new(object, "to_server", number(values[TO_SERVER]));
	json_object_set_new(object, "to_client", number(values[TO_CLIENT]));
	return object;
}

void report_box_json(FILE *out, const struct box_report *report)
{
	const struct inline_run *run = report->run;
	json_t *object = json_object(), *boxes = json_array();
	struct pipeline_counts box;

	for (unsigned int i = 0; pipeline_counts(run->pipeline, i, &box); i++) {
		json_t *each = both(box.sent);

		json_object_set_new(each, "name", json_string(box.name));
		json_object_set_new(each, "dropped", number(box.dropped));
		json_object_set_new(each, "hits", number(box.hits));
		json_array_append_new(boxes, each);
	}
	json_object_set_new(object, "schema", json_string("mbkit.box/1"));
	json_object_set_new(object, "path", json_string(report->path));
	json_object_set_new(object, "elapsed_ms", json_real(nsec_to_ms(report->elapsed)));
	json_object_set_new(object, "packets", both(run->counts.packets));
	json_object_set_new(object, "bytes", both(run->counts.bytes));
	json_object_set_new(object, "sent", both(run->counts.sent));
	json_object_set_new(object, "passed", number(run->counts.passed));
	json_object_set_new(object, "dropped", number(run->counts.dropped));
	json_object_set_new(object, "refused", number(run->counts.refused));
	json_object_set_new(object, "missed", number(run->counts.missed));
	json_object_set_new(object, "boxes", boxes);
	json_object_set_new(object, "error",
		run->failed ? json_string(run->failure.text) : json_null());
	json_dumpf(object, out, JSON_COMPACT | JSON_REAL_PRECISION(12));
	fputc('\n', out);
	json_decref(object);
}
