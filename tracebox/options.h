/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options.h - the command line of tracebox, from one table: it makes the getopt strings and the
 * help, so that help cannot lie.
 */
#ifndef TRACEBOX_OPTIONS_H
#define TRACEBOX_OPTIONS_H

#include "probe/base/err.h"
#include "tracebox/trace.h"

enum { FAIL_FIELDS = 32 };

struct options {
	struct trace_config trace;
	bool has_last_ttl;
	bool ipv6, udp, numeric, verbose, skip_check, warnings, debug;
	bool original_json, json;
	bool established, reverse; /* the second implies the first */
	uint16_t port;
	int mptcp;           /* -1: not given */
	const char *probe;   /* -p */
	const char *script;  /* -s */
	const char *chunk;   /* -l */
	const char *device;  /* -i */
	const char *capture; /* -f */
	const char *sim;
	const char *targets;        /* --targets */
	unsigned int shard, shards; /* 1 of 1: all */
	bool resume;
	const char *bundle;
	const char *matrix; /* ports */
	const char *svg;
	const char *fail_on_change; /* names separated by commas */
	const char *host;
	char **arguments; /* behind the host; with -s and -l the host is the first */
	int argument_count;
};

enum options_end {
	OPTIONS_RUN,
	OPTIONS_DONE,  /* help or version was printed: exit 0 */
	OPTIONS_WRONG, /* err says what: exit 2 */
};

enum options_end options_fill(struct options *options, int argc, char **argv, struct err *err);

/* Whether a field's name is among those of fail_on_change; a name covers what begins with it. */
bool options_fail_on(const struct options *options, const char *field);

#endif
