/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who floods, and who guesses: SYNs from everywhere, tokens, HMACs of MP_JOIN with a bit wrong.
 * State stays bounded, nobody joins, and an honest connection goes on. A million of each, and what
 * they cost, with MBKIT_LONG=1.
 */
#include "probe/endpoint/state.h"
#include "tests/unit/endpoint_pipe.h"

#include <sys/resource.h>
#include <time.h>

enum { TIMES = 20000, TIMES_LONG = 1000000, GROWTH_MOST_KIB = 4096 };

/* A server with one honest connection, and who disturbs it. */
struct siege {
	struct pipe pipe;
	struct rng rng;
	struct packet *packet, *answer;
	uint32_t times;
	long kib;
	clock_t began;
};

static long resident_kib(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

static void siege_begin(struct siege *siege, struct endpoint_config *config)
{
	*config = pipe_config(SPEAKS_V1, false);
	config->synack_once = true;
	pipe_init(&siege->pipe, config, config, 61);
	siege->pipe.app[CLIENT].to_write = siege->pipe.app[SERVER].to_write = 5000;
	siege->pipe.app[CLIENT].hold_open = siege->pipe.app[SERVER].hold_open = true;
	pipe_run(&siege->pipe, 2 * NSEC_PER_SEC);
	CHECK_U64(pipe_info(&siege->pipe, SERVER).mode, MODE_MPTCP);
	rng_init(&siege->rng, 62);
	siege->packet = packet_new(PACKET_SMALL);
	siege->answer = packet_new(PACKET_SMALL);
	siege->times = unit_is_long() ? TIMES_LONG : TIMES;
}

/* Once it has gone on for a while memory is what it will be. */
static void siege_measure(struct siege *siege, uint32_t i)
{
	if (i == TIMES / 2) {
		siege->kib = resident_kib();
		siege->began = clock();
	}
}

/* The honest connection transfers and closes, and nobody else is there. */
static void siege_end(struct siege *siege, const char *what)
{
	double seconds = (double)(clock() - siege->began) / CLOCKS_PER_SEC;
	long growth = resident_kib() - siege->kib;
	struct pipe *pipe = &siege->pipe;
	struct conn_info info = pipe_info(pipe, SERVER);
	unsigned int i;

	/* A sanitizer keeps what was freed: there only the bounds on state count. */
	if (unit_is_long()) {
		fprintf(stderr, "%s: %u in %.1f CPU seconds, memory grew by %ld KiB\n", what,
			siege->times, seconds, growth);
		CHECK(growth < GROWTH_MOST_KIB);
	}
	for (i = 0; i < info.subflow_count; i++)
		CHECK((info.subflows[i].state == SUBFLOW_OPEN) == (i == 0));
	pipe->app[CLIENT].to_write = pipe->app[SERVER].to_write = 50000;
	pipe->app[CLIENT].hold_open = pipe->app[SERVER].hold_open = false;
	pipe_run(pipe, pipe->now + 30 * NSEC_PER_SEC);
	CHECK(pipe_is_clean(pipe));
	packet_free(siege->packet);
	packet_free(siege->answer);
	pipe_fini(pipe);
}

/* A segment to the server, from anybody, with one MPTCP option; then what it answers. */
static bool disturb(struct siege *siege, struct tcp_header *header, const struct mptcp_opt *option)
{
	struct endpoint *server = siege->pipe.endpoint[SERVER];
	uint8_t bytes[TCPOPT_SPACE];

	header->dst = pipe_server;
	header->window = 1000;
	packet_init_tcp(siege->packet, header);
	tcpopt_append(siege->packet, bytes, mptcp_emit(option, bytes));
	packet_finish(siege->packet);
	packet_parse(siege->packet);
	endpoint_input(server, siege->packet, siege->pipe.now);
	if (!endpoint_output(server, siege->answer, siege->pipe.now))
		return false;
	packet_parse(siege->answer);
	return true;
}

static struct sockname anybody(struct rng *rng)
{
	struct sockname name = { addr_v4(10, 0, 0, 0), 0 };

	put_be32(name.addr.bytes, 10u << 24 | (uint32_t)rng_below(rng, 1 << 24));
	name.port = (uint16_t)(1024 + rng_below(rng, 60000));
	return name;
}

static unsigned int count_conns(const struct endpoint *endpoint)
{
	const struct conn *conn;
	unsigned int count = 0;

	for (conn = endpoint->first; conn != NULL; conn = conn->next)
		count++;
	return count;
}

/* A SYN/ACK each, no more, and the oldest makes room. */
TEST(syns)
{
	struct mptcp_opt option = { .subtype = MP_CAPABLE };
	struct endpoint_config config;
	struct siege siege;
	uint32_t i, answers = 0;

	option.capable = (struct mp_capable){ .version = 1, .flags = MPC_HMAC };
	siege_begin(&siege, &config);
	for (i = 0; i < siege.times; i++) {
		struct tcp_header header = { .src = anybody(&siege.rng),
			.seq = (uint32_t)rng_next(&siege.rng),
			.flags = TCP_SYN };

		siege_measure(&siege, i);
		answers += disturb(&siege, &header, &option) && is_synack(siege.answer);
		siege.pipe.now += 10 * NSEC_PER_US;
	}
	CHECK(answers > siege.times - siege.times / 100); /* a source may come again */
	CHECK(count_conns(siege.pipe.endpoint[SERVER]) <= HALF_OPEN_MOST + 1);
	siege_end(&siege, "SYNs");
}

/* F41: each is refused by a RST with reason 1. */
TEST(guessed_tokens)
{
	struct mptcp_opt option = { .subtype = MP_JOIN };
	struct mptcp_opt reason;
	struct endpoint_config config;
	struct siege siege;
	uint32_t i, token;

	siege_begin(&siege, &config);
	token = siege.pipe.endpoint[SERVER]->first->token_local;
	for (i = 0; i < siege.times; i++) {
		struct tcp_header header = { .src = anybody(&siege.rng),
			.seq = (uint32_t)rng_next(&siege.rng),
			.flags = TCP_SYN };

		siege_measure(&siege, i);
		option.join = (struct mp_join){ .form = JOIN_SYN,
			.address_id = 1,
			.token = (uint32_t)rng_next(&siege.rng) };
		/* Near misses, too. */
		if (i % 4 == 0)
			option.join.token = token ^ 1u << i / 4 % 32;
		option.join.token += option.join.token == token;
		if (!disturb(&siege, &header, &option) || !(tcp_flags(siege.answer) & TCP_RST) ||
			!mptcp_find(siege.answer, MP_TCPRST, &reason, NULL) ||
			reason.tcprst.reason != RESET_MPTCP)
			break;
	}
	CHECK_U64(i, siege.times);
	CHECK_U64(count_conns(siege.pipe.endpoint[SERVER]), 1);
	siege_end(&siege, "tokens");
}

/* Who knows the token and not the keys: the SYN/ACK comes, one bit of the HMAC is wrong (F40). */
static bool joins(struct siege *siege, uint32_t number)
{
	const struct conn *conn = siege->pipe.endpoint[SERVER]->first;
	struct mptcp_opt option = { .subtype = MP_JOIN }, answer;
	struct tcp_header header = { .src = anybody(&siege->rng),
		.seq = (uint32_t)rng_next(&siege->rng),
		.flags = TCP_SYN };
	uint32_t nonce = (uint32_t)rng_next(&siege->rng);

	option.join = (struct mp_join){ .form = JOIN_SYN,
		.address_id = 1,
		.token = conn->token_local,
		.nonce = nonce };
	if (!disturb(siege, &header, &option) || !mptcp_find(siege->answer, MP_JOIN, &answer, NULL))
		return true;
	header.seq++;
	header.ack = tcp_seq(siege->answer) + 1;
	header.flags = TCP_ACK;
	option.join = (struct mp_join){ .form = JOIN_ACK };
	key_join_hmac(1, conn->key_remote, conn->key_local, nonce, answer.join.nonce,
		option.join.hmac160);
	option.join.hmac160[number / 8 % 20] ^= (uint8_t)(1u << number % 8);
	return !disturb(siege, &header, &option) || !(tcp_flags(siege->answer) & TCP_RST);
}

TEST(flipped_hmacs)
{
	struct endpoint_config config;
	struct siege siege;
	const struct conn *conn;
	uint32_t i;

	siege_begin(&siege, &config);
	conn = siege.pipe.endpoint[SERVER]->first;
	for (i = 0; i < siege.times && !joins(&siege, i); i++)
		siege_measure(&siege, i);
	CHECK_U64(i, siege.times);
	CHECK_U64(conn->own.count + conn->theirs.count, 0);
	siege_end(&siege, "HMACs");
}
