/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_pipeline.c - what a packet costs in the boxes of a path file, without any system call:
 * copied in, through all of them, and out. Prints nanoseconds a packet for each file, the least of
 * several rounds.
 *
 *   bench_pipeline FILE.lua...
 */
#include "lua/path_file.h"
#include "mbtest/suite/pipeline.h"
#include "tests/bench/segment.h"

#include <stdio.h>
#include <time.h>

enum { ROUNDS = 15, PACKETS = 20000, PAYLOAD = 1400 };

static void out(void *self, struct packet *packet, enum dir dir)
{
	struct pipeline **pipeline = self;

	(void)dir;
	pipeline_give(*pipeline, packet);
}

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void pass(struct pipeline *pipeline, const struct packet *original, nsec_t at)
{
	struct packet *packet = pipeline_packet(pipeline, PACKET_SMALL);

	packet_set(packet, packet_data(original), original->length);
	pipeline_input(pipeline, packet, TO_SERVER, at);
}

static double measure(struct pipeline *pipeline)
{
	static const char *const client = "198.18.1.2:40000", *const server = "198.18.100.2:80";
	struct packet *syn = segment_new(client, server, TCP_SYN, 0);
	struct packet *data = segment_new(client, server, TCP_ACK, PAYLOAD);
	double least = 1e18, start;
	nsec_t at = 0;

	pass(pipeline, syn, at);
	for (int round = 0; round < ROUNDS; round++) {
		start = now_ns();
		for (int i = 0; i < PACKETS; i++)
			pass(pipeline, data, at += 1000);
		if (now_ns() - start < least)
			least = now_ns() - start;
	}
	packet_free(syn);
	packet_free(data);
	return least / PACKETS;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct pipeline *pipeline = NULL;
		const struct pipeline_host host = { .out = out, .self = &pipeline };
		struct err err;
		struct path_file *file = path_file_load(argv[i], 1, &err);

		if (file != NULL)
			pipeline = pipeline_new(path_file_plan(file), 1, &host, &err);
		if (pipeline == NULL) {
			fprintf(stderr, "bench_pipeline: %s\n", err.text);
			return 2;
		}
		printf("%s %.1f\n", argv[i], measure(pipeline));
		pipeline_free(pipeline);
		path_file_free(file);
	}
	return 0;
}
