/* SPDX-License-Identifier: BSD-2-Clause */
#include "tracebox/reverse.h"

#include "probe/base/alloc.h"
#include "tracebox/established.h"
#include "tracebox/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	NUMBERS = 6,      /* in a request */
	AT_A_TIME = 4,    /* traces */
	BURST = 16,       /* traces that may begin at once, and then ... */
	REFILL_S = 2,     /* ... one in so many seconds */
	RATE_MOST = 1000, /* packets of one trace a second */
};

struct reverse {
	unsigned int open, allowed;
	nsec_t refilled_at;
};

/* One connection. */
struct visit {
	struct reverse *reverse; /* among whose traces it counts; NULL: no more */
	struct endpoint *endpoint;
	struct conn *conn;
	struct established *established; /* NULL: busy */
	struct machine machine;          /* its, or the endpoint's */
	uint8_t *stream;
	struct json_text answer;
	const char *text; /* the whole answer, that one or another; NULL: not yet */
	size_t length, told;
	bool is_shut;
};

struct reverse *reverse_new(void)
{
	struct reverse *reverse = xcalloc(1, sizeof(*reverse));

	reverse->allowed = BURST;
	return reverse;
}

void reverse_free(struct reverse *reverse)
{
	free(reverse);
}

/* ---- the request ---- */

void reverse_request(const struct trace_config *config, char line[static SERVE_LINE])
{
	snprintf(line, SERVE_LINE, REVERSE_WORD "%u %u %u %u %u %u\n", config->first_ttl,
		config->last_ttl, config->probes, config->retries, config->silent_limit,
		config->rate);
}

static unsigned int at_most(unsigned long value, unsigned long most)
{
	return (unsigned int)(value < most ? value : most);
}

bool reverse_parse(struct trace_config *config, const char *line)
{
	unsigned long numbers[NUMBERS];
	char *end;

	if (strncmp(line, REVERSE_WORD, strlen(REVERSE_WORD)) != 0)
		return false;
	line += strlen(REVERSE_WORD);
	for (int i = 0; i < NUMBERS; i++, line = end) {
		numbers[i] = strtoul(line, &end, 10);
		if (*line < '0' || *line > '9' || *end != (i + 1 < NUMBERS ? ' ' : '\0'))
			return false;
		end += i + 1 < NUMBERS;
	}
	trace_config_default(config);
	config->first_ttl = (uint8_t)at_most(numbers[0], UINT8_MAX);
	config->last_ttl = (uint8_t)at_most(numbers[1], UINT8_MAX);
	config->probes = at_most(numbers[2], TRACE_ATTEMPTS);
	config->retries = at_most(numbers[3], TRACE_ATTEMPTS);
	config->silent_limit = at_most(numbers[4], UINT8_MAX);
	config->rate = at_most(numbers[5], RATE_MOST);
	return config->first_ttl > 0 && config->first_ttl <= config->last_ttl &&
		config->probes > 0 && config->rate > 0 &&
		(config->probes + config->retries) * (config->last_ttl + 1u) <= ESTABLISHED_NUMBERS;
}

/* Whether one more trace may begin. */
static bool is_granted(struct reverse *reverse, nsec_t now)
{
	nsec_t step = REFILL_S * NSEC_PER_SEC;

	for (; reverse->allowed < BURST && now >= reverse->refilled_at + step;
		reverse->refilled_at += step)
		reverse->allowed++;
	if (reverse->allowed == BURST)
		reverse->refilled_at = now;
	if (reverse->open == AT_A_TIME || reverse->allowed == 0)
		return false;
	reverse->allowed--;
	reverse->open++;
	return true;
}

/* ---- the answer ---- */

/* A line: no byte of it looks like the end of one. */
static uint8_t *make_stream(size_t length)
{
	static const char word[] = REVERSE_WORD;
	uint8_t *stream = xmalloc(length);

	for (size_t i = 0; i < length; i++)
		stream[i] = (uint8_t)(i < strlen(word) ? word[i] : 'a' + (char)(i % 26));
	stream[length - 1] = '\n';
	return stream;
}

static void make_answer(struct visit *visit)
{
	const struct established_part *parts;
	struct conn_info info;
	size_t count;

	count = established_parts(visit->established, &parts);
	established_info(visit->established, &info);
	record_write(&visit->answer, parts, count, &info);
	visit->text = visit->answer.bytes;
	visit->length = visit->answer.used;
}

/* Somebody else's trace may begin. */
static void leave(struct visit *visit)
{
	if (visit->reverse != NULL)
		visit->reverse->open--;
	visit->reverse = NULL;
}

/* As much of the answer as there is room for; the connection ends with its last byte. */
static void tell(struct visit *visit)
{
	if (visit->is_shut)
		return;
	if (visit->text == NULL && established_rests(visit->established))
		make_answer(visit);
	if (visit->text == NULL)
		return;
	visit->told +=
		conn_write(visit->conn, visit->text + visit->told, visit->length - visit->told);
	if (visit->told < visit->length)
		return;
	conn_shutdown(visit->conn);
	visit->is_shut = true;
	leave(visit);
}

/* ---- as a machine ---- */

static void visit_input(void *self, const struct packet *packet, nsec_t now)
{
	struct visit *visit = self;

	visit->machine.ops->input(visit->machine.self, packet, now);
}

static bool visit_output(void *self, struct packet *packet, nsec_t now)
{
	struct visit *visit = self;
	size_t told;

	tell(visit);
	if (visit->machine.ops->output(visit->machine.self, packet, now))
		return true;
	/* The trace may have come to its end just now. */
	told = visit->told;
	tell(visit);
	return visit->told > told && visit->machine.ops->output(visit->machine.self, packet, now);
}

static nsec_t visit_deadline(const void *self)
{
	const struct visit *visit = self;

	return visit->machine.ops->deadline(visit->machine.self);
}

static void begin_trace(struct visit *visit, struct established_config *config)
{
	struct conn_info info;

	conn_info(visit->conn, &info);
	config->endpoint = visit->endpoint;
	config->conn = visit->conn;
	config->local = info.subflows[0].local;
	config->remote = info.subflows[0].remote;
	config->stays_open = true;
	config->stream = visit->stream = make_stream(established_stream_length(&config->trace));
	visit->established = established_new(config);
	visit->machine = established_machine(visit->established);
}

static struct machine visit_begin(void *self, struct endpoint *endpoint, struct conn *conn,
	const char *line, nsec_t now)
{
	static const struct machine_ops ops = { visit_input, visit_output, visit_deadline };
	struct established_config config = { .stream = NULL };
	struct reverse *reverse = self;
	struct visit *visit = xcalloc(1, sizeof(*visit));

	visit->endpoint = endpoint;
	visit->conn = conn;
	visit->machine = endpoint_machine(endpoint);
	json_text_init(&visit->answer);
	if (reverse_parse(&config.trace, line) && is_granted(reverse, now)) {
		visit->reverse = reverse;
		begin_trace(visit, &config);
	} else {
		visit->text = REVERSE_BUSY;
		visit->length = strlen(REVERSE_BUSY);
	}
	return (struct machine){ &ops, visit };
}

static void visit_end(void *self)
{
	struct visit *visit = self;

	leave(visit);
	established_free(visit->established);
	json_text_fini(&visit->answer);
	free(visit->stream);
	free(visit);
}

struct serve_guest reverse_guest(struct reverse *reverse)
{
	return (struct serve_guest){ .word = REVERSE_WORD,
		.self = reverse,
		.begin = visit_begin,
		.end = visit_end };
}
