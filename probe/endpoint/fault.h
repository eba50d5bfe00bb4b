/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault.h - named ways of being wrong: the endpoint can be told to break one rule, so that the
 * judge can be tried. One table: a line is a fault, with its number, name and the rules it breaks.
 */
#ifndef PROBE_ENDPOINT_FAULT_H
#define PROBE_ENDPOINT_FAULT_H

#include <stdint.h>

/* F(number, name, what is wrong and which rules that breaks) */
#define FAULT_TABLE(F)                                                                             \
	/* opening */                                                                              \
	F(CAPABLE_UNASKED, "capable-unasked", "answers a plain SYN with MP_CAPABLE (F1)")          \
	F(CAPABLE_PLAIN, "capable-after-plain",                                                    \
		"sends MPTCP options after a SYN/ACK without (F2)")                                \
	F(NEVER_PLAIN_SYN, "never-plain-syn", "offers MP_CAPABLE in every SYN, for ever (F5)")     \
	F(TAKE_MIRROR, "take-mirror", "takes its own MP_CAPABLE, mirrored, for an answer (F7f)")   \
	F(BARE_THIRD, "bare-third", "goes on after a third packet without MP_CAPABLE (F3)")        \
	F(ODD_KEYS, "odd-keys", "repeats a wrong key in the third packet (F7e)")                   \
	F(WRONG_IDSN, "wrong-idsn",                                                                \
		"numbers data from the IDSN itself, without the SYN's octet (F8)")                 \
	/* first data */                                                                           \
	F(LAZY_MAPPING, "lazy-mapping", "maps only the first segment until a DATA_ACK comes (F8)") \
	F(EARLY_JOIN, "early-join", "joins before a DSS came on the first subflow (F8a)")          \
	F(IGNORE_BARE_ACK, "ignore-bare-ack", "goes on where data is acked without DATA_ACK (F9)") \
	F(RESET_FIRST_DATA, "reset-first-data", "resets where the first data is unmapped (F4)")    \
	F(NEVER_FALL_BACK, "never-fall-back",                                                      \
		"goes on with MPTCP where the path lost it (F3, F4, F9, F24)")                     \
	F(FALL_BACK_MIDWAY, "fall-back-midway",                                                    \
		"falls back in the midst of a connection that worked (F16, O2)")                   \
	/* mappings */                                                                             \
	F(DELIVER_UNMAPPED, "deliver-unmapped",                                                    \
		"gives bytes without a mapping to the application (F10, F15, F16)")                \
	F(ACK_UNMAPPED, "ack-unmapped", "DATA_ACKs bytes that it did not deliver (F10, F12)")      \
	F(DROP_LATE_MAPPING, "drop-late-mapping",                                                  \
		"ignores a mapping that comes after its bytes (O3)")                               \
	F(SHORT_MAPPING, "short-mapping",                                                          \
		"uses of a mapping what its own segment holds (F45, F47)")                         \
	F(RESET_COPY, "reset-copied-mapping", "resets when a mapping comes a second time (F46)")   \
	F(CHANGE_MAPPING, "change-mapping", "repeats data with another mapping (F52)")             \
	F(ABSOLUTE_SSN, "absolute-ssn",                                                            \
		"maps subflow sequence numbers as they are in the TCP header (F51)")               \
	F(ONE_DSS, "one-dss", "heeds one DSS of a segment that has two (F50)")                     \
	F(LONG_MAPPING, "long-mapping",                                                            \
		"takes a mapping to reach to the end of its segment (F49)")                        \
	F(UNMAPPED_AS_NEW, "unmapped-as-new",                                                      \
		"delivers bytes without a mapping, and again when they come mapped (F64)")         \
	F(DELIVER_TWICE, "deliver-twice", "delivers data again that came on two subflows (F53)")   \
	F(FORGET_ORIGINAL, "forget-original",                                                      \
		"does not repeat on its subflow what it re-sent elsewhere (F55)")                  \
	F(WRONG_WRAP, "wrong-wrap", "expands a 32-bit DSN without a look at the wrap (3.3.1)")     \
	F(NO_DATA_ACK, "no-data-ack", "acknowledges data without DATA_ACK (F8, F9)")               \
	F(NO_DATA_FIN, "no-data-fin", "ends its stream by FIN alone (3.3.3)")                      \
	F(FIN_ENDS_STREAM, "fin-ends-stream",                                                      \
		"takes a subflow's FIN for the end of the stream (3.3.3)")                         \
	/* checksums */                                                                            \
	F(IGNORE_CHECKSUM, "ignore-checksum",                                                      \
		"delivers mappings that fail their DSS checksum (F21, F23)")                       \
	F(WRONG_CHECKSUM, "wrong-checksum", "leaves the pseudo-header out of DSS checksums (3.3)") \
	F(UNASKED_CHECKSUM, "unasked-checksum", "sends checksums that were not agreed on (F13)")   \
	F(MISSING_CHECKSUM, "missing-checksum", "leaves out checksums that were agreed on (F14)")  \
	F(ANY_CHECKSUM, "any-checksum", "takes mappings with or without a checksum (F13, F14)")    \
	F(NO_FAIL, "no-mp-fail", "resets the only subflow instead of sending MP_FAIL (F23)")       \
	F(FAIL_ALONE, "fail-without-reset", "sends MP_FAIL on one of several, and no RST (F21)")   \
	F(NO_FAIL_ANSWER, "no-fail-answer", "does not answer MP_FAIL with MP_FAIL (F24)")          \
	/* after fallback */                                                                       \
	F(NO_INFINITE, "no-infinite-mapping", "falls back without the infinite mapping (F9, F24)") \
	F(INFINITE_CHECKSUM, "infinite-checksum", "gives the infinite mapping a checksum (F29)")   \
	F(REVERT, "revert", "goes back to mappings after a fallback (F33)")                        \
	F(ACK_AFTER_FALLBACK, "ack-after-fallback",                                                \
		"goes on with DATA_ACKs after a fallback (F9, F31)")                               \
	F(INFINITE_BESIDE, "infinite-beside",                                                      \
		"bears with an infinite mapping beside other subflows (F34)")                      \
	F(FALL_BACK_BESIDE, "fall-back-beside",                                                    \
		"falls back beside other subflows, and goes on with all (F21, F32)")               \
	F(FORGET_PLAIN, "forget-plain", "repeats nothing after a fallback (F30)")                  \
	F(LOSE_UNSENT, "lose-unsent", "forgets in a fallback what it has not sent yet (F63)")      \
	/* further subflows */                                                                     \
	F(ACCEPT_ANY_HMAC, "accept-any-hmac", "does not verify the HMACs of MP_JOIN (F39, F40)")   \
	F(WRONG_HMAC, "wrong-hmac", "sends wrong HMACs with MP_JOIN (3.2)")                        \
	F(ACCEPT_PLAIN_JOIN, "accept-plain-join",                                                  \
		"goes on with a join that lost its MP_JOIN (F35, F37, F38)")                       \
	F(EAGER_JOIN, "eager-join", "sends data before its join is acknowledged (F42)")            \
	F(ONE_JOIN_ACK, "one-join-ack", "does not repeat the third packet of a join (F42)")        \
	F(ANY_TOKEN, "any-token", "takes a join for whatever connection it has (F41)")             \
	F(JOIN_ANYHOW, "join-anyhow", "joins an address that is not to be joined, flag C (F7d)")   \
	F(JOIN_AGAIN, "join-again", "joins again at once where a join has failed (F43, F57)")      \
	F(NEVER_ELSEWHERE, "never-elsewhere", "does not send data again elsewhere (F17, F22)")     \
	F(SILENT_PORT, "silent-port", "leaves a SYN unanswered where nothing listens (F36)")       \
	F(NEEDS_LISTENER, "needs-listener", "refuses joins to ports where nothing listens (F44)")  \
	F(ANY_SEQUENCE, "any-sequence", "minds signals in packets outside the window (F58)")       \
	F(RESET_ALL, "reset-all", "ends the connection with any of its subflows (F56)")            \
	F(ANY_ADDRESS, "any-add-addr", "does not verify the HMAC of ADD_ADDR (F60)")               \
	F(ANY_FASTCLOSE, "any-fastclose-key", "takes MP_FASTCLOSE with whatever key (F62)")        \
	F(SIGNAL_STORM, "signal-storm",                                                            \
		"sends any number of duplicate ACKs with options in a row (F59)")                  \
	F(TELL_ONCE, "tell-once", "does not repeat an ADD_ADDR that is not echoed (3.4.1)")        \
	F(WAIT_FOR_EVER, "wait-for-ever", "never gives up, however long nothing moves (O7, O11)")

#define FAULT_NUMBER(number, name, text) FAULT_##number,

enum fault_number {
	FAULT_TABLE(FAULT_NUMBER) FAULT_NUMBERS,
};

#undef FAULT_NUMBER

struct fault {
	const char *name; /* "ignore-checksum"; the table ends with NULL */
	uint64_t bit;     /* of struct endpoint_config's faults */
	const char *text;
};

extern const struct fault fault_list[];

/* 0 when there is no such fault. */
uint64_t fault_find(const char *name);

#endif
