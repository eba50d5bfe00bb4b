/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/wire/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

struct addr addr_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	struct addr addr = { 4, { a, b, c, d } };

	return addr;
}

bool addr_parse(struct addr *addr, const char *text)
{
	bool is_v6 = strchr(text, ':') != NULL;
	uint8_t bytes[16];

	if (inet_pton(is_v6 ? AF_INET6 : AF_INET, text, bytes) != 1)
		return false;
	*addr = addr_from_bytes(is_v6 ? 6 : 4, bytes);
	return true;
}

const char *addr_text(const struct addr *addr, char buf[static ADDR_TEXT])
{
	int family = addr->version == 6 ? AF_INET6 : AF_INET;

	if (addr_len(addr) == 0)
		snprintf(buf, ADDR_TEXT, "none");
	else
		inet_ntop(family, addr->bytes, buf, ADDR_TEXT);
	return buf;
}

static bool port_parse(uint16_t *port, const char *text)
{
	uint32_t value = 0;
	size_t i;

	for (i = 0; text[i] >= '0' && text[i] <= '9' && i < 5; i++)
		value = value * 10 + (uint32_t)(text[i] - '0');
	if (i == 0 || text[i] != '\0' || value > UINT16_MAX)
		return false;
	*port = (uint16_t)value;
	return true;
}

bool sockname_parse(struct sockname *name, const char *text)
{
	const char *colon = strrchr(text, ':');
	struct sockname result;
	char host[ADDR_TEXT];
	size_t length;

	if (colon == NULL || !port_parse(&result.port, colon + 1))
		return false;
	length = (size_t)(colon - text);
	if (text[0] == '[') {
		if (length < 2 || text[length - 1] != ']')
			return false;
		text++;
		length -= 2;
	}
	if (length >= sizeof(host))
		return false;
	memcpy(host, text, length);
	host[length] = '\0';
	if (!addr_parse(&result.addr, host))
		return false;
	/* A colon within the host needs brackets: fd00::1:80 is an address, not a name. */
	if ((result.addr.version == 6) != (text[length] == ']'))
		return false;
	*name = result;
	return true;
}

const char *sockname_text(const struct sockname *name, char buf[static SOCKNAME_TEXT])
{
	const char *format = name->addr.version == 6 ? "[%s]:%u" : "%s:%u";
	char host[ADDR_TEXT];

	snprintf(buf, SOCKNAME_TEXT, format, addr_text(&name->addr, host), name->port);
	return buf;
}
