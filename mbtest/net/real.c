/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * real.c - the same events on the real clock: what is due is run, packets that devices hold are
 * taken in, and between the two the process sleeps.
 */
#include "mbtest/net/node.h"

#include <poll.h>
#include <sys/prctl.h>
#include <time.h>

enum { ASK_DONE_MS = 5 }; /* what done looks at may change without a packet */

struct sources {
	struct pollfd polls[ENDS * NET_PATHS + 1]; /* the last: what done looks at, or nothing */
	struct node *nodes[ENDS * NET_PATHS];
	uint16_t indexes[ENDS * NET_PATHS];
	nfds_t count;
};

nsec_t net_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (nsec_t)now.tv_sec * NSEC_PER_SEC + (nsec_t)now.tv_nsec;
}

static nsec_t real_now(const struct net *net)
{
	return net_clock() - net->origin;
}

static void sources_collect(struct net *net, struct sources *sources)
{
	const int *fds;
	uint16_t count, i;
	size_t end;

	sources->count = 0;
	for (end = 0; end < ENDS; end++) {
		count = edge_fds(net->edges[end], &fds);
		for (i = 0; i < count; i++) {
			sources->polls[sources->count] = (struct pollfd){ fds[i], POLLIN, 0 };
			sources->nodes[sources->count] = net->edges[end];
			sources->indexes[sources->count++] = i;
		}
	}
}

/* Take in what the devices hold; whether there was any. */
static bool read_all(const struct sources *sources)
{
	unsigned int count = 0;
	nfds_t i;

	for (i = 0; i < sources->count; i++) {
		if (sources->polls[i].revents != 0)
			count += edge_read(sources->nodes[i], sources->indexes[i]);
	}
	return count > 0;
}

/* Run what is due; true when done said so. */
static bool run_due(struct net *net, nsec_t limit, bool (*done)(void *self), void *self)
{
	const struct event *next;

	while ((next = event_peek(&net->queue)) != NULL && next->at <= limit && !net->failed) {
		if (net_step(net) && done != NULL && !net->failed && done(self))
			return true;
	}
	return false;
}

static void sleep_until(struct net *net, struct sources *sources, nsec_t at, bool is_short)
{
	nsec_t now = real_now(net), wait = at > now ? at - now : 0;
	struct timespec timeout;

	sources->polls[sources->count] = (struct pollfd){ net->watch, POLLIN, 0 };
	if (is_short)
		wait = nsec_min(wait, ASK_DONE_MS * NSEC_PER_MS);
	timeout.tv_sec = (time_t)(wait / NSEC_PER_SEC);
	timeout.tv_nsec = (long)(wait % NSEC_PER_SEC);
	if (ppoll(sources->polls, sources->count + 1, &timeout, NULL) <= 0) {
		nfds_t i;

		for (i = 0; i < sources->count; i++)
			sources->polls[i].revents = 0;
	}
}

enum net_stop net_run_real(struct net *net, nsec_t until, bool (*done)(void *self), void *self)
{
	const struct event *next;
	struct sources sources;
	nsec_t now;

	/* Sleep to the moment, not to one within 50 us of it. */
	prctl(PR_SET_TIMERSLACK, 1);
	sources_collect(net, &sources);
	for (;;) {
		now = nsec_min(real_now(net), until);
		if (run_due(net, now, done, self))
			return NET_STOPPED;
		if (net->failed)
			return NET_FAILED;
		if (net->now < now)
			net->now = now;
		if (now >= until)
			return NET_DEADLINE;
		next = event_peek(&net->queue);
		sleep_until(net, &sources, next != NULL ? nsec_min(next->at, until) : until,
			done != NULL && net->watch < 0);
		/* Packets bear the time they were found at, not that of the last event. */
		now = nsec_min(real_now(net), until);
		if (run_due(net, now, done, self))
			return NET_STOPPED;
		if (net->now < now)
			net->now = now;
		if (!read_all(&sources) && done != NULL && !net->failed && done(self))
			return NET_STOPPED;
	}
}
