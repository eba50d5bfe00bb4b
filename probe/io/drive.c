/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/io/drive.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

/*
 * When looks follow each other at once for so long, many packets are under way, and it is cheaper
 * to look now and then. What is measured does not suffer: the kernel notes when packets come.
 */
enum {
	BUSY_LOOKS = 100,
	NAP_US = 2000,
	AGE_MAX_MS = 1000, /* no packet has waited for longer */
	BLIND_US = 1000,
};

static nsec_t clock_read(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (nsec_t)now.tv_sec * NSEC_PER_SEC + (nsec_t)now.tv_nsec;
}

/* Time since origin. */
static nsec_t drive_now(const struct drive *drive)
{
	return clock_read(CLOCK_MONOTONIC) - drive->origin;
}

void drive_start(struct drive *drive)
{
	drive->origin = clock_read(CLOCK_MONOTONIC);
}

static struct timespec duration(nsec_t time)
{
	return (struct timespec){ .tv_sec = (time_t)(time / NSEC_PER_SEC),
		.tv_nsec = (long)(time % NSEC_PER_SEC) };
}

static void keep(const struct drive *drive, nsec_t now, bool outgoing)
{
	if (drive->record != NULL)
		capture_add(drive->record, drive->packet, now, 0, outgoing);
}

/*
 * The time that a machine is told: not much later than packets were last looked for. Whoever did
 * not run for a while would give up answers that wait to be read.
 */
static nsec_t machine_now(const struct drive *drive, nsec_t looked_at)
{
	return nsec_min(drive_now(drive), looked_at + BLIND_US * NSEC_PER_US);
}

/* Each returns how many there were; -1 with a sentence. */
static int send_all(struct drive *drive, struct machine machine, nsec_t looked_at, struct err *err)
{
	nsec_t now = machine_now(drive, looked_at);
	int count = 0;

	for (; machine.ops->output(machine.self, drive->packet, now); count++) {
		if (!inject_send(drive->inject, drive->packet, err) && !drive->lossy)
			return -1;
		keep(drive, now, true);
		now = machine_now(drive, looked_at);
	}
	return count;
}

/* The time a packet came; what the kernel noted is by another clock, which may have been set. */
static nsec_t arrival(nsec_t noted, nsec_t day, nsec_t now)
{
	nsec_t age = day - noted;

	return noted != 0 && noted <= day && age <= AGE_MAX_MS * NSEC_PER_MS && age <= now
		? now - age
		: now;
}

static int receive_all(struct drive *drive, struct machine machine)
{
	nsec_t day = clock_read(CLOCK_REALTIME), now = drive_now(drive);
	int count = 0;

	for (; sniffer_read(drive->sniffer, drive->packet); count++) {
		nsec_t at = arrival(drive->packet->at, day, now);

		keep(drive, at, false);
		machine.ops->input(machine.self, drive->packet, at);
	}
	return count;
}

/* Wait for a packet, a name, whoever wakes us, or the moment until. */
static bool wait_until(const struct drive *drive, nsec_t until, struct err *err)
{
	struct pollfd watch[2 + NAMES_FDS] = { { .fd = sniffer_fd(drive->sniffer),
						       .events = POLLIN },
		{ .fd = drive->wake, .events = POLLIN } };
	nsec_t now = drive_now(drive), pause = until > now ? until - now : 0;
	nfds_t count = 2;
	struct timespec left;

	if (until == NSEC_NEVER)
		pause = NSEC_NEVER;
	if (drive->names != NULL) {
		count += names_fds(drive->names, watch + count);
		pause = nsec_min(pause, names_pause(drive->names));
	}
	left = duration(pause);
	if (ppoll(watch, count, pause == NSEC_NEVER ? NULL : &left, NULL) < 0 && errno != EINTR)
		return err_set_errno(err, "cannot wait for packets");
	if (watch[0].revents & (POLLERR | POLLHUP | POLLNVAL))
		return err_set(err, "the interface that is captured on has gone");
	return true;
}

/* What would be done packet by packet is done for all those of a while. */
static void nap(const struct drive *drive, nsec_t looked_at)
{
	nsec_t now = drive_now(drive), end = looked_at + NAP_US * NSEC_PER_US;
	struct timespec left = duration(end - now);

	if (end > now)
		clock_nanosleep(CLOCK_MONOTONIC, 0, &left, NULL);
}

bool drive_run(struct drive *drive, struct machine machine, bool (*done)(void *self), void *self,
	struct err *err)
{
	unsigned int busy = 0; /* looks in a row that found something to do */

	for (;;) {
		nsec_t looked_at = drive_now(drive);
		int received = receive_all(drive, machine), sent;

		if (drive->names != NULL)
			names_work(drive->names);
		sent = send_all(drive, machine, looked_at, err);
		if (sent < 0)
			return false;
		if (done(self))
			return true;
		busy = received + sent > 0 ? busy + 1 : 0;
		if (busy > BUSY_LOOKS)
			nap(drive, looked_at);
		else if (!wait_until(drive, machine.ops->deadline(machine.self), err))
			return false;
	}
}
