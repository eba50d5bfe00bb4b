/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * survey_rows.h - the table of the survey's rows: what asks, who looks, which words answer.
 * Internal to the survey.
 */
#ifndef MBTEST_JUDGE_SURVEY_ROWS_H
#define MBTEST_JUDGE_SURVEY_ROWS_H

#include "mbtest/judge/scene.h"
#include "mbtest/judge/survey.h"

/* What a look can see, as a set; the bits mean what the row's words say. 0: this run tells nothing.
 */
enum {
	SEEN_YES = 1,
	SEEN_NO = 2,
	SEEN_TELLS = 1, /* it signals this when there is something to signal, ... */
	SEEN_MUTE = 2,  /* ... or does not; */
	SEEN_HEEDS = 4, /* it does what the peer's signal asks for, ... */
	SEEN_DEAF = 8,  /* ... or does not */
};

/* The scene is that of the host asked; there is a connection in it. */
typedef unsigned int survey_look(const struct survey_run *run, const struct scene *scene);

/* An answer for what was seen in all runs: the first word whose bits are there and none it lacks.
 */
struct survey_word {
	unsigned int has, lacks;
	const char *value, *note; /* a list ends with value NULL */
};

struct survey_row {
	const char *name;                /* "3.dss.checksum" */
	const char *scenarios;           /* " open join ", or NULL: no packet shows it */
	survey_look *look;               /* NULL with scenarios NULL */
	const struct survey_word *words; /* NULL: what is seen is a number, the highest counts */
	const char *unseen;              /* why there is no answer */
	bool names_rules;                /* the note says which rules were broken */
};

/* Ends with name NULL. */
extern const struct survey_row survey_table[];

/* survey_looks.c */
survey_look look_family, look_version, look_capable, look_join, look_initiator, look_subflows,
	look_dss, look_data_ack, look_dsn, look_data_fin, look_checksum, look_add_addr,
	look_remove_addr, look_fastclose, look_plain, look_no_join, look_no_dss, look_no_data_ack,
	look_flip, look_infinite, look_corner, look_reached;

/* survey_paths.c: where data goes, with several subflows */
survey_look look_ports, look_hmac, look_hmac_checked, look_algorithms, look_registry, look_resend,
	look_sharing, look_handover, look_priority;

/* The scenario without the name of the end asked is this. */
bool survey_asks(const struct survey_run *run, const char *scenario);

/* A join that is open at the host asked, whoever began it; NULL: none. */
const struct subflow_view *survey_join(const struct scene *scene);

#endif
