/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port_map.c - changes the destination port of connections, and the source port of what comes
 * back, as load balancers and port forwarders do. A connection is mapped from the first packet of
 * it that is meant; ICMP errors are translated inside their quotes too.
 */
#include "mbtest/box.h"
#include "mbtest/flow.h"
#include "mbtest/translate.h"

enum { PAIRS_MAX = 16 };

struct port_pair {
	uint16_t from, to;
};

struct port_map {
	struct param_text text;
	struct port_pair pairs[PAIRS_MAX];
	unsigned int pair_count;
	struct flow_table flows; /* as seen on the server's side */
	int quotes;
};

/* What a flow's destination port was. */
struct mapped {
	bool is_mapped;
	uint16_t port;
};

static const char *const quotes_names[] = { "translate", "names", "leave", NULL };

static const char *const maps[] = { "80:8080", "80:8080,443:8443", "80:81", NULL };

static const struct box_param params[] = {
	{ "map", PARAM_TEXT, offsetof(struct port_map, text), NULL, 0, 0, maps,
		"pairs of ports, the one that is seen before the box first" },
	{ "quotes", PARAM_CHOICE, offsetof(struct port_map, quotes), "translate", 0, 0,
		quotes_names,
		"the port in the packets that ICMP errors quote: translated, and the checksum "
		"behind it too; only the port; or neither" },
	{ 0 },
};

/* A port in decimal at *at; 0 when there is none. */
static uint16_t port_take(const struct param_text *text, uint16_t *at)
{
	uint32_t value = 0;

	for (; *at < text->length && text->bytes[*at] >= '0' && text->bytes[*at] <= '9'; ++*at) {
		value = value * 10 + text->bytes[*at] - '0';
		if (value > UINT16_MAX)
			return 0;
	}
	return (uint16_t)value;
}

static bool pairs_parse(struct port_map *self)
{
	uint16_t at = 0;
	struct port_pair *pair;

	for (;;) {
		if (self->pair_count == PAIRS_MAX)
			return false;
		pair = &self->pairs[self->pair_count++];
		pair->from = port_take(&self->text, &at);
		if (pair->from == 0 || at == self->text.length || self->text.bytes[at++] != ':')
			return false;
		pair->to = port_take(&self->text, &at);
		if (pair->to == 0)
			return false;
		if (at == self->text.length)
			return true;
		if (self->text.bytes[at++] != ',')
			return false;
	}
}

static bool port_map_init(struct box *box, struct err *err)
{
	struct port_map *self = box_state(box);

	flow_table_init(&self->flows, sizeof(struct mapped));
	if (pairs_parse(self))
		return true;
	return err_set(err,
		"box %s: parameter map: \"%.*s\" is no list of at most %d pairs of ports "
		"such as 8080:80,8443:443",
		box_name(box), (int)self->text.length, (const char *)self->text.bytes, PAIRS_MAX);
}

static void port_map_fini(struct box *box)
{
	flow_table_fini(&((struct port_map *)box_state(box))->flows);
}

/* The pair of a port on the client's side; NULL when there is none. */
static const struct port_pair *pair_from(const struct port_map *self, uint16_t port)
{
	unsigned int i;

	for (i = 0; i < self->pair_count; i++) {
		if (self->pairs[i].from == port)
			return &self->pairs[i];
	}
	return NULL;
}

static enum verdict map_forward(struct box *box, struct packet *packet)
{
	struct port_map *self = box_state(box);
	uint16_t port = tcp_dport(packet);
	const struct port_pair *pair = pair_from(self, port);
	struct mapped *mapped;

	if (pair == NULL)
		return box_unchanged(box);
	/* The record is that of the flow behind the box. */
	packet_write16(packet, packet->l4 + 2, pair->to);
	mapped = flow_find(&self->flows, packet, TO_SERVER);
	if (mapped == NULL && box_matched(box))
		mapped = flow_add(&self->flows, packet, TO_SERVER);
	if (mapped == NULL || (mapped->is_mapped && mapped->port != port)) {
		packet_write16(packet, packet->l4 + 2, port);
		packet_finish(packet);
		return box_unchanged(box);
	}
	mapped->is_mapped = true;
	mapped->port = port;
	return BOX_PASS;
}

/*
 * An ICMP error: it goes against the packet that it quotes, so on its way to the client the quoted
 * destination port is that behind the box, and on its way to the server the quoted source port is
 * that in front of it.
 */
static enum verdict map_quote(struct box *box, struct packet *packet, const struct quote *quote,
	enum dir dir)
{
	struct port_map *self = box_state(box);
	enum side side = dir == TO_CLIENT ? SIDE_DST : SIDE_SRC;
	struct sockname server = side == SIDE_DST ? quote->dst : quote->src;
	struct quote behind = *quote;
	const struct port_pair *pair;
	const struct mapped *mapped;
	struct packet *looked_for;

	if (dir == TO_SERVER) {
		pair = pair_from(self, server.port);
		if (pair == NULL)
			return box_unchanged(box);
		server.port = behind.src.port = pair->to;
	}
	looked_for = quote_packet(&behind);
	if (looked_for == NULL)
		return box_unchanged(box);
	mapped = flow_find(&self->flows, looked_for, dir_opposite(dir));
	packet_free(looked_for);
	if (mapped == NULL || (dir == TO_SERVER && mapped->port != quote->src.port))
		return box_unchanged(box);
	if (dir == TO_CLIENT)
		server.port = mapped->port;
	quote_translate(packet, quote, side, &server, (enum quotes)self->quotes);
	return BOX_PASS;
}

static enum verdict port_map_packet(struct box *box, struct packet *packet, enum dir dir)
{
	struct port_map *self = box_state(box);
	const struct mapped *mapped;
	struct quote quote;

	if (self->quotes != QUOTES_LEAVE && quote_read(packet, &quote))
		return map_quote(box, packet, &quote, dir);
	if (packet->form != PACKET_TCP || packet->is_fragment)
		return box_unchanged(box);
	if (dir == TO_SERVER)
		return map_forward(box, packet);
	mapped = flow_find(&self->flows, packet, TO_CLIENT);
	if (mapped == NULL)
		return box_unchanged(box);
	packet_write16(packet, packet->l4, mapped->port);
	return BOX_PASS;
}

BOX_TYPE(port_map) = {
	.help = "changes the destination port of connections, and back in the replies",
	.params = params,
	.state_size = sizeof(struct port_map),
	.any_form = true,
	.sees_all = true,
	.translates = true,
	.init = port_map_init,
	.packet = port_map_packet,
	.fini = port_map_fini,
};
