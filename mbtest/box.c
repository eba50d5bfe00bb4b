/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * box.c - running one box: which packets it is shown (the when parameters of box.h), lengths and
 * checksums afterwards, and the count of what it did.
 */
#include "mbtest/box.h"

#include "mbtest/box_param.h"
#include "mbtest/flow.h"
#include "probe/base/alloc.h"
#include "probe/base/seq.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	DIRECTION_TO_SERVER,
	DIRECTION_TO_CLIENT,
	DIRECTION_BOTH,
};

/* What a packet is; a set, because a packet may be data and FIN at once. */
enum {
	ON_SYN = 1 << 0,
	ON_SYNACK = 1 << 1,
	ON_ACK3 = 1 << 2,
	ON_DATA = 1 << 3,
	ON_ACK = 1 << 4,
	ON_FIN = 1 << 5,
	ON_RST = 1 << 6,
	ON_ANY = 1 << 7,
};

static const struct {
	const char *name;
	unsigned int bit;
} on_names[] = {
	{ "syn", ON_SYN },
	{ "synack", ON_SYNACK },
	{ "ack3", ON_ACK3 },
	{ "data", ON_DATA },
	{ "ack", ON_ACK },
	{ "fin", ON_FIN },
	{ "rst", ON_RST },
	{ "any", ON_ANY },
};

struct when {
	int direction;
	struct param_text on;
	int64_t path; /* 0: any */
	struct when_point from, until;
	int64_t every;
	struct ratio chance;
	int checksum; /* 1: leave */
};

static const char *const directions[] = { "to-server", "to-client", "both", NULL };
static const char *const ons[] = { "syn", "synack", "ack3", "data", "ack", "fin", "rst",
	"syn+synack", "data+fin", NULL };
static const char *const everies[] = { "2", "3", "5", "10", NULL };
static const char *const checksums[] = { "fix", "leave", NULL };

const struct box_param box_when_params[] = {
	{ "direction", PARAM_CHOICE, offsetof(struct when, direction), "both", 0, 0, directions,
		"packets going this way" },
	{ "on", PARAM_TEXT, offsetof(struct when, on), "any", 0, 0, ons,
		"packets of these kinds, any or several joined by +" },
	{ "path", PARAM_INT, offsetof(struct when, path), "0", 0, UINT8_MAX, NULL,
		"only where it stands on this path, the first subflow's being 1; 0: any" },
	{ "from", PARAM_POINT, offsetof(struct when, from), "", 0, 0, NULL,
		"the first packet that is meant: its number (\"3\"), a stream byte it holds"
		" (\"20000B\"), or a time (\"50ms\")" },
	{ "until", PARAM_POINT, offsetof(struct when, until), "", 0, 0, NULL,
		"the last packet that is meant, likewise" },
	{ "every", PARAM_INT, offsetof(struct when, every), "1", 1, INT32_MAX, everies,
		"only each n-th of them" },
	{ "chance", PARAM_RATIO, offsetof(struct when, chance), "1", 0, 0, NULL,
		"each of them with this probability" },
	{ "checksum", PARAM_CHOICE, offsetof(struct when, checksum), "fix", 0, 0, checksums,
		"leave: the TCP checksum stays as it was" },
	{ 0 },
};

/* A connection as its SYNs told it. */
struct connection {
	bool has_isn[DIRS];
	uint32_t isn[DIRS];
	uint64_t top[DIRS]; /* highest stream offset met: tells how often 32 bits have wrapped */
	enum dir opener;
};

/* First and last stream byte a packet stands at; signed, because a SYN stands before byte 0. */
struct place {
	int64_t first, last;
};

struct box {
	char name[48];
	const struct box_type *type;
	struct box_host host;
	struct rng rng;
	uint16_t path;
	struct when when;
	bool covered[DIRS]; /* directions that are meant on this path */
	unsigned int on;
	/* Whether a packet is meant depends on those before it ... */
	bool remembers;       /* in its connection, */
	bool counts;          /* or at all, on the time, or on chance */
	uint64_t met, within; /* packets with the right direction and kind; those past from */
	uint64_t hits;
	struct flow_table connections;
	nsec_t now;
	/* the packet in hand */
	bool matched, selected, quiet;
	const char *reason;
	_Alignas(16) uint8_t state[];
};

const struct box_type *box_type_find(const char *name)
{
	const struct box_entry *entry;

	for (entry = box_list; entry->name != NULL; entry++) {
		if (strcmp(entry->name, name) == 0)
			return entry->type;
	}
	return NULL;
}

/* ---- making one ---- */

static unsigned int on_find(const uint8_t *name, size_t length)
{
	size_t i;

	for (i = 0; i < sizeof(on_names) / sizeof(on_names[0]); i++) {
		if (strlen(on_names[i].name) == length &&
			memcmp(on_names[i].name, name, length) == 0)
			return on_names[i].bit;
	}
	return 0;
}

static bool on_parse(struct box *box, struct err *err)
{
	const struct param_text *on = &box->when.on;
	size_t first = 0, end;
	unsigned int bit;

	for (; first <= on->length; first = end + 1) {
		for (end = first; end < on->length; end++) {
			if (on->bytes[end] == '+' || on->bytes[end] == ',')
				break;
		}
		bit = on_find(on->bytes + first, end - first);
		if (bit == 0)
			return err_set(err,
				"box %s: parameter on: \"%.*s\" is none of syn, synack, ack3, "
				"data, ack, fin, rst, any",
				box->name, (int)(end - first), (const char *)on->bytes + first);
		box->on |= bit;
	}
	return true;
}

/* A stream's bytes are counted from its SYN, and a third packet is one by the two before it. */
static bool needs_connection(const struct box *box)
{
	unsigned int acks = box->on & (ON_ACK3 | ON_ACK);

	return box->when.from.unit == POINT_BYTE || box->when.until.unit == POINT_BYTE ||
		((box->on & ON_ANY) == 0 && (acks == ON_ACK3 || acks == ON_ACK));
}

static bool params_fill(struct box *box, const struct box_arg *args, size_t arg_count,
	struct err *err)
{
	uint64_t used = 0;
	bool here;
	size_t i;

	if (!box_params_fill(box->name, box_when_params, &box->when, args, arg_count, &used, err))
		return false;
	if (!box_params_fill(box->name, box->type->params, box->state, args, arg_count, &used, err))
		return false;
	for (i = 0; i < arg_count; i++) {
		if ((used >> i & 1) == 0)
			return err_set(err, "box %s: unknown parameter %s", box->name,
				args[i].name);
	}
	if (!on_parse(box, err))
		return false;
	if (box->when.from.unit == box->when.until.unit &&
		box->when.from.value > box->when.until.value)
		return err_set(err, "box %s: parameter until is before from", box->name);
	here = box->when.path == 0 || box->when.path == box->path + 1;
	box->covered[TO_SERVER] = here && box->when.direction != DIRECTION_TO_CLIENT;
	box->covered[TO_CLIENT] = here && box->when.direction != DIRECTION_TO_SERVER;
	box->remembers = needs_connection(box);
	box->counts = box->when.from.unit != POINT_NONE || box->when.until.unit != POINT_NONE ||
		box->when.every != 1 || box->when.chance.ppm != 1000000;
	return true;
}

struct box *box_new(const char *name, const struct box_type *type, const struct box_arg *args,
	size_t arg_count, const struct box_host *host, const struct rng *rng, uint16_t path,
	struct err *err)
{
	struct box *box = xcalloc(1, sizeof(*box) + type->state_size);
	size_t length = strlen(name);

	memcpy(box->name, name, length < sizeof(box->name) ? length : sizeof(box->name) - 1);
	box->type = type;
	box->host = *host;
	box->rng = *rng;
	box->path = path;
	flow_table_init(&box->connections, sizeof(struct connection));
	if (!params_fill(box, args, arg_count, err) ||
		(type->init != NULL && !type->init(box, err))) {
		free(box);
		return NULL;
	}
	return box;
}

void box_free(struct box *box)
{
	if (box == NULL)
		return;
	if (box->type->fini != NULL)
		box->type->fini(box);
	flow_table_fini(&box->connections);
	free(box);
}

/* ---- what a packet is and where it stands ---- */

static bool is_whole_tcp(const struct packet *packet)
{
	return packet->form == PACKET_TCP && !packet->is_fragment;
}

/* A SYN seen: sequence numbers of its direction count from it. A new one begins anew. */
static void connection_start(struct connection *connection, uint32_t isn, bool opens, enum dir dir)
{
	if (connection->has_isn[dir] && connection->isn[dir] == isn)
		return;
	if (opens) {
		memset(connection, 0, sizeof(*connection));
		connection->opener = dir;
	}
	connection->has_isn[dir] = true;
	connection->isn[dir] = isn;
	connection->top[dir] = 0;
}

/* The connection of a packet; NULL when its SYN was not seen, or nothing depends on it. */
static struct connection *connection_track(struct box *box, const struct packet *packet,
	enum dir dir)
{
	uint16_t flags = tcp_flags(packet);
	struct connection *connection;

	if ((flags & (TCP_SYN | TCP_RST)) != TCP_SYN)
		return box->remembers ? flow_find(&box->connections, packet, dir) : NULL;
	connection = flow_add(&box->connections, packet, dir);
	connection_start(connection, tcp_seq(packet), (flags & TCP_ACK) == 0, dir);
	return connection;
}

/* Stream offset of a sequence number: 0 is the byte after the SYN. */
static uint64_t stream_offset(const struct connection *connection, uint32_t seq, enum dir dir)
{
	return dsn_expand(connection->top[dir], seq - connection->isn[dir] - 1);
}

static bool is_ack3(const struct connection *connection, const struct packet *packet, enum dir dir)
{
	enum dir back = dir_opposite(dir);

	return connection != NULL && connection->opener == dir && connection->has_isn[dir] &&
		connection->has_isn[back] && tcp_seq(packet) == connection->isn[dir] + 1 &&
		tcp_ack(packet) == connection->isn[back] + 1;
}

static unsigned int packet_kinds(const struct connection *connection, const struct packet *packet,
	enum dir dir)
{
	uint16_t flags;
	unsigned int kinds;

	if (!is_whole_tcp(packet))
		return ON_ANY;
	flags = tcp_flags(packet);
	if ((flags & TCP_RST) != 0)
		return ON_ANY | ON_RST;
	if ((flags & TCP_SYN) != 0)
		return ON_ANY | ((flags & TCP_ACK) != 0 ? ON_SYNACK : ON_SYN);
	kinds = (packet_payload_len(packet) > 0 ? ON_DATA : 0u) |
		((flags & TCP_FIN) != 0 ? ON_FIN : 0u);
	if (kinds == 0 && (flags & TCP_ACK) != 0)
		kinds = is_ack3(connection, packet, dir) ? ON_ACK3 : ON_ACK;
	return ON_ANY | kinds;
}

/* False when the SYN that its numbers count from was not seen. */
static bool packet_place(struct connection *connection, const struct packet *packet, enum dir dir,
	struct place *place)
{
	uint32_t length = packet_payload_len(packet);
	uint16_t flags = tcp_flags(packet);
	bool pure_ack = length == 0 && (flags & (TCP_SYN | TCP_FIN | TCP_RST)) == 0;
	uint64_t offset;

	place->first = place->last = -1;
	if ((flags & TCP_SYN) != 0)
		return true;
	if (pure_ack)
		dir = dir_opposite(dir);
	if (!connection->has_isn[dir])
		return false;
	offset = stream_offset(connection, pure_ack ? tcp_ack(packet) : tcp_seq(packet), dir);
	if (length > 0 && dsn_after(offset + length, connection->top[dir]))
		connection->top[dir] = offset + length;
	place->first = (int64_t)offset - (pure_ack ? 1 : 0);
	place->last = place->first + (length > 0 ? length - 1 : 0);
	return true;
}

bool box_stream_offset(const struct box *box, const struct packet *packet, enum dir dir,
	uint32_t *offset)
{
	/* Looking up moves only the table's note of what was found last. */
	struct flow_table connections = box->connections;
	const struct connection *connection;

	if (!is_whole_tcp(packet))
		return false;
	connection = flow_find(&connections, packet, dir);
	if (connection == NULL || !connection->has_isn[dir])
		return false;
	*offset = tcp_seq(packet) + ((tcp_flags(packet) & TCP_SYN) != 0) - connection->isn[dir] - 1;
	return true;
}

/* ---- whether it is meant ---- */

static bool past_from(const struct box *box, const struct place *place)
{
	const struct when_point *from = &box->when.from;

	switch (from->unit) {
	case POINT_NONE:
		return true;
	case POINT_PACKET:
		return box->met >= from->value;
	case POINT_BYTE:
		return place != NULL && place->last >= (int64_t)from->value;
	case POINT_TIME:
		return box->now >= from->value;
	}
	return false;
}

static bool within_until(const struct box *box, const struct place *place)
{
	const struct when_point *until = &box->when.until;

	switch (until->unit) {
	case POINT_NONE:
		return true;
	case POINT_PACKET:
		return box->met <= until->value;
	case POINT_BYTE:
		return place != NULL && place->first <= (int64_t)until->value;
	case POINT_TIME:
		return box->now <= until->value;
	}
	return false;
}

static bool is_meant(struct box *box, struct connection *connection, const struct packet *packet,
	enum dir dir)
{
	struct place place;
	bool placed = connection != NULL && packet_place(connection, packet, dir, &place);

	box->selected = false;
	if (!box->covered[dir])
		return false;
	if ((box->on & ON_ANY) == 0 && (packet_kinds(connection, packet, dir) & box->on) == 0)
		return false;
	if (!box->counts)
		return box->selected = true;
	box->met++;
	box->selected = within_until(box, placed ? &place : NULL);
	if (!past_from(box, placed ? &place : NULL) || !box->selected)
		return false;
	box->within++;
	if (box->within % (uint64_t)box->when.every != 0)
		return false;
	return box->when.chance.ppm == 1000000 ||
		rng_chance(&box->rng, box->when.chance.ppm, 1000000);
}

/* ---- the three ways in ---- */

static void settle(const struct box *box, struct packet *packet)
{
	if (box->when.checksum == 0)
		packet_finish(packet);
	else
		packet_finish_lengths(packet);
}

static void box_apply(struct box *box, struct packet *packet, enum dir dir)
{
	enum verdict verdict;

	box->quiet = false;
	box->reason = NULL;
	verdict = box->type->packet(box, packet, dir);
	if (!box->quiet)
		box->hits++;
	switch (verdict) {
	case BOX_PASS:
		if (!box->quiet)
			settle(box, packet);
		box->host.emit(box->host.self, packet, dir);
		break;
	case BOX_DROP:
		box->host.drop(box->host.self, packet, dir,
			box->reason != NULL ? box->reason : "dropped by the box");
		break;
	case BOX_TAKEN:
		break;
	}
}

void box_input(struct box *box, struct packet *packet, enum dir dir, nsec_t now)
{
	struct connection *connection = NULL;

	box->now = now;
	if (is_whole_tcp(packet)) {
		connection = connection_track(box, packet, dir);
	} else if (!box->type->any_form) {
		box->host.emit(box->host.self, packet, dir);
		return;
	}
	box->matched = is_meant(box, connection, packet, dir);
	if (box->matched || box->type->sees_all)
		box_apply(box, packet, dir);
	else
		box->host.emit(box->host.self, packet, dir);
}

void box_wake(struct box *box, nsec_t now)
{
	box->now = now;
	if (box->type->wake != NULL)
		box->type->wake(box);
}

uint64_t box_hits(const struct box *box)
{
	return box->hits;
}

const struct box_type *box_type_of(const struct box *box)
{
	return box->type;
}

const char *box_name(const struct box *box)
{
	return box->name;
}

/* ---- for the behaviours ---- */

void *box_state(struct box *box)
{
	return box->state;
}

nsec_t box_now(const struct box *box)
{
	return box->now;
}

struct rng *box_rng(struct box *box)
{
	return &box->rng;
}

bool box_own_addrs(const struct box *box, struct addr *address, struct addr *address6, uint8_t host,
	struct err *err)
{
	uint8_t number = (uint8_t)(box->path + 1);
	struct addr fallback = { 6, { 0xfd, 0, 0, number } };

	/* The digits of the decimal host, as the text of an IPv6 address has them. */
	fallback.bytes[14] = host / 100;
	fallback.bytes[15] = (uint8_t)(host / 10 % 10 << 4 | host % 10);
	if (address->version == 0)
		*address = addr_v4(198, 18, number, host);
	if (address6->version == 0)
		*address6 = fallback;
	if (address->version != 4)
		return err_set(err, "box %s: parameter address is not an IPv4 address", box->name);
	if (address6->version != 6)
		return err_set(err, "box %s: parameter address6 is not an IPv6 address", box->name);
	return true;
}

bool box_matched(const struct box *box)
{
	return box->matched;
}

bool box_selected(const struct box *box)
{
	return box->selected;
}

void box_emit(struct box *box, struct packet *packet, enum dir dir)
{
	box->hits++;
	box_release(box, packet, dir);
}

void box_release(struct box *box, struct packet *packet, enum dir dir)
{
	settle(box, packet);
	box->host.emit(box->host.self, packet, dir);
}

struct packet *box_spare(struct box *box, uint32_t capacity)
{
	/* Room for what the next box may add. */
	return box->host.spare(box->host.self, capacity < PACKET_SMALL ? PACKET_SMALL : capacity);
}

struct packet *box_clone(struct box *box, const struct packet *packet)
{
	struct packet *clone = box_spare(box, packet->length + PACKET_HEADROOM);
	bool fits = packet_copy(clone, packet);

	assert(fits);
	(void)fits;
	return clone;
}

void box_discard(struct box *box, struct packet *packet, enum dir dir, const char *reason)
{
	box->hits++;
	box->host.drop(box->host.self, packet, dir, reason);
}

enum verdict box_reason(struct box *box, const char *reason)
{
	box->reason = reason;
	return BOX_DROP;
}

enum verdict box_unchanged(struct box *box)
{
	box->quiet = true;
	return BOX_PASS;
}

enum verdict box_held(struct box *box)
{
	box->quiet = true;
	return BOX_TAKEN;
}

void box_wake_at(struct box *box, nsec_t at)
{
	box->host.wake_at(box->host.self, at);
}

void box_fail(struct box *box, const char *sentence)
{
	if (box->host.fail != NULL)
		box->host.fail(box->host.self, sentence);
}

void box_edited(struct box *box, enum dir dir, const uint8_t *old_bytes, uint32_t old_length,
	const uint8_t *new_bytes, uint32_t new_length)
{
	if (box->host.edited != NULL)
		box->host.edited(box->host.self, dir, old_bytes, old_length, new_bytes, new_length);
}
