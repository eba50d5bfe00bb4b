/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_survey.c - see report_survey.h.
 */
#include "mbtest/report_survey.h"

#include <ctype.h>
#include <jansson.h>
#include <string.h>

enum {
	COLUMNS = 1 + SURVEY_STACKS, /* measured, and the published ones */
	LABEL = 20,
	WIDTH = 11,
	LINE = 78,
	NAMED = 4, /* scenarios that a note names */
};

static const char *const questions[] = {
	[2] = "the implementation",
	[3] = "signals",
	[4] = "fallback",
	[5] = "heuristics",
	[6] = "security",
	[7] = "registries",
	[8] = "congestion control and subflows",
	[9] = "API",
	[10] = "deployment",
};

/* Whose column it is; where a server is elsewhere is not for a heading. */
static const char *measured_name(const struct survey_report *report)
{
	const char *name = report->stack[report->is_asked[SERVER] ? SERVER : CLIENT];

	return strncmp(name, "remote:", 7) == 0 ? "remote" : name;
}

/* The text of a column: what was measured, or published. */
static const char *column_text(const struct survey_cell *cell, unsigned int column)
{
	return column == 0 ? cell->value : survey_published(cell->row, column - 1);
}

/* How much of a text goes on a line so wide: to its end, a blank, or cut. */
static size_t line_length(const char *text, size_t width)
{
	size_t length = strlen(text), i;

	if (length <= width)
		return length;
	for (i = width; i > 0; i--)
		if (text[i] == ' ')
			return i;
	return width;
}

static void write_columns(FILE *out, const char *label, const char *texts[static COLUMNS])
{
	bool more = true;
	unsigned int i;

	while (more) {
		unsigned int last = COLUMNS;

		while (last > 0 && *texts[last - 1] == '\0')
			last--;
		fprintf(out, "%-*s", last == 0 ? 0 : LABEL, label);
		more = false;
		for (i = 0; i < last; i++) {
			size_t length = line_length(texts[i], WIDTH);

			fprintf(out, " %-*.*s", i + 1 == last ? 0 : WIDTH, (int)length, texts[i]);
			texts[i] += length;
			texts[i] += strspn(texts[i], " ");
			more = more || *texts[i] != '\0';
		}
		fputc('\n', out);
		label = "";
	}
}

static void write_heading(FILE *out, const struct survey_report *report, unsigned int question)
{
	const char *texts[COLUMNS] = { measured_name(report) };
	unsigned int i;

	for (i = 0; i < SURVEY_STACKS; i++)
		texts[i + 1] = survey_stacks[i];
	fprintf(out, "%sQuestion %u: %s\n", question == 2 ? "" : "\n", question,
		questions[question]);
	write_columns(out, "", texts);
}

/* A sentence, broken into lines behind a label. */
static void write_note(FILE *out, const char *label, const char *note)
{
	const size_t room = LINE - LABEL;

	while (*note != '\0') {
		size_t length = line_length(note, room);

		fprintf(out, "%-*s %.*s\n", LABEL, label, (int)length, note);
		note += length;
		note += strspn(note, " ");
		label = "";
	}
}

/* The note of a cell and the scenarios it comes from. */
static void note_text(const struct survey_cell *cell, char *text, size_t size)
{
	size_t used = (size_t)snprintf(text, size, "%s%s%s", cell->is_measured ? "" : cell->value,
		cell->is_measured || cell->note[0] == '\0' ? "" : ": ", cell->note);
	unsigned int i;

	for (i = 0; i < cell->scenario_count && i < NAMED && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s%s",
			i == 0 && used > 0 ? ": " : "", i > 0 ? ", " : "", cell->scenarios[i]);
	if (cell->scenario_count > NAMED && used < size)
		snprintf(text + used, size - used, " and %u more", cell->scenario_count - NAMED);
}

void report_survey(FILE *out, const struct survey_report *report)
{
	unsigned int i, question = 0;
	char note[512];

	for (i = 0; i < report->count; i++) {
		const struct survey_cell *cell = &report->cells[i];
		const char *texts[COLUMNS];
		unsigned int column;

		if (cell->question != question)
			write_heading(out, report, question = cell->question);
		for (column = 0; column < COLUMNS; column++)
			texts[column] = column_text(cell, column);
		if (!cell->is_measured)
			texts[0] = "-";
		write_columns(out, cell->row, texts);
	}
	fprintf(out, "\nHow it was measured\n");
	for (i = 0; i < report->count; i++) {
		note_text(&report->cells[i], note, sizeof(note));
		write_note(out, report->cells[i].row, note);
	}
}

/* ---- Markdown ---- */

static void write_escaped(FILE *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '|')
			fputc('\\', out);
		fputc(*text, out);
	}
}

void report_survey_markdown(FILE *out, const struct survey_report *report)
{
	unsigned int i, column;
	char note[512];

	fprintf(out, "| row | %s |", measured_name(report));
	for (i = 0; i < SURVEY_STACKS; i++)
		fprintf(out, " %s |", survey_stacks[i]);
	fprintf(out, " how it was measured |\n|---|");
	for (i = 0; i <= COLUMNS; i++)
		fprintf(out, "---|");
	fputc('\n', out);
	for (i = 0; i < report->count; i++) {
		const struct survey_cell *cell = &report->cells[i];

		fprintf(out, "| %s |", cell->row);
		for (column = 0; column < COLUMNS; column++) {
			fputc(' ', out);
			write_escaped(out, column_text(cell, column));
			fprintf(out, " |");
		}
		fputc(' ', out);
		note_text(cell, note, sizeof(note));
		write_escaped(out, cell->is_measured ? note : cell->note);
		fprintf(out, " |\n");
	}
}

/* ---- JSON ---- */

static json_t *published_object(const struct survey_cell *cell)
{
	json_t *object = json_object();
	unsigned int i;

	for (i = 0; i < SURVEY_STACKS; i++) {
		const char *text = survey_published(cell->row, i);
		char name[16];
		size_t k;

		for (k = 0; k < sizeof(name) - 1 && survey_stacks[i][k] != '\0'; k++)
			name[k] = (char)tolower(survey_stacks[i][k]);
		name[k] = '\0';
		json_object_set_new(object, name, *text == '\0' ? json_null() : json_string(text));
	}
	return object;
}

static json_t *cell_object(const struct survey_cell *cell)
{
	json_t *scenarios = json_array();
	unsigned int i;

	for (i = 0; i < cell->scenario_count; i++)
		json_array_append_new(scenarios, json_string(cell->scenarios[i]));
	return json_pack("{s:s,s:i,s:s,s:s,s:o,s:b,s:o}", "row", cell->row, "question",
		(int)cell->question, "value", cell->value, "note", cell->note, "scenarios",
		scenarios, "measured", cell->is_measured, "published", published_object(cell));
}

void report_survey_json(FILE *out, const struct survey_report *report)
{
	json_t *object = json_object(), *cells = json_array(), *versions = json_array();
	json_t *asked = json_array();
	unsigned int i;

	for (i = 0; i < report->count; i++)
		json_array_append_new(cells, cell_object(&report->cells[i]));
	for (i = 0; i < 2; i++) {
		if (report->versions >> i & 1)
			json_array_append_new(versions, json_integer((json_int_t)i));
		if (report->is_asked[i])
			json_array_append_new(asked, json_string(end_text(i)));
	}
	json_object_set_new(object, "schema", json_string("mbkit.survey/1"));
	json_object_set_new(object, "client", json_string(report->stack[CLIENT]));
	json_object_set_new(object, "server", json_string(report->stack[SERVER]));
	json_object_set_new(object, "asked", asked);
	json_object_set_new(object, "versions", versions);
	json_object_set_new(object, "cells", cells);
	json_dumpf(object, out, JSON_COMPACT);
	fputc('\n', out);
	json_decref(object);
}
