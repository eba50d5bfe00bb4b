/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_box.c - parameters of boxes, and which packets the when parameters of mbtest/box.h select.
 * A box of type loss shows the selection: what it was not shown comes out.
 */
#include "tests/unit/box_fixture.h"

#include <stdio.h>

static void refused(const char *name, const char *args, const char *sentence)
{
	struct bench *bench = bench_new(name, args);

	CHECK(bench->box == NULL);
	CHECK_TEXT(bench->err.text, sentence);
	bench_free(bench);
}

TEST(bad_parameters_are_one_sentence)
{
	refused("strip", "kinds=3", "box strip: unknown parameter kinds");
	refused("strip", "kind=300",
		"box strip: parameter kind: \"300\" is not a whole number within "
		"2..255");
	refused("strip", "kind=3x",
		"box strip: parameter kind: \"3x\" is not a whole number within "
		"2..255");
	refused("strip", "kind=30;kind=31", "box strip: parameter kind is given twice");
	refused("strip", "direction=up",
		"box strip: parameter direction: \"up\" is not one of "
		"to-server, to-client, both");
	refused("strip", "on=syn+sin",
		"box strip: parameter on: \"sin\" is none of syn, synack, ack3, "
		"data, ack, fin, rst, any");
	refused("strip", "on=",
		"box strip: parameter on: \"\" is none of syn, synack, ack3, data, ack, "
		"fin, rst, any");
	refused("strip", "from=0",
		"box strip: parameter from: \"0\" is not a packet number from 1 "
		"(\"3\"), a byte (\"20000B\") or a time (\"50ms\")");
	refused("strip", "until=1.5",
		"box strip: parameter until: \"1.5\" is not a packet number from 1 "
		"(\"3\"), a byte (\"20000B\") or a time (\"50ms\")");
	refused("strip", "chance=1.5",
		"box strip: parameter chance: \"1.5\" is not a number within "
		"0..1");
	refused("strip", "every=0",
		"box strip: parameter every: \"0\" is not a whole number within "
		"1..2147483647");
	refused("rewrite", "pattern=x",
		"box rewrite: parameter replacement must be given "
		"(the text put there; may be empty)");
	refused("rewrite", "pattern=;replacement=x", "box rewrite: parameter pattern is empty");
	refused("delay", "time=2h",
		"box delay: parameter time: \"2h\" is not a time within "
		"0ms..3600000ms");
	refused("seq-rewrite", "offset=4294967296",
		"box seq-rewrite: parameter offset: "
		"\"4294967296\" is neither random nor within 1..4294967295");
	refused("port-map", "map=80",
		"box port-map: parameter map: \"80\" is no list of at most 16 pairs "
		"of ports such as 8080:80,8443:443");
	refused("nat", "address=fd00::1", "box nat: parameter address is not an IPv4 address");
	refused("nat", "address=x",
		"box nat: parameter address: \"x\" is not an IPv4 or IPv6 address");
}

/* The handshake, then four data segments of 10 bytes from the client, each acknowledged. */
static void conversation(struct bench *bench)
{
	uint32_t i;

	bench_handshake(bench);
	for (i = 0; i < 4; i++) {
		bench_data(bench, TO_SERVER, 1000 + 10 * i, "0123456789");
		bench_ack(bench, TO_CLIENT, 1010 + 10 * i);
	}
	bench_send(bench,
		(struct segment){ TO_SERVER, TCP_FIN | TCP_ACK, 1040, 5000, NULL, 0, NULL, 0 });
	bench_send(bench, (struct segment){ TO_CLIENT, TCP_RST, 5000, 0, NULL, 0, NULL, 0 });
}

/*
 * Which of the conversation's packets are meant: S SYN, Y SYN/ACK, 3 third packet, d data with its
 * number, a its ACK, F FIN, R RST.
 */
static void selects(const char *args, const char *want)
{
	static const char *const names[] = { "S", "Y", "3", "d1", "a1", "d2", "a2", "d3", "a3",
		"d4", "a4", "F", "R" };
	struct bench *bench = bench_new("loss", args);
	char got[128] = "";
	unsigned int i, dropped = 0;

	CHECK(bench->box != NULL);
	if (bench->box == NULL) {
		fprintf(stderr, "%s\n", bench->err.text);
		bench_free(bench);
		return;
	}
	conversation(bench);
	/* Packets keep their order, so those missing are those dropped. */
	for (i = 0; i < 13; i++) {
		static const uint32_t keys[][2] = { { 999, TCP_SYN }, { 4999, TCP_SYN | TCP_ACK },
			{ 1000, TCP_ACK }, { 1000, TCP_ACK | TCP_PSH }, { 1010, TCP_ACK },
			{ 1010, TCP_ACK | TCP_PSH }, { 1020, TCP_ACK }, { 1020, TCP_ACK | TCP_PSH },
			{ 1030, TCP_ACK }, { 1030, TCP_ACK | TCP_PSH }, { 1040, TCP_ACK },
			{ 1040, TCP_FIN | TCP_ACK }, { 5000, TCP_RST } };
		const struct packet *packet =
			i - dropped < bench->count ? bench->out[i - dropped] : NULL;
		bool is_ack = i >= 4 && i <= 10 && i % 2 == 0;
		bool here = packet != NULL && tcp_flags(packet) == keys[i][1] &&
			(is_ack ? tcp_ack(packet) : tcp_seq(packet)) == keys[i][0];

		if (here)
			continue;
		dropped++;
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s ", names[i]);
	}
	CHECK_TEXT(got, want);
	CHECK_U64(bench->drops, dropped);
	CHECK_U64(box_hits(bench->box), dropped);
	bench_free(bench);
}

TEST(when_direction)
{
	selects("", "S Y 3 d1 a1 d2 a2 d3 a3 d4 a4 F R ");
	selects("direction=to-server", "S 3 d1 d2 d3 d4 F ");
	selects("direction=to-client", "Y a1 a2 a3 a4 R ");
}

TEST(when_on)
{
	selects("on=syn", "S ");
	selects("on=synack", "Y ");
	selects("on=ack3", "3 ");
	selects("on=data", "d1 d2 d3 d4 ");
	selects("on=ack", "a1 a2 a3 a4 ");
	selects("on=fin", "F ");
	selects("on=rst", "R ");
	selects("on=syn+ack3,rst", "S 3 R ");
	selects("on=any;direction=to-client", "Y a1 a2 a3 a4 R ");
}

TEST(when_path)
{
	selects("on=data;path=0", "d1 d2 d3 d4 ");
	selects("on=data;path=1", "d1 d2 d3 d4 ");
	selects("on=data;path=2", "");
	refused("strip", "path=-1",
		"box strip: parameter path: \"-1\" is not a whole number within 0..255");
}

TEST(when_packet_numbers)
{
	selects("on=data;from=3", "d3 d4 ");
	selects("on=data;until=2", "d1 d2 ");
	selects("on=data;from=2;until=2", "d2 ");
	selects("from=2;until=3", "Y 3 ");
	selects("direction=to-client;from=2;until=2", "a1 ");
}

/* Byte 20 is the first of the third segment. */
TEST(when_stream_offsets)
{
	selects("on=data;from=20B", "d3 d4 ");
	selects("on=data;from=19B", "d2 d3 d4 ");
	selects("on=data;until=20B", "d1 d2 d3 ");
	selects("on=data;until=19B", "d1 d2 ");
	selects("on=data;from=20B;until=20B", "d3 ");
	/* An ACK stands at the last byte it acknowledges: 9, 19, 29, 39. */
	selects("direction=to-client;from=20B", "a3 a4 ");
	selects("direction=to-client;from=19B", "a2 a3 a4 ");
	selects("on=ack;until=19B", "a1 a2 ");
	selects("from=0B;on=any;direction=to-server", "d1 d2 d3 d4 F ");
	selects("until=0B", "S Y 3 d1 R ");
}

TEST(when_every)
{
	selects("on=data;every=2", "d2 d4 ");
	selects("on=data;every=2;from=2", "d3 ");
	selects("on=data;every=5", "");
}

TEST(when_chance)
{
	struct bench *bench = bench_new("loss", "on=data;chance=0.25");
	uint32_t i;

	selects("chance=0", "");
	bench_handshake(bench);
	for (i = 0; i < 4000; i++) {
		bench_data(bench, TO_SERVER, 1000, "x");
		while (bench->count > 0)
			packet_free(bench->out[--bench->count]);
	}
	/* Five standard deviations (27) about 1000. */
	CHECK(bench->drops > 863 && bench->drops < 1137);
	bench_free(bench);
}

TEST(when_time)
{
	struct bench *bench = bench_new("loss", "on=data;from=50ms;until=60ms");

	bench_handshake(bench);
	for (bench->now = 0; bench->now <= 100 * NSEC_PER_MS; bench->now += 10 * NSEC_PER_MS)
		bench_data(bench, TO_SERVER, 1000, "x");
	CHECK_U64(bench->drops, 2);
	bench_free(bench);
}

/* A retransmission holds the same bytes, so a byte meets it again; a packet number does not. */
TEST(when_bytes_meet_retransmissions)
{
	struct bench *bench = bench_new("loss", "from=5B;until=5B;on=data");

	bench_handshake(bench);
	bench_data(bench, TO_SERVER, 1000, "0123456789");
	bench_data(bench, TO_SERVER, 1010, "0123456789");
	bench_data(bench, TO_SERVER, 1000, "0123456789");
	bench_data(bench, TO_SERVER, 1004, "45");
	CHECK_U64(bench->drops, 3);
	bench_free(bench);
}

TEST(when_offsets_survive_the_wrap_of_sequence_numbers)
{
	struct bench *bench = bench_new("loss", "from=20B;on=data");

	bench_send(bench, (struct segment){ TO_SERVER, TCP_SYN, 0xfffffff4, 0, NULL, 0, NULL, 0 });
	bench_data(bench, TO_SERVER, 0xfffffff5, "0123456789");
	CHECK_U64(bench->drops, 0);
	bench_data(bench, TO_SERVER, 0xffffffff, "0123456789");
	CHECK_U64(bench->drops, 0);
	bench_data(bench, TO_SERVER, 0x00000009, "0123456789");
	CHECK_U64(bench->drops, 1);
	bench_free(bench);
}

TEST(when_offsets_need_the_syn)
{
	struct bench *bench = bench_new("loss", "from=0B");

	bench_data(bench, TO_SERVER, 1000, "0123456789");
	CHECK_U64(bench->drops, 0);
	bench_free(bench);
}

TEST(when_a_new_syn_begins_anew)
{
	struct bench *bench = bench_new("loss", "from=20B;on=data");

	bench_handshake(bench);
	bench_data(bench, TO_SERVER, 1020, "0");
	CHECK_U64(bench->drops, 1);
	bench_data(bench, TO_CLIENT, 5020, "0");
	CHECK_U64(bench->drops, 2);
	bench_send(bench, (struct segment){ TO_SERVER, TCP_SYN, 1010, 0, NULL, 0, NULL, 0 });
	bench_data(bench, TO_SERVER, 1020, "0");
	/* Where the other direction begins now is not known yet. */
	bench_data(bench, TO_CLIENT, 5020, "0");
	CHECK_U64(bench->drops, 2);
	bench_free(bench);
}

/* 32 bits of sequence numbers are not all of a stream. */
TEST(when_offsets_go_past_four_gigabytes)
{
	struct bench *bench = bench_new("loss", "from=5000000000B;until=5000000000B;on=data");
	uint64_t offset;

	bench_handshake(bench);
	for (offset = 0; offset <= 6000000000u; offset += 1000000000u)
		bench_data(bench, TO_SERVER, (uint32_t)(1000 + offset), "0");
	CHECK_U64(bench->drops, 1);
	CHECK_U64(bench->count, 9);
	bench_free(bench);
}

/* A piece of a segment is not what a box takes for one. */
TEST(fragments_pass)
{
	static const uint8_t options[] = { 30, 4, 0x20, 0 };
	struct bench *bench = bench_new("strip", "");
	struct segment segment = { TO_SERVER, TCP_ACK, 1, 1, options, 4, "data", 4 };
	struct packet *packet = segment_packet(bench, &segment);

	packet_write16(packet, 6, 0x2000);
	packet_finish(packet);
	packet_parse(packet);
	CHECK(packet->is_fragment && packet->form == PACKET_TCP);
	box_input(bench->box, packet, TO_SERVER, 0);
	CHECK_U64(bench->count, 1);
	CHECK_OPTIONS(bench->out[0], "1e042000");
	bench_free(bench);
}

/* The client's window update before it sends data is no third packet: it acknowledges more. */
TEST(on_ack3_is_only_the_third)
{
	struct bench *bench = bench_new("loss", "on=ack3");

	bench_handshake(bench);
	CHECK_U64(bench->drops, 1);
	bench_send(bench, (struct segment){ TO_SERVER, TCP_ACK, 1000, 5010, NULL, 0, NULL, 0 });
	CHECK_U64(bench->drops, 1);
	bench_send(bench, (struct segment){ TO_CLIENT, TCP_ACK, 5000, 1000, NULL, 0, NULL, 0 });
	CHECK_U64(bench->drops, 1);
	bench_free(bench);
}

TEST(checksum_leave)
{
	static const uint8_t options[] = { 30, 4, 0x20, 0 };
	struct bench *bench = bench_new("strip", "checksum=leave");

	bench_send(bench, (struct segment){ TO_SERVER, TCP_ACK, 1, 1, options, 4, "data", 4 });
	CHECK_U64(bench->count, 1);
	CHECK(packet_ip_checksum_ok(bench->out[0]));
	CHECK(!packet_l4_checksum_ok(bench->out[0]));
	CHECK_U64(bench->out[0]->end, 44);
	bench_free(bench);
}

TEST(what_is_no_tcp_passes)
{
	static const uint8_t bytes[] = { 0x45, 0, 0, 20, 0, 0, 0, 0, 64, 99 };
	struct bench *bench = bench_new("strip", "");
	struct packet *packet = packet_new(PACKET_SMALL);

	packet_set(packet, bytes, sizeof(bytes));
	CHECK_U64(packet->form, PACKET_MALFORMED);
	box_input(bench->box, packet, TO_SERVER, 0);
	CHECK_U64(bench->count, 1);
	CHECK_U64(box_hits(bench->box), 0);
	bench_free(bench);
}
