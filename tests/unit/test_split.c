/* SPDX-License-Identifier: BSD-2-Clause */
/* A capture taken apart into connections: which packets belong together, and what is forgotten. */
#include "probe/analyze/split.h"
#include "tests/unit/play.h"

struct seen {
	unsigned int connections, subflows;
	uint64_t first[8], packets, bytes;
	unsigned int unverified;
};

static void note(void *self, const struct view *view, const uint64_t *numbers)
{
	struct seen *seen = self;
	size_t i;

	if (seen->connections < 8)
		seen->first[seen->connections] = numbers[0];
	seen->connections += (unsigned int)view->connection_count;
	seen->subflows += (unsigned int)view->subflow_count;
	seen->packets += view->capture->count;
	seen->bytes += view->capture->used;
	for (i = 0; i < view->mapping_count; i++)
		seen->unverified += view->mappings[i].state == MAPPING_CUT;
}

static void add_at(struct split *split, struct play *play, nsec_t offset, uint64_t number,
	uint16_t port)
{
	struct packet *packet = packet_new(PACKET_LARGE);
	const struct capture *tap = &play->tap[CLIENT];
	size_t i;

	for (i = 0; i < tap->count; i++) {
		CHECK(capture_get(tap, i, packet));
		packet->at += offset;
		if (port != 0 && tcp_dport(packet) == 80)
			packet_write16(packet, packet->l4, port);
		else if (port != 0)
			packet_write16(packet, packet->l4 + 2, port);
		packet_finish(packet);
		split_add(split, packet, number + i);
	}
	packet_free(packet);
}

static void play_two_subflows(struct play *play)
{
	play_init(play, 1, true);
	play_open(play);
	play_exchange(play, CLIENT, 0, 0, 300);
	play_join(play, 1);
	play_exchange(play, CLIENT, 1, 300, 300);
	play_close(play, 600, 0, 2);
}

TEST(joins_find_their_connection)
{
	struct seen seen = { 0 };
	struct split *split = split_new(0, note, &seen);
	struct play play;

	play_two_subflows(&play);
	add_at(split, &play, 0, 1, 0);
	CHECK_U64(split_held(split), 1);
	split_finish(split);
	CHECK_U64(seen.connections, 1);
	CHECK_U64(seen.subflows, 2);
	CHECK_U64(seen.packets, play.tap[CLIENT].count);
	CHECK_U64(split_held(split), 0);
	split_free(split);
	play_fini(&play);
}

/* A thousand connections, one after another in ten minutes each: never more than a few at once. */
TEST(ended_connections_are_forgotten)
{
	struct seen seen = { 0 };
	struct split *split = split_new(0, note, &seen);
	struct play play;
	unsigned int i;

	play_init(&play, 1, true);
	play_open(&play);
	play_exchange(&play, CLIENT, 0, 0, 300);
	play_close(&play, 300, 0, 1);
	for (i = 0; i < 1000; i++) {
		add_at(split, &play, i * 600 * NSEC_PER_SEC, 100 * i + 1, 0);
		CHECK(split_held(split) <= 2);
	}
	split_finish(split);
	CHECK_U64(seen.connections, 1000);
	CHECK_U64(seen.first[7], 701);
	split_free(split);
	play_fini(&play);
}

/* Ports that are used again within a second: another connection. */
TEST(ports_used_again)
{
	struct seen seen = { 0 };
	struct split *split = split_new(0, note, &seen);
	struct packet *packet = packet_new(PACKET_LARGE);
	struct play play;
	size_t i;

	play_init(&play, 1, true);
	play_open(&play);
	play_exchange(&play, CLIENT, 0, 0, 300);
	add_at(split, &play, 0, 1, 0);
	for (i = 0; i < play.tap[CLIENT].count; i++) {
		CHECK(capture_get(&play.tap[CLIENT], i, packet));
		packet_write32(packet, packet->l4 + (tcp_dport(packet) == 80 ? 4 : 8), 777000);
		packet_finish(packet);
		split_add(split, packet, 100 + i);
	}
	split_finish(split);
	CHECK_U64(seen.connections, 2);
	CHECK_U64(seen.first[0], 1);
	CHECK_U64(seen.first[1], 100);
	packet_free(packet);
	split_free(split);
	play_fini(&play);
}

/* More half-open connections than are kept: the oldest are told, and gone. */
TEST(half_open_connections_are_bounded)
{
	struct seen seen = { 0 };
	struct split *split = split_new(0, note, &seen);
	struct packet *packet = packet_new(PACKET_SMALL);
	struct play play;
	uint32_t i, count = 40000;

	play_init(&play, 1, true);
	play_open(&play);
	for (i = 0; i < count; i++) {
		capture_get(&play.tap[CLIENT], 0, packet);
		packet_write16(packet, packet->l4, (uint16_t)i);
		packet_write32(packet, 12, 0x0a000000 + i);
		packet_finish(packet);
		packet->at = i * NSEC_PER_US;
		split_add(split, packet, i + 1);
	}
	CHECK(split_held(split) < 20000);
	CHECK_U64(seen.connections + split_held(split), count);
	split_finish(split);
	CHECK_U64(seen.connections, count);
	packet_free(packet);
	split_free(split);
	play_fini(&play);
}

/* What is no Multipath TCP is not kept at all. */
TEST(plain_tcp_is_not_kept)
{
	struct seen seen = { 0 };
	struct split *split = split_new(0, note, &seen);
	struct packet *packet = packet_new(PACKET_SMALL);
	struct tcp_header header = { .flags = TCP_ACK };

	sockname_parse(&header.src, "198.18.1.2:5000");
	sockname_parse(&header.dst, "198.18.100.2:80");
	packet_init_tcp(packet, &header);
	packet_append_payload(packet, 100);
	packet_finish(packet);
	packet_parse(packet);
	split_add(split, packet, 1);
	CHECK_U64(split_held(split), 0);
	split_finish(split);
	CHECK_U64(seen.connections, 0);
	packet_free(packet);
	split_free(split);
}

/* Beyond the bytes allowed, headers alone are kept, and checksums are not called wrong. */
TEST(payload_beyond_the_bound_is_left_out)
{
	struct seen all = { 0 }, cut = { 0 };
	struct split *split = split_new(0, note, &all), *tight = split_new(1000, note, &cut);
	struct play play;
	unsigned int i;

	play_init(&play, 1, true);
	play_open(&play);
	for (i = 0; i < 20; i++)
		play_exchange(&play, CLIENT, 0, 1000 * i, 1000);
	add_at(split, &play, 0, 1, 0);
	add_at(tight, &play, 0, 1, 0);
	split_finish(split);
	split_finish(tight);
	CHECK_U64(all.unverified, 0);
	CHECK_U64(cut.unverified, 20);
	CHECK_U64(cut.packets, all.packets);
	CHECK(cut.bytes < all.bytes / 3);
	split_free(split);
	split_free(tight);
	play_fini(&play);
}
