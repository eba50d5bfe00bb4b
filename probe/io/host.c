/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/io/host.h"

#include "probe/base/alloc.h"

#include <cap-ng.h>

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ANY_PORT = 666 }; /* connecting a UDP socket sends nothing */

union socket_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t fill_address(union socket_address *to, const struct addr *addr)
{
	memset(to, 0, sizeof(*to));
	if (addr->version == 4) {
		to->v4.sin_family = AF_INET;
		to->v4.sin_port = htons(ANY_PORT);
		memcpy(&to->v4.sin_addr, addr->bytes, 4);
		return sizeof(to->v4);
	}
	to->v6.sin6_family = AF_INET6;
	to->v6.sin6_port = htons(ANY_PORT);
	memcpy(&to->v6.sin6_addr, addr->bytes, 16);
	return sizeof(to->v6);
}

static struct addr read_address(const struct sockaddr *from)
{
	if (from->sa_family == AF_INET)
		return addr_from_bytes(4,
			(const uint8_t *)&((const struct sockaddr_in *)(const void *)from)
				->sin_addr);
	return addr_from_bytes(6,
		(const uint8_t *)&((const struct sockaddr_in6 *)(const void *)from)->sin6_addr);
}

bool host_source(const struct addr *destination, const char *device, struct addr *source,
	struct err *err)
{
	union socket_address address;
	socklen_t length = fill_address(&address, destination);
	char text[ADDR_TEXT];
	bool ok;
	int fd = socket(address.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_set_errno(err, "cannot look for a way to %s",
			addr_text(destination, text));
	ok = (device == NULL ||
		     setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device,
			     (socklen_t)strlen(device)) == 0) &&
		connect(fd, &address.any, length) == 0;
	length = sizeof(address);
	if (ok && getsockname(fd, &address.any, &length) == 0)
		*source = read_address(&address.any);
	else if (errno == ENODEV)
		err_set(err, "there is no interface %s", device);
	else
		ok = err_set_errno(err, "there is no route to %s", addr_text(destination, text));
	close(fd);
	return ok;
}

int host_addresses(struct addr *list, int most, struct err *err)
{
	struct ifaddrs *all, *at;
	int count = 0;

	if (getifaddrs(&all) != 0) {
		err_set_errno(err, "cannot list this host's addresses");
		return -1;
	}
	for (at = all; at != NULL && count < most; at = at->ifa_next)
		if (at->ifa_addr != NULL &&
			(at->ifa_addr->sa_family == AF_INET || at->ifa_addr->sa_family == AF_INET6))
			list[count++] = read_address(at->ifa_addr);
	freeifaddrs(all);
	return count;
}

bool host_can_write(const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	/* "/." behind it says that it is a folder. */
	char *folder = xcalloc(1, strlen(path) + sizeof("./."));
	struct stat about;
	bool ok;

	snprintf(folder, strlen(path) + sizeof("./."), "%.*s/.",
		slash != NULL ? (int)(slash - path) : 1, slash != NULL ? path : ".");
	if (stat(path, &about) == 0 && S_ISDIR(about.st_mode)) {
		errno = EISDIR;
		ok = false;
	} else {
		ok = access(access(path, F_OK) == 0 ? path : folder, W_OK) == 0;
	}
	if (!ok)
		err_set_errno(err, "cannot write %s", path);
	free(folder);
	return ok;
}

void host_discard(const char *path)
{
	struct stat about;

	if (lstat(path, &about) == 0 && S_ISREG(about.st_mode))
		unlink(path);
}

void host_settle_streams(void)
{
	int fd;

	signal(SIGPIPE, SIG_IGN);
	/* One that cannot be written: what is closed stays an error. */
	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

bool host_shows_colour(void)
{
	const char *objection = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return isatty(STDOUT_FILENO) == 1 && (objection == NULL || *objection == '\0') &&
		terminal != NULL && strcmp(terminal, "dumb") != 0;
}

bool host_is_net_admin(void)
{
	return capng_get_caps_process() == 0 &&
		capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN) != 0;
}

bool host_drop_privileges(struct err *err)
{
	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_apply(CAPNG_SELECT_BOTH) != 0)
		return err_set(err, "cannot give up capabilities");
	return true;
}
