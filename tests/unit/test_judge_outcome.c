/* SPDX-License-Identifier: BSD-2-Clause */
/* The outcomes, each acted out; and that a clean run breaks no rule. */
#include "tests/unit/play.h"

TEST(mptcp_to_the_end)
{
	struct play play;
	unsigned int version, checksum;

	for (version = 0; version < 2; version++) {
		for (checksum = 0; checksum < 2; checksum++) {
			play_init(&play, (uint8_t)version, checksum);
			play_open_one(&play);
			play_exchange(&play, CLIENT, 0, 1000, 500);
			play_exchange(&play, SERVER, 0, 0, 700);
			play_close(&play, 1500, 700, 1);
			play_streams(&play, 1500, 1500, 700, 700);
			CHECK_OUTCOME(&play, "mptcp");
			CHECK_SOUND(&play);
			CHECK(play.judgement.intact);
			CHECK_U64(play.judgement.subflows_opened, 1);
			CHECK_TEXT(play.judgement.why,
				"all data mapped and DATA_ACKed on 1 subflow");
			play_fini(&play);
		}
	}
}

TEST(two_subflows)
{
	struct play play;

	play_init(&play, 1, true);
	play.input.subflows = 2;
	play_open_two(&play);
	play_exchange(&play, CLIENT, 1, 1000, 1000);
	play_exchange(&play, SERVER, 1, 0, 100);
	play_close(&play, 2000, 100, 2);
	play_streams(&play, 2000, 2000, 100, 100);
	CHECK_OUTCOME(&play, "mptcp");
	CHECK_SOUND(&play);
	CHECK_U64(play.judgement.subflows_opened, 2);
	CHECK(play.judgement.second_carried);
	play_fini(&play);
}

TEST(second_subflow_idle)
{
	struct play play;

	play_init(&play, 1, false);
	play.input.subflows = 2;
	play_open_two(&play);
	play_close(&play, 1000, 0, 2);
	play_streams(&play, 1000, 1000, 0, 0);
	CHECK_OUTCOME(&play, "mptcp");
	CHECK(!play.judgement.second_carried);
	play_fini(&play);
}

TEST(tcp_when_the_syn_lost_its_option)
{
	struct play play;

	play_init(&play, 1, false);
	play_emit(&play, CLIENT, with((struct part){ .flags = TCP_SYN }, opt_syn(&play)));
	play_hear(&play, SERVER, (struct part){ .flags = TCP_SYN });
	play_say(&play, SERVER, (struct part){ .flags = TCP_SYN | TCP_ACK });
	play_say(&play, CLIENT, (struct part){ .flags = 0 });
	play_say(&play, CLIENT, bare_part(&play, CLIENT, 0, 0, 500));
	play_say(&play, SERVER, (struct part){ .flags = 0 });
	play_close_plain(&play);
	play_streams(&play, 500, 500, 0, 0);
	CHECK_OUTCOME(&play, "tcp");
	CHECK_SOUND(&play);
	CHECK_TEXT(play.judgement.why,
		"no MP_CAPABLE in the SYN the server saw; it answered without");
	CHECK_HELD(&play, "F1");
	CHECK_HELD(&play, "F2");
	CHECK_HELD(&play, "F63");
	play_fini(&play);
}

/* The first data loses its option both ways: F9a at the client, F10 at the server. */
TEST(fallback_after_bare_first_data)
{
	struct play play;

	play_init(&play, 1, false);
	play_open(&play);
	play_emit(&play, CLIENT, with(bare_part(&play, CLIENT, 0, 0, 500), opt_first(&play, 500)));
	play_hear(&play, SERVER, (struct part){ .payload = 500, .seq = 1 });
	play_say(&play, SERVER, (struct part){ .flags = 0 });
	play_emit(&play, CLIENT,
		with(bare_part(&play, CLIENT, 0, 500, 500), opt_infinite(&play, CLIENT, 501, 500)));
	play_hear(&play, SERVER, (struct part){ .payload = 500, .seq = 501, .offset = 500 });
	play_say(&play, SERVER, (struct part){ .flags = 0 });
	play_close_plain(&play);
	play_streams(&play, 1000, 1000, 0, 0);
	CHECK_OUTCOME(&play, "fallback");
	CHECK_SOUND(&play);
	CHECK_HELD(&play, "F9a");
	CHECK_HELD(&play, "F10");
	CHECK_HELD(&play, "F63");
	play_fini(&play);
}

/* A failed checksum on the only subflow: MP_FAIL both ways, infinite mapping, TCP (F23, F24). */
TEST(infinite_after_a_failed_checksum)
{
	struct play play;
	struct part bad;

	play_init(&play, 1, true);
	play_open_one(&play);
	bad = data_part(&play, CLIENT, 0, 1000, 1000);
	play_emit(&play, CLIENT, bad);
	bad.spoil = true;
	play_hear(&play, SERVER, bad);
	play_say(&play, SERVER, carrying(opt_fail(&play, CLIENT, 1000)));
	play_say(&play, CLIENT, carrying(opt_fail(&play, CLIENT, 1000)));
	play_say(&play, CLIENT,
		with(bare_part(&play, CLIENT, 0, 2000, 500),
			opt_infinite(&play, CLIENT, 2001, 2000)));
	play_say(&play, SERVER, (struct part){ .flags = 0 });
	play_close_plain(&play);
	play_streams(&play, 2500, 2500, 0, 0);
	CHECK_OUTCOME(&play, "infinite");
	CHECK_SOUND(&play);
	CHECK_HELD(&play, "F23");
	CHECK_HELD(&play, "F24");
	CHECK_HELD(&play, "F29");
	play_fini(&play);
}

TEST(subflow_closed_by_a_plain_synack)
{
	struct play play;

	play_init(&play, 1, false);
	play.input.subflows = 2;
	play_open_one(&play);
	play_emit(&play, CLIENT,
		with((struct part){ .subflow = 1, .flags = TCP_SYN },
			opt_join(&play, 1, JOIN_SYN)));
	play_hear(&play, SERVER, (struct part){ .subflow = 1, .flags = TCP_SYN });
	play_say(&play, SERVER, (struct part){ .subflow = 1, .flags = TCP_SYN | TCP_ACK });
	play_say(&play, CLIENT,
		with((struct part){ .subflow = 1, .flags = TCP_RST }, opt_reset(RESET_MPTCP)));
	play_exchange(&play, CLIENT, 0, 1000, 1000);
	play_close(&play, 2000, 0, 1);
	play_streams(&play, 2000, 2000, 0, 0);
	CHECK_OUTCOME(&play, "subflow-closed");
	CHECK_SOUND(&play);
	CHECK_HELD(&play, "F35");
	CHECK_IDLE(&play, "F37");
	play_fini(&play);
}

/* A RST ends a subflow early, or what all had been said on: however late an application notices. */
TEST(subflow_reset_behind_the_last_data_ack)
{
	unsigned int late;

	for (late = 0; late < 2; late++) {
		struct part reset = { .subflow = 1, .flags = TCP_RST };
		struct play play;

		play_init(&play, 1, false);
		play.input.subflows = 2;
		play_open_two(&play);
		if (!late)
			play_say(&play, SERVER, reset);
		play_close(&play, 1000, 0, 1);
		if (late)
			play_say(&play, SERVER, reset);
		play_streams(&play, 1000, 1000, 0, 0);
		CHECK_OUTCOME(&play, late ? "mptcp" : "subflow-closed");
		play_fini(&play);
	}
}

/* Bytes outside a mapping were taken for the stream's, in their place: wrong, but no fallback. */
TEST(no_fallback_while_data_acks_go_on)
{
	unsigned int acked;

	for (acked = 0; acked < 2; acked++) {
		struct part joined;
		struct play play;

		play_init(&play, 1, false);
		play.input.subflows = 2;
		play_open_two(&play);
		joined = bare_part(&play, CLIENT, 0, 1000, 200);
		joined = with(joined, opt_map(&play, CLIENT, joined.seq, 1000, 100));
		play_emit(&play, CLIENT, data_part(&play, CLIENT, 0, 1000, 100));
		play_emit(&play, CLIENT, data_part(&play, CLIENT, 0, 1100, 100));
		play_hear(&play, SERVER, joined);
		play_say(&play, SERVER, (struct part){ .flags = TCP_RST });
		if (acked) {
			play.data_ack[SERVER] = 1200;
			play_data_ack(&play, SERVER, 1);
		}
		play_streams(&play, 1200, 1200, 0, 0);
		CHECK_OUTCOME(&play, acked ? "subflow-closed" : "fallback");
		play_fini(&play);
	}
}

TEST(refused)
{
	struct play play;

	play_init(&play, 1, false);
	play_say(&play, CLIENT, with((struct part){ .flags = TCP_SYN }, opt_syn(&play)));
	play_say(&play, SERVER, (struct part){ .flags = TCP_RST, .ack = 1 });
	play.input.app[CLIENT] = (struct app_view){ .failed = true, .error = "refused" };
	play.input.app[SERVER] = (struct app_view){ 0 };
	CHECK_OUTCOME(&play, "refused");
	CHECK_TEXT(play.judgement.why, "the SYN was answered by an RST (client packet 2)");
	play_fini(&play);
}

TEST(reset_after_opening)
{
	struct play play;

	play_init(&play, 1, false);
	play_open(&play);
	play_say(&play, SERVER, (struct part){ .flags = TCP_RST });
	play_streams(&play, 500, 0, 0, 0);
	play.input.app[CLIENT].failed = true;
	play.input.app[CLIENT].finished = false;
	play.input.app[SERVER].ended = false;
	play.input.app[CLIENT].error = "connection reset";
	CHECK_OUTCOME(&play, "reset");
	CHECK_TEXT(play.judgement.why,
		"the client's application saw \"connection reset\"; client packet 4 is an RST it "
		"received");
	play_fini(&play);
}

TEST(stalled)
{
	struct play play;

	play_init(&play, 1, false);
	play_open(&play);
	play_streams(&play, 500, 0, 0, 0);
	play_stall(&play, 20 * NSEC_PER_SEC);
	CHECK_OUTCOME(&play, "stalled");
	CHECK_TEXT(play.judgement.why, "no byte and no error for 20 s");
	play_fini(&play);
}

TEST(corrupt_by_truncation)
{
	struct play play;

	play_init(&play, 1, false);
	play_open_one(&play);
	play_close(&play, 1000, 0, 1);
	play_streams(&play, 1500, 1000, 0, 0);
	CHECK_OUTCOME(&play, "corrupt");
	CHECK_U64(play.judgement.damage, DAMAGE_TRUNCATED);
	CHECK(!play.judgement.intact);
	play_fini(&play);
}

TEST(nothing_captured)
{
	struct play play;

	play_init(&play, 1, false);
	CHECK_OUTCOME(&play, "tcp");
	CHECK_SOUND(&play);
	play_fini(&play);
}

TEST(names_of_outcomes_and_rules)
{
	enum outcome outcome;
	unsigned int index, i, j;

	CHECK(outcome_find("subflow-closed", &outcome));
	CHECK_U64(outcome, OUTCOME_SUBFLOW_CLOSED);
	CHECK(!outcome_find("fine", &outcome));
	CHECK_U64(rule_count(), 64 + 6 + 3 + 18);
	CHECK(rule_find("F7a", &index));
	CHECK_TEXT(rule_info(index)->name, "F7a");
	CHECK(!rule_find("F65", &index));
	CHECK_TEXT(outcome_text(OUTCOME_COUNT), "unknown");
	for (i = 0; i < rule_count(); i++)
		for (j = 0; j < i; j++)
			CHECK(strcmp(rule_info(i)->name, rule_info(j)->name) != 0);
}
