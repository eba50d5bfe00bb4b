/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * outside.h - a network with an open end: what reaches the server's end leaves it, and what comes
 * from the world behind it enters there. The whole is a machine, on the virtual clock, for whoever
 * drives machines on a real network.
 */
#ifndef MBTEST_NET_OUTSIDE_H
#define MBTEST_NET_OUTSIDE_H

#include "mbtest/net/net.h"

struct outside;

/* The network is borrowed, and its server's end taken. */
struct outside *outside_new(struct net *net);
void outside_free(struct outside *outside);

/* Packets by the address plan of net.h. */
struct machine outside_machine(struct outside *outside);

#endif
