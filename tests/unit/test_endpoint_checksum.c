/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checksums that disagree with what was negotiated (F13, F14), or fail in odd places (F23, O10).
 */
#include "tests/unit/endpoint_pipe.h"

static const unsigned int versions[] = { SPEAKS_V0, SPEAKS_V1 };

static void drop_checksum(struct mptcp_opt *option)
{
	option->dss.has_checksum = false;
}

static void add_checksum(struct mptcp_opt *option)
{
	option->dss.has_checksum = option->dss.has_mapping;
	option->dss.checksum = 0x1234;
}

static enum pipe_verdict edit_checksum(struct pipe *pipe, struct packet *packet,
	enum pipe_side from, unsigned int path)
{
	(void)path;
	if (from == CLIENT && packet_payload_len(packet) > 0 && pipe->packets[CLIENT][0] > 12)
		pipe->hits += edit_mptcp(packet, MP_DSS,
			pipe->hook_state != NULL ? drop_checksum : add_checksum);
	return PIPE_PASS;
}

/* F13: not negotiated: v1 resets with reason 1, v0 ignores. F14: missing: both reset. */
TEST(F13_F14_checksum_presence)
{
	unsigned int v, missing;

	for (v = 0; v < 2; v++)
		for (missing = 0; missing < 2; missing++) {
			struct endpoint_config config = pipe_config(versions[v], missing);
			struct pipe pipe;

			config.wide_dsn = false; /* room for the added field */
			pipe_init(&pipe, &config, &config, 5);
			pipe.hook = edit_checksum;
			pipe.hook_state = missing ? &pipe : NULL;
			pipe.app[CLIENT].to_write = 60000;
			pipe_run(&pipe, 60 * NSEC_PER_SEC);
			CHECK(pipe.hits > 0);
			if (v == 0 && !missing) {
				CHECK(pipe_is_clean(&pipe));
				CHECK_U64(pipe_info(&pipe, CLIENT).mode, MODE_MPTCP);
				CHECK_U64(pipe_info(&pipe, SERVER).mode, MODE_MPTCP);
			} else {
				CHECK_U64(pipe_info(&pipe, CLIENT).end, END_RESET);
				CHECK_U64(pipe_info(&pipe, SERVER).end, END_RESET);
				CHECK_U64(pipe_info(&pipe, SERVER).subflows[0].reset_reason,
					RESET_MPTCP);
			}
			pipe_fini(&pipe);
		}
}

static void move_back(struct mptcp_opt *option)
{
	option->dss.dsn -= 256;
}

/* One segment's mapping, each time it is sent. */
static enum pipe_verdict edit_number(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	uint32_t *seq = pipe->hook_state;

	(void)path;
	if (from == SERVER || packet_payload_len(packet) == 0 || pipe->packets[CLIENT][0] < 12)
		return PIPE_PASS;
	if (pipe->hits == 0)
		*seq = tcp_seq(packet);
	if (tcp_seq(packet) == *seq)
		pipe->hits += edit_mptcp(packet, MP_DSS, move_back);
	return PIPE_PASS;
}

/* F23: a mapping that fails because it was moved back leaves no hole in the stream. */
TEST(F23_number_moved_back)
{
	unsigned int v;

	for (v = 0; v < 2; v++) {
		struct endpoint_config config = pipe_config(versions[v], true);
		struct pipe pipe;
		uint32_t seq = 0;

		pipe_init(&pipe, &config, &config, 5);
		pipe.hook = edit_number;
		pipe.hook_state = &seq;
		pipe.app[CLIENT].to_write = 60000;
		pipe_run(&pipe, 60 * NSEC_PER_SEC);
		CHECK(pipe.hits > 0);
		CHECK(pipe_is_clean(&pipe));
		CHECK_U64(pipe_info(&pipe, SERVER).fallback, FALLBACK_CHECKSUM);
		CHECK_U64(pipe_info(&pipe, CLIENT).fallback, FALLBACK_MP_FAIL);
		pipe_fini(&pipe);
	}
}

static void spoil_sum_or_end(struct mptcp_opt *option)
{
	if (option->subtype == MP_CAPABLE)
		option->capable.checksum ^= option->capable.has_checksum;
	else if (option->dss.data_fin && option->dss.length == 1)
		option->dss.ssn = 256;
	else if (option->dss.has_mapping)
		option->dss.checksum ^= 1;
}

/* MP_FAIL never arrives, and the client's DATA_FIN names an SSN. */
static enum pipe_verdict edit_end(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	(void)path;
	if (from == SERVER)
		pipe->hits += strip_mptcp(packet, 1u << MP_FAIL);
	else if (!edit_mptcp(packet, MP_CAPABLE, spoil_sum_or_end))
		edit_mptcp(packet, MP_DSS, spoil_sum_or_end);
	return PIPE_PASS;
}

/* O5, F64: who fell back alone takes a DATA_FIN, which maps no byte (3.3.3), for no mapping. */
TEST(O5_data_fin_with_a_number)
{
	unsigned int v;

	for (v = 0; v < 2; v++) {
		struct endpoint_config config = pipe_config(versions[v], true);
		struct pipe pipe;

		pipe_init(&pipe, &config, &config, 5);
		pipe.hook = edit_end;
		pipe.app[CLIENT].to_write = 1000;
		pipe.app[SERVER].hold_open = true;
		pipe_run(&pipe, 20 * NSEC_PER_SEC);
		CHECK(pipe.hits > 0);
		CHECK_U64(pipe_info(&pipe, SERVER).fallback, FALLBACK_SIGNAL_LOST);
		CHECK_U64(pipe_info(&pipe, CLIENT).fallback, FALLBACK_NO_DATA_ACK);
		pipe.app[SERVER].hold_open = false;
		pipe_run(&pipe, 60 * NSEC_PER_SEC);
		CHECK(pipe_is_clean(&pipe));
		pipe_fini(&pipe);
	}
}

/* The server's data on the second path fails, and the first is not heard of any more. */
static enum pipe_verdict fail_on_second(struct pipe *pipe, struct packet *packet,
	enum pipe_side from, unsigned int path)
{
	if (from == SERVER && path == 0 && !(tcp_flags(packet) & TCP_FIN))
		return PIPE_DROP;
	if (from == SERVER && path == 1 && packet_payload_len(packet) > 0 && pipe->hits++ == 0)
		flip_payload(packet, 0);
	return PIPE_PASS;
}

/* O10: FINs went both ways on the first subflow, only an ACK is missing: the second is alone. */
TEST(O10_beside_a_subflow_that_closes)
{
	unsigned int v;

	for (v = 0; v < 2; v++) {
		struct endpoint_config client = pipe_config(versions[v], true), server = client;
		struct pipe pipe;
		struct err err;

		client.join[client.join_count++] = pipe_second.addr;
		pipe_init(&pipe, &client, &server, 5);
		pipe_quiet(&pipe);
		pipe.hook = fail_on_second;
		CHECK(conn_drop(pipe.app[SERVER].conn, 0, &err));
		pipe_run(&pipe, pipe.now + 3 * pipe.delay);
		CHECK_U64(pipe_info(&pipe, CLIENT).subflows[0].state, SUBFLOW_CLOSING);
		pipe.app[SERVER].to_write += 100;
		pipe_run(&pipe, pipe.now + 20 * pipe.delay);
		CHECK_U64(pipe_info(&pipe, CLIENT).fallback, FALLBACK_CHECKSUM);
		CHECK_U64(pipe_info(&pipe, SERVER).fallback, FALLBACK_MP_FAIL);
		CHECK_U64(pipe.app[CLIENT].read, pipe.app[SERVER].to_write);
		pipe_fini(&pipe);
	}
}
