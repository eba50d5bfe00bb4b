/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * option.h - which TCP options a box is about: parameters kind and subtype, shared by the boxes
 * that remove, keep or copy options. A middlebox reads kind, length and the four bits of an MPTCP
 * subtype; whether the option makes sense is not its business.
 */
#ifndef MBTEST_OPTION_H
#define MBTEST_OPTION_H

#include "mbtest/box.h"
#include "probe/wire/tcpopt.h"

struct option_choice {
	int64_t kind;
	int subtype; /* index into option_subtypes; 0: any */
};

/* "any", "mp_capable", "mp_join", "dss", ...; ends with NULL. */
extern const char *const option_subtypes[];

/* Of the parameter kind. */
extern const char *const option_kind_examples[];

/* The two parameters, as entries of a table; choice is a member of the box's state. */
#define OPTION_PARAMS(state, choice)                                                          \
	{ "kind", PARAM_INT, offsetof(struct state, choice.kind), "30", 2, 255,               \
		option_kind_examples, "option kind (30: MPTCP)" },                            \
	{                                                                                     \
		"subtype", PARAM_CHOICE, offsetof(struct state, choice.subtype), "any", 0, 0, \
			option_subtypes, "only this MPTCP subtype"                            \
	}

/* Kinds of options, as a box is told that it knows them: "2,3,4,5,8". */
struct option_set {
	uint64_t bits[4];
};

/* As examples of a parameter's texts. */
extern const char *const option_set_examples[];

/* Read one; false with a sentence naming box and parameter. No text is no kind. */
bool option_set_read(struct option_set *set, const struct box *box, const char *param,
	const struct param_text *text, struct err *err);

bool option_set_has(const struct option_set *set, uint8_t kind);

/* Remove every option of a TCP packet that is not in a set. */
void option_keep(const struct option_set *set, struct packet *packet);

bool option_chosen(const struct option_choice *choice, const struct packet *packet,
	const struct tcpopt *opt);

/*
 * Remove every chosen option of a TCP packet; how many there were. After REMOVE_EOL nothing
 * follows, so that ends at the first.
 */
unsigned int option_remove(const struct option_choice *choice, struct packet *packet,
	enum tcpopt_remove_how how);

#endif
