/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * box_param.h - reading the parameters of a box from text, by its table (mbtest/box.h).
 */
#ifndef MBTEST_BOX_PARAM_H
#define MBTEST_BOX_PARAM_H

#include "mbtest/box.h"

enum { BOX_ARGS = 64 }; /* arguments that one box can be given */

/*
 * Fill state by a table: its defaults, then the arguments it knows, whose bit is set in *used.
 * False with a sentence naming box, parameter and range. table NULL is an empty one.
 */
bool box_params_fill(const char *box, const struct box_param *table, void *state,
	const struct box_arg *args, size_t arg_count, uint64_t *used, struct err *err);

#endif
