/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules_open.c - O1 to O18: points the RFCs leave open. "Held" is what our endpoint does; for any
 * other stack "broken" only means that it chose differently.
 */
#include "mbtest/judge/predicates.h"

#include "probe/base/seq.h"

enum {
	HELD_BYTES = 64 << 10, /* unmapped bytes to hold (O3) */
	ASKED_OFTEN = 5,       /* SYN/ACKs asking for the keys (O12): as often TCP repeats one */
};

/* A RST behind both FINs, or behind the peer's own. */
static bool answers_strays(const struct flow *flow, uint32_t reset)
{
	return (flow[SENT].fin < reset && flow[RECEIVED].fin < reset) || flow[RECEIVED].rst < reset;
}

/* This host's first packet that gives MPTCP up: plain data, or a reset of the first subflow. */
static uint32_t gave_up(const struct scene *scene, uint32_t from)
{
	const struct flow *flow = scene->initial->flow;
	uint32_t reset = flow[SENT].rst;
	uint32_t plain = scene->plain_out >= from ? scene->plain_out : VIEW_NONE;

	/* Where data that the subflow acknowledged lacks its DATA_ACK, O2 says when to leave. */
	if (lacks_data_acks(scene, scene->initial, VIEW_NONE))
		return VIEW_NONE;
	/* Once it is over, strays are answered with RST; a checksum that fails, or is there or not
	 * against the agreement, asks for one; and any wait ends one day, the connection's with
	 * MP_FASTCLOSE. Nor is MPTCP left where another subflow lives. */
	if (reset != VIEW_NONE &&
		(reset < from || flow[SENT].fin < reset || flow[RECEIVED].fin < reset ||
			scene_closed(scene, reset) || answers_strays(flow, reset) ||
			others_alive(scene, scene->initial, reset) > 0 ||
			scene_misfit(scene, scene->initial) < reset ||
			has_failed(scene, scene->initial, reset) ||
			scene->facts[reset].at - scene->facts[scene->initial->first].at >
				SCENE_PATIENCE))
		reset = VIEW_NONE;
	return first_of(reset, plain);
}

void rule_o1(const struct scene *scene, struct note *note)
{
	uint32_t i, bare = VIEW_NONE, up;

	if (!scene->mptcp)
		return;
	for (i = scene->initial->third; i != VIEW_NONE && i < scene->confirmed;
		i = scene->facts[i].next) {
		const struct fact *fact = &scene->facts[i];

		if (fact->way == RECEIVED && fact->payload == 0 && !(fact->has & HAS_OPTION) &&
			!(fact->flags & (TCP_SYN | TCP_RST | TCP_FIN)) && fact->ack <= 1) {
			bare = i;
			break;
		}
	}
	if (bare == VIEW_NONE || scene->initial->flow[SENT].rst < bare)
		return;
	note_held(note);
	up = gave_up(scene, bare);
	if (up != VIEW_NONE && up < scene->cause && up < scene->unmapped_in)
		note_broken(note, up, "left MPTCP over a bare ACK that acknowledges no data");
}

/*
 * Before a fact all that this host had mapped was DATA_ACKed, its DATA_FIN, too. A DATA_ACK of more
 * than that counts here, as it does not for what is still to come (scene_unconfirmed, O18): it
 * leaves the host nothing to wait for.
 */
static bool was_confirmed(const struct scene *scene, uint32_t index)
{
	const struct connection_view *connection = scene->connection;
	uint32_t i;

	for (i = 0; i < index; i++) {
		const struct fact *fact = &scene->facts[i];

		if (fact->way == RECEIVED && (fact->has & HAS_DATA_ACK) &&
			connection->data_fin[SENT] < i &&
			!dsn_before(fact->data_ack, connection->dsn_end[SENT]))
			return true;
	}
	return false;
}

/*
 * The reset has nothing to do with DATA_ACKs: the connection's end by MP_FASTCLOSE, of a wait too
 * long perhaps, is RST (3.5), a checksum that is there or not against the agreement asks for one
 * (F13, F14), after the fallback it is TCP's to reset, and so it is once none is missing.
 */
static bool is_of_another_kind(const struct scene *scene, uint32_t reset)
{
	return scene->connection->infinite[SENT] < reset ||
		answers_strays(scene->initial->flow, reset) || scene_closed(scene, reset) ||
		scene_misfit(scene, scene->initial) < reset || was_confirmed(scene, reset);
}

void rule_o2(const struct scene *scene, struct note *note)
{
	unsigned int count;
	uint32_t first = bare_acks_later(scene, scene->initial, &count), reset, plain;
	bool alone;

	/* An ACK for data that came bare before any DATA_ACK is F9's, which lets this host leave.
	 */
	if (count < 2 || !scene->mptcp || scene_signalled(scene, first) ||
		scene->unmapped_in < first || scene->plain_ack < first)
		return;
	note_held(note);
	alone = others_alive(scene, scene->initial, first) == 0;
	reset = own_reset(scene->initial, first);
	plain = scene->initial->flow[SENT].plain;
	if (plain != VIEW_NONE && plain > first && (!alone || scene->version == 1) &&
		scene->unmapped_in == VIEW_NONE && scene->cause >= plain)
		note_broken(note, plain, "fell back when DATA_ACKs stopped in mid-connection");
	alone = others_ever(scene, scene->initial, VIEW_NONE) == 0;
	if (reset != VIEW_NONE && alone && scene->version == 0 && scene->unmapped_in == VIEW_NONE &&
		!is_of_another_kind(scene, reset))
		note_broken(note, reset, "reset a v0 connection when DATA_ACKs stopped");
}

/* Bytes that had come unmapped on a subflow before fact stop. */
static uint64_t unmapped_before(const struct scene *scene, const struct flow *flow, uint32_t stop)
{
	uint64_t bytes = 0;
	uint32_t i;

	for (i = 0; i < flow->piece_count; i++) {
		const struct piece *piece = &scene->view.pieces[flow->piece + i];

		if (piece->fact < stop &&
			!view_is_mapped(&scene->view, flow, piece->seq, piece->length))
			bytes += piece->length;
	}
	return bytes;
}

void rule_o3(const struct scene *scene, struct note *note)
{
	const struct flow *flow = scene->initial->flow;
	uint32_t first = flow[RECEIVED].unmapped, reset;

	if (!scene->mptcp || first == VIEW_NONE || scene->acked_out > first ||
		scene_signalled(scene, VIEW_NONE) || scene->cause < first ||
		others_alive(scene, scene->initial, first) > 0)
		return;
	note_held(note);
	reset = own_reset(scene->initial, first);
	if (scene_delivered_unmapped(scene))
		note_broken(note, first, "delivered unmapped data instead of holding it");
	else if (reset != VIEW_NONE &&
		scene->facts[reset].at < scene->facts[first].at + SCENE_DUE &&
		flow[RECEIVED].rst > reset &&
		unmapped_before(scene, &flow[RECEIVED], reset) < HELD_BYTES &&
		2 * unmapped_before(scene, &flow[RECEIVED], reset) < scene->facts[reset].window)
		note_broken(note, reset, "reset at once for unmapped data, held none of it");
}

void rule_o4(const struct scene *scene, struct note *note)
{
	const struct connection_view *connection = scene->connection;
	uint32_t received = connection->infinite[RECEIVED], plain;

	if (!scene->mptcp || received == VIEW_NONE)
		return;
	note_held(note);
	plain = fact_subflow(scene, received)->flow[SENT].plain;
	if (plain != VIEW_NONE && plain > received && connection->infinite[SENT] > plain)
		note_broken(note, plain,
			"sends data without an infinite mapping of its own direction");
}

/* A FIN had gone either way, as one of a subflow that still speaks Multipath TCP, or MP_FASTCLOSE.
 */
static bool was_closed_beneath(const struct scene *scene, const struct subflow_view *subflow,
	uint32_t index)
{
	uint32_t theirs = subflow->flow[RECEIVED].fin, ours = subflow->flow[SENT].fin;

	return (theirs < index && (scene->facts[theirs].has & HAS_OPTION)) ||
		(ours < index && (scene->facts[ours].has & HAS_OPTION)) ||
		scene_closed(scene, index);
}

void rule_o5(const struct scene *scene, struct note *note)
{
	const struct connection_view *connection = scene->connection;
	uint32_t fail = connection->fail[SENT], reset, i;

	if (!scene->mptcp || fail == VIEW_NONE || connection->infinite[RECEIVED] != VIEW_NONE ||
		connection->fail[RECEIVED] != VIEW_NONE)
		return;
	note_held(note);
	reset = own_reset(fact_subflow(scene, fail), fail);
	/* Where its own data were acknowledged bare it leaves for that (F9, F64), and no fallback
	 * is left once the peer has closed the subflow, or all of them. */
	if (reset != VIEW_NONE && others_ever(scene, fact_subflow(scene, fail), VIEW_NONE) == 0 &&
		!answers_strays(fact_subflow(scene, fail)->flow, reset) &&
		scene->facts[reset].at < scene->facts[fail].at + SCENE_PATIENCE &&
		connection->data_fin[SENT] > reset &&
		!was_acked_bare(scene, fact_subflow(scene, fail), reset) &&
		!was_closed_beneath(scene, fact_subflow(scene, fail), reset))
		note_broken(note, reset,
			"reset when MP_FAIL went unanswered, the stream contiguous");
	for (i = fail; i < scene->view.fact_count; i++)
		if (scene->facts[i].way == SENT && (scene->facts[i].has & HAS_MAPPING) &&
			scene->facts[i].at > scene->facts[fail].at + SCENE_PATIENCE)
			note_broken(note, i, "still waits for an answer to MP_FAIL");
}

void rule_o6(const struct scene *scene, struct note *note)
{
	uint32_t first = scene->connection->infinite[RECEIVED];
	enum end far = end_opposite(scene->end);
	size_t i;

	if (!scene->mptcp || first == VIEW_NONE)
		return;
	for (i = 0; i < scene->view.mapping_count; i++) {
		const struct mapping *mapping = &scene->view.mappings[i];

		/* It reaches back before the segment that carries it. */
		if (mapping->infinite && mapping->way == RECEIVED &&
			mapping->ssn < scene->facts[mapping->fact].seq)
			note_held(note);
	}
	if (note->state == RULE_HELD &&
		scene->input->app[scene->end].received_length > scene->input->stream[far].length &&
		scene->input->edit_count == 0)
		note_broken(note, first,
			"delivered bytes twice after a retroactive infinite mapping");
}

/* The judge expects mptcp with intact = false: nothing can be detected (F27). */
void rule_o8(const struct scene *scene, struct note *note)
{
	uint32_t reset;

	rule_f27(scene, note);
	if (note->state != RULE_HELD)
		return;
	reset = scene->initial->flow[SENT].rst;
	if (reset != VIEW_NONE && reset_is_groundless(scene, scene->initial, reset) &&
		!scene->input->timed_out && scene->initial->sibling == VIEW_NONE)
		note_broken(note, reset, "reset though changed payload cannot be detected");
}

/* That of a subflow's handshake; 0: which of several packets was answered nobody knows (Karn). */
static nsec_t round_trip(const struct scene *scene, const struct subflow_view *subflow)
{
	uint32_t asked = subflow->opened_by_us ? subflow->syn_last : subflow->synack;
	uint32_t answered = subflow->opened_by_us ? subflow->synack : subflow->third;
	uint32_t i;

	if (asked == VIEW_NONE || answered == VIEW_NONE)
		return 0;
	for (i = subflow->first; i < answered; i = scene->facts[i].next)
		if (i != asked && scene->facts[i].way == SENT && (scene->facts[i].flags & TCP_SYN))
			return 0;
	return scene->facts[answered].at - scene->facts[asked].at;
}

void rule_o9(const struct scene *scene, struct note *note)
{
	uint32_t i, last = VIEW_NONE;

	for (i = 0; i < scene->view.fact_count; i++) {
		const struct fact *fact = &scene->facts[i];
		nsec_t trip;

		if (fact->way != SENT || !(fact->has & HAS_FAIL) || (fact->flags & TCP_RST))
			continue;
		trip = last != VIEW_NONE ? round_trip(scene, fact_subflow(scene, last)) : 0;
		/* A RST is an answer, too; what another subflow brings is told of there. */
		if (last != VIEW_NONE && fact->at < scene->facts[last].at + trip - trip / 4 &&
			fact_subflow(scene, last)->flow[RECEIVED].rst > i)
			note_broken(note, i, "sent MP_FAIL twice within a round trip");
		note_held(note);
		last = i;
	}
}

/* SYN/ACKs that a host sent between two facts of its first subflow. */
static unsigned int synacks_between(const struct scene *scene, uint32_t from, uint32_t stop)
{
	unsigned int count = 0;
	uint32_t i;

	for (i = from; i < stop; i = scene->facts[i].next)
		count += scene->facts[i].way == SENT && (scene->facts[i].flags & TCP_SYN);
	return count;
}

/*
 * Keys lost with the third packet and the first data: no reason to leave MPTCP. But where they do
 * not come however often the host asks, F3's letter holds: perhaps the path lets none pass.
 */
void rule_o12(const struct scene *scene, struct note *note)
{
	uint32_t up;

	if (!scene->late_third || scene->active || scene->odd_keys)
		return;
	note_held(note);
	up = gave_up(scene, scene->initial->third);
	/* To a newer SYN without MP_CAPABLE the answer has none, either (O13). */
	if (up != VIEW_NONE && !scene_signalled(scene, VIEW_NONE) &&
		scene->unmapped_in == VIEW_NONE && scene->cause > up &&
		synacks_between(scene, scene->initial->third, up) < ASKED_OFTEN)
		note_broken(note, up, "left MPTCP because the packets with the keys were lost");
}

/* The last SYN of the half-open connection that reached this host before fact index. */
static uint32_t newest_syn(const struct scene *scene, uint32_t index)
{
	uint32_t i, newest = VIEW_NONE;

	for (i = scene->initial->first; i != VIEW_NONE && i < index; i = scene->facts[i].next)
		if (scene->facts[i].way == RECEIVED &&
			(scene->facts[i].flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
			newest = i;
	return newest;
}

static bool syns_differ(const struct scene *scene)
{
	uint32_t i;
	bool with = false, without = false;

	for (i = scene->initial->first; i != VIEW_NONE; i = scene->facts[i].next) {
		const struct fact *fact = &scene->facts[i];

		if (fact->way != RECEIVED || (fact->flags & (TCP_SYN | TCP_ACK)) != TCP_SYN)
			continue;
		with = with || (fact->has & HAS_CAPABLE);
		without = without || !(fact->has & HAS_CAPABLE);
	}
	return with && without;
}

void rule_o13(const struct scene *scene, struct note *note)
{
	uint32_t i;

	if (scene->active || !syns_differ(scene))
		return;
	for (i = scene->initial->synack; i != VIEW_NONE; i = scene->facts[i].next) {
		const struct fact *fact = &scene->facts[i];
		uint32_t syn;

		if (fact->way != SENT || !(fact->flags & TCP_SYN))
			continue;
		syn = newest_syn(scene, i);
		if (syn == VIEW_NONE || (scene->facts[syn].has & HAS_CAPABLE) ||
			!scene_knew(scene, i, syn))
			continue;
		note_held(note);
		if (fact->has & HAS_CAPABLE)
			note_broken(note, i, "answers a newer SYN without MP_CAPABLE with one");
	}
}

void rule_o14(const struct scene *scene, struct note *note)
{
	uint32_t third = scene->initial->third, i;

	if (scene->active || third == VIEW_NONE || !syns_differ(scene))
		return;
	note_held(note);
	if (scene->facts[third].has & HAS_CAPABLE)
		return;
	for (i = third; i != VIEW_NONE; i = scene->facts[i].next)
		if (scene->facts[i].way == SENT && (scene->facts[i].has & HAS_DSS) &&
			!(scene->facts[third].has & HAS_DSS) && i > third)
			note_broken(note, i, "speaks MPTCP though the third packet does not");
}

void rule_o15(const struct scene *scene, struct note *note)
{
	size_t i;

	for (i = 0; scene->mptcp && i < scene->view.fact_count; i++) {
		const struct fact *fact = &scene->facts[i];

		if (fact->way == RECEIVED &&
			((fact->has & (HAS_ODD_DSS | HAS_SEVERAL_DSS)) ||
				((fact->has & HAS_CAPABLE) && (fact->has & HAS_DSS))))
			note_no_blame(note, scene, scene_subflow(scene, fact->subflow),
				(uint32_t)i);
	}
}

void rule_o16(const struct scene *scene, struct note *note)
{
	const struct connection_view *connection = scene->connection;
	uint32_t received = connection->fail[RECEIVED], fail = connection->fail[SENT], i;
	const struct flow *flow;

	if (received < fail && fail_names_own(scene, received))
		fail = received;

	/* On one of several it costs that subflow, and nobody falls back (F22). */
	if (fail == VIEW_NONE || others_alive(scene, fact_subflow(scene, fail), fail) > 0)
		return;
	flow = fact_subflow(scene, fail)->flow;
	for (i = scene->initial->sibling; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling) {
		const struct subflow_view *subflow = scene_subflow(scene, i);

		/* Where a reset ended it nobody falls back, either: the sender may join (F25). */
		if (subflow->opened_by_us || subflow->syn == VIEW_NONE || subflow->syn < fail ||
			first_of(flow[SENT].rst, flow[RECEIVED].rst) < subflow->syn)
			continue;
		note_held(note);
		/* A SYN that lost its option opens a connection like any other. */
		if (subflow->synack != VIEW_NONE && (scene->facts[subflow->synack].has & HAS_JOIN))
			note_broken(note, subflow->synack, "accepted a join while falling back");
	}
}

/* What it means for a retry shows only in later connections: the RST itself is noted. */
void rule_o17(const struct scene *scene, struct note *note)
{
	uint32_t i;

	for (i = scene->connection->subflow; i != VIEW_NONE && scene->version == 1;
		i = scene_subflow(scene, i)->sibling) {
		uint32_t reset = scene_subflow(scene, i)->flow[RECEIVED].rst;

		if (scene->mptcp && reset != VIEW_NONE && !(scene->facts[reset].has & HAS_TCPRST))
			note_held(note);
	}
}

/* An option of this host's own comes back: its numbers are those of the other direction. */
void rule_o18(const struct scene *scene, struct note *note)
{
	const struct connection_view *connection = scene->connection;
	size_t i;

	if (!scene->mptcp || !connection->has_key[SENT] || !connection->has_key[RECEIVED])
		return;
	for (i = 0; i < scene->view.mapping_count; i++) {
		const struct mapping *mapping = &scene->view.mappings[i];
		uint64_t own = mapping->dsn - (connection->idsn[SENT] + 1);
		uint64_t peers = mapping->dsn - (connection->idsn[RECEIVED] + 1);

		if (mapping->way != RECEIVED || mapping->infinite ||
			own > connection->dsn_end[SENT] - connection->idsn[SENT] || peers <= own)
			continue;
		note_no_blame(note, scene, scene_subflow(scene, mapping->subflow), mapping->fact);
		if (scene_overrun(scene) != VIEW_NONE)
			note_broken(note, scene_overrun(scene),
				"DATA_ACKs its own mirrored mapping");
	}
}
