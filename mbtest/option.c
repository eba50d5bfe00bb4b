/* SPDX-License-Identifier: BSD-2-Clause */
#include "mbtest/option.h"

#include <string.h>

const char *const option_subtypes[] = {
	"any",
	"mp_capable",
	"mp_join",
	"dss",
	"add_addr",
	"remove_addr",
	"mp_prio",
	"mp_fail",
	"mp_fastclose",
	"mp_tcprst",
	NULL,
};

const char *const option_kind_examples[] = { "2", "3", "4", "5", "8", "30", "253", NULL };

const char *const option_set_examples[] = { "2,3,4,5,8", "2,3,4,5,8,30", "30", "2", NULL };

bool option_chosen(const struct option_choice *choice, const struct packet *packet,
	const struct tcpopt *opt)
{
	if (opt->kind != choice->kind)
		return false;
	if (choice->subtype == 0 || choice->kind != TCPOPT_MPTCP)
		return true;
	return opt->length >= 3 && tcpopt_bytes(packet, opt)[2] >> 4 == choice->subtype - 1;
}

unsigned int option_remove(const struct option_choice *choice, struct packet *packet,
	enum tcpopt_remove_how how)
{
	struct tcpopt opt = { 0 };
	unsigned int count = 0;

	while (tcpopt_next_of(packet, (uint8_t)choice->kind, &opt)) {
		if (!option_chosen(choice, packet, &opt))
			continue;
		tcpopt_remove(packet, &opt, how);
		count++;
		if (how == REMOVE_EOL)
			break;
		/* The gap's closing ends the validity of the view. */
		if (how == REMOVE_GAP)
			opt = (struct tcpopt){ 0 };
	}
	return count;
}

bool option_set_has(const struct option_set *set, uint8_t kind)
{
	return (set->bits[kind / 64] >> kind % 64 & 1) != 0;
}

bool option_set_read(struct option_set *set, const struct box *box, const char *param,
	const struct param_text *text, struct err *err)
{
	unsigned int kind = 0, digits = 0;
	uint16_t i;

	memset(set, 0, sizeof(*set));
	for (i = 0; i <= text->length && text->length > 0; i++) {
		uint8_t byte = i < text->length ? text->bytes[i] : ',';

		if (byte >= '0' && byte <= '9' && digits < 3) {
			kind = kind * 10 + byte - '0';
			digits++;
			continue;
		}
		if (byte != ',' || digits == 0 || kind < 2 || kind > 255)
			return err_set(err,
				"box %s: parameter %s: \"%.*s\" is no list of option kinds 2..255, "
				"such as 2,3,4",
				box_name(box), param, (int)text->length, (const char *)text->bytes);
		set->bits[kind / 64] |= UINT64_C(1) << kind % 64;
		kind = digits = 0;
	}
	return true;
}

void option_keep(const struct option_set *set, struct packet *packet)
{
	struct tcpopt opt = { 0 };

	while (tcpopt_next(packet, &opt)) {
		if (opt.kind <= TCPOPT_NOP || option_set_has(set, opt.kind))
			continue;
		tcpopt_remove(packet, &opt, REMOVE_GAP);
		opt = (struct tcpopt){ 0 };
	}
}
