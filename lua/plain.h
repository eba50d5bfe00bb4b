/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plain.h - what the words of a box's file show before it has run. Most boxes are a table of short
 * functions; of those it can be known that a call of them ends, and that none keeps a packet, so
 * that neither has to be watched while packets pass.
 */
#ifndef LUA_PLAIN_H
#define LUA_PLAIN_H

#include <stdbool.h>
#include <stddef.h>

struct plain {
	/*
	 * The file is "return { ... }", and in it are no loops and no functions but init, packet
	 * and wake of this table: as long as these do not call each other, a call of one takes no
	 * more instructions than SCRIPT_STEPS_BOX.
	 */
	bool ends;
	/*
	 * And all that is done with the second argument, the packet, is to read and write its
	 * fields and call its methods.
	 */
	bool lets_go;
};

/* Of a text that is known to be a Lua program. */
struct plain plain_read(const char *text, size_t length);

#endif
