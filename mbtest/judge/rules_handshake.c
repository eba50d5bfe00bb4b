/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules_handshake.c - F1 to F7f: what a host does when MP_CAPABLE does not pass the three-way
 * handshake of the first subflow, or does not pass it whole (RFC 8684 3.1, RFC 6824 3.1).
 */
#include "mbtest/judge/predicates.h"

/* After fact from no MPTCP option may leave this host on the first subflow but in a SYN or RST. */
static void note_plain_after(struct note *note, const struct scene *scene, uint32_t from,
	const char *why)
{
	uint32_t i;

	note_held(note);
	for (i = from; i != VIEW_NONE; i = scene->facts[i].next) {
		const struct fact *fact = &scene->facts[i];

		if (i > from && fact->way == SENT && (fact->has & HAS_OPTION) &&
			!(fact->flags & (TCP_SYN | TCP_RST)) && scene_knew(scene, i, from)) {
			note_broken(note, i, why);
			return;
		}
	}
}

/* The SYN/ACK with MP_CAPABLE that this host sent, if it did. */
static uint32_t capable_answer(const struct scene *scene)
{
	uint32_t i;

	for (i = scene->initial->synack; i != VIEW_NONE; i = scene->facts[i].next)
		if (scene->facts[i].way == SENT && (scene->facts[i].flags & TCP_SYN) &&
			(scene->facts[i].has & HAS_CAPABLE))
			return i;
	return VIEW_NONE;
}

/* The SYN was no offer that this host could take: no MP_CAPABLE in the answer, none after it. */
static void note_answered_plain(struct note *note, const struct scene *scene, const char *why)
{
	uint32_t answer = capable_answer(scene);

	note_held(note);
	if (answer != VIEW_NONE)
		note_broken(note, answer, why);
	note_plain_after(note, scene, scene->initial->synack,
		"sent MPTCP options on a connection whose SYN had none to build on");
}

static bool is_passive(const struct scene *scene)
{
	return !scene->active && scene->initial->syn != VIEW_NONE &&
		scene->initial->synack != VIEW_NONE;
}

static bool is_active(const struct scene *scene)
{
	return scene->active && scene->initial->syn != VIEW_NONE &&
		scene->initial->synack != VIEW_NONE;
}

/* A SYN before an answer has it, whatever the others have. */
static bool any_syn_has(const struct scene *scene, uint32_t wanted)
{
	uint32_t i, answer = capable_answer(scene);

	if (answer == VIEW_NONE)
		answer = scene->initial->synack;
	for (i = scene->initial->syn; i != VIEW_NONE && i <= answer; i = scene->facts[i].next)
		if ((scene->facts[i].flags & (TCP_SYN | TCP_ACK)) == TCP_SYN &&
			(scene->facts[i].has & wanted))
			return true;
	return false;
}

void rule_f1(const struct scene *scene, struct note *note)
{
	if (is_passive(scene) && !any_syn_has(scene, HAS_OPTION))
		note_answered_plain(note, scene, "answered a SYN without MP_CAPABLE with one");
}

void rule_f2(const struct scene *scene, struct note *note)
{
	if (is_active(scene) && scene->syn_capable && !scene->synack_capable &&
		!(scene->facts[scene->initial->synack].has & HAS_UNDECODABLE))
		note_plain_after(note, scene, scene->initial->synack,
			"sent an MPTCP option after a SYN/ACK without MP_CAPABLE");
}

void rule_f3(const struct scene *scene, struct note *note)
{
	if (is_passive(scene) && scene->syn_capable && scene->synack_capable &&
		scene->initial->third != VIEW_NONE && !scene->third_capable && !scene->late_third)
		note_plain_after(note, scene, scene->initial->third,
			"sent an MPTCP option after a third packet without MP_CAPABLE");
}

/*
 * B's side alone: it learns that the path is not capable when the first data come bare. It may
 * take a while over it (O3), but must not go on offering mappings for ever.
 */
void rule_f4(const struct scene *scene, struct note *note)
{
	const struct flow *flow = scene->initial->flow;
	uint32_t first = flow[RECEIVED].plain, i;

	if (scene->active || !scene->mptcp || first == VIEW_NONE || first > scene->acked_out ||
		scene->facts[first].seq != 1 || view_is_mapped(&scene->view, &flow[RECEIVED], 1, 1))
		return;
	note_held(note);
	for (i = first; i != VIEW_NONE; i = scene->facts[i].next) {
		const struct fact *fact = &scene->facts[i];

		if (fact->way == SENT && (fact->has & HAS_MAPPING) &&
			fact->at > scene->facts[first].at + 2 * SCENE_DUE)
			note_broken(note, i,
				"still sends mappings though the peer's first data had none");
	}
}

/* Local policy; what never helps is to ask in the same way for ever. */
void rule_f5(const struct scene *scene, struct note *note)
{
	unsigned int asked = 0;
	uint32_t i, last = VIEW_NONE;

	for (i = 0; i < scene->view.fact_count; i++) {
		const struct fact *fact = &scene->facts[i];

		if (fact->way == RECEIVED)
			return;
		if ((fact->flags & (TCP_SYN | TCP_ACK)) != TCP_SYN)
			break;
		if (!(fact->has & HAS_CAPABLE)) {
			if (asked >= 2)
				note_held(note);
			return;
		}
		asked++;
		last = i;
	}
	if (asked >= 2 && last != VIEW_NONE && i < scene->view.fact_count)
		note_held(note);
	else if (asked >= 6)
		note_broken(note, last, "repeated MP_CAPABLE in six SYNs, never tried without");
}

static bool crypto_missing(const struct mp_capable *capable, bool *none_at_all)
{
	uint8_t bits = capable->version == 0 ? MPC_CRYPTO_V0 : MPC_CRYPTO_V1;

	*none_at_all = (capable->flags & bits) == 0;
	return !(capable->flags & MPC_HMAC);
}

/* Another SYN came before MP_CAPABLE was answered: that one counts. */
static bool asked_again(const struct scene *scene)
{
	uint32_t i, answer = capable_answer(scene);

	for (i = scene->initial->synack; i != VIEW_NONE && i < answer; i = scene->facts[i].next)
		if (scene->facts[i].way == RECEIVED && (scene->facts[i].flags & TCP_SYN))
			return true;
	return false;
}

/* The SYN/ACK that was answered: in v0 one with flag B is as if none came (F7a). */
static uint32_t answered_synack(const struct scene *scene)
{
	uint32_t answered = VIEW_NONE, i;

	for (i = scene->initial->synack; i < scene->initial->third; i = scene->facts[i].next) {
		const struct mp_capable *capable = scene_capable(scene, i);

		if (capable != NULL && (scene->facts[i].flags & TCP_SYN) &&
			!(scene->version == 0 && (capable->flags & MPC_EXTENSION)))
			answered = i;
	}
	return answered;
}

void rule_f6(const struct scene *scene, struct note *note)
{
	const struct mp_capable *syn = scene_capable(scene, scene->initial->syn_last);
	uint32_t answered = answered_synack(scene);
	const struct mp_capable *synack = scene_capable(scene, answered);
	bool none;

	if (is_passive(scene) && syn != NULL && scene->syn_capable && crypto_missing(syn, &none)) {
		note_held(note);
		/* v0 leaves it to B how to answer a proposal of algorithms it has not. */
		if (capable_answer(scene) != VIEW_NONE && !asked_again(scene) &&
			(none || syn->version == 1))
			note_broken(note, capable_answer(scene),
				"answered MP_CAPABLE without a common algorithm with MP_CAPABLE");
	}
	if (is_active(scene) && scene->syn_capable && synack != NULL && scene->synack_capable &&
		crypto_missing(synack, &none))
		note_plain_after(note, scene, answered,
			"went on with MPTCP though the SYN/ACK names no algorithm");
}

void rule_f7(const struct scene *scene, struct note *note)
{
	const struct mp_capable *syn = scene_capable(scene, scene->initial->syn_last);
	const struct mp_capable *synack = scene_capable(scene, scene->initial->synack);

	if (syn == NULL)
		return;
	if (is_passive(scene) && syn->version != scene->input->version) {
		note_held(note);
		if (synack != NULL && synack->version > syn->version)
			note_broken(note, scene->initial->synack,
				"answered with a version above the one offered");
		else if (synack != NULL && !scene->syn_capable)
			note_broken(note, scene->initial->synack,
				"answered MP_CAPABLE of a version that cannot be with MP_CAPABLE");
	}
	if (is_active(scene) && synack != NULL &&
		(synack->version > syn->version || synack->version > 1))
		note_plain_after(note, scene, scene->initial->synack,
			"went on with MPTCP though the SYN/ACK's version is above the offer");
}

/*
 * v0: the SYN itself is to be ignored; the peer tries again without the option. Where one had come
 * that can be answered it is that one's SYN/ACK which is repeated.
 */
static void note_extended_v0(const struct scene *scene, struct note *note)
{
	uint32_t i;

	for (i = scene->initial->first; i != VIEW_NONE; i = scene->facts[i].next) {
		const struct fact *fact = &scene->facts[i];
		const struct mp_capable *syn = scene_capable(scene, i);

		if (fact->way == RECEIVED && (fact->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN) {
			if (syn == NULL || syn->version > 0 || !(syn->flags & MPC_EXTENSION))
				return;
			note_held(note);
		} else if (note->state == RULE_HELD && fact->way == SENT &&
			(fact->flags & TCP_SYN)) {
			note_broken(note, i,
				"answered a v0 SYN with flag B instead of ignoring it");
		}
	}
}

/* Before MP_CAPABLE was answered another SYN offered it without flag B: that one counts (O13). */
static bool offered_plainly(const struct scene *scene)
{
	uint32_t i, answer = capable_answer(scene);

	for (i = scene->initial->first; i != VIEW_NONE && i < answer; i = scene->facts[i].next) {
		const struct mp_capable *syn = scene_capable(scene, i);

		if (syn != NULL && scene->facts[i].way == RECEIVED &&
			(scene->facts[i].flags & TCP_SYN) && !(syn->flags & MPC_EXTENSION))
			return true;
	}
	return false;
}

void rule_f7a(const struct scene *scene, struct note *note)
{
	const struct mp_capable *syn = scene_capable(scene, scene->initial->syn_last);
	const struct mp_capable *synack = scene_capable(scene, scene->initial->synack);

	if (!scene->active && syn != NULL && (syn->flags & MPC_EXTENSION) && syn->version == 1 &&
		is_passive(scene) && !offered_plainly(scene))
		note_answered_plain(note, scene, "took MP_CAPABLE with flag B for an offer");
	if (!scene->active)
		note_extended_v0(scene, note);
	if (is_active(scene) && scene->synack_capable && synack != NULL &&
		(synack->flags & MPC_EXTENSION) && synack->version == 1)
		note_plain_after(note, scene, scene->initial->synack,
			"went on with MPTCP after a SYN/ACK with flag B");
}

/* A=1 received, A=0 sent: either checksums are used after all, or MPTCP is not. */
void rule_f7b(const struct scene *scene, struct note *note)
{
	const struct mp_capable *syn = scene_capable(scene, scene->initial->syn_last);
	const struct mp_capable *synack = scene_capable(scene, answered_synack(scene));
	const struct mp_capable *sent = scene->active ? syn : synack;
	const struct mp_capable *received = scene->active ? synack : syn;
	uint32_t i;

	if (received == NULL || !(received->flags & MPC_CHECKSUM) || !scene->syn_capable ||
		(sent != NULL && (sent->flags & MPC_CHECKSUM)))
		return;
	note_held(note);
	for (i = 0; i < scene->view.mapping_count; i++) {
		const struct mapping *mapping = &scene->view.mappings[i];

		if (mapping->way == SENT && !mapping->infinite && !mapping->has_checksum &&
			!scene->odd_flag_a)
			note_broken(note, mapping->fact,
				"sends mappings without checksum to a peer that requires them");
	}
}

/* No rule of its own: the two ends disagree, and F13 or F14 say what follows. */
void rule_f7c(const struct scene *scene, struct note *note)
{
	enum end client = CLIENT;
	const struct scene *a = scene->end == client ? scene : scene->other;
	const struct scene *b = scene->end == client ? scene->other : scene;
	const struct mp_capable *sent, *seen;

	if (a->connection == NULL || b->connection == NULL || !scene->mptcp)
		return;
	sent = scene_capable(a, a->initial->syn_last);
	seen = scene_capable(b, b->initial->syn_last);
	if (sent != NULL && seen != NULL && (sent->flags ^ seen->flags) & MPC_CHECKSUM)
		goto differ;
	sent = scene_capable(b, b->initial->synack);
	seen = scene_capable(a, a->initial->synack);
	if (sent == NULL || seen == NULL || !((sent->flags ^ seen->flags) & MPC_CHECKSUM))
		return;
differ:
	if (a->checksum == b->checksum)
		return;
	note_held(note);
	rule_f13(scene, note);
	rule_f14(scene, note);
}

void rule_f7d(const struct scene *scene, struct note *note)
{
	const struct mp_capable *received = scene_capable(scene,
		scene->active ? scene->initial->synack : scene->initial->syn_last);
	const struct sockname *peer =
		scene->active ? &scene->initial->responder : &scene->initial->initiator;
	uint32_t i;

	if (received == NULL || received->version != 1 || !(received->flags & MPC_NO_JOIN) ||
		!scene->mptcp)
		return;
	note_held(note);
	for (i = scene->initial->sibling; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling) {
		const struct subflow_view *subflow = scene_subflow(scene, i);

		if (subflow->opened_by_us && sockname_equal(&subflow->responder, peer))
			note_broken(note, subflow->first,
				"opened a subflow to an address whose owner set flag C");
	}
}

/* v1 only: v0 does not say it. */
void rule_f7e(const struct scene *scene, struct note *note)
{
	const struct subflow_view *initial = scene->initial;

	if (scene->version == 0)
		return;
	if (is_passive(scene) && scene->odd_keys)
		note_plain_after(note, scene, initial->third,
			"went on with MPTCP though the third packet echoes other keys");
	if (is_active(scene) && scene->syn_capable && !scene->synack_capable &&
		(scene->facts[initial->synack].has & HAS_UNDECODABLE))
		note_plain_after(note, scene, initial->synack,
			"went on with MPTCP after a SYN/ACK with a broken MP_CAPABLE");
}

void rule_f7f(const struct scene *scene, struct note *note)
{
	const struct mp_capable *synack = scene_capable(scene, scene->initial->synack);

	if (is_active(scene) && scene->syn_capable && synack != NULL && !scene->synack_capable &&
		(!synack->has_sender_key || synack->version == 0))
		note_plain_after(note, scene, scene->initial->synack,
			"took its own mirrored MP_CAPABLE for the peer's");
}
