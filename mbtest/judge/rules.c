/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules.c - the table: every rule's name, strength, text and predicate. A row without predicate
 * is reported as not exercised.
 */
#include "mbtest/judge/rules.h"

#include "mbtest/judge/predicates.h"

#include <string.h>

struct rule_row {
	struct rule_info info;
	rule_predicate *predicate;
};

#define ROW(name, strength, predicate, text)               \
	{                                                  \
		{ name, RULE_##strength, text }, predicate \
	}

/* Section numbers are RFC 8684's; RFC 6824 is named where it differs. */
static const struct rule_row rows[] = {
	ROW("F1", MUST, rule_f1, "A SYN without MP_CAPABLE gets a SYN/ACK without it (3.1)."),
	ROW("F2", MUST, rule_f2,
		"After a SYN/ACK without MP_CAPABLE no MPTCP option is sent (3.1)."),
	ROW("F3", MUST, rule_f3, "A third packet without MP_CAPABLE means plain TCP (3.1)."),
	ROW("F4", MUST, rule_f4,
		"First data without any mapping: the path is not capable (3.1, 3.7)."),
	ROW("F5", MAY, rule_f5,
		"Unanswered SYNs with MP_CAPABLE are followed by one without (3.1, 3.9.3)."),
	ROW("F6", MUST, rule_f6, "No common crypto algorithm: the option is ignored (3.1)."),
	ROW("F7", MUST, rule_f7,
		"The answer's version is at most the one offered, else TCP (3.1)."),
	ROW("F7a", MUST, rule_f7a, "Flag B set: the option is ignored; in v0 the SYN (3.1)."),
	ROW("F7b", MUST, rule_f7b, "Who gets flag A uses checksums or leaves MPTCP (3.1)."),
	ROW("F7c", MAY, rule_f7c, "Flag A changed on the way: F13 and F14 follow (3.3)."),
	ROW("F7d", MUST, rule_f7d, "Flag C: no further subflows to that address and port (3.1)."),
	ROW("F7e", MUST, rule_f7e, "A compromised handshake ends MPTCP, no more options (3.1)."),
	ROW("F7f", SHOULD, rule_f7f, "A mirrored MP_CAPABLE is none."),
	ROW("F8", MUST, rule_f8, "Until a DATA_ACK came, each segment carries its mapping (3.7)."),
	ROW("F8a", MUST, rule_f8a, "No new subflow before a DSS came on the first one (3.1)."),
	ROW("F9", MUST, rule_f9,
		"First data acked without DATA_ACK: one infinite mapping, then plain TCP (3.7)."),
	ROW("F9a", MUST, rule_f9a, "F9 where the active opener sends first (3.7)."),
	ROW("F9b", MUST, rule_f9b, "F9 where the passive opener sends (3.7)."),
	ROW("F10", SHOULD, rule_f10,
		"Unmapped first data is acked by the subflow, not DATA_ACKed (3.3.1)."),
	ROW("F11", MUST, rule_f11,
		"Data of a joined subflow acked without DATA_ACK: reset it (3.7)."),
	ROW("F12", SHOULD, rule_f12,
		"Unmapped data on a joined subflow counts for nothing (3.3.1)."),
	ROW("F13", MUST, rule_f13,
		"A checksum not negotiated resets the subflow; in v0 it is ignored (3.3)."),
	ROW("F14", MUST, rule_f14,
		"A negotiated checksum that is missing resets the subflow (3.3)."),
	ROW("F15", SHOULD, rule_f15,
		"Mappings stop on one of several subflows: it is reset (3.7)."),
	ROW("F16", SHOULD, rule_f16,
		"Mappings stop on the only subflow: reset, not fallback (3.7)."),
	ROW("F17", SHOULD, rule_f17,
		"DATA_ACKs stop on one of several subflows: re-sent elsewhere (3.3.6)."),
	ROW("F18", MAY, rule_f18, "DATA_ACKs stop on the only subflow: no rule says what to do."),
	ROW("F19", SHOULD, rule_f19, "Some mappings lost, all bytes still covered: go on (6)."),
	ROW("F20", SHOULD, rule_f20, "Some DATA_ACKs lost: go on (6)."),
	ROW("F21", MUST, rule_f21,
		"A failed checksum on one of several subflows: RST with MP_FAIL (3.7)."),
	ROW("F22", MUST, rule_f22,
		"RST with MP_FAIL received: the data is re-sent elsewhere (3.7)."),
	ROW("F23", MUST, rule_f23, "A failed checksum on the only subflow: MP_FAIL, no RST (3.7)."),
	ROW("F24", MUST, rule_f24,
		"MP_FAIL on the only subflow: infinite mapping; in v1 MP_FAIL back (3.7)."),
	ROW("F25", MUST, rule_f25, "F23 with data not contiguous: RST with MP_FAIL (3.7)."),
	ROW("F26", MUST, rule_f26,
		"The very first mapping fails: MP_FAIL, or both sides revert (3.7)."),
	ROW("F27", MAY, rule_f27, "Payload changed, no checksums: nobody can tell (3.7)."),
	ROW("F28", SHOULD, rule_f28,
		"Length changed, no checksums: bytes outside any mapping, F15 and F16 (3.7)."),
	ROW("F29", MUST, rule_f29,
		"Infinite mapping: length 0, checksum 0, nothing after it (3.3.1)."),
	ROW("F30", MUST, rule_f30, "After it only subflow ACKs free the send buffer (3.3.1)."),
	ROW("F31", SHOULD, rule_f31, "Who receives it stops sending DATA_ACKs (3.7)."),
	ROW("F32", MUST, rule_f32, "After it only one subflow carries data (3.7)."),
	ROW("F33", MUST, rule_f33, "Never back to MPTCP, no new subflows (3.7)."),
	ROW("F34", MUST, rule_f34, "An infinite mapping beside other subflows: reset (3.7)."),
	ROW("F35", MUST, rule_f35, "MP_JOIN lost from the SYN: the joiner resets (3.2)."),
	ROW("F36", SHOULD, rule_f36, "A plain SYN where nothing listens gets RST (RFC 9293 3.10)."),
	ROW("F37", MUST, rule_f37, "MP_JOIN lost from the SYN/ACK: the joiner resets (3.2)."),
	ROW("F38", MUST, rule_f38, "MP_JOIN lost from the third packet: reset (3.2)."),
	ROW("F39", MUST, rule_f39, "A wrong HMAC in the SYN/ACK: reset (3.2)."),
	ROW("F40", MUST, rule_f40, "A wrong HMAC in the third packet: reset (3.2)."),
	ROW("F41", MUST, rule_f41, "An unknown token: reset (3.2)."),
	ROW("F42", MUST, rule_f42,
		"The third packet of a join is repeated until acked, no data before (3.2)."),
	ROW("F43", SHOULD, rule_f43, "A join that nobody answered is not tried again (3.9.3)."),
	ROW("F44", MUST, rule_f44, "A valid token needs no listener (3.2)."),
	ROW("F45", MUST, rule_f45, "A mapping may be longer than its segment (3.3.1)."),
	ROW("F46", MUST, rule_f46, "An identical mapping may come again (3.3.1)."),
	ROW("F47", MUST, rule_f47,
		"A split segment may have its mapping on the first part (3.3.1)."),
	ROW("F48", MAY, rule_f48, "Or on the last: unmapped bytes may be held (3.3.1)."),
	ROW("F49", SHOULD, rule_f49,
		"Coalesced, one mapping lost: unmapped bytes, no checksum failure (3.3.1)."),
	ROW("F50", SHOULD, rule_f50, "Coalesced, both mappings kept: both apply (3.3.1)."),
	ROW("F51", MUST, rule_f51, "v1: a mapping touches the segment that carries it (3.3.1)."),
	ROW("F52", MUST, rule_f52, "A declared mapping does not change (3.3.1)."),
	ROW("F53", SHOULD, rule_f53, "The same data on two subflows counts once (3.3.1)."),
	ROW("F54", MUST, rule_f54,
		"Data outside the window: dropped, no DATA_ACK, no reset (3.3.5)."),
	ROW("F55", MUST, rule_f55,
		"Data re-sent elsewhere is still repeated on its subflow (3.3.6)."),
	ROW("F56", MUST, rule_f56, "An RST ends its own subflow only (3.5, 3.6)."),
	ROW("F57", SHOULD, rule_f57, "MP_TCPRST with T=0: this path is not tried again (3.6)."),
	ROW("F58", MUST, rule_f58, "Signals count only in packets that TCP accepts (3)."),
	ROW("F59", SHOULD, rule_f59, "At most two duplicate ACKs with an option in a row (3.4.1)."),
	ROW("F60", MUST, rule_f60, "ADD_ADDR with a wrong HMAC is ignored (3.4.1)."),
	ROW("F61", MUST, rule_f61, "REMOVE_ADDR of an unknown ID is ignored (3.4.2)."),
	ROW("F62", MUST, rule_f62,
		"MP_FASTCLOSE needs the right key, then all subflows end (3.5)."),
	ROW("F63", MUST, rule_f63, "Falling back loses no byte accepted from the application."),
	ROW("F64", MUST, rule_f64, "Who falls back makes sure that the peer does."),
	ROW("O1", OPEN, rule_o1, "A bare ACK that acknowledges no data is harmless."),
	ROW("O2", OPEN, rule_o2, "DATA_ACKs stop: wait, then v0 falls back, v1 resets."),
	ROW("O3", OPEN, rule_o3, "Unmapped data is held up to 64 KiB or the window."),
	ROW("O4", OPEN, rule_o4, "Each direction has its own infinite mapping."),
	ROW("O5", OPEN, rule_o5, "MP_FAIL unanswered for three time-outs: fall back alone."),
	ROW("O6", OPEN, rule_o6, "A retroactive infinite mapping delivers nothing twice."),
	ROW("O7", OPEN, rule_o7, "A backup subflow that lost its options is reset."),
	ROW("O8", OPEN, rule_o8, "Payload changed without checksums is not detectable."),
	ROW("O9", OPEN, rule_o9, "At most one MP_FAIL a round trip."),
	ROW("O10", OPEN, rule_o10, "The only remaining subflow counts as single for MP_FAIL."),
	ROW("O11", OPEN, rule_o11, "All subflows reset: a new join, or an error in time."),
	ROW("O12", OPEN, rule_o12,
		"Third packet and first data lost: ask for the keys, do not fall back."),
	ROW("O13", OPEN, rule_o13, "A newer SYN without MP_CAPABLE replaces the older with it."),
	ROW("O14", OPEN, rule_o14, "SYNs with and without MP_CAPABLE: the third packet decides."),
	ROW("O15", OPEN, rule_o15, "Odd or several DSS in a segment do no harm."),
	ROW("O16", OPEN, rule_o16, "A join during fallback is refused."),
	ROW("O17", OPEN, rule_o17, "An RST without MP_TCPRST counts as transient."),
	ROW("O18", OPEN, rule_o18, "A mirrored DSS is ignored."),
};

_Static_assert(sizeof(rows) / sizeof(rows[0]) <= RULE_COUNT, "more rules than RULE_COUNT");

unsigned int rule_count(void)
{
	return sizeof(rows) / sizeof(rows[0]);
}

const struct rule_info *rule_info(unsigned int index)
{
	return &rows[index].info;
}

bool rule_find(const char *name, unsigned int *index)
{
	unsigned int i;

	for (i = 0; i < rule_count(); i++) {
		if (strcmp(rows[i].info.name, name) == 0) {
			*index = i;
			return true;
		}
	}
	return false;
}

rule_predicate *rule_predicate_at(unsigned int index)
{
	return rows[index].predicate;
}
