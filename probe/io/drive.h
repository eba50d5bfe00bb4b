/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * drive.h - any machine on the real network: the one loop that owns a clock. Sends what the machine
 * hands out, hands in what was captured, and waits for whichever comes first, a packet or the
 * machine's deadline; or for whoever else wants to be heard.
 */
#ifndef PROBE_IO_DRIVE_H
#define PROBE_IO_DRIVE_H

#include "probe/io/inject.h"
#include "probe/io/names.h"
#include "probe/io/sniffer.h"
#include "probe/machine.h"
#include "probe/wire/capture.h"

struct drive {
	struct inject *inject;
	struct sniffer *sniffer;
	struct names *names;    /* looked for meanwhile; may be NULL */
	struct capture *record; /* what was sent and received; may be NULL */
	struct packet *packet;  /* room for one, PACKET_LARGE */
	bool lossy;             /* what the kernel refuses to send is lost, as on any path */
	int wake;               /* ends a pause when it is readable; -1: none */
	nsec_t origin;          /* reading of the clock at time 0 */
};

/* Time is counted from now on. */
void drive_start(struct drive *drive);

/*
 * Run until done says so; it is asked after every pause, packets handed in and out. Unless lossy, a
 * packet that the kernel refuses to send ends the run with false and a sentence.
 */
bool drive_run(struct drive *drive, struct machine machine, bool (*done)(void *self), void *self,
	struct err *err);

#endif
