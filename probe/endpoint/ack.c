/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/endpoint/ack.h"

/* ---- round-trip time (RFC 6298) ---- */

static void rtt_sample(struct subflow *subflow, nsec_t rtt, nsec_t now)
{
	const struct endpoint_config *config = &subflow->conn->endpoint->config;
	nsec_t delta, margin;

	if (subflow->srtt == 0) {
		subflow->srtt = rtt > 0 ? rtt : 1;
		subflow->rttvar = rtt / 2;
	} else {
		delta = subflow->srtt > rtt ? subflow->srtt - rtt : rtt - subflow->srtt;
		subflow->rttvar += delta / 4;
		subflow->rttvar -= subflow->rttvar / 4 < subflow->rttvar ? subflow->rttvar / 4 : 0;
		subflow->srtt = subflow->srtt - subflow->srtt / 8 + rtt / 8;
	}
	/* The least is added, not compared: a steady path must not time out on a delayed ACK. */
	margin = 4 * subflow->rttvar > config->rto_min ? 4 * subflow->rttvar : config->rto_min;
	subflow->rto = subflow->srtt + margin;
	if (subflow->rto > config->rto_max)
		subflow->rto = config->rto_max;
	cc_measured(&subflow->cc, rtt, subflow->srtt, now);
}

void ack_handshake(struct subflow *subflow, nsec_t now)
{
	if (subflow->tries == 1 && subflow->synack_repeats == 0)
		rtt_sample(subflow, now - subflow->opened_at, now);
}

/* ---- the scoreboard ---- */

static void leave_flight(struct subflow *subflow, struct segment *segment)
{
	if (!(segment->flags & SEG_IN_FLIGHT))
		return;
	segment->flags &= (uint16_t)~SEG_IN_FLIGHT;
	subflow->in_flight -= segment->length;
}

static void clear_lost(struct subflow *subflow, struct segment *segment)
{
	if (!(segment->flags & SEG_LOST))
		return;
	segment->flags &= (uint16_t)~SEG_LOST;
	subflow->lost_count--;
}

static void mark_lost(struct subflow *subflow, struct segment *segment)
{
	if (segment->flags & (SEG_LOST | SEG_SACKED))
		return;
	leave_flight(subflow, segment);
	segment->flags |= SEG_LOST;
	subflow->lost_count++;
}

void ack_segment_sent(struct subflow *subflow, struct segment *segment, nsec_t now)
{
	clear_lost(subflow, segment);
	leave_flight(subflow, segment);
	segment->flags |= SEG_IN_FLIGHT;
	segment->sent_at = now;
	subflow->in_flight += segment->length;
	if (subflow->rto_at == NSEC_NEVER)
		subflow->rto_at = now + subflow_timeout(subflow);
}

static bool is_forgotten(const struct conn *conn, const struct segment *segment)
{
	return (segment->flags & SEG_REINJECTED && conn_has_fault(conn, FAULT_FORGET_ORIGINAL)) ||
		(conn->was_mptcp && conn_has_fault(conn, FAULT_FORGET_PLAIN));
}

struct segment *ack_next_lost(const struct subflow *subflow)
{
	const struct segment_queue *queue = &subflow->queue;
	size_t i;

	if (subflow->lost_count == 0)
		return NULL;
	for (i = queue->una; i != queue->tail; i++) {
		struct segment *segment = segment_at(queue, i);

		if (segment->flags & SEG_LOST && !is_forgotten(subflow->conn, segment))
			return segment;
	}
	return NULL;
}

/*
 * Which sending of a segment came the echo tells (RFC 7323 4.1): where the path has become longer
 * than the time-out all are sent again, and nothing else measures it. NSEC_NEVER: none.
 */
static nsec_t echoed_rtt(const struct subflow *subflow, const struct arrival *in, nsec_t now)
{
	uint32_t passed = (uint32_t)(now / NSEC_PER_MS) + subflow->ts_offset - in->ts_echo;
	nsec_t rtt = passed * NSEC_PER_MS;

	return subflow->timestamps && in->has_timestamp && rtt <= now - subflow->opened_at
		? rtt
		: NSEC_NEVER;
}

/*
 * Segments that a cumulative ACK covers; returns their payload. Where one of them was sent again
 * the others waited for it, and none of them measures the path (RFC 6298 3) but by timestamps.
 */
static uint32_t take_acked(struct subflow *subflow, const struct arrival *in, nsec_t now)
{
	struct segment_queue *queue = &subflow->queue;
	uint32_t bytes = 0;
	nsec_t rtt = NSEC_NEVER;
	bool waited = false;

	for (; queue->una != queue->tail; queue->una++) {
		struct segment *segment = segment_at(queue, queue->una);

		if (seq_after(segment_end(segment), in->ack))
			break;
		leave_flight(subflow, segment);
		clear_lost(subflow, segment);
		bytes += segment->length;
		waited = waited || segment->flags & SEG_RETRANSMITTED;
		if (!(segment->flags & SEG_SACKED))
			rtt = now - segment->sent_at;
		if (segment->flags & SEG_FIN)
			subflow->fin_acked = true;
	}
	if (queue->una == queue->tail)
		subflow->out_of_order = false;
	if (waited)
		rtt = echoed_rtt(subflow, in, now);
	if (rtt != NSEC_NEVER)
		rtt_sample(subflow, rtt, now);
	return bytes;
}

/* Blocks outside what is outstanding are ignored: boxes leave them untranslated (E16). */
static bool take_sack(struct subflow *subflow, const struct arrival *in)
{
	struct segment_queue *queue = &subflow->queue;
	bool news = false;
	unsigned int b;
	size_t i;

	for (b = 0; b < in->sack_count; b++) {
		const struct sack_block *block = &in->sack[b];

		if (!seq_before(block->first, block->end) ||
			!seq_after(block->first, subflow->snd_una) ||
			seq_after(block->end, subflow->snd_nxt))
			continue;
		for (i = queue->una; i != queue->tail; i++) {
			struct segment *segment = segment_at(queue, i);

			if (!seq_before(segment->seq, block->end))
				break;
			if (seq_before(segment->seq, block->first) ||
				seq_after(segment_end(segment), block->end) ||
				segment->flags & SEG_SACKED)
				continue;
			leave_flight(subflow, segment);
			clear_lost(subflow, segment);
			segment->flags |= SEG_SACKED;
			news = true;
		}
	}
	return news;
}

/* RFC 6675 IsLost: DUP_THRESHOLD segments above were SACKed. A segment is so found lost once. */
static bool find_lost(struct subflow *subflow)
{
	struct segment_queue *queue = &subflow->queue;
	unsigned int above = 0;
	bool found = false;
	size_t i;

	for (i = queue->tail; i != queue->una; i--) {
		struct segment *segment = segment_at(queue, i - 1);

		if (segment->flags & SEG_SACKED) {
			above++;
		} else if (above >= DUP_THRESHOLD &&
			!(segment->flags & (SEG_LOST | SEG_RETRANSMITTED))) {
			mark_lost(subflow, segment);
			found = true;
		}
	}
	return found;
}

static void enter_recovery(struct subflow *subflow)
{
	if (subflow->in_recovery)
		return;
	subflow->in_recovery = true;
	subflow->recover = subflow->snd_nxt;
	cc_lost(&subflow->cc, subflow->snd_nxt - subflow->snd_una);
}

/* RFC 5681 3.2: with SACK the scoreboard tells more, without it the first segment is lost. */
static void duplicate_ack(struct subflow *subflow)
{
	struct segment_queue *queue = &subflow->queue;
	struct segment *first;

	if (queue->una == queue->tail)
		return;
	subflow->duplicate_acks++;
	if (subflow->duplicate_acks != DUP_THRESHOLD || subflow->in_recovery)
		return;
	first = segment_at(queue, queue->una);
	if (first->flags & SEG_SACKED)
		return;
	enter_recovery(subflow);
	mark_lost(subflow, first);
}

static void advance(struct subflow *subflow, const struct arrival *in, uint32_t bytes, nsec_t now)
{
	struct segment_queue *queue = &subflow->queue;
	bool used = subflow->in_flight + bytes >= subflow->cc.cwnd / 2;

	subflow->snd_una = in->ack;
	subflow->duplicate_acks = 0;
	subflow->backoff = 0;
	subflow->rto_at = queue->una == queue->tail ? NSEC_NEVER : now + subflow->rto;
	if (!subflow->in_recovery) {
		if (used)
			cc_acked(&subflow->cc, bytes);
		return;
	}
	if (!seq_before(in->ack, subflow->recover)) {
		subflow->in_recovery = false;
		return;
	}
	if (subflow->cc.cwnd < subflow->cc.ssthresh)
		cc_acked(&subflow->cc, bytes); /* after a time-out */
	/* RFC 6582 3.2: a partial ACK shows that the next one is lost too. */
	if (queue->una != queue->tail &&
		!(segment_at(queue, queue->una)->flags & (SEG_RETRANSMITTED | SEG_SACKED)))
		mark_lost(subflow, segment_at(queue, queue->una));
}

/* RFC 9293 3.10.7.4: only newer segments move the send window. */
static bool take_window(struct subflow *subflow, const struct arrival *in)
{
	uint32_t window = (uint32_t)in->window << subflow->scale_remote;
	bool changed = window != subflow->snd_window;

	if (seq_before(in->seq, subflow->snd_window_seq) ||
		(in->seq == subflow->snd_window_seq &&
			seq_before(in->ack, subflow->snd_window_ack)))
		return false;
	subflow->snd_window = window;
	subflow->snd_window_seq = in->seq;
	subflow->snd_window_ack = in->ack;
	if (window > subflow->snd_window_max)
		subflow->snd_window_max = window;
	return changed;
}

/*
 * RFC 5681 2, and RFC 8684 3.4.1: an ACK that repeats the number for the sake of an MPTCP signal, a
 * DATA_FIN included, is no sign of congestion (F59).
 */
static bool is_duplicate(const struct subflow *subflow, const struct arrival *in)
{
	unsigned int i;

	if (in->ack != subflow->snd_una || in->length > 0 || in->flags & TCP_FIN)
		return false;
	for (i = 0; i < in->option_count; i++)
		if (in->options[i].subtype != MP_DSS || in->options[i].dss.has_mapping)
			return false;
	return true;
}

/* A part of the first segment outstanding: a box on the way had cut it, and answers itself. */
static bool covers_part(const struct subflow *subflow, uint32_t ack)
{
	const struct segment_queue *queue = &subflow->queue;

	return queue->una != queue->tail && seq_after(ack, segment_at(queue, queue->una)->seq);
}

bool ack_process(struct subflow *subflow, const struct arrival *in, nsec_t now)
{
	uint32_t bytes = 0;
	bool advanced = seq_after(in->ack, subflow->snd_una), news, changed;

	if (advanced)
		bytes = take_acked(subflow, in, now);
	news = subflow->sack && in->sack_count > 0 && take_sack(subflow, in);
	changed = take_window(subflow, in);
	if (subflow->snd_window == 0)
		subflow->conn->progress_at = now; /* a peer that says "not now" is alive */
	subflow->probe_at = NSEC_NEVER;
	if (advanced)
		advance(subflow, in, bytes, now);
	else if (is_duplicate(subflow, in) && (!changed || news))
		duplicate_ack(subflow);
	if (news && find_lost(subflow))
		enter_recovery(subflow);
	return bytes > 0 || (advanced && covers_part(subflow, in->ack));
}

void ack_cut(struct subflow *subflow, uint16_t most)
{
	const struct conn *conn = subflow->conn;
	struct segment_queue *queue = &subflow->queue;
	size_t i = queue->una, end;

	while (i != queue->tail) {
		struct segment *segment = segment_at(queue, i);

		if (segment->length <= most || segment->flags & SEG_SACKED) {
			i++;
			continue;
		}
		leave_flight(subflow, segment);
		clear_lost(subflow, segment);
		end = i +
			segment_cut(queue, i, most,
				conn->checksum
					? ring_sum(&conn->tx.ring, segment->offset, segment->length)
					: 0);
		for (; i != end; i++)
			mark_lost(subflow, segment_at(queue, i));
	}
}

void ack_timed_out(struct subflow *subflow, nsec_t now)
{
	struct segment_queue *queue = &subflow->queue;
	bool reneged = segment_at(queue, queue->una)->flags & SEG_SACKED;
	size_t i;

	if (subflow->backoff == 0)
		cc_timed_out(&subflow->cc, subflow->snd_nxt - subflow->snd_una);
	for (i = queue->una; i != queue->tail; i++) {
		struct segment *segment = segment_at(queue, i);

		if (reneged)
			segment->flags &= (uint16_t)~SEG_SACKED;
		mark_lost(subflow, segment);
	}
	subflow->in_recovery = true;
	subflow->recover = subflow->snd_nxt;
	subflow->duplicate_acks = 0;
	subflow->backoff++;
	subflow->rto_at = now + subflow_timeout(subflow);
}
