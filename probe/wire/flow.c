/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/wire/flow.h"

#include <string.h>

bool flow_any_addr(const struct addr *addr)
{
	static const uint8_t any[sizeof(addr->bytes)];

	return memcmp(addr->bytes, any, sizeof(any)) == 0;
}

int flow_version(const struct flow *flow)
{
	return flow->to.addr.version != 0 ? flow->to.addr.version : flow->from.addr.version;
}

static bool addr_covers(const struct addr *a, const struct addr *b)
{
	return a->version == 0 ||
		(a->version == b->version && (flow_any_addr(a) || addr_equal(a, b)));
}

static bool end_covers(const struct sockname *a, const struct sockname *b)
{
	return (a->port == 0 || a->port == b->port) && addr_covers(&a->addr, &b->addr);
}

bool flow_covers(const struct flow *a, const struct flow *b)
{
	return (a->protocol == 0 || a->protocol == b->protocol) && end_covers(&a->from, &b->from) &&
		end_covers(&a->to, &b->to);
}

bool flow_has(const struct flow *flow, const struct packet *packet)
{
	struct flow of = { .protocol = packet->protocol };

	packet_socknames(packet, &of.from, &of.to);
	return flow_covers(flow, &of);
}
