/* SPDX-License-Identifier: BSD-2-Clause */
/* wire_log.c - see wire_log.h. */
#include "mbtest/suite/wire_log.h"

#include "probe/analyze/view.h"
#include "probe/base/alloc.h"

#include <uthash.h>

#include <stdlib.h>
#include <string.h>

enum {
	FLOWS_AT_MOST = 65536,
	KEPT_FIRST = 12,      /* packets of each direction that are kept whatever they are */
	KINDS_AT_MOST = 16,   /* kinds of packets told apart in each */
	MAPPING_MOST = 65535, /* bytes that one mapping covers */
};

struct flow_name {
	struct sockname local, remote; /* seen from the client; ports 0 where there are none */
	uint8_t protocol;
};

/* One direction of a flow. */
struct flow_way {
	uint64_t packets, bytes;
	uint32_t kinds[KINDS_AT_MOST];
	unsigned int kind_count;
	bool mapped;       /* a mapping was seen, ... */
	uint64_t unmapped; /* ... and so many bytes after it without another */
	bool plain;        /* more than a mapping could cover: no Multipath TCP any more */
};

struct wire_flow {
	struct flow_name name;
	struct flow_way ways[DIRS];
	uint64_t arrived;
	bool listed;
	UT_hash_handle hh;
};

void wire_log_init(struct wire_log *log)
{
	*log = (struct wire_log){ .flows = NULL };
	capture_init(&log->kept);
}

void wire_log_fini(struct wire_log *log)
{
	struct wire_flow *flow, *next;

	HASH_ITER(hh, log->flows, flow, next)
	{
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		HASH_DEL(log->flows, flow);
		free(flow);
	}
	capture_fini(&log->kept);
}

/* ---- as packets pass ---- */

static struct flow_name name_of(const struct packet *packet, bool outgoing)
{
	struct flow_name name;
	struct sockname src, dst;

	/* Padding counts as well in the table. */
	memset(&name, 0, sizeof(name));
	packet_socknames(packet, &src, &dst);
	if (!outgoing) {
		struct sockname other = src;

		src = dst;
		dst = other;
	}
	name.local.port = src.port;
	name.remote.port = dst.port;
	name.local.addr.version = name.remote.addr.version = packet->version;
	memcpy(name.local.addr.bytes, src.addr.bytes, sizeof(src.addr.bytes));
	memcpy(name.remote.addr.bytes, dst.addr.bytes, sizeof(dst.addr.bytes));
	name.protocol = packet->protocol;
	return name;
}

static struct wire_flow *flow_of(const struct wire_log *log, const struct flow_name *name)
{
	struct wire_flow *flow;

	HASH_FIND(hh, log->flows, name, sizeof(*name), flow);
	return flow;
}

static struct wire_flow *flow_make(struct wire_log *log, const struct flow_name *name)
{
	struct wire_flow *flow = flow_of(log, name);

	if (flow != NULL || log->flow_count == FLOWS_AT_MOST)
		return flow;
	flow = xcalloc(1, sizeof(*flow));
	flow->name = *name;
	HASH_ADD(hh, log->flows, name, sizeof(flow->name), flow);
	log->flow_count++;
	return flow;
}

/*
 * What a TCP packet is, as bits: its flags, whether it has payload, which MPTCP options it carries,
 * and of a DSS whether it maps, and to the end of the stream.
 */
static uint32_t kind_of(const struct packet *packet, struct flow_way *way)
{
	uint32_t kind = tcp_flags(packet) & (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK);
	uint32_t payload = packet_payload_len(packet);
	struct tcpopt at = { 0 };
	struct mptcp_opt opt;
	bool maps = false;

	while (mptcp_next(packet, &at, &opt)) {
		kind |= 1u << (16 + opt.subtype);
		if (opt.subtype == MP_DSS)
			maps |= opt.dss.has_mapping && opt.dss.length > 0;
		if (opt.subtype == MP_CAPABLE)
			maps |= opt.capable.has_data_length;
		if (opt.subtype == MP_DSS && opt.dss.has_mapping && opt.dss.length == 0)
			kind |= 1u << 8;
		if (opt.subtype == MP_DSS && opt.dss.data_fin)
			kind |= 1u << 9;
	}
	way->mapped |= maps;
	way->unmapped = maps ? 0 : way->unmapped + payload;
	way->plain |= way->unmapped > (way->mapped ? MAPPING_MOST : 0);
	return kind | (payload > 0 ? 1u << 10 : 0) | (maps ? 1u << 11 : 0);
}

/* Whether a packet is unlike all before it. */
static bool is_new_kind(struct flow_way *way, uint32_t kind)
{
	for (unsigned int i = 0; i < way->kind_count; i++)
		if (way->kinds[i] == kind)
			return false;
	if (way->kind_count == KINDS_AT_MOST)
		return false;
	way->kinds[way->kind_count++] = kind;
	return true;
}

static void add_at_client(struct wire_log *log, const struct packet *packet, bool outgoing)
{
	struct flow_name name = name_of(packet, outgoing);
	struct wire_flow *flow = flow_make(log, &name);
	struct flow_way *way;
	bool is_new;

	if (flow == NULL) {
		log->left_out++;
		return;
	}
	way = &flow->ways[outgoing ? TO_SERVER : TO_CLIENT];
	way->packets++;
	if (packet->form == PACKET_TCP || packet->form == PACKET_UDP)
		way->bytes += packet_payload_len(packet);
	if (packet->form != PACKET_TCP)
		return;
	is_new = is_new_kind(way, kind_of(packet, way));
	if (is_new || way->packets <= KEPT_FIRST)
		capture_add(&log->kept, packet, packet->at, 0, outgoing);
}

void wire_log_add(struct wire_log *log, enum end end, const struct packet *packet, bool outgoing)
{
	struct wire_flow *flow;
	struct flow_name name;

	if (packet->form == PACKET_MALFORMED)
		return;
	log->last = packet->at;
	(outgoing ? log->sent : log->arrived)[end]++;
	if (end == CLIENT) {
		add_at_client(log, packet, outgoing);
	} else if (!outgoing) {
		name = name_of(packet, true);
		flow = flow_of(log, &name);
		if (flow != NULL)
			flow->arrived++;
		else
			log->is_translated = true;
	}
}

/* ---- when it is over ---- */

const char *wire_kind_text(enum wire_kind kind)
{
	static const char *const texts[] = {
		[WIRE_MPTCP] = "mptcp",
		[WIRE_FALLBACK] = "fallback",
		[WIRE_TCP] = "tcp",
		[WIRE_REFUSED] = "refused",
		[WIRE_UNANSWERED] = "unanswered",
		[WIRE_UDP] = "udp",
		[WIRE_ICMP] = "icmp",
		[WIRE_OTHER] = "other",
	};

	return texts[kind];
}

static bool fact_has(const struct view *view, uint32_t fact, uint32_t what)
{
	return fact != VIEW_NONE && (view->facts[fact].has & what) != 0;
}

/* Whether what the server says after its SYN/ACK is without any MPTCP option. */
static bool server_is_mute(const struct view *view, const struct subflow_view *subflow)
{
	enum way server = way_back(subflow_way(subflow));
	bool spoke = false;

	for (uint32_t i = subflow->first; i != VIEW_NONE; i = view->facts[i].next) {
		const struct fact *fact = &view->facts[i];

		if (fact->way != server || (fact->flags & (TCP_SYN | TCP_RST)) != 0)
			continue;
		if ((fact->has & HAS_OPTION) != 0)
			return false;
		spoke = true;
	}
	return spoke;
}

static void tell(struct wire_connection *connection, enum wire_kind kind, const char *why)
{
	connection->kind = kind;
	connection->why = why;
}

static void connection_judge(const struct view *view, const struct connection_view *found,
	const struct wire_flow *flow, struct wire_connection *connection)
{
	const struct subflow_view *first = &view->subflows[found->subflow];
	enum way server = way_back(subflow_way(first));

	connection->version = found->version;
	connection->subflows = found->subflow_count;
	if (first->synack == VIEW_NONE && first->flow[server].rst != VIEW_NONE)
		tell(connection, WIRE_REFUSED, "");
	else if (first->synack == VIEW_NONE)
		tell(connection, WIRE_UNANSWERED, "");
	else if (!fact_has(view, first->syn, HAS_CAPABLE))
		tell(connection, WIRE_TCP, "");
	else if (!fact_has(view, first->syn_last, HAS_CAPABLE))
		tell(connection, WIRE_TCP, "it was the SYN without MP_CAPABLE that was answered");
	else if (!fact_has(view, first->synack, HAS_CAPABLE))
		tell(connection, WIRE_TCP, "the SYN/ACK had no MP_CAPABLE");
	else if (found->fail[SENT] != VIEW_NONE || found->fail[RECEIVED] != VIEW_NONE)
		tell(connection, WIRE_FALLBACK, "MP_FAIL");
	else if (found->infinite[SENT] != VIEW_NONE || found->infinite[RECEIVED] != VIEW_NONE)
		tell(connection, WIRE_FALLBACK, "an infinite mapping");
	else if (flow->ways[TO_SERVER].plain || flow->ways[TO_CLIENT].plain)
		tell(connection, WIRE_FALLBACK, "data without a mapping");
	else if (server_is_mute(view, first))
		tell(connection, WIRE_FALLBACK, "no option of Multipath TCP after the SYN/ACK");
	else
		tell(connection, WIRE_MPTCP, "");
}

/* Names, and add the volume of a flow. */
static void add_volume(struct wire_connection *connection, struct wire_flow *flow)
{
	flow->listed = true;
	for (size_t dir = 0; dir < DIRS; dir++) {
		connection->packets[dir] += flow->ways[dir].packets;
		connection->bytes[dir] += flow->ways[dir].bytes;
	}
	connection->arrived += flow->arrived;
}

/* The flow of a subflow; the client may be either side of it. */
static struct wire_flow *flow_of_subflow(const struct wire_log *log,
	const struct subflow_view *subflow)
{
	bool ours = subflow->opened_by_us;
	const struct sockname *local = ours ? &subflow->initiator : &subflow->responder;
	const struct sockname *remote = ours ? &subflow->responder : &subflow->initiator;
	struct flow_name name;

	memset(&name, 0, sizeof(name));
	name.local.port = local->port;
	name.remote.port = remote->port;
	name.local.addr.version = name.remote.addr.version = local->addr.version;
	memcpy(name.local.addr.bytes, local->addr.bytes, sizeof(local->addr.bytes));
	memcpy(name.remote.addr.bytes, remote->addr.bytes, sizeof(remote->addr.bytes));
	name.protocol = PROTOCOL_TCP;
	return flow_of(log, &name);
}

static bool connection_fill(const struct wire_log *log, const struct view *view, size_t index,
	struct wire_connection *connection)
{
	const struct connection_view *found = &view->connections[index];
	struct wire_flow *flow = flow_of_subflow(log, &view->subflows[found->subflow]);
	uint32_t i;

	if (flow == NULL)
		return false;
	connection->client = flow->name.local;
	connection->server = flow->name.remote;
	connection_judge(view, found, flow, connection);
	for (i = found->subflow; i != VIEW_NONE; i = view->subflows[i].sibling) {
		flow = flow_of_subflow(log, &view->subflows[i]);
		/* Ports may be used again: what was listed belongs to the first. */
		if (flow != NULL && !flow->listed)
			add_volume(connection, flow);
	}
	return true;
}

static enum wire_kind kind_by_protocol(uint8_t protocol)
{
	switch (protocol) {
	case PROTOCOL_TCP:
		return WIRE_TCP;
	case PROTOCOL_UDP:
		return WIRE_UDP;
	case PROTOCOL_ICMP:
	case PROTOCOL_ICMPV6:
		return WIRE_ICMP;
	default:
		return WIRE_OTHER;
	}
}

size_t wire_log_connections(const struct wire_log *log, struct wire_connection **connections)
{
	struct wire_connection *list;
	struct wire_flow *flow;
	struct view view;
	size_t count = 0;

	for (flow = log->flows; flow != NULL; flow = flow->hh.next)
		flow->listed = false;
	view_init(&view, &log->kept, VIEW_HOST);
	list = xcalloc(view.connection_count + log->flow_count + 1, sizeof(*list));
	for (size_t i = 0; i < view.connection_count; i++)
		count += connection_fill(log, &view, i, &list[count]);
	view_fini(&view);
	for (flow = log->flows; flow != NULL; flow = flow->hh.next) {
		if (flow->listed)
			continue;
		list[count] = (struct wire_connection){ .client = flow->name.local,
			.server = flow->name.remote,
			.kind = kind_by_protocol(flow->name.protocol),
			.why = "" };
		add_volume(&list[count++], flow);
	}
	for (size_t i = 0; i < count; i++)
		list[i].is_renamed = log->is_translated && list[i].arrived == 0;
	*connections = list;
	return count;
}
