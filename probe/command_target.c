/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * command_target.c - see command_target.h.
 */
#include "probe/command_target.h"

#include "probe/io/names.h"
#include "probe/options.h"

#include <string.h>

bool target_read(const char *text, char host[static TARGET_HOST], uint16_t *port, struct err *err)
{
	const char *colon = strrchr(text, ':'), *end = text + strlen(text);
	uint64_t value = *port;
	struct addr addr;

	if (*text == '[' && strchr(text, ']') != NULL) {
		end = strchr(++text, ']');
		colon = end[1] == ':' ? end + 1 : NULL;
		if (end[1] != '\0' && colon == NULL)
			return err_set(err, "\"%s\" is no HOST[:PORT]", text - 1);
	} else if (addr_parse(&addr, text)) {
		colon = NULL;
	} else if (colon != NULL) {
		end = colon;
	}
	if (colon != NULL && !parse_number("the port", colon + 1, 1, UINT16_MAX, &value, err))
		return false;
	if (end == text || end - text >= TARGET_HOST)
		return err_set(err, "a host is needed, not \"%s\"", text);
	memcpy(host, text, (size_t)(end - text));
	host[end - text] = '\0';
	*port = (uint16_t)value;
	return true;
}

static bool resolve_version(const char *host, uint8_t version, struct addr *addr, struct err *err)
{
	struct names *names = names_new();
	enum names_state state;

	while ((state = names_resolve(names, host, version, addr, err)) == NAMES_PENDING)
		names_wait(names);
	names_free(names);
	return state == NAMES_FOUND;
}

bool target_resolve(const char *host, uint8_t version, struct addr *addr, struct err *err)
{
	struct err other;

	if (version != 0)
		return resolve_version(host, version, addr, err);
	return resolve_version(host, 4, addr, err) || resolve_version(host, 6, addr, &other);
}
