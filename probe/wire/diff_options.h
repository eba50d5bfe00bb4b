/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diff_options.h - comparing the TCP options of two packets. For diff.c alone.
 */
#ifndef PROBE_WIRE_DIFF_OPTIONS_H
#define PROBE_WIRE_DIFF_OPTIONS_H

#include "probe/wire/diff.h"

/* Add one; lost when the list is full, which no two packets can make it. */
void changes_add(struct changes *changes, const struct change *change);

/* Both are TCP and the layers tell where their options are. */
void diff_options(struct changes *changes, const uint8_t *sent, const struct layers *sent_layers,
	const uint8_t *seen, const struct layers *seen_layers);

#endif
