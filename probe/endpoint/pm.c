/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/endpoint/pm.h"

#include "probe/endpoint/handshake.h"
#include "probe/endpoint/subflow.h"

#include <string.h>

enum {
	REJOINS_MOST = 3, /* of one pair, after resets that were transient */
	PORT_FIRST = 32768,
	PORT_COUNT = 28232,
};

/* ---- what each wants ---- */

static bool no_pair(const struct conn *conn, unsigned int number, struct path_pair *pair)
{
	(void)conn, (void)number, (void)pair;
	return false;
}

/* A local address by number: the first subflow's, then those to join from. */
static const struct addr *local_at(const struct conn *conn, unsigned int number)
{
	const struct endpoint_config *config = &conn->endpoint->config;

	if (number == 0)
		return &conn->subflows[0]->local.addr;
	return number <= config->join_count ? &config->join[number - 1] : NULL;
}

/*
 * A remote end by number: the first subflow's, then those the peer told us of; without a port it is
 * the first subflow's (RFC 8684 3.4.1).
 */
static bool remote_at(const struct conn *conn, unsigned int number, struct sockname *remote)
{
	const struct sockname *first = &conn->subflows[0]->remote;

	if (number == 0) {
		*remote = *first;
		return true;
	}
	if (number > conn->theirs.count)
		return false;
	*remote = conn->theirs.list[number - 1].name;
	if (remote->port == 0)
		remote->port = first->port;
	return true;
}

/* Every address of ours with every one of the peer's. */
static bool mesh_pair(const struct conn *conn, unsigned int number, struct path_pair *pair)
{
	unsigned int locals = 1 + conn->endpoint->config.join_count;
	const struct addr *local = local_at(conn, number % locals);

	pair->local = (struct sockname){ *local, 0 };
	return remote_at(conn, number / locals, &pair->remote);
}

static unsigned int one_copy(const struct conn *conn)
{
	(void)conn;
	return 1;
}

static bool first_pair(const struct conn *conn, unsigned int number, struct path_pair *pair)
{
	const struct subflow *first = conn->subflows[0];

	*pair = (struct path_pair){ { first->local.addr, 0 }, first->remote };
	return number == 0;
}

static unsigned int many_copies(const struct conn *conn)
{
	return conn->endpoint->config.subflows_wanted;
}

const struct pm_ops pm_list[] = {
	{ "full-mesh", "joins from every address of ours to every one of the peer's", mesh_pair,
		one_copy },
	{ "ndiffports", "several subflows between the first one's addresses, ports apart",
		first_pair, many_copies },
	{ "none", "starts no subflow by itself", no_pair, one_copy },
	{ NULL, NULL, NULL, NULL },
};

const struct pm_ops *pm_find(const char *name)
{
	const struct pm_ops *ops;

	for (ops = pm_list; ops->name != NULL; ops++)
		if (strcmp(ops->name, name) == 0)
			return ops;
	return NULL;
}

/* ---- what is there already ---- */

static bool uses(const struct subflow *subflow, const struct path_pair *pair)
{
	return addr_equal(&subflow->local.addr, &pair->local.addr) &&
		(sockname_equal(&subflow->remote, &pair->remote) ||
			(!subflow->active &&
				addr_equal(&subflow->remote.addr, &pair->remote.addr)));
}

/* Subflows of a pair: those that stand or are being made, and those that may be made again. */
struct tally {
	unsigned int standing, asked, failed, transient; /* asked: of those that stand */
	nsec_t ended_at;                                 /* the last one that may be made again */
};

/*
 * When the peer told of the address last: it asks for another try where earlier ones have failed
 * (RFC 8684 3.4.1), not for tries in advance.
 */
static nsec_t invited_at(const struct conn *conn, const struct sockname *remote)
{
	nsec_t at = 0;
	size_t i;

	for (i = 0; i < conn->theirs.count; i++) {
		const struct address *told = &conn->theirs.list[i];

		if (addr_equal(&told->name.addr, &remote->addr) &&
			(told->name.port == 0 || told->name.port == remote->port) &&
			told->told_at > at)
			at = told->told_at;
	}
	return at;
}

static struct tally count(const struct conn *conn, const struct path_pair *pair)
{
	nsec_t invited = invited_at(conn, &pair->remote);
	struct tally tally = { 0 };
	unsigned int i;

	for (i = 0; i < conn->subflow_count; i++) {
		const struct subflow *subflow = conn->subflows[i];

		if (!uses(subflow, pair) ||
			(subflow->phase == PHASE_DEAD && subflow->ended_at < invited))
			continue;
		if (subflow->phase != PHASE_DEAD)
			tally.standing++;
		else if (!subflow->is_transient)
			tally.failed++;
		else
			tally.transient++;
		tally.asked += subflow->phase == PHASE_SYN_SENT;
		if (subflow->is_transient && subflow->ended_at > tally.ended_at)
			tally.ended_at = subflow->ended_at;
	}
	return tally;
}

/*
 * When a pair may be joined: at once, never, or after a while, where it was reset in a way that may
 * pass (F57, O17) and no other subflow is left (O11).
 */
static nsec_t join_at(const struct conn *conn, const struct path_pair *pair)
{
	const struct subflow *first = conn->subflows[0];
	unsigned int wanted = conn->pm->copies(conn);
	struct tally tally = count(conn, pair);

	if (conn_has_fault(conn, FAULT_JOIN_AGAIN))
		tally.failed = tally.transient = 0;
	if (pair->local.addr.version != pair->remote.addr.version || tally.standing >= wanted ||
		(conn->peer_no_join && sockname_equal(&pair->remote, &first->remote)))
		return NSEC_NEVER;
	if (tally.standing + tally.failed + tally.transient < wanted)
		return 0;
	/* F43: what nobody has answered yet is not tried again. */
	if (tally.asked > 0 || tally.failed > 0 || tally.transient == 0 ||
		tally.transient > REJOINS_MOST || subflow_live_count(conn) > 0)
		return NSEC_NEVER;
	return tally.ended_at + (conn->endpoint->config.rto_initial << (tally.transient - 1));
}

/* Any port but, where the addresses tell the subflow apart, perhaps the first one's. */
static void choose_port(const struct conn *conn, struct path_pair *pair)
{
	struct endpoint *endpoint = conn->endpoint;

	pair->local.port = conn->subflows[0]->local.port;
	if (endpoint->config.same_port &&
		subflow_find(endpoint, &pair->local, &pair->remote) == NULL)
		return;
	do
		pair->local.port = (uint16_t)(PORT_FIRST + rng_below(&endpoint->rng, PORT_COUNT));
	while (subflow_find(endpoint, &pair->local, &pair->remote) != NULL);
}

/*
 * Slots that are over tell what failed, and are not used again here: a pair whose failure was
 * forgotten would be tried for ever.
 */
static bool has_slot(const struct conn *conn)
{
	return handshake_may_join(conn) && conn->subflow_count < ENDPOINT_SUBFLOWS;
}

static nsec_t settle_pair(struct conn *conn, struct path_pair *pair, nsec_t now)
{
	nsec_t at;

	while ((at = join_at(conn, pair)) <= now && has_slot(conn)) {
		choose_port(conn, pair);
		if (handshake_join(conn, &pair->local, &pair->remote) == NULL)
			return NSEC_NEVER;
	}
	return at > now ? at : NSEC_NEVER;
}

void pm_settle(struct conn *conn, nsec_t now)
{
	struct path_pair pair;
	unsigned int number;

	if (!conn->pm_news && conn->join_at > now)
		return;
	conn->pm_news = false;
	conn->join_at = NSEC_NEVER;
	if ((!conn->active && !conn->endpoint->config.join_as_server) || !handshake_may_join(conn))
		return;
	for (number = 0; conn->pm->pair(conn, number, &pair); number++)
		conn->join_at = nsec_min(conn->join_at, settle_pair(conn, &pair, now));
}
