/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command_target.h - whom a command talks to: "host", "host:port", "[addr]:port", and the address
 * that a name has.
 */
#ifndef PROBE_COMMAND_TARGET_H
#define PROBE_COMMAND_TARGET_H

#include "probe/base/err.h"
#include "probe/wire/addr.h"

#include <stdbool.h>

enum { TARGET_HOST = 256 };

/* An IPv6 address may stand by itself. port is set where the text has one. */
bool target_read(const char *text, char host[static TARGET_HOST], uint16_t *port, struct err *err);

/* An address of a version (4 or 6; 0: of either, 4 first), waited for. */
bool target_resolve(const char *host, uint8_t version, struct addr *addr, struct err *err);

#endif
