/* SPDX-License-Identifier: BSD-2-Clause */
/* step.c - see step.h. */
#include "mbtest/suite/step.h"

#include "mbtest/net/net.h"
#include "probe/io/netlink.h"

void step_plan_of(const struct step_plan *all, enum end end, struct step_plan *plan)
{
	unsigned int i;

	plan->count = 0;
	for (i = 0; i < all->count; i++)
		if (all->steps[i].by == end)
			plan->steps[plan->count++] = all->steps[i];
}

struct addr step_addr(enum end end, unsigned int number, uint8_t family)
{
	return end == CLIENT ? net_client_addr((uint16_t)(number - 1), family)
			     : net_server_addr_at((uint16_t)(number - 1), family);
}

/* The kernel's path manager need not know the first subflow's address: it does from now on. */
static void learn_first(const struct step *step, const struct netlink_endpoint *endpoint)
{
	struct err known;

	if (step->number == 1)
		netlink_mptcp_change(MPTCP_ENDPOINT_ADD, endpoint, &known);
}

bool step_kernel(const struct step *step, uint8_t family, int index, struct err *err)
{
	struct netlink_endpoint endpoint = {
		.addr = step_addr(step->by, step->number, family),
		.index = index,
		.id = (uint8_t)step->number,
		.port = step->port,
	};

	switch (step->verb) {
	case STEP_ANNOUNCE:
		endpoint.flags = MPTCP_ENDPOINT_SIGNAL;
		return netlink_mptcp_change(MPTCP_ENDPOINT_ADD, &endpoint, err);
	case STEP_WITHDRAW:
		return netlink_mptcp_change(MPTCP_ENDPOINT_REMOVE, &endpoint, err);
	case STEP_BACKUP:
		learn_first(step, &endpoint);
		endpoint.flags = MPTCP_ENDPOINT_BACKUP;
		return netlink_mptcp_change(MPTCP_ENDPOINT_FLAGS, &endpoint, err);
	case STEP_REGULAR:
		learn_first(step, &endpoint);
		return netlink_mptcp_change(MPTCP_ENDPOINT_FLAGS, &endpoint, err);
	default:
		return true;
	}
}
