/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_text.c - a capture for a reader at 80 columns. What is in order is said in few words, what
 * is not in full.
 */
#include "probe/report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

enum {
	COLUMNS = 79,
	INDENT = 3,      /* of what belongs to a connection */
	SUB_INDENT = 14, /* of what belongs to a subflow */
};

static const char red[] = "\033[31m", green[] = "\033[32m", bold[] = "\033[1m", plain[] = "\033[0m";

static const char *colour(bool wanted, const char *code)
{
	return wanted ? code : "";
}

/* ---- lines of phrases, broken between them ---- */

struct line {
	FILE *out;
	int indent, column;
};

static void __attribute__((format(printf, 2, 3))) say(struct line *line, const char *format, ...)
{
	char text[200];
	va_list args;
	int length;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	length = (int)strlen(text);
	if (line->column > line->indent && line->column + 2 + length > COLUMNS) {
		fprintf(line->out, ",\n");
		line->column = 0;
	} else if (line->column > line->indent) {
		fprintf(line->out, ", ");
		line->column += 2;
	}
	if (line->column < line->indent) {
		fprintf(line->out, "%*s", line->indent - line->column, "");
		line->column = line->indent;
	}
	fputs(text, line->out);
	line->column += length;
}

/* "1 gap", "2 gaps". */
static void say_count(struct line *line, uint64_t count, const char *what)
{
	say(line, "%" PRIu64 " %s%s", count, what, count == 1 ? "" : "s");
}

static void say_if(struct line *line, uint64_t count, const char *what)
{
	if (count > 0)
		say_count(line, count, what);
}

/* ---- one connection ---- */

/* Reasons of MP_TCPRST (RFC 8684 3.6). */
static const char *reset_text(uint8_t reason)
{
	static const char *const texts[] = {
		[RESET_UNSPECIFIED] = "unspecified",
		[RESET_MPTCP] = "MPTCP-specific error",
		[RESET_RESOURCES] = "lack of resources",
		[RESET_PROHIBITED] = "administratively prohibited",
		[RESET_OUTSTANDING] = "too much outstanding data",
		[RESET_PERFORMANCE] = "unacceptable performance",
		[RESET_MIDDLEBOX] = "middlebox interference",
	};

	return reason < sizeof(texts) / sizeof(texts[0]) ? texts[reason] : "unknown";
}

static void say_checksums(struct line *line, const struct history *history,
	const struct history_subflow *subflow)
{
	if (subflow->checksum_failures > 0)
		say(line, "%u checksum%s WRONG", subflow->checksum_failures,
			subflow->checksum_failures == 1 ? "" : "s");
	else if (history->connection->flag_a && subflow->mappings > subflow->checksums_unverified)
		say(line, "checksums good");
	say_if(line, subflow->checksums_unverified, "checksum without all its bytes");
}

static void print_join(struct line *line, const struct subflow_view *subflow)
{
	if (!subflow->is_join)
		return;
	say(line, "join of address %u%s", subflow->address_id[subflow_way(subflow)],
		subflow->backup ? " as backup" : "");
	say(line, "token %s", hmac_text(subflow->token_verdict));
	say(line, "HMACs %s and %s", hmac_text(subflow->hmac_synack), hmac_text(subflow->hmac_ack));
}

static void print_subflow(FILE *out, const struct report_connection *connection, size_t index)
{
	const struct history *history = connection->history;
	const struct history_subflow *subflow = &history->subflows[index];
	const struct subflow_view *from = &history->view->subflows[subflow->index];
	struct line line = { .out = out, .indent = SUB_INDENT };
	char src[SOCKNAME_TEXT], dst[SOCKNAME_TEXT];

	fprintf(out, "%*ssubflow %-2zu %s > %s\n", INDENT, "", index,
		sockname_text(&from->initiator, src), sockname_text(&from->responder, dst));
	print_join(&line, from);
	say_count(&line, subflow->packets, "packet");
	say_count(&line, subflow->mappings, "mapping");
	say_checksums(&line, history, subflow);
	say_if(&line, subflow->gaps, "gap");
	say_if(&line, subflow->overlaps, "overlap");
	say_if(&line, subflow->conflicts, "conflict");
	if (subflow->reinjected_bytes > 0)
		say(&line, "%" PRIu64 " bytes reinjected", subflow->reinjected_bytes);
	if (subflow->reset != VIEW_NONE && subflow->reset_has_reason)
		say(&line, "reset by the %s at packet %" PRIu64 ", reason %u: %s",
			report_side(history, subflow->reset_by),
			report_packet(connection, subflow->reset), subflow->reset_reason,
			reset_text(subflow->reset_reason));
	else if (subflow->reset != VIEW_NONE)
		say(&line, "reset by the %s at packet %" PRIu64,
			report_side(history, subflow->reset_by),
			report_packet(connection, subflow->reset));
	fputc('\n', out);
}

static void print_address(FILE *out, const struct report_connection *connection,
	const struct history_address *address)
{
	struct line line = { .out = out, .indent = INDENT };
	const char *side = report_side(connection->history, address->by);
	struct sockname name = { address->addr, address->port };
	char text[SOCKNAME_TEXT];

	switch (address->op) {
	case ADDRESS_ADD:
		say(&line, "the %s announces address %u: %s", side, address->id,
			address->has_port ? sockname_text(&name, text)
					  : addr_text(&address->addr, text));
		if (address->hmac != HMAC_ABSENT)
			say(&line, "HMAC %s", hmac_text(address->hmac));
		if (connection->history->connection->version > 0)
			say(&line, address->echoed ? "echoed" : "not echoed");
		break;
	case ADDRESS_REMOVE:
		say(&line, "the %s takes back address %u", side, address->id);
		break;
	case ADDRESS_PRIORITY:
		say(&line, "the %s makes address %u %s", side, address->id,
			address->backup ? "a backup" : "regular");
		break;
	}
	say(&line, "packet %" PRIu64, report_packet(connection, address->fact));
	if (address->times > 1)
		say(&line, "%u times", address->times);
	fputc('\n', out);
}

static void print_side(FILE *out, const struct history *history, enum way way)
{
	const struct connection_view *connection = history->connection;
	uint64_t bytes = 0;
	size_t i;

	for (i = 0; i < history->subflow_count; i++)
		bytes += history->subflows[i].bytes[way];
	fprintf(out, "%*s%s  ", INDENT, "", report_side(history, way));
	if (connection->has_key[way])
		fprintf(out, "key %016" PRIx64 "  token %08" PRIx32 "  ", connection->key[way],
			connection->token[way]);
	fprintf(out, "sent %" PRIu64 " bytes\n", bytes);
}

static void print_version(FILE *out, const struct history *history)
{
	if (history->has_version)
		fprintf(out, "v%u%s", history->connection->version,
			history->connection->flag_a ? " with checksums" : "");
	else
		fputs("version unknown", out);
}

static void text_connection(FILE *out, const struct report_connection *connection)
{
	const struct history *history = connection->history;
	char client[SOCKNAME_TEXT], server[SOCKNAME_TEXT];
	const char *code = history->outcome == HISTORY_MPTCP ? green : red;
	size_t i;

	fprintf(out, "\n%" PRIu64 ": %s > %s ", connection->number,
		sockname_text(report_client(history), client),
		sockname_text(report_server(history), server));
	print_version(out, history);
	fprintf(out, ": %s%s%s\n%*s", colour(connection->colour, code),
		history_outcome_text(history->outcome), colour(connection->colour, plain), INDENT,
		"");
	if (history->cause != VIEW_NONE)
		fprintf(out, "packet %" PRIu64 ": ", report_packet(connection, history->cause));
	fputs(history->why, out);
	if (history->rule != NULL)
		fprintf(out, " (%s)", history->rule);
	fputc('\n', out);
	print_side(out, history, history->client);
	print_side(out, history, history->server);
	for (i = 0; i < history->subflow_count; i++)
		print_subflow(out, connection, i);
	for (i = 0; i < history->address_count; i++)
		print_address(out, connection, &history->addresses[i]);
	if (history->addresses_left_out > 0)
		fprintf(out, "%*sand %zu more like these\n", INDENT, "",
			history->addresses_left_out);
}

/* ---- the capture around them ---- */

static void text_begin(FILE *out, const struct report_capture *capture)
{
	fprintf(out, "%s%s%s\n%" PRIu64 " packet%s, %" PRIu64 " Multipath TCP connection%s\n",
		colour(capture->colour, bold), capture->file, colour(capture->colour, plain),
		capture->packets, capture->packets == 1 ? "" : "s", capture->connections,
		capture->connections == 1 ? "" : "s");
}

static void text_end(FILE *out, const struct report_capture *capture)
{
	size_t i;

	if (capture->connections == 0)
		return;
	fprintf(out, "\n%-46s %11s %6s %9s\n", "server and port", "connections", "mptcp",
		"fallback");
	for (i = 0; i < capture->peer_count; i++) {
		const struct report_peer *peer = &capture->peers[i];
		char text[SOCKNAME_TEXT];

		fprintf(out, "%-46s %11" PRIu64 " %6" PRIu64 " %9" PRIu64 "\n",
			sockname_text(&peer->name, text), peer->connections, peer->mptcp,
			peer->fallback);
	}
	if (capture->peer_count > 1)
		fprintf(out, "%-46s %11" PRIu64 " %6" PRIu64 " %9" PRIu64 "\n", "all",
			capture->connections, capture->mptcp, capture->fallback);
}

const struct report_format capture_text = { text_connection, text_begin, text_end };

/* ---- one connection of our own ---- */

static void print_answer(FILE *out, const struct history *history)
{
	struct report_answer answer = report_answer(history);

	if (!answer.came)
		fputs("handshake  no SYN/ACK came\n", out);
	else if (answer.mirrored)
		fputs("handshake  the SYN's own MP_CAPABLE came back: plain TCP\n", out);
	else if (!answer.has_capable)
		fputs("handshake  no MP_CAPABLE in the SYN/ACK: plain TCP\n", out);
	else
		fprintf(out, "handshake  Multipath TCP v%u, flags %02x%s%s\n", answer.version,
			answer.flags, answer.flags & MPC_CHECKSUM ? ", wants checksums" : "",
			answer.version > 0 && answer.flags & MPC_NO_JOIN
				? ", no joins to this address"
				: "");
}

static void print_transfer(FILE *out, const struct report_visit *visit)
{
	fprintf(out, "transfer   %" PRIu64 " bytes sent, %" PRIu64 " received%s; %s\n", visit->sent,
		visit->received,
		!visit->echo_compared    ? ""
			: visit->is_echo ? ", the same"
					 : ", which are others",
		visit->end);
	if (visit->status != NULL)
		fprintf(out, "answer     %s\n", visit->status);
	if (visit->joins_asked < visit->joins_wanted)
		fprintf(out, "joins      %u of %u asked for: %s\n", visit->joins_asked,
			visit->joins_wanted, visit->join_refusal);
}

void visit_text(FILE *out, const struct report_visit *visit)
{
	char name[SOCKNAME_TEXT];

	sockname_text(&visit->remote, name);
	if (strcmp(visit->target, name) == 0)
		fprintf(out, "%s\n", name);
	else
		fprintf(out, "%s (%s)\n", visit->target, name);
	if (visit->connection != NULL)
		print_answer(out, visit->connection->history);
	print_transfer(out, visit);
	if (visit->connection != NULL)
		text_connection(out, visit->connection);
}
