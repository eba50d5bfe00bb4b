/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hidden.h - findings of what no quote shows: something else tells of it. For attribute.c alone.
 */
#ifndef TRACEBOX_HIDDEN_H
#define TRACEBOX_HIDDEN_H

#include "tracebox/attribute.h"

/* Add to what the quotes show: what lengths, checksums and addresses tell besides. */
void hidden_find(struct result *result);

#endif
