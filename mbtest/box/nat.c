/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nat.c - network address and port translation (RFC 3022, RFC 4787, RFC 7857), IPv4 and IPv6, for
 * TCP, UDP and ICMP echo, whose identifier is its port; ICMP errors are translated inside their
 * quotes too (RFC 5508), and fragments follow the first of their packet.
 *
 * kind = source: the client side's address and port become one of the box's. kind = destination:
 * the server side's address (and port) become others. A mapping is made by the first packet to
 * the server that is meant, and holds for both directions whatever else is.
 */
#include "mbtest/box.h"
#include "mbtest/fragment_follow.h"
#include "mbtest/translate.h"
#include "probe/base/alloc.h"
#include "probe/base/hash.h"

#include <stdlib.h>

enum {
	BUCKETS = 1024,
	MAPPINGS_MAX = 16384, /* then the oldest gives way */
	ADDRESSES_MAX = 50,
};

enum kind { KIND_SOURCE, KIND_DESTINATION };

enum policy { ENDPOINT_INDEPENDENT, SYMMETRIC };

/* One translation: inside is the name replaced, outside the one put in its place. */
struct mapping {
	uint8_t protocol;
	struct sockname inside, outside;
	struct sockname remote; /* the other end, where it counts */
	nsec_t used;
	uint32_t next[2]; /* chains by inside and by outside */
};

struct nat {
	int kind, policy, quotes;
	struct addr address, address6;
	int64_t addresses;
	int64_t first_port, last_port, port;
	bool preserve;
	nsec_t idle;
	struct mapping *mappings;
	size_t count, capacity;
	uint32_t buckets[2][BUCKETS]; /* index plus one */
	uint32_t next_port;
	uint32_t oldest; /* next to give way */
	struct fragments fragments;
};

enum { BY_INSIDE, BY_OUTSIDE };

static const char *const kinds[] = { "source", "destination", NULL };
static const char *const quotes_names[] = { "translate", "names", "leave", NULL };
static const char *const policies[] = { "endpoint-independent", "symmetric", NULL };

static const char *const first_ports[] = { "1024", "20000", NULL };
static const char *const last_ports[] = { "20063", "65535", NULL };

static const struct box_param params[] = {
	{ "kind", PARAM_CHOICE, offsetof(struct nat, kind), "source", 0, 0, kinds,
		"whether the client's or the server's name is translated" },
	{ "address", PARAM_ADDR, offsetof(struct nat, address), "", 0, 0, NULL,
		"the new IPv4 address; if none, 198.18.n.200 on path n" },
	{ "address6", PARAM_ADDR, offsetof(struct nat, address6), "", 0, 0, NULL,
		"the new IPv6 address; if none, fd00:n::200 on path n" },
	{ "addresses", PARAM_INT, offsetof(struct nat, addresses), "1", 1, ADDRESSES_MAX, NULL,
		"how many it has, from that one on; what is behind it keeps to one of them as long "
		"as that has a port (kind source)" },
	{ "first_port", PARAM_INT, offsetof(struct nat, first_port), "20000", 1, 65535, first_ports,
		"first of the box's ports (kind source)" },
	{ "last_port", PARAM_INT, offsetof(struct nat, last_port), "29999", 1, 65535, last_ports,
		"last of the box's ports (kind source)" },
	{ "preserve", PARAM_BOOL, offsetof(struct nat, preserve), "false", 0, 0, NULL,
		"keep the port where it is free (kind source)" },
	{ "port", PARAM_INT, offsetof(struct nat, port), "0", 0, 65535, NULL,
		"the new port (kind destination); 0: as it was" },
	{ "mapping", PARAM_CHOICE, offsetof(struct nat, policy), "endpoint-independent", 0, 0,
		policies, "whether a mapping serves all remote ends or one" },
	{ "quotes", PARAM_CHOICE, offsetof(struct nat, quotes), "translate", 0, 0, quotes_names,
		"what ICMP errors quote: translated, and the checksum behind the ports too; only "
		"addresses and ports; or neither" },
	{ "idle", PARAM_TIME, offsetof(struct nat, idle), "0", 0, 0, NULL,
		"a mapping not used for so long is forgotten; 0: never" },
	{ 0 },
};

/* The byte that tells addresses apart which follow each other. */
static unsigned int last_index(const struct addr *addr)
{
	return addr->version == 4 ? 3 : 15;
}

static bool has_room(const struct addr *first, int64_t count)
{
	return first->bytes[last_index(first)] + count - 1 <= UINT8_MAX;
}

static bool nat_init(struct box *box, struct err *err)
{
	struct nat *self = box_state(box);

	if (!box_own_addrs(box, &self->address, &self->address6, 200, err))
		return false;
	if (self->first_port > self->last_port)
		return err_set(err, "box %s: parameter first_port is past last_port",
			box_name(box));
	if (!has_room(&self->address, self->addresses) ||
		!has_room(&self->address6, self->addresses))
		return err_set(err, "box %s: parameter addresses: so many do not follow the first",
			box_name(box));
	self->next_port = (uint32_t)self->first_port;
	return true;
}

static void nat_fini(struct box *box)
{
	struct nat *self = box_state(box);

	fragments_discard(&self->fragments, box);
	free(self->mappings);
}

/* ---- the table ---- */

static uint32_t bucket_of(uint8_t protocol, const struct sockname *name)
{
	uint64_t hash = hash_u64(protocol, name->port);

	return (uint32_t)hash_bytes(hash, name->addr.bytes, sizeof(name->addr.bytes)) % BUCKETS;
}

static const struct sockname *key_of(const struct mapping *mapping, unsigned int by)
{
	return by == BY_INSIDE ? &mapping->inside : &mapping->outside;
}

static bool has_expired(const struct box *box, const struct nat *self,
	const struct mapping *mapping)
{
	return self->idle > 0 && box_now(box) - mapping->used > self->idle;
}

/* remote NULL: any will do. */
static struct mapping *mapping_find(const struct box *box, const struct nat *self, unsigned int by,
	uint8_t protocol, const struct sockname *name, const struct sockname *remote)
{
	uint32_t at = self->buckets[by][bucket_of(protocol, name)];
	struct mapping *mapping;

	for (; at != 0; at = mapping->next[by]) {
		mapping = &self->mappings[at - 1];
		if (mapping->protocol == protocol && sockname_equal(key_of(mapping, by), name) &&
			(remote == NULL || sockname_equal(&mapping->remote, remote)) &&
			!has_expired(box, self, mapping))
			return mapping;
	}
	return NULL;
}

static void mapping_unlink(struct nat *self, uint32_t index, unsigned int by)
{
	const struct mapping *mapping = &self->mappings[index];
	uint32_t *from = &self->buckets[by][bucket_of(mapping->protocol, key_of(mapping, by))];

	while (*from != index + 1)
		from = &self->mappings[*from - 1].next[by];
	*from = mapping->next[by];
}

static uint32_t mapping_remove(struct nat *self, uint32_t index)
{
	mapping_unlink(self, index, BY_INSIDE);
	mapping_unlink(self, index, BY_OUTSIDE);
	return index;
}

/* A place for a new mapping: that of an expired one, one more, or that of the oldest. */
static uint32_t mapping_place(const struct box *box, struct nat *self)
{
	uint32_t i;

	for (i = 0; self->idle > 0 && i < self->count; i++) {
		if (has_expired(box, self, &self->mappings[i]))
			return mapping_remove(self, i);
	}
	if (self->count == MAPPINGS_MAX) {
		i = self->oldest;
		self->oldest = (self->oldest + 1) % MAPPINGS_MAX;
		return mapping_remove(self, i);
	}
	self->mappings =
		xgrow(self->mappings, self->count, &self->capacity, sizeof(struct mapping));
	return (uint32_t)self->count++;
}

static struct mapping *mapping_add(const struct box *box, struct nat *self,
	const struct mapping *fresh)
{
	uint32_t index = mapping_place(box, self), *bucket;
	struct mapping *mapping = &self->mappings[index];
	unsigned int by;

	*mapping = *fresh;
	for (by = BY_INSIDE; by <= BY_OUTSIDE; by++) {
		bucket = &self->buckets[by][bucket_of(mapping->protocol, key_of(mapping, by))];
		mapping->next[by] = *bucket;
		*bucket = index + 1;
	}
	return mapping;
}

/* ---- choosing the new name ---- */

static bool port_is_free(const struct box *box, const struct nat *self, uint8_t protocol,
	const struct sockname *outside)
{
	return mapping_find(box, self, BY_OUTSIDE, protocol, outside, NULL) == NULL;
}

/* One of the box's own addresses of a family, 0 first. */
static struct addr own_addr(const struct nat *self, uint8_t version, uint32_t number)
{
	struct addr addr = version == 4 ? self->address : self->address6;

	addr.bytes[last_index(&addr)] += (uint8_t)number;
	return addr;
}

static bool is_own_addr(const struct nat *self, const struct addr *addr)
{
	struct addr own = own_addr(self, addr->version, 0);
	uint8_t number = (uint8_t)(addr->bytes[last_index(addr)] - own.bytes[last_index(addr)]);

	own = own_addr(self, addr->version, number);
	return number < self->addresses && addr_equal(addr, &own);
}

/* A free port of the address that is chosen already. */
static bool choose_port(const struct box *box, struct nat *self, struct mapping *fresh)
{
	uint32_t ports = (uint32_t)(self->last_port - self->first_port) + 1, tries;

	fresh->outside.port = fresh->inside.port;
	if (self->preserve && port_is_free(box, self, fresh->protocol, &fresh->outside))
		return true;
	for (tries = 0; tries < ports; tries++) {
		fresh->outside.port = (uint16_t)self->next_port;
		self->next_port = self->next_port == (uint32_t)self->last_port
			? (uint32_t)self->first_port
			: self->next_port + 1;
		if (port_is_free(box, self, fresh->protocol, &fresh->outside))
			return true;
	}
	return false;
}

static bool choose_outside(const struct box *box, struct nat *self, struct mapping *fresh)
{
	const struct addr *inside = &fresh->inside.addr;
	uint32_t count = (uint32_t)self->addresses, i;
	/* Who is behind the box is always shown as the same (RFC 4787 REQ-2). */
	uint32_t home = inside->bytes[last_index(inside)] % count;

	if (self->kind == KIND_DESTINATION) {
		fresh->outside =
			(struct sockname){ own_addr(self, inside->version, 0), fresh->inside.port };
		if (self->port != 0 && translate_has_ports(fresh->protocol))
			fresh->outside.port = (uint16_t)self->port;
		return true;
	}
	for (i = 0; i < count; i++) {
		fresh->outside.addr = own_addr(self, inside->version, (home + i) % count);
		if (choose_port(box, self, fresh))
			return true;
	}
	return false;
}

/* ---- packets; "subject" is the side that is translated on the way to the server ---- */

static enum side subject_of(const struct nat *self, enum dir dir)
{
	bool is_src = (self->kind == KIND_SOURCE) == (dir == TO_SERVER);

	return is_src ? SIDE_SRC : SIDE_DST;
}

/* A destination mapping holds for one client, as the replies must find their way back. */
static bool remote_counts(const struct nat *self)
{
	return self->kind == KIND_DESTINATION || self->policy == SYMMETRIC;
}

static enum verdict to_server(struct box *box, struct packet *packet, uint8_t protocol)
{
	struct nat *self = box_state(box);
	enum side side = subject_of(self, TO_SERVER);
	struct mapping fresh = { .protocol = protocol }, *mapping;

	translate_names(packet, side, &fresh.inside, &fresh.remote);
	mapping = mapping_find(box, self, BY_INSIDE, protocol, &fresh.inside,
		remote_counts(self) ? &fresh.remote : NULL);
	if (mapping == NULL) {
		if (!box_matched(box))
			return box_unchanged(box);
		fresh.used = box_now(box);
		if (!choose_outside(box, self, &fresh))
			return box_reason(box, "no port left");
		mapping = mapping_add(box, self, &fresh);
	}
	mapping->used = box_now(box);
	translate_packet(packet, side, &mapping->outside);
	return BOX_PASS;
}

static enum verdict to_client(struct box *box, struct packet *packet, uint8_t protocol)
{
	struct nat *self = box_state(box);
	enum side side = subject_of(self, TO_CLIENT);
	struct sockname outside, remote;
	struct mapping *mapping;

	translate_names(packet, side, &outside, &remote);
	mapping = mapping_find(box, self, BY_OUTSIDE, protocol, &outside,
		remote_counts(self) ? &remote : NULL);
	if (mapping == NULL) {
		/* What is for the box itself and for none behind it ends here. */
		if (self->kind == KIND_SOURCE && is_own_addr(self, &outside.addr))
			return box_reason(box, "no mapping");
		return box_unchanged(box);
	}
	mapping->used = box_now(box);
	translate_packet(packet, side, &mapping->inside);
	return BOX_PASS;
}

/*
 * An ICMP error: its quote went the other way, so the quote's subject is on the other side, and
 * the error's own address follows where it is that of the subject.
 */
static enum verdict icmp_error(struct box *box, struct packet *packet, const struct quote *quote,
	enum dir dir)
{
	struct nat *self = box_state(box);
	enum side inner = subject_of(self, dir_opposite(dir)), outer = subject_of(self, dir);
	const struct sockname *name = inner == SIDE_SRC ? &quote->src : &quote->dst;
	struct sockname remote = inner == SIDE_SRC ? quote->dst : quote->src;
	unsigned int by = dir == TO_SERVER ? BY_INSIDE : BY_OUTSIDE;
	const struct mapping *mapping;
	const struct sockname *becomes;
	struct addr addrs[2];

	if (!translate_has_ports(quote->protocol))
		remote.port = 0;
	mapping = mapping_find(box, self, by, quote->protocol, name,
		remote_counts(self) ? &remote : NULL);
	if (mapping == NULL)
		return box_unchanged(box);
	becomes = dir == TO_SERVER ? &mapping->outside : &mapping->inside;
	packet_addrs(packet, &addrs[SIDE_SRC], &addrs[SIDE_DST]);
	if (self->quotes != QUOTES_LEAVE)
		quote_translate(packet, quote, inner, becomes, (enum quotes)self->quotes);
	if (addr_equal(&addrs[outer], &name->addr))
		translate_addr(packet, outer, &becomes->addr);
	return BOX_PASS;
}

/* A whole packet, or the first of several fragments. */
static enum verdict leading(struct box *box, struct packet *packet, enum dir dir)
{
	struct quote quote;

	if (translate_fits(packet)) {
		return dir == TO_SERVER ? to_server(box, packet, packet->protocol)
					: to_client(box, packet, packet->protocol);
	}
	if (quote_read(packet, &quote))
		return icmp_error(box, packet, &quote, dir);
	return box_unchanged(box);
}

static enum verdict nat_packet(struct box *box, struct packet *packet, enum dir dir)
{
	struct nat *self = box_state(box);
	enum side side = subject_of(self, dir);
	struct fragment_key key;
	enum verdict verdict;

	if (!fragment_key_read(packet, &key))
		return leading(box, packet, dir);
	if (packet->form == PACKET_FRAGMENT)
		return fragments_follow(&self->fragments, box, packet, dir, side);
	verdict = leading(box, packet, dir);
	if (verdict == BOX_PASS)
		fragments_lead(&self->fragments, box, &key, packet, dir, side);
	return verdict;
}

static void nat_wake(struct box *box)
{
	fragments_expire(&((struct nat *)box_state(box))->fragments, box);
}

BOX_TYPE(nat) = {
	.help = "translates addresses and ports of a side, with a table of mappings",
	.params = params,
	.state_size = sizeof(struct nat),
	.any_form = true,
	.sees_all = true,
	.translates = true,
	.init = nat_init,
	.packet = nat_packet,
	.wake = nat_wake,
	.fini = nat_fini,
};
