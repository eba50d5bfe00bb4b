/* SPDX-License-Identifier: BSD-2-Clause */
/* Captures that nobody sane would send: read to the end, in bounded time, within bounds. */
#include "probe/analyze/view.h"
#include "probe/base/rng.h"
#include "tests/unit/play.h"

/* Any byte of any packet changed, the rest of the judge's work done on it. */
TEST(changed_bytes)
{
	struct rng rng;
	struct play play;
	unsigned int i;

	rng_init(&rng, 1);
	for (i = 0; i < 400; i++) {
		struct capture *tap;
		unsigned int changes = 1 + (unsigned int)rng_below(&rng, 40);

		play_init(&play, i % 2, i % 3 == 0);
		play_open(&play);
		play_exchange(&play, CLIENT, 0, 0, 300);
		play_join(&play, 1);
		play_exchange(&play, CLIENT, 1, 300, 300);
		play_exchange(&play, SERVER, 0, 0, 300);
		play_close(&play, 600, 300, 2);
		play_streams(&play, 600, 600, 300, 300);
		while (changes-- > 0) {
			tap = &play.tap[rng_below(&rng, ENDS)];
			tap->bytes[rng_below(&rng, tap->used)] ^= (uint8_t)rng_next(&rng);
			tap->records[rng_below(&rng, tap->count)].outgoing = rng_below(&rng, 2);
		}
		CHECK(play_judge(&play)->outcome < OUTCOME_COUNT);
		play_fini(&play);
	}
}

/* Noise, cut packets, empty ones. */
TEST(noise)
{
	struct packet *packet = packet_new(PACKET_SMALL);
	struct capture capture;
	struct rng rng;
	struct view view;
	uint8_t bytes[120];
	unsigned int i;

	rng_init(&rng, 2);
	capture_init(&capture);
	for (i = 0; i < 3000; i++) {
		rng_fill(&rng, bytes, sizeof(bytes));
		bytes[0] = i % 2 ? 0x45 : 0x60;
		bytes[9] = bytes[6] = PROTOCOL_TCP;
		packet_set(packet, bytes, rng_below(&rng, sizeof(bytes)));
		capture_add(&capture, packet, i, 0, i % 3 == 0);
	}
	view_init(&view, &capture, VIEW_WHOLE);
	CHECK_U64(view.fact_count + view.ignored, 3000);
	view_fini(&view);
	view_init(&view, &capture, VIEW_PASSING);
	CHECK_U64(view.fact_count + view.ignored, 3000);
	view_fini(&view);
	packet_free(packet);
	capture_fini(&capture);
}

/* Twenty thousand overlapping mappings over twenty thousand tiny pieces, in reverse order. */
TEST(overlapping_mappings)
{
	struct play play;
	struct view view;
	uint32_t i, last = 20000;

	play_init(&play, 1, true);
	play_open(&play);
	for (i = last; i > 0; i--) {
		struct mptcp_opt opt = opt_ack(&play, CLIENT, 0);

		opt.dss.has_mapping = opt.dss.dsn_wide = opt.dss.has_checksum = true;
		opt.dss.dsn = play.idsn[CLIENT] + i;
		opt.dss.ssn = i;
		opt.dss.length = UINT16_MAX;
		play_emit(&play, CLIENT, with((struct part){ .seq = i, .payload = 2 }, opt));
	}
	view_init(&view, &play.tap[CLIENT], true);
	CHECK_U64(view.subflows[0].flow[SENT].bytes, last + 1);
	CHECK_U64(view.subflows[0].flow[SENT].plain_bytes, 0);
	CHECK_U64(view.connections[0].mapped[SENT], last + 1);
	view_fini(&view);
	play_fini(&play);
}

/* One packet from each of many addresses: as many subflows, each its own connection. */
TEST(many_subflows)
{
	struct packet *packet = packet_new(PACKET_SMALL);
	struct capture capture;
	struct view view;
	uint32_t i, count = 70000;

	capture_init(&capture);
	for (i = 0; i < count; i++) {
		struct tcp_header header = { .flags = TCP_SYN };

		header.src.addr = addr_v4(10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i);
		header.src.port = 1;
		header.dst.addr = addr_v4(198, 18, 100, 2);
		header.dst.port = 80;
		packet_init_tcp(packet, &header);
		packet_finish(packet);
		packet_parse(packet);
		capture_add(&capture, packet, i, 0, false);
	}
	view_init(&view, &capture, VIEW_WHOLE);
	CHECK_U64(view.subflow_count, UINT16_MAX);
	CHECK_U64(view.ignored, count - UINT16_MAX);
	view_fini(&view);
	packet_free(packet);
	capture_fini(&capture);
}

/* Retransmitted pieces cut in other places, a hole, and one byte that came twice differently. */
TEST(pieces_in_disorder)
{
	struct play play;
	struct view view;
	const struct flow *flow;

	play_init(&play, 1, true);
	play_open(&play);
	play_emit(&play, CLIENT,
		with((struct part){ .seq = 101, .payload = 100, .offset = 100 },
			opt_map(&play, CLIENT, 1, 0, 300)));
	play_emit(&play, CLIENT, (struct part){ .seq = 1, .payload = 150 });
	play_emit(&play, CLIENT, (struct part){ .seq = 151, .payload = 150, .offset = 150 });
	view_init(&view, &play.tap[CLIENT], true);
	flow = &view.subflows[0].flow[SENT];
	CHECK_U64(flow->bytes, 300);
	CHECK_U64(flow->piece_count, 3);
	CHECK_U64(view.mappings[0].state, MAPPING_GOOD);
	CHECK_U64(view.mappings[0].complete, 5);
	CHECK(!view.mappings[0].late);
	view_fini(&view);
	play_emit(&play, CLIENT,
		(struct part){ .seq = 1, .payload = 150, .spoil = true, .offset = 0 });
	view_init(&view, &play.tap[CLIENT], true);
	CHECK_U64(view.mappings[0].state, MAPPING_GOOD);
	view_fini(&view);
	play_fini(&play);
}
