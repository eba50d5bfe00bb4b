/* SPDX-License-Identifier: BSD-2-Clause */
#include "tracebox/established.h"

#include "probe/base/alloc.h"
#include "probe/base/seq.h"
#include "probe/wire/mptcp.h"
#include "tracebox/segment.h"
#include "tracebox/state.h"

#include <assert.h>
#include <stdlib.h>

enum {
	LEAD_LEAST = 512,
	DATA_PARTS = 3,    /* of which the copies are data */
	COMMON_BYTES = 64, /* that every copy has */
	ID_STEP = 4096,    /* between the IPv4 ids of two parts */
	ID_FIRST = 4096,
	HOLD_MS = 10000,   /* longest that a segment is withheld */
	DELIVER_MS = 3000, /* for the peer to acknowledge the last data ... */
	CLOSE_MS = 3000,   /* ... and then to close its side */
	ABORT_MS = 1000,
	READ_BYTES = 2048,
};

enum phase {
	PHASE_OPENING,
	PHASE_FIRST,    /* what is not traced is on its way */
	PHASE_WITHHOLD, /* the endpoint is about to send the segment to be traced */
	PHASE_TRACING,  /* it, and then other kinds */
	PHASE_DELIVERING,
	PHASE_CLOSING,
	PHASE_ABORTING,
	PHASE_RESTING, /* nothing more is wanted of the connection */
	PHASE_OVER,
};

struct established {
	struct established_config config;
	enum phase phase;
	size_t numbers;              /* sequence numbers that one part may use */
	size_t lead;                 /* bytes delivered before the withheld segment */
	struct packet *first, *held; /* data segments as the endpoint made them; NULL: not yet */
	struct established_part parts[ESTABLISHED_PARTS];
	size_t part_count;  /* begun; the last one is under way in PHASE_TRACING */
	size_t next_kind;   /* to be begun, as an index into the kinds */
	uint8_t reach;      /* TTL at which the peer stands, or behind which nothing answered */
	uint8_t likely_end; /* the same by the TTL that the peer's packets have left; 0: unknown */
	bool is_frozen, stop_wanted;
	uint32_t acked;        /* by the peer, as a sequence number */
	nsec_t now;            /* latest */
	nsec_t frozen_at, lag; /* the endpoint's clock is behind by lag */
	nsec_t until;          /* of PHASE_DELIVERING to PHASE_ABORTING */
	bool has_info;
	struct conn_info info; /* before it is closed */
};

/* ---- sizes ---- */

static size_t number_count(const struct trace_config *trace)
{
	return (trace->probes + trace->retries) * (trace->last_ttl + 1u);
}

/* Of the data that a part's copies are cut from: no two parts have copies of one length. */
static size_t part_length(const struct trace_config *trace, size_t part)
{
	return COMMON_BYTES + (part + 1) * number_count(trace);
}

static size_t lead_length(const struct trace_config *trace)
{
	size_t length = part_length(trace, DATA_PARTS - 1);

	return length > LEAD_LEAST ? length : LEAD_LEAST;
}

size_t established_stream_length(const struct trace_config *trace)
{
	return lead_length(trace) + part_length(trace, 0);
}

struct established *established_new(const struct established_config *config)
{
	struct established *e = xcalloc(1, sizeof(*e));

	assert(number_count(&config->trace) <= ESTABLISHED_NUMBERS);
	e->config = *config;
	e->lead = lead_length(&config->trace);
	return e;
}

void established_free(struct established *e)
{
	if (e == NULL)
		return;
	for (size_t i = 0; i < e->part_count; i++)
		trace_free(e->parts[i].trace);
	packet_free(e->first);
	packet_free(e->held);
	free(e);
}

/* ---- the endpoint's clock ---- */

/* What a driver learned late happens now: to the endpoint time does not run backwards. */
static void note_time(struct established *e, nsec_t now)
{
	if (now > e->now)
		e->now = now;
}

static nsec_t endpoint_time(const struct established *e)
{
	return (e->is_frozen ? e->frozen_at : e->now) - e->lag;
}

static void freeze(struct established *e)
{
	e->is_frozen = true;
	e->frozen_at = e->now;
}

static void thaw(struct established *e)
{
	if (e->is_frozen)
		e->lag += e->now - e->frozen_at;
	e->is_frozen = false;
}

/* ---- phases ---- */

static void enter(struct established *e, enum phase phase, nsec_t until)
{
	e->phase = phase;
	e->until = until;
}

/* Nothing more is traced: what was written is to arrive, and then the connection to end. */
static void deliver(struct established *e)
{
	enter(e, PHASE_DELIVERING, e->now + DELIVER_MS * NSEC_PER_MS);
}

/* ---- the parts ---- */

/* What a part's segment is made of. */
enum part_kind {
	PART_DATA,      /* the withheld segment */
	PART_ACK,       /* its ACK alone */
	PART_FIRST,     /* the first data as it was sent */
	PART_FIRST_DSS, /* the same with a DSS instead of MP_CAPABLE */
	PART_FIRST_ACK, /* the ACK of either, with the DATA_ACK that it had */
	PART_NONE,
};

/* Multipath TCP was agreed upon and did not survive. */
static bool fell_back(const struct established *e)
{
	struct mptcp_opt option;
	struct tcpopt at;

	return !mptcp_find(e->held, MP_DSS, &option, &at) &&
		(mptcp_find(e->first, MP_DSS, &option, &at) ||
			mptcp_find(e->first, MP_CAPABLE, &option, &at));
}

static enum part_kind part_kind(const struct established *e, size_t index)
{
	static const enum part_kind kept[ESTABLISHED_PARTS] = { PART_DATA, PART_ACK, PART_NONE,
		PART_NONE };
	static const enum part_kind lost[ESTABLISHED_PARTS] = { PART_DATA, PART_FIRST,
		PART_FIRST_DSS, PART_FIRST_ACK };

	return index == ESTABLISHED_PARTS ? PART_NONE : fell_back(e) ? lost[index] : kept[index];
}

/* The segment of a part, where it stands in the stream; false when there is no such one. */
static bool make_segment(const struct established *e, enum part_kind kind, struct packet *packet)
{
	bool is_first = kind != PART_DATA && kind != PART_ACK;

	packet_copy(packet, is_first ? e->first : e->held);
	if (kind == PART_FIRST_DSS)
		return segment_make_dss(packet);
	if (kind == PART_FIRST_ACK)
		segment_make_dss(packet);
	if (kind == PART_ACK || kind == PART_FIRST_ACK)
		segment_make_ack(packet);
	return true;
}

/* A segment too short for all numbers, as the peer wanted it, bears fewer. */
static void fit_numbers(struct trace_config *config, size_t length)
{
	while (number_count(config) > length && config->retries > 0)
		config->retries--;
	while (number_count(config) > length && config->probes > 1)
		config->probes--;
	if (number_count(config) > length)
		config->last_ttl = (uint8_t)(length - 1);
	if (config->first_ttl > config->last_ttl)
		config->first_ttl = config->last_ttl;
}

/*
 * Copies of data begin where the segment does and leave out its end; those of ACKs, which are short
 * anyhow, count back into what is delivered.
 */
static void begin_part(struct established *e, enum part_kind kind, struct packet *packet)
{
	struct trace_config config = e->config.trace;
	struct established_part *part = &e->parts[e->part_count];
	bool is_first = kind == PART_FIRST || kind == PART_FIRST_DSS;
	size_t place = is_first ? 0 : e->lead, length = part_length(&config, e->part_count);
	size_t most = packet_payload_len(is_first ? e->first : e->held);

	part->is_ack = kind == PART_ACK || kind == PART_FIRST_ACK;
	part->segment = part->is_ack ? "ack" : kind == PART_DATA ? "data" : "first-data";
	if (part->is_ack)
		length = 0;
	else if (length > most)
		length = most;
	segment_place(packet, tcp_seq(e->first) + (uint32_t)place, e->config.stream + place,
		(uint32_t)length, (uint16_t)(ID_FIRST + e->part_count * ID_STEP));
	if (length > 0)
		fit_numbers(&config, length);
	config.attempt_step = config.last_ttl + 1u;
	config.is_live = true;
	config.keep_open = true;
	if (kind == PART_DATA)
		config.likely_end = e->likely_end;
	else if (config.last_ttl >= e->reach)
		config.last_ttl = e->reach - 1;
	part->trace = trace_new(packet, &config);
	e->part_count++;
}

/* What the part under way tells of how far the peer is. */
static void note_reach(struct established *e)
{
	const struct trace *trace = e->parts[0].trace;
	unsigned int ttl = trace_last_ttl(trace);

	if (trace_destination(trace) == NULL) {
		while (ttl >= trace_first_ttl(trace) &&
			trace_hop(trace, (uint8_t)ttl)->answered == 0)
			ttl--;
		if (ttl < UINT8_MAX)
			ttl++;
	}
	e->reach = (uint8_t)ttl;
}

/* The next kind of segment, or the end of tracing. */
static void next_part(struct established *e)
{
	struct packet *packet = packet_new(PACKET_SMALL);
	enum part_kind kind;

	if (e->part_count == 1)
		note_reach(e);
	do
		kind = part_kind(e, e->next_kind++);
	while (kind != PART_NONE && !make_segment(e, kind, packet));
	if (kind == PART_NONE || (e->part_count > 0 && e->reach <= e->config.trace.first_ttl))
		deliver(e);
	else
		begin_part(e, kind, packet);
	packet_free(packet);
}

/* ---- the connection ---- */

/*
 * All up to the end-th byte of the stream, by TCP: the DATA_ACK of a Linux host may lag behind
 * until the next segment asks for it.
 */
static bool is_acknowledged(const struct established *e, size_t end)
{
	return e->first != NULL && !seq_before(e->acked, tcp_seq(e->first) + (uint32_t)end);
}

static void write_stream(struct established *e, size_t first, size_t end)
{
	size_t written = conn_write(e->config.conn, e->config.stream + first, end - first);

	assert(written == end - first);
	(void)written;
}

static void keep_info(struct established *e)
{
	if (!e->has_info)
		conn_info(e->config.conn, &e->info);
	e->has_info = true;
}

static void shut_down(struct established *e, nsec_t now)
{
	keep_info(e);
	conn_shutdown(e->config.conn);
	enter(e, PHASE_CLOSING, now + CLOSE_MS * NSEC_PER_MS);
}

static void give_up(struct established *e, nsec_t now)
{
	keep_info(e);
	conn_abort(e->config.conn);
	enter(e, PHASE_ABORTING, now + ABORT_MS * NSEC_PER_MS);
}

/* What is under way is left, and the connection closed from where it is. */
static void stop(struct established *e, nsec_t now)
{
	e->stop_wanted = false;
	if (e->phase == PHASE_OPENING)
		give_up(e, now);
	else if (e->phase < PHASE_DELIVERING)
		deliver(e);
}

/* What the connection's state lets begin. */
static void advance(struct established *e, nsec_t now)
{
	enum conn_state state = conn_state(e->config.conn);
	size_t length = established_stream_length(&e->config.trace);
	uint8_t bytes[READ_BYTES];

	while (conn_read(e->config.conn, bytes, sizeof(bytes)) > 0)
		;
	if (e->stop_wanted)
		stop(e, now);
	if (state == CONN_CLOSED && e->phase != PHASE_ABORTING && e->phase != PHASE_OVER) {
		keep_info(e);
		thaw(e);
		e->phase = PHASE_OVER;
	}
	if (e->phase == PHASE_OPENING && state == CONN_OPEN) {
		write_stream(e, 0, e->lead);
		e->phase = PHASE_FIRST;
	}
	if (e->phase == PHASE_FIRST && is_acknowledged(e, e->lead)) {
		write_stream(e, e->lead, length);
		e->phase = PHASE_WITHHOLD;
	}
	if (e->phase == PHASE_DELIVERING && (is_acknowledged(e, length) || now >= e->until)) {
		if (e->config.stays_open)
			e->phase = PHASE_RESTING;
		else
			shut_down(e, now);
	}
	if (e->phase == PHASE_CLOSING && now >= e->until)
		give_up(e, now);
	if (e->phase == PHASE_ABORTING && now >= e->until)
		e->phase = PHASE_OVER;
}

/* What the endpoint sends while its segment is withheld, and no data besides. */
static bool is_withheld(struct established *e, const struct packet *packet)
{
	struct sockname source, destination;

	packet_socknames(packet, &source, &destination);
	if (packet_payload_len(packet) == 0 || !sockname_equal(&source, &e->config.local) ||
		!sockname_equal(&destination, &e->config.remote))
		return false;
	if (e->phase == PHASE_FIRST && e->first == NULL) {
		e->first = packet_clone(packet);
		e->acked = tcp_seq(packet);
	}
	if (e->phase == PHASE_WITHHOLD) {
		e->held = packet_clone(packet);
		e->phase = PHASE_TRACING;
		freeze(e);
		next_part(e);
	}
	return e->is_frozen;
}

/*
 * What no copy has delivered goes out. No byte of it twice, as TCP would do as well: Linux 6.18,
 * fallen back to TCP, loses what is new in a segment that begins with what is old.
 */
static bool release(struct established *e, struct packet *packet)
{
	uint32_t length = packet_payload_len(e->held), delivered = e->acked - tcp_seq(e->held);
	bool fits = packet_set(packet, packet_data(e->held), e->held->length);

	assert(fits);
	(void)fits;
	thaw(e);
	if (delivered > length) /* an earlier acknowledgement: nothing of it */
		delivered = 0;
	if (delivered > 0)
		segment_skip(packet, delivered);
	return delivered < length;
}

/* The segment is withheld as long as its own copies are under way, but not for any time. */
static bool is_released(const struct established *e)
{
	return e->phase != PHASE_TRACING || e->part_count > 1 || trace_done(e->parts[0].trace);
}

static void watch_hold(struct established *e)
{
	if (e->is_frozen && e->phase == PHASE_TRACING &&
		e->now >= e->frozen_at + HOLD_MS * NSEC_PER_MS)
		trace_stop(e->parts[0].trace);
}

/* ---- the three verbs ---- */

static struct trace *trace_under_way(const struct established *e)
{
	return e->phase == PHASE_TRACING ? e->parts[e->part_count - 1].trace : NULL;
}

static bool established_output(void *self, struct packet *packet, nsec_t now)
{
	struct established *e = self;

	note_time(e, now);
	for (;;) {
		struct trace *trace;

		advance(e, now);
		if (endpoint_output(e->config.endpoint, packet, endpoint_time(e))) {
			if (!is_withheld(e, packet))
				return true;
			continue;
		}
		watch_hold(e);
		if (e->is_frozen && is_released(e)) {
			if (release(e, packet))
				return true;
			continue;
		}
		trace = trace_under_way(e);
		if (trace != NULL && trace_output(trace, packet, now))
			return true;
		if (trace == NULL || !trace_done(trace))
			return false;
		next_part(e);
	}
}

/* An answer that names a probe of an earlier part is that part's, however late. */
static void trace_packet(struct established *e, const struct packet *packet, nsec_t now)
{
	struct trace *current = trace_under_way(e);
	struct answer answer;

	for (size_t i = e->part_count; i-- > 0;)
		if (match_answer(e->parts[i].trace, packet, &answer) &&
			answer.match <= MATCH_LENGTH) {
			trace_input(e->parts[i].trace, packet, now);
			return;
		}
	if (current != NULL)
		trace_input(current, packet, now);
}

/* A host that starts at 64, 128 or 255 stands so many hops away, if the way back is as long. */
static uint8_t hops_by_ttl(uint8_t left)
{
	return (uint8_t)((left <= 64 ? 64 : left <= 128 ? 128 : 255) - left + 1);
}

static void established_input(void *self, const struct packet *packet, nsec_t now)
{
	struct established *e = self;
	struct sockname source, destination;

	note_time(e, now);
	if (packet->form == PACKET_MALFORMED)
		return;
	trace_packet(e, packet, now);
	packet_socknames(packet, &source, &destination);
	if (packet->form != PACKET_TCP || !sockname_equal(&source, &e->config.remote) ||
		!sockname_equal(&destination, &e->config.local))
		return;
	if (tcp_flags(packet) & TCP_ACK && seq_after(tcp_ack(packet), e->acked))
		e->acked = tcp_ack(packet);
	e->likely_end = hops_by_ttl(packet_ttl(packet));
	endpoint_input(e->config.endpoint, packet, endpoint_time(e));
}

static nsec_t established_deadline(const void *self)
{
	const struct established *e = self;
	const struct trace *trace = trace_under_way(e);
	nsec_t at = endpoint_deadline(e->config.endpoint);

	if (e->stop_wanted)
		return 0;
	if (e->is_frozen)
		at = e->frozen_at + HOLD_MS * NSEC_PER_MS;
	else if (at != NSEC_NEVER)
		at += e->lag;
	if (trace != NULL)
		at = nsec_min(at, trace_deadline(trace));
	if (e->phase >= PHASE_DELIVERING && e->phase <= PHASE_ABORTING)
		at = nsec_min(at, e->until);
	return at;
}

struct machine established_machine(struct established *e)
{
	static const struct machine_ops ops = { established_input, established_output,
		established_deadline };

	return (struct machine){ &ops, e };
}

/* ---- looking ---- */

bool established_done(const struct established *e)
{
	return e->phase == PHASE_OVER ||
		(e->phase == PHASE_ABORTING && conn_state(e->config.conn) == CONN_CLOSED);
}

bool established_rests(const struct established *e)
{
	return e->phase == PHASE_RESTING;
}

void established_stop(struct established *e)
{
	e->stop_wanted = true;
}

size_t established_parts(const struct established *e, const struct established_part **parts)
{
	*parts = e->parts;
	return e->part_count;
}

void established_info(const struct established *e, struct conn_info *info)
{
	conn_info(e->config.conn, info);
	if (e->has_info) {
		info->mode = e->info.mode;
		info->fallback = e->info.fallback;
	}
}
