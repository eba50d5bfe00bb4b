/* SPDX-License-Identifier: BSD-2-Clause */
/* nfqueue.c - see nfqueue.h. */
#include "probe/io/nfqueue.h"

#include "probe/base/alloc.h"
#include "probe/io/host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>

#include <libmnl/libmnl.h>

enum {
	MESSAGE_BYTES = 65536 + 4096, /* the largest packet and what is said about it */
	RECEIVE_BYTES = 4 << 20,
	QUEUE_PACKETS = 4096, /* that wait for a verdict at most */
};

struct nfqueue {
	struct mnl_socket *socket;
	uint16_t number;
	_Alignas(8) uint8_t bytes[MESSAGE_BYTES]; /* of netlink messages */
	/* of the message being read */
	const uint8_t *payload;
	uint32_t length, id;
	bool is_cut;
};

static struct nlmsghdr *message_begin(struct nfqueue *queue, int type, uint16_t flags)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(queue->bytes);
	struct nfgenmsg *about;

	message->nlmsg_type = (uint16_t)(NFNL_SUBSYS_QUEUE << 8 | type);
	message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	about = mnl_nlmsg_put_extra_header(message, sizeof(*about));
	about->nfgen_family = AF_UNSPEC;
	about->version = NFNETLINK_V0;
	about->res_id = htons(queue->number);
	return message;
}

/* Send it and wait for the kernel to agree. */
static bool message_agree(struct nfqueue *queue, const struct nlmsghdr *message)
{
	ssize_t length;

	if (mnl_socket_sendto(queue->socket, message, message->nlmsg_len) < 0)
		return false;
	length = mnl_socket_recvfrom(queue->socket, queue->bytes, sizeof(queue->bytes));
	return length > 0 && mnl_cb_run(queue->bytes, (size_t)length, 0, 0, NULL, NULL) >= 0;
}

static bool queue_bind(struct nfqueue *queue)
{
	struct nfqnl_msg_config_cmd command = { .command = NFQNL_CFG_CMD_BIND };
	struct nlmsghdr *message = message_begin(queue, NFQNL_MSG_CONFIG, NLM_F_ACK);

	mnl_attr_put(message, NFQA_CFG_CMD, sizeof(command), &command);
	return message_agree(queue, message);
}

static bool queue_configure(struct nfqueue *queue, bool fail_open)
{
	struct nfqnl_msg_config_params whole = { .copy_range = htonl(UINT16_MAX),
		.copy_mode = NFQNL_COPY_PACKET };
	struct nlmsghdr *message = message_begin(queue, NFQNL_MSG_CONFIG, NLM_F_ACK);

	mnl_attr_put(message, NFQA_CFG_PARAMS, sizeof(whole), &whole);
	mnl_attr_put_u32(message, NFQA_CFG_QUEUE_MAXLEN, htonl(QUEUE_PACKETS));
	mnl_attr_put_u32(message, NFQA_CFG_FLAGS, htonl(fail_open ? NFQA_CFG_F_FAIL_OPEN : 0));
	mnl_attr_put_u32(message, NFQA_CFG_MASK, htonl(NFQA_CFG_F_FAIL_OPEN));
	return message_agree(queue, message);
}

static bool queue_socket(struct nfqueue *queue)
{
	int bytes = RECEIVE_BYTES, one = 1;

	queue->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (queue->socket == NULL || mnl_socket_bind(queue->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return false;
	(void)setsockopt(mnl_socket_get_fd(queue->socket), SOL_SOCKET, SO_RCVBUFFORCE, &bytes,
		sizeof(bytes));
	/* What finds no room is dropped or let pass by the kernel: no error of ours. */
	(void)mnl_socket_setsockopt(queue->socket, NETLINK_NO_ENOBUFS, &one, sizeof(one));
	return true;
}

struct nfqueue *nfqueue_open(uint16_t number, bool fail_open, struct err *err)
{
	struct nfqueue *queue = xcalloc(1, sizeof(*queue));

	queue->number = number;
	if (queue_socket(queue) && queue_bind(queue) && queue_configure(queue, fail_open))
		return queue;
	/* The kernel says EPERM both to who has no privilege and of a queue that is taken. */
	if (errno == EPERM && host_is_net_admin())
		err_set(err, "queue %u is taken by another program", number);
	else if (errno == EPERM)
		err_set(err,
			"taking queue %u needs root (CAP_NET_ADMIN); packets come to it by a "
			"rule: iptables -A FORWARD -p tcp -j NFQUEUE --queue-num %u",
			number, number);
	else
		err_set(err,
			"cannot take queue %u: %s; packets come to it by a rule: "
			"iptables -A FORWARD -p tcp -j NFQUEUE --queue-num %u",
			number, strerror(errno), number);
	nfqueue_close(queue);
	return NULL;
}

void nfqueue_close(struct nfqueue *queue)
{
	if (queue == NULL)
		return;
	if (queue->socket != NULL)
		mnl_socket_close(queue->socket);
	free(queue);
}

int nfqueue_fd(const struct nfqueue *queue)
{
	return mnl_socket_get_fd(queue->socket);
}

/* ---- packets ---- */

static int take_attribute(const struct nlattr *attribute, void *data)
{
	struct nfqueue *queue = data;
	struct nfqnl_msg_packet_hdr header;

	switch (mnl_attr_get_type(attribute)) {
	case NFQA_PACKET_HDR:
		if (mnl_attr_get_payload_len(attribute) < sizeof(header))
			return MNL_CB_ERROR;
		memcpy(&header, mnl_attr_get_payload(attribute), sizeof(header));
		queue->id = ntohl(header.packet_id);
		break;
	case NFQA_PAYLOAD:
		queue->payload = mnl_attr_get_payload(attribute);
		queue->length = mnl_attr_get_payload_len(attribute);
		break;
	case NFQA_CAP_LEN: /* only where it is more than the payload */
		queue->is_cut = true;
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static int take_message(const struct nlmsghdr *message, void *data)
{
	return mnl_attr_parse(message, sizeof(struct nfgenmsg), take_attribute, data);
}

bool nfqueue_read(struct nfqueue *queue, struct packet *packet, bool *is_cut, struct err *err)
{
	ssize_t length;

	do {
		length = recv(nfqueue_fd(queue), queue->bytes, sizeof(queue->bytes), MSG_DONTWAIT);
		if (length < 0 && errno != EINTR && errno != ENOBUFS) {
			if (errno != EAGAIN)
				err_set_errno(err, "queue %u has failed", queue->number);
			return false;
		}
		queue->payload = NULL;
		queue->is_cut = false;
		if (length > 0)
			(void)mnl_cb_run(queue->bytes, (size_t)length, 0, 0, take_message, queue);
	} while (queue->payload == NULL);
	packet_set(packet, queue->payload, queue->length);
	/* Numbers begin with 1, and after 2^32 with 0 again. */
	packet->ticket = (uint64_t)1 << 32 | queue->id;
	*is_cut = queue->is_cut;
	return true;
}

static struct nlmsghdr *verdict_begin(struct nfqueue *queue, uint64_t ticket, uint32_t what)
{
	struct nfqnl_msg_verdict_hdr verdict = { htonl(what), htonl((uint32_t)ticket) };
	struct nlmsghdr *message = message_begin(queue, NFQNL_MSG_VERDICT, 0);

	mnl_attr_put(message, NFQA_VERDICT_HDR, sizeof(verdict), &verdict);
	return message;
}

static bool verdict_send(struct nfqueue *queue, const struct nlmsghdr *message, struct err *err)
{
	if (mnl_socket_sendto(queue->socket, message, message->nlmsg_len) >= 0)
		return true;
	return err_set_errno(err, "queue %u refuses a verdict", queue->number);
}

bool nfqueue_pass(struct nfqueue *queue, uint64_t ticket, struct err *err)
{
	return verdict_send(queue, verdict_begin(queue, ticket, NF_ACCEPT), err);
}

bool nfqueue_verdict(struct nfqueue *queue, uint64_t ticket, const struct packet *packet,
	struct err *err)
{
	struct nlmsghdr *message =
		verdict_begin(queue, ticket, packet != NULL ? NF_ACCEPT : NF_DROP);

	if (packet != NULL)
		mnl_attr_put(message, NFQA_PAYLOAD,
			packet->form == PACKET_MALFORMED ? packet->length : packet->end,
			packet_data(packet));
	return verdict_send(queue, message, err);
}
