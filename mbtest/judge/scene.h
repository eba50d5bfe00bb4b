/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scene.h - one host as the predicates see it: its view of the wire, the connection that matters,
 * and the few moments that most rules ask about, found once. Internal to the judge.
 *
 * A predicate may blame a host only for what the host sent after it could know better. It could
 * know of a packet once it acknowledged it or echoed its timestamp, or some time (prompt) after it
 * arrived.
 */
#ifndef MBTEST_JUDGE_SCENE_H
#define MBTEST_JUDGE_SCENE_H

#include "mbtest/judge/judge.h"
#include "probe/analyze/view.h"

/*
 * Bounds, generous: a correct host is never near them. DUE: a reaction that the rules want at
 * once has still not come. PATIENCE: a retransmission or recovery has still not come.
 */
#define SCENE_PROMPT   (50 * NSEC_PER_MS)
#define SCENE_DUE      (1 * NSEC_PER_SEC)
#define SCENE_PATIENCE (10 * NSEC_PER_SEC)

struct scene {
	const struct judge_input *input;
	enum end end;
	const struct scene *other;    /* the peer; for rules about both ends only */
	struct stream_verdict stream; /* what its application received; the judge fills it in */
	struct view view;
	const struct fact *facts;                 /* of view */
	const struct connection_view *connection; /* NULL when nothing was opened */
	const struct subflow_view *initial;       /* its first subflow */
	nsec_t prompt;
	bool active;         /* it sent the SYN */
	bool syn_capable;    /* the SYN that was answered carried MP_CAPABLE */
	bool synack_capable; /* and the SYN/ACK, valid and no mirror image (F7f) */
	bool third_capable;  /* and the third packet */
	bool mptcp;          /* all three, or the third came later (O12) */
	bool late_third;     /* O12: a DSS came before the keys, ... */
	uint32_t keys;       /* ... which came with this fact, if ever; 0: no wait for them */
	bool odd_keys;       /* F7e: the third packet echoes other keys */
	bool odd_answer;     /* F6, F7, F7a, F7b: the SYN/ACK may be ignored */
	bool odd_flag_a;     /* the SYN wants checksums, the third packet confirms none (3.1) */
	uint8_t version;
	bool checksum; /* negotiated, by what passed here */
	/* facts, VIEW_NONE when it never happened */
	uint32_t dss_in;      /* first DSS received on the first subflow */
	uint32_t confirmed;   /* first DATA_ACK received for data on it (F8) */
	uint32_t bare_ack;    /* F9: data acked there before, without DATA_ACK */
	uint32_t plain_ack;   /* the same with an option, behind a FIN or overtaken: F9 allows it */
	uint32_t acked_out;   /* first DATA_ACK sent for data of the peer */
	uint32_t unmapped_in; /* first data received that no mapping covers, ... */
	uint32_t plain_in;    /* ... or that at most an infinite one does */
	uint32_t plain_out;   /* first data sent under no ordinary mapping */
	uint32_t join_up;     /* a further subflow was established */
	uint32_t bad;         /* index of the mapping received that failed first */
	uint32_t cause;       /* first of all that lets this host leave MPTCP */
};

void scene_init(struct scene *scene, const struct judge_input *input, enum end end);
void scene_fini(struct scene *scene);

/* Whether fact index, sent by this host, was sent knowing of the received fact cause. */
bool scene_knew(const struct scene *scene, uint32_t index, uint32_t cause);

/* This host had DATA_ACKed data of the peer's before it took received fact index: it said so before
 * the fact came, or without acknowledging it. */
bool scene_had_acked(const struct scene *scene, uint32_t index);

/* A packet with a newer timestamp came before fact index: TCP may refuse it (RFC 7323 5.3). */
bool scene_was_overtaken(const struct scene *scene, uint32_t index);

/* A received DATA_ACK that covers data of this host, and acknowledges some on its subflow (F8). */
bool fact_confirms(const struct scene *scene, uint32_t index);

/* MP_CAPABLE of a fact, in whatever form; NULL when it has none. */
const struct mp_capable *scene_capable(const struct scene *scene, uint32_t index);

/* First packet (no RST) that this host sent on a subflow after fact from, knowing it, whose has
 * contains any bit of wanted (0: any packet); VIEW_NONE when there is none. */
uint32_t scene_sent(const struct scene *scene, const struct subflow_view *subflow, uint32_t from,
	uint32_t wanted);

/* First byte of a subflow, received or sent, that had not come before fact index. */
uint32_t flow_next(const struct view *view, const struct flow *flow, uint32_t index);

/* Handshake done before fact index (a join: with a good HMAC as far as this host can tell). */
bool subflow_is_up(const struct scene *scene, const struct subflow_view *subflow, uint32_t index);

/* Up at that time, and neither reset nor closed both ways. */
bool subflow_is_alive(const struct scene *scene, const struct subflow_view *subflow,
	uint32_t index);

/* Other subflows of the connection that are alive at fact index; or that were ever up till then. */
unsigned int others_alive(const struct scene *scene, const struct subflow_view *subflow,
	uint32_t index);
unsigned int others_ever(const struct scene *scene, const struct subflow_view *subflow,
	uint32_t index);

/* Alive, and a join of this host's own was established: its third packet was acked (F42). */
bool subflow_is_established(const struct scene *scene, const struct subflow_view *subflow,
	uint32_t index);

/* Beside another that is established. */
bool is_one_of_several(const struct scene *scene, const struct subflow_view *subflow,
	uint32_t index);

/* A mapping that came on a subflow failed its checksum before fact index, or may have: a copy that
 * failed is not kept where another one did not, or came too early to be taken (O12). */
bool has_failed(const struct scene *scene, const struct subflow_view *subflow, uint32_t index);

/* First mapping received on a subflow whose checksum is there or not against the agreement, so that
 * the subflow is to be reset (F13, F14); VIEW_NONE. */
uint32_t scene_misfit(const struct scene *scene, const struct subflow_view *subflow);

/* The RST with which this host ended a subflow, if after fact from: later ones answer strays. */
static inline uint32_t own_reset(const struct subflow_view *subflow, uint32_t from)
{
	uint32_t reset = subflow->flow[SENT].rst;

	return reset >= from ? reset : VIEW_NONE;
}

/* Something that came on the subflow before is reason enough for a reset. */
bool reset_has_ground(const struct scene *scene, const struct subflow_view *subflow,
	uint32_t reset);

/*
 * The RST says that the path is at fault, by MP_FAIL, or MP_TCPRST with reason 1 or 6, and nothing
 * that came on the subflow before does.
 */
bool reset_is_groundless(const struct scene *scene, const struct subflow_view *subflow,
	uint32_t reset);

/*
 * Data of this host was acknowledged on a subflow without DATA_ACK before fact index: a joined one
 * is reset (F11), and so may be the first one where a fallback is no longer open, for others were
 * added (F9).
 */
bool was_acked_bare(const struct scene *scene, const struct subflow_view *subflow, uint32_t index);

/* The mapping of what was to be DATA_ACKed next before fact index (VIEW_NONE: at the end), wholly
 * acknowledged by the subflow; NULL. */
const struct mapping *scene_unconfirmed(const struct scene *scene,
	const struct subflow_view *subflow, uint32_t index);

/* There is one: F18's case, and O2's. */
static inline bool lacks_data_acks(const struct scene *scene, const struct subflow_view *subflow,
	uint32_t index)
{
	return scene_unconfirmed(scene, subflow, index) != NULL;
}

/* First RST by this host or its peer on a subflow at or after fact index; VIEW_NONE. */
uint32_t subflow_reset_after(const struct scene *scene, const struct subflow_view *subflow,
	enum way way, uint32_t index);

/* First DATA_ACK this host sent that covers more than ever came to it mapped; VIEW_NONE. */
uint32_t scene_overrun(const struct scene *scene);

/* The application got more than what came mapped, with no infinite mapping to allow it. */
bool scene_delivered_unmapped(const struct scene *scene);

/* An MP_FAIL or an infinite mapping went either way before fact index (VIEW_NONE: ever). */
bool scene_signalled(const struct scene *scene, uint32_t index);

/* Fact index brought MP_FASTCLOSE with this host's key (F62). */
bool closes_fast(const struct scene *scene, uint32_t index);

/* This host's application had the connection ended at once before fact index, or with it (3.5). */
bool scene_aborted(const struct scene *scene, uint32_t index);

/* That, or it had a subflow closed shortly before. */
bool scene_app_closed(const struct scene *scene, uint32_t index);

/* MP_FASTCLOSE went either way, on whatever subflow, at fact index or before, or this host's own at
 * the same time: it ends them all (3.5). So does this host's application that aborts, where its
 * stack has no MP_FASTCLOSE to say so. */
bool scene_closed_fast(const struct scene *scene, uint32_t index);

/* The same, or this host's application has just had a subflow closed: who may not end the only one
 * by FIN, which could pass for the end of the stream (F8, F64), resets it. */
bool scene_closed(const struct scene *scene, uint32_t index);

/* RFC 8684 3.3.1: a mapping applies to some or all of the segment that carries it. */
static inline bool mapping_touches(const struct mapping *mapping, const struct fact *fact)
{
	return mapping->ssn < fact->seq + fact->payload &&
		fact->seq < mapping->ssn + mapping->length;
}

static inline const struct subflow_view *scene_subflow(const struct scene *scene, uint32_t index)
{
	return &scene->view.subflows[index];
}

static inline const struct subflow_view *fact_subflow(const struct scene *scene, uint32_t index)
{
	return &scene->view.subflows[scene->facts[index].subflow];
}

static inline uint32_t first_of(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* ---- what a predicate says ---- */

struct note {
	enum rule_state state;
	uint32_t fact; /* broken: where */
	const char *why;
};

/* Held, unless something was found broken before. */
static inline void note_held(struct note *note)
{
	if (note->state == RULE_NOT_EXERCISED)
		note->state = RULE_HELD;
}

static inline void note_broken(struct note *note, uint32_t fact, const char *why)
{
	if (note->state == RULE_BROKEN)
		return;
	note->state = RULE_BROKEN;
	note->fact = fact;
	note->why = why;
}

/*
 * This host must reset the subflow some day because of fact cause. Held when it did (or the peer
 * did), broken when it sent something else instead, or nothing for long; open when the run ended
 * first.
 */
void note_must_end(struct note *note, const struct scene *scene, const struct subflow_view *subflow,
	uint32_t cause, const char *why);

/* The same at once: what it sends first on that subflow, knowing of the cause, is the reset. */
void note_must_reset(struct note *note, const struct scene *scene,
	const struct subflow_view *subflow, uint32_t cause, const char *why);

/*
 * Nothing wrong came with fact cause: broken when this host, knowing it, resets the subflow as
 * faulty (MP_TCPRST 1 or 6, or MP_FAIL) although nothing on it justifies that.
 */
void note_no_blame(struct note *note, const struct scene *scene, const struct subflow_view *subflow,
	uint32_t cause);

typedef void rule_predicate(const struct scene *scene, struct note *note);

#endif
