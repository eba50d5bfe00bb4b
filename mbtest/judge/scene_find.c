/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scene_find.c - finding, once, the moments of a host's view that most predicates ask about.
 */
#include "mbtest/judge/scene.h"

#include "probe/base/seq.h"

#include <string.h>

/* Farther from the first data sequence number no first data is. */
#define ODD_START ((int64_t)1 << 30)

/* The connection the applications used: the one that carried most; of equals, the MPTCP one. */
static const struct connection_view *connection_main(const struct view *view)
{
	const struct connection_view *best = NULL;
	size_t i;

	for (i = 0; i < view->connection_count; i++) {
		const struct connection_view *connection = &view->connections[i];

		if (best == NULL || connection->payload > best->payload ||
			(connection->payload == best->payload && connection->is_mptcp &&
				!best->is_mptcp))
			best = connection;
	}
	return best;
}

const struct mp_capable *scene_capable(const struct scene *scene, uint32_t index)
{
	const struct mptcp_opt *opt;

	if (index == VIEW_NONE || !(scene->facts[index].has & HAS_CAPABLE))
		return NULL;
	opt = view_option(&scene->view, &scene->facts[index], MP_CAPABLE);
	return opt != NULL ? &opt->capable : NULL;
}

static const struct mp_capable *capable_at(const struct scene *scene, uint32_t index)
{
	const struct mp_capable *capable = scene_capable(scene, index);

	return capable != NULL && capable_form_ok(&scene->facts[index], capable) ? capable : NULL;
}

/* In v0 the SYNs bring a key, too; which of them was answered a box may have made doubtful. */
static bool keys_agree(const struct scene *scene, const struct mp_capable *third)
{
	uint32_t i;

	for (i = scene->initial->first; i < scene->initial->third; i = scene->facts[i].next) {
		const struct mp_capable *syn = scene_capable(scene, i);

		if (syn != NULL && (scene->facts[i].flags & (TCP_SYN | TCP_ACK)) == TCP_SYN &&
			syn->has_sender_key && syn->sender_key != third->sender_key)
			return false;
	}
	return true;
}

/* What else a host may take exception to: the answer's version, flags, or echoed keys. */
static void handshake_oddities(struct scene *scene, const struct mp_capable *syn,
	const struct mp_capable *synack, const struct mp_capable *third)
{
	if (syn != NULL && synack != NULL)
		scene->odd_answer = scene->active &&
			(synack->version > syn->version || (synack->flags & MPC_EXTENSION) ||
				!(synack->flags & MPC_HMAC) ||
				((synack->flags & MPC_CHECKSUM) && !(syn->flags & MPC_CHECKSUM)));
	scene->odd_flag_a = !scene->active && third != NULL && synack != NULL && scene->checksum &&
		!((third->flags | synack->flags) & MPC_CHECKSUM);
	if (third != NULL && synack != NULL)
		scene->odd_keys = third->receiver_key != synack->sender_key ||
			third->version != synack->version || !keys_agree(scene, third);
}

/* Data, or the acknowledgement of data, as plain TCP has them. */
static bool is_plain(const struct fact *fact)
{
	return !(fact->has & HAS_OPTION) && (fact->payload > 0 || fact->ack > 1);
}

/*
 * O12: the third packet was lost, and DSS come before the keys. That holds until a packet without
 * either comes, which then is the third one (F3); or until the host goes on without the keys: such
 * as come later are nothing to it.
 */
static void keys_find(struct scene *scene)
{
	uint32_t i;

	for (i = scene->initial->third; i != VIEW_NONE; i = scene->facts[i].next) {
		const struct fact *fact = &scene->facts[i];

		if (fact->flags & (TCP_SYN | TCP_RST))
			continue;
		if (fact->way == SENT && is_plain(fact)) {
			i = VIEW_NONE;
			break;
		}
		if (fact->way == SENT)
			continue;
		if (fact->has & HAS_CAPABLE)
			break;
		if (!(fact->has & HAS_DSS))
			return;
	}
	scene->late_third = (scene->facts[scene->initial->third].has & HAS_DSS) != 0;
	scene->keys = i;
}

/* RFC 8684 3.1: all three packets of the handshake carry MP_CAPABLE, each in its form. */
static void handshake_find(struct scene *scene)
{
	const struct subflow_view *initial = scene->initial;
	enum way way = subflow_way(initial);
	const struct mp_capable *syn = capable_at(scene, initial->syn_last);
	const struct mp_capable *synack = capable_at(scene, initial->synack);
	const struct mp_capable *third = capable_at(scene, initial->third);

	scene->syn_capable = syn != NULL;
	scene->synack_capable = synack != NULL;
	/* F7f: in v0 a mirrored option has the form of an answer, but the asker's own key. */
	if (syn != NULL && synack != NULL && syn->has_sender_key &&
		syn->sender_key == synack->sender_key)
		scene->synack_capable = false;
	scene->third_capable = third != NULL;
	if (initial->third != VIEW_NONE && third == NULL && scene->syn_capable &&
		scene->synack_capable && !scene->connection->opened_by_us)
		keys_find(scene);
	if (scene->late_third)
		third = capable_at(scene, scene->keys);
	scene->mptcp = scene->syn_capable && scene->synack_capable &&
		(scene->third_capable ||
			(scene->late_third && scene->keys != VIEW_NONE &&
				scene->connection->has_key[way]));
	handshake_oddities(scene, syn, synack, third);
}

/* A received DATA_ACK that covers data of this host: one of IDSN + 1 covers nothing. */
static bool covers_data(const struct scene *scene, uint32_t index)
{
	const struct connection_view *connection = scene->connection;
	const struct fact *fact = &scene->facts[index];

	if (fact->way != RECEIVED || !(fact->has & HAS_DATA_ACK))
		return false;
	/* More than was ever sent is mirrored or edited (O18). */
	if (connection->has_dsn[SENT] && dsn_after(fact->data_ack, connection->dsn_end[SENT]))
		return false;
	return !connection->has_key[SENT] ||
		!dsn_before(fact->data_ack, connection->idsn[SENT] + 2);
}

bool fact_confirms(const struct scene *scene, uint32_t index)
{
	return covers_data(scene, index) &&
		(scene->facts[index].ack > 1 || fact_subflow(scene, index) != scene->initial);
}

/*
 * Before fact index a checksum had failed or either left by an infinite mapping (F23, F24). In v1
 * the peer's asks this host to revert, too (3.7), in v0 each direction has its own (O4).
 */
static bool left_before(const struct scene *scene, uint32_t index)
{
	const struct connection_view *connection = scene->connection;

	return connection->fail[SENT] < index || connection->fail[RECEIVED] < index ||
		connection->infinite[SENT] < index ||
		(scene->version == 0 && connection->infinite[RECEIVED] < index);
}

/* No option, or in v1 the infinite mapping of a peer that leaves: no DATA_ACK is to come. */
static bool is_bare(const struct scene *scene, const struct fact *fact)
{
	return !(fact->has & HAS_OPTION) ||
		(scene->version > 0 && (fact->has & HAS_INFINITE) && !(fact->has & HAS_DATA_ACK));
}

/* The moments of first contact (F8 to F10). A DATA_ACK counts on whatever subflow (3.3.2). */
static void contact_find(struct scene *scene)
{
	bool fin_seen = false, told = false, covered = false;
	uint32_t i, acked = 1;

	for (i = 0; i < scene->view.fact_count && scene->confirmed == VIEW_NONE; i++)
		if (fact_confirms(scene, i))
			scene->confirmed = i;

	for (i = scene->initial->first; i != VIEW_NONE; i = scene->facts[i].next) {
		const struct fact *fact = &scene->facts[i];
		bool acks_data =
			fact->ack > 1 && !fact->is_old && !(fact->flags & (TCP_SYN | TCP_RST));

		fin_seen = fin_seen || (fact->flags & TCP_FIN);
		if (fact->way != RECEIVED)
			continue;
		if (scene->dss_in == VIEW_NONE && (fact->has & HAS_DSS))
			scene->dss_in = i;
		if (acks_data && i < scene->confirmed && !(fact->has & HAS_DATA_ACK) &&
			scene->mptcp && (scene->version == 0 || scene->join_up > i) &&
			!left_before(scene, i)) {
			scene->plain_ack = first_of(scene->plain_ack, i);
			if (is_bare(scene, fact) && !fin_seen && !covered &&
				(fact->ack > acked || !told) && !scene_was_overtaken(scene, i))
				scene->bare_ack = first_of(scene->bare_ack, i);
		}
		/* A DATA_ACK ahead of the subflow's own: who believes it misses none (O2). */
		covered = covered || covers_data(scene, i);
		/* What says again what was said with a DATA_ACK acknowledges nothing. */
		told = told || (acks_data && (fact->has & HAS_DATA_ACK));
		if (acks_data && fact->ack > acked && fact->ack <= INT32_MAX)
			acked = fact->ack;
	}
}

/* Farther from the peer's first data sequence number than any first data is. */
static bool is_far(const struct connection_view *connection, uint64_t dsn)
{
	int64_t offset = (int64_t)(dsn - (connection->idsn[RECEIVED] + 1));

	return connection->has_key[RECEIVED] && (offset > ODD_START || offset < -ODD_START);
}

/* The same mapping, declared on another packet with another checksum. */
static bool is_copy(const struct mapping *first, const struct mapping *again)
{
	return first->ssn == again->ssn && first->length == again->length &&
		first->dsn == again->dsn;
}

/* The first mapping of what is announced again: delivered under it, or to wait for its rest. */
static bool binds(const struct mapping *first, const struct mapping *again)
{
	if (first->state == MAPPING_GOOD)
		return first->complete < again->fact ||
			(first->fact < again->fact && is_copy(first, again));
	return first->state == MAPPING_INCOMPLETE && first->has_checksum &&
		first->fact < again->fact;
}

/*
 * Bytes of it had come before under a mapping that fitted: that one binds (F52), and they were
 * delivered, so that no checksum over them and others can be taken any more. Or they belong to one
 * announced before whose last bytes never came: they wait for its checksum.
 */
static bool was_settled(const struct view *view, const struct mapping *again)
{
	size_t i;

	for (i = 0; i < view->mapping_count; i++) {
		const struct mapping *first = &view->mappings[i];

		if (first->way == again->way && first->subflow == again->subflow &&
			!first->infinite && binds(first, again) &&
			first->ssn < again->ssn + again->length &&
			again->ssn < first->ssn + first->length)
			return true;
	}
	return false;
}

/*
 * A subflow delivers in order: a host cannot see that a mapping fails before all in front of it is
 * there, and where that never came nothing has failed. What came before the keys was not taken
 * (O12): whether the copies fail that were is not known.
 */
static void failure_order(const struct view *view, struct mapping *mapping, uint32_t keys)
{
	const struct flow *flow = &view->subflows[mapping->subflow].flow[mapping->way];
	uint32_t end = mapping->ssn + mapping->length, next = 1, k;

	for (k = 0; k < flow->piece_count && next < end; k++) {
		const struct piece *piece = &view->pieces[flow->piece + k];

		if (piece->seq > next)
			break;
		next = piece->seq + piece->length;
		if (piece->fact < keys &&
			(mapping->state == MAPPING_BAD || (piece->doubted && next > mapping->ssn)))
			mapping->state = MAPPING_AMBIGUOUS;
		else if (mapping->state == MAPPING_BAD && piece->fact > mapping->complete)
			mapping->complete = piece->fact;
	}
	if (mapping->state == MAPPING_BAD && next < end) {
		mapping->state = MAPPING_INCOMPLETE;
		mapping->complete = VIEW_NONE;
	}
}

static void failures_order(struct view *view, uint32_t keys)
{
	size_t i;

	for (i = 0; i < view->mapping_count; i++) {
		struct mapping *mapping = &view->mappings[i];

		if (mapping->state == MAPPING_BAD || (keys > 0 && mapping->state == MAPPING_GOOD))
			failure_order(view, mapping, keys);
	}
}

/* O12: an infinite mapping that came before the keys was not taken, either; one behind them was. */
static void infinite_order(struct view *view, const struct subflow_view *initial, uint32_t keys)
{
	uint32_t *infinite = &view->connections[initial->connection].infinite[RECEIVED], i;

	if (*infinite >= keys)
		return;
	for (i = keys; i < view->fact_count; i++)
		if (view->facts[i].way == RECEIVED && (view->facts[i].has & HAS_INFINITE))
			break;
	*infinite = i < view->fact_count ? i : VIEW_NONE;
}

/* Two that one packet completes are looked at in the order of their bytes. */
static bool fails_before(const struct mapping *mapping, const struct mapping *other)
{
	return mapping->complete < other->complete ||
		(mapping->complete == other->complete && mapping->ssn < other->ssn);
}

static void data_find(struct scene *scene)
{
	const struct connection_view *connection = scene->connection;
	const struct view *view = &scene->view;
	uint32_t i;

	for (i = connection->subflow; i != VIEW_NONE; i = view->subflows[i].sibling) {
		const struct subflow_view *subflow = &view->subflows[i];

		if (!subflow->is_join) {
			scene->unmapped_in =
				first_of(scene->unmapped_in, subflow->flow[RECEIVED].unmapped);
			scene->plain_in = first_of(scene->plain_in, subflow->flow[RECEIVED].plain);
			scene->plain_out = first_of(scene->plain_out, subflow->flow[SENT].plain);
		} else if (subflow_is_up(scene, subflow, VIEW_NONE)) {
			scene->join_up = first_of(scene->join_up, subflow->third);
		}
	}
	for (i = 0; connection->has_key[RECEIVED] && connection->has_data_ack[SENT] &&
		i < view->fact_count;
		i++) {
		const struct fact *fact = &scene->facts[i];

		if (fact->way == SENT && (fact->has & HAS_DATA_ACK) &&
			fact->data_ack - (connection->idsn[RECEIVED] + 2) < INT64_MAX) {
			scene->acked_out = i;
			break;
		}
	}
	for (i = 0; scene->checksum && i < view->mapping_count; i++) {
		const struct mapping *mapping = &view->mappings[i];

		/* A bare DATA_FIN has no data that could fail: who ignores it asks for it again. */
		if (mapping->way == RECEIVED && mapping->state == MAPPING_BAD &&
			!mapping->infinite && mapping->length > 0 &&
			!is_far(connection, mapping->dsn) && mapping->complete >= scene->keys &&
			!was_settled(view, mapping) &&
			&view->connections[view->subflows[mapping->subflow].connection] ==
				connection &&
			(scene->bad == VIEW_NONE ||
				fails_before(mapping, &view->mappings[scene->bad])))
			scene->bad = i;
	}
}

/* Data numbered far from where the peer's key says: the key was edited on the way (F7e). */
static uint32_t odd_start(const struct scene *scene)
{
	const struct connection_view *connection = scene->connection;
	size_t i;

	for (i = 0; i < scene->view.mapping_count; i++) {
		const struct mapping *mapping = &scene->view.mappings[i];
		if (mapping->way == RECEIVED &&
			scene_subflow(scene, mapping->subflow) == scene->initial)
			return is_far(connection, mapping->dsn) ? mapping->fact : VIEW_NONE;
	}
	return VIEW_NONE;
}

/* This host's SYN/ACK without MP_CAPABLE, to a newer SYN perhaps (O13). */
static uint32_t plain_answer(const struct scene *scene)
{
	uint32_t i;

	for (i = scene->initial->first; i != VIEW_NONE; i = scene->facts[i].next)
		if (scene->facts[i].way == SENT && !(scene->facts[i].has & HAS_CAPABLE) &&
			(scene->facts[i].flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK))
			return i;
	return VIEW_NONE;
}

/* The first data that this host sent bare on the first subflow, be it for the second time (F8). */
static uint32_t bare_data_out(const struct scene *scene)
{
	uint32_t i;

	for (i = scene->initial->third; i != VIEW_NONE; i = scene->facts[i].next)
		if (scene->facts[i].way == SENT && scene->facts[i].payload > 0 &&
			!(scene->facts[i].has & HAS_OPTION) && !(scene->facts[i].flags & TCP_RST))
			return i;
	return VIEW_NONE;
}

/* The last that this host sent with an option behind fact from, but for RSTs; else from itself. */
static uint32_t last_option_since(const struct scene *scene, uint32_t from)
{
	uint32_t last = from, i;

	for (i = from; i != VIEW_NONE; i = scene->facts[i].next)
		if (scene->facts[i].way == SENT && (scene->facts[i].has & HAS_OPTION) &&
			!(scene->facts[i].flags & TCP_RST))
			last = i;
	return last;
}

/* Its first acknowledgement of data behind fact from, behind which it sent no option. */
static uint32_t bare_since(const struct scene *scene, uint32_t from)
{
	uint32_t i;

	for (i = from; i != VIEW_NONE; i = scene->facts[i].next) {
		const struct fact *fact = &scene->facts[i];

		if (i > from && fact->way == SENT && !(fact->flags & TCP_RST) && fact->ack > 1)
			return i;
	}
	return VIEW_NONE;
}

/* A mapping of the first subflow that came before fact end covers the first byte of data fact. */
static bool was_mapped(const struct scene *scene, uint32_t data, uint32_t end)
{
	size_t i;

	for (i = 0; i < scene->view.mapping_count; i++) {
		const struct mapping *mapping = &scene->view.mappings[i];

		if (mapping->way == RECEIVED && mapping->fact < end &&
			scene_subflow(scene, mapping->subflow) == scene->initial &&
			scene->facts[data].seq - mapping->ssn < mapping->length)
			return true;
	}
	return false;
}

/*
 * The peer's first data came bare: a mapping that comes late MAY be waited for, some leave MPTCP at
 * once (F4, F48). Who still answered a stray with options left no earlier than it stopped to.
 */
static uint32_t early_cause(const struct scene *scene)
{
	uint32_t early = scene->initial->flow[RECEIVED].early, last, bare, left;

	if (early >= scene->acked_out)
		return VIEW_NONE;
	last = last_option_since(scene, early);
	bare = bare_since(scene, last);
	left = first_of(scene->plain_out, scene->connection->infinite[SENT]);
	left = first_of(left, bare_data_out(scene));
	if (last == early)
		left = first_of(left, bare);
	if (early < left && left != VIEW_NONE)
		return early;
	return bare < scene->acked_out && !was_mapped(scene, early, bare) ? bare : VIEW_NONE;
}

/* All that lets a host go back to plain TCP: F1 to F4, F7, F9, F10, F23, F24, F29. */
static void cause_find(struct scene *scene)
{
	const struct connection_view *connection = scene->connection;
	uint32_t cause = VIEW_NONE;

	if (!scene->syn_capable || !scene->synack_capable || scene->odd_answer)
		cause = scene->initial->synack;
	else if ((!scene->third_capable && !scene->late_third) || scene->odd_keys)
		cause = scene->late_third ? scene->keys : scene->initial->third;
	cause = first_of(cause, scene->plain_ack);
	cause = first_of(cause, connection->fail[SENT]);
	cause = first_of(cause, connection->fail[RECEIVED]);
	cause = first_of(cause, connection->infinite[RECEIVED]);
	if (scene->bad != VIEW_NONE)
		cause = first_of(cause, scene->view.mappings[scene->bad].complete);
	/* F10: nothing of the peer's data was DATA_ACKed yet when its options went missing. */
	if (scene->plain_in != VIEW_NONE && !scene_had_acked(scene, scene->plain_in))
		cause = first_of(cause, scene->plain_in);
	cause = first_of(cause, plain_answer(scene));
	if (odd_start(scene) < scene->acked_out)
		cause = first_of(cause, odd_start(scene));
	scene->cause = first_of(cause, early_cause(scene));
}

void scene_init(struct scene *scene, const struct judge_input *input, enum end end)
{
	memset(scene, 0, sizeof(*scene));
	scene->input = input;
	scene->end = end;
	view_init(&scene->view, input->tap[end], VIEW_WHOLE);
	scene->facts = scene->view.facts;
	scene->prompt = input->is_ours[end] ? 0 : SCENE_PROMPT + input->beyond[end];
	scene->dss_in = scene->confirmed = scene->acked_out = VIEW_NONE;
	scene->bare_ack = scene->plain_ack = VIEW_NONE;
	scene->unmapped_in = scene->plain_in = scene->plain_out = VIEW_NONE;
	scene->join_up = VIEW_NONE;
	scene->bad = scene->cause = VIEW_NONE;
	scene->connection = connection_main(&scene->view);
	if (scene->connection == NULL)
		return;
	scene->initial = &scene->view.subflows[scene->connection->subflow];
	scene->active = scene->initial->opened_by_us;
	scene->version = scene->connection->version;
	scene->checksum = scene->connection->flag_a;
	handshake_find(scene);
	failures_order(&scene->view, scene->keys);
	if (scene->late_third)
		infinite_order(&scene->view, scene->initial, scene->keys);
	data_find(scene);
	contact_find(scene);
	cause_find(scene);
}

void scene_fini(struct scene *scene)
{
	view_fini(&scene->view);
}
