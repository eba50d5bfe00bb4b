/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_packet.c - what one packet costs: parse; parse, strip an option and settle; and the same
 * with the whole transport checksum verified. The baselines are the copy that every measured run
 * begins with, and the checksum of RFC 1071 written byte by byte. Prints one line a measure:
 * "name nanoseconds", the least of several rounds.
 */
#include "probe/wire/packet.h"
#include "probe/wire/tcpopt.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { ROUNDS = 21, PACKETS = 20000, PAYLOAD = 1400 };

struct bench {
	struct packet *original, *work;
	uint64_t sum; /* keeps the results alive */
};

static struct packet *data_packet(void)
{
	/* A DSS with 8-byte DATA_ACK and DSN and a checksum, and timestamps: all 40 bytes. */
	static const uint8_t options[] = { 30, 28, 0x20, 0x0f, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0,
		0, 0, 0, 2, 0, 0, 0, 1, 5, 120, 0, 0, 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2 };
	struct tcp_header header = { .seq = 1,
		.ack = 1,
		.flags = TCP_ACK | TCP_PSH,
		.window = 512 };
	struct packet *packet = packet_new(PACKET_SMALL);
	uint8_t *payload;
	uint32_t i;

	addr_parse(&header.src.addr, "198.18.1.2");
	addr_parse(&header.dst.addr, "198.18.100.2");
	header.src.port = 40000;
	header.dst.port = 80;
	packet_init_tcp(packet, &header);
	tcpopt_append(packet, options, sizeof(options));
	payload = packet_append_payload(packet, PAYLOAD);
	for (i = 0; i < PAYLOAD; i++)
		payload[i] = (uint8_t)(i * 7 + i / 251);
	packet_finish(packet);
	return packet;
}

static void renew(struct bench *bench)
{
	packet_copy(bench->work, bench->original);
}

static void copy(struct bench *bench)
{
	const struct packet *from = bench->original;

	memcpy(packet_bytes(bench->work), packet_data(from), from->length);
	bench->sum += packet_data(bench->work)[from->length - 1];
}

static void parse(struct bench *bench)
{
	copy(bench);
	bench->sum += packet_parse(bench->work);
}

static void strip(struct bench *bench)
{
	struct packet *work = bench->work;
	struct tcpopt option;

	work->start = bench->original->start;
	work->length = bench->original->length;
	parse(bench);
	if (tcpopt_find(work, TCPOPT_MPTCP, &option))
		tcpopt_remove(work, &option, REMOVE_GAP);
	packet_finish(work);
	bench->sum += work->length;
	work->start = bench->original->start;
	work->length = bench->original->length;
}

static void strip_verify(struct bench *bench)
{
	parse(bench);
	bench->sum += packet_l4_checksum_ok(bench->work);
	strip(bench);
}

static void verify(struct bench *bench)
{
	bench->sum += packet_l4_checksum_ok(bench->original);
}

/* The textbook: sixteen bits at a time out of single bytes. */
static void naive(struct bench *bench)
{
	const uint8_t *bytes = packet_l4(bench->original);
	size_t length = bench->original->end - bench->original->l4, i;
	uint32_t sum = 0;

	for (i = 0; i + 1 < length; i += 2) {
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
		sum = (sum & 0xffff) + (sum >> 16);
	}
	bench->sum += sum;
}

static double now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static double measure(struct bench *bench, void (*run)(struct bench *bench))
{
	double least = 0;
	int round, i;

	for (round = 0; round < ROUNDS; round++) {
		double start = now_ns(), took;

		for (i = 0; i < PACKETS; i++)
			run(bench);
		took = (now_ns() - start) / PACKETS;
		if (round == 0 || took < least)
			least = took;
	}
	return least;
}

int main(void)
{
	static const struct {
		const char *name;
		void (*run)(struct bench *bench);
	} measures[] = {
		{ "copy", copy },
		{ "naive_checksum", naive },
		{ "parse", parse },
		{ "verify", verify },
		{ "strip", strip },
		{ "strip_verify", strip_verify },
	};
	struct bench bench = { .original = data_packet(), .work = packet_new(PACKET_SMALL) };
	size_t i;

	renew(&bench);
	for (i = 0; i < sizeof(measures) / sizeof(measures[0]); i++)
		printf("%s %.1f\n", measures[i].name, measure(&bench, measures[i].run));
	fprintf(stderr, "sum %llu\n", (unsigned long long)bench.sum);
	packet_free(bench.original);
	packet_free(bench.work);
	return 0;
}
