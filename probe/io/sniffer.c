/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/io/sniffer.h"

#include "probe/base/alloc.h"

#include <pcap/pcap.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

enum {
	BATCH = 32, /* packets taken from the kernel at once */
	PACKET_BYTES = 65536,
	QUEUE_BYTES = 8 << 20,
	NOTE_BYTES =
		CMSG_SPACE(sizeof(struct timespec)) + CMSG_SPACE(sizeof(struct tpacket_auxdata)),
};

struct sniffer {
	int fd;
	int count, next; /* packets taken, and the first not handed out */
	struct mmsghdr messages[BATCH];
	struct iovec pieces[BATCH];
	_Alignas(struct cmsghdr) uint8_t notes[BATCH][NOTE_BYTES]; /* what else is known */
	uint8_t *bytes; /* PACKET_BYTES for each of the batch */
};

static bool attach(const struct sniffer *sniffer, const struct bpf_insn *code, unsigned int length,
	struct err *err)
{
	/* libpcap's instructions are the kernel's. */
	struct sock_fprog program = { .len = (unsigned short)length,
		.filter = (struct sock_filter *)(uintptr_t)code };

	if (setsockopt(sniffer->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0)
		return true;
	return err_set_errno(err, "cannot set the capture filter");
}

static bool attach_nothing(const struct sniffer *sniffer, struct err *err)
{
	static const struct bpf_insn nothing = { BPF_RET | BPF_K, 0, 0, 0 };

	return attach(sniffer, &nothing, 1, err);
}

/* All the device's packets; index 0: those of all devices. */
static bool begin(struct sniffer *sniffer, unsigned int index, const char *device, struct err *err)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)index };
	int bytes = QUEUE_BYTES, one = 1;

	if (setsockopt(sniffer->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		setsockopt(sniffer->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	setsockopt(sniffer->fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one));
	setsockopt(sniffer->fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one));
	/* An older kernel hands out what is sent as well: nothing but work. */
	setsockopt(sniffer->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	if (!attach_nothing(sniffer, err))
		return false;
	if (bind(sniffer->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return err_set_errno(err, "cannot capture on %s",
			device != NULL ? device : "any interface");
	return true;
}

static void make_room(struct sniffer *sniffer)
{
	sniffer->bytes = xmalloc((size_t)BATCH * PACKET_BYTES);
	for (size_t i = 0; i < BATCH; i++) {
		sniffer->pieces[i].iov_base = sniffer->bytes + i * PACKET_BYTES;
		sniffer->pieces[i].iov_len = PACKET_BYTES;
		sniffer->messages[i].msg_hdr.msg_iov = &sniffer->pieces[i];
		sniffer->messages[i].msg_hdr.msg_iovlen = 1;
		sniffer->messages[i].msg_hdr.msg_control = sniffer->notes[i];
	}
}

struct sniffer *sniffer_open(const char *device, struct err *err)
{
	unsigned int index = device != NULL ? if_nametoindex(device) : 0;
	struct sniffer *sniffer;
	/* Of no protocol, so of no packet, until it is bound. */
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0) {
		if (errno == EPERM || errno == EACCES)
			err_set(err, "capturing needs the capability CAP_NET_RAW (or root)");
		else
			err_set_errno(err, "cannot open a packet socket");
		return NULL;
	}
	if (device != NULL && index == 0) {
		close(fd);
		err_set(err, "there is no interface %s", device);
		return NULL;
	}
	sniffer = xcalloc(1, sizeof(*sniffer));
	sniffer->fd = fd;
	make_room(sniffer);
	if (begin(sniffer, index, device, err))
		return sniffer;
	sniffer_close(sniffer);
	return NULL;
}

void sniffer_close(struct sniffer *sniffer)
{
	if (sniffer == NULL)
		return;
	close(sniffer->fd);
	free(sniffer->bytes);
	free(sniffer);
}

/* Take a batch from the kernel; false when nothing waits. */
static bool take(struct sniffer *sniffer)
{
	for (size_t i = 0; i < BATCH; i++)
		sniffer->messages[i].msg_hdr.msg_controllen = NOTE_BYTES;
	sniffer->next = 0;
	sniffer->count = recvmmsg(sniffer->fd, sniffer->messages, BATCH, 0, NULL);
	return sniffer->count > 0;
}

bool sniffer_filter(struct sniffer *sniffer, const char *expression, struct err *err)
{
	pcap_t *compiler = pcap_open_dead(DLT_RAW, PACKET_BYTES);
	struct bpf_program program;
	bool ok;

	if (compiler == NULL)
		return err_set(err, "cannot compile the capture filter");
	if (pcap_compile(compiler, &program, expression, 1, PCAP_NETMASK_UNKNOWN) != 0) {
		err_set(err, "cannot compile the capture filter: %s", pcap_geterr(compiler));
		pcap_close(compiler);
		return false;
	}
	/* What came before is no answer to what is sent from now on. */
	ok = attach_nothing(sniffer, err);
	while (ok && take(sniffer))
		;
	ok = ok && attach(sniffer, program.bf_insns, program.bf_len, err);
	pcap_freecode(&program);
	pcap_close(compiler);
	return ok;
}

int sniffer_fd(const struct sniffer *sniffer)
{
	return sniffer->fd;
}

/*
 * When a packet came, by the clock of the day (0: it does not say), and whether its transport
 * checksum was left to hardware that it never passed, as between hosts on one machine.
 */
static nsec_t read_notes(struct msghdr *message, bool *is_unfinished)
{
	nsec_t at = 0;

	*is_unfinished = false;
	for (struct cmsghdr *note = CMSG_FIRSTHDR(message); note != NULL;
		note = CMSG_NXTHDR(message, note)) {
		struct tpacket_auxdata about;
		struct timespec time;

		if (note->cmsg_level == SOL_SOCKET && note->cmsg_type == SCM_TIMESTAMPNS) {
			memcpy(&time, CMSG_DATA(note), sizeof(time));
			at = (nsec_t)time.tv_sec * NSEC_PER_SEC + (nsec_t)time.tv_nsec;
		} else if (note->cmsg_level == SOL_PACKET && note->cmsg_type == PACKET_AUXDATA) {
			memcpy(&about, CMSG_DATA(note), sizeof(about));
			*is_unfinished = (about.tp_status & TP_STATUS_CSUMNOTREADY) != 0;
		}
	}
	return at;
}

/* What the sender's hardware would have done. */
static void finish(struct packet *packet)
{
	if (packet->form == PACKET_MALFORMED || packet_checksum_offset(packet) == 0)
		return;
	packet->l4_stale = true;
	packet_finish(packet);
}

bool sniffer_read(struct sniffer *sniffer, struct packet *packet)
{
	/* A batch that was not full was the last for now. */
	bool is_last = sniffer->count > 0 && sniffer->count < BATCH;

	while (sniffer->next < sniffer->count || (!is_last && take(sniffer))) {
		int next = sniffer->next++;
		bool is_unfinished;

		if (!packet_set(packet, sniffer->pieces[next].iov_base,
			    sniffer->messages[next].msg_len))
			continue;
		packet->at = read_notes(&sniffer->messages[next].msg_hdr, &is_unfinished);
		if (is_unfinished)
			finish(packet);
		return true;
	}
	sniffer->count = sniffer->next = 0;
	return false;
}
