/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_stream.c - a stream between two of our endpoints through the simulator: both ends, the
 * network and an application that writes and reads without looking, in one process. Multipath TCP
 * v1 without checksums, an MSS of 1460, no judge, taps or log. The baseline is what cannot be
 * saved: the bytes of each segment copied in, out, in and out of buffers, and summed up by either
 * end. Prints "stream" and "floor" with GiB a CPU second, the best of several rounds.
 */
#include "mbtest/net/net.h"
#include "probe/endpoint/endpoint.h"
#include "probe/wire/checksum.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 15, CHUNK = 65536, SEGMENT = 1420 };

#define STREAM_BYTES (UINT64_C(64) << 20)

struct host {
	struct endpoint *endpoint;
	struct conn *conn;
	uint64_t to_write, read;
	bool shut;
};

static uint8_t bytes[CHUNK];

static void host_settle(void *self, nsec_t now)
{
	struct host *host = self;
	size_t length;

	(void)now;
	if (host->conn == NULL)
		host->conn = endpoint_accept(host->endpoint);
	if (host->conn == NULL)
		return;
	while ((length = conn_read(host->conn, bytes, sizeof(bytes))) > 0)
		host->read += length;
	while (host->to_write > 0) {
		length = host->to_write < CHUNK ? (size_t)host->to_write : CHUNK;
		length = conn_write(host->conn, bytes, length);
		if (length == 0)
			return;
		host->to_write -= length;
	}
	if (!host->shut) {
		conn_shutdown(host->conn);
		host->shut = true;
	}
}

static double cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void host_init(struct host *host, struct net *net, enum end end, struct rng *seed)
{
	struct sockname server = { net_server_addr(4), NET_SERVER_PORT };
	struct sockname client = { net_client_addr(0, 4), NET_CLIENT_PORT };
	struct endpoint_config config;
	struct rng rng = rng_fork(seed, end == CLIENT ? "client" : "server");
	struct err err;

	endpoint_config_default(&config);
	config.speaks = SPEAKS_V1;
	host->endpoint = endpoint_new(&config, &rng);
	if (end == SERVER)
		endpoint_listen(host->endpoint, &server, &err);
	else
		host->conn = endpoint_connect(host->endpoint, &client, &server, 0, &err);
	net_set_machine(net, end, endpoint_machine(host->endpoint), host_settle, NULL, host);
}

/* CPU seconds; 0 when the stream did not arrive whole. */
static double run(void)
{
	struct net_config config = { .seed = 1 };
	struct link_plan link = { .delay_ns = NSEC_PER_MS };
	struct host client = { .to_write = STREAM_BYTES }, server = { .to_write = 0 };
	struct net *net = net_new(&config);
	struct rng rng;
	double start;

	rng_init(&rng, 1);
	net_add_path(net);
	net_add_link(net, 0, &link, &link);
	host_init(&client, net, CLIENT, &rng);
	host_init(&server, net, SERVER, &rng);
	start = cpu_seconds();
	net_run(net, 3600 * NSEC_PER_SEC, NULL, NULL);
	start = cpu_seconds() - start;
	net_free(net);
	endpoint_free(client.endpoint);
	endpoint_free(server.endpoint);
	return server.read == STREAM_BYTES ? start : 0;
}

static double run_floor(void)
{
	static uint8_t ring[16 * CHUNK], segment[SEGMENT];
	double start = cpu_seconds();
	uint64_t sum = 0, at;

	for (at = 0; at < STREAM_BYTES; at += SEGMENT) {
		uint8_t *place = ring + at % (15 * CHUNK);

		memcpy(place, bytes, SEGMENT);
		memcpy(segment, place, SEGMENT);
		sum += checksum_fold(checksum_add(0, segment, SEGMENT));
		sum += checksum_fold(checksum_add(sum, segment, SEGMENT));
		memcpy(place, segment, SEGMENT);
		memcpy(bytes, place, SEGMENT);
	}
	bytes[0] = (uint8_t)sum;
	return cpu_seconds() - start;
}

/* The best of several rounds, in GiB a CPU second; 0 when one failed. */
static double best_of(double (*measure)(void))
{
	double best = 0, seconds;
	unsigned int round;

	for (round = 0; round < ROUNDS; round++) {
		seconds = measure();
		if (seconds == 0)
			return 0;
		if (best == 0 || seconds < best)
			best = seconds;
	}
	return (double)STREAM_BYTES / best / (1u << 30);
}

int main(void)
{
	double stream = best_of(run), ground = best_of(run_floor);

	printf("stream %.4f\nfloor %.4f\n", stream, ground);
	return stream > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
