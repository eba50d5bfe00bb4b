/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/endpoint/sched.h"

static struct subflow *least_filled(struct subflow *const *candidates, unsigned int count)
{
	struct subflow *best = candidates[0];
	unsigned int i;

	/* in_flight / cwnd compared without division; the first wins a tie. */
	for (i = 1; i < count; i++)
		if ((uint64_t)candidates[i]->in_flight * best->cc.cwnd <
			(uint64_t)best->in_flight * candidates[i]->cc.cwnd)
			best = candidates[i];
	return best;
}

const struct sched_ops sched_least_filled = {
	.name = "least-filled",
	.pick = least_filled,
};

/* Backup subflows carry data only when no other is usable (RFC 8684 3.3.8). */
static bool backups_only(const struct conn *conn)
{
	unsigned int i;

	for (i = 0; i < conn->subflow_count; i++)
		if (subflow_is_usable(conn->subflows[i]) && !conn->subflows[i]->backup)
			return false;
	return true;
}

struct subflow *sched_next(const struct conn *conn, struct piece *piece)
{
	struct subflow *candidates[ENDPOINT_SUBFLOWS], *picked;
	struct piece pieces[ENDPOINT_SUBFLOWS];
	unsigned int i, count = 0;
	bool backups;

	if (conn->tx.next == conn->tx.end && conn->tx.again_count == 0)
		return NULL;
	backups = conn->subflow_count > 1 && backups_only(conn);
	for (i = 0; i < conn->subflow_count; i++) {
		struct subflow *subflow = conn->subflows[i];

		/* What was lost goes first, on its own subflow (F55). */
		if (!subflow_is_usable(subflow) || subflow->lost_count > 0 ||
			(subflow->backup && !backups))
			continue;
		pieces[count] = stream_piece(conn, subflow);
		if (pieces[count].length == 0)
			continue;
		candidates[count++] = subflow;
	}
	if (count == 0)
		return NULL;
	picked = count == 1 ? candidates[0] : conn->sched->pick(candidates, count);
	for (i = 0; candidates[i] != picked; i++)
		;
	*piece = pieces[i];
	return picked;
}
