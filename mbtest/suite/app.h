/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * app.h - the application at one end of a scenario: it sends its stream, reads the peer's to the
 * end, and closes. app.c runs it over our endpoint, inside a network; app_kernel.c runs the same
 * plan over a kernel socket in a process of its own. Both fill the same struct app_view.
 *
 * The discipline, the same for both: write first_chunk bytes as soon as the connection is open,
 * the rest pause_ns later (0: at once); an end that sends shuts down its side after its last byte;
 * an end that sends nothing shuts down when it has read the end of the peer's stream; both read to
 * the end; finished when both directions have ended without an error.
 */
#ifndef MBTEST_SUITE_APP_H
#define MBTEST_SUITE_APP_H

#include "mbtest/dir.h"
#include "mbtest/judge/judge.h"
#include "mbtest/stream.h"
#include "mbtest/suite/step.h"
#include "probe/base/err.h"
#include "probe/base/nsec.h"
#include "probe/base/rng.h"
#include "probe/endpoint/endpoint.h"
#include "probe/machine.h"

#include <stdbool.h>
#include <stdint.h>

struct app_plan {
	enum end end;             /* the client connects, the server listens */
	struct sockname local;    /* port 0: any */
	struct sockname remote;   /* client only */
	struct stream_plan sends; /* length 0: sends nothing */
	uint64_t receives;        /* bytes the peer is to send (bounds the buffer) */
	uint64_t first_chunk;
	nsec_t pause_ns;
	uint8_t family;
	struct step_plan steps; /* of this end */
};

struct app;

/* An endpoint with this application on it; both borrowed configurations are copied. */
struct app *app_new(const struct app_plan *plan, const struct endpoint_config *config,
	const struct rng *rng, struct err *err);
void app_free(struct app *app);

/* For net_set_machine. */
struct machine app_machine(struct app *app);
void app_settle(void *self, nsec_t now);
nsec_t app_deadline(const void *self);

/* The application has nothing more to do: finished, or failed. */
bool app_done(const struct app *app);

/* received points into the application. */
void app_view(const struct app *app, struct app_view *view);

#endif
