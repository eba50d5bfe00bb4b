/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hidden.h - findings of what no quote shows: lengths, checksums and addresses tell of it. For
 * attribute.c alone.
 */
#ifndef TRACEBOX_HIDDEN_H
#define TRACEBOX_HIDDEN_H

#include "tracebox/result.h"

/* Add them to the findings that quotes show, where none of those explains them. */
void hidden_find(struct result *result);

#endif
