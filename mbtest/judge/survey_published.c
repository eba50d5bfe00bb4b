/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * survey_published.c - the four columns of draft-eardley-mptcp-implementations-survey-02, cell for
 * cell as its table has them; what the table leaves blank is blank. The last rows are of questions
 * that stand in its appendices alone, in their words.
 */
#include "mbtest/judge/survey.h"

#include <stddef.h>
#include <string.h>

const char *const survey_stacks[SURVEY_STACKS] = { "UCLouvain", "Swinburne", "Anon", "Citrix" };

static const struct {
	const char *row;
	const char *cells[SURVEY_STACKS];
} published[] = {
	{ "2.os", { "Linux", "FreeBSD-10", "Commercial", "NetScaler" } },
	{ "2.family", { "Both", "IPv4", "Both", "Both" } },
	{ "2.public", { "Yes", "Yes", "No", "Yes (pay)" } },
	{ "2.independent", { "Yes", "Yes", "Yes", "Yes" } },
	{ "2.interop", { "Yes(!)", "Mostly", "Mostly", "Yes" } },
	{ "3.mp_capable", { "Yes", "Yes", "Yes", "Yes" } },
	{ "3.mp_join", { "Yes", "Yes", "Yes", "Yes" } },
	{ "3.mp_join.initiated", { "first end", "either end", "first end", "first end" } },
	{ "3.mp_join.subflows", { "32", "8", "no limit", "6" } },
	{ "3.dss", { "Yes", "Yes", "Yes", "Yes" } },
	{ "3.dss.data_ack", { "4 bytes", "4 or 8 byte", "4 or 8 byte", "4 or 8 byte" } },
	{ "3.dss.dsn", { "4 bytes", "4 or 8 byte", "4 or 8 byte", "4 or 8 byte" } },
	{ "3.dss.data_fin", { "Yes", "Yes", "Yes", "Yes" } },
	{ "3.dss.checksum", { "Yes", "No", "Yes", "Yes" } },
	{ "3.add_addr", { "Yes", "No", "No (never)", "No (never?)" } },
	{ "3.remove_addr", { "Yes", "No", "Partly", "Yes" } },
	{ "3.fastclose", { "Yes", "No", "Yes", "Yes" } },
	{ "4.mp_capable", { "Yes", "Yes", "Yes", "Yes" } },
	{ "4.mp_join", { "Yes", "Yes", "Yes", "Yes" } },
	{ "4.dss", { "Yes", "No", "Yes", "Yes" } },
	{ "4.data_ack", { "Yes", "No", "No", "" } },
	{ "4.checksum", { "Yes", "No", "Yes", "Yes" } },
	{ "4.infinite", { "Yes", "Yes", "Yes", "Yes" } },
	{ "4.corner_cases", { "No", "", "Yes", "Yes" } },
	{ "5.receive_buffer", { "auto-tune", "TCP_MAXWIN", "no tuning", "tuned" } },
	{ "5.send_buffer", { "auto-tune", "cwnd", "no tuning", "as TCP" } },
	{ "5.retransmit", { "2nd subflow", "2nd subflow", "2nd subflow", "1st subflow" } },
	{ "5.ports", { "same ports", "same ports", "diff local", "" } },
	{ "6.hmac", { "Yes", "Yes", "Yes", "Yes" } },
	{ "6.other", { "Yes", "No", "No", "No" } },
	{ "7.iana", { "Yes", "Yes", "Yes", "Yes" } },
	{ "8.sharing", { "shared, RTT", "shared", "active/back", "active/back" } },
	{ "8.handover", { "Yes", "", "Yes", "Yes" } },
	{ "8.coupled", { "Yes", "No", "No", "No" } },
	{ "8.other_coupled", { "Yes, OLIA", "No", "No", "No" } },
	{ "8.priority", { "Yes", "No", "Yes", "Yes" } },
	{ "9.legacy", { "default", "sysctl", "private API", "configured" } },
	{ "9.basic_api", { "No", "No", "No", "No" } },
	{ "9.advanced_api", { "No", "No", "No", "No" } },
	{ "10.scenario", { "several", "several", "mobile", "proxy" } },
	{ "10.environment", { "internet", "controlled", "internet", "internet" } },
	{ "10.ends", { "end hosts", "end hosts", "end hosts", "proxy" } },
	/* appendices A to D, questions 10.6 and 10.7 */
	{ "10.middleboxes",
		{ "identified some potential problems", "",
			"Corporate firewalls block MPTCP signaling by default",
			"some firewalls seem dropping MPTCP options" } },
	{ "10.corner_cases",
		{ "See above", "", "covered a bit in the Fallback section",
			"Few cases listed above" } },
};

const char *survey_published(const char *row, unsigned int stack)
{
	size_t i;

	for (i = 0; i < sizeof(published) / sizeof(*published); i++)
		if (strcmp(published[i].row, row) == 0)
			return published[i].cells[stack];
	return "";
}
