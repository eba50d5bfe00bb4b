/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/endpoint/subflow.h"

#include "probe/base/alloc.h"
#include "probe/base/hash.h"
#include "probe/endpoint/ack.h"
#include "probe/endpoint/build.h"
#include "probe/endpoint/reassembly.h"
#include "probe/endpoint/stream.h"

#include <stdlib.h>

enum {
	MSS_DEFAULT = 536, /* RFC 9293 3.7.1 */
	MSS_LEAST = 88,    /* a hostile MSS must leave room for options */
	IPV4_TCP = 40,
	IPV6_TCP = 60,
};

static unsigned int bucket_of(const struct endpoint *endpoint, const struct sockname *local,
	const struct sockname *remote)
{
	uint64_t hash = hash_u64(endpoint->secret, (uint64_t)local->port << 16 | remote->port);

	hash = hash_u64(hash, get_be64(remote->addr.bytes) ^ get_be64(remote->addr.bytes + 8));
	return (unsigned int)(hash % HASH_BUCKETS);
}

struct subflow *subflow_find(const struct endpoint *endpoint, const struct sockname *local,
	const struct sockname *remote)
{
	struct subflow *subflow = endpoint->buckets[bucket_of(endpoint, local, remote)];

	for (; subflow != NULL; subflow = subflow->hash_next)
		if (sockname_equal(&subflow->remote, remote) &&
			sockname_equal(&subflow->local, local))
			return subflow;
	return NULL;
}

void subflow_hash(struct subflow *subflow)
{
	struct endpoint *endpoint = subflow->conn->endpoint;
	unsigned int bucket = bucket_of(endpoint, &subflow->local, &subflow->remote);

	subflow->hash_next = endpoint->buckets[bucket];
	endpoint->buckets[bucket] = subflow;
}

void subflow_unhash(struct subflow *subflow)
{
	struct endpoint *endpoint = subflow->conn->endpoint;
	struct subflow **at;

	at = &endpoint->buckets[bucket_of(endpoint, &subflow->local, &subflow->remote)];
	while (*at != NULL && *at != subflow)
		at = &(*at)->hash_next;
	if (*at == subflow)
		*at = subflow->hash_next;
}

/* The window scale that lets the receive buffer be told in 16 bits (RFC 7323 2.3). */
static uint8_t scale_for(uint32_t buffer)
{
	uint8_t scale = 0;

	while (scale < 14 && buffer >> scale > UINT16_MAX)
		scale++;
	return scale;
}

/* A slot for a new subflow: the next, or one of a subflow that is over; the first one's stays. */
static struct subflow **free_slot(struct conn *conn)
{
	unsigned int i;
	size_t k;

	if (subflow_standing_count(conn) >= conn->endpoint->config.subflows_most)
		return NULL;
	if (conn->subflow_count < ENDPOINT_SUBFLOWS)
		return &conn->subflows[conn->subflow_count++];
	for (i = 1; i < conn->subflow_count && conn->subflows[i]->phase != PHASE_DEAD; i++)
		;
	if (i == conn->subflow_count)
		return NULL;
	for (k = 0; k < conn->tx.again_count; k++)
		if (conn->tx.again[k].avoid == i)
			conn->tx.again[k].avoid = AVOID_NONE;
	subflow_free(conn->subflows[i]);
	return &conn->subflows[i];
}

struct subflow *subflow_new(struct conn *conn, const struct sockname *local,
	const struct sockname *remote, enum phase phase)
{
	struct endpoint *endpoint = conn->endpoint;
	const struct endpoint_config *config = &endpoint->config;
	uint32_t buffer = config->receive_buffer > config->receive_buffer_most
		? config->receive_buffer
		: config->receive_buffer_most;
	struct subflow **slot = free_slot(conn), *subflow;

	if (slot == NULL)
		return NULL;
	subflow = *slot = xcalloc(1, sizeof(*subflow));
	subflow->index = (uint8_t)(slot - conn->subflows);
	subflow->conn = conn;
	subflow->local = *local;
	subflow->remote = *remote;
	subflow->phase = phase;
	subflow->active = phase == PHASE_SYN_SENT;
	subflow->iss = (uint32_t)endpoint_random(endpoint);
	subflow->ts_offset = (uint32_t)endpoint_random(endpoint);
	subflow->snd_una = subflow->iss;
	subflow->snd_nxt = subflow->iss + 1;
	subflow->delivered_seq = subflow->iss + 1;
	subflow->mss_clamped =
		(uint16_t)(config->mtu - (local->addr.version == 6 ? IPV6_TCP : IPV4_TCP));
	subflow->mss = subflow->mss_clamped < MSS_DEFAULT ? subflow->mss_clamped : MSS_DEFAULT;
	subflow->timestamps = config->timestamps;
	subflow->sack = config->sack;
	subflow->window_scale = config->window_scale;
	subflow->scale_local = config->window_scale ? scale_for(buffer) : 0;
	subflow->rto = config->rto_initial;
	subflow->rto_at = phase == PHASE_SYN_SENT ? 0 : NSEC_NEVER;
	subflow->probe_at = subflow->ack_at = subflow->unmapped_at = NSEC_NEVER;
	subflow_hash(subflow);
	return subflow;
}

static void free_buffers(struct subflow *subflow)
{
	cc_fini(&subflow->cc);
	segment_queue_fini(&subflow->queue);
	ring_fini(&subflow->rx_ring);
	ranges_fini(&subflow->rx_ooo);
	ranges_fini(&subflow->rx_pending);
	free(subflow->mappings.list);
	subflow->mappings = (struct mappings){ 0 };
}

void subflow_free(struct subflow *subflow)
{
	if (subflow->phase != PHASE_DEAD)
		subflow_unhash(subflow);
	free_buffers(subflow);
	free(subflow);
}

void subflow_take_syn(struct subflow *subflow, const struct arrival *in)
{
	const struct endpoint_config *config = &subflow->conn->endpoint->config;
	uint16_t mss = in->has_mss ? in->mss : MSS_DEFAULT;

	if (mss < MSS_LEAST)
		mss = MSS_LEAST;
	subflow->mss = mss < subflow->mss_clamped ? mss : subflow->mss_clamped;
	subflow->timestamps = config->timestamps && in->has_timestamp;
	subflow->sack = config->sack && in->sack_permitted;
	subflow->window_scale = config->window_scale && in->has_scale;
	subflow->scale_remote = subflow->window_scale ? in->scale : 0;
	if (!subflow->window_scale)
		subflow->scale_local = 0;
	subflow->ts_recent = in->ts_value;
	subflow->irs = in->seq;
	subflow->rcv_nxt = in->seq + 1;
	subflow->rcv_acked = subflow->rcv_nxt;
	subflow->rcv_edge = subflow->rcv_nxt;
	/* The window of a SYN is never scaled (RFC 7323 2.2). */
	subflow->snd_window = subflow->snd_window_max = in->window;
	subflow->snd_window_seq = in->seq;
	subflow->snd_window_ack = in->ack;
}

void subflow_open(struct subflow *subflow, nsec_t now)
{
	struct conn *conn = subflow->conn;
	const struct endpoint_config *config = &conn->endpoint->config;

	if (subflow->phase != PHASE_JOINING)
		ack_handshake(subflow, now);
	subflow->phase = PHASE_OPEN;
	subflow->rto_at = NSEC_NEVER;
	subflow->backoff = 0;
	subflow->tries = 0;
	cc_init(&subflow->cc, &conn->cc_group, conn->cc, build_payload_most(subflow),
		config->initial_window);
	conn->progress_at = now;
	conn->pm_news = true;
	conn->was_joined = conn->was_joined || subflow->is_join;
	if (conn->state != CONN_OPENING)
		return;
	conn->state = CONN_OPEN;
	conn->tx.limit = subflow->snd_window;
}

bool reset_is_transient(uint8_t reason)
{
	return reason == RESET_RESOURCES || reason == RESET_OUTSTANDING ||
		reason == RESET_PERFORMANCE;
}

void subflow_reset(struct subflow *subflow, uint8_t reason)
{
	if (subflow->phase == PHASE_DEAD || subflow->reset_wanted)
		return;
	subflow->reset_wanted = true;
	subflow->reset_by_us = true;
	subflow->reset_reason = reason;
	subflow->is_transient = subflow->phase == PHASE_OPEN && reset_is_transient(reason);
}

void subflow_reset_with_fail(struct subflow *subflow, uint8_t reason, uint64_t dsn)
{
	subflow_reset(subflow, reason);
	subflow->reset_with_fail = true;
	subflow->conn->fail_dsn = dsn;
}

void subflow_end(struct subflow *subflow, enum subflow_state how, nsec_t now)
{
	struct conn *conn = subflow->conn;

	if (subflow->phase == PHASE_DEAD)
		return;
	stream_reinject(conn, subflow);
	subflow_unhash(subflow);
	subflow->ended_at = now;
	conn->pm_news = true;
	subflow->phase = PHASE_DEAD;
	subflow->end_state = how;
	subflow->reset_wanted = false;
	free_buffers(subflow);
	subflow->in_flight = subflow->lost_count = 0;
	stream_release(conn);
	stream_arm(conn, now);
}

unsigned int subflow_standing_count(const struct conn *conn)
{
	unsigned int i, count = 0;

	for (i = 0; i < conn->subflow_count; i++)
		count += conn->subflows[i]->phase < PHASE_TIME_WAIT;
	return count;
}

unsigned int subflow_live_count(const struct conn *conn)
{
	unsigned int i, count = 0;

	for (i = 0; i < conn->subflow_count; i++)
		count += subflow_is_live(conn->subflows[i]);
	return count;
}

struct subflow *subflow_in_use(const struct conn *conn)
{
	struct subflow *spent = NULL;
	unsigned int i;

	for (i = 0; i < conn->subflow_count; i++) {
		struct subflow *subflow = conn->subflows[i];

		if (subflow_is_live(subflow) && !subflow_is_spent(subflow))
			return subflow;
		if (subflow_is_live(subflow) && spent == NULL)
			spent = subflow;
	}
	return spent;
}

uint32_t subflow_window(const struct subflow *subflow)
{
	const struct conn *conn = subflow->conn;

	return (uint32_t)(reassembly_limit(conn) - conn->rx.next);
}
