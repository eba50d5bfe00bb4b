/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_net.c - the summary of a live network that programs ran in: which protocol each of their
 * connections used, and what each element of the path did.
 */
#include "mbtest/report_net.h"

#include <jansson.h>

#include <inttypes.h>
#include <string.h>

enum {
	LISTED_AT_MOST = 24, /* connections, for a person */
	NAME_BYTES = 24,
};

static bool is_tcp(const struct wire_connection *connection)
{
	return connection->kind < WIRE_UDP;
}

static double seconds(nsec_t time)
{
	return (double)time / (double)NSEC_PER_SEC;
}

/* ---- for people ---- */

static void print_protocol(FILE *out, const struct wire_connection *connection)
{
	switch (connection->kind) {
	case WIRE_MPTCP:
		fprintf(out, "Multipath TCP v%u, %u subflow%s", connection->version,
			connection->subflows, connection->subflows == 1 ? "" : "s");
		break;
	case WIRE_FALLBACK:
		fprintf(out, "Multipath TCP v%u, then TCP (%s)", connection->version,
			connection->why);
		break;
	case WIRE_TCP:
		fprintf(out, "TCP%s%s%s", *connection->why == '\0' ? "" : " (", connection->why,
			*connection->why == '\0' ? "" : ")");
		break;
	case WIRE_REFUSED:
		fprintf(out, "refused");
		break;
	case WIRE_UNANSWERED:
		fprintf(out, "no answer");
		break;
	case WIRE_UDP:
		fprintf(out, "UDP");
		break;
	case WIRE_ICMP:
	case WIRE_OTHER:
		break;
	}
}

static void print_connection(FILE *out, const struct wire_connection *connection)
{
	char client[SOCKNAME_TEXT], server[SOCKNAME_TEXT];

	fprintf(out, "%s > %s  ", sockname_text(&connection->client, client),
		sockname_text(&connection->server, server));
	print_protocol(out, connection);
	if (is_tcp(connection))
		fprintf(out, "; %" PRIu64 " bytes sent, %" PRIu64 " received\n",
			connection->bytes[TO_SERVER], connection->bytes[TO_CLIENT]);
	else if (connection->is_renamed)
		fprintf(out, "; %" PRIu64 " packets sent; %" PRIu64 " received\n",
			connection->packets[TO_SERVER], connection->packets[TO_CLIENT]);
	else
		fprintf(out,
			"; %" PRIu64 " packets sent, %" PRIu64 " arrived; %" PRIu64 " received\n",
			connection->packets[TO_SERVER], connection->arrived,
			connection->packets[TO_CLIENT]);
}

static void print_connections(FILE *out, const struct net_report *report)
{
	uint64_t others[DIRS] = { 0 }, icmp[DIRS] = { 0 };
	size_t listed = 0;

	for (size_t i = 0; i < report->connection_count; i++) {
		const struct wire_connection *connection = &report->connections[i];
		bool is_icmp = connection->kind == WIRE_ICMP;

		if (connection->kind <= WIRE_UDP) {
			if (listed++ < LISTED_AT_MOST)
				print_connection(out, connection);
			continue;
		}
		for (size_t dir = 0; dir < DIRS; dir++)
			(is_icmp ? icmp : others)[dir] += connection->packets[dir];
	}
	if (listed > LISTED_AT_MOST)
		fprintf(out, "and %zu connections more\n", listed - LISTED_AT_MOST);
	if (icmp[TO_SERVER] + icmp[TO_CLIENT] > 0)
		fprintf(out, "ICMP: %" PRIu64 " packets sent, %" PRIu64 " received\n",
			icmp[TO_SERVER], icmp[TO_CLIENT]);
	if (others[TO_SERVER] + others[TO_CLIENT] > 0)
		fprintf(out, "other protocols: %" PRIu64 " packets sent, %" PRIu64 " received\n",
			others[TO_SERVER], others[TO_CLIENT]);
}

/*
 * "path1/strip#2" is strip#2 where there is one path; its hops are called what their names are
 * inside: hop1, hop2.
 */
static const char *element_name(const struct net_report *report, size_t index,
	char text[static NAME_BYTES])
{
	const char *name = report->elements[index].name, *slash = strchr(name, '/');

	if (report->path_count > 1)
		return name;
	name = slash == NULL ? name : slash + 1;
	if (strcmp(name, "hop") == 0)
		return "hop1";
	if (strncmp(name, "hop#", 4) != 0)
		return name;
	snprintf(text, NAME_BYTES, "hop%.16s", name + 4);
	return text;
}

void report_net(FILE *out, const struct net_report *report)
{
	char name[NAME_BYTES];

	fprintf(out, "%s: %.3f s\n", report->path, seconds(report->elapsed));
	print_connections(out, report);
	fprintf(out, "%-16s %10s %10s %10s %10s\n", "on the path", "to server", "to client",
		"dropped", "acted on");
	fprintf(out, "%-16s %10" PRIu64 " %10" PRIu64 "\n", "client", report->sent[CLIENT],
		report->arrived[CLIENT]);
	for (size_t i = 0; i < report->element_count; i++) {
		const struct net_counts *counts = &report->elements[i];

		fprintf(out, "%-16s %10" PRIu64 " %10" PRIu64 " %10" PRIu64,
			element_name(report, i, name), counts->sent[TO_SERVER],
			counts->sent[TO_CLIENT], counts->dropped);
		if (counts->is_box)
			fprintf(out, " %10" PRIu64, counts->hits);
		fputc('\n', out);
	}
	fprintf(out, "%-16s %10" PRIu64 " %10" PRIu64 "\n", "server", report->arrived[SERVER],
		report->sent[SERVER]);
}

/* ---- for programs ---- */

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *name_or_address(const struct sockname *name)
{
	char text[SOCKNAME_TEXT];

	return json_string(
		name->port != 0 ? sockname_text(name, text) : addr_text(&name->addr, text));
}

static json_t *connection_object(const struct wire_connection *connection)
{
	json_t *object = json_object();

	json_object_set_new(object, "client", name_or_address(&connection->client));
	json_object_set_new(object, "server", name_or_address(&connection->server));
	json_object_set_new(object, "protocol", json_string(wire_kind_text(connection->kind)));
	if (connection->kind == WIRE_MPTCP || connection->kind == WIRE_FALLBACK) {
		json_object_set_new(object, "version", number(connection->version));
		json_object_set_new(object, "subflows", number(connection->subflows));
	}
	if (is_tcp(connection))
		json_object_set_new(object, "why",
			*connection->why == '\0' ? json_null() : json_string(connection->why));
	json_object_set_new(object, "packets_sent", number(connection->packets[TO_SERVER]));
	json_object_set_new(object, "packets_arrived",
		connection->is_renamed ? json_null() : number(connection->arrived));
	json_object_set_new(object, "packets_received", number(connection->packets[TO_CLIENT]));
	json_object_set_new(object, "bytes_sent", number(connection->bytes[TO_SERVER]));
	json_object_set_new(object, "bytes_received", number(connection->bytes[TO_CLIENT]));
	return object;
}

static json_t *element_object(const struct net_report *report, size_t index)
{
	const struct net_counts *counts = &report->elements[index];
	json_t *object = json_object();
	char name[NAME_BYTES];

	json_object_set_new(object, "name", json_string(element_name(report, index, name)));
	json_object_set_new(object, "to_server", number(counts->sent[TO_SERVER]));
	json_object_set_new(object, "to_client", number(counts->sent[TO_CLIENT]));
	json_object_set_new(object, "dropped", number(counts->dropped));
	json_object_set_new(object, "hits", counts->is_box ? number(counts->hits) : json_null());
	return object;
}

static json_t *host_object(const struct net_report *report, enum end end)
{
	json_t *object = json_object();

	json_object_set_new(object, "sent", number(report->sent[end]));
	json_object_set_new(object, "received", number(report->arrived[end]));
	return object;
}

void report_net_json(FILE *out, const struct net_report *report)
{
	json_t *object = json_object(), *connections = json_array(), *elements = json_array();

	for (size_t i = 0; i < report->connection_count; i++)
		json_array_append_new(connections, connection_object(&report->connections[i]));
	for (size_t i = 0; i < report->element_count; i++)
		json_array_append_new(elements, element_object(report, i));
	json_object_set_new(object, "schema", json_string("mbkit.net/1"));
	json_object_set_new(object, "path", json_string(report->path));
	json_object_set_new(object, "status", json_integer(report->status));
	json_object_set_new(object, "elapsed_ms", json_real(seconds(report->elapsed) * 1000.0));
	json_object_set_new(object, "connections", connections);
	json_object_set_new(object, "client", host_object(report, CLIENT));
	json_object_set_new(object, "server", host_object(report, SERVER));
	json_object_set_new(object, "elements", elements);
	json_dumpf(object, out, JSON_COMPACT | JSON_REAL_PRECISION(12));
	fputc('\n', out);
	json_decref(object);
}
