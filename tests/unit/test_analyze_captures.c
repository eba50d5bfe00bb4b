/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Real captures rebuilt: Linux 6.18 on both ends, keys as in the captures' third packets, tokens
 * and initial data sequence numbers as tshark and hashlib give them (test_judge.py compares).
 */
#include "probe/analyze/view.h"
#include "probe/io/pcap_file.h"
#include "tests/unit/unit.h"

#include <stdio.h>

#define CAPTURES "tests/data/captures/"

static void capture_load(struct capture *capture, const char *name)
{
	struct err err = { "" };
	char path[256];

	snprintf(path, sizeof(path), CAPTURES "%s.pcap", name);
	capture_init(capture);
	CHECK(pcap_file_read(path, capture, NULL, &err));
	CHECK_TEXT(err.text, "");
}

static unsigned int mappings_of(const struct view *view, enum mapping_state state)
{
	unsigned int count = 0;
	size_t i;

	for (i = 0; i < view->mapping_count; i++)
		count += view->mappings[i].state == state;
	return count;
}

TEST(join_with_checksums)
{
	struct capture capture;
	const struct connection_view *connection;
	const struct subflow_view *join;
	struct view view;

	capture_load(&capture, "v1_join_csum");
	view_init(&view, &capture, false);
	CHECK_U64(view.fact_count, 163);
	CHECK_U64(view.connection_count, 1);
	CHECK_U64(view.subflow_count, 2);
	connection = &view.connections[0];
	CHECK(connection->is_mptcp && connection->opened_by_us && connection->flag_a);
	CHECK_U64(connection->version, 1);
	CHECK_U64(connection->key[SENT], 0xee0c2f13bf108a2a);
	CHECK_U64(connection->key[RECEIVED], 0xc487991a47a02143);
	CHECK_U64(connection->token[SENT], 0xa4058f02);
	CHECK_U64(connection->token[RECEIVED], 0xc2960aee);
	CHECK_U64(connection->idsn[SENT], 0x28e47c96226eb292);
	CHECK_U64(connection->idsn[RECEIVED], 0x6100fe9c825e4911);
	join = &view.subflows[1];
	CHECK(join->is_join && join->opened_by_us);
	CHECK_U64(join->token_verdict, HMAC_OK);
	CHECK_TEXT(hmac_text(join->hmac_synack), "ok");
	CHECK_TEXT(hmac_text(join->hmac_ack), "ok");
	CHECK_U64(join->address_id[SENT], 9);
	CHECK_U64(mappings_of(&view, MAPPING_BAD), 0);
	CHECK_U64(mappings_of(&view, MAPPING_INCOMPLETE), 0);
	/* Over both subflows: the client 63,000 bytes, the server 60,001. */
	CHECK_U64(view.subflows[0].flow[SENT].plain_bytes, 0);
	CHECK_U64(view.subflows[0].flow[RECEIVED].plain_bytes, 0);
	CHECK_U64(join->flow[SENT].plain_bytes + join->flow[RECEIVED].plain_bytes, 0);
	CHECK_U64(connection->mapped[SENT], 63000);
	CHECK_U64(connection->mapped[RECEIVED], 60001);
	view_fini(&view);
	capture_fini(&capture);
}

TEST(every_capture_has_its_keys)
{
	static const struct {
		const char *name;
		uint64_t key_a, key_b;
		uint8_t version;
		bool checksum;
	} cases[] = {
		{ "v0_synthetic", 0x0123456789abcdef, 0xfedcba9876543210, 0, true },
		{ "v1_1p_csum_client_first", 0x58fd4988d67dcda5, 0xa3ec260d21f8b4ee, 1, true },
		{ "v1_1p_csum_server_first", 0x1e2eb6c1ebd4fa0a, 0xab8210ead5ca076b, 1, true },
		{ "v1_1p_nocsum_client_first", 0xddc67b8891af8249, 0xdb922175d3173071, 1, false },
		{ "v1_addaddr_client", 0x2d19dff5e5d12f32, 0x756a2942151eae14, 1, true },
		{ "v1_addaddr_v4_any", 0x6a05bb9cfdbda844, 0x57627c89ae5a9ef6, 1, true },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct capture capture;
		struct view view;

		capture_load(&capture, cases[i].name);
		view_init(&view, &capture, false);
		CHECK_U64(view.connection_count, 1);
		CHECK_U64(view.connections[0].key[SENT], cases[i].key_a);
		CHECK_U64(view.connections[0].key[RECEIVED], cases[i].key_b);
		CHECK_U64(view.connections[0].version, cases[i].version);
		CHECK_U64(view.connections[0].flag_a, cases[i].checksum);
		CHECK_U64(mappings_of(&view, MAPPING_BAD), 0);
		CHECK_U64(view.ignored, 0);
		view_fini(&view);
		capture_fini(&capture);
	}
}

TEST(server_joins_and_is_refused)
{
	struct capture capture;
	struct view view;

	capture_load(&capture, "v1_addaddr_client");
	view_init(&view, &capture, false);
	CHECK_U64(view.subflow_count, 2);
	CHECK(!view.subflows[1].opened_by_us);
	CHECK_U64(view.subflows[1].token_verdict, HMAC_OK);
	CHECK(view.subflows[1].flow[SENT].rst != VIEW_NONE);
	CHECK_U64(view.subflows[1].synack, VIEW_NONE);
	view_fini(&view);
	capture_fini(&capture);
}

/* Changed payload: one mapping fails behind the box, none before it. */
TEST(changed_payload_fails_one_checksum)
{
	struct capture capture;
	struct view view;

	capture_load(&capture, "j_mod_pp_1p_csum.client");
	view_init(&view, &capture, false);
	CHECK_U64(mappings_of(&view, MAPPING_BAD), 0);
	CHECK_U64(view.facts[view.connections[0].fail[RECEIVED]].record + 1, 45);
	CHECK_U64(view.facts[view.connections[0].fail[SENT]].record + 1, 46);
	CHECK_U64(view.facts[view.connections[0].infinite[SENT]].record + 1, 48);
	view_fini(&view);
	capture_fini(&capture);

	capture_load(&capture, "j_mod_pp_1p_csum.server");
	view_init(&view, &capture, false);
	CHECK_U64(mappings_of(&view, MAPPING_BAD), 1);
	view_fini(&view);
	capture_fini(&capture);
}

TEST(split_segments_keep_their_mapping)
{
	struct capture capture;
	struct view view;

	capture_load(&capture, "c_split_all_p1_up_1p_csum.server");
	view_init(&view, &capture, false);
	CHECK_U64(mappings_of(&view, MAPPING_BAD), 0);
	CHECK_U64(mappings_of(&view, MAPPING_INCOMPLETE), 0);
	CHECK_U64(view.subflows[0].flow[SENT].plain_bytes, 0);
	CHECK_U64(view.mappings[0].copies, 3);
	view_fini(&view);
	capture_fini(&capture);
}

TEST(options_gone_in_mid_connection)
{
	struct capture capture;
	struct view view;

	capture_load(&capture, "g_mid_p1_pp_1p_c2s.server");
	view_init(&view, &capture, false);
	CHECK_U64(view.facts[view.subflows[0].flow[SENT].plain].record + 1, 44);
	CHECK_U64(view.facts[view.subflows[0].flow[RECEIVED].plain].record + 1, 45);
	CHECK_U64(view.connections[0].mapped[SENT], 19000);
	view_fini(&view);
	capture_fini(&capture);
}
