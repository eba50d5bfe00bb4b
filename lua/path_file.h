/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * path_file.h - a path in a Lua file of its own, as tracebox --sim and mbtest pcap take it, in the
 * words of suites:
 *
 *   return path { hop {}, box.strip { kind = 30 }, hop { quote = "rfc792" }, server = "mptcp" }
 *
 * server says what stands at the end: "mptcp" (both versions; the default), "tcp", "closed", or
 * "silent". paths { path { ... }, path { ... }, server = ... } are several side by side. A suite
 * file serves, too: the paths of its first scenario, one behind the other.
 */
#ifndef LUA_PATH_FILE_H
#define LUA_PATH_FILE_H

#include "mbtest/suite/scenario.h"
#include "probe/base/err.h"

struct path_file;

/* With no more paths than most. NULL with a sentence that names file and line. */
struct path_file *path_file_load(const char *file, unsigned int most, struct err *err);
void path_file_free(struct path_file *path);

/* The first of an array, and how many there are: 1 or more. */
const struct path_plan *path_file_plan(const struct path_file *path);
unsigned int path_file_count(const struct path_file *path);
enum path_server path_file_server(const struct path_file *path);

#endif
