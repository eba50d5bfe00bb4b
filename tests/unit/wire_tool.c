/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wire_tool.c - probe/wire for tests in Python: one command a line on standard input, one line of
 * JSON for each on standard output.
 *
 *   parse HEX            form, offsets, fields, options
 *   text HEX | short HEX the notation
 *   read TEXT            the bytes a text describes
 *   remove N HOW HEX     without the N-th option; HOW: 0 gap, 1 nop, 2 eol
 *   set FIELD VALUE HEX  with a field changed
 *   diff KNOWN HEX HEX   changes between sent and seen bytes
 *   icmp HEX             an ICMP error
 *   answer QUOTE BYTES HEX  an ICMP time exceeded about a packet
 */
#include "probe/wire/diff.h"
#include "probe/wire/icmp.h"
#include "probe/wire/mptcp.h"
#include "probe/wire/text.h"
#include "tests/unit/hex.h"

#include <stdio.h>

enum { LINE = 400000 };

struct tool {
	struct packet *packet, *other;
	char line[LINE], text[LINE];
	uint8_t bytes[PACKET_LARGE];
};

/* The next word of the line, cut off in place. */
static char *take_word(char **rest)
{
	char *word = *rest;
	size_t length = strcspn(word, " ");

	*rest = word + length + (word[length] != '\0');
	word[length] = '\0';
	return word;
}

static void load(struct tool *tool, struct packet *packet, const char *hex)
{
	packet_set(packet, tool->bytes, hex_bytes(hex, tool->bytes, sizeof(tool->bytes)));
}

static void put_hex(const char *key, const uint8_t *bytes, size_t length)
{
	size_t i;

	printf("\"%s\":\"", key);
	for (i = 0; i < length; i++)
		printf("%02x", bytes[i]);
	printf("\"");
}

static void put_options(const struct packet *packet)
{
	struct tcpopt opt = { 0 };
	char text[TEXT_OPTION], name[OPTID_TEXT];
	uint8_t again[TCPOPT_SPACE];
	struct mptcp_opt mptcp;
	const char *comma = "";

	printf(",\"malformed_options\":%d,\"options\":[", tcpopt_malformed(packet));
	while (tcpopt_next(packet, &opt)) {
		const uint8_t *bytes = tcpopt_bytes(packet, &opt);
		struct optid id = optid_of(bytes, opt.length);

		printf("%s{\"kind\":%u,\"name\":\"%s\",\"text\":\"%s\",", comma, opt.kind,
			optid_text(&id, name), tcpopt_text(bytes, opt.length, text));
		put_hex("hex", bytes, opt.length);
		if (opt.kind == TCPOPT_MPTCP && mptcp_parse(&mptcp, bytes, opt.length)) {
			printf(",");
			put_hex("emitted", again, mptcp_emit(&mptcp, again));
		}
		printf("}");
		comma = ",";
	}
	printf("]");
}

static void parse(struct tool *tool, char *rest)
{
	static const char *const forms[] = { "malformed", "tcp", "udp", "icmp", "other",
		"fragment" };
	const struct packet *packet = tool->packet;
	const struct field *field;
	struct layers layers;
	const char *comma = "";
	uint32_t offset, length;
	size_t i;

	load(tool, tool->packet, take_word(&rest));
	layers_of_packet(&layers, packet);
	printf("{\"form\":\"%s\",\"fault\":\"%s\",\"l4\":%u,\"payload\":%u,\"end\":%u,\"fields\":{",
		forms[packet->form], packet_fault_text(packet->fault), packet->l4, packet->payload,
		packet->end);
	for (i = 0; (field = field_at(i)) != NULL; i++) {
		if (!field_covered(field, &layers))
			continue;
		field_range(field, &layers, &offset, &length);
		printf("%s\"%s\":\"%s\"", comma, field->name,
			field_bytes_text(field, packet_data(packet) + offset, length, tool->text,
				LINE));
		comma = ",";
	}
	printf("}");
	if (packet->form != PACKET_MALFORMED)
		printf(",\"ip_ok\":%d,\"l4_ok\":%d", packet_ip_checksum_ok(packet),
			packet_l4_checksum_ok(packet));
	put_options(packet);
	printf("}\n");
}

static void text(struct tool *tool, char *rest, enum text_form form)
{
	load(tool, tool->packet, take_word(&rest));
	packet_text(tool->packet, form, tool->text, LINE);
	printf("{\"text\":\"%s\"}\n", tool->text);
}

static void put_packet(const struct packet *packet)
{
	printf("{");
	put_hex("hex", packet_data(packet), packet->length);
	printf("}\n");
}

static void read_text(struct tool *tool, char *rest)
{
	struct err err;
	char *quote;

	if (packet_from_text(tool->packet, rest, &err)) {
		put_packet(tool->packet);
		return;
	}
	for (quote = err.text; (quote = strchr(quote, '"')) != NULL;)
		*quote = '\'';
	printf("{\"error\":\"%s\"}\n", err.text);
}

static void remove_option(struct tool *tool, char *rest)
{
	unsigned long n = strtoul(take_word(&rest), NULL, 10);
	unsigned long how = strtoul(take_word(&rest), NULL, 10);
	static const enum tcpopt_remove_how hows[] = { REMOVE_GAP, REMOVE_NOP, REMOVE_EOL };
	struct tcpopt opt = { 0 };

	load(tool, tool->packet, take_word(&rest));
	while (tcpopt_next(tool->packet, &opt) && n > 0)
		n--;
	tcpopt_remove(tool->packet, &opt, hows[how % 3]);
	packet_finish(tool->packet);
	put_packet(tool->packet);
}

static bool set_addr(struct packet *packet, const struct field *field, const char *value)
{
	struct layers layers;
	uint32_t offset, length;
	struct addr addr;

	layers_of_packet(&layers, packet);
	if (!addr_parse(&addr, value) || !field_range(field, &layers, &offset, &length) ||
		addr_len(&addr) != length)
		return false;
	packet_write(packet, offset, addr.bytes, length);
	return true;
}

static bool set_value(struct packet *packet, const struct field *field, const char *value)
{
	unsigned long long number;
	uint16_t flags;
	char *end;

	if (field->format == FIELD_ADDR)
		return set_addr(packet, field, value);
	if (field->format == FIELD_FLAGS && tcp_flags_parse(&flags, value))
		return field_set(field, packet, flags);
	number = strtoull(value, &end, 10);
	return *end == '\0' && field_set(field, packet, number);
}

static void set_field(struct tool *tool, char *rest)
{
	const struct field *field = field_find(take_word(&rest));
	const char *value = take_word(&rest);
	bool ok;

	load(tool, tool->packet, take_word(&rest));
	ok = field != NULL && set_value(tool->packet, field, value);
	packet_finish(tool->packet);
	if (ok)
		put_packet(tool->packet);
	else
		printf("{\"error\":\"not set\"}\n");
}

static void diff(struct tool *tool, char *rest)
{
	unsigned long known = strtoul(take_word(&rest), NULL, 10);
	const char *comma = "", *how;
	struct changes changes;
	char name[OPTID_TEXT], line[CHANGE_TEXT];
	const uint8_t *seen;
	size_t i;

	load(tool, tool->packet, take_word(&rest));
	load(tool, tool->other, take_word(&rest));
	seen = packet_data(tool->other);
	if (known > tool->other->length)
		known = tool->other->length;
	packet_diff(&changes, tool->packet, seen, (uint32_t)known, 0);
	printf("[");
	for (i = 0; i < changes.count; i++) {
		const struct change *change = &changes.list[i];

		how = change_how_text(change->how);
		printf("%s{\"field\":\"%s\",\"change\":\"%s\",\"how\":\"%s\",", comma,
			change_name(change, name), change_kind_text(change->kind),
			how != NULL ? how : "");
		printf("\"follows\":%d,\"instance\":%u,\"text\":\"%s\"}", change->follows,
			change->instance,
			change_text(change, tool->packet, seen, (uint32_t)known, line));
		comma = ",";
	}
	printf("]\n");
}

static void icmp(struct tool *tool, char *rest)
{
	struct icmp_object object = { 0 };
	struct icmp_error error;
	const char *comma = "";

	load(tool, tool->packet, take_word(&rest));
	if (!icmp_parse(&error, tool->packet)) {
		printf("null\n");
		return;
	}
	printf("{\"kind\":\"%s\",\"type\":%u,\"code\":%u,\"value\":%u,", icmp_kind_text(error.kind),
		error.type, error.code, error.value);
	printf("\"quote\":\"%s\",\"quote_offset\":%u,\"quote_length\":%u,\"known\":%u,",
		icmp_quote_text(error.quote), error.quote_offset, error.quote_length,
		error.quote_known);
	printf("\"extensions\":%d,\"ok\":%d,\"objects\":[", error.has_extensions,
		error.extensions_ok);
	while (icmp_object_next(tool->packet, &error, &object)) {
		printf("%s{\"class\":%u,\"type\":%u,", comma, object.class_, object.type);
		put_hex("body", packet_data(tool->packet) + object.offset, object.length);
		printf("}");
		comma = ",";
	}
	printf("]}\n");
}

/* From a router whose address is that of the destination but for the last byte. */
static void answer(struct tool *tool, char *rest)
{
	struct icmp_plan plan = { .kind = ICMP_TIME_EXCEEDED };
	struct icmp_objects objects = { 0 };
	struct icmp_mpls label = { 16001, 2, true, 7 };
	struct addr src;

	plan.quote = (enum icmp_quote)strtoul(take_word(&rest), NULL, 10);
	plan.quote_bytes = (uint32_t)strtoul(take_word(&rest), NULL, 10);
	load(tool, tool->packet, take_word(&rest));
	packet_addrs(tool->packet, &src, &plan.from);
	plan.from.bytes[addr_len(&plan.from) - 1] = 254;
	icmp_objects_add_mpls(&objects, &label, 1);
	plan.objects = &objects;
	if (icmp_build(tool->other, &plan, tool->packet))
		put_packet(tool->other);
	else
		printf("null\n");
}

static void run_line(struct tool *tool)
{
	char *rest = tool->line;
	const char *verb;

	rest[strcspn(rest, "\n")] = '\0';
	verb = take_word(&rest);
	if (strcmp(verb, "parse") == 0)
		parse(tool, rest);
	else if (strcmp(verb, "text") == 0)
		text(tool, rest, TEXT_FULL);
	else if (strcmp(verb, "short") == 0)
		text(tool, rest, TEXT_SHORT);
	else if (strcmp(verb, "read") == 0)
		read_text(tool, rest);
	else if (strcmp(verb, "remove") == 0)
		remove_option(tool, rest);
	else if (strcmp(verb, "set") == 0)
		set_field(tool, rest);
	else if (strcmp(verb, "diff") == 0)
		diff(tool, rest);
	else if (strcmp(verb, "icmp") == 0)
		icmp(tool, rest);
	else if (strcmp(verb, "answer") == 0)
		answer(tool, rest);
	else
		printf("{\"error\":\"unknown command\"}\n");
}

int main(void)
{
	struct tool *tool = malloc(sizeof(*tool));

	if (tool == NULL)
		return 2;
	tool->packet = packet_new(PACKET_LARGE);
	tool->other = packet_new(PACKET_LARGE);
	while (fgets(tool->line, LINE, stdin) != NULL)
		run_line(tool);
	packet_free(tool->packet);
	packet_free(tool->other);
	free(tool);
	return 0;
}
