/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_json.c - mbkit.capture/1: one object a capture, on one line.
 */
#include "probe/report.h"

#include <jansson.h>

#include <inttypes.h>

enum { TEXT_BYTES = 4096 };

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *hex(bool known, unsigned int digits, uint64_t value)
{
	char text[24];

	if (!known)
		return json_null();
	snprintf(text, sizeof(text), "%0*" PRIx64, (int)digits, value);
	return json_string(text);
}

static json_t *packet_or_null(const struct report_connection *connection, uint32_t fact)
{
	return fact == VIEW_NONE ? json_null() : number(report_packet(connection, fact));
}

/* ---- one connection ---- */

static json_t *join_object(const struct subflow_view *subflow)
{
	if (!subflow->is_join)
		return json_null();
	return json_pack("{s:b, s:s, s:s, s:s, s:i, s:i}", "backup", subflow->backup, "hmac_synack",
		hmac_text(subflow->hmac_synack), "hmac_ack", hmac_text(subflow->hmac_ack), "token",
		hmac_text(subflow->token_verdict), "address_id",
		subflow->address_id[subflow_way(subflow)], "address_id_peer",
		subflow->address_id[way_back(subflow_way(subflow))]);
}

static json_t *reset_object(const struct report_connection *connection,
	const struct history_subflow *subflow)
{
	if (subflow->reset == VIEW_NONE)
		return json_null();
	return json_pack("{s:s, s:o, s:o}", "by",
		report_side(connection->history, subflow->reset_by), "reason",
		subflow->reset_has_reason ? json_integer(subflow->reset_reason) : json_null(),
		"packet", packet_or_null(connection, subflow->reset));
}

static json_t *subflow_object(const struct report_connection *connection, size_t index)
{
	const struct history *history = connection->history;
	const struct history_subflow *subflow = &history->subflows[index];
	const struct subflow_view *from = &history->view->subflows[subflow->index];
	char src[SOCKNAME_TEXT], dst[SOCKNAME_TEXT];

	return json_pack("{s:I, s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:I, s:I, s:I, "
			 "s:I, s:b}",
		"id", (json_int_t)index, "src", sockname_text(&from->initiator, src), "dst",
		sockname_text(&from->responder, dst), "join", join_object(from), "mappings",
		(json_int_t)subflow->mappings, "gaps", (json_int_t)subflow->gaps, "overlaps",
		(json_int_t)subflow->overlaps, "checksum_failures",
		(json_int_t)subflow->checksum_failures, "reinjected_bytes",
		(json_int_t)subflow->reinjected_bytes, "reset", reset_object(connection, subflow),
		"conflicts", (json_int_t)subflow->conflicts, "checksums_unverified",
		(json_int_t)subflow->checksums_unverified, "packets", (json_int_t)subflow->packets,
		"bytes_client", (json_int_t)subflow->bytes[history->client], "bytes_server",
		(json_int_t)subflow->bytes[history->server], "opened", subflow->was_open);
}

static json_t *address_object(const struct report_connection *connection,
	const struct history_address *address)
{
	static const char *const ops[] = {
		[ADDRESS_ADD] = "add",
		[ADDRESS_REMOVE] = "remove",
		[ADDRESS_PRIORITY] = "priority",
	};
	bool is_add = address->op == ADDRESS_ADD;
	char text[ADDR_TEXT];
	json_t *object = json_pack("{s:s, s:s, s:i}", "op", ops[address->op], "by",
		report_side(connection->history, address->by), "id", address->id);

	json_object_set_new(object, "addr",
		is_add ? json_string(addr_text(&address->addr, text)) : json_null());
	json_object_set_new(object, "port",
		address->has_port ? json_integer(address->port) : json_null());
	json_object_set_new(object, "hmac",
		is_add ? json_string(hmac_text(address->hmac)) : json_null());
	json_object_set_new(object, "echoed", is_add ? json_boolean(address->echoed) : json_null());
	if (address->op == ADDRESS_PRIORITY)
		json_object_set_new(object, "backup", json_boolean(address->backup));
	json_object_set_new(object, "packet", packet_or_null(connection, address->fact));
	json_object_set_new(object, "times", json_integer(address->times));
	return object;
}

static json_t *fallback_object(const struct report_connection *connection)
{
	const struct history *history = connection->history;

	if (!history_is_fallback(history->outcome))
		return json_null();
	return json_pack("{s:o, s:s, s:s}", "packet", packet_or_null(connection, history->cause),
		"rule", history->rule, "why", history->why);
}

/* Version, keys and what follows from them. */
static void set_keys(json_t *object, const struct history *history)
{
	const struct connection_view *connection = history->connection;
	enum way client = history->client, server = history->server;
	bool has_client = connection->has_key[client], has_server = connection->has_key[server];

	json_object_set_new(object, "token_client", hex(has_client, 8, connection->token[client]));
	json_object_set_new(object, "token_server", hex(has_server, 8, connection->token[server]));
	json_object_set_new(object, "key_client", hex(has_client, 16, connection->key[client]));
	json_object_set_new(object, "key_server", hex(has_server, 16, connection->key[server]));
	json_object_set_new(object, "idsn_client", hex(has_client, 16, connection->idsn[client]));
	json_object_set_new(object, "idsn_server", hex(has_server, 16, connection->idsn[server]));
}

static json_t *connection_object(const struct report_connection *connection)
{
	const struct history *history = connection->history;
	char client[ADDR_TEXT], server[SOCKNAME_TEXT];
	json_t *object, *subflows = json_array(), *addresses = json_array();
	size_t i;

	object = json_pack("{s:o, s:s, s:s, s:o}", "version",
		history->has_version ? json_integer(history->connection->version) : json_null(),
		"client", addr_text(&report_client(history)->addr, client), "server",
		sockname_text(report_server(history), server), "checksum",
		history->has_version ? json_boolean(history->connection->flag_a) : json_null());
	set_keys(object, history);
	json_object_set_new(object, "outcome", json_string(history_outcome_text(history->outcome)));
	json_object_set_new(object, "why", json_string(history->why));
	json_object_set_new(object, "fallback", fallback_object(connection));
	json_object_set_new(object, "cause", packet_or_null(connection, history->cause));
	json_object_set_new(object, "fastclose", packet_or_null(connection, history->fastclose));
	json_object_set_new(object, "first_packet", number(connection->packets[0]));
	for (i = 0; i < history->subflow_count; i++)
		json_array_append_new(subflows, subflow_object(connection, i));
	for (i = 0; i < history->address_count; i++)
		json_array_append_new(addresses,
			address_object(connection, &history->addresses[i]));
	json_object_set_new(object, "subflows", subflows);
	json_object_set_new(object, "addresses", addresses);
	return object;
}

static void write_json(FILE *out, json_t *json)
{
	json_dumpf(json, out, JSON_COMPACT | JSON_ENCODE_ANY);
	json_decref(json);
}

static void json_connection(FILE *out, const struct report_connection *connection)
{
	if (connection->number > 1)
		fputc(',', out);
	write_json(out, connection_object(connection));
}

/* ---- the capture around them ---- */

/* Somebody else's text may be any bytes, JSON is UTF-8. */
static json_t *text_value(const char *from)
{
	json_t *name = json_string(from);
	char text[TEXT_BYTES];
	size_t i;

	if (name != NULL)
		return name;
	snprintf(text, sizeof(text), "%s", from);
	for (i = 0; text[i] != '\0'; i++)
		if ((unsigned char)text[i] >= 0x80)
			text[i] = '?';
	return json_string(text);
}

static void json_begin(FILE *out, const struct report_capture *capture)
{
	fputs("{\"schema\":\"mbkit.capture/1\",\"file\":", out);
	write_json(out, text_value(capture->file));
	fprintf(out, ",\"packets\":%" PRIu64 ",\"connections\":[", capture->packets);
}

static void json_end(FILE *out, const struct report_capture *capture)
{
	json_t *totals = json_pack("{s:I, s:I, s:I}", "connections",
		(json_int_t)capture->connections, "mptcp", (json_int_t)capture->mptcp, "fallback",
		(json_int_t)capture->fallback);
	json_t *peers = json_array();
	size_t i;

	for (i = 0; i < capture->peer_count; i++) {
		const struct report_peer *peer = &capture->peers[i];
		char text[ADDR_TEXT];

		json_array_append_new(peers,
			json_pack("{s:s, s:i, s:I, s:I, s:I}", "addr",
				addr_text(&peer->name.addr, text), "port", peer->name.port,
				"connections", (json_int_t)peer->connections, "mptcp",
				(json_int_t)peer->mptcp, "fallback", (json_int_t)peer->fallback));
	}
	json_object_set_new(totals, "peers", peers);
	fputs("],\"totals\":", out);
	write_json(out, totals);
	fputs("}\n", out);
}

const struct report_format capture_json = { json_connection, json_begin, json_end };

/* ---- mbkit.visit/1 ---- */

static json_t *answer_object(const struct history *history)
{
	struct report_answer answer = report_answer(history);

	if (!answer.came)
		return json_null();
	return json_pack("{s:b, s:b, s:o, s:o, s:o, s:o}", "supported", answer.has_capable,
		"mirrored", answer.mirrored, "version",
		answer.has_capable ? json_integer(answer.version) : json_null(), "flags",
		hex(answer.has_capable, 2, answer.flags), "checksum",
		answer.has_capable ? json_boolean(history->connection->flag_a) : json_null(),
		"no_join",
		answer.has_capable ? json_boolean(answer.flags & MPC_NO_JOIN) : json_null());
}

void visit_json(FILE *out, const struct report_visit *visit)
{
	const struct report_connection *connection = visit->connection;
	char addr[ADDR_TEXT];
	json_t *object = json_pack("{s:s, s:{s:o, s:s, s:i}, s:s, s:I, s:I}", "schema",
		"mbkit.visit/1", "target", "name", text_value(visit->target), "addr",
		addr_text(&visit->remote.addr, addr), "port", visit->remote.port, "end", visit->end,
		"sent", (json_int_t)visit->sent, "received", (json_int_t)visit->received);

	json_object_set_new(object, "echo",
		visit->echo_compared ? json_boolean(visit->is_echo) : json_null());
	json_object_set_new(object, "http_status",
		visit->status != NULL ? text_value(visit->status) : json_null());
	json_object_set_new(object, "joins_wanted", json_integer(visit->joins_wanted));
	json_object_set_new(object, "joins_asked", json_integer(visit->joins_asked));
	json_object_set_new(object, "join_refusal",
		*visit->join_refusal != '\0' ? json_string(visit->join_refusal) : json_null());
	json_object_set_new(object, "mptcp",
		connection != NULL ? answer_object(connection->history) : json_null());
	json_object_set_new(object, "connection",
		connection != NULL ? connection_object(connection) : json_null());
	write_json(out, object);
	fputc('\n', out);
}
