/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * survey.c - see survey.h: what all runs showed, row by row, and the word for it.
 */
#include "mbtest/judge/survey.h"

#include "mbtest/judge/survey_rows.h"
#include "probe/base/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ROWS_MOST = 64,
	VERSIONS = 2,
	BROKEN_MOST = 8,
};

/* What was seen of one row. */
struct sighting {
	unsigned int seen[VERSIONS][ENDS];
	bool was_asked;
	bool is_bound; /* a number that no run had room to exceed */
	const char *scenarios[SURVEY_SCENARIOS];
	unsigned int scenario_count;
	const char *broken[BROKEN_MOST];
	unsigned int broken_count;
};

struct survey {
	struct sighting rows[ROWS_MOST];
	unsigned int versions; /* in which it opened a Multipath TCP connection: 1 << version */
};

struct survey *survey_new(void)
{
	return xcalloc(1, sizeof(struct survey));
}

void survey_free(struct survey *survey)
{
	free(survey);
}

unsigned int survey_rows(void)
{
	unsigned int count = 0;

	while (survey_table[count].name != NULL)
		count++;
	return count;
}

/* ---- taking in ---- */

/* Whether a row is asked by a scenario: its name without the end's, between blanks. */
static bool is_asked(const struct survey_row *row, const struct survey_run *run)
{
	const char *end = strrchr(run->scenario, '-');
	char name[64];

	if (row->scenarios == NULL || end == NULL)
		return false;
	snprintf(name, sizeof(name), " %.*s ", (int)(end - run->scenario), run->scenario);
	return strstr(row->scenarios, name) != NULL;
}

static void name_once(const char **list, unsigned int *count, unsigned int most, const char *name)
{
	unsigned int i;

	for (i = 0; i < *count; i++)
		if (strcmp(list[i], name) == 0)
			return;
	if (*count < most)
		list[(*count)++] = name;
}

static unsigned int merge(const struct survey_row *row, unsigned int a, unsigned int b)
{
	if (row->words != NULL)
		return a | b;
	return a > b ? a : b;
}

static unsigned int highest(const struct sighting *sighting)
{
	unsigned int most = 0, i;

	for (i = 0; i < VERSIONS * ENDS; i++)
		if (sighting->seen[i / ENDS][i % ENDS] > most)
			most = sighting->seen[i / ENDS][i % ENDS];
	return most;
}

static void note_sighting(struct sighting *sighting, const struct survey_row *row,
	const struct survey_run *run, unsigned int seen)
{
	unsigned int *here = &sighting->seen[run->version & 1][run->asked];

	sighting->was_asked = true;
	if (seen == 0)
		return;
	/* Where it had as many as were tried, it might have had more. */
	if (row->words == NULL && seen >= highest(sighting))
		sighting->is_bound =
			seen >= run->subflows && (sighting->is_bound || seen > highest(sighting));
	*here = merge(row, *here, seen);
	name_once(sighting->scenarios, &sighting->scenario_count, SURVEY_SCENARIOS, run->scenario);
	if (row->names_rules && run->broken != NULL)
		name_once(sighting->broken, &sighting->broken_count, BROKEN_MOST, run->broken);
}

void survey_add(struct survey *survey, const struct survey_run *run)
{
	struct judge_input input = { .tap = { run->tap, run->tap } };
	struct scene scene;
	unsigned int i;

	input.is_ours[run->asked] = true;
	scene_init(&scene, &input, run->asked);
	for (i = 0; scene.connection != NULL && i < survey_rows() && i < ROWS_MOST; i++) {
		const struct survey_row *row = &survey_table[i];

		if (is_asked(row, run))
			note_sighting(&survey->rows[i], row, run, row->look(run, &scene));
	}
	if (scene.connection != NULL && survey_asks(run, "open"))
		survey->versions |= look_version(run, &scene);
	scene_fini(&scene);
}

/* ---- words ---- */

static const struct survey_word *word_of(const struct survey_row *row, unsigned int seen)
{
	const struct survey_word *word;

	for (word = row->words; word->value != NULL; word++)
		if ((seen & word->has) == word->has && (seen & word->lacks) == 0)
			return word;
	return NULL;
}

static const char *value_of(const struct survey_row *row, unsigned int seen, char text[static 32])
{
	const struct survey_word *word;

	if (row->words == NULL) {
		snprintf(text, 32, "%u", seen);
		return text;
	}
	word = word_of(row, seen);
	return word == NULL ? "?" : word->value;
}

static void __attribute__((format(printf, 2, 3)))
add_note(struct survey_cell *cell, const char *format, ...)
{
	size_t used = strlen(cell->note);
	va_list args;

	if (used > 0)
		used += (size_t)snprintf(cell->note + used, sizeof(cell->note) - used, "; ");
	va_start(args, format);
	if (used < sizeof(cell->note))
		vsnprintf(cell->note + used, sizeof(cell->note) - used, format, args);
	va_end(args);
}

/* Where the two ends, or the two versions, did not do the same. */
static void note_difference(struct survey_cell *cell, const struct survey_row *row,
	const struct sighting *sighting)
{
	unsigned int ends[ENDS] = { 0 }, versions[VERSIONS] = { 0 }, i;
	char one[32], other[32];

	for (i = 0; i < VERSIONS * ENDS; i++) {
		unsigned int seen = sighting->seen[i / ENDS][i % ENDS];

		ends[i % ENDS] = merge(row, ends[i % ENDS], seen);
		versions[i / ENDS] = merge(row, versions[i / ENDS], seen);
	}
	if (ends[CLIENT] != 0 && ends[SERVER] != 0 &&
		strcmp(value_of(row, ends[CLIENT], one), value_of(row, ends[SERVER], other)) != 0)
		add_note(cell, "as the client %s, as the server %s",
			value_of(row, ends[CLIENT], one), value_of(row, ends[SERVER], other));
	if (versions[0] != 0 && versions[1] != 0 && row->look != look_version &&
		strcmp(value_of(row, versions[0], one), value_of(row, versions[1], other)) != 0)
		add_note(cell, "v0 %s, v1 %s", value_of(row, versions[0], one),
			value_of(row, versions[1], other));
}

static void fill_measured(struct survey_cell *cell, const struct survey_row *row,
	const struct sighting *sighting, unsigned int seen)
{
	const struct survey_word *word = row->words == NULL ? NULL : word_of(row, seen);
	char text[32];
	unsigned int i;

	cell->is_measured = true;
	snprintf(cell->value, sizeof(cell->value), "%s%s", value_of(row, seen, text),
		sighting->is_bound ? " or more" : "");
	if (sighting->is_bound)
		add_note(cell, "no more were tried");
	if (word != NULL && word->note[0] != '\0')
		add_note(cell, "%s", word->note);
	for (i = 0; i < sighting->broken_count; i++)
		add_note(cell, "rule %s was broken", sighting->broken[i]);
	note_difference(cell, row, sighting);
	memcpy(cell->scenarios, sighting->scenarios, sizeof(cell->scenarios));
	cell->scenario_count = sighting->scenario_count;
}

/* What it does in a version that it does not speak says nothing, unless it speaks neither. */
static struct sighting spoken(const struct survey *survey, unsigned int row)
{
	struct sighting sighting = survey->rows[row];
	unsigned int version;

	for (version = 0; version < VERSIONS && survey->versions != 0; version++)
		if (!(survey->versions >> version & 1))
			memset(sighting.seen[version], 0, sizeof(sighting.seen[version]));
	return sighting;
}

void survey_cell(const struct survey *survey, unsigned int row, struct survey_cell *cell)
{
	const struct survey_row *info = &survey_table[row];
	const struct sighting spoke = spoken(survey, row), *sighting = &spoke;
	unsigned int seen = 0, i;

	memset(cell, 0, sizeof(*cell));
	cell->row = info->name;
	cell->question = (unsigned int)strtoul(info->name, NULL, 10);
	for (i = 0; i < VERSIONS * ENDS; i++)
		seen = merge(info, seen, sighting->seen[i / ENDS][i % ENDS]);
	if (seen != 0) {
		fill_measured(cell, info, sighting, seen);
		return;
	}
	snprintf(cell->value, sizeof(cell->value), "%s",
		info->look == NULL ? "not visible on the wire" : "not measured");
	if (info->look == NULL || sighting->was_asked)
		add_note(cell, "%s", info->unseen);
	else
		add_note(cell, "nobody asked: we cannot make that end do it");
}
