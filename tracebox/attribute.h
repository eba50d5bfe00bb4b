/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attribute.h - what the answers of a trace mean: per hop the changes between the probe that was
 * sent and the quote that came back, over the path the findings (what was changed, and between
 * which two hops), and what the destination's answer says about Multipath TCP. One cause is one
 * finding: what routers must change and what follows from something else is none.
 */
#ifndef TRACEBOX_ATTRIBUTE_H
#define TRACEBOX_ATTRIBUTE_H

#include "tracebox/result.h"

/* Read a trace (borrowed, and not to be changed as long as the result is used). */
void result_init(struct result *result, const struct trace *trace);
void result_fini(struct result *result);

#endif
