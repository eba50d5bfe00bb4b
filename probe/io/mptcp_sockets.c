/* SPDX-License-Identifier: BSD-2-Clause */
/* mptcp_sockets.c - see mptcp_sockets.h, and seccomp_unotify(2). */
#include "probe/io/mptcp_sockets.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

#if defined(__x86_64__)
#define OWN_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv)
#define OWN_ARCH AUDIT_ARCH_RISCV64
#else
#define OWN_ARCH 0
#endif

enum { TYPE_MASK = 0xf }; /* SOCK_STREAM and such, without SOCK_CLOEXEC */

/* The low half of an argument, where these are little-endian machines. */
#define ARGUMENT(n)         (uint32_t)(offsetof(struct seccomp_data, args) + (n) * sizeof(uint64_t))
#define LOAD(offset)        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(offset))
#define IF_NOT(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), 0, (skip))
#define IF(value, skip)     BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), (skip), 0)

/* socket(AF_INET or AF_INET6, SOCK_STREAM, 0 or IPPROTO_TCP) is asked about. */
static int filter_install(void)
{
	struct sock_filter code[] = {
		LOAD(offsetof(struct seccomp_data, arch)),
		IF_NOT(OWN_ARCH, 12),
		LOAD(offsetof(struct seccomp_data, nr)),
		IF_NOT(__NR_socket, 10),
		LOAD(ARGUMENT(0)),
		IF(AF_INET, 1),
		IF_NOT(AF_INET6, 7),
		LOAD(ARGUMENT(1)),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, TYPE_MASK),
		IF_NOT(SOCK_STREAM, 4),
		LOAD(ARGUMENT(2)),
		IF(0, 1),
		IF_NOT(IPPROTO_TCP, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
		&program);
}

/* One descriptor over a Unix socket; fd -1: receive it. Returns the descriptor or -1. */
static int pass_descriptor(int channel, int fd)
{
	char byte = 0;
	struct iovec part = { &byte, 1 };
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct msghdr message = { .msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	if (fd >= 0) {
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &fd, sizeof(fd));
		return sendmsg(channel, &message, MSG_NOSIGNAL) == 1 ? fd : -1;
	}
	if (recvmsg(channel, &message, MSG_CMSG_CLOEXEC) != 1)
		return -1;
	header = CMSG_FIRSTHDR(&message);
	if (header == NULL || header->cmsg_type != SCM_RIGHTS)
		return -1;
	memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

bool mptcp_sockets_want(int channel, struct err *err)
{
	int listener = OWN_ARCH != 0 ? filter_install() : -1;

	if (listener < 0)
		return err_set_errno(err, "this kernel cannot be told to give MPTCP sockets");
	if (pass_descriptor(channel, listener) < 0)
		return err_set_errno(err, "whoever gives MPTCP sockets is gone");
	close(listener);
	return true;
}

/* Answer one call: an MPTCP socket, or, where there is none, what was asked for. */
static void answer(int listener, const struct seccomp_notif *call)
{
	int type = (int)call->data.args[1];
	struct seccomp_notif_addfd socket_given = {
		.id = call->id,
		.flags = SECCOMP_ADDFD_FLAG_SEND,
		.newfd_flags = (uint32_t)(type & SOCK_CLOEXEC),
	};
	struct seccomp_notif_resp go_on = { .id = call->id,
		.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
	int fd = socket((int)call->data.args[0], type | SOCK_CLOEXEC, IPPROTO_MPTCP);

	socket_given.srcfd = (uint32_t)fd;
	if (fd < 0 || ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &socket_given) < 0)
		(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &go_on);
	if (fd >= 0)
		close(fd);
}

void mptcp_sockets_give(int channel)
{
	struct pollfd watch = { .fd = pass_descriptor(channel, -1), .events = POLLIN };
	struct seccomp_notif call;

	while (watch.fd >= 0) {
		if (poll(&watch, 1, -1) < 0 && errno != EINTR)
			break;
		if ((watch.revents & POLLIN) == 0 && (watch.revents & (POLLHUP | POLLERR)) != 0)
			break;
		memset(&call, 0, sizeof(call));
		if ((watch.revents & POLLIN) != 0 &&
			ioctl(watch.fd, SECCOMP_IOCTL_NOTIF_RECV, &call) == 0)
			answer(watch.fd, &call);
	}
}
