/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command_net.c - mbtest net: any command at the client's end of a live path, a server at the
 * other, our network in between.
 */
#include "lua/path_file.h"
#include "mbtest/command_set.h"
#include "mbtest/net/inside.h"
#include "probe/options.h"
#include "mbtest/report_net.h"
#include "mbtest/suite/build.h"
#include "mbtest/suite/wire_log.h"
#include "probe/io/host.h"
#include "probe/io/pcap_log.h"

#include <stdlib.h>
#include <string.h>

/* After the command has ended: until packets on their way have arrived, and for how long at most.
 */
#define QUIET_NS  (20 * NSEC_PER_MS)
#define LINGER_NS (2 * NSEC_PER_SEC)

enum {
	HOSTS_BYTES = 65536,
	HOSTS_LINE = ADDR_TEXT + 16,
};

struct net_options {
	const char *server, *pcap_client, *pcap_server, *summary;
	uint64_t seed;
	unsigned int family; /* 0: 4, 1: 6, 2: both */
	bool mptcp, checksum, json, quiet;
};

static bool set_family(void *self, const char *text, struct err *err)
{
	static const char *const words[] = { "4", "6", "both", NULL };

	return parse_choice("--family", text, words, &((struct net_options *)self)->family, err);
}

static const struct option_row rows[] = {
	OPTION_TEXT_ROW(struct net_options, server, "server", "CMD",
		"run this at the far end (default: an HTTP server)"),
	OPTION_FLAG_ROW(struct net_options, mptcp, "mptcp",
		"TCP sockets of both commands are Multipath TCP's"),
	OPTION_FLAG_ROW(struct net_options, checksum, "checksum", "with DSS checksums"),
	OPTION_CALL_ROW(set_family, "family", "4|6|both", "IP versions of the path (default both)"),
	OPTION_NUMBER_ROW(struct net_options, seed, "seed", 0, INT64_MAX,
		"seed of everything random (default 1)"),
	OPTION_TEXT_ROW(struct net_options, pcap_client, "pcap-client", "FILE",
		"keep the packets at the client's end"),
	OPTION_TEXT_ROW(struct net_options, pcap_server, "pcap-server", "FILE",
		"keep the packets at the server's end"),
	OPTION_TEXT_ROW(struct net_options, summary, "summary", "FILE",
		"write the summary there, not to standard error"),
	OPTION_FLAG_ROW(struct net_options, json, "json", "the summary as JSON (mbkit.net/1)"),
	OPTION_FLAG_ROW(struct net_options, quiet, "quiet", "no summary"),
	OPTION_END_ROW,
};

static const struct command_help help = {
	"mbtest net [options] PATH.lua [--server CMD] -- CMD...",
	"Run a command inside a path: a real program over the real kernel, with links,\n"
	"hops and boxes in between, in real time. Inside, the names client, server, hop1,\n"
	"hop2 and so on are known. Needs root. The exit status is the command's.",
	"  mbtest net scripts/paths/lossy-nat.lua -- curl http://server/\n"
	"  mbtest net slow.lua --server 'iperf3 -s' -- iperf3 -c server\n",
};

/* ---- one run ---- */

struct net_run {
	const struct net_options *options;
	const struct path_plan *paths;
	unsigned int path_count;
	struct net *net;
	struct inside inside;
	struct wire_log log;
	struct pcap_log *pcap[ENDS];
	nsec_t ended_at; /* the command; NSEC_NEVER: not yet */
	nsec_t quiet_ns;
};

static void run_observe(void *self, enum end end, const struct packet *packet, bool outgoing)
{
	struct net_run *run = self;

	wire_log_add(&run->log, end, packet, outgoing);
	if (run->pcap[end] != NULL)
		pcap_log_add(run->pcap[end], packet, packet->at);
}

/* For net_run: the command has ended, and what it sent last has had time to arrive. */
static bool run_done(void *self)
{
	struct net_run *run = self;
	nsec_t now = net_now(run->net);

	if (!inside_ended(&run->inside))
		return false;
	if (run->ended_at == NSEC_NEVER) {
		run->ended_at = now;
		net_set_watch(run->net, -1);
	}
	return now >= run->ended_at + LINGER_NS ||
		(now >= run->log.last + run->quiet_ns && now >= run->ended_at + QUIET_NS);
}

/* One round trip of a path, without queues. */
static nsec_t path_trip(const struct path_plan *path)
{
	nsec_t sum = 0;

	for (unsigned int i = 0; i < path->element_count; i++) {
		const struct element *element = &path->elements[i];

		if (element->kind == ELEMENT_LINK)
			sum += element->link[TO_SERVER].delay_ns +
				element->link[TO_CLIENT].delay_ns;
	}
	return sum;
}

/* Of the longest of them. */
static nsec_t round_trip(const struct net_run *run)
{
	nsec_t longest = 0;

	for (unsigned int i = 0; i < run->path_count; i++) {
		nsec_t trip = path_trip(&run->paths[i]);

		longest = trip > longest ? trip : longest;
	}
	return longest;
}

/* ---- the names inside ---- */

static size_t hosts_add(char *hosts, size_t used, const struct addr *addr, const char *name,
	unsigned int number)
{
	char text[ADDR_TEXT];

	if (used + HOSTS_LINE > HOSTS_BYTES)
		return used;
	used += (size_t)snprintf(hosts + used, HOSTS_BYTES - used, "%s\t%s", addr_text(addr, text),
		name);
	if (number > 0)
		used += (size_t)snprintf(hosts + used, HOSTS_BYTES - used, "%u", number);
	return used + (size_t)snprintf(hosts + used, HOSTS_BYTES - used, "\n");
}

/* client, client2, ...; server; hops are numbered over all paths. */
static size_t hosts_family(const struct net_run *run, unsigned int index, char *hosts, size_t used)
{
	uint8_t family = index == 0 ? 4 : 6;
	struct addr addr = net_server_addr(family);
	unsigned int hops = 0;

	used = hosts_add(hosts, used, &addr, "server", 0);
	for (unsigned int i = 0; i < run->path_count; i++) {
		const struct path_plan *path = &run->paths[i];

		addr = net_client_addr((uint16_t)i, family);
		used = hosts_add(hosts, used, &addr, "client", i > 0 ? i + 1 : 0);
		for (unsigned int k = 0; k < path_hops(path); k++) {
			struct hop_plan hop = path_hop(path, k, hops);

			used = hosts_add(hosts, used, &hop.addr[index], "hop", hops + k + 1);
		}
		hops += path_hops(path);
	}
	return used;
}

static void hosts_write(const struct net_run *run, char hosts[static HOSTS_BYTES])
{
	unsigned int family = run->options->family;
	size_t used = (size_t)snprintf(hosts, HOSTS_BYTES,
		"127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");

	for (unsigned int i = 0; i < 2; i++)
		if (family == 2 || family == i)
			used = hosts_family(run, i, hosts, used);
}

/* ---- the summary ---- */

static bool summary_write(struct net_run *run, const char *file, struct err *err)
{
	struct net_counts counts[NET_PATHS * (SCENARIO_ELEMENTS + 1)];
	struct wire_connection *connections;
	struct net_report report = { .path = file,
		.status = inside_exit_status(&run->inside),
		.elapsed = run->ended_at,
		.path_count = run->path_count,
		.elements = counts };
	FILE *out = stderr;
	bool ok;

	if (run->options->summary != NULL && (out = fopen(run->options->summary, "we")) == NULL)
		return err_set_errno(err, "cannot write %s", run->options->summary);
	report.connection_count = wire_log_connections(&run->log, &connections);
	report.connections = connections;
	memcpy(report.sent, run->log.sent, sizeof(report.sent));
	memcpy(report.arrived, run->log.arrived, sizeof(report.arrived));
	for (unsigned int path = 0; path < run->path_count; path++)
		for (size_t i = 0; i <= SCENARIO_ELEMENTS &&
			net_counts(run->net, (uint16_t)path, i, &counts[report.element_count]);
			i++)
			report.element_count++;
	(run->options->json ? report_net_json : report_net)(out, &report);
	free(connections);
	ok = fflush(out) == 0 && !ferror(out);
	if (out != stderr)
		ok = fclose(out) == 0 && ok;
	/* Nobody is told that standard error is closed. */
	return ok || out == stderr || err_set_errno(err, "cannot write %s", run->options->summary);
}

/* ---- from beginning to end ---- */

static bool run_network(struct net_run *run, struct err *err)
{
	enum net_stop stop;

	if (!inside_start(&run->inside, err))
		return false;
	net_set_watch(run->net, run->inside.signals);
	stop = net_run(run->net, NSEC_NEVER - 1, run_done, run);
	if (stop == NET_FAILED)
		return err_set(err, "%s", net_error(run->net));
	return !inside_refused(&run->inside, err);
}

static bool run_build(struct net_run *run, struct err *err)
{
	const struct net_config config = {
		.clock = CLOCK_REAL,
		.seed = run->options->seed,
		.observe = run_observe,
		.observe_self = run,
	};

	unsigned int hops = 0;

	run->net = net_new(&config);
	for (unsigned int i = 0; i < run->path_count; i++) {
		if (!path_build(run->net, &run->paths[i], hops, err))
			return false;
		hops += path_hops(&run->paths[i]);
	}
	for (size_t end = 0; end < ENDS; end++)
		net_set_tun(run->net, (enum end)end, run->inside.host[end].tun,
			run->inside.host[end].tun_count);
	return true;
}

static bool pcaps_open(struct net_run *run, struct err *err)
{
	const char *const names[ENDS] = { run->options->pcap_client, run->options->pcap_server };

	for (size_t end = 0; end < ENDS; end++) {
		if (names[end] != NULL)
			run->pcap[end] = pcap_log_open(names[end], err);
		if (names[end] != NULL && run->pcap[end] == NULL)
			return false;
	}
	return true;
}

/* What stands at the far end: what was asked for, else what the path says. */
static void plan_far(const struct net_options *options, const struct path_file *file,
	struct inside_plan *plan)
{
	static const enum far_end ends[] = {
		[PATH_SERVER_MPTCP] = FAR_HTTP,
		[PATH_SERVER_TCP] = FAR_HTTP,
		[PATH_SERVER_CLOSED] = FAR_CLOSED,
		[PATH_SERVER_SILENT] = FAR_SILENT,
	};

	plan->far = options->server != NULL ? FAR_SHELL : ends[path_file_server(file)];
	plan->plain_server = path_file_server(file) == PATH_SERVER_TCP;
}

static int run_command(const struct net_options *options, const struct path_file *file,
	const char *name, char **command, struct err *err)
{
	struct inside_plan plan = {
		.command = command,
		.server = options->server,
		.family = options->family == 0 ? 4
			: options->family == 1 ? 6
					       : 0,
		.paths = (uint16_t)path_file_count(file),
		.mptcp = options->mptcp,
		.checksum = options->checksum,
	};
	struct net_run run = { .options = options,
		.paths = path_file_plan(file),
		.path_count = path_file_count(file),
		.ended_at = NSEC_NEVER };
	char hosts[HOSTS_BYTES];
	bool ok;

	run.quiet_ns = QUIET_NS + round_trip(&run);
	hosts_write(&run, hosts);
	plan.hosts = hosts;
	plan_far(options, file, &plan);
	wire_log_init(&run.log);
	ok = inside_open(&run.inside, &plan, err) && run_build(&run, err) &&
		pcaps_open(&run, err) && run_network(&run, err);
	inside_stop(&run.inside);
	for (size_t end = 0; end < ENDS; end++)
		ok = pcap_log_close(run.pcap[end], ok, err);
	if (ok && !options->quiet)
		ok = summary_write(&run, name, err);
	net_free(run.net);
	wire_log_fini(&run.log);
	return ok ? inside_exit_status(&run.inside) : STATUS_WRONG;
}

int command_net(int argc, char **argv, struct err *err)
{
	struct net_options options = { .seed = 1, .family = 2 };
	struct path_file *file;
	int first, status;

	if (!options_parse(argc, argv, rows, &help, &options, &first, &status, err))
		return status;
	if (argc - first < 2) {
		err_set(err, "a path and a command are needed: %s", help.usage);
		return STATUS_WRONG;
	}
	/* A command that has run is not to be lost for that. */
	if (options.summary != NULL && !host_can_write(options.summary, err))
		return STATUS_WRONG;
	file = path_file_load(argv[first], NET_PATHS, err);
	if (file == NULL)
		return STATUS_WRONG;
	status = run_command(&options, file, argv[first], argv + first + 1, err);
	path_file_free(file);
	return status;
}
