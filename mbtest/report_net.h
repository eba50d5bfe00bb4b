/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_net.h - what came of mbtest net, for people and for programs.
 */
#ifndef MBTEST_REPORT_NET_H
#define MBTEST_REPORT_NET_H

#include "mbtest/net/net.h"
#include "mbtest/suite/wire_log.h"

#include <stdio.h>

struct net_report {
	const char *path; /* the file */
	int status;       /* exit status of the command */
	nsec_t elapsed;
	const struct wire_connection *connections;
	size_t connection_count;
	unsigned int path_count;
	const struct net_counts *elements; /* path by path, from the client to the server */
	size_t element_count;
	uint64_t sent[ENDS], arrived[ENDS]; /* packets */
};

void report_net(FILE *out, const struct net_report *report);
void report_net_json(FILE *out, const struct net_report *report); /* mbkit.net/1 */

#endif
