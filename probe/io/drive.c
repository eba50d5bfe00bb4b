/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/io/drive.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

static nsec_t clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (nsec_t)now.tv_sec * NSEC_PER_SEC + (nsec_t)now.tv_nsec;
}

nsec_t drive_now(const struct drive *drive)
{
	return clock_now() - drive->origin;
}

void drive_start(struct drive *drive)
{
	drive->origin = clock_now();
}

static void keep(const struct drive *drive, nsec_t now, bool outgoing)
{
	if (drive->record != NULL)
		capture_add(drive->record, drive->packet, now, 0, outgoing);
}

static bool send_all(struct drive *drive, struct machine machine, struct err *err)
{
	nsec_t now = drive_now(drive);

	while (machine.ops->output(machine.self, drive->packet, now)) {
		if (!inject_send(drive->inject, drive->packet, err))
			return false;
		keep(drive, now, true);
		now = drive_now(drive);
	}
	return true;
}

static void receive_all(struct drive *drive, struct machine machine)
{
	while (sniffer_read(drive->sniffer, drive->packet)) {
		nsec_t now = drive_now(drive);

		keep(drive, now, false);
		machine.ops->input(machine.self, drive->packet, now);
	}
}

/* Wait for a packet or the moment until. */
static bool wait_until(const struct drive *drive, nsec_t until, struct err *err)
{
	struct pollfd watch = { .fd = sniffer_fd(drive->sniffer), .events = POLLIN };
	struct timespec left = { 0 };
	nsec_t now = drive_now(drive), pause = until > now ? until - now : 0;

	left.tv_sec = (time_t)(pause / NSEC_PER_SEC);
	left.tv_nsec = (long)(pause % NSEC_PER_SEC);
	if (ppoll(&watch, 1, until == NSEC_NEVER ? NULL : &left, NULL) < 0 && errno != EINTR)
		return err_set_errno(err, "cannot wait for packets");
	if (watch.revents & (POLLERR | POLLHUP | POLLNVAL))
		return err_set(err, "the interface that is captured on has gone");
	return true;
}

bool drive_run(struct drive *drive, struct machine machine, bool (*done)(void *self), void *self,
	struct err *err)
{
	for (;;) {
		if (!send_all(drive, machine, err))
			return false;
		if (done(self))
			return true;
		if (!wait_until(drive, machine.ops->deadline(machine.self), err))
			return false;
		receive_all(drive, machine);
	}
}
