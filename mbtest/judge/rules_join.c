/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules_join.c - F35 to F44: the handshake of further subflows (RFC 8684 3.2, RFC 6824 3.2).
 */
#include "mbtest/judge/predicates.h"

/* The first packet of a kind on a subflow from fact on; flags of mask must be those of wanted. */
static uint32_t packet_with(const struct scene *scene, uint32_t from, enum way way, uint16_t mask,
	uint16_t wanted)
{
	uint32_t i;

	for (i = from; i != VIEW_NONE; i = scene->facts[i].next)
		if (scene->facts[i].way == way && (scene->facts[i].flags & mask) == wanted)
			return i;
	return VIEW_NONE;
}

static uint32_t count_of(const struct scene *scene, const struct subflow_view *subflow,
	enum way way, uint16_t mask, uint16_t wanted)
{
	uint32_t i, count = 0;

	for (i = subflow->first; i != VIEW_NONE; i = scene->facts[i].next)
		count += scene->facts[i].way == way && (scene->facts[i].flags & mask) == wanted;
	return count;
}

/* The path's SYN reached the other host with MP_JOIN: then the SYN/ACK lost it (F37, not F35). */
static bool join_reached_peer(const struct scene *scene, const struct subflow_view *subflow)
{
	const struct view *peer = &scene->other->view;
	size_t i;

	for (i = 0; i < peer->subflow_count; i++) {
		const struct subflow_view *seen = &peer->subflows[i];

		if (seen->path == subflow->path && !seen->opened_by_us && seen->syn != VIEW_NONE &&
			(peer->facts[seen->syn].has & HAS_JOIN))
			return true;
	}
	return false;
}

/* From the joiner's side F35 and F37 look alike; only the peer's tap tells which it was. */
static void note_plain_synack(const struct scene *scene, struct note *note, bool reached)
{
	uint32_t i;

	for (i = scene->connection->subflow; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling) {
		const struct subflow_view *subflow = scene_subflow(scene, i);

		if (!subflow->is_join || !subflow->opened_by_us || subflow->synack == VIEW_NONE ||
			(scene->facts[subflow->synack].has & HAS_JOIN) ||
			join_reached_peer(scene, subflow) != reached)
			continue;
		note_must_reset(note, scene, subflow, subflow->synack,
			"went on with a join whose SYN/ACK has no MP_JOIN");
	}
}

void rule_f35(const struct scene *scene, struct note *note)
{
	note_plain_synack(scene, note, false);
}

/* A plain SYN to where nothing listens; that nothing does shows by the answer only. */
void rule_f36(const struct scene *scene, struct note *note)
{
	size_t i;

	for (i = 0; i < scene->view.subflow_count; i++) {
		const struct subflow_view *subflow = &scene->view.subflows[i];
		uint32_t syn = subflow->syn, answer;

		if (subflow == scene->initial || subflow->opened_by_us || syn == VIEW_NONE ||
			(scene->facts[syn].has & HAS_OPTION))
			continue;
		answer = packet_with(scene, syn, SENT, 0, 0);
		if (answer != VIEW_NONE && (scene->facts[answer].flags & TCP_RST))
			note_held(note);
		else if (answer == VIEW_NONE &&
			count_of(scene, subflow, RECEIVED, TCP_SYN, TCP_SYN) > 1)
			note_broken(note, syn, "left a plain SYN unanswered");
	}
}

void rule_f37(const struct scene *scene, struct note *note)
{
	note_plain_synack(scene, note, true);
}

/* Joins that this host answered with MP_JOIN and that got their third packet. */
static bool is_answered_join(const struct scene *scene, const struct subflow_view *subflow)
{
	return subflow->is_join && !subflow->opened_by_us && subflow->synack != VIEW_NONE &&
		(scene->facts[subflow->synack].has & HAS_JOIN) && subflow->third != VIEW_NONE;
}

void rule_f38(const struct scene *scene, struct note *note)
{
	uint32_t i;

	for (i = scene->connection->subflow; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling) {
		const struct subflow_view *subflow = scene_subflow(scene, i);

		if (is_answered_join(scene, subflow) &&
			!(scene->facts[subflow->third].has & HAS_JOIN))
			note_must_reset(note, scene, subflow, subflow->third,
				"went on with a join whose third packet has no MP_JOIN");
	}
}

void rule_f39(const struct scene *scene, struct note *note)
{
	uint32_t i;

	for (i = scene->connection->subflow; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling) {
		const struct subflow_view *subflow = scene_subflow(scene, i);

		if (subflow->opened_by_us && subflow->hmac_synack == HMAC_BAD)
			note_must_reset(note, scene, subflow, subflow->synack,
				"went on with a join whose SYN/ACK has a wrong HMAC");
	}
}

void rule_f40(const struct scene *scene, struct note *note)
{
	uint32_t i, j;

	for (i = scene->connection->subflow; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling) {
		const struct subflow_view *subflow = scene_subflow(scene, i);

		if (subflow->opened_by_us || subflow->hmac_ack != HMAC_BAD)
			continue;
		for (j = subflow->synack; j != VIEW_NONE; j = scene->facts[j].next)
			if (scene->facts[j].way == RECEIVED && (scene->facts[j].has & HAS_JOIN) &&
				!(scene->facts[j].flags & TCP_SYN))
				break;
		if (j != VIEW_NONE)
			note_must_reset(note, scene, subflow, j,
				"went on with a join whose third packet has a wrong HMAC");
	}
}

void rule_f41(const struct scene *scene, struct note *note)
{
	size_t i;

	for (i = 0; i < scene->view.subflow_count; i++) {
		const struct subflow_view *subflow = &scene->view.subflows[i];

		if (subflow->opened_by_us || subflow->token_verdict != HMAC_BAD ||
			subflow->syn == VIEW_NONE)
			continue;
		note_must_reset(note, scene, subflow, subflow->syn,
			"answered MP_JOIN with an unknown token by something else than RST");
	}
}

/* The third packet is the joiner's proof: repeated until B's ACK comes, and no data before. */
void rule_f42(const struct scene *scene, struct note *note)
{
	uint32_t i, j;

	for (i = scene->connection->subflow; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling) {
		const struct subflow_view *subflow = scene_subflow(scene, i);
		uint32_t last = VIEW_NONE;

		if (!subflow->is_join || !subflow->opened_by_us || subflow->third == VIEW_NONE)
			continue;
		if (!(scene->facts[subflow->third].has & HAS_JOIN)) {
			if (subflow->hmac_synack == HMAC_OK &&
				!(scene->facts[subflow->third].flags & (TCP_RST | TCP_FIN)))
				note_broken(note, subflow->third,
					"answered the SYN/ACK of a join without MP_JOIN");
			continue;
		}
		note_held(note);
		for (j = subflow->third; j != VIEW_NONE && j < subflow->fourth;
			j = scene->facts[j].next) {
			const struct fact *fact = &scene->facts[j];

			if (fact->way == SENT && fact->payload > 0)
				note_broken(note, j,
					"sent data before its MP_JOIN was acknowledged");
			if (fact->way == SENT && (fact->has & HAS_JOIN))
				last = j;
			if (fact->flags & (TCP_RST | TCP_FIN))
				break;
		}
		if (j == VIEW_NONE && last != VIEW_NONE && subflow->fourth == VIEW_NONE &&
			scene->facts[last].at + SCENE_PATIENCE < scene->input->now &&
			scene->connection->infinite[SENT] == VIEW_NONE)
			note_broken(note, last,
				"never repeated an MP_JOIN that was not acknowledged");
	}
}

void rule_f43(const struct scene *scene, struct note *note)
{
	uint32_t i, j;

	for (i = scene->initial->sibling; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling) {
		const struct subflow_view *dropped = scene_subflow(scene, i);

		if (!dropped->opened_by_us || dropped->syn == VIEW_NONE ||
			packet_with(scene, dropped->syn, RECEIVED, 0, 0) != VIEW_NONE)
			continue;
		note_held(note);
		for (j = dropped->sibling; j != VIEW_NONE; j = scene_subflow(scene, j)->sibling) {
			const struct subflow_view *again = scene_subflow(scene, j);

			/* Those that were sent together are no second try. */
			if (again->opened_by_us && again->syn != VIEW_NONE &&
				scene->facts[again->syn].at >=
					scene->facts[dropped->syn].at + SCENE_DUE &&
				sockname_equal(&again->responder, &dropped->responder) &&
				addr_equal(&again->initiator.addr, &dropped->initiator.addr))
				note_broken(note, again->syn,
					"tried again to join an address that did not answer");
		}
	}
}

void rule_f44(const struct scene *scene, struct note *note)
{
	const struct sockname *own =
		scene->active ? &scene->initial->initiator : &scene->initial->responder;
	const uint32_t *fin = scene->connection->data_fin;
	uint32_t i, answer;

	for (i = scene->initial->sibling; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling) {
		const struct subflow_view *subflow = scene_subflow(scene, i);
		const struct mptcp_opt *opt;

		if (subflow->opened_by_us || subflow->token_verdict != HMAC_OK ||
			(!scene->active && subflow->responder.port == own->port))
			continue;
		answer = packet_with(scene, subflow->syn, SENT, 0, 0);
		/* With the connection's data, subflows, or Multipath TCP, its token ends, and with
		 * MP_FASTCLOSE. */
		if (answer == VIEW_NONE || scene->cause < subflow->syn ||
			scene_closed_fast(scene, subflow->syn) ||
			others_alive(scene, subflow, subflow->syn) == 0 ||
			(fin[SENT] < subflow->syn && fin[RECEIVED] < subflow->syn))
			continue;
		note_held(note);
		opt = view_option(&scene->view, &scene->facts[answer], MP_TCPRST);
		/* A refusal by policy says so. */
		if ((scene->facts[answer].flags & TCP_RST) &&
			(opt == NULL || opt->tcprst.reason == RESET_UNSPECIFIED))
			note_broken(note, answer,
				"refused a valid token where no application listens");
	}
}
