/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interrupt.h - the wish to end (SIGINT, SIGTERM, SIGHUP) as something that can be waited for, so
 * that a connection can be closed before the program ends.
 */
#ifndef PROBE_IO_INTERRUPT_H
#define PROBE_IO_INTERRUPT_H

#include "probe/base/err.h"

#include <stdbool.h>

/* A descriptor that becomes readable with such a signal; -1 with a sentence. */
int interrupt_open(struct err *err);

/* Let the signals end the program again. */
void interrupt_close(int fd);

/* Until they are released such signals wait, for who has files to take away or to write whole. */
void interrupt_hold(void);
void interrupt_release(void);

/* Whether one came since the last time this was asked. */
bool interrupt_came(int fd);

#endif
