/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_delivery.c - boxes that change when, whether and how often packets arrive.
 */
#include "tests/unit/box_fixture.h"

/* Sequence numbers of what has left, as letters: the SYN of seq 'a' is a. */
static void left(const struct bench *bench, const char *want)
{
	char got[OUT_MAX + 1];
	unsigned int i;

	for (i = 0; i < bench->count; i++)
		got[i] = (char)tcp_seq(bench->out[i]);
	got[i] = '\0';
	CHECK_TEXT(got, want);
}

static void send_letters(struct bench *bench, enum dir dir, const char *letters)
{
	for (; *letters != '\0'; letters++)
		bench_send(bench,
			(struct segment){ dir, TCP_ACK, (uint32_t)*letters, 1, NULL, 0, "x", 1 });
}

/* Let time pass, waking the box whenever it asked for it. */
static void pass_until(struct bench *bench, nsec_t until)
{
	while (bench->wake_at <= until) {
		bench->now = bench->wake_at;
		bench->wake_at = NSEC_NEVER;
		box_wake(bench->box, bench->now);
	}
	bench->now = until;
}

TEST(loss_drops_with_a_reason)
{
	struct bench *bench = bench_new("loss", "every=3");

	send_letters(bench, TO_SERVER, "abcdefg");
	left(bench, "abdeg");
	CHECK_TEXT(bench->reason, "lost");
	bench_free(bench);
}

TEST(duplicate_sends_twice)
{
	struct bench *bench = bench_new("duplicate", "every=2;copies=2");

	send_letters(bench, TO_SERVER, "abc");
	left(bench, "abbbc");
	CHECK_U64(box_hits(bench->box), 1);
	bench_check_out(bench);
	bench_free(bench);
}

TEST(delay_keeps_time_and_order)
{
	struct bench *bench = bench_new("delay", "time=10ms;direction=to-server");

	send_letters(bench, TO_SERVER, "a");
	send_letters(bench, TO_CLIENT, "b");
	pass_until(bench, 5 * NSEC_PER_MS);
	send_letters(bench, TO_SERVER, "c");
	left(bench, "b");
	pass_until(bench, 10 * NSEC_PER_MS - 1);
	left(bench, "b");
	pass_until(bench, 10 * NSEC_PER_MS);
	left(bench, "ba");
	pass_until(bench, 15 * NSEC_PER_MS);
	left(bench, "bac");
	CHECK_U64(bench->out_dir[2], TO_SERVER);
	CHECK_U64(bench->wake_at, NSEC_NEVER);
	bench_free(bench);
}

TEST(delay_jitter_keeps_order)
{
	struct bench *bench = bench_new("delay", "time=1ms;jitter=10ms");

	send_letters(bench, TO_SERVER, "abcdefghij");
	pass_until(bench, 6 * NSEC_PER_MS);
	CHECK(bench->count < 10);
	pass_until(bench, 11 * NSEC_PER_MS);
	left(bench, "abcdefghij");
	bench_free(bench);
}

TEST(delay_lets_go_at_the_end)
{
	struct bench *bench = bench_new("delay", "time=10ms");

	send_letters(bench, TO_SERVER, "a");
	bench_free(bench); /* the sanitizer says whether the packet was freed */
}

TEST(reorder_waits_for_others)
{
	struct bench *bench = bench_new("reorder", "from=2;until=2;after=2");

	send_letters(bench, TO_SERVER, "ab");
	left(bench, "a");
	send_letters(bench, TO_CLIENT, "z");
	left(bench, "az");
	send_letters(bench, TO_SERVER, "cde");
	left(bench, "azcdbe");
	CHECK_U64(box_hits(bench->box), 1);
	bench_free(bench);
}

TEST(reorder_does_not_wait_for_ever)
{
	struct bench *bench = bench_new("reorder", "from=2;until=2;time=20ms");

	send_letters(bench, TO_SERVER, "ab");
	pass_until(bench, 20 * NSEC_PER_MS - 1);
	left(bench, "a");
	pass_until(bench, 20 * NSEC_PER_MS);
	left(bench, "ab");
	bench_free(bench);
}

/* 41 bytes at 328,000 bit/s take 1 ms. */
TEST(rate_spaces_and_drops)
{
	struct bench *bench = bench_new("rate", "rate=328000;queue=82");

	send_letters(bench, TO_SERVER, "abcdef");
	left(bench, "");
	CHECK_U64(bench->drops, 3);
	CHECK_TEXT(bench->reason, "queue full");
	pass_until(bench, NSEC_PER_MS);
	left(bench, "a");
	pass_until(bench, 3 * NSEC_PER_MS - 1);
	left(bench, "ab");
	pass_until(bench, 3 * NSEC_PER_MS);
	left(bench, "abc");
	bench_free(bench);
}

TEST(blackhole_stays)
{
	struct bench *bench = bench_new("blackhole", "from=10B;direction=to-server");

	bench_handshake(bench);
	bench_data(bench, TO_SERVER, 1000, "0123456789");
	CHECK_U64(bench->drops, 0);
	bench_data(bench, TO_SERVER, 1010, "0123456789");
	CHECK_U64(bench->drops, 1);
	/* The path is dead for what came before byte 10, too, but not for the other direction. */
	bench_data(bench, TO_SERVER, 1000, "0123456789");
	CHECK_U64(bench->drops, 2);
	bench_ack(bench, TO_CLIENT, 1010);
	CHECK_U64(bench->drops, 2);
	bench_send(bench, (struct segment){ TO_SERVER, TCP_SYN, 77, 0, NULL, 0, NULL, 0 });
	CHECK_U64(bench->drops, 3);
	bench_free(bench);
}

TEST(blackhole_heals)
{
	struct bench *bench = bench_new("blackhole", "from=2;heal=10ms");

	send_letters(bench, TO_SERVER, "ab");
	bench->now = 10 * NSEC_PER_MS - 1;
	send_letters(bench, TO_SERVER, "c");
	bench->now = 10 * NSEC_PER_MS;
	send_letters(bench, TO_SERVER, "def");
	left(bench, "adef");
	bench_free(bench);
}

TEST(blackhole_ends_at_until)
{
	struct bench *bench = bench_new("blackhole", "from=2;until=3");

	send_letters(bench, TO_SERVER, "abcde");
	left(bench, "ade");
	bench_free(bench);
}

/* Corner case 12: only SYNs that carry MP_CAPABLE die. */
TEST(blackhole_dislikes_an_option)
{
	static const uint8_t capable[] = { 30, 4, 0x01, 0x81 };
	static const uint8_t join[12] = { 30, 12, 0x10 };
	struct bench *bench = bench_new("blackhole", "on=syn;kind=30;subtype=mp_capable");

	bench_send(bench, (struct segment){ TO_SERVER, TCP_SYN, 'a', 0, capable, 4, NULL, 0 });
	bench_send(bench, (struct segment){ TO_SERVER, TCP_SYN, 'b', 0, join, 12, NULL, 0 });
	bench_send(bench, (struct segment){ TO_SERVER, TCP_SYN, 'c', 0, NULL, 0, NULL, 0 });
	bench_send(bench, (struct segment){ TO_SERVER, TCP_ACK, 'd', 0, capable, 4, NULL, 0 });
	left(bench, "bcd");
	bench_free(bench);
}
