/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections whose packets tests/test_endpoint.py checks with an independent reader: with
 * PIPE_DUMP=FILE in the environment every packet is appended there as time and hex digits.
 */
#include "tests/unit/endpoint_pipe.h"

static void connection(unsigned int speaks, bool checksum, bool wide)
{
	struct endpoint_config client = pipe_config(speaks, checksum), server;
	struct pipe pipe;

	client.wide_dsn = client.wide_ack = wide;
	server = client;
	client.join[client.join_count++] = pipe_second.addr;
	pipe_init(&pipe, &client, &server, 21);
	pipe.app[CLIENT].to_write = 150001;
	pipe.app[SERVER].to_write = 120001;
	pipe_run(&pipe, 30 * NSEC_PER_SEC);
	CHECK(pipe_is_clean(&pipe));
	CHECK_U64(pipe_info(&pipe, SERVER).subflows[1].state, SUBFLOW_CLOSED);
	CHECK(pipe_info(&pipe, SERVER).subflows[1].bytes_received > 0);
	pipe_fini(&pipe);
}

TEST(v0_plain)
{
	connection(SPEAKS_V0, false, true);
}

TEST(v0_checksum)
{
	connection(SPEAKS_V0, true, true);
}

TEST(v0_checksum_narrow)
{
	connection(SPEAKS_V0, true, false);
}

TEST(v1_plain)
{
	connection(SPEAKS_V1, false, true);
}

TEST(v1_checksum)
{
	connection(SPEAKS_V1, true, true);
}

TEST(v1_checksum_narrow)
{
	connection(SPEAKS_V1, true, false);
}

static enum pipe_verdict flip_one(struct pipe *pipe, struct packet *packet, enum pipe_side from,
	unsigned int path)
{
	if (from == CLIENT && path == 0 && packet_payload_len(packet) > 0 && ++pipe->hits == 30)
		flip_payload(packet, 1);
	return PIPE_PASS;
}

/* MP_FAIL and the infinite mapping on one subflow; MP_FAIL on a RST with two. */
static void broken(unsigned int speaks, bool join)
{
	struct endpoint_config client = pipe_config(speaks, true), server = client;
	struct pipe pipe;

	if (join)
		client.join[client.join_count++] = pipe_second.addr;
	pipe_init(&pipe, &client, &server, 22);
	pipe.hook = flip_one;
	pipe.app[CLIENT].to_write = 200000;
	pipe_run(&pipe, 30 * NSEC_PER_SEC);
	CHECK(pipe.hits >= 30);
	CHECK(join ? pipe_is_clean(&pipe) : pipe_info(&pipe, SERVER).mode == MODE_INFINITE);
	pipe_fini(&pipe);
}

TEST(v0_fail)
{
	broken(SPEAKS_V0, false);
}

TEST(v1_fail)
{
	broken(SPEAKS_V1, false);
}

TEST(v0_fail_of_two)
{
	broken(SPEAKS_V0, true);
}

TEST(v1_fail_of_two)
{
	broken(SPEAKS_V1, true);
}

static void aborted(unsigned int speaks, bool on_ack)
{
	struct endpoint_config client = pipe_config(speaks, false), server = client;
	struct pipe pipe;

	client.fastclose_on_ack = on_ack;
	client.join[client.join_count++] = pipe_second.addr;
	pipe_init(&pipe, &client, &server, 23);
	pipe.app[CLIENT].to_write = 900000;
	pipe_run(&pipe, NSEC_PER_SEC + 60 * NSEC_PER_MS);
	conn_abort(pipe.app[CLIENT].conn);
	pipe_run(&pipe, 10 * NSEC_PER_SEC);
	CHECK_U64(pipe_info(&pipe, SERVER).end, END_RESET);
	pipe_fini(&pipe);
}

TEST(v0_fastclose)
{
	aborted(SPEAKS_V0, false);
}

TEST(v1_fastclose)
{
	aborted(SPEAKS_V1, false);
}

TEST(v1_fastclose_on_ack)
{
	aborted(SPEAKS_V1, true);
}

/*
 * Every signal once, from both ends: addresses of both families told with and without port,
 * withdrawn two at a time, priorities changed for one subflow and for an address, subflows joined
 * from either end, as backups, too.
 */
static void signals(unsigned int speaks)
{
	struct endpoint_config client = pipe_config(speaks, true), server;
	struct addr gone[2] = { pipe_second.addr, addr_v4(198, 18, 2, 1) };
	struct sockname third = { addr_v4(198, 18, 3, 2), 5005 };
	struct sockname six = { .port = 0 };
	struct pipe pipe;
	struct err err;

	server = client;
	server.join_as_server = server.join_backup = true;
	client.join[client.join_count++] = gone[0];
	client.join[client.join_count++] = gone[1];
	client.announce[client.announce_count++].addr = addr_v4(198, 18, 4, 1);
	server.announce[server.announce_count++].addr = addr_v4(198, 18, 1, 2);
	pipe_init(&pipe, &client, &server, 24);
	pipe.app[CLIENT].to_write = pipe.app[SERVER].to_write = 60000;
	pipe.app[CLIENT].hold_open = pipe.app[SERVER].hold_open = true;
	pipe_run(&pipe, 2 * NSEC_PER_SEC);
	CHECK(conn_announce(pipe.app[SERVER].conn, &third, pipe.now, &err));
	CHECK(addr_parse(&six.addr, "fd00:32::2"));
	CHECK(conn_announce(pipe.app[SERVER].conn, &six, pipe.now, &err));
	CHECK(addr_parse(&six.addr, "fd00:32::3"));
	six.port = 5006;
	CHECK(conn_announce(pipe.app[SERVER].conn, &six, pipe.now, &err));
	pipe_run(&pipe, 3 * NSEC_PER_SEC);
	CHECK(conn_set_backup(pipe.app[CLIENT].conn, 1, true, &err));
	CHECK(conn_set_backup(pipe.app[SERVER].conn, 2, true, &err));
	CHECK(conn_set_address_backup(pipe.app[SERVER].conn, &pipe_server.addr, true, &err));
	pipe_run(&pipe, 4 * NSEC_PER_SEC);
	CHECK(conn_set_backup(pipe.app[CLIENT].conn, 1, false, &err));
	CHECK(conn_withdraw(pipe.app[CLIENT].conn, gone, 2, &err));
	pipe_run(&pipe, 5 * NSEC_PER_SEC);
	pipe.app[CLIENT].to_write = pipe.app[SERVER].to_write = 90001;
	pipe.app[CLIENT].hold_open = pipe.app[SERVER].hold_open = false;
	pipe_run(&pipe, 60 * NSEC_PER_SEC);
	CHECK(pipe_is_clean(&pipe));
	pipe_fini(&pipe);
}

TEST(v0_signals)
{
	signals(SPEAKS_V0);
}

TEST(v1_signals)
{
	signals(SPEAKS_V1);
}
