/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dir.h - the two directions of a path and the two ends of a connection.
 */
#ifndef MBTEST_DIR_H
#define MBTEST_DIR_H

enum dir {
	TO_SERVER,
	TO_CLIENT,
	DIRS,
};

enum end {
	CLIENT,
	SERVER,
	ENDS,
};

static inline enum dir dir_opposite(enum dir dir)
{
	return dir == TO_SERVER ? TO_CLIENT : TO_SERVER;
}

static inline enum end end_opposite(enum end end)
{
	return end == CLIENT ? SERVER : CLIENT;
}

/* "client", "server". */
static inline const char *end_text(enum end end)
{
	return end == CLIENT ? "client" : "server";
}

#endif
