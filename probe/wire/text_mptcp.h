/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text_mptcp.h - MPTCP options in the notation. For text*.c alone.
 */
#ifndef PROBE_WIRE_TEXT_MPTCP_H
#define PROBE_WIRE_TEXT_MPTCP_H

#include "probe/base/err.h"
#include "probe/wire/mptcp.h"
#include "probe/wire/text_part.h"

/* "dss", "join syn"; behind them what the option says. */
void mptcp_print_name(struct out *out, const struct mptcp_opt *opt);
void mptcp_print_value(struct out *out, const struct mptcp_opt *opt);

/* Read what follows the word mptcp; false with a sentence. */
bool mptcp_read(struct word text, struct mptcp_opt *opt, struct err *err);

#endif
