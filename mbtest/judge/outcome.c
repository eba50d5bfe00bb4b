/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * outcome.c - the first of the outcomes that matches, and its evidence.
 */
#include "mbtest/judge/outcome.h"

#include "probe/base/seq.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const outcome_texts[] = {
	[OUTCOME_CORRUPT] = "corrupt",
	[OUTCOME_STALLED] = "stalled",
	[OUTCOME_RESET] = "reset",
	[OUTCOME_REFUSED] = "refused",
	[OUTCOME_INFINITE] = "infinite",
	[OUTCOME_TCP] = "tcp",
	[OUTCOME_FALLBACK] = "fallback",
	[OUTCOME_SUBFLOW_CLOSED] = "subflow-closed",
	[OUTCOME_MPTCP] = "mptcp",
};

const char *outcome_text(enum outcome outcome)
{
	return outcome < OUTCOME_COUNT ? outcome_texts[outcome] : "unknown";
}

bool outcome_find(const char *name, enum outcome *outcome)
{
	unsigned int i;

	for (i = 0; i < OUTCOME_COUNT; i++) {
		if (strcmp(outcome_texts[i], name) == 0) {
			*outcome = (enum outcome)i;
			return true;
		}
	}
	return false;
}

static bool __attribute__((format(printf, 3, 4)))
decide(struct judgement *judgement, enum outcome outcome, const char *format, ...)
{
	va_list args;

	judgement->outcome = outcome;
	va_start(args, format);
	vsnprintf(judgement->why, sizeof(judgement->why), format, args);
	va_end(args);
	return true;
}

static uint32_t number(const struct scene *scene, uint32_t index)
{
	return scene->facts[index].record + 1;
}

/* ---- what only the applications tell ---- */

static bool is_corrupt(const struct scene scenes[ENDS], struct judgement *judgement)
{
	const struct judge_input *input = scenes[CLIENT].input;
	static const char *const whats[] = {
		[DAMAGE_NONE] = "",
		[DAMAGE_BOX] = "",
		[DAMAGE_DUPLICATED] = "bytes delivered twice",
		[DAMAGE_SHIFTED] = "bytes delivered in the wrong place",
		[DAMAGE_TRUNCATED] = "a clean end of stream with bytes missing",
	};
	enum end end;

	if (judgement->damage == DAMAGE_NONE || judgement->damage == DAMAGE_BOX)
		return false;
	for (end = CLIENT; end < ENDS; end++) {
		enum end from = end_opposite(end);
		const struct stream_verdict *verdict = &scenes[end].stream;

		if (verdict->damage == judgement->damage)
			return decide(judgement, OUTCOME_CORRUPT,
				"%s: the %s's stream from offset "
				"%" PRIu64 " on, %" PRIu64 " of %" PRIu64 " bytes at the %s",
				whats[verdict->damage], end_text(from), verdict->first_bad,
				input->app[end].received_length, input->stream[from].length,
				end_text(end));
	}
	return decide(judgement, OUTCOME_CORRUPT, "%s", whats[judgement->damage]);
}

static bool is_stalled(const struct judge_input *input, struct judgement *judgement)
{
	nsec_t last = input->app[CLIENT].last_progress;

	if (input->app[SERVER].last_progress > last)
		last = input->app[SERVER].last_progress;
	if (!input->timed_out || input->app[CLIENT].failed || input->app[SERVER].failed)
		return false;
	return decide(judgement, OUTCOME_STALLED, "no byte and no error for %" PRIu64 " s",
		input->now > last ? (input->now - last) / NSEC_PER_SEC : 0);
}

static bool is_reset(const struct scene scenes[ENDS], struct judgement *judgement)
{
	const struct judge_input *input = scenes[CLIENT].input;
	enum end end;

	for (end = CLIENT; end < ENDS; end++) {
		const struct app_view *app = &input->app[end];
		const struct scene *scene = &scenes[end];
		uint32_t sent, received;

		if (!app->opened || !app->failed)
			continue;
		sent = received = VIEW_NONE;
		if (scene->connection != NULL) {
			sent = scene->initial->flow[SENT].rst;
			received = scene->initial->flow[RECEIVED].rst;
		}
		if (sent == VIEW_NONE && received == VIEW_NONE)
			return decide(judgement, OUTCOME_RESET,
				"the %s's application saw \"%s\" after "
				"opening",
				end_text(end), app->error != NULL ? app->error : "an error");
		return decide(judgement, OUTCOME_RESET,
			"the %s's application saw \"%s\"; %s packet "
			"%u is an RST it %s",
			end_text(end), app->error != NULL ? app->error : "an error", end_text(end),
			number(scene, first_of(sent, received)),
			sent < received ? "sent" : "received");
	}
	return false;
}

static bool is_refused(const struct scene scenes[ENDS], struct judgement *judgement)
{
	const struct judge_input *input = scenes[CLIENT].input;
	const struct scene *scene = &scenes[CLIENT];
	uint32_t rst = VIEW_NONE;

	if (input->app[CLIENT].opened)
		return false;
	if (scene->connection != NULL)
		rst = scene->initial->flow[RECEIVED].rst;
	if (rst != VIEW_NONE)
		return decide(judgement, OUTCOME_REFUSED,
			"the SYN was answered by an RST (client "
			"packet %u)",
			number(scene, rst));
	return decide(judgement, OUTCOME_REFUSED, "the connection never opened: %s",
		input->app[CLIENT].error != NULL ? input->app[CLIENT].error : "no answer");
}

/* ---- what the wire tells ---- */

/* A host's DATA_ACKs reach so many bytes of the peer's stream, whatever came mapped. */
static bool has_data_acked(const struct connection_view *receiver, uint64_t length)
{
	return receiver->has_key[RECEIVED] && receiver->has_data_ack[SENT] &&
		!dsn_before(receiver->data_ack[SENT], receiver->idsn[RECEIVED] + 1 + length);
}

/*
 * Whether data from one end went by MPTCP to the end: its bytes mapped as sent and as received,
 * and the last of them not acknowledged by packets without DATA_ACK.
 */
static bool direction_is_mptcp(const struct scene *from, const struct scene *to)
{
	const struct judge_input *input = from->input;
	const struct connection_view *sender = from->connection, *receiver = to->connection;
	const struct subflow_view *initial = from->initial;
	uint32_t i, bare = VIEW_NONE;

	if (from->plain_out != VIEW_NONE || sender->infinite[SENT] != VIEW_NONE)
		return false;
	/* Bytes that no mapping covers were taken for the stream's: by a host that has left, or by
	 * one that DATA_ACKs them. */
	if (input->app[to->end].received_length > receiver->mapped[RECEIVED] &&
		!has_data_acked(receiver, input->app[to->end].received_length))
		return false;
	if (!sender->has_dsn[SENT] ||
		(sender->has_data_ack[RECEIVED] &&
			!dsn_before(sender->data_ack[RECEIVED], sender->dsn_end[SENT])))
		return true;
	/* Not all was DATA_ACKed: did the acknowledgements that came last go without? */
	for (i = initial->third; i != VIEW_NONE; i = from->facts[i].next) {
		const struct fact *fact = &from->facts[i];

		if (fact->way != RECEIVED || fact->ack <= 1 || (fact->flags & TCP_RST))
			continue;
		if (fact->has & HAS_OPTION)
			bare = VIEW_NONE;
		else if (bare == VIEW_NONE && fact->ack <= initial->flow[SENT].end)
			bare = i;
	}
	return bare == VIEW_NONE;
}

static bool is_mptcp(const struct scene scenes[ENDS])
{
	return scenes[CLIENT].mptcp && scenes[SERVER].mptcp &&
		direction_is_mptcp(&scenes[CLIENT], &scenes[SERVER]) &&
		direction_is_mptcp(&scenes[SERVER], &scenes[CLIENT]);
}

static bool is_infinite(const struct scene scenes[ENDS], struct judgement *judgement)
{
	enum end end;

	for (end = CLIENT; end < ENDS; end++) {
		const struct scene *scene = &scenes[end];
		uint32_t fail = scene->connection->fail[RECEIVED];
		uint32_t infinite = scene->connection->infinite[RECEIVED];

		if (!scene->mptcp || (fail == VIEW_NONE && infinite == VIEW_NONE))
			continue;
		return decide(judgement, OUTCOME_INFINITE,
			"%s packet %u brought %s; the rest went "
			"as TCP",
			end_text(end), number(scene, first_of(fail, infinite)),
			fail < infinite ? "MP_FAIL" : "an infinite mapping");
	}
	return false;
}

/* The first of the three packets in which MP_CAPABLE did not arrive valid. */
static bool is_tcp(const struct scene scenes[ENDS], struct judgement *judgement)
{
	const struct scene *client = &scenes[CLIENT], *server = &scenes[SERVER];

	if (!client->syn_capable && !server->syn_capable)
		return decide(judgement, OUTCOME_TCP, "no MP_CAPABLE in the SYN the client sent");
	if (!server->syn_capable)
		return decide(judgement, OUTCOME_TCP,
			"no MP_CAPABLE in the SYN the server saw; it "
			"answered with%s",
			server->synack_capable ? " one all the same" : "out");
	if (!server->synack_capable)
		return decide(judgement, OUTCOME_TCP,
			"the server saw MP_CAPABLE in the SYN and "
			"answered without");
	if (!client->synack_capable)
		return decide(judgement, OUTCOME_TCP,
			"no valid MP_CAPABLE in the SYN/ACK the client "
			"saw");
	if (!server->mptcp)
		return decide(judgement, OUTCOME_TCP,
			"no MP_CAPABLE in the third packet the server "
			"saw");
	if (!client->mptcp)
		return decide(judgement, OUTCOME_TCP, "the client answered MP_CAPABLE without");
	return false;
}

static bool has_fallen_back(const struct scene scenes[ENDS], struct judgement *judgement)
{
	enum end end;

	for (end = CLIENT; end < ENDS; end++) {
		const struct scene *scene = &scenes[end];

		if (scene->unmapped_in != VIEW_NONE)
			return decide(judgement, OUTCOME_FALLBACK,
				"MP_CAPABLE had passed; from %s "
				"packet %u on data came without mapping",
				end_text(end), number(scene, scene->unmapped_in));
		if (scene->bare_ack != VIEW_NONE)
			return decide(judgement, OUTCOME_FALLBACK,
				"MP_CAPABLE had passed; %s packet %u "
				"acknowledged data without DATA_ACK",
				end_text(end), number(scene, scene->bare_ack));
	}
	return decide(judgement, OUTCOME_FALLBACK,
		"MP_CAPABLE had passed, later packets carry no "
		"MPTCP any more");
}

/* Both streams, DATA_FINs included, had been DATA_ACKed when fact index came. */
static bool was_over(const struct scene *scene, uint32_t index)
{
	const struct connection_view *connection = scene->connection;
	bool done[WAYS] = { false, false };
	uint32_t i;

	if (connection->data_fin[SENT] == VIEW_NONE || connection->data_fin[RECEIVED] == VIEW_NONE)
		return false;
	for (i = 0; i < index; i++) {
		const struct fact *fact = &scene->facts[i];
		enum way acked = way_back((enum way)fact->way);

		if ((fact->has & HAS_DATA_ACK) && fact->data_ack == connection->dsn_end[acked])
			done[acked] = true;
	}
	return done[SENT] && done[RECEIVED];
}

/* A subflow that was reset while data still moved, or with a reason; in this host's view. */
static const char *subflow_failure(const struct scene *scene, uint32_t index, nsec_t last)
{
	const struct subflow_view *subflow = scene_subflow(scene, index);
	const struct flow *flow = subflow->flow;
	uint32_t reset = first_of(flow[SENT].rst, flow[RECEIVED].rst);
	const struct mptcp_opt *opt;

	if (subflow->opened_by_us && subflow->synack == VIEW_NONE)
		return reset != VIEW_NONE ? "was refused at" : "was never answered at";
	if (reset == VIEW_NONE)
		return NULL;
	opt = view_option(&scene->view, &scene->facts[reset], MP_TCPRST);
	if ((scene->facts[reset].at <= last && !was_over(scene, reset)) ||
		(scene->facts[reset].has & HAS_FAIL) ||
		(opt != NULL && opt->tcprst.reason != RESET_UNSPECIFIED))
		return flow[SENT].rst < flow[RECEIVED].rst ? "was reset by" : "was reset at";
	return NULL;
}

static bool is_subflow_closed(const struct scene scenes[ENDS], struct judgement *judgement)
{
	const struct judge_input *input = scenes[CLIENT].input;
	nsec_t last = input->app[CLIENT].last_progress;
	enum end end;
	uint32_t i;

	if (input->app[SERVER].last_progress > last)
		last = input->app[SERVER].last_progress;
	for (end = CLIENT; end < ENDS; end++) {
		const struct scene *scene = &scenes[end];

		for (i = scene->connection->subflow; i != VIEW_NONE;
			i = scene_subflow(scene, i)->sibling) {
			const struct subflow_view *subflow = scene_subflow(scene, i);
			const char *what = subflow_failure(scene, i, last);
			uint32_t at =
				first_of(subflow->flow[SENT].rst, subflow->flow[RECEIVED].rst);

			if (what == NULL)
				continue;
			return decide(judgement, OUTCOME_SUBFLOW_CLOSED,
				"the subflow on path %u %s the %s (its packet %u); the connection "
				"went on as MPTCP",
				subflow->path + 1u, what, end_text(end),
				number(scene, first_of(at, subflow->last)));
		}
	}
	if (judgement->subflows_opened >= input->subflows)
		return false;
	return decide(judgement, OUTCOME_SUBFLOW_CLOSED, "%u of %u subflows were opened",
		judgement->subflows_opened, input->subflows);
}

void outcome_judge(const struct scene scenes[ENDS], struct judgement *judgement)
{
	const struct judge_input *input = scenes[CLIENT].input;

	if (is_corrupt(scenes, judgement) || is_stalled(input, judgement) ||
		is_reset(scenes, judgement) || is_refused(scenes, judgement))
		return;
	if (scenes[CLIENT].connection == NULL || scenes[SERVER].connection == NULL) {
		decide(judgement, OUTCOME_TCP, "the capture holds no connection");
		return;
	}
	if (!is_mptcp(scenes)) {
		if (!is_infinite(scenes, judgement) && !is_tcp(scenes, judgement))
			has_fallen_back(scenes, judgement);
		return;
	}
	if (!is_subflow_closed(scenes, judgement))
		decide(judgement, OUTCOME_MPTCP, "all data mapped and DATA_ACKed on %u subflow%s",
			judgement->subflows_opened, judgement->subflows_opened == 1 ? "" : "s");
}

/* Data arrived on a join, at either end; its path is the same at both. */
static bool join_carried(const struct scene scenes[ENDS], const struct subflow_view *subflow)
{
	const struct view *server = &scenes[SERVER].view;
	size_t i;

	if (subflow->flow[RECEIVED].bytes > 0)
		return true;
	for (i = 0; i < server->subflow_count; i++)
		if (server->subflows[i].is_join && server->subflows[i].path == subflow->path &&
			server->subflows[i].flow[RECEIVED].bytes > 0)
			return true;
	return false;
}

void subflows_judge(const struct scene scenes[ENDS], struct judgement *judgement)
{
	const struct scene *scene = &scenes[CLIENT];
	uint32_t i;

	judgement->subflows_opened = 0;
	judgement->second_carried = false;
	if (scene->connection == NULL)
		return;
	for (i = scene->connection->subflow; i != VIEW_NONE; i = scene_subflow(scene, i)->sibling) {
		const struct subflow_view *subflow = scene_subflow(scene, i);

		/* A join is open once the peer has answered the third packet by other than RST. */
		if (!subflow_is_up(scene, subflow, VIEW_NONE) ||
			(subflow->is_join && subflow->fourth == VIEW_NONE))
			continue;
		judgement->subflows_opened++;
		if (judgement->subflows_opened > 1)
			judgement->second_carried = join_carried(scenes, subflow) &&
				(judgement->subflows_opened == 2 || judgement->second_carried);
	}
}
