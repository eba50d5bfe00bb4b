/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verdict.h - findings and the destination's answer in words that a person understands.
 */
#ifndef TRACEBOX_VERDICT_H
#define TRACEBOX_VERDICT_H

#include "tracebox/result.h"

enum { VERDICT_TEXT = 768 };

/* "MP_CAPABLE is removed from SYNs between hop 3 (198.18.2.2) and hop 4 (198.18.3.2)". */
const char *verdict_finding(const struct finding *finding, char buf[static VERDICT_TEXT]);

/* "the server then answers as plain TCP"; changed: there is a finding to refer to. */
const char *verdict_destination(const struct result *result, char buf[static VERDICT_TEXT]);

/* The one line that sums up a trace without findings, destination included. */
const char *verdict_clean(const struct result *result, char buf[static VERDICT_TEXT]);

/* What is to be said of the way back beside its findings; empty when these say all. */
const char *verdict_reverse(const struct result *result, char buf[static VERDICT_TEXT]);

#endif
