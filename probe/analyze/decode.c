/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * decode.c - the MPTCP options of one packet into its fact, its mappings and what they tell about
 * the connection: keys, version, checksum flag, HMACs (RFC 6824 and RFC 8684, 3.1 to 3.3).
 */
#include "probe/analyze/parts.h"

#include "probe/base/alloc.h"
#include "probe/base/seq.h"
#include "probe/endpoint/key.h"

#include <string.h>

enum { COPIES_LOOKED_AT = 64 }; /* mappings of a flow to go back for an identical one */

/* No window is larger (RFC 7323 2.3). */
#define NEAR_DSN ((int64_t)1 << 30)

bool capable_form_ok(const struct fact *fact, const struct mp_capable *capable)
{
	bool syn = (fact->flags & TCP_SYN) != 0, ack = (fact->flags & TCP_ACK) != 0;

	/* An offer of a newer version, in the form of v1's: the answer's is what counts. */
	if (capable->version > 1 && (!syn || ack))
		return false;
	if (syn && !ack)
		return capable->has_sender_key == (capable->version == 0) &&
			!capable->has_receiver_key;
	if (syn)
		return capable->has_sender_key && !capable->has_receiver_key;
	return capable->has_sender_key && capable->has_receiver_key;
}

static void key_learn(struct connection_view *connection, enum way owner, uint64_t key, bool again)
{
	struct key_digest digest;

	if (connection->has_key[owner] && (!again || connection->key[owner] == key))
		return;
	digest = key_digest(connection->version, key);
	connection->has_key[owner] = true;
	connection->key[owner] = key;
	connection->token[owner] = digest.token;
	connection->idsn[owner] = digest.idsn;
}

/* Highest number so far, if the new one is not implausibly far off (O18: a mirrored option). */
static void highest_note(uint64_t *highest, bool *has, uint64_t value)
{
	if (*has && value - *highest >= (uint64_t)1 << 32)
		return;
	*highest = value;
	*has = true;
}

static void mapping_add(struct view *view, uint32_t index, const struct mapping *mapping)
{
	struct fact *fact = &view->facts[index];
	struct flow *flow = &view->subflows[fact->subflow].flow[fact->way];
	uint32_t at = flow->last_mapping, i;

	if (fact->mapping_count < UINT8_MAX)
		fact->mapping_count++;
	/* Beyond all that was announced it cannot be a copy. */
	for (i = 0; mapping->ssn < flow->ssn_end && at != VIEW_NONE && i < COPIES_LOOKED_AT; i++) {
		struct mapping *known = &view->mappings[at];

		if (known->dsn == mapping->dsn && known->ssn == mapping->ssn &&
			known->wire_length == mapping->wire_length &&
			known->checksum == mapping->checksum &&
			known->data_fin == mapping->data_fin) {
			known->copies = (uint16_t)(known->copies + (known->copies < UINT16_MAX));
			fact->mapping = fact->mapping == VIEW_NONE ? at : fact->mapping;
			return;
		}
		at = known->previous;
	}
	view->mappings = xgrow(view->mappings, view->mapping_count, &view->mapping_capacity,
		sizeof(*mapping));
	at = (uint32_t)view->mapping_count++;
	view->mappings[at] = *mapping;
	view->mappings[at].previous = flow->last_mapping;
	flow->last_mapping = at;
	if (mapping->ssn + mapping->length > flow->ssn_end)
		flow->ssn_end = mapping->ssn + mapping->length;
	fact->mapping = fact->mapping == VIEW_NONE ? at : fact->mapping;
}

static struct mapping mapping_blank(const struct fact *fact, uint32_t index)
{
	struct mapping mapping = { .fact = index,
		.complete = VIEW_NONE,
		.copies = 1,
		.subflow = fact->subflow,
		.way = fact->way,
		.previous = VIEW_NONE };

	return mapping;
}

/* Within reach of the stream; else of another one: mirrored or invented (O18). */
static bool is_near(const struct view *view, const struct connection_view *connection, enum way way,
	uint64_t dsn)
{
	/* A box may have edited what was announced; but a capture may have begun late. */
	bool by_key =
		connection->has_key[way] && (view->kind == VIEW_WHOLE || !connection->has_dsn[way]);
	uint64_t known = by_key ? connection->idsn[way] + 1 : connection->dsn_end[way];
	int64_t distance = (int64_t)(dsn - known);

	return (!connection->has_dsn[way] && !connection->has_key[way]) ||
		(distance > -NEAR_DSN && distance < NEAR_DSN);
}

static void decode_mapping(struct view *view, uint32_t index, struct connection_view *connection,
	const struct mp_dss *dss)
{
	struct fact *fact = &view->facts[index];
	struct flow *flow = &view->subflows[fact->subflow].flow[fact->way];
	struct mapping mapping = mapping_blank(fact, index);
	enum way way = fact->way;

	mapping.infinite = dss->length == 0;
	mapping.data_fin = dss->data_fin && !mapping.infinite;
	mapping.has_checksum = dss->has_checksum;
	mapping.checksum = dss->checksum;
	mapping.ssn = dss->ssn;
	mapping.wire_length = dss->length;
	mapping.length = (uint32_t)dss->length - mapping.data_fin;
	mapping.dsn = dss->dsn;
	fact->dsn_wide = dss->dsn_wide;
	if (!dss->dsn_wide && connection->has_dsn[way])
		mapping.dsn = dsn_expand(connection->dsn_end[way], (uint32_t)dss->dsn);
	else if (!dss->dsn_wide && connection->has_key[way])
		mapping.dsn = dsn_expand(connection->idsn[way] + 1, (uint32_t)dss->dsn);
	/* Before the keys came a narrow number says nothing. */
	if (!dss->dsn_wide && !connection->has_dsn[way] && !connection->has_key[way]) {
		fact->has |= HAS_MAPPING;
		return;
	}
	if (mapping.infinite && (fact->is_old || !is_near(view, connection, way, mapping.dsn))) {
		fact->has |= HAS_ODD_DSS;
		return;
	}
	if (mapping.infinite) {
		fact->has |= HAS_INFINITE;
		if (connection->infinite[way] == VIEW_NONE)
			connection->infinite[way] = index;
		if (flow->infinite == VIEW_NONE)
			flow->infinite = index;
	} else {
		fact->has |= HAS_MAPPING;
		highest_note(&connection->dsn_end[way], &connection->has_dsn[way],
			mapping.dsn + dss->length);
	}
	if (mapping.data_fin) {
		fact->has |= HAS_DATA_FIN;
		if (connection->data_fin[way] == VIEW_NONE)
			connection->data_fin[way] = index;
	}
	mapping_add(view, index, &mapping);
}

/* It covers data that its receiver has not sent: mirrored or edited, and ignored (O18). */
static bool acks_unsent(const struct view *view, const struct connection_view *connection,
	enum way way, uint64_t ack)
{
	enum way sender = way_back(way);

	return view->kind == VIEW_WHOLE && way == RECEIVED && connection->has_dsn[sender] &&
		dsn_after(ack, connection->dsn_end[sender]);
}

static void decode_dss(struct view *view, uint32_t index, struct connection_view *connection,
	const struct mp_dss *dss)
{
	struct fact *fact = &view->facts[index];
	struct flow *flow = &view->subflows[fact->subflow].flow[fact->way];
	enum way way = fact->way;

	if (fact->has & HAS_DSS)
		fact->has |= HAS_SEVERAL_DSS;
	fact->has |= HAS_DSS;
	if (dss->has_ack) {
		uint64_t ack = dss->ack;

		if (!dss->ack_wide && connection->has_data_ack[way])
			ack = dsn_expand(connection->data_ack[way], (uint32_t)ack);
		else if (!dss->ack_wide && connection->has_key[way_back(way)])
			ack = dsn_expand(connection->idsn[way_back(way)] + 1, (uint32_t)ack);
		fact->has |= HAS_DATA_ACK;
		fact->data_ack = ack;
		fact->ack_wide = dss->ack_wide;
		if (!acks_unsent(view, connection, way, ack))
			highest_note(&connection->data_ack[way], &connection->has_data_ack[way],
				ack);
		if (flow->data_ack == VIEW_NONE)
			flow->data_ack = index;
	}
	if (dss->has_mapping)
		decode_mapping(view, index, connection, dss);
	if ((dss->data_fin && !dss->has_mapping) || (!dss->has_ack && !dss->has_mapping))
		fact->has |= HAS_ODD_DSS;
}

static void decode_capable(struct view *view, uint32_t index, struct connection_view *connection,
	const struct mp_capable *capable)
{
	struct fact *fact = &view->facts[index];
	const struct subflow_view *subflow = &view->subflows[fact->subflow];
	bool syn = (fact->flags & TCP_SYN) != 0;
	struct mapping mapping;

	fact->has |= HAS_CAPABLE;
	connection->is_mptcp = true;
	if (!capable_form_ok(fact, capable))
		return;
	if (syn || !connection->has_version) {
		connection->has_version = true;
		connection->version = capable->version;
		/* With flag B it is ignored (RFC 8684 3.1), and so is its flag A. */
		connection->flag_a = connection->flag_a ||
			(capable->flags & (MPC_CHECKSUM | MPC_EXTENSION)) == MPC_CHECKSUM;
	}
	if (subflow->third == index)
		connection->third_flag_a = (capable->flags & MPC_CHECKSUM) != 0;
	/* A repeated SYN or SYN/ACK of a half-open connection may bring a new key (O13). */
	if (capable->has_sender_key)
		key_learn(connection, fact->way, capable->sender_key,
			syn && subflow->third == VIEW_NONE);
	/* A capture that began after the SYN/ACK: the third packet repeats its key. */
	if (capable->has_receiver_key && subflow->synack == VIEW_NONE)
		key_learn(connection, way_back(fact->way), capable->receiver_key, false);
	/* In another version than the SYNs' it is none that anybody would take (F7e); v0's, too, is
	 * without data. Of length 0 it maps nothing, and what it adds up to is nobody's business.
	 */
	if (!capable->has_data_length || capable->data_length == 0 ||
		capable->version != connection->version || capable->version == 0)
		return;
	mapping = mapping_blank(fact, index);
	mapping.ssn = 1;
	/* Its key may have been edited: the connection's counts. */
	mapping.dsn = connection->idsn[fact->way] + 1;
	if (!connection->has_key[fact->way])
		mapping.dsn = key_digest(connection->version, capable->sender_key).idsn + 1;
	mapping.wire_length = capable->data_length;
	mapping.length = capable->data_length;
	mapping.has_checksum = capable->has_checksum;
	mapping.checksum = capable->checksum;
	mapping.from_capable = true;
	fact->has |= HAS_MAPPING;
	fact->dsn_wide = true;
	highest_note(&connection->dsn_end[fact->way], &connection->has_dsn[fact->way],
		mapping.dsn + mapping.length);
	mapping_add(view, index, &mapping);
}

static enum hmac_verdict join_verify(const struct subflow_view *subflow,
	const struct connection_view *connection, enum way signer, const uint8_t *hmac160,
	uint64_t hmac64)
{
	enum way other = way_back(signer);
	uint8_t hmac[20];
	bool same;

	if (!connection->has_key[SENT] || !connection->has_key[RECEIVED] ||
		!subflow->has_nonce[SENT] || !subflow->has_nonce[RECEIVED])
		return HMAC_UNKNOWN;
	key_join_hmac(connection->version, connection->key[signer], connection->key[other],
		subflow->nonce[signer], subflow->nonce[other], hmac);
	if (hmac160 != NULL)
		same = memcmp(hmac, hmac160, sizeof(hmac)) == 0;
	else
		same = key_join_hmac64(hmac) == hmac64;
	return same ? HMAC_OK : HMAC_BAD;
}

/* Of SYNs that differ, the one that was answered is the one whose nonce the HMACs are made with. */
static enum hmac_verdict join_verify_any(struct subflow_view *subflow,
	const struct connection_view *connection, enum way signer, const struct mp_join *join)
{
	const uint8_t *hmac160 = join->form == JOIN_ACK ? join->hmac160 : NULL;
	enum hmac_verdict verdict = join_verify(subflow, connection, signer, hmac160, join->hmac64),
			  other;
	uint32_t *nonce = &subflow->nonce[subflow_way(subflow)], newest = *nonce;

	if (verdict != HMAC_BAD || !subflow->has_nonce_before)
		return verdict;
	*nonce = subflow->nonce_before;
	other = join_verify(subflow, connection, signer, hmac160, join->hmac64);
	if (other == HMAC_OK)
		subflow->nonce_before = newest;
	else
		*nonce = newest;
	return other;
}

static void decode_join(struct view *view, struct fact *fact, struct connection_view *connection,
	const struct mp_join *join)
{
	struct subflow_view *subflow = &view->subflows[fact->subflow];
	enum way way = fact->way;

	fact->has |= HAS_JOIN;
	if (join->form == JOIN_ACK) {
		if (!(fact->flags & TCP_SYN) && subflow->hmac_ack == HMAC_ABSENT)
			subflow->hmac_ack = join_verify_any(subflow, connection, way, join);
		return;
	}
	if (!(fact->flags & TCP_SYN))
		return;
	subflow->is_join = true;
	subflow->address_id[way] = join->address_id;
	subflow->backup = subflow->backup || join->backup;
	if (join->form == JOIN_SYN && subflow->has_nonce[way] &&
		subflow->nonce[way] != join->nonce) {
		subflow->nonce_before = subflow->nonce[way];
		subflow->has_nonce_before = true;
	}
	subflow->nonce[way] = join->nonce;
	subflow->has_nonce[way] = true;
	if (join->form == JOIN_SYN) {
		subflow->token = join->token;
	} else {
		enum hmac_verdict verdict = join_verify_any(subflow, connection, way, join);

		if (subflow->hmac_synack == HMAC_ABSENT)
			subflow->hmac_synack = verdict;
	}
}

static void option_keep(struct view *view, uint32_t index, const struct mptcp_opt *opt)
{
	struct fact *fact = &view->facts[index];

	view->options = xgrow(view->options, view->option_count, &view->option_capacity,
		sizeof(*view->options));
	if (fact->option_count == 0)
		fact->option = (uint32_t)view->option_count;
	fact->option_count++;
	view->options[view->option_count].fact = index;
	view->options[view->option_count++].opt = *opt;
}

/* By subtype, for those that say no more by it. */
static const uint32_t plain_facts[] = {
	[MP_ADD_ADDR] = HAS_ADDRESS,
	[MP_REMOVE_ADDR] = HAS_ADDRESS,
	[MP_PRIO] = HAS_ADDRESS,
	[MP_FAIL] = HAS_FAIL,
	[MP_FASTCLOSE] = HAS_FASTCLOSE,
	[MP_TCPRST] = HAS_TCPRST,
};

static void decode_option(struct view *view, uint32_t index, const struct mptcp_opt *opt)
{
	struct fact *fact = &view->facts[index];
	struct connection_view *connection =
		&view->connections[view->subflows[fact->subflow].connection];

	if (opt->subtype == MP_DSS) {
		decode_dss(view, index, connection, &opt->dss);
		return;
	}
	option_keep(view, index, opt);
	fact = &view->facts[index];
	if (opt->subtype == MP_CAPABLE)
		decode_capable(view, index, connection, &opt->capable);
	else if (opt->subtype == MP_JOIN)
		decode_join(view, fact, connection, &opt->join);
	else
		fact->has |= plain_facts[opt->subtype];
	if (opt->subtype == MP_FAIL && !(fact->flags & TCP_RST) &&
		connection->fail[fact->way] == VIEW_NONE)
		connection->fail[fact->way] = index;
	if (opt->subtype == MP_FASTCLOSE && connection->fastclose[fact->way] == VIEW_NONE)
		connection->fastclose[fact->way] = index;
}

void fact_decode(struct view *view, uint32_t index, const struct packet *packet)
{
	struct tcpopt at = { 0 };
	struct mptcp_opt opt;

	while (tcpopt_next(packet, &at)) {
		if (at.kind != TCPOPT_MPTCP)
			continue;
		view->facts[index].has |= HAS_OPTION;
		if (mptcp_parse(&opt, tcpopt_bytes(packet, &at), at.length) &&
			opt.subtype <= MP_TCPRST)
			decode_option(view, index, &opt);
		else
			view->facts[index].has |= HAS_UNDECODABLE;
	}
}

uint32_t options_refused(const struct packet *packet)
{
	struct tcpopt at = { 0 };
	struct mptcp_opt opt;
	uint32_t refused = 0;

	while (tcpopt_next(packet, &at)) {
		if (at.kind != TCPOPT_MPTCP ||
			!mptcp_parse(&opt, tcpopt_bytes(packet, &at), at.length) ||
			opt.subtype > MP_TCPRST)
			continue;
		refused |= plain_facts[opt.subtype];
		if (opt.subtype == MP_DSS && opt.dss.has_mapping)
			refused |= opt.dss.length == 0 ? HAS_INFINITE : HAS_MAPPING;
	}
	return refused;
}
