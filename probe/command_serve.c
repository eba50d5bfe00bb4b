/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command_serve.c - mpprobe serve: our own endpoint as a server on raw sockets.
 */
#include "probe/command_set.h"
#include "probe/endpoint/key.h"
#include "probe/endpoint/serve.h"
#include "probe/io/interrupt.h"
#include "probe/io/raw_net.h"
#include "probe/report.h"
#include "tracebox/reverse.h"

#include <stdio.h>

enum {
	CONNECTIONS_MOST = 256,
	PORT_DEFAULT = 5001,
};

struct serve_options {
	uint64_t port, count, idle_s, mtu;
	unsigned int speaks;
	bool checksum, json;
};

static bool set_mptcp(void *self, const char *text, struct err *err)
{
	static const char *const words[] = { "0", "1", "both", NULL };
	static const unsigned int speaks[] = { SPEAKS_V0, SPEAKS_V1, SPEAKS_V0 | SPEAKS_V1 };
	unsigned int index;

	if (!parse_choice("--mptcp", text, words, &index, err))
		return false;
	((struct serve_options *)self)->speaks = speaks[index];
	return true;
}

static const struct option_row rows[] = {
	OPTION_NUMBER_ROW(struct serve_options, port, "port", 1, UINT16_MAX,
		"port to serve (default 5001)"),
	OPTION_CALL_ROW(set_mptcp, "mptcp", "0|1|both", "versions spoken (default both)"),
	OPTION_FLAG_ROW(struct serve_options, checksum, "checksum", "ask for DSS checksums"),
	OPTION_NUMBER_ROW(struct serve_options, mtu, "mtu", 576, 9000,
		"size of the largest packet (default 1500)"),
	OPTION_NUMBER_ROW(struct serve_options, idle_s, "idle", 1, 3600,
		"seconds until an idle connection is ended (60)"),
	OPTION_NUMBER_ROW(struct serve_options, count, "count", 1, INT64_MAX,
		"end after so many connections"),
	OPTION_FLAG_ROW(struct serve_options, json, "json", "JSON Lines: mbkit.serve/1"),
	OPTION_END_ROW,
};

static const struct command_help help = {
	"mpprobe serve [options]",
	"Answer every connection to a port with the bytes that it brings, a request for\n"
	"headers with the headers of the packets that were seen, and tracebox --reverse\n"
	"with a trace of the way to it (mpprobe(1)). One line for each connection that\n"
	"has ended. Needs root, or the capabilities CAP_NET_RAW and CAP_NET_ADMIN, which\n"
	"are given up before the first packet. Nobody gets more bytes back than they\n"
	"sent, but for traces: few at a time, and only towards who asked for one.",
	"  sudo mpprobe serve --port 5001\n"
	"  sudo mpprobe serve --mptcp 1 --checksum --count 1\n",
};

struct server {
	const struct serve_options *options;
	const struct report_serve *report;
	int wake; /* becomes readable when somebody wants this to end */
	struct serve *serve;
	struct serve_guest guest; /* who traces the way back */
	uint64_t ended;
	bool stopped;
};

static void tell(const struct report_serve *report, const struct served *served)
{
	const struct conn_info *info = &served->info;
	struct report_served told = { .version = info->version,
		.checksum = info->checksum,
		.subflows = info->subflow_count,
		.received = served->received,
		.answered = served->answered,
		.clean = info->end == END_CLEAN };

	if (info->subflow_count > 0)
		told.client = &info->subflows[0].remote;
	if (info->mode != MODE_MPTCP)
		told.fallback = fallback_text(info->fallback);
	told.answer = served->what == SERVED_ECHO ? REPORT_ECHO
		: served->what == SERVED_HEADERS  ? REPORT_HEADERS
						  : REPORT_TRACE;
	report->connection(stdout, &told);
	fflush(stdout);
}

static bool is_done(void *self)
{
	struct server *server = self;
	struct served served;

	while (serve_ended(server->serve, &served)) {
		tell(server->report, &served);
		server->ended++;
	}
	if (!server->stopped && interrupt_came(server->wake)) {
		server->stopped = true;
		serve_stop(server->serve);
	}
	return (server->options->count > 0 && server->ended >= server->options->count) ||
		(server->stopped && serve_open(server->serve) == 0);
}

static struct endpoint *make_endpoint(const struct serve_options *options)
{
	struct endpoint_config config;
	struct rng rng;

	endpoint_config_default(&config);
	config.speaks = options->speaks;
	config.checksum = options->checksum;
	config.mtu = (uint16_t)options->mtu;
	config.connection_timeout = options->idle_s * NSEC_PER_SEC;
	config.path_manager = "none";
	config.secret_random = true;
	config.synack_once = true;
	rng_init(&rng, key_random());
	return endpoint_new(&config, &rng);
}

static bool run(struct server *server, struct endpoint *endpoint, struct err *err)
{
	const struct serve_options *options = server->options;
	struct serve_config config = { .endpoint = endpoint,
		.connections_most = CONNECTIONS_MOST,
		.idle = options->idle_s * NSEC_PER_SEC,
		.guest = &server->guest };
	struct raw_net_plan place = { .guarded = true,
		.lossy = true,
		.first_port = (uint16_t)options->port,
		.port_count = 1,
		.serves = true,
		.errors = true };
	struct raw_net *net = raw_net_open_plan(&place, err);
	bool ok;

	if (net == NULL)
		return false;
	raw_net_wake(net, server->wake);
	server->serve = serve_new(&config);
	server->report->begin(stdout, place.first_port);
	fflush(stdout);
	ok = raw_net_run(net, serve_machine(server->serve), is_done, server, err);
	serve_free(server->serve);
	raw_net_close(net);
	return ok;
}

static bool serve(const struct serve_options *options, struct endpoint *endpoint, struct err *err)
{
	struct sockname local = { .port = (uint16_t)options->port };
	struct server server = { .options = options,
		.report = options->json ? &report_serve_json : &report_serve_text };
	struct reverse *reverse;
	bool ok;

	if (!endpoint_listen(endpoint, &local, err))
		return false;
	reverse = reverse_new();
	server.guest = reverse_guest(reverse);
	server.wake = interrupt_open(err);
	ok = server.wake >= 0 && run(&server, endpoint, err);
	interrupt_close(server.wake);
	reverse_free(reverse);
	return ok;
}

int command_serve(int argc, char **argv, struct err *err)
{
	struct serve_options options = { .port = PORT_DEFAULT,
		.speaks = SPEAKS_V0 | SPEAKS_V1,
		.idle_s = 60,
		.mtu = 1500 };
	struct endpoint *endpoint;
	int first, status;

	if (!options_parse(argc, argv, rows, &help, &options, &first, &status, err))
		return status;
	if (first != argc) {
		err_set(err, "nothing is expected behind the options: %s", help.usage);
		return STATUS_WRONG;
	}
	endpoint = make_endpoint(&options);
	status = serve(&options, endpoint, err) ? STATUS_FINE : STATUS_WRONG;
	endpoint_free(endpoint);
	return status;
}
