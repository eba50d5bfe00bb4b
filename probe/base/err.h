/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * err.h - environment errors: one sentence a user understands, passed up to main, which alone
 * prints it. Programmer errors assert; what a peer does is a value, never an error.
 */
#ifndef PROBE_BASE_ERR_H
#define PROBE_BASE_ERR_H

#include <stdbool.h>

struct err {
	char text[512];
};

/* Store a sentence (no final newline); always returns false, so "return err_set(...)" reads well.
 */
bool err_set(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* As err_set, followed by ": " and the text of errno as it stands on entry. */
bool err_set_errno(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
