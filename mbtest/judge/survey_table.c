/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * survey_table.c - the rows of the survey, in the order of its questions: the scenarios
 * (lua/suites/survey.lua) that ask, and the words that answer.
 */
#include "mbtest/judge/survey_rows.h"

#include <stddef.h>

static const struct survey_word yes_no[] = {
	{ SEEN_YES | SEEN_NO, 0, "partly", "not in every case" },
	{ SEEN_YES, 0, "yes", "" },
	{ SEEN_NO, 0, "no", "" },
	{ 0, 0, NULL, NULL },
};

static const struct survey_word found[] = {
	{ SEEN_YES, 0, "yes", "" },
	{ SEEN_NO, 0, "no", "no rule was broken" },
	{ 0, 0, NULL, NULL },
};

static const struct survey_word signals[] = {
	{ SEEN_TELLS, SEEN_MUTE | SEEN_DEAF, "yes", "" },
	{ SEEN_TELLS | SEEN_DEAF, SEEN_MUTE, "partly", "sends it, does not heed it" },
	{ SEEN_TELLS, 0, "partly", "sends it, not in every case" },
	{ SEEN_HEEDS, SEEN_MUTE, "yes", "heeds it; there was nothing for it to tell" },
	{ SEEN_HEEDS, 0, "partly", "heeds it, does not send it" },
	{ SEEN_MUTE, 0, "no", "" },
	{ SEEN_DEAF, 0, "no", "does not heed it; there was nothing for it to tell" },
	{ 0, 0, NULL, NULL },
};

static const struct survey_word infinite[] = {
	{ SEEN_TELLS | SEEN_DEAF, 0, "partly", "sends it, does not take it" },
	{ SEEN_TELLS, SEEN_MUTE, "yes", "" },
	{ SEEN_HEEDS, SEEN_MUTE, "yes", "takes it; it was never told of a failed checksum" },
	{ SEEN_HEEDS, 0, "partly", "takes it, but not always sends it when told MP_FAIL" },
	{ SEEN_MUTE, 0, "no", "" },
	{ SEEN_DEAF, 0, "no", "" },
	{ 0, 0, NULL, NULL },
};

static const struct survey_word families[] = {
	{ 3, 0, "both", "" },
	{ 1, 0, "IPv4", "" },
	{ 2, 0, "IPv6", "" },
	{ 0, 0, NULL, NULL },
};

static const struct survey_word versions[] = {
	{ 3, 0, "0 and 1", "" },
	{ 1, 0, "0", "" },
	{ 2, 0, "1", "" },
	{ 0, 0, NULL, NULL },
};

static const struct survey_word initiators[] = {
	{ 3, 0, "either end", "" },
	{ 1, 0, "first end", "" },
	{ 2, 0, "second end", "" },
	{ 0, 0, NULL, NULL },
};

static const struct survey_word widths[] = {
	{ 3, 0, "4 or 8 byte", "" },
	{ 1, 0, "4 bytes", "" },
	{ 2, 0, "8 bytes", "" },
	{ 0, 0, NULL, NULL },
};

static const struct survey_word resends[] = {
	{ 3, 0, "either", "" },
	{ 1, 0, "2nd subflow", "after the first time-out" },
	{ 2, 0, "1st subflow", "several times before another one carries it" },
	{ 0, 0, NULL, NULL },
};

static const struct survey_word ports[] = {
	{ 3, 0, "either", "" },
	{ 1, 0, "same ports", "" },
	{ 2, 0, "diff local", "" },
	{ 0, 0, NULL, NULL },
};

static const struct survey_word sharings[] = {
	{ 1 | 4, 0, "either", "" },
	{ 1 | 2, 0, "shared, RTT", "the lower round-trip time first" },
	{ 1, 0, "shared", "" },
	{ 4, 0, "active/back", "" },
	{ 0, 0, NULL, NULL },
};

#define ROW(name, scenarios, look, words, unseen)                   \
	{                                                           \
		name, " " scenarios " ", look, words, unseen, false \
	}
#define RULES(name, scenarios, look, words, unseen)                \
	{                                                          \
		name, " " scenarios " ", look, words, unseen, true \
	}
#define HIDDEN(name, why)                          \
	{                                          \
		name, NULL, NULL, NULL, why, false \
	}

#define FALLBACKS                                                      \
	"no-capable-syn no-capable-synack no-join no-dss no-dss-join " \
	"no-data-ack flip flip-join fail infinite"

const struct survey_row survey_table[] = {
	HIDDEN("2.os", "a stack's name is in no packet"),
	ROW("2.family", "open", look_family, families, "it was never reached"),
	HIDDEN("2.public", "who may have the code is in no packet"),
	HIDDEN("2.independent", "whose code it is made of is in no packet"),
	HIDDEN("2.interop", "here it met our endpoint alone"),

	ROW("3.mp_capable", "open", look_capable, yes_no, "it was never reached"),
	ROW("3.mp_capable.version", "open", look_version, versions,
		"it does not speak Multipath TCP"),
	ROW("3.mp_join", "join join-back", look_join, yes_no, "nobody joined"),
	ROW("3.mp_join.initiated", "join join-back hear", look_initiator, initiators,
		"nobody joined"),
	ROW("3.mp_join.subflows", "many", look_subflows, NULL, "it does not speak Multipath TCP"),
	ROW("3.dss", "open", look_dss, yes_no, "it does not speak Multipath TCP"),
	ROW("3.dss.data_ack", "open narrow", look_data_ack, widths, "it sent no DATA_ACK"),
	ROW("3.dss.dsn", "open narrow", look_dsn, widths, "it sent no data under a DSS"),
	ROW("3.dss.data_fin", "open", look_data_fin, yes_no, "it does not speak Multipath TCP"),
	ROW("3.dss.checksum", "open", look_checksum, yes_no, "it does not speak Multipath TCP"),
	ROW("3.add_addr", "announce hear", look_add_addr, signals,
		"it does not speak Multipath TCP"),
	ROW("3.remove_addr", "withdraw withdrawn", look_remove_addr, signals,
		"there was no address to take back"),
	ROW("3.fastclose", "abort aborted", look_fastclose, signals,
		"it does not speak Multipath TCP"),

	ROW("4.mp_capable", "no-capable-syn no-capable-synack", look_plain, yes_no,
		"it was never reached"),
	ROW("4.mp_join", "no-join", look_no_join, yes_no, "nobody joined"),
	ROW("4.dss", "no-dss no-dss-join", look_no_dss, yes_no, "it was sent no data"),
	ROW("4.data_ack", "no-data-ack", look_no_data_ack, yes_no,
		"its data were never acknowledged without DATA_ACK"),
	ROW("4.checksum", "flip flip-join", look_flip, yes_no, "it does not speak Multipath TCP"),
	ROW("4.infinite", "fail infinite", look_infinite, infinite,
		"neither MP_FAIL nor an infinite mapping reached it"),
	RULES("4.corner_cases", FALLBACKS, look_corner, found, "it was never reached"),

	HIDDEN("5.receive_buffer", "a window tells how much is granted, not how that was chosen"),
	HIDDEN("5.send_buffer", "what waits to be sent has not been on the wire"),
	ROW("5.retransmit", "dead", look_resend, resends,
		"it had nothing in flight on the subflow whose path died"),
	ROW("5.ports", "join", look_ports, ports, "it starts no subflow"),

	ROW("6.hmac", "join join-back", look_hmac, yes_no, "nobody joined"),
	ROW("6.hmac.checked", "bad-hmac", look_hmac_checked, yes_no, "nobody joined"),
	ROW("6.other", "open", look_algorithms, yes_no, "it sends no MP_CAPABLE"),

	ROW("7.iana", "open join announce", look_registry, yes_no, "it sends no option of kind 30"),

	ROW("8.sharing", "share", look_sharing, sharings, "there was no second subflow"),
	ROW("8.handover", "dead", look_handover, yes_no, "there was no second subflow"),
	HIDDEN("8.coupled", "one transfer does not tell by which formula a window grew"),
	HIDDEN("8.other_coupled", "one transfer does not tell by which formula a window grew"),
	ROW("8.priority", "prefer preferred", look_priority, signals,
		"there was no second subflow"),

	HIDDEN("9.legacy", "what an application asks of its stack stays inside the host"),
	HIDDEN("9.basic_api", "what an application asks of its stack stays inside the host"),
	HIDDEN("9.advanced_api", "what an application asks of its stack stays inside the host"),

	HIDDEN("10.scenario", "what a stack is used for is in no packet"),
	HIDDEN("10.environment", "one path was looked at, not where the stack is used"),
	HIDDEN("10.ends", "a proxy and an end host look alike"),
	ROW("10.middleboxes", "open", look_reached, yes_no,
		"who does not answer, and a box that takes the question away, look alike"),
	RULES("10.corner_cases", FALLBACKS, look_corner, found, "it was never reached"),
	{ NULL, NULL, NULL, NULL, NULL, false },
};
