/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_catalogue.c - what there is, for people and as mbkit.catalogue/1.
 */
#include "mbtest/report.h"

#include <jansson.h>

#include <stdlib.h>
#include <string.h>

/* Next row of the run whose scenario exercises a rule, each name once; the number of rows: none. */
static size_t next_exercise(const struct report_run *run, unsigned int rule, size_t from)
{
	size_t i;

	for (i = from; i < run->count; i++) {
		const struct report_row *row = &run->rows[i];

		if (!(row->result.rules_exercised[rule / 64] >> rule % 64 & 1))
			continue;
		if (from > 0 &&
			strcmp(run->rows[from - 1].scenario->name, row->scenario->name) == 0)
			continue;
		break;
	}
	return i;
}

/* ---- for people ---- */

/* Words of a text in lines of 80 columns, each after indent spaces. */
static void print_wrapped(FILE *out, int indent, const char *text)
{
	int column = 0;

	while (*text != '\0') {
		int length = (int)strcspn(text, " ");

		if (column == 0 || column + 1 + length > 79) {
			fprintf(out, "%s%*s", column == 0 ? "" : "\n", indent, "");
			column = indent;
		} else {
			fputc(' ', out);
			column++;
		}
		fprintf(out, "%.*s", length, text);
		column += length;
		text += length + (text[length] == ' ');
	}
	fputc('\n', out);
}

static void print_params(FILE *out, const struct box_param *params)
{
	char line[512];
	size_t i;

	for (; params != NULL && params->name != NULL; params++) {
		size_t used =
			(size_t)snprintf(line, sizeof(line), "%s: %s", params->name, params->help);

		for (i = 0; params->choices != NULL && params->choices[i] != NULL; i++)
			used += (size_t)snprintf(line + used, sizeof(line) - used,
				params->kind == PARAM_TEXT ? "%s\"%s\"" : "%s%s",
				i > 0                                  ? ", "
					: params->kind == PARAM_CHOICE ? ": "
								       : ", such as ",
				params->choices[i]);
		if (params->default_text == NULL)
			snprintf(line + used, sizeof(line) - used, " (must be given)");
		else if (*params->default_text != '\0')
			snprintf(line + used, sizeof(line) - used, " (default %s)",
				params->default_text);
		print_wrapped(out, 4, line);
	}
}

static void print_boxes(FILE *out, const struct catalogue *catalogue)
{
	size_t i;

	fprintf(out, "every box\n");
	print_params(out, box_when_params);
	for (i = 0; i < catalogue->box_count; i++) {
		const struct catalogue_box *box = &catalogue->boxes[i];

		fprintf(out, "%s%s\n", box->name, box->is_lua ? " (Lua)" : "");
		print_wrapped(out, 2, box->type->help);
		print_params(out, box->type->params);
	}
}

static void print_scenarios(FILE *out, const struct catalogue *catalogue)
{
	size_t i, k;

	for (i = 0; i < catalogue->suite_count; i++) {
		for (k = 0; k < catalogue->suites[i].count; k++) {
			const struct scenario *scenario = catalogue->suites[i].scenarios[k];

			fprintf(out, "%s/%s\n", catalogue->suites[i].name, scenario->name);
			print_wrapped(out, 4, scenario->help);
		}
	}
}

/* Of the scenarios that exercise a rule as many names as a line holds, and how many there are. */
static size_t name_exercises(const struct report_run *run, unsigned int rule, char *line,
	size_t width)
{
	size_t row = 0, times = 0, used = 0;
	bool is_full = false;

	line[0] = '\0';
	for (; (row = next_exercise(run, rule, row)) < run->count; row++, times++) {
		const char *name = run->rows[row].scenario->name;

		/* What is left out is said to be: " ..." */
		is_full = is_full || used + strlen(name) + strlen(",  ...") > width;
		if (!is_full)
			used += (size_t)snprintf(line + used, width - used, "%s%s",
				times == 0 ? "" : ", ", name);
	}
	if (is_full)
		snprintf(line + used, width - used, " ...");
	return times;
}

static void print_rules(FILE *out, const struct catalogue *catalogue)
{
	static const char *const strengths[] = { "must", "should", "may", "open" };
	char line[80 - sizeof("    scenarios:")];
	unsigned int i;

	for (i = 0; i < rule_count(); i++) {
		const struct rule_info *info = rule_info(i);
		size_t times = name_exercises(catalogue->run, i, line, sizeof(line));

		fprintf(out, "%-4s %-6s exercised by %zu scenario%s\n", info->name,
			strengths[info->strength], times, times == 1 ? "" : "s");
		print_wrapped(out, 4, info->text);
		if (times > 0)
			fprintf(out, "    scenarios: %s\n", line);
	}
}

void report_catalogue(FILE *out, const struct catalogue *catalogue)
{
	size_t i;

	if (catalogue->parts & CATALOGUE_BOXES)
		print_boxes(out, catalogue);
	for (i = 0; (catalogue->parts & CATALOGUE_SUITES) && i < catalogue->suite_count; i++)
		fprintf(out, "%-12s %zu scenarios\n", catalogue->suites[i].name,
			catalogue->suites[i].count);
	if (catalogue->parts & CATALOGUE_SCENARIOS)
		print_scenarios(out, catalogue);
	for (i = 0; (catalogue->parts & CATALOGUE_FAULTS) && i < catalogue->fault_count; i++) {
		fprintf(out, "%s\n", catalogue->faults[i].name);
		print_wrapped(out, 2, catalogue->faults[i].text);
	}
	if (catalogue->parts & CATALOGUE_RULES)
		print_rules(out, catalogue);
}

/* ---- mbkit.catalogue/1 ---- */

static json_t *params_array(const struct box_param *params)
{
	static const char *const kinds[] = { "int", "bool", "choice", "ratio", "text", "addr",
		"time", "point" };
	json_t *array = json_array();
	size_t i;

	for (; params != NULL && params->name != NULL; params++) {
		json_t *object = json_pack("{s:s, s:s, s:s, s:s?}", "param", params->name, "kind",
			kinds[params->kind], "text", params->help, "default", params->default_text);

		if (params->choices != NULL) {
			json_t *choices = json_array();

			for (i = 0; params->choices[i] != NULL; i++)
				json_array_append_new(choices, json_string(params->choices[i]));
			json_object_set_new(object,
				params->kind == PARAM_CHOICE ? "choices" : "examples", choices);
		}
		if (params->kind == PARAM_INT) {
			json_object_set_new(object, "min", json_integer(params->min));
			json_object_set_new(object, "max", json_integer(params->max));
		}
		json_array_append_new(array, object);
	}
	return array;
}

static json_t *rules_array(const struct catalogue *catalogue)
{
	json_t *array = json_array();
	unsigned int i;

	for (i = 0; i < rule_count(); i++) {
		json_t *names = json_array();
		size_t row = 0;

		while ((row = next_exercise(catalogue->run, i, row)) < catalogue->run->count) {
			json_array_append_new(names,
				json_string(catalogue->run->rows[row].scenario->name));
			row++;
		}
		json_array_append_new(array,
			json_pack("{s:s, s:s, s:o}", "rule", rule_info(i)->name, "text",
				rule_info(i)->text, "scenarios", names));
	}
	return array;
}

static json_t *boxes_array(const struct catalogue *catalogue)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < catalogue->box_count; i++) {
		const struct catalogue_box *box = &catalogue->boxes[i];

		json_array_append_new(array,
			json_pack("{s:s, s:s, s:o, s:s}", "box", box->name, "text", box->type->help,
				"params", params_array(box->type->params), "language",
				box->is_lua ? "lua" : "c"));
	}
	return array;
}

static json_t *suites_array(const struct catalogue *catalogue)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < catalogue->suite_count; i++)
		json_array_append_new(array,
			json_pack("{s:s, s:I}", "suite", catalogue->suites[i].name, "scenarios",
				(json_int_t)catalogue->suites[i].count));
	return array;
}

static json_t *scenarios_array(const struct catalogue *catalogue)
{
	json_t *array = json_array();
	size_t i, k;

	for (i = 0; i < catalogue->suite_count; i++) {
		for (k = 0; k < catalogue->suites[i].count; k++) {
			const struct scenario *scenario = catalogue->suites[i].scenarios[k];

			json_array_append_new(array,
				json_pack("{s:s, s:s, s:s, s:s}", "suite",
					catalogue->suites[i].name, "scenario", scenario->name,
					"text", scenario->help, "group", scenario->group));
		}
	}
	return array;
}

static json_t *faults_array(const struct catalogue *catalogue)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < catalogue->fault_count; i++)
		json_array_append_new(array,
			json_pack("{s:s, s:s}", "fault", catalogue->faults[i].name, "text",
				catalogue->faults[i].text));
	return array;
}

void report_catalogue_json(FILE *out, const struct catalogue *catalogue)
{
	json_t *object = json_pack("{s:s}", "schema", "mbkit.catalogue/1");

	if (catalogue->parts & CATALOGUE_RULES)
		json_object_set_new(object, "rules", rules_array(catalogue));
	if (catalogue->parts & CATALOGUE_BOXES)
		json_object_set_new(object, "boxes", boxes_array(catalogue));
	if (catalogue->parts & CATALOGUE_SUITES)
		json_object_set_new(object, "suites", suites_array(catalogue));
	if (catalogue->parts & CATALOGUE_SCENARIOS)
		json_object_set_new(object, "scenarios", scenarios_array(catalogue));
	if (catalogue->parts & CATALOGUE_FAULTS)
		json_object_set_new(object, "faults", faults_array(catalogue));
	json_dumpf(object, out, JSON_COMPACT);
	fputc('\n', out);
	json_decref(object);
}
