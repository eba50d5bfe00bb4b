/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_rules_edited.c - options that a box changed on the way: what they no longer say, or say
 * without meaning it. Each test acts out the case next to it that is wrong, too.
 */
#include "tests/unit/play.h"

/*
 * O2, O18: a box makes of every DATA_ACK one of what was never sent, which says nothing. Who leaves
 * for want of DATA_ACKs sends no mapping behind the infinite one; where none was needed, F8 holds.
 */
TEST(f8_data_acks_of_nothing)
{
	unsigned int acked;

	for (acked = 0; acked < 2; acked++) {
		struct play play;

		play_init(&play, 1, false);
		play_open(&play);
		play_data(&play, CLIENT, 0, 0, 100);
		play_data(&play, CLIENT, 0, 100, 100);
		play_hear(&play, CLIENT,
			with((struct part){ .ack = acked ? 201 : 1 },
				opt_ack(&play, SERVER, 1 << 24)));
		play_emit(&play, CLIENT, carrying(opt_infinite(&play, CLIENT, 1, 0)));
		play_emit(&play, CLIENT, bare_part(&play, CLIENT, 0, 200, 100));
		CHECK_STATE(&play, "F8", acked ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

/* RFC 6824 3.1: v0's MP_CAPABLE has no room for a mapping; two bytes more make none of it. */
TEST(f14_grown_third_packet)
{
	unsigned int version;

	for (version = 0; version < 2; version++) {
		struct mptcp_opt grown;
		struct play play;

		play_init(&play, (uint8_t)version, true);
		play_syns(&play);
		grown = opt_third(&play);
		grown.capable.has_data_length = true;
		grown.capable.data_length = 100;
		play_say(&play, CLIENT, carrying(grown));
		play_exchange(&play, SERVER, 0, 0, 100);
		CHECK_STATE(&play, "F14", version == 0 ? RULE_NOT_EXERCISED : RULE_BROKEN);
		play_fini(&play);
	}
}

/* F58, F14: what resets the subflow may be another thing than the signal nobody may heed. */
TEST(f58_reset_for_another_reason)
{
	unsigned int ground;

	for (ground = 0; ground < 2; ground++) {
		struct part forged = { .seq = 1 << 30 }, data;
		struct play play;

		play_init(&play, 1, true);
		play_open_one(&play);
		play_hear(&play, SERVER, with(forged, opt_fail(&play, SERVER, 0)));
		data = data_part(&play, CLIENT, 0, 1000, 100);
		data.options[0].dss.has_checksum = ground == 0;
		play_say(&play, CLIENT, data);
		play_say(&play, SERVER, reset_part(0, RESET_MPTCP));
		CHECK_STATE(&play, "F58", ground ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

/* O12, F21: a subflow whose first data came before the keys is reset for a checksum that fails. */
TEST(o12_reset_for_a_checksum)
{
	unsigned int spoilt;

	for (spoilt = 0; spoilt < 2; spoilt++) {
		struct part first = { .payload = 100, .seq = 1 }, then = first;
		struct play play;

		play_init(&play, 1, true);
		play_syns(&play);
		then.seq = 101;
		then.offset = 100;
		then = with(then, opt_map(&play, CLIENT, 101, 100, 100));
		play_hear(&play, SERVER, then);
		play_hear(&play, SERVER, with(first, opt_first(&play, 100)));
		play.data_ack[SERVER] = 100;
		play_data_ack(&play, SERVER, 0);
		then.spoil = spoilt;
		play_hear(&play, SERVER, then);
		play_say(&play, SERVER,
			with(reset_part(0, RESET_MIDDLEBOX), opt_fail(&play, CLIENT, 100)));
		CHECK_STATE(&play, "O12", spoilt ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

/* RFC 8684 3.4.1: ADD_ADDR is repeated; the copy that no box touched may be taken. */
TEST(f60_told_again_rightly)
{
	unsigned int again;

	for (again = 0; again < 2; again++) {
		struct mptcp_opt add = { .subtype = MP_ADD_ADDR }, echo = add;
		struct play play;

		play_init(&play, 1, false);
		play_open_one(&play);
		add.add_addr.address_id = echo.add_addr.address_id = 3;
		add.add_addr.addr = echo.add_addr.addr = addr_v4(198, 18, 100, 9);
		add.add_addr.has_hmac = echo.add_addr.echo = true;
		add.add_addr.hmac = 1;
		play_say(&play, SERVER, carrying(add));
		add.add_addr.hmac = key_add_addr_hmac(play.key[SERVER], play.key[CLIENT], 3,
			&add.add_addr.addr, 0);
		if (again)
			play_say(&play, SERVER, carrying(add));
		play_say(&play, CLIENT, carrying(echo));
		CHECK_STATE(&play, "F60", again ? RULE_HELD : RULE_BROKEN);
		play_fini(&play);
	}
}

/* F52: a mapping whose length a box made greater binds what follows: no checksum is at hand yet. */
TEST(f21_in_a_mapping_that_never_ended)
{
	unsigned int longer;

	for (longer = 0; longer < 2; longer++) {
		struct part first, bad;
		struct play play;

		play_init(&play, 1, true);
		play_open_two(&play);
		first = data_part(&play, CLIENT, 0, 1000, 100);
		if (longer)
			first.options[0].dss.length = 4000;
		play_say(&play, CLIENT, first);
		bad = data_part(&play, CLIENT, 0, 1100, 100);
		bad.spoil = true;
		play_say(&play, CLIENT, bad);
		play_wait(&play, 2 * NSEC_PER_SEC);
		play_data_ack(&play, SERVER, 0);
		CHECK_STATE(&play, "F21", longer ? RULE_NOT_EXERCISED : RULE_BROKEN);
		play_fini(&play);
	}
}

/* F13: an MP_CAPABLE of length 0 maps nothing, whatever checksum a box put behind it. */
TEST(f13_first_mapping_of_no_length)
{
	unsigned int length;

	for (length = 0; length < 2; length++) {
		struct mptcp_opt third;
		struct play play;

		play_init(&play, 1, false);
		play_syns(&play);
		third = opt_first(&play, length);
		third.capable.has_checksum = true;
		play_say(&play, CLIENT, with((struct part){ .payload = length }, third));
		play_exchange(&play, SERVER, 0, 0, 100);
		CHECK_STATE(&play, "F13", length > 0 ? RULE_BROKEN : RULE_NOT_EXERCISED);
		play_fini(&play);
	}
}
