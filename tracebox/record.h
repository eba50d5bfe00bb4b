/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record.h - the traces of one live connection as lines of text: written where they were made, read
 * where they are reported. What is told are packets, probes and answers, and no findings: the
 * reader comes to its own, so that none is without a hop that quotes it.
 *
 * JSON, an object a line: the connection; for each kind of segment what was sent, and a line for
 * each hop that was asked; last a line with the hash of all before it, for these lines have come by
 * a path that changes things.
 */
#ifndef TRACEBOX_RECORD_H
#define TRACEBOX_RECORD_H

#include "probe/base/json_text.h"
#include "tracebox/established.h"

enum {
	RECORD_BYTES = 1 << 20, /* nobody has more to tell */
	RECORD_LAST_LINE = 64,  /* bytes of the last line, at most */
};

/* What the last line begins with. */
#define RECORD_END "{\"hash\":"

struct record {
	struct established_part parts[ESTABLISHED_PARTS]; /* traces owned */
	size_t part_count;
	struct conn_info info; /* as far as it was told */
};

void record_write(struct json_text *json, const struct established_part *parts, size_t count,
	const struct conn_info *info);

/* False, and nothing to be freed, when these are no such lines or not as they were written. */
bool record_read(struct record *record, const char *text, size_t length);
void record_fini(struct record *record);

#endif
