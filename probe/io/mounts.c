/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mounts.c - see mounts.h. The texts lie on a memory file system that is mounted for a moment over
 * a directory every system has; what is bound from it keeps it alive.
 */
#include "probe/io/mounts.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static const char scratch[] = "/tmp";

static bool file_write(const char *path, const char *text, struct err *err)
{
	size_t length = strlen(text);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	bool ok;

	if (fd < 0)
		return err_set_errno(err, "cannot make a private file");
	ok = fchmod(fd, 0644) == 0 && write(fd, text, length) == (ssize_t)length;
	if (!ok)
		err_set_errno(err, "cannot write a private file");
	close(fd);
	return ok;
}

static bool file_cover(const struct mount_file *file, size_t number, struct err *err)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/%zu", scratch, number);
	if (!file_write(path, file->text, err))
		return false;
	if (mount(path, file->path, NULL, MS_BIND, NULL) != 0)
		return err_set_errno(err, "cannot cover %s with a file of our own", file->path);
	return true;
}

bool mounts_cover(const struct mount_file *files, size_t count, struct err *err)
{
	bool ok = true;

	if (unshare(CLONE_NEWNS) != 0)
		return err_set_errno(err, "cannot make a mount namespace");
	/* What is mounted here stays here; what the host mounts later is still seen. */
	if (mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL) != 0 ||
		mount("mbkit", scratch, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=256k") != 0)
		return err_set_errno(err, "cannot mount inside a mount namespace");
	for (size_t i = 0; ok && i < count; i++)
		ok = file_cover(&files[i], i, err);
	umount2(scratch, MNT_DETACH);
	/* Where this is refused, programs see the processes outside too; nothing breaks. */
	(void)mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	return ok;
}
