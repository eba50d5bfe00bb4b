/* SPDX-License-Identifier: BSD-2-Clause */
#include "mbtest/option.h"

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

	while (tcpopt_next(packet, &opt)) {
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
