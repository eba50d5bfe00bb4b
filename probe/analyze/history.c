/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * history.c - what took a connection back to plain TCP, or ended it. The rules named are those of
 * the fallback table that the suites use, too.
 */
#include "probe/analyze/history.h"

#include "probe/analyze/parts.h"
#include "probe/base/seq.h"

#include <stdlib.h>
#include <string.h>

static const char *const outcome_texts[] = {
	[HISTORY_REFUSED] = "refused",
	[HISTORY_TCP] = "tcp",
	[HISTORY_INFINITE] = "infinite",
	[HISTORY_FALLBACK] = "fallback",
	[HISTORY_RESET] = "reset",
	[HISTORY_SUBFLOW_CLOSED] = "subflow-closed",
	[HISTORY_MPTCP] = "mptcp",
};

const char *history_outcome_text(enum history_outcome outcome)
{
	return outcome_texts[outcome];
}

bool history_is_mptcp(enum history_outcome outcome)
{
	return outcome == HISTORY_MPTCP || outcome == HISTORY_SUBFLOW_CLOSED ||
		outcome == HISTORY_RESET;
}

bool history_is_fallback(enum history_outcome outcome)
{
	return outcome == HISTORY_TCP || outcome == HISTORY_INFINITE || outcome == HISTORY_FALLBACK;
}

static uint32_t first_of(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static bool decide(struct history *history, enum history_outcome outcome, const char *rule,
	uint32_t cause, const char *why)
{
	history->outcome = outcome;
	history->rule = rule;
	history->cause = cause;
	history->why = why;
	return true;
}

/* ---- the handshake ---- */

/* MP_CAPABLE of a fact, in whatever form it is; NULL when there is none. */
static const struct mp_capable *capable_in(const struct view *view, uint32_t index)
{
	const struct mptcp_opt *opt = NULL;

	if (index != VIEW_NONE)
		opt = view_option(view, &view->facts[index], MP_CAPABLE);
	return opt != NULL ? &opt->capable : NULL;
}

/* The same if it is one that this packet may have (RFC 8684 3.1). */
static const struct mp_capable *capable_at(const struct view *view, uint32_t index)
{
	const struct mp_capable *capable = capable_in(view, index);

	return capable != NULL && capable_form_ok(&view->facts[index], capable) ? capable : NULL;
}

static bool never_opened(struct history *history)
{
	const struct subflow_view *first = &history->view->subflows[history->connection->subflow];
	uint32_t rst = first->flow[history->server].rst;

	if (history->subflows[0].was_open || first->syn == VIEW_NONE)
		return false;
	if (rst != VIEW_NONE)
		return decide(history, HISTORY_REFUSED, NULL, rst, "an RST answered the SYN");
	if (first->synack == VIEW_NONE)
		return decide(history, HISTORY_REFUSED, NULL, first->syn_last,
			"nothing answered the SYN");
	return decide(history, HISTORY_REFUSED, NULL, first->synack,
		"nothing acknowledged the SYN/ACK");
}

/* What is wrong with an MP_CAPABLE that its receiver must or may ignore; NULL: nothing. */
static const char *capable_flaw(const struct mp_capable *capable, const char **rule)
{
	uint8_t crypto = capable->version == 0 ? MPC_CRYPTO_V0 : MPC_CRYPTO_V1;

	if (capable->version > 1) {
		*rule = "F7";
		return "MP_CAPABLE has a version that neither RFC defines";
	}
	if (capable->flags & MPC_EXTENSION) {
		*rule = "F7a";
		return "MP_CAPABLE has the B flag, which nobody understands";
	}
	if ((capable->flags & crypto) == 0) {
		*rule = "F6";
		return "MP_CAPABLE names no algorithm for its HMACs";
	}
	return NULL;
}

/* The SYN that was answered has no good MP_CAPABLE. */
static bool syn_is_plain(struct history *history, const struct subflow_view *first)
{
	const struct mp_capable *raw = capable_in(history->view, first->syn_last);
	const char *rule = "F1", *why = "the SYN has no MP_CAPABLE";

	if (raw != NULL && capable_flaw(raw, &rule) != NULL)
		why = capable_flaw(raw, &rule);
	else if (raw != NULL)
		why = "the SYN's MP_CAPABLE has a form that no SYN may have";
	else if (capable_at(history->view, first->syn) != NULL) {
		rule = "F5";
		why = "no SYN with MP_CAPABLE was answered, but one without";
	}
	return decide(history, HISTORY_TCP, rule, first->syn_last, why);
}

/* A SYN/ACK with the SYN's own option: some middleboxes copy what they do not know (F7f). */
static bool is_mirrored(const struct mp_capable *syn, const struct mp_capable *synack)
{
	return synack != NULL && synack->version == syn->version && synack->flags == syn->flags &&
		synack->has_sender_key == syn->has_sender_key &&
		synack->sender_key == syn->sender_key;
}

static bool synack_is_plain(struct history *history, const struct subflow_view *first)
{
	const struct view *view = history->view;
	const struct mp_capable *syn = capable_at(view, first->syn_last);
	const struct mp_capable *synack = capable_in(view, first->synack);
	const char *rule = "F2", *why = "the SYN/ACK has no MP_CAPABLE";

	if (is_mirrored(syn, synack))
		return decide(history, HISTORY_TCP, "F7f", first->synack,
			"the SYN/ACK only mirrors the SYN's MP_CAPABLE");
	if (capable_at(view, first->synack) != NULL)
		return false;
	if (synack != NULL && capable_flaw(synack, &rule) != NULL)
		why = capable_flaw(synack, &rule);
	else if (synack != NULL)
		why = "the SYN/ACK's MP_CAPABLE has a form that no SYN/ACK may have";
	else if (capable_flaw(syn, &rule) != NULL)
		why = capable_flaw(syn, &rule);
	return decide(history, HISTORY_TCP, rule, first->synack, why);
}

static bool third_is_plain(struct history *history, const struct subflow_view *first)
{
	const struct view *view = history->view;
	const struct mp_capable *syn = capable_at(view, first->syn_last);
	const struct mp_capable *synack = capable_at(view, first->synack);
	const char *rule = "F3", *why = "the third packet has no MP_CAPABLE";

	/* Lost before it came here, and repaired by the keys of a later one (O12). */
	if (first->third == VIEW_NONE || capable_at(view, first->third) != NULL ||
		((view->facts[first->third].has & HAS_DSS) &&
			history->connection->has_key[history->client]))
		return false;
	if (synack->version > syn->version) {
		rule = "F7";
		why = "the SYN/ACK has a higher version than the SYN";
	} else if (capable_flaw(synack, &rule) != NULL) {
		why = capable_flaw(synack, &rule);
	}
	return decide(history, HISTORY_TCP, rule, first->third, why);
}

static bool is_tcp(struct history *history)
{
	const struct subflow_view *first = &history->view->subflows[history->connection->subflow];

	if (first->is_join || first->syn == VIEW_NONE || first->synack == VIEW_NONE)
		return false;
	if (capable_at(history->view, first->syn_last) == NULL)
		return syn_is_plain(history, first);
	return synack_is_plain(history, first) || third_is_plain(history, first);
}

/* ---- the data ---- */

/* A DATA_ACK by the receiver of way that covers data: one of IDSN + 1 confirms nothing (F8). */
static bool confirms(const struct connection_view *connection, const struct fact *fact,
	enum way way)
{
	if (fact->way == way || !(fact->has & HAS_DATA_ACK) || fact->ack <= 1)
		return false;
	return !connection->has_key[way] ||
		fact->data_ack - (connection->idsn[way] + 2) < INT64_MAX;
}

/* What the acknowledgements of one way's data tell; facts or VIEW_NONE. */
struct acks {
	uint32_t confirmed; /* first DATA_ACK for data */
	uint32_t bare;      /* first without, before that */
	uint32_t tail;      /* first of the bare ones that the last are */
};

static struct acks acks_of(const struct history *history, enum way way)
{
	const struct view *view = history->view;
	const struct subflow_view *first = &view->subflows[history->connection->subflow];
	struct acks acks = { VIEW_NONE, VIEW_NONE, VIEW_NONE };
	bool fin = false;
	uint32_t i;

	for (i = first->first; i != VIEW_NONE; i = view->facts[i].next) {
		const struct fact *fact = &view->facts[i];

		fin = fin || (fact->flags & TCP_FIN);
		if (fact->way == way || fact->ack <= 1 || (fact->flags & (TCP_SYN | TCP_RST)))
			continue;
		if (acks.confirmed == VIEW_NONE && confirms(history->connection, fact, way))
			acks.confirmed = i;
		if (fact->has & HAS_OPTION)
			acks.tail = VIEW_NONE;
		else if (acks.tail == VIEW_NONE && fact->ack <= first->flow[way].end)
			acks.tail = i;
		if (acks.bare == VIEW_NONE && acks.confirmed == VIEW_NONE && !fin &&
			!(fact->has & HAS_OPTION))
			acks.bare = i;
	}
	return acks;
}

/* Not everything was DATA_ACKed, and what came last acknowledged without. */
static bool acks_ceased(const struct connection_view *connection, enum way way,
	const struct acks *acks)
{
	enum way back = way_back(way);

	return acks->tail != VIEW_NONE && connection->has_dsn[way] &&
		(!connection->has_data_ack[back] ||
			dsn_before(connection->data_ack[back], connection->dsn_end[way]));
}

/* The first join that was established, or VIEW_NONE: later, F9 is no rule of version 1. */
static uint32_t first_join(const struct history *history)
{
	uint32_t found = VIEW_NONE;
	size_t i;

	for (i = 1; i < history->subflow_count; i++) {
		const struct subflow_view *subflow =
			&history->view->subflows[history->subflows[i].index];

		if (history->subflows[i].was_open)
			found = first_of(found, subflow->third);
	}
	return found;
}

/* The mapping that failed its checksum first: the fact that completed it, or VIEW_NONE. */
static uint32_t first_failure(const struct history *history)
{
	const struct view *view = history->view;
	uint32_t found = VIEW_NONE;
	size_t i;

	for (i = 0; i < view->mapping_count; i++) {
		const struct mapping *mapping = &view->mappings[i];

		if (mapping->state == MAPPING_BAD &&
			&view->connections[view->subflows[mapping->subflow].connection] ==
				history->connection)
			found = first_of(found, mapping->complete);
	}
	return found;
}

static bool is_infinite(struct history *history)
{
	const struct connection_view *connection = history->connection;
	uint32_t fail = first_of(connection->fail[SENT], connection->fail[RECEIVED]);
	uint32_t infinite = first_of(connection->infinite[SENT], connection->infinite[RECEIVED]);
	uint32_t failure = first_failure(history), bare = VIEW_NONE;
	enum way way;

	if (fail == VIEW_NONE && infinite == VIEW_NONE)
		return false;
	if (fail < infinite && failure < fail)
		return decide(history, HISTORY_INFINITE, "F23", failure,
			"a mapping failed its checksum, and MP_FAIL said so");
	if (fail < infinite)
		return decide(history, HISTORY_INFINITE, "F24", fail,
			"MP_FAIL says that a mapping failed its checksum on the way");
	for (way = SENT; way < WAYS; way++)
		bare = first_of(bare, acks_of(history, way).bare);
	if (bare < infinite)
		return decide(history, HISTORY_INFINITE, "F9", bare,
			"the first data was acknowledged without DATA_ACK");
	return decide(history, HISTORY_INFINITE, "F29", infinite,
		"an infinite mapping ended the use of mappings");
}

/* Data under no mapping, from packet plain on, that way. */
static bool data_is_plain(struct history *history, enum way way, uint32_t plain,
	const struct acks *acks)
{
	const char *rule = history->subflow_count > 1 ? "F15" : "F16";

	if (acks->confirmed < plain)
		return decide(history, HISTORY_FALLBACK, rule, plain,
			"after data had been DATA_ACKed, more came without mapping");
	rule = way == history->client ? "F4" : "F10";
	return decide(history, HISTORY_FALLBACK, rule, plain,
		"data came without mapping before any had been DATA_ACKed");
}

static bool is_fallback(struct history *history)
{
	const struct view *view = history->view;
	const struct subflow_view *first = &view->subflows[history->connection->subflow];
	struct acks acks[WAYS] = { acks_of(history, SENT), acks_of(history, RECEIVED) };
	uint32_t joined = history->connection->version == 0 ? VIEW_NONE : first_join(history);
	uint32_t plain = VIEW_NONE, bare = VIEW_NONE;
	enum way way, plain_way = SENT;

	if (first->is_join)
		return false;
	for (way = SENT; way < WAYS; way++) {
		/* Of a capture that began amid a mapping, that one's bytes prove nothing. */
		if (first->flow[way].plain < plain && first->flow[way].syn) {
			plain = first->flow[way].plain;
			plain_way = way;
		}
		if (acks[way].bare < joined && acks_ceased(history->connection, way, &acks[way]))
			bare = first_of(bare, acks[way].bare);
	}
	if (bare < plain)
		return decide(history, HISTORY_FALLBACK, "F9", bare,
			"the first data was acknowledged without DATA_ACK");
	if (plain != VIEW_NONE)
		return data_is_plain(history, plain_way, plain, &acks[plain_way]);
	for (way = SENT; way < WAYS; way++)
		if (acks_ceased(history->connection, way, &acks[way]))
			return decide(history, HISTORY_FALLBACK, "O2", acks[way].tail,
				"from here on data was acknowledged without DATA_ACK");
	return false;
}

/* ---- the end ---- */

/* Closed by FINs of both sides. */
static bool subflow_is_closed(const struct history *history, size_t number)
{
	const struct flow *flow = history->view->subflows[history->subflows[number].index].flow;

	return flow[SENT].fin != VIEW_NONE && flow[RECEIVED].fin != VIEW_NONE;
}

/* After which an RST does no harm: both DATA_FINs have passed. */
static uint32_t streams_ended(const struct connection_view *connection)
{
	uint32_t sent = connection->data_fin[SENT], received = connection->data_fin[RECEIVED];

	return sent > received ? sent : received;
}

static bool is_reset(struct history *history)
{
	uint32_t ended = streams_ended(history->connection), last = 0;
	bool has_reset = false;
	size_t i;

	for (i = 0; i < history->subflow_count; i++) {
		const struct history_subflow *subflow = &history->subflows[i];

		if (!subflow->was_open)
			continue;
		if (subflow->reset == VIEW_NONE && !subflow_is_closed(history, i))
			return false;
		if (subflow->reset == VIEW_NONE)
			continue;
		has_reset = true;
		last = subflow->reset > last ? subflow->reset : last;
	}
	if (!has_reset || last > ended)
		return false;
	return decide(history, HISTORY_RESET, NULL, last,
		history->fastclose < last || history->fastclose == last
			? "MP_FASTCLOSE ended the connection"
			: "the last subflow was reset before both streams had ended");
}

/* Why a subflow counts as failed though the connection went on; NULL: it does not. */
static const char *subflow_failure(const struct history *history, size_t number, uint32_t *cause)
{
	const struct history_subflow *subflow = &history->subflows[number];
	const struct subflow_view *from = &history->view->subflows[subflow->index];
	uint32_t ended = streams_ended(history->connection);

	*cause = subflow->reset;
	if (!subflow->was_open && subflow->reset != VIEW_NONE)
		return "a further subflow was refused";
	*cause = from->last;
	if (!subflow->was_open)
		return "a further subflow was never answered";
	*cause = subflow->reset;
	if (subflow->reset != VIEW_NONE &&
		(subflow->reset < ended || subflow->reset_reason != RESET_UNSPECIFIED ||
			(history->view->facts[subflow->reset].has & HAS_FAIL)))
		return "a subflow was reset, and the connection went on";
	return NULL;
}

static bool has_closed_subflow(struct history *history)
{
	uint32_t cause;
	size_t i;

	for (i = 0; i < history->subflow_count; i++) {
		const char *why = subflow_failure(history, i, &cause);

		if (why != NULL)
			return decide(history, HISTORY_SUBFLOW_CLOSED, NULL, cause, why);
	}
	return false;
}

static uint32_t first_fastclose(const struct history *history)
{
	const struct view *view = history->view;
	size_t i;

	for (i = 0; i < view->option_count; i++) {
		uint32_t fact = view->options[i].fact;

		if (view->options[i].opt.subtype == MP_FASTCLOSE &&
			&view->connections[view->subflows[view->facts[fact].subflow].connection] ==
				history->connection)
			return fact;
	}
	return VIEW_NONE;
}

/* Where no mapping was agreed upon, none is missing. */
static void forget_gaps(struct history *history)
{
	size_t i;

	for (i = 0; i < history->subflow_count; i++)
		history->subflows[i].gaps = 0;
}

void history_init(struct history *history, const struct view *view, uint32_t connection)
{
	memset(history, 0, sizeof(*history));
	history->view = view;
	history->connection = &view->connections[connection];
	history->client = history->connection->opened_by_us ? SENT : RECEIVED;
	history->server = way_back(history->client);
	history->has_version = history->connection->has_version;
	history->fastclose = first_fastclose(history);
	history_subflows(history);
	history_addresses(history);
	if (never_opened(history) || is_tcp(history)) {
		forget_gaps(history);
		return;
	}
	if (is_infinite(history) || is_fallback(history) || is_reset(history) ||
		has_closed_subflow(history))
		return;
	decide(history, HISTORY_MPTCP, NULL, VIEW_NONE,
		history->subflow_count == 1 ? "everything went by mappings"
					    : "everything went by mappings on every subflow");
}

void history_fini(struct history *history)
{
	free(history->subflows);
	free(history->addresses);
	memset(history, 0, sizeof(*history));
}
