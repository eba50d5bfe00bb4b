/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port_map.c - changes the destination port of connections, and the source port of what comes
 * back, as load balancers and port forwarders do. A connection is mapped from the first packet of
 * it that is meant.
 */
#include "mbtest/box.h"
#include "mbtest/flow.h"
#include "mbtest/translate.h"

#include <string.h>

enum { PAIRS_MAX = 16 };

struct port_pair {
	uint16_t from, to;
};

struct port_map {
	struct param_text text;
	struct port_pair pairs[PAIRS_MAX];
	unsigned int pair_count;
	struct flow_table flows; /* as seen on the server's side */
};

/* What a flow's destination port was. */
struct mapped {
	bool is_mapped;
	uint16_t port;
};

static const struct box_param params[] = {
	{ "map", PARAM_TEXT, offsetof(struct port_map, text), NULL, 0, 0, NULL,
		"pairs of ports, such as 8080:80,8443:443" },
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

static enum verdict map_forward(struct box *box, struct packet *packet)
{
	struct port_map *self = box_state(box);
	uint16_t port = tcp_dport(packet);
	struct mapped *mapped;
	unsigned int i;

	for (i = 0; i < self->pair_count && self->pairs[i].from != port; i++)
		;
	if (i == self->pair_count)
		return box_unchanged(box);
	/* The record is that of the flow behind the box. */
	packet_write16(packet, packet->l4 + 2, self->pairs[i].to);
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

static enum verdict port_map_packet(struct box *box, struct packet *packet, enum dir dir)
{
	struct port_map *self = box_state(box);
	const struct mapped *mapped;

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
	.sees_all = true,
	.init = port_map_init,
	.packet = port_map_packet,
	.fini = port_map_fini,
};
