/* SPDX-License-Identifier: BSD-2-Clause */
#include "tracebox/channel.h"

bool channel_resolve(const struct channel *channel, const char *name, uint8_t version,
	struct addr *addr, struct err *err)
{
	enum names_state state;

	while ((state = channel->ops->lookup(channel->self, name, version, addr, err)) ==
		NAMES_PENDING)
		channel->ops->wait(channel->self);
	return state == NAMES_FOUND;
}

bool channel_name(const struct channel *channel, const struct addr *addr, char *name, size_t size)
{
	enum names_state state;

	while ((state = channel->ops->name(channel->self, addr, name, size)) == NAMES_PENDING)
		channel->ops->wait(channel->self);
	return state == NAMES_FOUND;
}
