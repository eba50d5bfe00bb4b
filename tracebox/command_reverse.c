/* SPDX-License-Identifier: BSD-2-Clause */
#include "tracebox/command_reverse.h"

#include "probe/base/alloc.h"
#include "probe/endpoint/client.h"
#include "probe/io/interrupt.h"
#include "tracebox/reverse.h"

#include <stdlib.h>
#include <string.h>

/* A segment that the far end withholds is all that is heard of it meanwhile. */
enum { PATIENCE_S = 30 };

struct talk {
	struct reverse_run *run;
	char request[SERVE_LINE];
	int wake;
};

static void fill(void *self, uint64_t offset, uint8_t *bytes, size_t length)
{
	memcpy(bytes, ((struct talk *)self)->request + offset, length);
}

/* Whether the last line is there: with a path that takes DATA_FINs away, that is all there is. */
static bool is_complete(const struct reverse_run *run)
{
	size_t length = strlen(RECORD_END);

	for (size_t at = run->length; at-- > 0 && run->length - at < RECORD_LAST_LINE;)
		if (run->text[run->length - 1] == '\n' && run->length - at >= length &&
			memcmp(run->text + at, RECORD_END, length) == 0)
			return true;
	return false;
}

/* What is too much is not kept, and then is not as it was written. */
static void take(void *self, uint64_t offset, const uint8_t *bytes, size_t length)
{
	struct reverse_run *run = ((struct talk *)self)->run;

	(void)offset;
	if (length > RECORD_BYTES - run->length)
		length = RECORD_BYTES - run->length;
	memcpy(run->text + run->length, bytes, length);
	run->length += length;
	if (is_complete(run))
		client_finish(run->client);
}

static bool is_done(void *self)
{
	const struct talk *talk = self;

	if (talk->wake >= 0 && interrupt_came(talk->wake))
		client_stop(talk->run->client);
	return client_done(talk->run->client);
}

static bool begins(const struct reverse_run *run, const char *word)
{
	size_t length = strlen(word);

	return run->length >= length && memcmp(run->text, word, length) == 0;
}

/* From what came to a result, or to why there is none. */
static const char *read_answer(struct reverse_run *run)
{
	const char *line = memchr(run->text, '\n', run->length);
	struct client_result result;
	size_t first;

	client_result(run->client, &result);
	if (result.info.end == END_REFUSED || result.info.end == END_UNANSWERED)
		return "no further connection is accepted";
	if (begins(run, REVERSE_BUSY))
		return "the server has too many to trace, or does not trace like that";
	if (!begins(run, REVERSE_WORD) || line == NULL)
		return "the server is no mpprobe serve, or its answer does not arrive";
	first = (size_t)(line + 1 - run->text);
	if (!record_read(&run->record, run->text + first, run->length - first))
		return "the server's answer does not arrive as it was sent";
	run->record.info.end = result.info.end;
	return NULL;
}

bool command_reverse(const struct established_plan *plan, struct reverse_run *run, struct err *err)
{
	struct talk talk = { .run = run, .wake = plan->wake };
	struct client_config config = { .stream = { .fill = fill, .take = take, .self = &talk },
		.peer_ends_first = true,
		.patience = PATIENCE_S * NSEC_PER_SEC };

	memset(run, 0, sizeof(*run));
	if (!live_end_init(&run->end, plan, "reverse", err))
		return false;
	reverse_request(&plan->options->trace, talk.request);
	config.stream.length = strlen(talk.request);
	config.endpoint = run->end.endpoint;
	config.local = run->end.local;
	config.remote = run->end.remote;
	run->text = xmalloc(RECORD_BYTES);
	run->client = client_new(&config, err);
	if (run->client == NULL ||
		!plan->channel->ops->run(plan->channel->self, run->end.like,
			client_machine(run->client), is_done, &talk, err)) {
		command_reverse_fini(run);
		return false;
	}
	run->unknown = read_answer(run);
	if (run->unknown == NULL)
		joined_init(&run->joined, run->record.parts, run->record.part_count,
			&run->record.info);
	for (size_t i = 0; i < run->joined.result.finding_count; i++)
		run->joined.result.findings[i].is_reverse = true;
	return true;
}

void command_reverse_fini(struct reverse_run *run)
{
	joined_fini(&run->joined);
	record_fini(&run->record);
	client_free(run->client);
	live_end_fini(&run->end);
	free(run->text);
}
