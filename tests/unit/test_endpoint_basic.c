/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Handshake, data both ways and close: plain TCP and one subflow of both MPTCP versions.
 */
#include "tests/unit/endpoint_pipe.h"

static void transfer(unsigned int speaks, bool checksum, uint64_t up, uint64_t down,
	enum conn_mode mode)
{
	struct endpoint_config config = pipe_config(speaks, checksum);
	struct pipe pipe;

	pipe_init(&pipe, &config, &config, 1);
	pipe.app[CLIENT].to_write = up;
	pipe.app[SERVER].to_write = down;
	pipe_run(&pipe, 30 * NSEC_PER_SEC);
	CHECK(pipe_is_clean(&pipe));
	CHECK_U64(pipe_info(&pipe, CLIENT).mode, mode);
	CHECK_U64(pipe_info(&pipe, SERVER).mode, mode);
	CHECK_U64(pipe_info(&pipe, SERVER).checksum, checksum && mode == MODE_MPTCP);
	CHECK_U64(pipe_info(&pipe, CLIENT).subflows[0].retransmissions, 0);
	CHECK_U64(pipe_info(&pipe, SERVER).subflows[0].retransmissions, 0);
	CHECK(endpoint_deadline(pipe.endpoint[CLIENT]) == NSEC_NEVER);
	CHECK(endpoint_deadline(pipe.endpoint[SERVER]) == NSEC_NEVER);
	pipe_fini(&pipe);
}

TEST(plain_tcp)
{
	transfer(SPEAKS_TCP, false, 100000, 50000, MODE_TCP);
}

TEST(v0_client_sends)
{
	transfer(SPEAKS_V0, false, 65536, 0, MODE_MPTCP);
}

TEST(v0_both_send_with_checksum)
{
	transfer(SPEAKS_V0, true, 100001, 50001, MODE_MPTCP);
}

TEST(v1_client_sends)
{
	transfer(SPEAKS_V1, false, 65536, 0, MODE_MPTCP);
}

TEST(v1_server_sends)
{
	transfer(SPEAKS_V1, false, 0, 65536, MODE_MPTCP);
}

TEST(v1_both_send_with_checksum)
{
	transfer(SPEAKS_V1, true, 1000001, 500001, MODE_MPTCP);
}

TEST(nobody_sends)
{
	transfer(SPEAKS_TCP, false, 0, 0, MODE_TCP);
	transfer(SPEAKS_V0, false, 0, 0, MODE_MPTCP);
	transfer(SPEAKS_V1, true, 0, 0, MODE_MPTCP);
}

TEST(over_ipv6)
{
	unsigned int speaks;

	for (speaks = SPEAKS_TCP; speaks <= SPEAKS_V1; speaks++) {
		struct endpoint_config client = pipe_config(speaks, true), server = client;
		struct sockname local = { .port = 40000 }, remote = { .port = 80 };
		struct pipe pipe;

		CHECK(addr_parse(&local.addr, "fd00:1::1"));
		CHECK(addr_parse(&remote.addr, "fd00:1::2"));
		client.join[client.join_count++] = pipe_second.addr; /* the wrong family */
		CHECK(addr_parse(&client.join[client.join_count++], "fd00:2::1"));
		pipe_init_between(&pipe, &client, &server, 1, &local, &remote);
		pipe.app[CLIENT].to_write = 300000;
		pipe.app[SERVER].to_write = 100000;
		pipe_run(&pipe, 30 * NSEC_PER_SEC);
		CHECK(pipe_is_clean(&pipe));
		CHECK_U64(pipe_info(&pipe, CLIENT).subflow_count, speaks == SPEAKS_TCP ? 1 : 2);
		pipe_fini(&pipe);
	}
}
