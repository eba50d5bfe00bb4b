/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * history_address.c - the addresses that a connection's ends announced, took back and gave another
 * priority (RFC 8684 3.3.8 and 3.4; RFC 6824 likewise), HMACs verified and echoes found.
 */
#include "probe/analyze/parts.h"
#include "probe/base/alloc.h"
#include "probe/endpoint/key.h"

enum { ADDRESSES_MAX = 512 }; /* twice all address ids */

/* The entry that says the same, a new one, or NULL when there is no room. */
static struct history_address *address_note(struct history *history,
	const struct history_address *wanted)
{
	size_t i;

	for (i = 0; i < history->address_count; i++) {
		struct history_address *known = &history->addresses[i];

		if (known->op == wanted->op && known->by == wanted->by && known->id == wanted->id &&
			known->backup == wanted->backup && known->has_port == wanted->has_port &&
			known->port == wanted->port && known->hmac == wanted->hmac &&
			addr_equal(&known->addr, &wanted->addr)) {
			known->times++;
			return known;
		}
	}
	if (history->address_count == ADDRESSES_MAX) {
		history->addresses_left_out++;
		return NULL;
	}
	history->addresses = xgrow(history->addresses, history->address_count,
		&history->address_capacity, sizeof(*wanted));
	history->addresses[history->address_count] = *wanted;
	return &history->addresses[history->address_count++];
}

enum hmac_verdict add_addr_verify(const struct connection_view *connection, enum way by,
	const struct mp_add_addr *add)
{
	enum way other = way_back(by);
	uint64_t hmac;

	if (!add->has_hmac)
		return HMAC_ABSENT;
	if (!connection->has_key[by] || !connection->has_key[other])
		return HMAC_UNKNOWN;
	hmac = key_add_addr_hmac(connection->key[by], connection->key[other], add->address_id,
		&add->addr, add->has_port ? add->port : 0);
	return hmac == add->hmac ? HMAC_OK : HMAC_BAD;
}

/* An echo repeats what the other side announced, but for the HMAC (RFC 8684 3.4.1). */
static void echo_note(struct history *history, enum way by, const struct mp_add_addr *echo)
{
	size_t i;

	for (i = 0; i < history->address_count; i++) {
		struct history_address *known = &history->addresses[i];

		if (known->op == ADDRESS_ADD && known->by == way_back(by) &&
			known->id == echo->address_id && known->has_port == echo->has_port &&
			known->port == (echo->has_port ? echo->port : 0) &&
			addr_equal(&known->addr, &echo->addr))
			known->echoed = true;
	}
}

static void option_note(struct history *history, uint32_t index, const struct mptcp_opt *opt)
{
	const struct fact *fact = &history->view->facts[index];
	const struct subflow_view *subflow = &history->view->subflows[fact->subflow];
	struct history_address entry = { .by = fact->way,
		.hmac = HMAC_ABSENT,
		.fact = index,
		.times = 1 };
	unsigned int i;

	if (opt->subtype == MP_ADD_ADDR && opt->add_addr.echo) {
		echo_note(history, fact->way, &opt->add_addr);
	} else if (opt->subtype == MP_ADD_ADDR) {
		entry.op = ADDRESS_ADD;
		entry.id = opt->add_addr.address_id;
		entry.addr = opt->add_addr.addr;
		entry.has_port = opt->add_addr.has_port;
		entry.port = entry.has_port ? opt->add_addr.port : 0;
		entry.hmac = add_addr_verify(history->connection, entry.by, &opt->add_addr);
		address_note(history, &entry);
	} else if (opt->subtype == MP_REMOVE_ADDR) {
		entry.op = ADDRESS_REMOVE;
		for (i = 0; i < opt->remove_addr.count; i++) {
			entry.id = opt->remove_addr.ids[i];
			address_note(history, &entry);
		}
	} else if (opt->subtype == MP_PRIO) {
		entry.op = ADDRESS_PRIORITY;
		entry.id = opt->prio.has_address_id ? opt->prio.address_id
						    : subflow->address_id[fact->way];
		entry.backup = opt->prio.backup;
		address_note(history, &entry);
	}
}

void history_addresses(struct history *history)
{
	const struct view *view = history->view;
	size_t i;

	for (i = 0; i < view->option_count; i++) {
		const struct mptcp_fact_option *option = &view->options[i];
		uint32_t subflow = view->facts[option->fact].subflow;

		if (&view->connections[view->subflows[subflow].connection] == history->connection)
			option_note(history, option->fact, &option->opt);
	}
}
