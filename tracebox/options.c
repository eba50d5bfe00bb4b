/* SPDX-License-Identifier: BSD-2-Clause */
#include "tracebox/options.h"

#include "probe/options.h"
#include "probe/wire/diff.h"
#include "tracebox/established.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_MAX = 64, HELP_COLUMN = 26 };

/* One option; letter 0: only the long name, name NULL: only the letter. */
struct row {
	char letter;
	const char *name;
	const char *argument;
	const char *help;
	bool (*set)(struct options *options, const char *text, struct err *err);
};

#define FLAG(set_name, member)                                                     \
	static bool set_name(struct options *o, const char *text, struct err *err) \
	{                                                                          \
		(void)text;                                                        \
		(void)err;                                                         \
		o->member = true;                                                  \
		return true;                                                       \
	}
#define TEXT(set_name, member)                                                     \
	static bool set_name(struct options *o, const char *text, struct err *err) \
	{                                                                          \
		(void)err;                                                         \
		o->member = text;                                                  \
		return true;                                                       \
	}
#define NUMBER(set_name, what, low, high, type, member)                            \
	static bool set_name(struct options *o, const char *text, struct err *err) \
	{                                                                          \
		uint64_t value;                                                    \
                                                                                   \
		if (!parse_number(what, text, low, high, &value, err))             \
			return false;                                              \
		o->member = (type)value;                                           \
		return true;                                                       \
	}

FLAG(set_ipv6, ipv6)
FLAG(set_udp, udp)
FLAG(set_numeric, numeric)
FLAG(set_verbose, verbose)
FLAG(set_skip_check, skip_check)
FLAG(set_warnings, warnings)
FLAG(set_debug, debug)
FLAG(set_original_json, original_json)
FLAG(set_json, json)
FLAG(set_established, established)
FLAG(set_reverse, reverse)
TEXT(set_device, device)
TEXT(set_probe, probe)
TEXT(set_script, script)
TEXT(set_chunk, chunk)
TEXT(set_capture, capture)
TEXT(set_sim, sim)
TEXT(set_svg, svg)
TEXT(set_targets, targets)
FLAG(set_resume, resume)
TEXT(set_matrix, matrix)
TEXT(set_bundle, bundle)
NUMBER(set_port, "port", 0, 65535, uint16_t, port)
NUMBER(set_first, "first TTL", 1, 255, uint8_t, trace.first_ttl)
NUMBER(set_probes, "number of probes", 1, TRACE_ATTEMPTS / 2, unsigned int, trace.probes)
NUMBER(set_retries, "number of retries", 0, TRACE_ATTEMPTS / 2, unsigned int, trace.retries)
NUMBER(set_parallel, "number of hops in flight", 1, 255, unsigned int, trace.parallel)
NUMBER(set_rate, "rate", 1, 1000000, uint32_t, trace.rate)
NUMBER(set_mptcp, "MPTCP version", 0, 1, int, mptcp)

static bool set_last(struct options *o, const char *text, struct err *err)
{
	uint64_t value;

	if (!parse_number("last TTL", text, 1, 255, &value, err))
		return false;
	o->trace.last_ttl = (uint8_t)value;
	o->trace.silent_limit = 0;
	return true;
}

static bool set_wait(struct options *o, const char *text, struct err *err)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end != '\0' || !(seconds > 0 && seconds <= 3600))
		return err_set(err,
			"the wait must be more than 0 and at most 3600 seconds, not \"%s\"", text);
	o->trace.wait = (nsec_t)(seconds * 1e9);
	return true;
}

static bool set_shard(struct options *o, const char *text, struct err *err)
{
	unsigned int shard, shards;
	int used = 0;

	if (sscanf(text, "%u/%u%n", &shard, &shards, &used) != 2 || text[used] != '\0' ||
		shard < 1 || shard > shards)
		return err_set(err, "--shard is I/N, I from 1 to N, not \"%s\"", text);
	o->shard = shard;
	o->shards = shards;
	return true;
}

static bool set_unsupported(struct options *o, const char *text, struct err *err)
{
	(void)o;
	(void)text;
	return err_set(err, "sending captures to a web server (-c, -C) is not supported");
}

static bool is_field_name(const char *name)
{
	static const char option_prefix[] = "tcp.option.";
	struct optid id;

	if (strcmp(name, "tcp.option-order") == 0 || strcmp(name, "tcp.option") == 0)
		return true;
	if (strncmp(name, option_prefix, sizeof(option_prefix) - 1) == 0)
		return optid_parse(&id, name);
	return field_find(name) != NULL;
}

static bool set_fail(struct options *o, const char *text, struct err *err)
{
	char names[512], *name, *rest = names;

	if (strlen(text) >= sizeof(names))
		return err_set(err, "--fail-on-change has too many names");
	memcpy(names, text, strlen(text) + 1);
	while ((name = strsep(&rest, ",")) != NULL)
		if (!is_field_name(name))
			return err_set(err, "--fail-on-change: there is no field \"%s\"", name);
	o->fail_on_change = text;
	return true;
}

static const struct row rows[] = {
	{ 'n', NULL, NULL, "print addresses, not names", set_numeric },
	{ '6', NULL, NULL, "IPv6 in the built-in probe", set_ipv6 },
	{ 'u', NULL, NULL, "UDP in the built-in probe", set_udp },
	{ 'd', NULL, "PORT", "destination port of the built-in probe (80)", set_port },
	{ 'i', NULL, "DEV", "interface to use", set_device },
	{ 'm', NULL, "MAX", "last TTL (64, or 8 silent hops in a row)", set_last },
	{ 'M', NULL, "MIN", "first TTL (1)", set_first },
	{ 'p', NULL, "PROBE", "the probe: IP/TCP/MSS/MPCAPABLE", set_probe },
	{ 's', NULL, "FILE", "run a Lua script; HOST and the rest are its arguments", set_script },
	{ 'l', NULL, "LUA", "run a line of Lua", set_chunk },
	{ 'v', NULL, NULL, "values before and after each change", set_verbose },
	{ 'w', NULL, NULL, "tell of padding that probes were completed with", set_warnings },
	{ 'D', NULL, NULL, "tell the capture filter of each hop on standard error", set_debug },
	{ 'f', NULL, "FILE", "write what was sent and received as a capture", set_capture },
	{ 'j', NULL, NULL, "JSON as the original tracebox printed it", set_original_json },
	{ 't', NULL, "SECONDS", "longest wait for an answer (1)", set_wait },
	{ 'S', NULL, NULL, "do not ask for privileges that are not needed", set_skip_check },
	{ 'c', NULL, "URL", NULL, set_unsupported },
	{ 'C', NULL, NULL, NULL, set_unsupported },
	{ 'q', NULL, "N", "probes a hop (1)", set_probes },
	{ 0, "retries", "N", "more probes for a silent hop (2)", set_retries },
	{ 0, "parallel", "N", "hops in flight at once (32)", set_parallel },
	{ 0, "rate", "PPS", "probes a second (10000)", set_rate },
	{ 0, "targets", "FILE|-", "trace many: a target a line; with --json JSON Lines",
		set_targets },
	{ 0, "shard", "I/N", "of the targets every N-th, from the I-th on", set_shard },
	{ 0, "resume", NULL, "go on with the file that output is appended to", set_resume },
	{ 0, "matrix", "PORT,...", "what becomes of each TCP option towards these ports",
		set_matrix },
	{ 0, "mptcp", "0|1", "version of the MPTCP options (1; 0 in scripts)", set_mptcp },
	{ 0, "established", NULL, "trace data and ACKs of a connection, not its SYN",
		set_established },
	{ 0, "reverse", NULL, "the same, and the way back from mpprobe serve", set_reverse },
	{ 0, "json", NULL, "JSON, mbkit.trace/1", set_json },
	{ 0, "bundle", "FILE.tar.gz", "capture, reports, command line, versions in one file",
		set_bundle },
	{ 0, "svg", "FILE", "the path as a picture", set_svg },
	{ 0, "fail-on-change", "FIELD,...", "exit 1 when one of these is changed", set_fail },
	{ 0, "sim", "PATH.lua", "trace a simulated path, without privileges", set_sim },
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static void print_help(void)
{
	printf("usage: tracebox [options] HOST [script arguments]\n\n"
	       "What does the path to HOST do to packets, and between which hops?\n\noptions:\n");
	for (int i = 0; i < ROWS; i++) {
		char left[64];

		if (rows[i].help == NULL)
			continue;
		snprintf(left, sizeof(left), "%s%c%s%s%s", rows[i].letter ? "-" : "--",
			rows[i].letter ? rows[i].letter : rows[i].name[0],
			rows[i].letter ? "" : rows[i].name + 1, rows[i].argument != NULL ? " " : "",
			rows[i].argument != NULL ? rows[i].argument : "");
		printf("  %-*s %s\n", HELP_COLUMN - 2, left, rows[i].help);
	}
	printf("  %-*s %s\n  %-*s %s\n", HELP_COLUMN - 2, "-h, --help", "print this and exit",
		HELP_COLUMN - 2, "-V, --version", "print the version and exit");
	printf("\nexamples:\n"
	       "  tracebox -n -p IP/TCP/MSS/MPCAPABLE example.org\n"
	       "  tracebox --sim scripts/paths/strip.lua --mptcp 1 --json\n");
}

/* Getopt's two tables; a long option's value is LONG_ONLY and its row. */
static void fill_getopt(char *letters, struct option *options)
{
	*letters++ = ':';
	*letters++ = 'h';
	*letters++ = 'V';
	*options++ = (struct option){ "help", no_argument, NULL, 'h' };
	*options++ = (struct option){ "version", no_argument, NULL, 'V' };
	for (int i = 0; i < ROWS; i++) {
		if (rows[i].letter != 0) {
			*letters++ = rows[i].letter;
			if (rows[i].argument != NULL)
				*letters++ = ':';
		}
		if (rows[i].name != NULL)
			*options++ = (struct option){ rows[i].name,
				rows[i].argument != NULL ? required_argument : no_argument, NULL,
				LONG_ONLY + i };
	}
	*letters = '\0';
	*options = (struct option){ NULL, 0, NULL, 0 };
}

static const struct row *find_row(int value)
{
	if (value >= LONG_ONLY)
		return &rows[value - LONG_ONLY];
	for (int i = 0; i < ROWS; i++)
		if (rows[i].letter == value)
			return &rows[i];
	return NULL;
}

static bool is_script(const struct options *o)
{
	return o->script != NULL || o->chunk != NULL;
}

static bool check_established(const struct options *o, struct err *err)
{
	unsigned int numbers = (o->trace.probes + o->trace.retries) * (o->trace.last_ttl + 1u);
	const char *name = o->reverse ? "--reverse" : "--established";

	if (o->targets != NULL || is_script(o) || o->probe != NULL || o->matrix != NULL || o->udp ||
		o->original_json)
		return err_set(err, "%s makes its own probes and its own report", name);
	if (o->device != NULL && strncmp(o->device, "pcap:", 5) == 0)
		return err_set(err, "%s needs a network, not captures", name);
	if (numbers > ESTABLISHED_NUMBERS)
		return err_set(err,
			"%s cannot tell %u probes apart, only %d: lower -q, --retries or -m", name,
			numbers, ESTABLISHED_NUMBERS);
	return true;
}

/* What cannot be said of one option alone. */
static bool check_options(const struct options *o, struct err *err)
{
	if (o->trace.first_ttl > o->trace.last_ttl)
		return err_set(err, "the first TTL (%u) is behind the last (%u)",
			o->trace.first_ttl, o->trace.last_ttl);
	if (o->probe != NULL && is_script(o))
		return err_set(err, "a script and a probe cannot be given at the same time");
	if (o->argument_count > 1 && !is_script(o))
		return err_set(err, "one host is traced, and there is %s, too", o->arguments[1]);
	if (o->script != NULL && o->chunk != NULL)
		return err_set(err, "-s and -l cannot be given at the same time");
	if (o->original_json && o->json)
		return err_set(err, "-j and --json cannot be given at the same time");
	if (o->targets != NULL && (o->host != NULL || is_script(o)))
		return err_set(err, "with --targets there is neither a host nor a script");
	if (o->matrix != NULL &&
		(o->targets != NULL || is_script(o) || o->probe != NULL || o->udp ||
			o->original_json || o->svg != NULL))
		return err_set(err, "--matrix makes its own probes and its own table");
	if ((o->bundle != NULL || o->svg != NULL) &&
		(o->matrix != NULL || o->targets != NULL || is_script(o)))
		return err_set(err, "%s is about one trace",
			o->bundle != NULL ? "--bundle" : "--svg");
	if (is_script(o) && (o->json || o->fail_on_change != NULL))
		return err_set(err, "a script makes its own report, without %s",
			o->json ? "--json" : "--fail-on-change");
	if (o->shards > 1 && o->targets == NULL)
		return err_set(err, "--shard goes with --targets");
	if (o->resume && (o->targets == NULL || !o->json))
		return err_set(err, "--resume goes with --targets and --json");
	if (o->sim != NULL && o->device != NULL)
		return err_set(err, "a simulated path has no interface for -i");
	if ((o->established || o->reverse) && !check_established(o, err))
		return false;
	if (o->host == NULL && !is_script(o) && o->sim == NULL && o->targets == NULL)
		return err_set(err, "a destination host is needed (see tracebox --help)");
	return true;
}

enum options_end options_fill(struct options *options, int argc, char **argv, struct err *err)
{
	char letters[2 * ROWS_MAX];
	struct option table[ROWS_MAX];
	int got;

	memset(options, 0, sizeof(*options));
	trace_config_default(&options->trace);
	options->port = 80;
	options->mptcp = -1;
	options->shard = options->shards = 1;
	fill_getopt(letters, table);
	opterr = 0;
	while ((got = getopt_long(argc, argv, letters, table, NULL)) != -1) {
		const struct row *row = find_row(got);

		if (got == 'h') {
			print_help();
			return OPTIONS_DONE;
		}
		if (got == 'V') {
			printf("tracebox %s\n", MBKIT_VERSION);
			return OPTIONS_DONE;
		}
		if (row == NULL) {
			option_refuse(got, argv, err);
			return OPTIONS_WRONG;
		}
		if (!row->set(options, optarg, err))
			return OPTIONS_WRONG;
	}
	/* Behind all options stands the host, and behind it what belongs to a script. */
	options->host = optind < argc ? argv[optind] : NULL;
	options->arguments = argv + optind;
	options->argument_count = argc - optind;
	return check_options(options, err) ? OPTIONS_RUN : OPTIONS_WRONG;
}

/* Whether a name, length bytes of it, means a field: an option has several ("tcp.option.2"). */
static bool is_meant(const char *name, size_t length, const char *field)
{
	struct optid pattern, option;
	char text[OPTID_TEXT];

	snprintf(text, sizeof(text), "%.*s", (int)length, name);
	if (optid_parse(&pattern, text) && optid_parse(&option, field))
		return optid_matches(&pattern, &option);
	return strncmp(name, field, length) == 0 && (field[length] == '\0' || field[length] == '.');
}

bool options_fail_on(const struct options *options, const char *field)
{
	const char *name = options->fail_on_change;

	while (name != NULL && *name != '\0') {
		size_t length = strcspn(name, ",");

		if (is_meant(name, length, field))
			return true;
		name += length + (name[length] == ',');
	}
	return false;
}
