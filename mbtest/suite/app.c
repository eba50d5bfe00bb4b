/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * app.c - the application of app.h over our endpoint, both in one machine. The network calls
 * app_settle after every input: there it accepts, reads, writes and closes, never elsewhere.
 */
#include "mbtest/suite/app.h"

#include "probe/base/alloc.h"

#include <stdlib.h>
#include <string.h>

enum {
	APP_STEP = 65536,  /* bytes written at a time */
	APP_SLACK = 65536, /* bytes kept beyond what the peer is to send, for the judge */
};

struct app {
	struct app_plan plan;
	struct endpoint *endpoint;
	struct conn *conn; /* NULL: a server that has accepted nothing yet */
	bool opened, ended, shut;
	nsec_t opened_at;
	nsec_t resume_at;     /* when writing goes on after the first chunk */
	unsigned int stepped; /* steps taken */
	uint64_t written;
	uint8_t *received;
	uint64_t received_length; /* kept; what exceeds the bound is read and forgotten */
	uint64_t room;
	nsec_t last_progress, aborted_at, closed_at;
	struct conn_info info; /* filled once the connection is closed */
	bool closed;
};

struct app *app_new(const struct app_plan *plan, const struct endpoint_config *config,
	const struct rng *rng, struct err *err)
{
	struct app *app = xcalloc(1, sizeof(*app));
	bool ok;

	app->plan = *plan;
	app->resume_at = NSEC_NEVER;
	app->endpoint = endpoint_new(config, rng);
	if (plan->end == SERVER) {
		ok = endpoint_listen(app->endpoint, &plan->local, err);
	} else {
		app->conn = endpoint_connect(app->endpoint, &plan->local, &plan->remote, 0, err);
		ok = app->conn != NULL;
	}
	if (ok)
		return app;
	app_free(app);
	return NULL;
}

void app_free(struct app *app)
{
	if (app == NULL)
		return;
	endpoint_free(app->endpoint);
	free(app->received);
	free(app);
}

struct machine app_machine(struct app *app)
{
	return endpoint_machine(app->endpoint);
}

/* Bytes of our stream that may be written by now. */
static uint64_t write_limit(const struct app *app, nsec_t now)
{
	const struct app_plan *plan = &app->plan;

	if (plan->pause_ns > 0 && now < app->resume_at && plan->first_chunk < plan->sends.length)
		return plan->first_chunk;
	return plan->sends.length;
}

static void write_stream(struct app *app, nsec_t now)
{
	uint64_t limit = write_limit(app, now);
	uint8_t scratch[APP_STEP];
	const uint8_t *bytes;

	while (app->written < limit) {
		size_t room = conn_writable(app->conn);
		size_t length =
			limit - app->written < APP_STEP ? (size_t)(limit - app->written) : APP_STEP;
		size_t taken;

		if (length > room)
			length = room;
		if (length == 0)
			return;
		bytes = stream_look(&app->plan.sends, app->written, scratch, length);
		taken = conn_write(app->conn, bytes, length);
		if (taken == 0)
			return;
		app->written += taken;
		app->last_progress = now;
	}
}

/* Make room for length more bytes; what exceeds the bound is not kept. */
static uint64_t keep_room(struct app *app, uint64_t length)
{
	uint64_t bound = app->plan.receives + APP_SLACK;
	uint64_t want = app->received_length + length;

	if (want > bound)
		want = bound;
	if (want > app->room) {
		app->room = app->plan.receives > want ? app->plan.receives : bound;
		app->received = xrealloc(app->received, app->room, 1);
	}
	return want - app->received_length;
}

static void read_stream(struct app *app, nsec_t now)
{
	uint8_t excess[APP_STEP];
	size_t length;

	while ((length = conn_readable(app->conn)) > 0) {
		uint64_t kept = keep_room(app, length);

		if (kept > 0)
			app->received_length += conn_read(app->conn,
				app->received + app->received_length, (size_t)kept);
		else
			conn_read(app->conn, excess, sizeof(excess));
		app->last_progress = now;
	}
	if (!app->ended && conn_peer_closed(app->conn)) {
		app->ended = true;
		app->last_progress = now;
	}
}

static void open_stream(struct app *app, nsec_t now)
{
	enum conn_state state = conn_state(app->conn);

	if (app->opened || state == CONN_OPENING)
		return;
	if (state == CONN_CLOSED) {
		conn_info(app->conn, &app->info);
		if (app->info.end == END_REFUSED || app->info.end == END_UNANSWERED)
			return;
	}
	app->opened = true;
	app->opened_at = now;
	app->resume_at = now + app->plan.pause_ns;
	app->last_progress = now;
}

/* Every subflow from a local address; false when there is none. */
static bool drop_subflows(struct conn *conn, const struct addr *local)
{
	struct conn_info info;
	struct err ignored;
	bool any = false;
	unsigned int i;

	conn_info(conn, &info);
	for (i = 0; i < info.subflow_count; i++)
		if (addr_equal(&info.subflows[i].local.addr, local) &&
			info.subflows[i].state == SUBFLOW_OPEN)
			any = conn_drop(conn, i, &ignored) || any;
	return any;
}

/* What cannot be done, on a connection that fell back say, is left out. */
static void take_step(struct app *app, const struct step *step, nsec_t now)
{
	struct addr addr = step_addr(app->plan.end, step->number, app->plan.family);
	struct sockname name = { addr, step->port };
	struct err ignored;
	bool closes = false;

	switch (step->verb) {
	case STEP_ANNOUNCE:
		conn_announce(app->conn, &name, now, &ignored);
		break;
	case STEP_WITHDRAW:
		closes = conn_withdraw(app->conn, &addr, 1, &ignored);
		break;
	case STEP_BACKUP:
	case STEP_REGULAR:
		conn_set_address_backup(app->conn, &addr, step->verb == STEP_BACKUP, &ignored);
		break;
	case STEP_DROP:
		closes = drop_subflows(app->conn, &addr);
		break;
	case STEP_ABORT:
		app->aborted_at = now;
		conn_abort(app->conn);
		break;
	default:
		break;
	}
	if (closes)
		app->closed_at = now;
}

static nsec_t next_step_at(const struct app *app)
{
	const struct step_plan *plan = &app->plan.steps;

	return app->stepped < plan->count ? app->opened_at + plan->steps[app->stepped].at
					  : NSEC_NEVER;
}

void app_settle(void *self, nsec_t now)
{
	struct app *app = self;

	if (app->conn == NULL)
		app->conn = endpoint_accept(app->endpoint);
	if (app->conn == NULL || app->closed)
		return;
	open_stream(app, now);
	if (app->opened) {
		bool sends = app->plan.sends.length > 0;

		while (next_step_at(app) <= now)
			take_step(app, &app->plan.steps.steps[app->stepped++], now);
		read_stream(app, now);
		write_stream(app, now);
		if (!app->shut && app->written == app->plan.sends.length && (sends || app->ended)) {
			app->shut = true;
			conn_shutdown(app->conn);
		}
	}
	if (conn_state(app->conn) == CONN_CLOSED) {
		app->closed = true;
		conn_info(app->conn, &app->info);
	}
}

nsec_t app_deadline(const void *self)
{
	const struct app *app = self;
	nsec_t step;

	if (app->conn == NULL || app->closed || !app->opened)
		return NSEC_NEVER;
	step = next_step_at(app);
	if (app->written < app->plan.first_chunk || app->written == app->plan.sends.length)
		return step;
	/* Past the pause, writing goes on whenever input makes room. */
	return app->written == app->plan.first_chunk ? nsec_min(app->resume_at, step) : step;
}

bool app_done(const struct app *app)
{
	return app->closed;
}

static const char *end_error(enum conn_end end)
{
	switch (end) {
	case END_NONE:
	case END_CLEAN:
		return NULL;
	case END_REFUSED:
		return "connection refused";
	case END_UNANSWERED:
		return "connection attempt timed out";
	case END_RESET:
		return "connection reset";
	case END_TIMEOUT:
		return "connection timed out";
	case END_ABORTED:
		return "connection aborted";
	}
	return NULL;
}

void app_view(const struct app *app, struct app_view *view)
{
	memset(view, 0, sizeof(*view));
	view->opened = app->opened;
	view->ended = app->ended;
	view->received = app->received;
	view->received_length = app->received_length;
	view->last_progress = app->last_progress;
	view->aborted_at = app->aborted_at;
	view->closed_at = app->closed_at;
	if (!app->closed)
		return;
	view->error = end_error(app->info.end);
	view->failed = view->error != NULL;
	view->finished = !view->failed && app->ended && app->shut;
}
