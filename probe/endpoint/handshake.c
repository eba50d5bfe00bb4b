/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/endpoint/handshake.h"

#include "probe/endpoint/ack.h"
#include "probe/endpoint/address.h"
#include "probe/endpoint/conn.h"
#include "probe/endpoint/fallback.h"
#include "probe/endpoint/key.h"
#include "probe/endpoint/subflow.h"

/* ---- judging an MP_CAPABLE ---- */

/* F6, F7a, F7b: what holds for SYN and SYN/ACK alike. */
static enum fallback_reason flags_judge(const struct endpoint_config *config, uint8_t version,
	uint8_t flags)
{
	if (version > 0 && flags & MPC_EXTENSION)
		return FALLBACK_FLAG_B;
	if (!(flags & MPC_HMAC))
		return FALLBACK_CRYPTO;
	if (version > 0 && flags & MPC_CHECKSUM && config->refuse_checksum)
		return FALLBACK_CHECKSUM_UNWANTED;
	return FALLBACK_NONE;
}

/* The offer in a SYN; version becomes the one to answer with. */
static enum fallback_reason offer_judge(const struct endpoint_config *config,
	const struct mptcp_opt *option, uint8_t *version)
{
	const struct mp_capable *offer;

	if (config->speaks == SPEAKS_TCP)
		return FALLBACK_NOT_ASKED;
	if (option == NULL)
		return FALLBACK_SYN_PLAIN;
	offer = &option->capable;
	/* A higher version is answered with ours, a lower one only if we speak it (F7). */
	*version = offer->version > 0 ? 1 : 0;
	if (!(config->speaks & (*version ? SPEAKS_V1 : SPEAKS_V0)))
		return FALLBACK_VERSION;
	if (offer->has_receiver_key || offer->has_sender_key != (*version == 0))
		return FALLBACK_COMPROMISED;
	return flags_judge(config, *version, offer->flags);
}

/* The answer in a SYN/ACK. */
static enum fallback_reason answer_judge(const struct conn *conn, const struct mptcp_opt *option)
{
	const struct mp_capable *answer;

	if (option == NULL)
		return FALLBACK_SYNACK_PLAIN;
	answer = &option->capable;
	if (answer->version != conn->version)
		return FALLBACK_VERSION;
	if ((!answer->has_sender_key || answer->sender_key == conn->key_local) &&
		!conn_has_fault(conn, FAULT_TAKE_MIRROR))
		return FALLBACK_MIRRORED;
	if (answer->has_receiver_key)
		return FALLBACK_COMPROMISED;
	return flags_judge(&conn->endpoint->config, conn->version, answer->flags);
}

/* RFC 6824 3.1: a v0 SYN (or SYN/ACK) with flag B that is not understood is ignored silently. */
static bool is_ignored_v0(const struct endpoint_config *config, const struct arrival *in)
{
	const struct mptcp_opt *option = arrival_find(in, MP_CAPABLE);

	return option != NULL && option->capable.version == 0 && config->speaks & SPEAKS_V0 &&
		option->capable.flags & MPC_EXTENSION;
}

static void agree(struct conn *conn)
{
	struct key_digest local = key_digest(conn->version, conn->key_local);
	struct key_digest remote = key_digest(conn->version, conn->key_remote);

	conn->mode = MODE_MPTCP;
	conn->token_local = local.token;
	conn->token_remote = remote.token;
	conn->dsn_local = local.idsn + !conn_has_fault(conn, FAULT_WRONG_IDSN);
	conn->dsn_remote = remote.idsn + 1;
}

/* ---- passive ---- */

static void reply_reset(struct endpoint *endpoint, const struct sockname *local,
	const struct sockname *remote, const struct arrival *in, int reason)
{
	struct reply *reply;

	endpoint->dropped[DROP_NO_CONNECTION]++;
	if (in->flags & TCP_RST)
		return;
	if (endpoint->reply_count == REPLIES_MOST) {
		endpoint->dropped[DROP_REPLIES]++;
		return;
	}
	reply = &endpoint->replies[(endpoint->reply_first + endpoint->reply_count) % REPLIES_MOST];
	endpoint->reply_count++;
	*reply = (struct reply){ .local = *local, .remote = *remote, .flags = TCP_RST };
	if (reason >= 0 && endpoint->config.speaks & SPEAKS_V1) {
		reply->with_reason = true;
		reply->reason = (uint8_t)reason;
	}
	if (in->flags & TCP_ACK) {
		reply->seq = in->ack;
		return;
	}
	reply->flags = TCP_RST | TCP_ACK;
	reply->ack = arrival_end(in);
}

/* Read the offer into a half-open connection, anew with every SYN (O13). */
static void take_offer(struct conn *conn, const struct arrival *in)
{
	const struct endpoint_config *config = &conn->endpoint->config;
	const struct mptcp_opt *option = arrival_find(in, MP_CAPABLE);
	enum fallback_reason reason = offer_judge(config, option, &conn->version);

	if (reason != FALLBACK_NONE) {
		fallback_at_handshake(conn, reason);
		return;
	}
	conn->mode = MODE_UNDECIDED;
	conn->fallback = FALLBACK_NONE;
	conn->linear = false;
	conn->checksum = !conn_lacks(conn, LACKS_CHECKSUM) &&
		(config->checksum || option->capable.flags & MPC_CHECKSUM);
	conn->peer_no_join = conn->version > 0 && option->capable.flags & MPC_NO_JOIN;
	conn->key_remote = option->capable.sender_key;
}

static bool is_listening(const struct endpoint *endpoint, uint16_t port)
{
	unsigned int i;

	for (i = 0; i < endpoint->listener_count; i++)
		if (endpoint->listeners[i] == port)
			return true;
	return false;
}

/*
 * What no application has accepted is bounded: the oldest half-open connection makes room for the
 * newest; false when all were opened and wait for endpoint_accept.
 */
static bool make_room(struct endpoint *endpoint)
{
	struct conn *conn;

	if (endpoint->half_open_count + endpoint->ready_count < HALF_OPEN_MOST)
		return true;
	endpoint->dropped[DROP_HALF_OPEN]++;
	if (endpoint->half_open_count == 0)
		return false;
	for (conn = endpoint->first; !conn->half_open; conn = conn->next)
		;
	conn_free(conn);
	return true;
}

static void open_passive(struct endpoint *endpoint, const struct sockname *local,
	const struct sockname *remote, const struct arrival *in, nsec_t now)
{
	struct conn *conn;
	struct subflow *subflow;

	if (is_ignored_v0(&endpoint->config, in))
		return;
	if (!make_room(endpoint))
		return;
	conn = conn_new(endpoint, false, now);
	conn->half_open = true;
	endpoint->half_open_count++;
	take_offer(conn, in);
	subflow = subflow_new(conn, local, remote, PHASE_SYN_RECEIVED);
	subflow_take_syn(subflow, in);
	subflow->synack_now = true;
	conn->dirty = true;
}

void handshake_syn_again(struct subflow *subflow, const struct arrival *in)
{
	struct conn *conn = subflow->conn;

	if (!subflow->is_join) {
		if (is_ignored_v0(&conn->endpoint->config, in))
			return;
		take_offer(conn, in);
	}
	subflow_take_syn(subflow, in);
	subflow->synack_now = true;
}

static struct conn *find_token(const struct endpoint *endpoint, uint32_t token)
{
	struct conn *conn;

	for (conn = endpoint->first; conn != NULL; conn = conn->next)
		if (conn->mode != MODE_UNDECIDED &&
			(conn->token_local == token || conn_has_fault(conn, FAULT_ANY_TOKEN)) &&
			conn->dsn_local != 0 && conn->state == CONN_OPEN)
			return conn;
	return NULL;
}

/* F41, F44: demultiplexed by token, whatever the port; refusals carry a reason. */
static void join_passive(struct endpoint *endpoint, const struct sockname *local,
	const struct sockname *remote, const struct arrival *in, const struct mp_join *join)
{
	struct conn *conn = join->form == JOIN_SYN ? find_token(endpoint, join->token) : NULL;
	struct subflow *subflow;
	uint8_t hmac[20], id;

	if (conn == NULL) {
		reply_reset(endpoint, local, remote, in, RESET_MPTCP);
		return;
	}
	if (!conn_is_mptcp(conn) || conn->fail_sent || conn_is_done(conn)) {
		reply_reset(endpoint, local, remote, in, RESET_PROHIBITED);
		return;
	}
	id = address_id(conn, &local->addr);
	subflow = subflow_new(conn, local, remote, PHASE_SYN_RECEIVED);
	if (subflow == NULL) {
		reply_reset(endpoint, local, remote, in, RESET_RESOURCES);
		return;
	}
	subflow->is_join = true;
	subflow->backup_own = endpoint->config.join_backup;
	subflow->backup_theirs = join->backup && !conn_lacks(conn, LACKS_PRIO);
	subflow->backup = subflow->backup_own || subflow->backup_theirs;
	subflow->address_id = id;
	subflow->remote_address_id = join->address_id;
	subflow->nonce_local = (uint32_t)endpoint_random(endpoint);
	subflow->nonce_remote = join->nonce;
	key_join_hmac(conn->version, conn->key_local, conn->key_remote, subflow->nonce_local,
		subflow->nonce_remote, hmac);
	subflow->hmac64 = key_join_hmac64(hmac);
	subflow_take_syn(subflow, in);
	subflow->synack_now = true;
	conn->dirty = true;
}

void handshake_unknown(struct endpoint *endpoint, const struct sockname *local,
	const struct sockname *remote, const struct arrival *in, nsec_t now)
{
	const struct mptcp_opt *join = arrival_find(in, MP_JOIN);
	bool is_syn = (in->flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN;
	bool listens = is_listening(endpoint, local->port);
	bool joins = join != NULL && endpoint->config.speaks != SPEAKS_TCP &&
		(listens || !(endpoint->config.faults >> FAULT_NEEDS_LISTENER & 1));

	if (is_syn && joins)
		join_passive(endpoint, local, remote, in, &join->join);
	else if (is_syn && listens)
		open_passive(endpoint, local, remote, in, now);
	else if (!is_syn || !(endpoint->config.faults >> FAULT_SILENT_PORT & 1))
		reply_reset(endpoint, local, remote, in, -1);
}

/* ---- third packet ---- */

static bool hmac_is_right(const struct subflow *subflow, const uint8_t *received,
	unsigned int length)
{
	const struct conn *conn = subflow->conn;
	uint8_t expected[20];

	if (conn_has_fault(conn, FAULT_ACCEPT_ANY_HMAC) || conn_lacks(conn, LACKS_HMAC_CHECK))
		return true;
	key_join_hmac(conn->version, conn->key_remote, conn->key_local, subflow->nonce_remote,
		subflow->nonce_local, expected);
	return key_equal(received, expected, length);
}

/* F38, F40: without MP_JOIN, or with a wrong HMAC, the subflow is reset. */
static bool third_of_join(struct subflow *subflow, const struct arrival *in, nsec_t now)
{
	const struct mptcp_opt *option = arrival_find(in, MP_JOIN);

	if (!conn_is_mptcp(subflow->conn) || subflow->conn->fail_sent) {
		subflow_reset(subflow, RESET_PROHIBITED); /* O16 */
		return false;
	}
	if (option == NULL && conn_has_fault(subflow->conn, FAULT_ACCEPT_PLAIN_JOIN)) {
		subflow_open(subflow, now);
		return true;
	}
	if (option == NULL || option->join.form != JOIN_ACK ||
		!hmac_is_right(subflow, option->join.hmac160, sizeof(option->join.hmac160))) {
		subflow_reset(subflow, RESET_MPTCP);
		return false;
	}
	subflow_open(subflow, now);
	subflow->ack_now = true; /* RFC 8684 3.2: the joiner waits for it */
	return true;
}

/*
 * F3, F7e: the third packet decides (O14). A DSS without keys shows that nothing is wrong with the
 * path, only the packet with the keys was lost: the SYN/ACK is repeated so that they come (O12).
 */
static bool third_of_capable(struct subflow *subflow, const struct arrival *in, nsec_t now)
{
	struct conn *conn = subflow->conn;
	const struct mptcp_opt *option = arrival_find(in, MP_CAPABLE);
	const struct mp_capable *capable;

	if (option == NULL && arrival_find(in, MP_DSS) != NULL &&
		subflow->synack_repeats < SYNACK_TRIES) {
		if (now >= subflow->synack_repeat_at) {
			subflow->synack_repeats++;
			subflow->synack_repeat_at = now + conn->endpoint->config.rto_min;
			subflow->synack_now = true;
		}
		return false;
	}
	if (option == NULL && conn_has_fault(conn, FAULT_BARE_THIRD)) {
		if (conn->version == 0)
			agree(conn);
		return conn->version == 0;
	}
	if (option == NULL) {
		fallback_at_handshake(conn, FALLBACK_ACK_PLAIN);
		return true;
	}
	capable = &option->capable;
	if (capable->version != conn->version || !capable->has_receiver_key ||
		capable->receiver_key != conn->key_local ||
		(conn->version == 0 && capable->sender_key != conn->key_remote)) {
		fallback_at_handshake(conn, FALLBACK_COMPROMISED);
		return true;
	}
	conn->key_remote = capable->sender_key;
	agree(conn);
	return true;
}

bool handshake_third(struct subflow *subflow, const struct arrival *in, nsec_t now)
{
	struct conn *conn = subflow->conn;

	if (subflow->is_join)
		return third_of_join(subflow, in, now);
	if (conn->mode == MODE_UNDECIDED && !third_of_capable(subflow, in, now))
		return false;
	subflow_open(subflow, now);
	if (conn->half_open)
		conn->endpoint->half_open_count--;
	conn->half_open = false;
	conn->ready = !conn->active;
	conn->endpoint->ready_count += conn->ready;
	return true;
}

/* ---- active ---- */

bool handshake_offers(const struct subflow *subflow)
{
	const struct conn *conn = subflow->conn;

	return !subflow->is_join && conn->mode == MODE_UNDECIDED &&
		(subflow->tries < conn->endpoint->config.capable_syns ||
			conn_has_fault(conn, FAULT_NEVER_PLAIN_SYN));
}

/* F35, F37, F39: no MP_JOIN or a wrong HMAC in the SYN/ACK resets; else the third ACK proves us. */
static void synack_of_join(struct subflow *subflow, const struct arrival *in, nsec_t now)
{
	const struct mptcp_opt *option = arrival_find(in, MP_JOIN);
	uint8_t hmac64[8];

	subflow->snd_una = in->ack;
	/* O16: what this host began itself goes no further, either. */
	if (subflow->conn->fail_sent) {
		subflow_reset(subflow, RESET_PROHIBITED);
		return;
	}
	if (option == NULL && conn_has_fault(subflow->conn, FAULT_ACCEPT_PLAIN_JOIN)) {
		subflow_open(subflow, now);
		subflow->third_now = true;
		return;
	}
	if (option == NULL || option->join.form != JOIN_SYNACK) {
		subflow_reset(subflow, RESET_MPTCP);
		return;
	}
	subflow->nonce_remote = option->join.nonce;
	subflow->remote_address_id = option->join.address_id;
	subflow->backup_theirs = option->join.backup && !conn_lacks(subflow->conn, LACKS_PRIO);
	subflow->backup = subflow->backup_own || subflow->backup_theirs;
	put_be64(hmac64, option->join.hmac64);
	if (!hmac_is_right(subflow, hmac64, sizeof(hmac64))) {
		subflow_reset(subflow, RESET_MPTCP);
		return;
	}
	ack_handshake(subflow, now);
	subflow->phase = PHASE_JOINING;
	subflow->tries = 0;
	subflow->backoff = 0;
	subflow->rto_at = NSEC_NEVER;
	subflow->join_ack_now = true;
	if (conn_has_fault(subflow->conn, FAULT_EAGER_JOIN)) {
		subflow_open(subflow, now);
		subflow->third_now = true;
	}
}

static void synack_of_capable(struct subflow *subflow, const struct arrival *in, nsec_t now)
{
	struct conn *conn = subflow->conn;
	const struct mptcp_opt *option = arrival_find(in, MP_CAPABLE);
	enum fallback_reason reason;

	/* After a plain SYN the connection is plain even if an older SYN was answered (O14). */
	if (conn->mode == MODE_UNDECIDED) {
		reason =
			conn->plain_syn_sent ? FALLBACK_SYN_UNANSWERED : answer_judge(conn, option);
		if (reason != FALLBACK_NONE) {
			fallback_at_handshake(conn, reason);
		} else {
			conn->key_remote = option->capable.sender_key;
			conn->checksum = !conn_lacks(conn, LACKS_CHECKSUM) &&
				(conn->endpoint->config.checksum ||
					option->capable.flags & MPC_CHECKSUM);
			conn->peer_no_join = conn->version > 0 &&
				option->capable.flags & MPC_NO_JOIN &&
				!conn_has_fault(conn, FAULT_JOIN_ANYHOW);
			agree(conn);
		}
	}
	subflow->snd_una = in->ack;
	subflow_open(subflow, now);
	subflow->third_now = true;
}

/*
 * RFC 8684 3.1: a v1 offer that nobody took may be followed by one of v0. The connection that the
 * answer would make is reset, and its addresses are used again.
 */
static bool retry_v0(struct subflow *subflow, const struct arrival *in)
{
	struct conn *conn = subflow->conn;
	const struct endpoint_config *config = &conn->endpoint->config;

	if (subflow->is_join || conn->mode != MODE_UNDECIDED || conn->version == 0 ||
		conn->plain_syn_sent || !config->retry_v0 || !(config->speaks & SPEAKS_V0) ||
		arrival_find(in, MP_CAPABLE) != NULL)
		return false;
	subflow->stray_now = true;
	subflow->stray_ack = in->ack;
	conn->version = 0;
	subflow->iss = subflow->snd_una = (uint32_t)endpoint_random(conn->endpoint);
	subflow->snd_nxt = subflow->delivered_seq = subflow->iss + 1;
	subflow->tries = subflow->backoff = 0;
	subflow->rto_at = 0;
	return true;
}

/* Simultaneous open (RFC 9293 3.5): MPTCP is given up, no rule says how its keys would meet. */
static void simultaneous_open(struct subflow *subflow, const struct arrival *in)
{
	if (subflow->is_join) {
		subflow_reset(subflow, RESET_MPTCP);
		return;
	}
	if (subflow->conn->mode == MODE_UNDECIDED)
		fallback_at_handshake(subflow->conn, FALLBACK_COMPROMISED);
	subflow_take_syn(subflow, in);
	subflow->phase = PHASE_SYN_RECEIVED;
	subflow->synack_now = true;
}

void handshake_syn_sent(struct subflow *subflow, const struct arrival *in, nsec_t now)
{
	struct conn *conn = subflow->conn;
	bool acks_syn = in->flags & TCP_ACK && in->ack == subflow->snd_nxt;
	const struct mptcp_opt *reason;

	if (in->flags & TCP_ACK && !acks_syn) {
		subflow->stray_ack = in->ack;
		subflow->stray_now = !(in->flags & TCP_RST);
		return;
	}
	if (in->flags & TCP_RST) {
		if (!acks_syn)
			return;
		reason = arrival_find(in, MP_TCPRST);
		if (reason != NULL)
			subflow->reset_reason = reason->tcprst.reason;
		subflow_end(subflow, SUBFLOW_RESET, now);
		if (!subflow->is_join)
			conn_close(conn, END_REFUSED);
		return;
	}
	if (!(in->flags & TCP_SYN) ||
		(conn->mode == MODE_UNDECIDED && acks_syn &&
			is_ignored_v0(&conn->endpoint->config, in)))
		return;
	if (!acks_syn) {
		simultaneous_open(subflow, in);
		return;
	}
	if (retry_v0(subflow, in))
		return;
	subflow_take_syn(subflow, in);
	if (subflow->is_join)
		synack_of_join(subflow, in, now);
	else
		synack_of_capable(subflow, in, now);
}

/* ---- joins by us ---- */

bool handshake_may_join(const struct conn *conn)
{
	return conn_is_mptcp(conn) && conn->state == CONN_OPEN &&
		(conn->peer_confirmed || conn_has_fault(conn, FAULT_EARLY_JOIN)) &&
		!conn->fail_sent && !conn_is_done(conn) &&
		subflow_standing_count(conn) < conn->endpoint->config.subflows_most;
}

struct subflow *handshake_join(struct conn *conn, const struct sockname *local,
	const struct sockname *remote)
{
	uint8_t id = address_id(conn, &local->addr);
	struct subflow *subflow = subflow_new(conn, local, remote, PHASE_SYN_SENT);

	if (subflow == NULL)
		return NULL;
	subflow->is_join = true;
	subflow->address_id = id;
	subflow->backup = subflow->backup_own = conn->endpoint->config.join_backup;
	subflow->nonce_local = (uint32_t)endpoint_random(conn->endpoint);
	conn->dirty = true;
	return subflow;
}
