/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compat.h - the original tracebox's list of changes of a hop: its names for layers and fields, its
 * order, and what routers must change included. Right where the original was wrong: only bytes that
 * came back are compared, version 1 of MPTCP is read as such, and an answer of the destination is
 * no changed probe.
 */
#ifndef TRACEBOX_COMPAT_H
#define TRACEBOX_COMPAT_H

#include "tracebox/view.h"

enum { COMPAT_CHANGES = 64, COMPAT_TEXT = 2048, COMPAT_VALUE = 64 };

enum compat_kind {
	COMPAT_FIELD, /* a field differs; field NULL: the layer's content does */
	COMPAT_ADDED,
	COMPAT_REMOVED,
};

struct compat_change {
	enum compat_kind kind;
	const char *layer, *field;
	char expected[COMPAT_VALUE], received[COMPAT_VALUE]; /* COMPAT_FIELD */
	int id;               /* of the layer, for compat_layer_text */
	const uint8_t *bytes; /* of the layer that was added or removed; the view's */
	uint32_t length;      /* of them, as far as known */
};

struct compat_changes {
	size_t count;
	struct compat_change list[COMPAT_CHANGES];
};

/* In the original's order. */
void compat_list(struct compat_changes *changes, const struct hop_view *view);

/* Whether the quote ends within the TCP header. */
bool compat_is_partial(const struct hop_view *view);

/*
 * A layer that was added or removed, field by field: "< TCPOptionPad (1 bytes) :: Kind = 1 , >";
 * returns buf.
 */
const char *compat_layer_text(const struct compat_change *change, char buf[static COMPAT_TEXT]);

/* " [PARTIAL] TCP::WindowsSize +TCPOptionPad "; returns buf. */
const char *compat_text(const struct hop_view *view, char buf[static COMPAT_TEXT]);

#endif
