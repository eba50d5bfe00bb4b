/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/report.h"

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
