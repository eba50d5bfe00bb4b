/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/analyze/split.h"

#include "probe/base/alloc.h"
#include "probe/endpoint/key.h"

#include <uthash.h>

#include <stdlib.h>
#include <string.h>

enum {
	KEYS_LEARNED = 8,     /* of a connection: more than two mean that somebody is lying */
	TUPLES_MAX = 1 << 12, /* address pairs of one connection */
	HEADERS_ROOM = 160,   /* bytes kept of a packet whose payload is not */
	BYTES_DEFAULT = 1 << 29,
};

/* Where a connection is in its life, and how long it may stay there without a packet. */
enum stage {
	STAGE_OPENING, /* nobody has answered a SYN/ACK yet */
	STAGE_OPEN,
	STAGE_ENDED, /* retransmissions may still come */
	STAGES,
};

static const struct {
	nsec_t wait;
	size_t limit; /* of connections in this stage; the oldest goes */
} stages[STAGES] = {
	[STAGE_OPENING] = { 120 * NSEC_PER_SEC, 1 << 14 },
	[STAGE_OPEN] = { 3600 * NSEC_PER_SEC, 1 << 18 },
	[STAGE_ENDED] = { 60 * NSEC_PER_SEC, 1 << 10 },
};

/* The address pair of a subflow; low and high by their bytes, so that both directions meet. */
struct pair {
	struct sockname low, high;
};

struct tuple {
	struct pair pair;
	struct group *group;
	struct tuple *next; /* of the same group */
	uint32_t isn[2];    /* by who sent it: the low, the high end */
	bool has_isn[2], fin[2];
	bool established, ended;
	UT_hash_handle hh;
};

struct token {
	uint32_t token;
	struct group *group;
	struct token *next; /* of the same group */
	UT_hash_handle hh;
};

/* One connection that is being collected. */
struct group {
	struct group *older, *newer; /* in its stage, by the last packet */
	enum stage stage;
	nsec_t last;
	struct capture capture;
	uint64_t *numbers;
	size_t number_capacity;
	struct tuple *tuples;
	unsigned int tuple_count, open_count;
	struct token *tokens;
	unsigned int token_count;
};

struct split {
	split_done *done;
	void *self;
	size_t bytes, bytes_limit; /* kept of packets, over all groups */
	struct tuple *tuples;
	struct token *tokens;
	struct {
		struct group *oldest, *newest;
		size_t count;
	} stages[STAGES];
};

/* ---- the stages ---- */

static void stage_leave(struct split *split, struct group *group)
{
	if (group->older != NULL)
		group->older->newer = group->newer;
	else
		split->stages[group->stage].oldest = group->newer;
	if (group->newer != NULL)
		group->newer->older = group->older;
	else
		split->stages[group->stage].newest = group->older;
	split->stages[group->stage].count--;
}

static void stage_enter(struct split *split, struct group *group, enum stage stage)
{
	group->stage = stage;
	group->newer = NULL;
	group->older = split->stages[stage].newest;
	if (group->older != NULL)
		group->older->newer = group;
	else
		split->stages[stage].oldest = group;
	split->stages[stage].newest = group;
	split->stages[stage].count++;
}

/* ---- groups ---- */

static struct group *group_new(struct split *split)
{
	struct group *group = xcalloc(1, sizeof(*group));

	capture_init(&group->capture);
	stage_enter(split, group, STAGE_OPENING);
	return group;
}

static void group_free(struct split *split, struct group *group)
{
	struct tuple *tuple, *next;
	struct token *token, *after;

	for (tuple = group->tuples; tuple != NULL; tuple = next) {
		next = tuple->next;
		if (tuple->hh.tbl != NULL)
			/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
			HASH_DEL(split->tuples, tuple);
		free(tuple);
	}
	for (token = group->tokens; token != NULL; token = after) {
		after = token->next;
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
		HASH_DEL(split->tokens, token);
		free(token);
	}
	stage_leave(split, group);
	split->bytes -= group->capture.used;
	capture_fini(&group->capture);
	free(group->numbers);
	free(group);
}

static void group_finish(struct split *split, struct group *group)
{
	struct view view;

	view_init(&view, &group->capture, VIEW_PASSING);
	split->done(split->self, &view, group->numbers);
	view_fini(&view);
	group_free(split, group);
}

/* Groups that nothing is expected of any more, or that are too many. */
static void groups_expire(struct split *split, nsec_t now)
{
	unsigned int stage;

	for (stage = 0; stage < STAGES; stage++) {
		struct group *group;

		while ((group = split->stages[stage].oldest) != NULL &&
			((now > group->last && now - group->last > stages[stage].wait) ||
				split->stages[stage].count > stages[stage].limit))
			group_finish(split, group);
	}
	while (split->bytes > split->bytes_limit / 2 && split->stages[STAGE_ENDED].oldest != NULL)
		group_finish(split, split->stages[STAGE_ENDED].oldest);
}

/* ---- finding the group of a packet ---- */

static int sockname_compare(const struct sockname *a, const struct sockname *b)
{
	int order = memcmp(&a->addr, &b->addr, sizeof(a->addr));

	return order != 0 ? order : (a->port > b->port) - (a->port < b->port);
}

/* The pair of a packet, and which end of it (0 low, 1 high) sent the packet. */
static unsigned int pair_of(const struct packet *packet, struct pair *pair)
{
	struct sockname src, dst;
	bool is_low;

	packet_socknames(packet, &src, &dst);
	is_low = sockname_compare(&src, &dst) < 0;
	/* It is a key: padding must be equal, too. */
	memset(pair, 0, sizeof(*pair));
	pair->low.addr = is_low ? src.addr : dst.addr;
	pair->low.port = is_low ? src.port : dst.port;
	pair->high.addr = is_low ? dst.addr : src.addr;
	pair->high.port = is_low ? dst.port : src.port;
	return !is_low;
}

static bool has_mptcp(const struct packet *packet)
{
	struct tcpopt at;

	return tcpopt_find(packet, TCPOPT_MPTCP, &at);
}

/* The group that a packet of an unknown address pair belongs to, made when there is none. */
static struct group *group_for(struct split *split, const struct packet *packet)
{
	struct token *token = NULL;
	struct mptcp_opt opt;

	if (mptcp_find(packet, MP_JOIN, &opt, NULL) && opt.join.form == JOIN_SYN)
		HASH_FIND(hh, split->tokens, &opt.join.token, sizeof(opt.join.token), token);
	if (token != NULL && token->group->tuple_count < TUPLES_MAX)
		return token->group;
	return group_new(split);
}

static struct tuple *tuple_add(struct split *split, const struct packet *packet,
	const struct pair *pair)
{
	struct tuple *tuple = xcalloc(1, sizeof(*tuple));
	struct group *group = group_for(split, packet);

	tuple->pair = *pair;
	tuple->group = group;
	tuple->next = group->tuples;
	group->tuples = tuple;
	group->tuple_count++;
	group->open_count++;
	HASH_ADD(hh, split->tuples, pair, sizeof(tuple->pair), tuple);
	return tuple;
}

static void tuple_end(struct tuple *tuple)
{
	if (!tuple->ended)
		tuple->group->open_count--;
	tuple->ended = true;
}

/* A SYN with another number after the handshake: the ports are used again. */
static bool is_used_again(const struct tuple *tuple, const struct packet *packet, unsigned int end)
{
	return (tcp_flags(packet) & (TCP_SYN | TCP_ACK)) == TCP_SYN &&
		(tuple->established || tuple->ended) &&
		!(tuple->has_isn[end] && tuple->isn[end] == tcp_seq(packet));
}

static struct tuple *tuple_for(struct split *split, const struct packet *packet, unsigned int *end)
{
	struct tuple *tuple;
	struct pair pair;

	*end = pair_of(packet, &pair);
	HASH_FIND(hh, split->tuples, &pair, sizeof(pair), tuple);
	if (tuple != NULL && !is_used_again(tuple, packet, *end))
		return tuple;
	if (tuple != NULL) {
		HASH_DEL(split->tuples, tuple);
		memset(&tuple->hh, 0, sizeof(tuple->hh));
		tuple_end(tuple);
	}
	return has_mptcp(packet) ? tuple_add(split, packet, &pair) : NULL;
}

/* ---- what a packet tells ---- */

static void token_learn(struct split *split, struct group *group, uint8_t version, uint64_t key)
{
	uint32_t value = key_digest(version, key).token;
	struct token *token;

	HASH_FIND(hh, split->tokens, &value, sizeof(value), token);
	if (token != NULL || group->token_count >= KEYS_LEARNED)
		return;
	token = xcalloc(1, sizeof(*token));
	token->token = value;
	token->group = group;
	token->next = group->tokens;
	group->tokens = token;
	group->token_count++;
	HASH_ADD(hh, split->tokens, token, sizeof(token->token), token);
}

static void keys_learn(struct split *split, struct group *group, const struct packet *packet)
{
	struct mptcp_opt opt;

	if (group->token_count >= KEYS_LEARNED || !mptcp_find(packet, MP_CAPABLE, &opt, NULL) ||
		opt.capable.version > 1)
		return;
	if (opt.capable.has_sender_key)
		token_learn(split, group, opt.capable.version, opt.capable.sender_key);
	if (opt.capable.has_receiver_key)
		token_learn(split, group, opt.capable.version, opt.capable.receiver_key);
}

static void tuple_note(struct tuple *tuple, const struct packet *packet, unsigned int end)
{
	uint16_t flags = tcp_flags(packet);

	if (flags & TCP_SYN) {
		tuple->isn[end] = tcp_seq(packet);
		tuple->has_isn[end] = true;
	} else if ((flags & TCP_ACK) && !(flags & TCP_RST)) {
		tuple->established = true;
	}
	tuple->fin[end] = tuple->fin[end] || (flags & TCP_FIN);
	if ((flags & TCP_RST) || (tuple->fin[0] && tuple->fin[1]))
		tuple_end(tuple);
}

static void group_keep(struct split *split, struct group *group, const struct packet *packet,
	uint32_t kept, uint64_t number)
{
	size_t before = group->capture.used;

	if (split->bytes + kept > split->bytes_limit && kept > HEADERS_ROOM)
		kept = packet->payload > HEADERS_ROOM ? packet->payload : HEADERS_ROOM;
	group->numbers = xgrow(group->numbers, group->capture.count, &group->number_capacity,
		sizeof(*group->numbers));
	group->numbers[group->capture.count] = number;
	capture_add_cut(&group->capture, packet, kept, packet->at, 0, false);
	split->bytes += group->capture.used - before;
}

void split_add(struct split *split, struct packet *packet, uint64_t number)
{
	uint32_t kept = packet->length;
	struct tuple *tuple;
	struct group *group;
	unsigned int end;

	groups_expire(split, packet->at);
	packet_fill_cut(packet);
	if (packet->form != PACKET_TCP || packet->is_fragment)
		return;
	tuple = tuple_for(split, packet, &end);
	if (tuple == NULL)
		return;
	group = tuple->group;
	keys_learn(split, group, packet);
	group_keep(split, group, packet, kept < packet->end ? kept : packet->end, number);
	tuple_note(tuple, packet, end);
	stage_leave(split, group);
	group->last = packet->at;
	if (group->open_count == 0)
		stage_enter(split, group, STAGE_ENDED);
	else
		stage_enter(split, group,
			group->stage == STAGE_OPENING && !tuple->established ? STAGE_OPENING
									     : STAGE_OPEN);
}

/* ---- the whole ---- */

struct split *split_new(size_t bytes, split_done *done, void *self)
{
	struct split *split = xcalloc(1, sizeof(*split));

	split->done = done;
	split->self = self;
	split->bytes_limit = bytes != 0 ? bytes : BYTES_DEFAULT;
	return split;
}

void split_free(struct split *split)
{
	unsigned int stage;

	if (split == NULL)
		return;
	for (stage = 0; stage < STAGES; stage++)
		while (split->stages[stage].oldest != NULL)
			group_free(split, split->stages[stage].oldest);
	free(split);
}

size_t split_held(const struct split *split)
{
	size_t held = 0;
	unsigned int stage;

	for (stage = 0; stage < STAGES; stage++)
		held += split->stages[stage].count;
	return held;
}

static int group_compare(const void *a, const void *b)
{
	const struct group *const *x = a, *const *y = b;
	uint64_t first = (*x)->numbers[0], second = (*y)->numbers[0];

	return (first > second) - (first < second);
}

void split_finish(struct split *split)
{
	size_t held = split_held(split), count = 0, i;
	struct group **groups = xcalloc(held, sizeof(*groups)), *group;
	unsigned int stage;

	for (stage = 0; stage < STAGES; stage++)
		for (group = split->stages[stage].oldest; group != NULL; group = group->newer)
			groups[count++] = group;
	qsort(groups, count, sizeof(struct group *), group_compare);
	for (i = 0; i < count; i++)
		group_finish(split, groups[i]);
	free(groups);
}
