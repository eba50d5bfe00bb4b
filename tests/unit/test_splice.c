/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_splice.c - boxes that edit payload: rewrite and flip. What they changed once they change in
 * every retransmission, and the numbers of both directions fit the result.
 */
#include "tests/unit/box_fixture.h"

#include "probe/base/rng.h"

static struct packet *data_through(struct bench *bench, uint32_t seq, const char *payload)
{
	bench_data(bench, TO_SERVER, seq, payload);
	return bench_last(bench);
}

static void acked(struct bench *bench, uint32_t ack, uint32_t want)
{
	bench_ack(bench, TO_CLIENT, ack);
	CHECK_U64(tcp_ack(bench_last(bench)), want);
}

TEST(rewrite_same_length)
{
	struct bench *bench = bench_new("rewrite", "pattern=world;replacement=earth");

	bench_handshake(bench);
	CHECK_PAYLOAD(data_through(bench, 1000, "hello world, world!"), "hello earth, earth!");
	CHECK_U64(tcp_seq(data_through(bench, 1019, "more")), 1019);
	CHECK_U64(bench->edits, 2);
	CHECK_U64(bench->old_length, 5);
	bench_check_out(bench);
	bench_free(bench);
}

/* As an FTP gateway may do: the client's text grows by five bytes. */
TEST(rewrite_longer_shifts_the_rest)
{
	struct bench *bench = bench_new("rewrite", "pattern=PORT;replacement=PORTxxxxx");

	bench_handshake(bench);
	CHECK_PAYLOAD(data_through(bench, 1000, "a PORT b"), "a PORTxxxxx b");
	CHECK_U64(tcp_seq(bench_last(bench)), 1000);
	CHECK_U64(tcp_seq(data_through(bench, 1008, "next")), 1013);
	/* The server acknowledges its own count; the client hears its own. */
	acked(bench, 1013, 1008);
	acked(bench, 1017, 1012);
	acked(bench, 1002, 1002);
	/* Inside the text: no more than the bytes before the last one of the pattern. */
	acked(bench, 1005, 1005);
	acked(bench, 1006, 1005);
	acked(bench, 1010, 1005);
	acked(bench, 1011, 1006);
	CHECK_U64(bench->edits, 1);
	CHECK_HEX(bench->old_bytes, bench->old_length, "");
	CHECK_HEX(bench->new_bytes, bench->new_length, "7878787878");
	bench_check_out(bench);
	bench_free(bench);
}

TEST(rewrite_shorter_shifts_the_rest)
{
	struct bench *bench = bench_new("rewrite", "pattern=abcdefgh;replacement=xyz");

	bench->family = 6;
	bench_handshake(bench);
	CHECK_PAYLOAD(data_through(bench, 1000, "1abcdefgh2"), "1xyz2");
	CHECK_U64(tcp_seq(data_through(bench, 1010, "next")), 1005);
	acked(bench, 1005, 1010);
	acked(bench, 1004, 1009);
	acked(bench, 1003, 1003);
	bench_check_out(bench);
	bench_free(bench);
}

TEST(rewrite_to_nothing)
{
	struct bench *bench = bench_new("rewrite", "pattern=cut;replacement=");

	bench_handshake(bench);
	CHECK_PAYLOAD(data_through(bench, 1000, "cut"), "");
	CHECK_PAYLOAD(data_through(bench, 1003, "rest"), "rest");
	CHECK_U64(tcp_seq(bench_last(bench)), 1000);
	acked(bench, 1000, 1003);
	acked(bench, 1004, 1007);
	bench_free(bench);
}

TEST(rewrite_edits_retransmissions_alike)
{
	struct bench *bench = bench_new("rewrite", "pattern=PORT;replacement=PORTxxxxx;count=1");

	bench_handshake(bench);
	data_through(bench, 1000, "a PORT b");
	CHECK_PAYLOAD(data_through(bench, 1000, "a PORT b"), "a PORTxxxxx b");
	/* Cut within the pattern: the surplus goes with its last byte. */
	CHECK_PAYLOAD(data_through(bench, 1000, "a PO"), "a PO");
	CHECK_PAYLOAD(data_through(bench, 1004, "RT b"), "RTxxxxx b");
	CHECK_U64(tcp_seq(bench_last(bench)), 1004);
	CHECK_PAYLOAD(data_through(bench, 1006, " b"), " b");
	CHECK_U64(tcp_seq(bench_last(bench)), 1011);
	/* A second one is not touched: count = 1. */
	CHECK_PAYLOAD(data_through(bench, 1008, "PORT"), "PORT");
	CHECK_U64(bench->edits, 1);
	bench_free(bench);
}

/* What has passed is not edited later, even if it is meant only then. */
TEST(rewrite_leaves_what_has_passed)
{
	struct bench *bench = bench_new("rewrite", "pattern=PORT;replacement=port;on=data;from=2");

	bench_handshake(bench);
	CHECK_PAYLOAD(data_through(bench, 1000, "PORT"), "PORT");
	CHECK_PAYLOAD(data_through(bench, 1000, "PORTPORT"), "PORTport");
	bench_free(bench);
}

TEST(rewrite_translates_sack)
{
	/* The server has bytes 1013..1017 of its own count: 1008..1012 of the client's. */
	static const uint8_t sack[] = { 1, 1, 5, 10, 0, 0, 0x03, 0xf5, 0, 0, 0x03, 0xf9 };
	struct bench *bench = bench_new("rewrite", "pattern=PORT;replacement=PORTxxxxx");

	bench_handshake(bench);
	data_through(bench, 1000, "a PORT b");
	data_through(bench, 1008, "next");
	bench_send(bench,
		(struct segment){ TO_CLIENT, TCP_ACK, 5000, 1000, sack, sizeof(sack), NULL, 0 });
	CHECK_OPTIONS(bench_last(bench), "0101050a 000003f0 000003f4");
	bench_check_out(bench);
	bench_free(bench);
}

/*
 * However a stream is cut, repeated and disordered behind its first passage, the bytes that leave
 * at each sequence number are those of the edited stream.
 */
TEST(rewrite_any_cut_gives_one_stream)
{
	static const char stream[] = "..ab....abab...a..b.abx....abab.";
	static const char image[] = "..ABCDE....ABCDEABCDE...a..b.ABCDEx....ABCDEABCDE.";
	struct bench *bench = bench_new("rewrite", "pattern=ab;replacement=ABCDE");
	uint32_t length = sizeof(stream) - 1, round, first, end;
	struct rng rng;

	bench_handshake(bench);
	data_through(bench, 1000, stream);
	CHECK_PAYLOAD(bench_last(bench), image);
	rng_init(&rng, 4);
	for (round = 0; round < 200; round++) {
		char piece[64];
		struct packet *packet;

		first = (uint32_t)rng_below(&rng, length);
		end = first + 1 + (uint32_t)rng_below(&rng, length - first);
		snprintf(piece, sizeof(piece), "%.*s", (int)(end - first), stream + first);
		packet = data_through(bench, 1000 + first, piece);
		CHECK(packet_payload_len(packet) == 0 ||
			memcmp(packet_payload(packet), image + tcp_seq(packet) - 1000,
				packet_payload_len(packet)) == 0);
		/* What the receiver then acknowledges is what was sent. */
		bench_ack(bench, TO_CLIENT, tcp_seq(packet) + packet_payload_len(packet));
		CHECK_U64(tcp_ack(bench_last(bench)), 1000 + end);
		bench->count -= 2;
		packet_free(bench->out[bench->count]);
		packet_free(bench->out[bench->count + 1]);
	}
	bench_free(bench);
}

/* The other direction has an own stream. */
TEST(rewrite_both_directions)
{
	struct bench *bench = bench_new("rewrite", "pattern=ab;replacement=ABC");

	bench_handshake(bench);
	bench_data(bench, TO_SERVER, 1000, "ab");
	bench_data(bench, TO_CLIENT, 5000, "abab");
	CHECK_PAYLOAD(bench_last(bench), "ABCABC");
	CHECK_U64(tcp_seq(bench_last(bench)), 5000);
	bench_ack(bench, TO_SERVER, 5006);
	CHECK_U64(tcp_ack(bench_last(bench)), 5004);
	CHECK_U64(tcp_seq(bench_last(bench)), 1000);
	bench_free(bench);
}

TEST(flip_one_byte)
{
	struct bench *bench = bench_new("flip", "offset=2;mask=1;on=data;from=2;until=2");

	bench_handshake(bench);
	CHECK_PAYLOAD(data_through(bench, 1000, "aaaa"), "aaaa");
	CHECK_PAYLOAD(data_through(bench, 1004, "aaaa"), "aa`a");
	CHECK_PAYLOAD(data_through(bench, 1008, "aaaa"), "aaaa");
	/* Again, and cut otherwise. */
	CHECK_PAYLOAD(data_through(bench, 1004, "aaaa"), "aa`a");
	CHECK_PAYLOAD(data_through(bench, 1000, "aaaaaaaa"), "aaaaaa`a");
	CHECK_PAYLOAD(data_through(bench, 1006, "aa"), "`a");
	CHECK_U64(bench->edits, 1);
	CHECK_HEX(bench->old_bytes, bench->old_length, "61");
	CHECK_HEX(bench->new_bytes, bench->new_length, "60");
	CHECK_U64(box_hits(bench->box), 4);
	bench_check_out(bench);
	bench_free(bench);
}

TEST(flip_at_a_stream_byte)
{
	struct bench *bench = bench_new("flip", "mask=1;from=6B;until=6B");

	bench_handshake(bench);
	CHECK_PAYLOAD(data_through(bench, 1000, "aaaa"), "aaaa");
	CHECK_PAYLOAD(data_through(bench, 1004, "aaaa"), "`aaa");
	CHECK_PAYLOAD(data_through(bench, 1008, "aaaa"), "aaaa");
	bench_free(bench);
}

/* A retransmission is no new segment, wherever it begins. */
TEST(flip_each_segment_once)
{
	struct bench *bench = bench_new("flip", "mask=1");

	bench_handshake(bench);
	CHECK_PAYLOAD(data_through(bench, 1000, "aaaa"), "`aaa");
	CHECK_PAYLOAD(data_through(bench, 1002, "aa"), "aa");
	CHECK_PAYLOAD(data_through(bench, 1002, "aaaa"), "aaaa");
	CHECK_PAYLOAD(data_through(bench, 1006, "aaaa"), "`aaa");
	CHECK_U64(bench->edits, 2);
	bench_free(bench);
}

TEST(flip_past_the_end_is_no_hit)
{
	struct bench *bench = bench_new("flip", "offset=4");

	bench_handshake(bench);
	CHECK_PAYLOAD(data_through(bench, 1000, "aaaa"), "aaaa");
	CHECK_U64(box_hits(bench->box), 0);
	CHECK_U64(bench->edits, 0);
	bench_free(bench);
}
