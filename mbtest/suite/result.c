/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * result.c - from a judgement and the scenario's expectation to pass or fail, and the one sentence
 * that says why. What passes is defined by the contract of mbkit.result/1 and nowhere else but
 * here.
 */
#include "mbtest/suite/run.h"

#include <stdio.h>
#include <string.h>

static void add_report(struct rule_report *list, unsigned int *count, unsigned int rule,
	const struct rule_finding *finding)
{
	struct rule_report *report;

	if (*count == RESULT_RULES)
		return;
	report = &list[(*count)++];
	report->rule = (uint8_t)rule;
	report->end = (uint8_t)finding->end;
	report->packet = finding->packet;
	memcpy(report->why, finding->why, sizeof(report->why));
}

/* A choice that is a stack's own: MAY and open rows bind our endpoint only. */
static bool is_free_choice(const struct run_config *config, const struct rule_info *info,
	enum end end)
{
	return config->stack[end].kind != STACK_SIM &&
		(info->strength == RULE_OPEN || info->strength == RULE_MAY);
}

static void sort_findings(struct result *result, const struct run_config *config,
	const struct judgement *judgement)
{
	unsigned int i;

	for (i = 0; i < rule_count(); i++) {
		const struct rule_finding *finding = &judgement->rules[i];

		if (finding->state == RULE_NOT_EXERCISED)
			continue;
		result->rules_exercised[i / 64] |= (uint64_t)1 << i % 64;
		if (finding->state != RULE_BROKEN)
			continue;
		if (is_free_choice(config, rule_info(i), finding->end))
			add_report(result->differs, &result->differs_count, i, finding);
		else
			add_report(result->broken, &result->broken_count, i, finding);
	}
}

/* The first rule that the scenario names and nothing triggered, if that matters; rule_count(). */
static unsigned int idle_rule(const struct result *result, const struct scenario *scenario)
{
	unsigned int i, idle = rule_count();

	for (i = 0; i < scenario->rule_count; i++) {
		unsigned int rule = scenario->rules[i];

		if (!(result->rules_exercised[rule / 64] >> rule % 64 & 1))
			idle = idle == rule_count() ? rule : idle;
		else if (scenario->any_rule)
			return rule_count();
	}
	return idle;
}

/* Whether box, rules and second subflow did what the scenario is about; else says what did not. */
static bool was_exercised(const struct result *result, const struct scenario *scenario, char *text,
	size_t size)
{
	unsigned int idle = idle_rule(result, scenario);

	if (scenario->needs_box && result->box_idle) {
		snprintf(text, size, "not exercised: %s never acted", result->idle);
		return false;
	}
	if (idle < rule_count()) {
		snprintf(text, size, "not exercised: rule %s was never triggered",
			rule_info(idle)->name);
		return false;
	}
	if (scenario->second_carries && !(result->subflows_opened > 1 && result->second_carried)) {
		snprintf(text, size, "not exercised: %s",
			result->subflows_opened > 1 ? "the second subflow carried no data"
						    : "no second subflow opened");
		return false;
	}
	return true;
}

static bool is_expected(const struct result *result, const struct scenario *scenario)
{
	return scenario->expected >> result->outcome & 1;
}

static bool damage_allowed(const struct result *result, const struct scenario *scenario)
{
	if (result->damage == DAMAGE_NONE || result->damage == DAMAGE_BOX)
		return true;
	/* F28: no rule lets a receiver see it, so what it does to the bytes is not held against it.
	 */
	return result->outcome == OUTCOME_CORRUPT && is_expected(result, scenario);
}

/*
 * Intact as expected of the outcome that came. Where the rules allow an outcome that cuts a stream
 * beside others that do not, the cut may come before or after the last byte.
 */
static bool intact_expected(const struct result *result, const struct scenario *scenario)
{
	bool cut = result->outcome == OUTCOME_RESET || result->outcome == OUTCOME_REFUSED ||
		result->outcome == OUTCOME_CORRUPT;

	if (cut && is_expected(result, scenario) && scenario->expect_intact)
		return result->intact;
	return scenario->any_intact ? result->intact : scenario->expect_intact;
}

static void explain_failure(struct result *result, const struct scenario *scenario,
	const struct judgement *judgement)
{
	char *why = result->why;
	size_t size = sizeof(result->why);

	if (result->broken_count > 0) {
		const struct rule_report *report = &result->broken[0];

		/* What came of it in the end is told only where that is wrong as well. */
		snprintf(why, size, "%s broken by the %s at packet %u: %s%s%s",
			rule_info(report->rule)->name, end_text(report->end), report->packet,
			report->why, is_expected(result, scenario) ? "" : "; ",
			is_expected(result, scenario) ? "" : judgement->why);
	} else if (result->oddity != NET_REGULAR) {
		snprintf(why, size, "the network saw what must not be: %s",
			net_oddity_text(result->oddity));
	} else if (scenario->needs_box && result->box_idle) {
		snprintf(why, size, "not exercised: %s never acted; %s", result->idle,
			judgement->why);
	} else if (!is_expected(result, scenario)) {
		snprintf(why, size, "%s is not expected: %s", outcome_text(result->outcome),
			judgement->why);
	} else if (!damage_allowed(result, scenario)) {
		snprintf(why, size, "bytes %s: %s", damage_text(result->damage), judgement->why);
	} else if (result->intact != result->expect_intact) {
		snprintf(why, size, "streams %s: %s",
			result->intact ? "intact, against expectation" : "not intact",
			judgement->why);
	}
}

/* Who broke a rule that binds it; of a rule that both broke "broken" names but one. */
static void blame_for_rules(struct result *result, const struct run_config *config,
	const struct judgement *judgement)
{
	unsigned int i;
	enum end end;

	for (i = 0; i < rule_count(); i++)
		for (end = CLIENT; end < ENDS; end++)
			if (judgement->rules[i].of[end] == RULE_BROKEN &&
				!is_free_choice(config, rule_info(i), end))
				result->blamed[end] = true;
}

/* Whose fault a result is: who broke a rule; else, of what never passes, who owes the next step. */
static void find_blame(struct result *result, const struct scenario *scenario,
	const struct run_config *config, const struct judgement *judgement)
{
	enum end end;

	blame_for_rules(result, config, judgement);
	if (result->broken_count > 0 || is_expected(result, scenario))
		return;
	for (end = CLIENT; end < ENDS; end++) {
		const struct blame *blame = &judgement->blame[end];
		size_t used = strlen(result->why);

		if (!blame->is_at_fault)
			continue;
		result->blamed[end] = true;
		snprintf(result->why + used, sizeof(result->why) - used, "; the %s %s (packet %u)",
			end_text(end), blame->why, blame->packet);
	}
}

void result_settle(struct result *result, const struct scenario *scenario,
	const struct run_config *config, const struct judgement *judgement)
{
	char idle[sizeof(result->why)];
	bool right;

	result->outcome = judgement->outcome;
	result->intact = judgement->intact;
	result->damage = judgement->damage;
	result->subflows_opened = judgement->subflows_opened;
	result->second_carried = judgement->second_carried;
	sort_findings(result, config, judgement);
	snprintf(result->why, sizeof(result->why), "%s", judgement->why);
	result->expect_intact = intact_expected(result, scenario);
	right = is_expected(result, scenario) && result->intact == result->expect_intact &&
		damage_allowed(result, scenario) && result->broken_count == 0 &&
		result->oddity == NET_REGULAR;
	result->exercised = was_exercised(result, scenario, idle, sizeof(idle));
	result->pass = right && result->exercised;
	if (!right) {
		explain_failure(result, scenario, judgement);
		find_blame(result, scenario, config, judgement);
	} else if (!result->exercised) {
		memcpy(result->why, idle, sizeof(idle));
	}
}
