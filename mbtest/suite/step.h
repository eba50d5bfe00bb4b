/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * step.h - what one end does in the course of a scenario beside sending its stream: it tells of
 * addresses, takes them back, changes priorities, closes subflows, aborts. Our endpoint does them
 * all (app.c), the kernel those that its path manager offers (step.c).
 *
 * Numbers are those of the address plan: 1 is the address of the first subflow, 2 the next one.
 */
#ifndef MBTEST_SUITE_STEP_H
#define MBTEST_SUITE_STEP_H

#include "mbtest/dir.h"
#include "probe/base/err.h"
#include "probe/base/nsec.h"
#include "probe/wire/addr.h"

#include <stdbool.h>
#include <stdint.h>

enum { STEPS_MOST = 8 };

enum step_verb {
	STEP_ANNOUNCE, /* tell of an address: ADD_ADDR */
	STEP_WITHDRAW, /* take it back: REMOVE_ADDR */
	STEP_BACKUP,   /* its subflows are for want of others: MP_PRIO */
	STEP_REGULAR,  /* no longer so */
	STEP_DROP,     /* close its subflows */
	STEP_ABORT,    /* MP_FASTCLOSE */
	STEP_VERBS,
};

struct step {
	nsec_t at; /* after the connection opened at that end */
	enum end by;
	enum step_verb verb;
	unsigned int number; /* of the address, 1 first; none for STEP_ABORT */
	uint16_t port;       /* STEP_ANNOUNCE: told with it; 0: none */
};

struct step_plan {
	struct step steps[STEPS_MOST]; /* by time */
	unsigned int count;
};

/* Those of one end. */
void step_plan_of(const struct step_plan *all, enum end end, struct step_plan *plan);

/* An address by its number. */
struct addr step_addr(enum end end, unsigned int number, uint8_t family);

/*
 * Let the kernel of the namespace this process is in take a step; index is the device of its
 * further addresses. STEP_ABORT and STEP_DROP are not the path manager's: nothing happens.
 */
bool step_kernel(const struct step *step, uint8_t family, int index, struct err *err);

#endif
