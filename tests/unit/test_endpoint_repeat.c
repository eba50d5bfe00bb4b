/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Peers that send data again on the only subflow after a fallback: no DSN is delivered twice (F24,
 * F64, O6).
 */
#include "tests/unit/endpoint_pipe.h"

enum { FIRST_FLIGHT = 4000, PIECE = 1000 };

/* The client's infinite mapping goes back to its first byte, as if all of it was sent again. */
struct again {
	bool lose_answer; /* of the client to MP_FAIL */
	bool reordered;   /* the second piece comes before the first */
	bool begun;
	uint32_t iss, turn;        /* where the repetition begins */
	struct mptcp_opt infinite; /* taken off a bare ACK */
};

static void spoil_checksum(struct mptcp_opt *option)
{
	if (option->subtype == MP_CAPABLE)
		option->capable.checksum ^= 0x0101;
	else
		option->dss.checksum ^= 0x0101;
}

/* A piece of the first flight in place of a segment's payload. */
static struct packet *piece_of(const struct packet *packet, uint32_t seq, uint32_t offset)
{
	struct packet *piece = packet_clone(packet);
	uint8_t bytes[PIECE];
	uint32_t i;

	CHECK(packet_payload_len(packet) >= PIECE);
	for (i = 0; i < PIECE; i++)
		bytes[i] = pipe_byte(CLIENT, offset + i);
	packet_close_gap(piece, piece->payload + PIECE, packet_payload_len(packet) - PIECE);
	packet_write(piece, piece->payload, bytes, PIECE);
	packet_write32(piece, piece->l4 + 4, seq + offset);
	packet_finish(piece);
	packet_parse(piece);
	return piece;
}

/* In front of the first new segment, the first piece with the infinite mapping. */
static void send_again(struct pipe *pipe, const struct packet *packet)
{
	struct again *again = pipe->hook_state;
	struct packet *pieces[FIRST_FLIGHT / PIECE];
	unsigned int i, count = FIRST_FLIGHT / PIECE;
	uint8_t bytes[TCPOPT_SPACE];

	again->begun = true;
	again->turn = tcp_seq(packet);
	again->infinite.dss.ssn = again->turn - again->iss;
	for (i = 0; i < count; i++)
		pieces[i] = piece_of(packet, again->turn, i * PIECE);
	CHECK(tcpopt_append(pieces[0], bytes, mptcp_emit(&again->infinite, bytes)));
	packet_finish(pieces[0]);
	packet_parse(pieces[0]);
	for (i = 0; i < count; i++) {
		pipe_send(pipe, pieces[again->reordered && i < 2 ? 1 - i : i], 0);
		pipe->hits++;
	}
	for (i = 0; i < count; i++)
		packet_free(pieces[i]);
}

static void move(struct packet *packet, unsigned int field, uint32_t value)
{
	packet_write32(packet, packet->l4 + field, value);
	packet_finish(packet);
	packet_parse(packet);
}

/* The client must not see what the pieces add to its stream. */
static void hide_from_client(const struct again *again, struct packet *packet)
{
	uint32_t ack = tcp_ack(packet);

	if (again->begun && seq_after(ack, again->turn))
		move(packet, 8, seq_max(ack - FIRST_FLIGHT, again->turn));
}

static enum pipe_verdict repeat(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	struct again *again = pipe->hook_state;
	uint32_t length = packet_payload_len(packet);
	struct mptcp_opt option;

	(void)path;
	if (from == SERVER) {
		hide_from_client(again, packet);
		return PIPE_PASS;
	}
	if (is_syn(packet))
		again->iss = tcp_seq(packet);
	if (again->lose_answer)
		strip_mptcp(packet, 1u << MP_FAIL);
	if (length > 0 && tcp_seq(packet) == again->iss + 1 &&
		!edit_mptcp(packet, MP_CAPABLE, spoil_checksum))
		edit_mptcp(packet, MP_DSS, spoil_checksum);
	if (length == 0 && mptcp_find(packet, MP_DSS, &option, NULL) && option.dss.has_mapping &&
		!option.dss.data_fin) {
		again->infinite = option;
		strip_mptcp(packet, 1u << MP_DSS);
	}
	if (length > 0 && !again->begun && again->infinite.dss.has_mapping)
		send_again(pipe, packet);
	if (again->begun && !seq_before(tcp_seq(packet), again->turn))
		move(packet, 4, tcp_seq(packet) + FIRST_FLIGHT);
	return PIPE_PASS;
}

/* O6, F24: the infinite mapping of a peer that sends everything again; each byte counts once. */
TEST(O6_infinite_mapping_goes_back)
{
	unsigned int speaks, how;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++)
		for (how = 0; how < 4; how++) {
			struct endpoint_config config = pipe_config(speaks, true);
			struct again again = { .lose_answer = how & 1, .reordered = how & 2 };
			struct pipe pipe;

			pipe_init(&pipe, &config, &config, 5);
			pipe.hook = repeat;
			pipe.hook_state = &again;
			pipe.app[CLIENT].to_write = FIRST_FLIGHT;
			pipe.app[CLIENT].hold_open = true;
			pipe_run(&pipe, pipe.now + 40 * NSEC_PER_MS);
			pipe.app[CLIENT].to_write = 60000;
			pipe.app[CLIENT].hold_open = false;
			pipe_run(&pipe, 60 * NSEC_PER_SEC);
			CHECK_U64(pipe.hits, FIRST_FLIGHT / PIECE);
			CHECK(pipe_is_clean(&pipe));
			CHECK_U64(pipe_info(&pipe, SERVER).mode, MODE_INFINITE);
			pipe_fini(&pipe);
		}
}

/* ---- the same over what came on another subflow ---- */

enum { SECOND_PIECE = 1420, LATER = 4000, LAST_PIECE = 100 };

/* On the first path the second segment loses its mapping, and all that is sent later. */
static enum pipe_verdict unmap(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	uint32_t *iss = pipe->hook_state, at = tcp_seq(packet) - *iss - 1;
	struct mptcp_opt option;

	if (from == SERVER || path != 0)
		return PIPE_PASS;
	if (is_syn(packet))
		*iss = tcp_seq(packet);
	else if (packet_payload_len(packet) > 0 && (at == SECOND_PIECE || at >= LATER) &&
		mptcp_find(packet, MP_DSS, &option, NULL) && option.dss.length > 0)
		pipe->hits += strip_mptcp(packet, ALL_SUBTYPES);
	return PIPE_PASS;
}

/* O6: what is held, and came elsewhere meanwhile, lies behind the stream's next byte. */
TEST(O6_infinite_mapping_after_other_subflows)
{
	struct endpoint_config client = pipe_config(SPEAKS_V0, false), server = client;
	uint32_t iss = 0;
	struct pipe pipe;
	struct err err;

	client.join[client.join_count++] = pipe_second.addr;
	pipe_init(&pipe, &client, &server, 3);
	pipe.hook = unmap;
	pipe.hook_state = &iss;
	pipe.app[CLIENT].to_write = LATER;
	pipe.app[CLIENT].hold_open = true;
	pipe_run(&pipe, 2 * NSEC_PER_SEC);
	CHECK_U64(pipe.app[SERVER].read, LATER);
	CHECK(conn_drop(pipe.app[CLIENT].conn, 1, &err));
	pipe_run(&pipe, 3 * NSEC_PER_SEC);
	pipe.app[CLIENT].to_write += LAST_PIECE;
	pipe.app[CLIENT].hold_open = false;
	pipe_run(&pipe, 40 * NSEC_PER_SEC);
	CHECK(pipe.hits > 1);
	CHECK(pipe_is_clean(&pipe));
	CHECK_U64(pipe_info(&pipe, SERVER).fallback, FALLBACK_INFINITE_MAPPING);
	pipe_fini(&pipe);
}

/* ---- nor what other subflows had carried ---- */

/* The first path takes no data; of what comes again on the second one a piece has no mapping. */
static enum pipe_verdict mix(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	uint64_t *lowest = pipe->hook_state;
	struct mptcp_opt option;

	if (packet_payload_len(packet) == 0 || pipe->now < NSEC_PER_SEC + 100 * NSEC_PER_MS)
		return PIPE_PASS;
	if (from == SERVER)
		flip_payload(packet, 0);
	if (path == 0 && from == CLIENT)
		return PIPE_DROP;
	if (from == SERVER || !mptcp_find(packet, MP_DSS, &option, NULL))
		return PIPE_PASS;
	/* Behind the first piece that comes again: its number lies below the last one's. */
	if (*lowest > option.dss.dsn || pipe->hits > 0)
		pipe->hits++;
	*lowest = option.dss.dsn;
	if (pipe->hits == 2)
		strip_mptcp(packet, ALL_SUBTYPES);
	return PIPE_PASS;
}

/* F24, F25: MP_FAIL comes, and what is held is of data in another order: no byte is misplaced. */
TEST(F24_not_contiguous)
{
	unsigned int speaks;

	for (speaks = SPEAKS_V0; speaks <= SPEAKS_V1; speaks++) {
		struct endpoint_config client = pipe_config(speaks, true), server = client;
		uint64_t lowest = 0;
		struct pipe pipe;

		client.join[client.join_count++] = pipe_second.addr;
		client.subflow_rtos = 1;
		pipe_init(&pipe, &client, &server, 3);
		pipe.hook = mix;
		pipe.hook_state = &lowest;
		pipe.app[SERVER].to_write = 10;
		pipe.app[CLIENT].hold_open = pipe.app[SERVER].hold_open = true;
		pipe.app[CLIENT].to_write = 10;
		pipe_run(&pipe, NSEC_PER_SEC + 100 * NSEC_PER_MS);
		pipe.app[CLIENT].to_write += 14200;
		while (pipe.hits < 3 && pipe.now < 6 * NSEC_PER_SEC)
			pipe_run(&pipe, pipe.now + NSEC_PER_MS);
		CHECK(pipe.hits >= 3);
		pipe.app[SERVER].to_write += 10;
		pipe_run(&pipe, 40 * NSEC_PER_SEC);
		CHECK(!pipe.app[SERVER].corrupt);
		CHECK_U64(pipe_info(&pipe, SERVER).subflows[1].state, SUBFLOW_RESET);
		CHECK(pipe_info(&pipe, SERVER).subflows[1].reset_by_us);
		pipe_fini(&pipe);
	}
}

static enum pipe_verdict lose_dss(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	(void)path;
	if (from == CLIENT && !(tcp_flags(packet) & TCP_SYN))
		pipe->hits += strip_mptcp(packet, 1u << MP_DSS);
	return PIPE_PASS;
}

/*
 * F16, F64: the client's first data was DATA_ACKed, then its mappings and DATA_ACKs stay away, and
 * there is no data left to tell it of a fallback with: what it sends again would pass for new.
 */
TEST(F64_no_one_sided_fallback)
{
	struct endpoint_config config = pipe_config(SPEAKS_V1, false);
	struct pipe pipe;
	int side;

	pipe_init(&pipe, &config, &config, 5);
	pipe.hook = lose_dss;
	for (side = CLIENT; side <= SERVER; side++) {
		pipe.app[side].to_write = 8192;
		pipe.app[side].hold_open = true;
	}
	pipe_run(&pipe, 60 * NSEC_PER_SEC);
	CHECK(pipe.hits > 0);
	CHECK_U64(pipe_info(&pipe, SERVER).mode, MODE_MPTCP);
	CHECK(pipe_info(&pipe, SERVER).subflows[0].reset_by_us);
	CHECK_U64(pipe_info(&pipe, SERVER).subflows[0].reset_reason, RESET_MIDDLEBOX);
	CHECK_U64(pipe_info(&pipe, CLIENT).end, END_RESET);
	CHECK(!pipe.app[SERVER].corrupt);
	pipe_fini(&pipe);
}
