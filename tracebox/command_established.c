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

bool live_end_init(struct live_end *end, const struct established_plan *plan, const char *name,
	struct err *err)
{
	const struct options *o = plan->options;
	const struct channel *channel = plan->channel;
	struct endpoint_config config;
	struct tcp_header header = { .flags = TCP_SYN };
	struct rng rng = rng_fork(&plan->rng, name);

	*end = (struct live_end){ .remote.port = o->port };
	if (!channel_resolve(channel, plan->host, o->ipv6 ? 6 : 4, &end->remote.addr, err) ||
		!channel->ops->source(channel->self, &end->remote.addr, &end->local.addr, err))
		return false;
	end->local.port = (uint16_t)(PORT_FIRST + rng_below(&rng, PORTS));
	endpoint_config_default(&config);
	config.speaks = o->mptcp == 0 ? SPEAKS_V0 : SPEAKS_V1;
	config.time_wait = TIME_WAIT_MS * NSEC_PER_MS;
	config.connection_timeout = TIMEOUT_S * NSEC_PER_SEC;
	end->endpoint = endpoint_new(&config, &rng);
	end->like = packet_new(PACKET_SMALL);
	header.src = end->local;
	header.dst = end->remote;
	packet_init_tcp(end->like, &header);
	packet_finish(end->like);
	return true;
}

void live_end_fini(struct live_end *end)
{
	endpoint_free(end->endpoint);
	packet_free(end->like);
}

struct watch {
	struct established *established;
	int wake;
	bool was_woken;
};

static bool is_done(void *self)
{
	struct watch *watch = self;

	if (watch->wake >= 0 && interrupt_came(watch->wake)) {
		watch->was_woken = true;
		established_stop(watch->established);
	}
	return established_done(watch->established);
}

bool command_established(const struct established_plan *plan, struct established_run *run,
	struct err *err)
{
	struct established_config config = { .trace = plan->options->trace };
	struct watch watch = { .wake = plan->wake };
	size_t length = established_stream_length(&config.trace), count;
	const struct established_part *parts;

	memset(run, 0, sizeof(*run));
	if (!live_end_init(&run->end, plan, "forward", err))
		return false;
	config.stream = run->stream = make_request(plan->host, length);
	config.endpoint = run->end.endpoint;
	config.local = run->end.local;
	config.remote = run->end.remote;
	config.conn = endpoint_connect(config.endpoint, &config.local, &config.remote, 0, err);
	if (config.conn != NULL)
		run->established = watch.established = established_new(&config);
	if (config.conn != NULL &&
		plan->channel->ops->run(plan->channel->self, run->end.like,
			established_machine(run->established), is_done, &watch, err)) {
		run->was_interrupted = watch.was_woken;
		count = established_parts(run->established, &parts);
		established_info(run->established, &run->info);
		joined_init(&run->joined, parts, count, &run->info);
		return true;
	}
	command_established_fini(run);
	return false;
}

void command_established_fini(struct established_run *run)
{
	joined_fini(&run->joined);
	established_free(run->established);
	live_end_fini(&run->end);
	free(run->stream);
}
