/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command_stacks.c - see command_stacks.h.
 */
#include "mbtest/command_stacks.h"

#include "mbtest/suite/build.h"
#include "probe/command_target.h"
#include "probe/endpoint/profile.h"
#include "probe/options.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool parse_remote(struct stack *stack, enum end end, const char *text, struct err *err)
{
	char host[TARGET_HOST];

	if (end == CLIENT)
		return err_set(err, "remote:%s can only be a server", text);
	stack->kind = STACK_REMOTE;
	stack->remote.port = 0;
	if (!target_read(text, host, &stack->remote.port, err))
		return false;
	if (stack->remote.port == 0)
		return err_set(err, "remote:%s names no port: remote:HOST:PORT", text);
	return target_resolve(host, 0, &stack->remote.addr, err);
}

bool stack_parse(struct stack *stack, enum end end, const char *text, struct err *err)
{
	/* What has a colon goes another way: it is here for the sentence that lists all. */
	static const char *const names[ENDS][5] = {
		[CLIENT] = { "sim", "kernel", "sim:PROFILE", NULL },
		[SERVER] = { "sim", "kernel", "sim:PROFILE", "remote:HOST:PORT", NULL },
	};
	unsigned int kind = 0;

	stack->profile = NULL;
	snprintf(stack->name, sizeof(stack->name), "%s", text);
	if (strncmp(text, "remote:", 7) == 0)
		return parse_remote(stack, end, text + 7, err);
	if (strncmp(text, "sim:", 4) == 0)
		stack->profile = profile_find(text + 4);
	if (strncmp(text, "sim:", 4) == 0 && stack->profile == NULL)
		return err_set(err,
			"there is no profile %s: they are uclouvain, swinburne, anon, "
			"citrix",
			text + 4);
	if (stack->profile == NULL &&
		!parse_choice(end == CLIENT ? "--client" : "--server", text, names[end], &kind,
			err))
		return false;
	stack->kind = kind == 0 ? STACK_SIM : STACK_KERNEL;
	return true;
}

/* Of two cases one: told in one sentence, an error when the other is not asked for. */
static bool leave_out(unsigned int *cases, unsigned int which, const char *what, const char *who,
	const char *speaks, struct err *err)
{
	if ((*cases & which) == 0)
		return true;
	*cases &= ~which;
	if (*cases == 0)
		return err_set(err, "nothing is left to run: %s speaks %s only", who, speaks);
	fprintf(stderr, "mbtest: %s is left out: %s speaks %s only\n", what, who, speaks);
	return true;
}

static bool check_profile(const struct stack *stack, struct suite_cases *cases, struct err *err)
{
	if (stack->profile == NULL)
		return true;
	if (!leave_out(&cases->versions, CASE_ON, "MPTCP v1", stack->name, "v0", err))
		return false;
	return stack->profile->has_ipv6 ||
		leave_out(&cases->families, CASE_IP6, "IPv6", stack->name, "IPv4", err);
}

/* A kernel has its version; a server elsewhere its address. */
static bool check_real(const struct run_config *run, struct suite_cases *cases, struct err *err)
{
	const struct addr *addr = &run->stack[SERVER].remote.addr;

	if (run_is_remote(run)) {
		if (run->stack[CLIENT].kind != STACK_SIM)
			return err_set(err, "the client of %s can only be our endpoint: sim",
				run->stack[SERVER].name);
		cases->families = addr->version == 4 ? CASE_IP4 : CASE_IP6;
		return true;
	}
	return leave_out(&cases->versions, CASE_OFF, "MPTCP v0", "the kernel", "v1", err);
}

bool stacks_check(const struct run_config *run, struct suite_cases *cases, struct err *err)
{
	if (!check_profile(&run->stack[CLIENT], cases, err) ||
		!check_profile(&run->stack[SERVER], cases, err))
		return false;
	if (!run_is_live(run))
		return true;
	if (geteuid() != 0)
		return err_set(err,
			run_is_remote(run) ? "a server elsewhere needs root: raw sockets are used"
					   : "a kernel stack needs root: network namespaces are "
					     "made for it");
	return check_real(run, cases, err);
}
