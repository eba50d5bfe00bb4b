/* SPDX-License-Identifier: BSD-2-Clause */
/* netlink.c - see netlink.h: the batch, and the requests of rtnetlink. */
#include "probe/io/netlink.h"

#include <assert.h>
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* The kernel answers at once; a lost answer must not hang a run. */
enum { ANSWER_SECONDS = 10 };

static void *netlink_append(struct netlink *netlink, const void *data, size_t length)
{
	size_t padded = NLMSG_ALIGN(length);
	uint8_t *at = netlink->bytes + netlink->used;

	assert(netlink->used + padded <= sizeof(netlink->bytes));
	memset(at, 0, padded);
	if (data)
		memcpy(at, data, length);
	netlink->used += padded;
	return at;
}

static uint8_t family_of(uint8_t version)
{
	return version == 4 ? AF_INET : AF_INET6;
}

bool netlink_open(struct netlink *netlink, int protocol, struct err *err)
{
	struct timeval patience = { .tv_sec = ANSWER_SECONDS };

	netlink->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	if (netlink->fd < 0)
		return err_set_errno(err, "cannot open a netlink socket");
	setsockopt(netlink->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	netlink->has_ipv6 = access("/proc/sys/net/ipv6", F_OK) == 0;
	netlink->sequence = 1;
	netlink->count = 0;
	netlink->used = 0;
	return true;
}

void netlink_close(struct netlink *netlink)
{
	close(netlink->fd);
	netlink->fd = -1;
}

void netlink_begin(struct netlink *netlink, const char *what, uint16_t type, uint16_t flags,
	const void *header, size_t length)
{
	struct nlmsghdr message = {
		.nlmsg_type = type,
		.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags),
		.nlmsg_seq = netlink->sequence + netlink->count,
	};

	assert(netlink->count < NETLINK_REQUESTS);
	netlink->what[netlink->count++] = what;
	netlink->start = netlink->used;
	netlink_append(netlink, &message, sizeof(message));
	netlink_append(netlink, header, length);
}

void netlink_end(struct netlink *netlink)
{
	uint32_t length = (uint32_t)(netlink->used - netlink->start);

	memcpy(netlink->bytes + netlink->start + offsetof(struct nlmsghdr, nlmsg_len), &length,
		sizeof(length));
}

void netlink_frame(struct netlink *netlink, uint16_t type, const void *header, size_t length)
{
	struct nlmsghdr message = { .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST };

	netlink->start = netlink->used;
	netlink_append(netlink, &message, sizeof(message));
	netlink_append(netlink, header, length);
	netlink_end(netlink);
}

void netlink_put(struct netlink *netlink, uint16_t type, const void *data, size_t length)
{
	struct nlattr attribute = {
		.nla_len = (uint16_t)(sizeof(attribute) + length),
		.nla_type = type,
	};

	netlink_append(netlink, &attribute, sizeof(attribute));
	netlink_append(netlink, data, length);
}

void netlink_put_u32(struct netlink *netlink, uint16_t type, uint32_t value)
{
	netlink_put(netlink, type, &value, sizeof(value));
}

size_t netlink_nest(struct netlink *netlink, uint16_t type)
{
	size_t nest = netlink->used;

	netlink_put(netlink, (uint16_t)(type | NLA_F_NESTED), NULL, 0);
	return nest;
}

void netlink_nest_end(struct netlink *netlink, size_t nest)
{
	uint16_t length = (uint16_t)(netlink->used - nest);

	memcpy(netlink->bytes + nest + offsetof(struct nlattr, nla_len), &length, sizeof(length));
}

/*
 * Take the answers in one datagram; *left counts down; the first refusal is remembered. One that
 * is about no request is about the batch.
 */
static void netlink_answers(const struct netlink *netlink, const uint8_t *bytes, size_t length,
	uint32_t *left, int *refused, const char **what)
{
	struct nlmsghdr message;
	struct nlmsgerr answer;

	while (length >= sizeof(message)) {
		memcpy(&message, bytes, sizeof(message));
		if (message.nlmsg_len < sizeof(message) || message.nlmsg_len > length)
			return;
		if (message.nlmsg_type == NLMSG_ERROR &&
			message.nlmsg_len >= NLMSG_LENGTH(sizeof(answer))) {
			uint32_t request = message.nlmsg_seq - netlink->sequence;
			bool is_whole = request >= netlink->count;

			memcpy(&answer, bytes + NLMSG_HDRLEN, sizeof(answer));
			if (answer.error && !*refused) {
				*refused = -answer.error;
				*what = netlink->what[is_whole ? 0 : request];
			}
			*left = is_whole ? 0 : *left - (*left > 0);
		}
		if (NLMSG_ALIGN(message.nlmsg_len) >= length)
			return;
		bytes += NLMSG_ALIGN(message.nlmsg_len);
		length -= NLMSG_ALIGN(message.nlmsg_len);
	}
}

bool netlink_commit(struct netlink *netlink, struct err *err)
{
	uint32_t left = netlink->count;
	const char *what = NULL;
	int refused = 0;
	uint8_t answers[8192];

	if (send(netlink->fd, netlink->bytes, netlink->used, 0) < 0)
		return err_set_errno(err, "cannot ask the kernel over netlink");
	while (left > 0) {
		ssize_t length = recv(netlink->fd, answers, sizeof(answers), 0);

		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0)
			return err_set_errno(err, "the kernel does not answer over netlink");
		netlink_answers(netlink, answers, (size_t)length, &left, &refused, &what);
	}
	netlink->sequence += netlink->count;
	netlink->count = 0;
	netlink->used = 0;
	if (refused) {
		errno = refused;
		return err_set_errno(err, "the kernel refused to %s", what);
	}
	return true;
}

void netlink_link_set(struct netlink *netlink, int index, uint32_t queue_packets,
	uint32_t gso_max_segs)
{
	struct ifinfomsg link = { .ifi_index = index };
	uint8_t no_address = IN6_ADDR_GEN_MODE_NONE;
	size_t families, ipv6;

	netlink_begin(netlink, "set up a link", RTM_NEWLINK, 0, &link, sizeof(link));
	if (queue_packets)
		netlink_put_u32(netlink, IFLA_TXQLEN, queue_packets);
	if (gso_max_segs)
		netlink_put_u32(netlink, IFLA_GSO_MAX_SEGS, gso_max_segs);
	if (netlink->has_ipv6) {
		families = netlink_nest(netlink, IFLA_AF_SPEC);
		ipv6 = netlink_nest(netlink, AF_INET6);
		netlink_put(netlink, IFLA_INET6_ADDR_GEN_MODE, &no_address, sizeof(no_address));
		netlink_nest_end(netlink, ipv6);
		netlink_nest_end(netlink, families);
	}
	netlink_end(netlink);
}

void netlink_link_up(struct netlink *netlink, int index)
{
	struct ifinfomsg link = { .ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };

	netlink_begin(netlink, "bring a link up", RTM_NEWLINK, 0, &link, sizeof(link));
	netlink_end(netlink);
}

void netlink_address_add(struct netlink *netlink, int index, const struct addr *addr,
	uint8_t prefix)
{
	struct ifaddrmsg message = {
		.ifa_family = family_of(addr->version),
		.ifa_prefixlen = prefix,
		.ifa_flags = IFA_F_NODAD,
		.ifa_scope = RT_SCOPE_UNIVERSE,
		.ifa_index = (uint32_t)index,
	};

	netlink_begin(netlink, "add an address", RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &message,
		sizeof(message));
	netlink_put(netlink, IFA_LOCAL, addr->bytes, addr_len(addr));
	netlink_put(netlink, IFA_ADDRESS, addr->bytes, addr_len(addr));
	netlink_end(netlink);
}

void netlink_default_route_add(struct netlink *netlink, int index, uint8_t version,
	const struct addr *source, uint32_t table)
{
	struct rtmsg route = {
		.rtm_family = family_of(version),
		.rtm_table = RT_TABLE_UNSPEC, /* RTA_TABLE below says it */
		.rtm_protocol = RTPROT_STATIC,
		.rtm_scope = version == 4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
		.rtm_type = RTN_UNICAST,
	};

	netlink_begin(netlink, "add a route", RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &route,
		sizeof(route));
	netlink_put_u32(netlink, RTA_TABLE, table);
	netlink_put_u32(netlink, RTA_OIF, (uint32_t)index);
	if (source)
		netlink_put(netlink, RTA_PREFSRC, source->bytes, addr_len(source));
	netlink_end(netlink);
}

void netlink_rule_add(struct netlink *netlink, const struct addr *from, uint32_t table)
{
	struct fib_rule_hdr rule = {
		.family = family_of(from->version),
		.src_len = (uint8_t)(8 * addr_len(from)),
		.table = RT_TABLE_UNSPEC,
		.action = FR_ACT_TO_TBL,
	};

	netlink_begin(netlink, "add a routing rule", RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, &rule,
		sizeof(rule));
	netlink_put(netlink, FRA_SRC, from->bytes, addr_len(from));
	netlink_put_u32(netlink, FRA_TABLE, table);
	netlink_end(netlink);
}
