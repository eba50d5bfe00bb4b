/* SPDX-License-Identifier: BSD-2-Clause */
#include "tracebox/command_established.h"

#include "probe/base/alloc.h"
#include "probe/io/interrupt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PORT_FIRST = 32768,
	PORTS = 28232,
	TIME_WAIT_MS = 50, /* for an ACK of the last FIN that is lost; the port is not used again */
	TIMEOUT_S = 10,    /* of a connection that makes no progress */
};

/*
 * What is sent: a request that asks a web server for as little as can be, and to close; filled up
 * in a header field, so that it ends with the last byte.
 */
static uint8_t *make_request(const char *host, size_t length)
{
	static const char end[] = "\r\n\r\n";
	uint8_t *stream = xmalloc(length);
	char text[512];
	size_t used;

	snprintf(text, sizeof(text),
		"HEAD / HTTP/1.1\r\nHost: %.255s\r\nConnection: close\r\n"
		"User-Agent: tracebox/%s\r\nX-Fill: ",
		host, MBKIT_VERSION);
	used = strlen(text) < length ? strlen(text) : length;
	memcpy(stream, text, used);
	for (size_t i = used; i < length; i++)
		stream[i] = (uint8_t)('a' + i % 26);
	memcpy(stream + length - strlen(end), end, strlen(end));
	return stream;
}

static bool make_connection(const struct established_plan *plan, struct established_run *run,
	struct established_config *config, struct err *err)
{
	const struct options *o = plan->options;
	const struct channel *channel = plan->channel;
	struct endpoint_config endpoint;
	struct rng rng = plan->rng;

	if (!channel_resolve(channel, plan->host, o->ipv6 ? 6 : 4, &run->addr, err) ||
		!channel->ops->source(channel->self, &run->addr, &config->local.addr, err))
		return false;
	config->remote = (struct sockname){ .addr = run->addr, .port = o->port };
	config->local.port = (uint16_t)(PORT_FIRST + rng_below(&rng, PORTS));
	endpoint_config_default(&endpoint);
	endpoint.speaks = o->mptcp == 0 ? SPEAKS_V0 : SPEAKS_V1;
	endpoint.time_wait = TIME_WAIT_MS * NSEC_PER_MS;
	endpoint.connection_timeout = TIMEOUT_S * NSEC_PER_SEC;
	run->endpoint = endpoint_new(&endpoint, &rng);
	config->endpoint = run->endpoint;
	config->conn = endpoint_connect(run->endpoint, &config->local, &config->remote, 0, err);
	return config->conn != NULL;
}

struct watch {
	struct established *established;
	int wake;
};

static bool is_done(void *self)
{
	struct watch *watch = self;

	if (watch->wake >= 0 && interrupt_came(watch->wake))
		established_stop(watch->established);
	return established_done(watch->established);
}

bool command_established(const struct established_plan *plan, struct established_run *run,
	struct err *err)
{
	struct established_config config = { .trace = plan->options->trace };
	struct packet *like = packet_new(PACKET_SMALL);
	struct tcp_header header = { .flags = TCP_SYN };
	struct watch watch = { .wake = plan->wake };
	size_t length = established_stream_length(&config.trace);
	bool ok;

	memset(run, 0, sizeof(*run));
	run->stream = make_request(plan->host, length);
	config.stream = run->stream;
	ok = make_connection(plan, run, &config, err);
	if (ok) {
		run->established = watch.established = established_new(&config);
		header.src = config.local;
		header.dst = config.remote;
		packet_init_tcp(like, &header);
		packet_finish(like);
		ok = plan->channel->ops->run(plan->channel->self, like,
			established_machine(run->established), is_done, &watch, err);
	}
	packet_free(like);
	if (ok) {
		established_info(run->established, &run->info);
		joined_init(&run->joined, run->established, &run->info);
		return true;
	}
	command_established_fini(run);
	return false;
}

void command_established_fini(struct established_run *run)
{
	joined_fini(&run->joined);
	established_free(run->established);
	endpoint_free(run->endpoint);
	free(run->stream);
}
