/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/endpoint/profile.h"

#include <stddef.h>
#include <string.h>

/*
 * Numbers are those of the survey's questions; each value is from the answers in its appendices.
 * Where an answer says what is not yet so, the table of the survey decides: Swinburne's sends data
 * again on another subflow (5.3), as is its policy. Who has both widths (3.3b, c) begins with four
 * bytes and answers in kind.
 */
const struct profile profile_list[] = {
	{
		.name = "uclouvain",
		.text = "Linux, UCLouvain: all signals, 4-byte numbers, full mesh",
		.has_ipv6 = true,
		.subflows_most = 32,
		.lacks = LACKS_WIDE_ACK,
		.opportunistic = true,
		.same_port = true,
		.path_manager = "full-mesh",
		.scheduler = "lowest-rtt",
		.congestion_control = "lia",
	},
	{
		.name = "swinburne",
		.text = "FreeBSD, Swinburne: joins from either end, no fallback, no checksums",
		.both_join = true,
		.subflows_most = 8,
		.wide_as_peer = true,
		.lacks = LACKS_CHECKSUM | LACKS_HMAC_CHECK | LACKS_ADD_ADDR | LACKS_REMOVE_ADDR |
			LACKS_FASTCLOSE | LACKS_PRIO | LACKS_DSS_FALLBACK | LACKS_DATA_ACK_FALLBACK,
		.same_port = true,
		.path_manager = "full-mesh",
		.scheduler = "round-robin",
		.congestion_control = "newreno",
	},
	{
		.name = "anon",
		.text = "a commercial system: active and backup subflows, no ADD_ADDR",
		.has_ipv6 = true,
		.subflows_most = ENDPOINT_SUBFLOWS,
		.wide_past_wrap = true,
		.lacks = LACKS_ADD_ADDR | LACKS_TAKING_REMOVE | LACKS_DATA_ACK_FALLBACK,
		.path_manager = "full-mesh",
		.scheduler = "backup",
		.congestion_control = "newreno",
		.join_backup = true,
	},
	{
		.name = "citrix",
		.text = "NetScaler, Citrix: a server that takes six subflows and starts none",
		.has_ipv6 = true,
		.subflows_most = 6,
		.wide_as_peer = true,
		.lacks = LACKS_ADD_ADDR,
		/* The third time-out sends it elsewhere, after the seventh the subflow is reset. */
		.reinject_rtos = 2,
		.subflow_rtos = 7,
		.path_manager = "none",
		.scheduler = "backup",
		.congestion_control = "newreno",
	},
	{ .name = NULL },
};

const struct profile *profile_find(const char *name)
{
	const struct profile *profile;

	for (profile = profile_list; profile->name != NULL; profile++)
		if (strcmp(profile->name, name) == 0)
			return profile;
	return NULL;
}

void profile_apply(const struct profile *profile, struct endpoint_config *config)
{
	config->speaks = SPEAKS_V0;
	config->checksum = config->checksum && !(profile->lacks & LACKS_CHECKSUM);
	config->wide_dsn = config->wide_ack = false;
	config->wide_as_peer = profile->wide_as_peer;
	config->wide_past_wrap = profile->wide_past_wrap;
	config->lacks = profile->lacks;
	config->reinject_rtos = profile->reinject_rtos;
	if (profile->subflow_rtos > 0)
		config->subflow_rtos = profile->subflow_rtos;
	config->opportunistic = config->penalise = profile->opportunistic;
	config->scheduler = profile->scheduler;
	config->congestion_control = profile->congestion_control;
	config->path_manager = profile->path_manager;
	config->subflows_most = profile->subflows_most;
	config->join_as_server = profile->both_join;
	config->join_backup = profile->join_backup;
	config->same_port = profile->same_port;
	if (profile->lacks & LACKS_ADD_ADDR)
		config->announce_count = 0;
}
