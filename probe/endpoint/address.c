/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/endpoint/address.h"

#include "probe/base/alloc.h"
#include "probe/endpoint/handshake.h"
#include "probe/endpoint/key.h"
#include "probe/endpoint/signal.h"
#include "probe/endpoint/subflow.h"

#include <stdlib.h>
#include <string.h>

enum {
	ADDRESSES_MOST = 64, /* of one side; a peer may announce what it likes */
	ANNOUNCES_MOST = 8,  /* sendings of one ADD_ADDR that nobody echoes */
};

static struct address *find_id(struct addresses *book, uint8_t id)
{
	size_t i;

	for (i = 0; i < book->count; i++)
		if (book->list[i].id == id)
			return &book->list[i];
	return NULL;
}

static struct address *add(struct conn *conn, struct addresses *book, uint8_t id,
	const struct sockname *name)
{
	if (book->count == ADDRESSES_MOST) {
		conn->endpoint->dropped[DROP_LIMIT]++;
		return NULL;
	}
	book->list = xgrow(book->list, book->count, &book->capacity, sizeof(*book->list));
	book->list[book->count] =
		(struct address){ .id = id, .name = *name, .retry_at = NSEC_NEVER };
	return &book->list[book->count++];
}

static void drop(struct addresses *book, const struct address *address)
{
	size_t index = (size_t)(address - book->list);

	book->count--;
	memmove(book->list + index, book->list + index + 1,
		(book->count - index) * sizeof(*book->list));
}

void address_fini(struct conn *conn)
{
	free(conn->own.list);
	free(conn->theirs.list);
	free(conn->signals.list);
	conn->own = conn->theirs = (struct addresses){ 0 };
	conn->signals = (struct signals){ 0 };
}

static struct address *find_addr(struct addresses *book, const struct addr *addr)
{
	size_t i;

	for (i = 0; i < book->count; i++)
		if (addr_equal(&book->list[i].name.addr, addr))
			return &book->list[i];
	return NULL;
}

uint8_t address_id(struct conn *conn, const struct addr *addr)
{
	struct sockname name = { *addr, 0 };
	struct address *known;

	if (conn->subflow_count == 0 || addr_equal(&conn->subflows[0]->local.addr, addr))
		return 0;
	known = find_addr(&conn->own, addr);
	if (known != NULL)
		return known->id;
	if (conn->next_address_id < UINT8_MAX)
		conn->next_address_id++;
	add(conn, &conn->own, conn->next_address_id, &name);
	return conn->next_address_id;
}

/* ---- ADD_ADDR ---- */

static void arm(struct conn *conn)
{
	size_t i;

	conn->address_at = NSEC_NEVER;
	for (i = 0; i < conn->own.count; i++)
		conn->address_at = nsec_min(conn->address_at, conn->own.list[i].retry_at);
}

static struct mptcp_opt add_option(const struct conn *conn, const struct address *address)
{
	struct mptcp_opt option = { .subtype = MP_ADD_ADDR };

	option.add_addr = (struct mp_add_addr){ .address_id = address->id,
		.addr = address->name.addr,
		.has_port = address->name.port != 0,
		.port = address->name.port,
		.is_v0 = conn->version == 0,
		.has_hmac = conn->version > 0 };
	if (conn->version > 0)
		option.add_addr.hmac = key_add_addr_hmac(conn->key_local, conn->key_remote,
			address->id, &address->name.addr, address->name.port);
	return option;
}

/* v0 has no echo: there it goes out on every subflow, which RFC 6824 3.4.1 recommends. */
static bool tell(struct conn *conn, struct address *address, nsec_t now)
{
	struct mptcp_opt option = add_option(conn, address);
	nsec_t wait = conn->endpoint->config.rto_initial << address->tries;
	unsigned int most = conn_has_fault(conn, FAULT_TELL_ONCE) ? 1 : ANNOUNCES_MOST;
	bool told = false;
	unsigned int i;

	address->tries++;
	if (conn->version > 0) {
		address->retry_at = address->tries < most ? now + wait : NSEC_NEVER;
		return signal_queue(conn, &option, SIGNAL_ANYWHERE);
	}
	for (i = 0; i < conn->subflow_count; i++)
		if (subflow_is_live(conn->subflows[i]))
			told = signal_queue(conn, &option, (uint8_t)i) || told;
	return told;
}

bool address_announce(struct conn *conn, const struct sockname *name, nsec_t now)
{
	uint8_t id = address_id(conn, &name->addr);
	struct address *address = find_id(&conn->own, id);

	if (conn_lacks(conn, LACKS_ADD_ADDR))
		return false;
	if (address == NULL)
		address = add(conn, &conn->own, id, name);
	if (address == NULL)
		return false;
	address->name = *name;
	address->told = tell(conn, address, now);
	address->tries = 1;
	if (!address->told)
		address->retry_at = NSEC_NEVER;
	arm(conn);
	return address->told;
}

void address_retry(struct conn *conn, nsec_t now)
{
	size_t i;

	for (i = 0; i < conn->own.count; i++) {
		struct address *address = &conn->own.list[i];

		if (address->retry_at > now)
			continue;
		address->retry_at = NSEC_NEVER;
		if (conn_is_mptcp(conn) && conn->state == CONN_OPEN && !conn->fail_sent)
			tell(conn, address, now);
	}
	arm(conn);
}

void address_settle(struct conn *conn, nsec_t now)
{
	const struct endpoint_config *config = &conn->endpoint->config;
	unsigned int i;

	if (conn->announced || config->announce_count == 0 || !handshake_may_join(conn))
		return;
	conn->announced = true;
	for (i = 0; i < config->announce_count; i++)
		address_announce(conn, &config->announce[i], now);
}

/* The echo says that the peer has it (RFC 8684 3.4.1). */
static void take_echo(struct conn *conn, const struct mp_add_addr *echo)
{
	struct address *address = find_id(&conn->own, echo->address_id);

	if (address == NULL || !addr_equal(&address->name.addr, &echo->addr) ||
		address->name.port != echo->port)
		return;
	address->echoed = true;
	address->retry_at = NSEC_NEVER;
	arm(conn);
}

/* In constant time: who guesses learns nothing from how long it takes. */
static bool is_authentic(const struct conn *conn, const struct mp_add_addr *told)
{
	uint64_t wanted = key_add_addr_hmac(conn->key_remote, conn->key_local, told->address_id,
		&told->addr, told->has_port ? told->port : 0);

	return told->has_hmac && key_equal(&told->hmac, &wanted, sizeof(wanted));
}

/*
 * F60: a wrong HMAC is ignored. The same ID with another address is, too: it has to be removed
 * first. The same address again asks for another try to join there (RFC 8684 3.4.1).
 */
static void take_add(struct conn *conn, const struct mp_add_addr *told, nsec_t now)
{
	struct sockname name = { told->addr, told->has_port ? told->port : 0 };
	struct mptcp_opt echo = { .subtype = MP_ADD_ADDR, .add_addr = *told };
	struct address *known;

	if (told->is_v0 != (conn->version == 0))
		return;
	if (told->echo) {
		take_echo(conn, told);
		return;
	}
	if (conn->version > 0 && !conn_has_fault(conn, FAULT_ANY_ADDRESS) &&
		!is_authentic(conn, told)) {
		conn->endpoint->dropped[DROP_HMAC]++;
		return;
	}
	known = find_id(&conn->theirs, told->address_id);
	if (known != NULL && !sockname_equal(&known->name, &name))
		return;
	if (known == NULL)
		known = add(conn, &conn->theirs, told->address_id, &name);
	if (known == NULL)
		return;
	known->told_at = now;
	if (conn->version > 0) {
		echo.add_addr.echo = true;
		echo.add_addr.has_hmac = false;
		signal_queue(conn, &echo, SIGNAL_ANYWHERE);
	}
	conn->pm_news = true;
}

/* ---- REMOVE_ADDR ---- */

/* A subflow that goes on, from which the others' end can be told; NULL when there is none. */
static const struct subflow *staying(const struct conn *conn, const struct mp_remove_addr *remove)
{
	unsigned int i;

	for (i = 0; i < conn->subflow_count; i++)
		if (subflow_is_usable(conn->subflows[i]) &&
			memchr(remove->ids, conn->subflows[i]->address_id, remove->count) == NULL)
			return conn->subflows[i];
	return NULL;
}

static void close_from(struct conn *conn, uint8_t id)
{
	unsigned int i;

	for (i = 0; i < conn->subflow_count; i++) {
		struct subflow *subflow = conn->subflows[i];

		if (subflow->address_id != id)
			continue;
		if (subflow_is_live(subflow))
			subflow->fin_wanted = true;
		else if (subflow->phase < PHASE_OPEN)
			subflow_reset(subflow, RESET_PROHIBITED);
	}
}

bool address_withdraw(struct conn *conn, const struct addr *list, unsigned int count)
{
	struct mptcp_opt option = { .subtype = MP_REMOVE_ADDR };
	struct mp_remove_addr *remove = &option.remove_addr;
	const struct subflow *on;
	unsigned int i;

	for (i = 0; i < count && remove->count < sizeof(remove->ids); i++) {
		struct address *known = find_addr(&conn->own, &list[i]);

		if (addr_equal(&list[i], &conn->subflows[0]->local.addr)) {
			remove->ids[remove->count++] = 0;
		} else if (known != NULL) {
			remove->ids[remove->count++] = known->id;
			drop(&conn->own, known);
		}
	}
	if (remove->count == 0)
		return false;
	arm(conn);
	on = staying(conn, remove);
	if (!conn_lacks(conn, LACKS_REMOVE_ADDR) &&
		!signal_queue(conn, &option, on == NULL ? SIGNAL_ANYWHERE : on->index))
		return false;
	for (i = 0; i < remove->count; i++)
		close_from(conn, remove->ids[i]);
	return true;
}

/*
 * RFC 8684 3.4.2: the address is used no more for new subflows; those that exist are first asked
 * whether they live, and end only if no answer comes. F61: an unknown ID means nothing.
 */
static void take_remove(struct conn *conn, const struct mp_remove_addr *remove)
{
	unsigned int i, s;

	for (i = 0; i < remove->count; i++) {
		struct address *known = find_id(&conn->theirs, remove->ids[i]);

		if (known != NULL)
			drop(&conn->theirs, known);
		for (s = 0; s < conn->subflow_count; s++) {
			struct subflow *subflow = conn->subflows[s];

			if (subflow->remote_address_id != remove->ids[i] ||
				!subflow_is_usable(subflow) || subflow->fin_received)
				continue;
			subflow->is_doubted = true;
			subflow->probes = 0;
			subflow->probe_at = 0;
		}
	}
}

/* ---- MP_PRIO ---- */

static void settle_backup(struct subflow *subflow)
{
	subflow->backup = subflow->backup_own || subflow->backup_theirs;
}

bool address_prioritize(struct subflow *subflow, bool backup)
{
	struct conn *conn = subflow->conn;
	struct mptcp_opt option = { .subtype = MP_PRIO };

	if (conn_lacks(conn, LACKS_PRIO))
		return false;
	option.prio.backup = backup;
	subflow->backup_own = backup;
	settle_backup(subflow);
	return signal_queue(conn, &option, subflow->index);
}

static bool is_from(const struct subflow *subflow, const struct addr *local)
{
	return subflow_is_live(subflow) && addr_equal(&subflow->local.addr, local);
}

/* v0: one option for several subflows, on whatever subflow. */
static bool prioritize_id(struct conn *conn, const struct addr *local, bool backup)
{
	struct mptcp_opt option = { .subtype = MP_PRIO };
	unsigned int i;

	option.prio = (struct mp_prio){ backup, true, address_id(conn, local) };
	for (i = 0; i < conn->subflow_count; i++)
		if (is_from(conn->subflows[i], local)) {
			conn->subflows[i]->backup_own = backup;
			settle_backup(conn->subflows[i]);
		}
	return signal_queue(conn, &option, SIGNAL_ANYWHERE);
}

bool address_prioritize_all(struct conn *conn, const struct addr *local, bool backup)
{
	unsigned int i, count = 0;
	bool queued = false;

	for (i = 0; i < conn->subflow_count; i++)
		count += is_from(conn->subflows[i], local);
	if (conn->version == 0 && count > 1)
		return !conn_lacks(conn, LACKS_PRIO) && prioritize_id(conn, local, backup);
	for (i = 0; i < conn->subflow_count; i++)
		if (is_from(conn->subflows[i], local))
			queued = address_prioritize(conn->subflows[i], backup) || queued;
	return queued;
}

/*
 * The peer asks for the subflow the option came on or, in v0 and with an address ID, for all that
 * lead to that address of its own.
 */
static void take_priority(struct subflow *subflow, const struct mp_prio *prio)
{
	struct conn *conn = subflow->conn;
	unsigned int i;

	if (prio->has_address_id && conn->version > 0)
		return; /* RFC 8684 has no such form */
	for (i = 0; i < conn->subflow_count; i++) {
		struct subflow *other = conn->subflows[i];

		if (prio->has_address_id ? other->remote_address_id != prio->address_id
					 : other != subflow)
			continue;
		other->backup_theirs = prio->backup;
		settle_backup(other);
	}
}

void address_take(struct subflow *subflow, const struct mptcp_opt *option, nsec_t now)
{
	static const struct {
		enum mptcp_subtype subtype;
		unsigned int lacks;
	} ignored[] = {
		{ MP_ADD_ADDR, LACKS_ADD_ADDR },
		{ MP_REMOVE_ADDR, LACKS_REMOVE_ADDR | LACKS_TAKING_REMOVE },
		{ MP_PRIO, LACKS_PRIO },
	};
	size_t i;

	for (i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		if (option->subtype == ignored[i].subtype &&
			conn_lacks(subflow->conn, ignored[i].lacks))
			return;
	if (option->subtype == MP_ADD_ADDR)
		take_add(subflow->conn, &option->add_addr, now);
	else if (option->subtype == MP_REMOVE_ADDR)
		take_remove(subflow->conn, &option->remove_addr);
	else if (option->subtype == MP_PRIO)
		take_priority(subflow, &option->prio);
}
