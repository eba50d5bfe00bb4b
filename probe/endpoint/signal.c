/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/endpoint/signal.h"

#include "probe/base/alloc.h"
#include "probe/endpoint/subflow.h"

#include <string.h>

enum {
	SIGNALS_MOST = 256,  /* waiting at once */
	DUPLICATES_MOST = 2, /* F59 */
	TIMESTAMP_LENGTH = 12,
	DATA_ACK_LENGTH = 12,
};

unsigned int signal_length(const struct mptcp_opt *option)
{
	uint8_t bytes[TCPOPT_SPACE];

	return (mptcp_emit(option, bytes) + 3) & ~3u;
}

bool signal_queue(struct conn *conn, const struct mptcp_opt *option, uint8_t subflow)
{
	struct signals *signals = &conn->signals;

	if (signals->count == SIGNALS_MOST ||
		(subflow == SIGNAL_ANYWHERE && subflow_in_use(conn) == NULL)) {
		conn->endpoint->dropped[DROP_LIMIT]++;
		return false;
	}
	signals->list =
		xgrow(signals->list, signals->count, &signals->capacity, sizeof(*signals->list));
	signals->list[signals->count++] = (struct signal){ *option, subflow };
	conn->dirty = true;
	return true;
}

/* Index of the first signal that a subflow is to carry and has room for; count when none. */
static size_t find(const struct subflow *subflow, unsigned int room)
{
	const struct signals *signals = &subflow->conn->signals;
	size_t i;

	for (i = 0; i < signals->count; i++) {
		const struct signal *signal = &signals->list[i];
		unsigned int length = signal_length(&signal->option);

		if (length > room)
			continue;
		if (signal->subflow == subflow->index ||
			(signal->subflow == SIGNAL_ANYWHERE &&
				subflow_in_use(subflow->conn) == subflow))
			break;
	}
	return i;
}

/* The ACK would repeat the one before it, to everybody who looks at TCP alone. */
static bool is_duplicate(const struct subflow *subflow)
{
	return subflow->signal_seq == subflow->snd_nxt && subflow->signal_ack == subflow->rcv_nxt;
}

/* Until when another one would be too many in a row; 0: it may go out. */
static nsec_t held_until(const struct subflow *subflow)
{
	bool is_held = subflow->signal_run >= DUPLICATES_MOST && is_duplicate(subflow) &&
		!conn_has_fault(subflow->conn, FAULT_SIGNAL_STORM);

	return is_held ? subflow->signal_hold : 0;
}

bool signal_falls_back(const struct subflow *subflow)
{
	const struct conn *conn = subflow->conn;

	return (conn->fail_now || (conn->infinite_wanted && conn->infinite_on_ack)) &&
		(!subflow_is_spent(subflow) || subflow_in_use(conn) == subflow);
}

nsec_t signal_due(const struct subflow *subflow)
{
	if (subflow->conn->signals.count == 0 || !subflow_is_live(subflow) ||
		!conn_is_mptcp(subflow->conn) ||
		find(subflow, TCPOPT_SPACE) == subflow->conn->signals.count)
		return NSEC_NEVER;
	return held_until(subflow);
}

/* An ACK that is due needs its DATA_ACK beside any signal. */
static bool owes_ack(const struct subflow *subflow)
{
	return subflow->rcv_acked != subflow->rcv_nxt;
}

bool signal_stands_alone(const struct subflow *subflow, nsec_t now)
{
	size_t count = subflow->conn->signals.count;

	return count > 0 && held_until(subflow) <= now && subflow->phase == PHASE_OPEN &&
		!owes_ack(subflow) && find(subflow, TCPOPT_SPACE - TIMESTAMP_LENGTH) == count &&
		find(subflow, TCPOPT_SPACE) < count;
}

bool signal_take(struct subflow *subflow, unsigned int room, nsec_t now, struct mptcp_opt *option)
{
	struct signals *signals = &subflow->conn->signals;
	size_t index;

	if (signals->count == 0 || subflow->phase != PHASE_OPEN || held_until(subflow) > now)
		return false;
	if (owes_ack(subflow))
		room = room > DATA_ACK_LENGTH ? room - DATA_ACK_LENGTH : 0;
	index = find(subflow, room);
	if (index == signals->count)
		return false;
	*option = signals->list[index].option;
	signals->count--;
	memmove(signals->list + index, signals->list + index + 1,
		(signals->count - index) * sizeof(*signals->list));
	return true;
}

void signal_sent(struct subflow *subflow, nsec_t now)
{
	if (!is_duplicate(subflow) || subflow->signal_run >= DUPLICATES_MOST)
		subflow->signal_run = 0;
	subflow->signal_run++;
	subflow->signal_seq = subflow->snd_nxt;
	subflow->signal_ack = subflow->rcv_nxt;
	subflow->signal_hold = now + subflow->rto;
}
