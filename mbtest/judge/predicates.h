/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * predicates.h - one predicate a rule, by topic. Each looks at one host: what it received, then
 * what it sent, what its application got. They run only when that host's tap holds a connection.
 */
#ifndef MBTEST_JUDGE_PREDICATES_H
#define MBTEST_JUDGE_PREDICATES_H

#include "mbtest/judge/scene.h"

/* rules_handshake.c */
rule_predicate rule_f1, rule_f2, rule_f3, rule_f4, rule_f5, rule_f6, rule_f7, rule_f7a, rule_f7b,
	rule_f7c, rule_f7d, rule_f7e, rule_f7f;

/* rules_data.c */
rule_predicate rule_f8, rule_f8a, rule_f9, rule_f9a, rule_f9b, rule_f10, rule_f11, rule_f12,
	rule_f15, rule_f16, rule_f17, rule_f18, rule_f19, rule_f20;

/* rules_checksum.c */
rule_predicate rule_f13, rule_f14, rule_f21, rule_f22, rule_f23, rule_f24, rule_f25, rule_f26,
	rule_f27, rule_f28;

/* rules_infinite.c */
rule_predicate rule_f29, rule_f30, rule_f31, rule_f32, rule_f33, rule_f34;

/* rules_join.c */
rule_predicate rule_f35, rule_f36, rule_f37, rule_f38, rule_f39, rule_f40, rule_f41, rule_f42,
	rule_f43, rule_f44;

/* rules_mapping.c */
rule_predicate rule_f45, rule_f46, rule_f47, rule_f48, rule_f49, rule_f50, rule_f51, rule_f52,
	rule_f53, rule_f54, rule_f55, rule_f56;

/* rules_signal.c */
rule_predicate rule_f60, rule_f62;

/* rules_loss.c */
rule_predicate rule_f63, rule_f64;

/* rules_told.c */
rule_predicate rule_f57, rule_f58, rule_f59, rule_f61;

/* rules_left.c */
rule_predicate rule_o7, rule_o10, rule_o11;

/* rules_open.c */
rule_predicate rule_o1, rule_o2, rule_o3, rule_o4, rule_o5, rule_o6, rule_o8, rule_o9, rule_o12,
	rule_o13, rule_o14, rule_o15, rule_o16, rule_o17, rule_o18;

/* The predicate of a row of the table; NULL when it has none yet. */
rule_predicate *rule_predicate_at(unsigned int index);

/* ---- shared between topics ---- */

/* First ACK for data that came without DATA_ACK after DATA_ACKs had come; how many such. */
uint32_t bare_acks_later(const struct scene *scene, const struct subflow_view *subflow,
	unsigned int *count);

/* Beside this subflow another may carry data at fact index: established (F42), not closed by this
 * host, with nothing under way on it. */
bool has_idle_other(const struct scene *scene, const struct subflow_view *subflow, uint32_t index);

/* The MP_FAIL of a fact names data that this host has sent; else it is mirrored, or edited (O18).
 */
bool fail_names_own(const struct scene *scene, uint32_t index);

/* A REMOVE_ADDR that went this way by then names the subflow's address at its sender (3.4.2). */
bool subflow_is_withdrawn(const struct scene *scene, const struct subflow_view *subflow,
	enum way way, nsec_t then);

/* Last sending of bytes that were never acknowledged nor sent again for long; VIEW_NONE. */
uint32_t sent_and_forgotten(const struct scene *scene, const struct subflow_view *subflow);

#endif
