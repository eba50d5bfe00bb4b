/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/endpoint/sched.h"

#include <limits.h>
#include <string.h>

/*
 * Backup subflows carry data only when no other is usable (RFC 8684 3.3.8); of these, what the peer
 * asked to spare comes last, since what we ask for is about its sending.
 */
static unsigned int rank(const struct subflow *subflow)
{
	return !subflow->backup ? 0 : !subflow->backup_theirs ? 1 : 2;
}

/* in_flight / cwnd compared without division; the first wins a tie. */
static struct subflow *least_filled(const struct conn *conn, struct subflow *const *candidates,
	unsigned int count)
{
	struct subflow *best = candidates[0];
	unsigned int i;

	(void)conn;
	for (i = 1; i < count; i++)
		if ((uint64_t)candidates[i]->in_flight * best->cc.cwnd <
			(uint64_t)best->in_flight * candidates[i]->cc.cwnd)
			best = candidates[i];
	return best;
}

static struct subflow *lowest_rtt(const struct conn *conn, struct subflow *const *candidates,
	unsigned int count)
{
	struct subflow *best = candidates[0];
	unsigned int i;

	(void)conn;
	for (i = 1; i < count; i++)
		if (candidates[i]->srtt < best->srtt)
			best = candidates[i];
	return best;
}

/* Candidates are in the order of their indices: the first behind the last one's, or the first. */
static struct subflow *round_robin(const struct conn *conn, struct subflow *const *candidates,
	unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (candidates[i]->index > conn->last_index)
			return candidates[i];
	return candidates[0];
}

/* A subflow whose timer expired is passed over until it is heard of again. */
static struct subflow *first_sound(const struct conn *conn, struct subflow *const *candidates,
	unsigned int count)
{
	const struct subflow *primary = NULL;
	unsigned int i;

	for (i = 0; i < conn->subflow_count && primary == NULL; i++)
		if (subflow_is_usable(conn->subflows[i]) && conn->subflows[i]->backoff == 0 &&
			rank(conn->subflows[i]) == rank(candidates[0]))
			primary = conn->subflows[i];
	for (i = 0; i < count; i++)
		if (candidates[i] == primary)
			return candidates[i];
	/* What it acknowledged but did not deliver is for others. */
	return primary == NULL || conn->tx.again_count > 0 ? candidates[0] : NULL;
}

const struct sched_ops sched_list[] = {
	{ "least-filled", "the emptiest window first: all paths with room carry data", false, false,
		least_filled },
	{ "lowest-rtt", "the least round-trip time first, the next when its window is full", false,
		false, lowest_rtt },
	{ "round-robin", "a segment each in turn", false, false, round_robin },
	{ "redundant", "every byte on every subflow", true, false, least_filled },
	{ "backup", "all on one subflow; the others stand by for its time-outs", false, true,
		first_sound },
	{ NULL, NULL, false, false, NULL },
};

const struct sched_ops *sched_find(const char *name)
{
	const struct sched_ops *ops;

	for (ops = sched_list; ops->name != NULL; ops++)
		if (strcmp(ops->name, name) == 0)
			return ops;
	return NULL;
}

/* The rank that carries data now: the least of all usable subflows. */
static unsigned int least_rank(const struct conn *conn)
{
	unsigned int i, least = UINT_MAX, doubtful = UINT_MAX;

	for (i = 0; i < conn->subflow_count; i++) {
		const struct subflow *subflow = conn->subflows[i];
		bool counts = !conn->sched->leaves_doubtful || subflow->backoff == 0;

		if (subflow_is_usable(subflow) && counts && rank(subflow) < least)
			least = rank(subflow);
		if (subflow_is_usable(subflow) && rank(subflow) < doubtful)
			doubtful = rank(subflow);
	}
	return least == UINT_MAX ? doubtful : least;
}

/*
 * What a regular subflow acknowledged and did not deliver is for the others (F17): where none but
 * backups are left, for these, though that subflow still stands.
 */
static bool is_last_resort(const struct conn *conn, const struct subflow *subflow)
{
	unsigned int i;

	for (i = 0; i < conn->subflow_count; i++) {
		const struct subflow *other = conn->subflows[i];

		if (subflow_is_usable(other) && rank(other) < rank(subflow) &&
			!stream_failed_on(subflow, other))
			return false;
	}
	return true;
}

struct subflow *sched_next(const struct conn *conn, struct piece *piece)
{
	struct subflow *candidates[ENDPOINT_SUBFLOWS], *picked;
	struct piece pieces[ENDPOINT_SUBFLOWS];
	unsigned int i, count = 0, least;

	if (!stream_has_more(conn))
		return NULL;
	least = least_rank(conn);
	for (i = 0; i < conn->subflow_count; i++) {
		struct subflow *subflow = conn->subflows[i];

		/* What was lost goes first, on its own subflow (F55). */
		if (!subflow_is_usable(subflow) || subflow->lost_count > 0 ||
			(rank(subflow) != least && !is_last_resort(conn, subflow)))
			continue;
		pieces[count] = stream_piece(conn, subflow);
		if (pieces[count].length == 0)
			continue;
		candidates[count++] = subflow;
	}
	if (count == 0)
		return NULL;
	picked = conn->sched->pick(conn, candidates, count);
	if (picked == NULL)
		return NULL;
	for (i = 0; candidates[i] != picked; i++)
		;
	*piece = pieces[i];
	return picked;
}
