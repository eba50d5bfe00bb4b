/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Real interference judged: Linux 6.18 on both ends, each host's packets as it sent and received
 * them (tests/data/captures/README.md).
 */
#include "mbtest/judge/judge.h"
#include "probe/analyze/view.h"
#include "probe/base/alloc.h"
#include "probe/io/pcap_file.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pair {
	struct capture tap[ENDS];
	struct judge_input input;
	struct judgement judgement;
};

/* The packets of a tap that belong to the host of that address went out. */
static void tap_direct(struct capture *tap, const char *host)
{
	struct packet *packet = packet_new(PACKET_LARGE);
	struct addr own = { 0 }, src, dst;
	size_t i;

	CHECK(addr_parse(&own, host));
	for (i = 0; i < tap->count; i++) {
		if (!capture_get(tap, i, packet) || packet->form == PACKET_MALFORMED)
			continue;
		packet_addrs(packet, &src, &dst);
		tap->records[i].outgoing = addr_equal(&src, &own);
	}
	packet_free(packet);
}

/* Pretend that each application sent the pattern, and got as many bytes as its tap received. */
static void streams_pretend(struct pair *pair)
{
	enum end end;

	for (end = CLIENT; end < ENDS; end++) {
		struct stream_plan *plan = &pair->input.stream[end];
		struct app_view *far = &pair->input.app[end_opposite(end)];
		struct view view;
		uint8_t *bytes;

		view_init(&view, &pair->tap[end], true);
		plan->sender = end;
		plan->length = view.subflows[0].flow[SENT].bytes;
		view_fini(&view);
		bytes = xmalloc(plan->length + 1);
		stream_fill(plan, 0, bytes, plan->length);
		far->received = bytes;
		far->received_length = plan->length;
		far->opened = far->ended = far->finished = true;
		far->last_progress = pair->tap[CLIENT].records[pair->tap[CLIENT].count - 1].at;
	}
}

static const struct judgement *pair_judge(struct pair *pair, const char *name, bool server_speaks)
{
	static const char *const sides[ENDS] = { "client", "server" };
	static const char *const hosts[ENDS] = { "198.18.1.1", "198.18.3.2" };
	struct err err = { "" };
	enum end end;
	char path[256];

	memset(pair, 0, sizeof(*pair));
	for (end = CLIENT; end < ENDS; end++) {
		snprintf(path, sizeof(path), "tests/data/captures/%s.%s.pcap", name, sides[end]);
		capture_init(&pair->tap[end]);
		CHECK(pcap_file_read(path, &pair->tap[end], NULL, &err));
		tap_direct(&pair->tap[end], hosts[end]);
		pair->input.tap[end] = &pair->tap[end];
		pair->input.speaks_mptcp[end] = end == CLIENT || server_speaks;
	}
	streams_pretend(pair);
	pair->input.version = 1;
	pair->input.subflows = 1;
	pair->input.now = 30 * NSEC_PER_SEC;
	judge(&pair->input, &pair->judgement);
	return &pair->judgement;
}

static void pair_fini(struct pair *pair)
{
	enum end end;

	for (end = CLIENT; end < ENDS; end++) {
		capture_fini(&pair->tap[end]);
		free((void *)(uintptr_t)pair->input.app[end].received);
	}
}

static const struct rule_finding *finding(const struct judgement *judgement, const char *rule)
{
	unsigned int index = 0;

	CHECK(rule_find(rule, &index));
	return &judgement->rules[index];
}

/* "F16 F18": the rules in a state, in the table's order. */
static const char *rules_in(const struct judgement *judgement, enum rule_state state,
	char text[static 512])
{
	unsigned int i;
	size_t used = 0;

	text[0] = '\0';
	for (i = 0; i < rule_count(); i++)
		if (judgement->rules[i].state == state)
			used += (size_t)snprintf(text + used, 512 - used, "%s%s",
				used > 0 ? " " : "", rule_info(i)->name);
	return text;
}

TEST(split_is_survived)
{
	const struct judgement *judgement;
	struct pair pair;
	char text[512];

	judgement = pair_judge(&pair, "c_split_all_p1_up_1p_csum", true);
	CHECK_TEXT(outcome_text(judgement->outcome), "mptcp");
	CHECK_TEXT(rules_in(judgement, RULE_BROKEN, text), "");
	CHECK_U64(finding(judgement, "F46")->state, RULE_HELD);
	pair_fini(&pair);
}

TEST(synack_without_capable_is_tcp)
{
	const struct judgement *judgement;
	struct pair pair;
	char text[512];

	judgement = pair_judge(&pair, "e_mpc_synack_del_p1_up_2p", true);
	CHECK_TEXT(outcome_text(judgement->outcome), "tcp");
	CHECK_TEXT(judgement->why, "no valid MP_CAPABLE in the SYN/ACK the client saw");
	CHECK_TEXT(rules_in(judgement, RULE_BROKEN, text), "");
	CHECK_U64(finding(judgement, "F2")->state, RULE_HELD);
	CHECK_U64(finding(judgement, "F3")->state, RULE_HELD);
	pair_fini(&pair);
}

/* Linux falls back where RFC 8684 3.7 asks for a reset: mappings had been DATA_ACKed (F16). */
TEST(options_gone_in_mid_connection)
{
	const struct judgement *judgement;
	struct pair pair;
	char text[512];

	judgement = pair_judge(&pair, "g_mid_p1_pp_1p_c2s", true);
	CHECK_TEXT(outcome_text(judgement->outcome), "fallback");
	CHECK_TEXT(rules_in(judgement, RULE_BROKEN, text), "F16 O3");
	CHECK_U64(finding(judgement, "F16")->of[SERVER], RULE_BROKEN);
	pair_fini(&pair);
}

TEST(changed_payload_with_checksums)
{
	const struct judgement *judgement;
	struct pair pair;
	char text[512];

	judgement = pair_judge(&pair, "j_mod_pp_1p_csum", true);
	CHECK_TEXT(outcome_text(judgement->outcome), "infinite");
	CHECK_TEXT(rules_in(judgement, RULE_BROKEN, text), "O4");
	CHECK_U64(finding(judgement, "F23")->state, RULE_HELD);
	CHECK_U64(finding(judgement, "F24")->state, RULE_HELD);
	pair_fini(&pair);
}

TEST(mirrored_capable_is_none)
{
	const struct judgement *judgement;
	struct pair pair;
	char text[512];

	judgement = pair_judge(&pair, "l_mirror_any_tcpserver", false);
	CHECK_TEXT(outcome_text(judgement->outcome), "tcp");
	CHECK_TEXT(rules_in(judgement, RULE_BROKEN, text), "");
	pair_fini(&pair);
}
