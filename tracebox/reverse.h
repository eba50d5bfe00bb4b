/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reverse.h - the far end of a trace in the other direction: a guest of a probe server (serve.h)
 * that traces the connection it was asked on, and says on the same connection what came back.
 *
 * Request: a line, REVERSE_WORD and what the trace is to be like. Answer: a line that begins with
 * the same word and is filled with what the trace needs to send, and then record.h's lines; or
 * REVERSE_BUSY alone. Nobody is traced who has not completed a handshake, nothing is sent anywhere
 * but to them, and of all that ask only few at a time, and few a minute, get more than a line.
 */
#ifndef TRACEBOX_REVERSE_H
#define TRACEBOX_REVERSE_H

#include "probe/endpoint/serve.h"
#include "tracebox/trace.h"

#define REVERSE_WORD "mbkit-reverse/1 "
#define REVERSE_BUSY "mbkit-reverse/1 busy\n"

/* How traces are to be as asked for, and what of it is granted. */
void reverse_request(const struct trace_config *config, char line[static SERVE_LINE]);
bool reverse_parse(struct trace_config *config, const char *line);

struct reverse;

struct reverse *reverse_new(void);
void reverse_free(struct reverse *reverse);

/* The guest that it is, as long as it lives. */
struct serve_guest reverse_guest(struct reverse *reverse);

#endif
