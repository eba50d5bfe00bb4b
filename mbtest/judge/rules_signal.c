/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules_signal.c - F60 and F62: signals that prove nothing are ignored, and MP_FASTCLOSE with the
 * right key ends it all (RFC 8684 3.4.1 and 3.5, RFC 6824 3.5).
 */
#include "mbtest/judge/predicates.h"

/* Told of the same address again, and rightly. */
static bool is_told_well(const struct scene *scene, uint32_t index, const struct mp_add_addr *add)
{
	const struct mptcp_opt *again =
		view_option(&scene->view, &scene->facts[index], MP_ADD_ADDR);

	return scene->facts[index].way == RECEIVED && again != NULL && !again->add_addr.echo &&
		addr_equal(&again->add_addr.addr, &add->addr) &&
		add_addr_verify(scene->connection, RECEIVED, &again->add_addr) != HMAC_BAD;
}

/* The host echoed an ADD_ADDR, or started a subflow to its address, before it was told well. */
static uint32_t took_address(const struct scene *scene, uint32_t told,
	const struct mp_add_addr *add)
{
	uint32_t i;

	for (i = told + 1; i < scene->view.fact_count && !is_told_well(scene, i, add); i++) {
		const struct fact *fact = &scene->facts[i];
		const struct subflow_view *subflow = fact_subflow(scene, i);
		const struct mptcp_opt *echo;

		if (fact->way != SENT)
			continue;
		if (subflow->opened_by_us && subflow->first == i &&
			addr_equal(&subflow->responder.addr, &add->addr))
			return i;
		echo = view_option(&scene->view, fact, MP_ADD_ADDR);
		if (echo != NULL && echo->add_addr.echo &&
			echo->add_addr.address_id == add->address_id &&
			addr_equal(&echo->add_addr.addr, &add->addr))
			return i;
	}
	return VIEW_NONE;
}

void rule_f60(const struct scene *scene, struct note *note)
{
	uint32_t i, taken;

	if (!scene->mptcp)
		return;
	for (i = 0; i < scene->view.fact_count; i++) {
		const struct fact *fact = &scene->facts[i];
		const struct mptcp_opt *told = view_option(&scene->view, fact, MP_ADD_ADDR);

		if (fact->way != RECEIVED || told == NULL || told->add_addr.echo ||
			add_addr_verify(scene->connection, RECEIVED, &told->add_addr) != HMAC_BAD)
			continue;
		note_held(note);
		taken = took_address(scene, i, &told->add_addr);
		if (taken != VIEW_NONE)
			note_broken(note, taken, "took an address whose HMAC is wrong");
	}
}

/*
 * A RST of this host soon after, and none of the peer's before it. On a subflow that it had ended
 * before any packet is answered by RST.
 */
static uint32_t reset_in_answer(const struct scene *scene, uint32_t cause)
{
	uint32_t own = scene->connection->fastclose[SENT], i;

	if (own < cause)
		return VIEW_NONE;
	for (i = cause + 1; i < scene->view.fact_count; i++) {
		const struct fact *fact = &scene->facts[i];

		if (fact->at > scene->facts[cause].at + SCENE_DUE)
			break;
		/* Another one with the right key is a reason. */
		if (closes_fast(scene, i))
			return VIEW_NONE;
		/* In v0 its own MP_FASTCLOSE ends with a RST, answered or not; other subflows at
		 * once. */
		if (own != VIEW_NONE && fact->at + scene->prompt >= scene->facts[own].at)
			return VIEW_NONE;
		if ((fact->flags & TCP_RST) && fact_subflow(scene, i)->flow[SENT].rst >= cause)
			return fact->way == SENT ? i : VIEW_NONE;
	}
	return VIEW_NONE;
}

void rule_f62(const struct scene *scene, struct note *note)
{
	uint32_t i, j;

	if (!scene->mptcp || !scene->connection->has_key[SENT])
		return;
	for (i = 0; i < scene->view.fact_count; i++) {
		const struct fact *fact = &scene->facts[i];
		const struct mptcp_opt *close = view_option(&scene->view, fact, MP_FASTCLOSE);

		/* A NAT may give it other ports: then it is of no connection. */
		if (fact->way != RECEIVED || close == NULL || scene->cause < i ||
			!subflow_is_up(scene, fact_subflow(scene, i), i))
			continue;
		note_held(note);
		if (close->fastclose_key != scene->connection->key[SENT]) {
			j = fact->flags & TCP_RST ? VIEW_NONE : reset_in_answer(scene, i);
			if (j != VIEW_NONE)
				note_broken(note, j, "took an MP_FASTCLOSE with a wrong key");
			continue;
		}
		for (j = i + 1; j < scene->view.fact_count; j++)
			if (scene->facts[j].way == SENT && scene->facts[j].payload > 0 &&
				scene->facts[j].at > fact->at + SCENE_DUE)
				note_broken(note, j, "goes on after an MP_FASTCLOSE");
	}
}
