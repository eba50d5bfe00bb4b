/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/report.h"

#include <string.h>

uint64_t report_packet(const struct report_connection *connection, uint32_t fact)
{
	return connection->packets[connection->history->view->facts[fact].record];
}

const char *report_side(const struct history *history, enum way way)
{
	return way == history->client ? "client" : "server";
}

static const struct subflow_view *first_subflow(const struct history *history)
{
	return &history->view->subflows[history->connection->subflow];
}

const struct sockname *report_client(const struct history *history)
{
	return &first_subflow(history)->initiator;
}

const struct sockname *report_server(const struct history *history)
{
	return &first_subflow(history)->responder;
}

static const struct mp_capable *capable_of(const struct view *view, uint32_t fact)
{
	const struct mptcp_opt *opt = NULL;

	if (fact != VIEW_NONE)
		opt = view_option(view, &view->facts[fact], MP_CAPABLE);
	return opt != NULL ? &opt->capable : NULL;
}

struct report_answer report_answer(const struct history *history)
{
	const struct subflow_view *first = first_subflow(history);
	const struct mp_capable *synack = capable_of(history->view, first->synack);
	struct report_answer answer = { .came = first->synack != VIEW_NONE };

	answer.mirrored = history->rule != NULL && strcmp(history->rule, "F7f") == 0;
	answer.has_capable = synack != NULL && !answer.mirrored;
	if (synack != NULL) {
		answer.version = synack->version;
		answer.flags = synack->flags;
	}
	return answer;
}
