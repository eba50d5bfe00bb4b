/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command_connect.c - mpprobe connect: one connection from raw sockets, by our own endpoint, and
 * what its peer did. What is told about the peer comes from the packets alone.
 */
#include "probe/base/alloc.h"
#include "probe/command_set.h"
#include "probe/command_target.h"
#include "probe/endpoint/client.h"
#include "probe/endpoint/key.h"
#include "probe/io/host.h"
#include "probe/io/interrupt.h"
#include "probe/io/pcap_file.h"
#include "probe/io/raw_net.h"
#include "probe/report.h"

#include <stdlib.h>
#include <string.h>

enum {
	PORT_FIRST = 20000,
	PORT_SPAN = 12000, /* below what the kernel gives away by itself */
	PORT_DEFAULT = 80,
	STATUS_TEXT = 160,
	FILE_MOST = 1 << 30,
};

struct connect_options {
	const char *send, *get, *pcap, *output;
	uint64_t bytes, joins, mptcp, timeout_s, mtu;
	const char *via[RAW_NET_ROUTES];
	unsigned int via_count;
	bool json, checksum, v4, v6;
};

static bool set_via(void *self, const char *text, struct err *err)
{
	struct connect_options *options = self;

	if (options->via_count == RAW_NET_ROUTES)
		return err_set(err, "--via can be given %d times at most", RAW_NET_ROUTES);
	options->via[options->via_count++] = text;
	return true;
}

static const struct option_row rows[] = {
	OPTION_TEXT_ROW(struct connect_options, send, "send", "FILE", "send what is in a file"),
	OPTION_TEXT_ROW(struct connect_options, get, "get", "PATH", "ask for a path, by HTTP/1.0"),
	OPTION_NUMBER_ROW(struct connect_options, bytes, "bytes", 1, (uint64_t)1 << 40,
		"send so many bytes of a pattern"),
	OPTION_NUMBER_ROW(struct connect_options, joins, "join", 1, CLIENT_JOINS,
		"open so many further subflows from the same address"),
	OPTION_CALL_ROW(set_via, "via", "IF", "a further subflow from this interface (several)"),
	OPTION_NUMBER_ROW(struct connect_options, mptcp, "mptcp", 0, 1,
		"version of Multipath TCP (default 1)"),
	OPTION_FLAG_ROW(struct connect_options, checksum, "checksum", "ask for DSS checksums"),
	OPTION_FLAG_ROW(struct connect_options, v4, "ipv4", "IPv4 only"),
	OPTION_FLAG_ROW(struct connect_options, v6, "ipv6", "IPv6 only"),
	OPTION_NUMBER_ROW(struct connect_options, mtu, "mtu", 576, 9000,
		"size of the largest packet (default 1500)"),
	OPTION_NUMBER_ROW(struct connect_options, timeout_s, "timeout", 1, 3600,
		"seconds without progress (default 10)"),
	OPTION_TEXT_ROW(struct connect_options, output, "output", "FILE",
		"write what is received to a file"),
	OPTION_TEXT_ROW(struct connect_options, pcap, "pcap", "FILE",
		"write the packets to a file"),
	OPTION_FLAG_ROW(struct connect_options, json, "json", "one object, mbkit.visit/1"),
	OPTION_END_ROW,
};

static const struct command_help help = {
	"mpprobe connect [options] HOST[:PORT]",
	"Connect to a host (port 80 by default) with a Multipath TCP endpoint of our own,\n"
	"on raw sockets; send and receive, open further subflows, and say what the other\n"
	"side did: version, flags, joins, addresses, fallback. Needs root, or the\n"
	"capabilities CAP_NET_RAW and CAP_NET_ADMIN, which are given up before the first\n"
	"packet.",
	"  sudo mpprobe connect --get / --join 1 www.example.org\n"
	"  sudo mpprobe connect --bytes 1000000 --via wlan0 --pcap x.pcap 198.18.1.2:5001\n",
};

/* ---- what is sent, and what comes back ---- */

struct stream {
	const uint8_t *bytes; /* a file or a request; NULL: a pattern */
	uint8_t *owned;
	uint64_t length;
	FILE *output;
	bool compare, differs;
	uint64_t received;
	char status[STATUS_TEXT];
};

static uint8_t pattern_byte(uint64_t offset)
{
	return (uint8_t)(offset * 167 + (offset >> 8) * 13 + (offset >> 16) * 7 + 1);
}

static void stream_fill_out(void *self, uint64_t offset, uint8_t *bytes, size_t length)
{
	const struct stream *stream = self;
	size_t i;

	if (stream->bytes != NULL) {
		memcpy(bytes, stream->bytes + offset, length);
		return;
	}
	for (i = 0; i < length; i++)
		bytes[i] = pattern_byte(offset + i);
}

static void stream_take(void *self, uint64_t offset, const uint8_t *bytes, size_t length)
{
	struct stream *stream = self;
	size_t i;

	if (stream->output != NULL)
		fwrite(bytes, 1, length, stream->output);
	for (i = 0; stream->compare && i < length; i++) {
		uint64_t at = offset + i;

		if (at >= stream->length ||
			bytes[i] != (stream->bytes != NULL ? stream->bytes[at] : pattern_byte(at)))
			stream->differs = true;
	}
	for (i = 0; i < length && offset + i < STATUS_TEXT - 1; i++)
		stream->status[offset + i] = (char)bytes[i];
	stream->received += length;
}

static bool read_file(struct stream *stream, const char *name, struct err *err)
{
	FILE *file = fopen(name, "rb");
	size_t capacity = 0, got = 0;

	if (file == NULL)
		return err_set_errno(err, "cannot read %s", name);
	do {
		stream->owned = xgrow(stream->owned, stream->length, &capacity, 1);
		got = fread(stream->owned + stream->length, 1, capacity - stream->length, file);
		stream->length += got;
	} while (got > 0 && stream->length < FILE_MOST);
	stream->bytes = stream->owned;
	if (!ferror(file) && got == 0) {
		fclose(file);
		return true;
	}
	fclose(file);
	if (got > 0)
		return err_set(err, "%s has more than 1 GiB", name);
	return err_set_errno(err, "cannot read %s", name);
}

static void make_request(struct stream *stream, const char *path, const char *host)
{
	size_t size = strlen(path) + strlen(host) + 100;
	char *text = xmalloc(size);

	snprintf(text, size, "GET %s%s HTTP/1.0\r\nHost: %s\r\nUser-Agent: mpprobe/%s\r\n\r\n",
		*path == '/' ? "" : "/", path, host, MBKIT_VERSION);
	stream->owned = (uint8_t *)text;
	stream->bytes = stream->owned;
	stream->length = strlen(text);
}

static bool open_stream(struct stream *stream, const struct connect_options *options,
	const char *host, struct err *err)
{
	int ways = (options->send != NULL) + (options->get != NULL) + (options->bytes > 0);

	if (ways > 1)
		return err_set(err, "only one of --send, --get and --bytes can be sent");
	if (ways == 0 && options->joins + options->via_count > 0)
		return err_set(err,
			"further subflows need data to be sent: --send, --get or --bytes");
	stream->length = options->bytes;
	stream->compare = options->get == NULL && ways > 0;
	if (options->get != NULL)
		make_request(stream, options->get, host);
	else if (options->send != NULL && !read_file(stream, options->send, err))
		return false;
	if (options->pcap != NULL && !host_can_write(options->pcap, err))
		return false;
	if (options->output == NULL)
		return true;
	stream->output = fopen(options->output, "wb");
	if (stream->output == NULL)
		return err_set_errno(err, "cannot write %s", options->output);
	return true;
}

/* done: the connection was made; else no file is left. False with a sentence of its own. */
static bool close_stream(struct stream *stream, const char *output, bool done, struct err *err)
{
	bool ok = true;

	free(stream->owned);
	if (stream->output == NULL)
		return true;
	ok = fflush(stream->output) == 0 && !ferror(stream->output);
	if (!ok)
		err_set_errno(err, "cannot write %s", output);
	fclose(stream->output);
	if (!ok || !done)
		host_discard(output);
	return ok;
}

/* ---- the connection ---- */

struct visit {
	const struct connect_options *options;
	struct client_config client;
	struct raw_net_plan place;
	int wake; /* becomes readable when somebody wants this to end */
	struct client *running;
	struct capture record;
	struct stream stream;
};

/* Where every subflow leaves from: ports in a row, so that one rule and one filter have them. */
static bool plan_subflows(struct visit *visit, struct err *err)
{
	const struct connect_options *options = visit->options;
	struct client_config *client = &visit->client;
	uint16_t port = (uint16_t)(PORT_FIRST + key_random() % PORT_SPAN);
	unsigned int i;

	if (options->joins + options->via_count > CLIENT_JOINS)
		return err_set(err, "a connection can have %d further subflows", CLIENT_JOINS);
	if (!host_source(&client->remote.addr, NULL, &client->local.addr, err))
		return false;
	client->local.port = port;
	for (i = 0; i < options->joins; i++) {
		client->joins[client->join_count].addr = client->local.addr;
		client->joins[client->join_count++].port = ++port;
	}
	for (i = 0; i < options->via_count; i++) {
		struct sockname *join = &client->joins[client->join_count++];

		if (!host_source(&client->remote.addr, options->via[i], &join->addr, err))
			return false;
		join->port = ++port;
		if (addr_equal(&join->addr, &client->local.addr))
			continue;
		visit->place.routes[visit->place.route_count].device = options->via[i];
		visit->place.routes[visit->place.route_count++].source = join->addr;
	}
	visit->place.first_port = client->local.port;
	visit->place.port_count = 1 + client->join_count;
	return true;
}

static bool is_done(void *self)
{
	struct visit *visit = self;

	if (interrupt_came(visit->wake))
		client_stop(visit->running);
	return client_done(visit->running);
}

static struct endpoint *make_endpoint(const struct connect_options *options)
{
	struct endpoint_config config;
	struct rng rng;

	endpoint_config_default(&config);
	config.speaks = options->mptcp == 0 ? SPEAKS_V0 : SPEAKS_V1;
	config.checksum = options->checksum;
	config.mtu = (uint16_t)options->mtu;
	config.connection_timeout = options->timeout_s * NSEC_PER_SEC;
	config.path_manager = "none";
	config.secret_random = true;
	rng_init(&rng, key_random());
	return endpoint_new(&config, &rng);
}

static bool run(struct visit *visit, struct client_result *result, struct err *err)
{
	struct raw_net *net = raw_net_open_plan(&visit->place, err);
	bool ok;

	if (net == NULL)
		return false;
	raw_net_record(net, &visit->record);
	raw_net_wake(net, visit->wake);
	visit->running = client_new(&visit->client, err);
	ok = visit->running != NULL &&
		raw_net_run(net, client_machine(visit->running), is_done, visit, err);
	if (ok)
		client_result(visit->running, result);
	raw_net_close(net);
	client_free(visit->running);
	return ok;
}

/* An interrupt ends the connection, not the program. */
static bool run_interruptibly(struct visit *visit, struct client_result *result, struct err *err)
{
	bool ok;

	visit->wake = interrupt_open(err);
	ok = visit->wake >= 0 && run(visit, result, err);
	interrupt_close(visit->wake);
	return ok;
}

/* ---- what is told ---- */

static const char *end_text(const struct conn_info *info)
{
	static const char *const texts[] = {
		[END_NONE] = "still open",
		[END_CLEAN] = "closed by both sides",
		[END_REFUSED] = "refused",
		[END_UNANSWERED] = "never answered",
		[END_RESET] = "reset by the peer",
		[END_TIMEOUT] = "given up after no progress",
		[END_ABORTED] = "aborted by us",
	};

	return texts[info->end];
}

static void tell(const struct visit *visit, const struct client_result *result, const char *target)
{
	struct report_visit report = { .target = target,
		.remote = visit->client.remote,
		.end = end_text(&result->info),
		.sent = result->sent,
		.received = result->received,
		.joins_wanted = visit->client.join_count,
		.joins_asked = result->joins_asked,
		.join_refusal = result->join_refusal };
	struct report_connection connection = { .number = 1 };
	struct history history;
	struct view view;
	uint64_t *numbers = xcalloc(visit->record.count, sizeof(*numbers));
	size_t i;

	for (i = 0; i < visit->record.count; i++)
		numbers[i] = i + 1;
	report.echo_compared = visit->stream.compare && result->received > 0;
	report.is_echo = !visit->stream.differs && result->received == result->sent;
	if (visit->options->get != NULL && visit->stream.received > 0)
		report.status = visit->stream.status;
	view_init(&view, &visit->record, VIEW_HOST);
	if (view.connection_count > 0) {
		history_init(&history, &view, 0);
		connection.history = &history;
		connection.packets = numbers;
		report.connection = &connection;
	}
	(visit->options->json ? visit_json : visit_text)(stdout, &report);
	if (view.connection_count > 0)
		history_fini(&history);
	view_fini(&view);
	free(numbers);
}

static bool visit_host(struct visit *visit, const char *target, struct err *err)
{
	const struct connect_options *options = visit->options;
	struct client_result result;
	char host[TARGET_HOST];
	bool ok;

	visit->client.remote.port = PORT_DEFAULT;
	if (!target_read(target, host, &visit->client.remote.port, err) ||
		!open_stream(&visit->stream, options, host, err))
		return false;
	ok = target_resolve(host,
		     options->v6           ? 6
			     : options->v4 ? 4
					   : 0,
		     &visit->client.remote.addr, err) &&
		plan_subflows(visit, err);
	visit->place.remote = &visit->client.remote.addr;
	visit->client.patience = options->timeout_s * NSEC_PER_SEC;
	visit->client.peer_ends_first = options->get != NULL;
	visit->client.stream = (struct client_stream){ visit->stream.length, stream_fill_out,
		stream_take, &visit->stream };
	visit->place.guarded = true;
	ok = ok && run_interruptibly(visit, &result, err);
	ok = close_stream(&visit->stream, options->output, ok, err) && ok;
	if (ok && options->pcap != NULL)
		ok = pcap_file_write(options->pcap, &visit->record, err);
	visit->stream.status[strcspn(visit->stream.status, "\r\n")] = '\0';
	if (ok)
		tell(visit, &result, target);
	return ok && output_done(err);
}

int command_connect(int argc, char **argv, struct err *err)
{
	struct connect_options options = { .mptcp = 1, .timeout_s = 10, .mtu = 1500 };
	struct visit visit = { .options = &options };
	int first, status;

	if (!options_parse(argc, argv, rows, &help, &options, &first, &status, err))
		return status;
	if (argc - first != 1) {
		err_set(err, "one host is needed: %s", help.usage);
		return STATUS_WRONG;
	}
	capture_init(&visit.record);
	visit.client.endpoint = make_endpoint(&options);
	status = visit_host(&visit, argv[first], err) ? STATUS_FINE : STATUS_WRONG;
	endpoint_free(visit.client.endpoint);
	capture_fini(&visit.record);
	return status;
}
