/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/endpoint/build.h"

#include "probe/endpoint/draft.h"
#include "probe/endpoint/handshake.h"
#include "probe/endpoint/key.h"
#include "probe/endpoint/reassembly.h"
#include "probe/endpoint/signal.h"
#include "probe/endpoint/subflow.h"
#include "probe/wire/checksum.h"

#include <assert.h>

/* ---- handshake ---- */

static uint8_t capable_flags(const struct conn *conn, bool checksum)
{
	bool forbid = conn->version > 0 && conn->endpoint->config.forbid_join;

	return (uint8_t)(MPC_HMAC | (checksum ? MPC_CHECKSUM : 0) | (forbid ? MPC_NO_JOIN : 0));
}

void build_syn(struct subflow *subflow, struct packet *packet, nsec_t now)
{
	const struct conn *conn = subflow->conn;
	struct mptcp_opt option = { .subtype = MP_CAPABLE };
	struct draft draft;

	draft_begin(&draft, subflow, subflow->iss, TCP_SYN);
	draft_syn_options(&draft, subflow, now);
	if (subflow->is_join) {
		option.subtype = MP_JOIN;
		option.join = (struct mp_join){ .form = JOIN_SYN,
			.backup = subflow->backup_own,
			.address_id = subflow->address_id,
			.token = conn->token_remote,
			.nonce = subflow->nonce_local };
		draft_mptcp(&draft, &option);
	} else if (handshake_offers(subflow)) {
		option.capable = (struct mp_capable){ .version = conn->version,
			.flags = capable_flags(conn, conn->endpoint->config.checksum),
			.has_sender_key = conn->version == 0,
			.sender_key = conn->key_local };
		draft_mptcp(&draft, &option);
	}
	draft.header.window = subflow_window(subflow) < UINT16_MAX
		? (uint16_t)subflow_window(subflow)
		: UINT16_MAX;
	draft_finish(&draft, packet);
}

void build_synack(struct subflow *subflow, struct packet *packet, nsec_t now)
{
	const struct conn *conn = subflow->conn;
	struct mptcp_opt option = { .subtype = MP_CAPABLE };
	struct draft draft;

	draft_begin(&draft, subflow, subflow->iss, TCP_SYN | TCP_ACK);
	draft_syn_options(&draft, subflow, now);
	if (subflow->is_join) {
		option.subtype = MP_JOIN;
		option.join = (struct mp_join){ .form = JOIN_SYNACK,
			.hmac64 = subflow->hmac64,
			.backup = subflow->backup_own,
			.address_id = subflow->address_id,
			.nonce = subflow->nonce_local };
		draft_mptcp(&draft, &option);
	} else if (conn->mode == MODE_UNDECIDED || conn_has_fault(conn, FAULT_CAPABLE_UNASKED)) {
		option.capable = (struct mp_capable){ .version = conn->version,
			.flags = capable_flags(conn, conn->checksum),
			.has_sender_key = true,
			.sender_key = conn->key_local };
		draft_mptcp(&draft, &option);
	}
	draft_ack(&draft, subflow);
	draft_finish(&draft, packet);
}

void build_join_ack(struct subflow *subflow, struct packet *packet, nsec_t now)
{
	const struct conn *conn = subflow->conn;
	struct mptcp_opt option = { .subtype = MP_JOIN };
	struct draft draft;

	draft_begin(&draft, subflow, subflow->snd_nxt, TCP_ACK);
	if (subflow->timestamps)
		draft_timestamp(&draft, subflow, now);
	option.join.form = JOIN_ACK;
	key_join_hmac(conn->version, conn->key_local, conn->key_remote, subflow->nonce_local,
		subflow->nonce_remote, option.join.hmac160);
	option.join.hmac160[0] ^= conn_has_fault(conn, FAULT_WRONG_HMAC);
	draft_mptcp(&draft, &option);
	draft_ack(&draft, subflow);
	draft_finish(&draft, packet);
}

/* ---- MPTCP options of an open subflow ---- */

/* The keys, repeated until a DSS of the peer's shows that it has them (RFC 8684 3.1). */
static struct mptcp_opt capable_option(const struct conn *conn)
{
	struct mptcp_opt option = { .subtype = MP_CAPABLE };

	option.capable = (struct mp_capable){ .version = conn->version,
		.flags = capable_flags(conn, conn->checksum),
		.has_sender_key = true,
		.has_receiver_key = true,
		.sender_key = conn->key_local,
		.receiver_key = conn->key_remote ^ conn_has_fault(conn, FAULT_ODD_KEYS) };
	return option;
}

static bool repeats_keys(const struct subflow *subflow)
{
	const struct conn *conn = subflow->conn;

	return conn_is_mptcp(conn) && subflow->active && !subflow->is_join && !conn->peer_confirmed;
}

/* In order on some subflow, not delivered. */
static uint64_t unmapped_bytes(const struct conn *conn)
{
	uint64_t bytes = 0;
	unsigned int i;

	for (i = 0; i < conn->subflow_count; i++)
		if (conn->subflows[i]->rx_pending.count > 0)
			bytes += conn->subflows[i]->rx_next -
				conn->subflows[i]->rx_pending.list[0].first;
	return bytes;
}

static void put_data_ack(const struct conn *conn, struct mp_dss *dss)
{
	dss->has_ack = true;
	/* RFC 8684 3.3.2: a 64-bit DSN is answered by a 64-bit DATA_ACK. */
	dss->ack_wide = conn->endpoint->config.wide_ack ||
		(conn->rx.wide && !conn_lacks(conn, LACKS_WIDE_ACK));
	dss->ack = conn->dsn_remote + reassembly_acked(conn);
	if (conn_has_fault(conn, FAULT_ACK_UNMAPPED))
		dss->ack += unmapped_bytes(conn);
	dss->has_ack = !conn_has_fault(conn, FAULT_NO_DATA_ACK);
}

static bool is_wide(const struct conn *conn, uint64_t dsn)
{
	const struct endpoint_config *config = &conn->endpoint->config;

	return config->wide_dsn || (config->wide_as_peer && conn->rx.wide) ||
		(config->wide_past_wrap && dsn >> 32 != conn->dsn_local >> 32);
}

static void put_mapping(const struct conn *conn, struct mp_dss *dss, uint64_t offset, uint32_t ssn,
	uint16_t length, uint16_t payload_sum)
{
	dss->has_mapping = true;
	dss->dsn = conn->dsn_local + offset;
	dss->dsn_wide = is_wide(conn, dss->dsn);
	dss->ssn = ssn;
	dss->length = length;
	dss->has_checksum = conn->checksum;
	if (conn->checksum && length > 0)
		dss->checksum = checksum_finish(checksum_dss(dss->dsn, ssn, length) + payload_sum);
	if (conn_has_fault(conn, FAULT_WRONG_CHECKSUM) && length > 0)
		dss->checksum = checksum_finish(payload_sum);
	if (conn_has_fault(conn, conn->checksum ? FAULT_MISSING_CHECKSUM : FAULT_UNASKED_CHECKSUM))
		dss->has_checksum = !conn->checksum;
	if (conn_has_fault(conn, FAULT_INFINITE_CHECKSUM) && length == 0 && conn->checksum)
		dss->checksum = 0xbad;
}

/*
 * F24, F29: one infinite mapping that acts from the last segment known to be delivered on; its
 * length and checksum are 0.
 */
static void put_infinite(const struct subflow *subflow, struct mp_dss *dss)
{
	put_mapping(subflow->conn, dss, subflow->delivered_offset,
		subflow_ssn(subflow, subflow->delivered_seq), 0, 0);
}

static void draft_fail(struct draft *draft, const struct conn *conn)
{
	struct mptcp_opt option = { .subtype = MP_FAIL, .fail_dsn = conn->fail_dsn };

	draft_mptcp(draft, &option);
}

static bool is_changed(const struct conn *conn, const struct segment *segment)
{
	return segment->flags & SEG_RETRANSMITTED && conn_has_fault(conn, FAULT_CHANGE_MAPPING);
}

static void draft_mapping(struct draft *draft, struct subflow *subflow,
	const struct segment *segment, uint16_t sum)
{
	struct conn *conn = subflow->conn;
	struct mptcp_opt option = { .subtype = MP_DSS };
	uint32_t ssn = subflow_ssn(subflow, segment->seq) - segment->before;
	uint16_t length = segment->whole > 0 ? segment->whole : segment->length;

	if (segment->flags & SEG_INFINITE) {
		put_infinite(subflow, &option.dss);
	} else if (!conn_is_mptcp(conn) &&
		!(conn->was_mptcp && conn_has_fault(conn, FAULT_REVERT))) {
		return; /* F33: after fallback no option any more */
	} else if (segment->length == 0) {
		put_data_ack(conn, &option.dss);
	} else if (repeats_keys(subflow) && conn->version > 0 && ssn == 1) {
		option = capable_option(conn);
		option.capable.has_data_length = true;
		option.capable.data_length = length;
		option.capable.has_checksum = conn->checksum;
		if (conn->checksum)
			option.capable.checksum =
				checksum_finish(checksum_dss(conn->dsn_local, 1, length) + sum);
	} else {
		put_data_ack(conn, &option.dss);
		if (!conn_has_fault(conn, FAULT_LAZY_MAPPING) || conn->data_confirmed || ssn == 1)
			put_mapping(conn, &option.dss,
				segment->offset - segment->before + is_changed(conn, segment),
				conn_has_fault(conn, FAULT_ABSOLUTE_SSN) ? subflow->iss + ssn : ssn,
				length, sum);
	}
	draft_mptcp(draft, &option);
}

void build_segment(struct subflow *subflow, const struct segment *segment, struct packet *packet,
	nsec_t now)
{
	const struct conn *conn = subflow->conn;
	bool last = segment->offset + segment->length == conn->tx.end;
	uint16_t sum = 0;
	struct draft draft;
	uint8_t *payload;
	unsigned int space;

	draft_begin(&draft, subflow, segment->seq,
		(uint16_t)(TCP_ACK | (segment->flags & SEG_FIN ? TCP_FIN : 0) |
			(segment->length > 0 && last ? TCP_PSH : 0)));
	if (subflow->timestamps)
		draft_timestamp(&draft, subflow, now);
	if (segment->whole > 0)
		sum = segment->sum;
	else if (conn->checksum && segment->length > 0 && conn_is_mptcp(conn))
		sum = ring_sum(&conn->tx.ring, segment->offset, segment->length);
	draft_mapping(&draft, subflow, segment, sum);
	space = subflow->mss > segment->length + draft.used
		? subflow->mss - segment->length - draft.used
		: 0;
	if (space > TCPOPT_SPACE - draft.used)
		space = TCPOPT_SPACE - draft.used;
	if (subflow->sack)
		draft_sack(&draft, subflow, space);
	draft_ack(&draft, subflow);
	draft_write(&draft, packet);
	if (segment->length > 0) {
		payload = packet_append_payload(packet, segment->length);
		assert(payload != NULL);
		ring_read(&conn->tx.ring, segment->offset, payload, segment->length);
	}
	packet_finish(packet);
}

/* What is said once, on an ACK that counts: a probe's old number has it ignored. */
static void draft_signals(struct draft *draft, struct subflow *subflow, nsec_t now)
{
	struct conn *conn = subflow->conn;
	struct mptcp_opt option = { .subtype = MP_DSS };
	bool falls_back = signal_falls_back(subflow), told = falls_back && conn->fail_now;

	if (told) {
		draft_fail(draft, conn);
		conn->fail_now = false;
	} else if (falls_back) {
		put_infinite(subflow, &option.dss);
		conn->infinite_wanted = false;
		draft_mptcp(draft, &option);
	}
	if (!conn_is_mptcp(conn))
		return;
	while (signal_take(subflow, TCPOPT_SPACE - draft->used, now, &option)) {
		draft_mptcp(draft, &option);
		told = true;
	}
	if (told)
		signal_sent(subflow, now);
}

/* DATA_ACK and DATA_FIN, or the keys, where there is room. */
static void draft_state(struct draft *draft, struct subflow *subflow)
{
	struct conn *conn = subflow->conn;
	struct mptcp_opt option = { .subtype = MP_DSS };

	if ((!conn_is_mptcp(conn) &&
		    !(conn->was_mptcp && conn_has_fault(conn, FAULT_ACK_AFTER_FALLBACK))) ||
		subflow->phase < PHASE_OPEN)
		return;
	if (repeats_keys(subflow) && !conn->tx.fin_sent)
		option = capable_option(conn);
	else
		put_data_ack(conn, &option.dss);
	if (conn->tx.fin_sent && !conn->tx.fin_acked && draft->used <= 12) {
		/* RFC 8684 3.3.3: a DATA_FIN without data has SSN 0 and length 1. */
		put_mapping(conn, &option.dss, conn->tx.end, 0, 1, 0);
		option.dss.data_fin = true;
		conn->tx.fin_now = false;
	}
	/* Beside timestamps alone any of these fits. */
	if (draft->used <= 12 || draft->used + signal_length(&option) <= TCPOPT_SPACE)
		draft_mptcp(draft, &option);
}

void build_third_ack(struct subflow *subflow, struct packet *packet, nsec_t now)
{
	struct mptcp_opt option = { .subtype = MP_DSS };
	struct draft draft;

	draft_begin(&draft, subflow, subflow->snd_nxt, TCP_ACK);
	if (subflow->timestamps)
		draft_timestamp(&draft, subflow, now);
	if (repeats_keys(subflow) || conn_has_fault(subflow->conn, FAULT_CAPABLE_PLAIN)) {
		option = capable_option(subflow->conn);
		draft_mptcp(&draft, &option);
	} else if (conn_is_mptcp(subflow->conn)) {
		put_data_ack(subflow->conn, &option.dss);
		draft_mptcp(&draft, &option);
	}
	draft_ack(&draft, subflow);
	subflow->third_now = false;
	draft_finish(&draft, packet);
}

void build_ack(struct subflow *subflow, uint32_t seq, struct packet *packet, nsec_t now)
{
	struct draft draft;

	draft_begin(&draft, subflow, seq, TCP_ACK);
	/* ADD_ADDR of IPv6 with HMAC and port leaves no room for them. */
	if (subflow->timestamps && (seq != subflow->snd_nxt || !signal_stands_alone(subflow, now)))
		draft_timestamp(&draft, subflow, now);
	if (seq == subflow->snd_nxt)
		draft_signals(&draft, subflow, now);
	draft_state(&draft, subflow);
	if (subflow->sack)
		draft_sack(&draft, subflow, TCPOPT_SPACE - draft.used);
	draft_ack(&draft, subflow);
	draft_finish(&draft, packet);
}

/* ---- ends ---- */

static void draft_reason(struct draft *draft, uint8_t reason)
{
	struct mptcp_opt option = { .subtype = MP_TCPRST };

	option.tcprst =
		(struct mp_tcprst){ .reason = reason, .transient = reset_is_transient(reason) };
	draft_mptcp(draft, &option);
}

void build_reset(struct subflow *subflow, struct packet *packet)
{
	const struct conn *conn = subflow->conn;
	bool was_mptcp = conn_is_mptcp(conn) || subflow->is_join;
	struct mptcp_opt close = { .subtype = MP_FASTCLOSE, .fastclose_key = conn->key_remote };
	struct draft draft;

	draft_begin(&draft, subflow, subflow->snd_nxt, TCP_RST | TCP_ACK);
	if (subflow->reset_with_fail)
		draft_fail(&draft, conn);
	if (subflow->fastclose_wanted && conn->version > 0 && was_mptcp)
		draft_mptcp(&draft, &close);
	if (was_mptcp && conn->version > 0)
		draft_reason(&draft, subflow->reset_reason);
	draft.header.ack = subflow->rcv_nxt;
	draft_finish(&draft, packet);
}

void build_fastclose(struct subflow *subflow, struct packet *packet, nsec_t now)
{
	struct mptcp_opt close = { .subtype = MP_FASTCLOSE,
		.fastclose_key = subflow->conn->key_remote };
	struct draft draft;

	draft_begin(&draft, subflow, subflow->snd_nxt, TCP_ACK);
	if (subflow->timestamps)
		draft_timestamp(&draft, subflow, now);
	draft_mptcp(&draft, &close);
	draft_ack(&draft, subflow);
	draft_finish(&draft, packet);
}

void build_stray(struct subflow *subflow, struct packet *packet)
{
	struct draft draft;

	draft_begin(&draft, subflow, subflow->stray_ack, TCP_RST);
	draft_finish(&draft, packet);
}

void build_reply(struct endpoint *endpoint, const struct reply *reply, struct packet *packet)
{
	struct draft draft = { .header = { .src = reply->local,
				       .dst = reply->remote,
				       .seq = reply->seq,
				       .ack = reply->ack,
				       .flags = reply->flags,
				       .ip_id = endpoint->ip_id++ } };

	if (reply->with_reason)
		draft_reason(&draft, reply->reason);
	draft_finish(&draft, packet);
}

uint32_t build_payload_most(const struct subflow *subflow)
{
	const struct conn *conn = subflow->conn;
	uint32_t options = subflow->timestamps ? 12 : 0;

	/* DSS with 64-bit DATA_ACK; MP_CAPABLE with data is no larger than 24. */
	if (conn_is_mptcp(conn))
		options += conn->endpoint->config.wide_dsn ? 28 : 24;
	return subflow->mss > options + 8 ? subflow->mss - options : 8;
}
