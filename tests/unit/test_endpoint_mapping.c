/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Boxes that change segmentation, sequence numbers or lengths: F45 to F55, F19, F28, O15, O18,
 * E14 to E16. The bytes that arrive are those that were sent, unless the box changed them.
 */
#include "tests/unit/endpoint_pipe.h"

enum options { COPY, FIRST, LAST, NONE };

struct shape {
	enum options options;
	uint64_t first, last; /* data packets affected, counted from 1 */
	unsigned int ways;    /* 1: to server, 2: to client */
	int path;             /* -1: both */
	uint64_t seen;
	struct packet *held[2][2];
};

static bool matches(struct pipe *pipe, const struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	struct shape *shape = pipe->hook_state;

	if (packet_payload_len(packet) < 200 || !(shape->ways & 1u << from) ||
		(shape->path >= 0 && (unsigned int)shape->path != path))
		return false;
	shape->seen++;
	return shape->seen >= shape->first && shape->seen < shape->last;
}

/* Keep length payload bytes from offset on. */
static void cut(struct packet *packet, uint32_t offset, uint32_t length)
{
	uint32_t rest = packet_payload_len(packet) - offset - length, seq = tcp_seq(packet);

	packet_close_gap(packet, packet->payload + offset + length, rest);
	packet_close_gap(packet, packet->payload, offset);
	packet_write32(packet, packet->l4 + 4, seq + offset);
	packet_finish(packet);
	packet_parse(packet);
}

static enum pipe_verdict split(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	const struct shape *shape = pipe->hook_state;
	uint32_t length, half;
	struct packet *second;

	if (!matches(pipe, packet, from, path))
		return PIPE_PASS;
	pipe->hits++;
	length = packet_payload_len(packet);
	half = length / 2 + 1; /* an odd piece now and then */
	second = packet_clone(packet);
	cut(packet, 0, half);
	cut(second, half, length - half);
	if (shape->options == LAST || shape->options == NONE)
		strip_mptcp(packet, ALL_SUBTYPES);
	if (shape->options == FIRST || shape->options == NONE)
		strip_mptcp(second, ALL_SUBTYPES);
	pipe_send(pipe, packet, path);
	pipe_send(pipe, second, path);
	packet_free(second);
	return PIPE_DROP;
}

/* Two contiguous segments become one, with the options of one of them. */
static enum pipe_verdict coalesce(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	struct shape *shape = pipe->hook_state;
	struct packet **held = &shape->held[from][path], *other;
	uint8_t *room;

	if (!matches(pipe, packet, from, path)) {
		if (*held != NULL)
			pipe_send(pipe, *held, path);
		packet_free(*held);
		*held = NULL;
		return PIPE_PASS;
	}
	if (*held == NULL || tcp_seq(*held) + packet_payload_len(*held) != tcp_seq(packet)) {
		if (*held != NULL)
			pipe_send(pipe, *held, path);
		packet_free(*held);
		*held = packet_new(8000);
		packet_copy(*held, packet);
		return PIPE_DROP;
	}
	pipe->hits++;
	other = *held;
	*held = NULL;
	if (shape->options == LAST) {
		struct mptcp_opt option;
		uint8_t bytes[TCPOPT_SPACE];

		CHECK(mptcp_find(packet, MP_DSS, &option, NULL));
		strip_mptcp(other, ALL_SUBTYPES);
		CHECK(tcpopt_append(other, bytes, mptcp_emit(&option, bytes)));
	}
	room = packet_append_payload(other, packet_payload_len(packet));
	memcpy(room, packet_payload(packet), packet_payload_len(packet));
	packet_finish(other);
	packet_parse(other);
	pipe_send(pipe, other, path);
	packet_free(other);
	return PIPE_DROP;
}

static struct pipe run(unsigned int speaks, bool checksum, bool join, pipe_hook hook, void *state)
{
	struct endpoint_config client = pipe_config(speaks, checksum), server = client;
	struct pipe pipe;

	if (join)
		client.join[client.join_count++] = pipe_second.addr;
	pipe_init(&pipe, &client, &server, 11);
	pipe.hook = hook;
	pipe.hook_state = state;
	pipe.app[CLIENT].to_write = 200001;
	pipe.app[SERVER].to_write = 100001;
	pipe_run(&pipe, 60 * NSEC_PER_SEC);
	CHECK(pipe.hits > 0);
	CHECK(endpoint_deadline(pipe.endpoint[CLIENT]) == NSEC_NEVER);
	CHECK(endpoint_deadline(pipe.endpoint[SERVER]) == NSEC_NEVER);
	return pipe;
}

/* Split with the options on both or on the first piece: nothing is lost (F45 to F47). */
TEST(F45_F46_F47_split_segments)
{
	unsigned int speaks, checksum, join, how;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++)
		for (checksum = 0; checksum < 2; checksum++)
			for (join = 0; join < 2; join++)
				for (how = COPY; how <= FIRST; how++) {
					struct shape shape = { .options = how,
						.first = 1,
						.last = UINT64_MAX,
						.ways = 3,
						.path = -1 };
					struct pipe pipe =
						run(speaks, checksum, join, split, &shape);

					CHECK(pipe_is_clean(&pipe));
					CHECK_U64(pipe_info(&pipe, SERVER).mode, MODE_MPTCP);
					CHECK_U64(pipe_info(&pipe, CLIENT).mode, MODE_MPTCP);
					pipe_fini(&pipe);
				}
}

/* F48: the mapping comes with the second piece; mid-stream the first is held for it. */
TEST(F48_split_with_options_on_the_last_piece)
{
	unsigned int speaks, checksum, join;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++)
		for (checksum = 0; checksum < 2; checksum++)
			for (join = 0; join < 2; join++) {
				struct shape shape = { .options = LAST,
					.first = 40,
					.last = UINT64_MAX,
					.ways = 3,
					.path = -1 };
				struct pipe pipe = run(speaks, checksum, join, split, &shape);

				CHECK(pipe_is_clean(&pipe));
				CHECK_U64(pipe_info(&pipe, SERVER).mode, MODE_MPTCP);
				pipe_fini(&pipe);
			}
}

/* F48 before F4: the client's first data is split, the second piece brings its mapping. */
TEST(F48_first_data_split_with_options_on_the_last_piece)
{
	unsigned int speaks, checksum;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++)
		for (checksum = 0; checksum < 2; checksum++) {
			struct shape shape = { .options = LAST,
				.first = 1,
				.last = 2,
				.ways = 1,
				.path = -1 };
			struct pipe pipe = run(speaks, checksum, false, split, &shape);

			CHECK(pipe_is_clean(&pipe));
			CHECK_U64(pipe_info(&pipe, CLIENT).mode, MODE_MPTCP);
			CHECK_U64(pipe_info(&pipe, SERVER).mode, MODE_MPTCP);
			pipe_fini(&pipe);
		}
}

static void free_held(struct shape *shape)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		packet_free(shape->held[i / 2][i % 2]);
}

/* F49: one of two mappings is lost: uncovered bytes, as F15, F16; never a checksum failure. */
TEST(F49_coalesced_segments)
{
	unsigned int speaks, checksum, how;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++)
		for (checksum = 0; checksum < 2; checksum++)
			for (how = FIRST; how <= LAST; how++) {
				struct shape shape = { .options = how,
					.first = 20,
					.last = 22,
					.ways = 1,
					.path = 0 };
				struct pipe pipe = run(speaks, checksum, true, coalesce, &shape);
				struct conn_info info = pipe_info(&pipe, CLIENT);

				CHECK(pipe_is_clean(&pipe));
				CHECK_U64(info.mode, MODE_MPTCP);
				CHECK(info.subflows[0].state != SUBFLOW_RESET ||
					info.subflows[0].reset_reason == RESET_MIDDLEBOX ||
					speaks == SPEAKS_V0);
				free_held(&shape);
				pipe_fini(&pipe);
			}
}

/* F52: a retransmission that announces another mapping must not move data. */
static void move_mapping(struct mptcp_opt *option)
{
	option->dss.dsn += 700;
}

static enum pipe_verdict contradict(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	struct shape *shape = pipe->hook_state;
	struct packet *second;

	(void)shape;
	if (!matches(pipe, packet, from, path))
		return PIPE_PASS;
	pipe->hits++;
	second = packet_clone(packet);
	CHECK(edit_mptcp(second, MP_DSS, move_mapping));
	cut(packet, 0, 300);
	pipe_send(pipe, packet, path); /* the first piece, the right mapping */
	pipe_send(pipe, second, path); /* all of it, a wrong one */
	packet_free(second);
	return PIPE_DROP;
}

TEST(F52_first_mapping_binds)
{
	unsigned int speaks;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++) {
		struct shape shape = { .first = 15, .last = 40, .ways = 3, .path = -1 };
		struct pipe pipe = run(speaks, false, false, contradict, &shape);

		CHECK(pipe_is_clean(&pipe));
		CHECK_U64(pipe_info(&pipe, SERVER).mode, MODE_MPTCP);
		pipe_fini(&pipe);
	}
}

/* F54: a DSN outside the window: dropped, no reset; the data RTO brings it elsewhere. */
static void far_mapping(struct mptcp_opt *option)
{
	option->dss.dsn += 100 * 1000 * 1000;
}

static void wild_mapping(struct mptcp_opt *option)
{
	option->dss.dsn ^= 0x2000000000000000;
}

static enum pipe_verdict far_away(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	if (!matches(pipe, packet, from, path))
		return PIPE_PASS;
	pipe->hits += edit_mptcp(packet, MP_DSS, far_mapping);
	return PIPE_PASS;
}

static enum pipe_verdict far_and_wide(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	if (!matches(pipe, packet, from, path))
		return PIPE_PASS;
	pipe->hits += edit_mptcp(packet, MP_DSS, wild_mapping);
	return PIPE_PASS;
}

TEST(F54_dsn_outside_the_window)
{
	unsigned int speaks, how;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++)
		for (how = 0; how < 4; how++) {
			struct shape shape = { .first = 20,
				.last = 21 + how / 2,
				.ways = 1,
				.path = (int)how / 2 };
			struct pipe pipe =
				run(speaks, false, true, how & 1 ? far_away : far_and_wide, &shape);

			CHECK(pipe_is_clean(&pipe));
			CHECK(pipe.hits > 0);
			CHECK_U64(pipe_info(&pipe, CLIENT).mode, MODE_MPTCP);
			CHECK_U64(pipe_info(&pipe, CLIENT).subflows[shape.path].state,
				SUBFLOW_CLOSED);
			pipe_fini(&pipe);
		}
}

/* O18: our own DSS come back on the peer's ACKs; O15: an empty DSS and F without M. */
struct echo {
	struct mptcp_opt last;
	bool has_last;
};

static enum pipe_verdict mirror(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	struct echo *echo = pipe->hook_state;
	uint8_t bytes[TCPOPT_SPACE];

	(void)path;
	if (from == CLIENT && packet_payload_len(packet) > 0) {
		echo->has_last = mptcp_find(packet, MP_DSS, &echo->last, NULL);
	} else if (from == SERVER && echo->has_last && packet_payload_len(packet) == 0) {
		uint32_t length = mptcp_emit(&echo->last, bytes);

		if (length <= tcpopt_room(packet) && tcpopt_append(packet, bytes, length))
			pipe->hits++;
		packet_finish(packet);
		packet_parse(packet);
	}
	return PIPE_PASS;
}

TEST(O18_mirrored_dss)
{
	unsigned int speaks;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++) {
		struct endpoint_config config = pipe_config(speaks, false);
		struct echo echo = { 0 };
		struct pipe pipe;

		config.timestamps = false; /* room for a second DSS */
		pipe_init(&pipe, &config, &config, 11);
		pipe.hook = mirror;
		pipe.hook_state = &echo;
		pipe.app[CLIENT].to_write = 200000;
		pipe_run(&pipe, 60 * NSEC_PER_SEC);
		CHECK(pipe.hits > 0);
		CHECK(pipe_is_clean(&pipe));
		CHECK_U64(pipe_info(&pipe, CLIENT).mode, MODE_MPTCP);
		pipe_fini(&pipe);
	}
}

static enum pipe_verdict empty_dss(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	static const uint8_t empty[] = { 30, 4, 0x20, 0x00 }, fin[] = { 30, 4, 0x20, 0x10 };

	(void)path;
	if (tcp_flags(packet) & TCP_SYN || tcpopt_room(packet) < 8)
		return PIPE_PASS;
	CHECK(tcpopt_append(packet, from ? empty : fin, 4));
	packet_finish(packet);
	packet_parse(packet);
	pipe->hits++;
	return PIPE_PASS;
}

TEST(O15_empty_dss_and_fin_without_mapping)
{
	unsigned int speaks;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++) {
		struct pipe pipe = run(speaks, false, true, empty_dss, NULL);

		CHECK(pipe_is_clean(&pipe));
		CHECK_U64(pipe_info(&pipe, CLIENT).mode, MODE_MPTCP);
		pipe_fini(&pipe);
	}
}

/* E16: a box randomises sequence numbers and leaves SACK blocks as they are; with some loss. */
static enum pipe_verdict renumber(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	static const uint32_t offset[2] = { 0x12345678, 0x9abcdef0 };
	uint32_t seq = tcp_seq(packet), ack = tcp_ack(packet);

	(void)path;
	packet_write32(packet, packet->l4 + 4, seq + offset[from]);
	if (tcp_flags(packet) & TCP_ACK)
		packet_write32(packet, packet->l4 + 8, ack - offset[!from]);
	packet_finish(packet);
	packet_parse(packet);
	pipe->hits++;
	return packet_payload_len(packet) > 0 && pipe->hits % 23 == 0 ? PIPE_DROP : PIPE_PASS;
}

TEST(E16_sequence_numbers_rewritten)
{
	unsigned int speaks;

	for (speaks = SPEAKS_TCP; speaks <= SPEAKS_V1; speaks++) {
		struct pipe pipe = run(speaks, speaks == SPEAKS_V0, true, renumber, NULL);

		CHECK(pipe_is_clean(&pipe));
		if (speaks != SPEAKS_TCP)
			CHECK_U64(pipe_info(&pipe, CLIENT).mode, MODE_MPTCP);
		pipe_fini(&pipe);
	}
}

/* E14: an ALG makes one segment longer or shorter and patches sequence numbers from there on. */
struct alg {
	int32_t grow;
	uint64_t at, seen;
	uint32_t edge; /* first sequence number that is shifted */
	bool done;
};

static enum pipe_verdict alg(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	struct alg *alg = pipe->hook_state;
	uint32_t seq = tcp_seq(packet), ack = tcp_ack(packet), offset = packet->payload + 100;

	if (path == 1)
		return PIPE_PASS;
	if (from == SERVER) {
		if (alg->done && seq_after(ack, alg->edge))
			packet_write32(packet, packet->l4 + 8, ack - (uint32_t)alg->grow);
	} else if (alg->done && !seq_before(seq, alg->edge)) {
		packet_write32(packet, packet->l4 + 4, seq + (uint32_t)alg->grow);
	} else if (packet_payload_len(packet) > 300 &&
		(++alg->seen == alg->at ||
			(alg->done && seq + packet_payload_len(packet) == alg->edge))) {
		alg->done = true;
		alg->edge = seq + packet_payload_len(packet);
		if (alg->grow > 0)
			CHECK(packet_open_gap(packet, offset, (uint32_t)alg->grow, false));
		else
			packet_close_gap(packet, offset, (uint32_t)-alg->grow);
		pipe->hits++;
	}
	packet_finish(packet);
	packet_parse(packet);
	return PIPE_PASS;
}

/*
 * With checksums: one subflow falls back and delivers what the box made of it; of two, the bad one
 * is reset and the stream is whole. Nothing hangs; without checksums it cannot be seen (F28).
 */
TEST(E14_length_changed_with_checksums)
{
	static const int32_t sizes[] = { 4, -4, 5, -5, 20 };
	unsigned int speaks, join, i;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++)
		for (join = 0; join < 2; join++)
			for (i = 0; i < 10; i++) {
				struct alg state = { .grow = sizes[i % 5], .at = i < 5 ? 1 : 60 };
				struct pipe pipe = run(speaks, true, join, alg, &state);
				struct conn_info info = pipe_info(&pipe, SERVER);

				CHECK_U64(info.state, CONN_CLOSED);
				CHECK_U64(pipe_info(&pipe, CLIENT).state, CONN_CLOSED);
				if (join && i >= 5) {
					CHECK(pipe_is_clean(&pipe));
				} else {
					CHECK_U64(info.end, END_CLEAN);
					CHECK_U64(info.mode, MODE_INFINITE);
					CHECK_U64(pipe.app[SERVER].read,
						200001 + (uint64_t)(int64_t)state.grow);
				}
				pipe_fini(&pipe);
			}
}

/* All was sent, DATA_FIN included, before the failure was seen: FIN ends the stream. */
TEST(E14_length_changed_in_the_last_flight)
{
	unsigned int speaks, i;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++)
		for (i = 0; i < 2; i++) {
			struct endpoint_config config = pipe_config(speaks, true);
			struct alg state = { .grow = i ? 5 : -5, .at = 25 };
			struct pipe pipe;

			pipe_init(&pipe, &config, &config, 11);
			pipe.hook = alg;
			pipe.hook_state = &state;
			pipe.app[CLIENT].to_write = 40000;
			pipe_run(&pipe, 60 * NSEC_PER_SEC);
			CHECK(pipe.hits > 0);
			CHECK_U64(pipe_info(&pipe, SERVER).end, END_CLEAN);
			CHECK_U64(pipe_info(&pipe, CLIENT).end, END_CLEAN);
			CHECK_U64(pipe_info(&pipe, SERVER).mode, MODE_INFINITE);
			CHECK_U64(pipe.app[SERVER].read, 40000 + (uint64_t)(int64_t)state.grow);
			pipe_fini(&pipe);
		}
}

TEST(E14_length_changed_without_checksums)
{
	unsigned int speaks, join, i;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++)
		for (join = 0; join < 2; join++)
			for (i = 0; i < 4; i++) {
				struct alg state = { .grow = i & 1 ? 4 : -4, .at = i & 2 ? 1 : 60 };
				struct pipe pipe = run(speaks, false, join, alg, &state);

				CHECK_U64(pipe_info(&pipe, SERVER).state, CONN_CLOSED);
				CHECK_U64(pipe_info(&pipe, CLIENT).state, CONN_CLOSED);
				pipe_fini(&pipe);
			}
}

/* A peer that did not follow: its DSS puts bytes where others were delivered before. */
static enum pipe_verdict resend_by_mapping(struct pipe *pipe, struct packet *packet,
	enum pipe_side from, unsigned int path)
{
	struct mptcp_opt option = { .subtype = MP_DSS };
	uint64_t *first_dsn = pipe->hook_state;
	uint8_t bytes[TCPOPT_SPACE];

	(void)path;
	if (from == SERVER || packet_payload_len(packet) == 0)
		return PIPE_PASS;
	pipe->hits++;
	if (mptcp_find(packet, MP_DSS, &option, NULL) && option.dss.ssn == 1)
		*first_dsn = option.dss.dsn;
	if (pipe->hits == 1)
		strip_mptcp(packet, ALL_SUBTYPES);
	if (pipe->hits < 30)
		return PIPE_PASS;
	option.dss = (struct mp_dss){ .has_mapping = true,
		.dsn_wide = true,
		.dsn = *first_dsn + 20000,
		.ssn = 35000,
		.length = 1000 };
	CHECK(tcpopt_append(packet, bytes, mptcp_emit(&option, bytes)));
	packet_finish(packet);
	packet_parse(packet);
	return PIPE_PASS;
}

/* F64: rather a reset than a DSN delivered twice. */
TEST(F64_mapping_that_contradicts_after_fallback)
{
	struct endpoint_config config = pipe_config(SPEAKS_V0, false);
	uint64_t first_dsn = 0;
	struct pipe pipe;

	pipe_init(&pipe, &config, &config, 5);
	pipe.hook = resend_by_mapping;
	pipe.hook_state = &first_dsn;
	pipe.app[CLIENT].to_write = 100000;
	pipe_run(&pipe, 60 * NSEC_PER_SEC);
	CHECK(first_dsn != 0);
	CHECK(pipe_info(&pipe, SERVER).mode >= MODE_INFINITE);
	CHECK_U64(pipe_info(&pipe, SERVER).end, END_RESET);
	CHECK(pipe_info(&pipe, SERVER).subflows[0].reset_by_us);
	CHECK(!pipe.app[SERVER].corrupt);
	pipe_fini(&pipe);
}
