/* SPDX-License-Identifier: BSD-2-Clause */
/* netns.c - see netns.h. */
#include "probe/io/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool netns_supported(struct err *err)
{
	int fd;

	if (geteuid() != 0)
		return err_set(err,
			"a run with a kernel's stack needs root: it makes network "
			"namespaces and TUN devices");
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return err_set_errno(err, "a run with a kernel's stack needs /dev/net/tun");
	close(fd);
	return true;
}

int netns_hold(struct err *err)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		err_set_errno(err, "cannot open the network namespace of this process");
	return fd;
}

bool netns_new(struct err *err)
{
	if (unshare(CLONE_NEWNET) < 0)
		return err_set_errno(err, "cannot make a network namespace");
	return true;
}

bool netns_enter(int held, struct err *err)
{
	if (setns(held, CLONE_NEWNET) < 0)
		return err_set_errno(err, "cannot enter a network namespace");
	return true;
}

/*
 * What stands already is not written: writing some settings of IPv6 takes the lock of all network
 * configuration by trying again and again, which many namespaces made at once cannot afford.
 */
static bool setting_stands(int fd, const char *value)
{
	char bytes[64];
	ssize_t length = read(fd, bytes, sizeof(bytes) - 1);

	if (length <= 0)
		return false;
	bytes[length] = '\0';
	bytes[strcspn(bytes, "\n")] = '\0';
	return strcmp(bytes, value) == 0;
}

static bool setting_write(const struct netns_setting *setting, struct err *err)
{
	size_t length = strlen(setting->value);
	char path[128];
	bool ok;
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/%s", setting->name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && setting->optional)
		return true;
	if (fd < 0)
		return err_set_errno(err, "cannot open %s", path);
	ok = setting_stands(fd, setting->value) ||
		pwrite(fd, setting->value, length, 0) == (ssize_t)length;
	if (!ok)
		err_set_errno(err, "cannot write %s to %s", setting->value, path);
	close(fd);
	return ok;
}

bool netns_set(const struct netns_setting *settings, size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++)
		if (!setting_write(&settings[i], err))
			return false;
	return true;
}

int netns_tun(const char *name, int *index, struct err *err)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0) {
		err_set_errno(err, "cannot open /dev/net/tun");
		return -1;
	}
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &request) < 0) {
		err_set_errno(err, "cannot make the TUN device %s", name);
		close(fd);
		return -1;
	}
	*index = (int)if_nametoindex(name);
	if (*index == 0) {
		err_set_errno(err, "cannot find the TUN device %s", name);
		close(fd);
		return -1;
	}
	return fd;
}

bool netns_counters_save(const char *path, struct err *err)
{
	static const char *const sources[] = {
		"/proc/thread-self/net/snmp",
		"/proc/thread-self/net/snmp6",
		"/proc/thread-self/net/netstat",
	};
	char bytes[4096];
	FILE *to = fopen(path, "we");
	bool ok;

	if (!to)
		return err_set_errno(err, "cannot write %s", path);
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		FILE *from = fopen(sources[i], "re");
		size_t length;

		while (from && (length = fread(bytes, 1, sizeof(bytes), from)) > 0)
			fwrite(bytes, 1, length, to);
		if (from)
			fclose(from);
	}
	ok = !ferror(to);
	ok = fclose(to) == 0 && ok;
	return ok || err_set_errno(err, "cannot write %s", path);
}
