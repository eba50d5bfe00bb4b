/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/io/nftables.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum {
	BEFORE_ALL = -300,    /* priority: before connection tracking and other tables */
	DESTINATION_PORT = 2, /* in TCP and UDP; the source port stands before it */
	CHAIN_TEXT = 16,
};

/* ---- pieces of messages; numbers are in network order ---- */

static void frame(struct nftables *tables, uint16_t type)
{
	struct nfgenmsg header = { .nfgen_family = AF_UNSPEC,
		.res_id = htons(NFNL_SUBSYS_NFTABLES) };

	netlink_frame(&tables->netlink, type, &header, sizeof(header));
}

static void begin(struct nftables *tables, const char *what, unsigned int type, uint16_t flags)
{
	struct nfgenmsg header = { .nfgen_family = NFPROTO_INET };

	netlink_begin(&tables->netlink, what, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags,
		&header, sizeof(header));
}

static void put_text(struct nftables *tables, uint16_t type, const char *text)
{
	netlink_put(&tables->netlink, type, text, strlen(text) + 1);
}

static void put_number(struct nftables *tables, uint16_t type, int value)
{
	netlink_put_u32(&tables->netlink, type, htonl((uint32_t)value));
}

/* ---- expressions of a rule ---- */

struct expression {
	size_t element, data;
};

static struct expression expression_begin(struct nftables *tables, const char *name)
{
	struct expression expression;

	expression.element = netlink_nest(&tables->netlink, NFTA_LIST_ELEM);
	put_text(tables, NFTA_EXPR_NAME, name);
	expression.data = netlink_nest(&tables->netlink, NFTA_EXPR_DATA);
	return expression;
}

static void expression_end(struct nftables *tables, struct expression expression)
{
	netlink_nest_end(&tables->netlink, expression.data);
	netlink_nest_end(&tables->netlink, expression.element);
}

/* What the register holds equals these bytes, or the rule does not apply. */
static void compare(struct nftables *tables, const void *bytes, size_t length)
{
	struct expression expression = expression_begin(tables, "cmp");
	size_t data;

	put_number(tables, NFTA_CMP_SREG, NFT_REG_1);
	put_number(tables, NFTA_CMP_OP, NFT_CMP_EQ);
	data = netlink_nest(&tables->netlink, NFTA_CMP_DATA);
	netlink_put(&tables->netlink, NFTA_DATA_VALUE, bytes, length);
	netlink_nest_end(&tables->netlink, data);
	expression_end(tables, expression);
}

static void match_meta(struct nftables *tables, int key, uint8_t value)
{
	struct expression expression = expression_begin(tables, "meta");

	put_number(tables, NFTA_META_KEY, key);
	put_number(tables, NFTA_META_DREG, NFT_REG_1);
	expression_end(tables, expression);
	compare(tables, &value, sizeof(value));
}

static void match_bytes(struct nftables *tables, int base, int offset, const void *bytes,
	size_t length)
{
	struct expression expression = expression_begin(tables, "payload");

	put_number(tables, NFTA_PAYLOAD_DREG, NFT_REG_1);
	put_number(tables, NFTA_PAYLOAD_BASE, base);
	put_number(tables, NFTA_PAYLOAD_OFFSET, offset);
	put_number(tables, NFTA_PAYLOAD_LEN, (int)length);
	expression_end(tables, expression);
	compare(tables, bytes, length);
}

/* Where an address stands; offsets: IPv4 source 12, destination 16; IPv6 8 and 24. */
static void match_address(struct nftables *tables, const struct addr *addr, int offset)
{
	if (!flow_any_addr(addr))
		match_bytes(tables, NFT_PAYLOAD_NETWORK_HEADER, offset, addr->bytes,
			addr_len(addr));
}

static void match_port(struct nftables *tables, uint16_t port, int offset)
{
	uint16_t number = htons(port);

	if (port != 0)
		match_bytes(tables, NFT_PAYLOAD_TRANSPORT_HEADER, offset, &number, sizeof(number));
}

static void match_flow(struct nftables *tables, const struct flow *flow)
{
	int version = flow_version(flow);

	if (version != 0)
		match_meta(tables, NFT_META_NFPROTO, version == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
	if (flow->protocol != 0)
		match_meta(tables, NFT_META_L4PROTO, flow->protocol);
	match_address(tables, &flow->to.addr, version == 4 ? 16 : 24);
	match_address(tables, &flow->from.addr, version == 4 ? 12 : 8);
	match_port(tables, flow->to.port, DESTINATION_PORT);
	match_port(tables, flow->from.port, 0);
}

static void verdict_drop(struct nftables *tables)
{
	struct expression expression = expression_begin(tables, "immediate");
	size_t data, verdict;

	put_number(tables, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = netlink_nest(&tables->netlink, NFTA_IMMEDIATE_DATA);
	verdict = netlink_nest(&tables->netlink, NFTA_DATA_VERDICT);
	put_number(tables, NFTA_VERDICT_CODE, NF_DROP);
	netlink_nest_end(&tables->netlink, verdict);
	netlink_nest_end(&tables->netlink, data);
	expression_end(tables, expression);
}

/* ---- the table ---- */

static void add_table(struct nftables *tables)
{
	begin(tables, "make a table of rules", NFT_MSG_NEWTABLE, NLM_F_CREATE);
	put_text(tables, NFTA_TABLE_NAME, tables->table);
	put_number(tables, NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
	netlink_end(&tables->netlink);
}

/* The rules of each flow are a chain of their own, so that they can be taken back by its name. */
static void add_chain(struct nftables *tables, const char *name)
{
	size_t hook;

	begin(tables, "make a chain of rules on input", NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	put_text(tables, NFTA_CHAIN_TABLE, tables->table);
	put_text(tables, NFTA_CHAIN_NAME, name);
	hook = netlink_nest(&tables->netlink, NFTA_CHAIN_HOOK);
	put_number(tables, NFTA_HOOK_HOOKNUM, NF_INET_LOCAL_IN);
	put_number(tables, NFTA_HOOK_PRIORITY, BEFORE_ALL);
	netlink_nest_end(&tables->netlink, hook);
	put_number(tables, NFTA_CHAIN_POLICY, NF_ACCEPT);
	put_text(tables, NFTA_CHAIN_TYPE, "filter");
	netlink_end(&tables->netlink);
}

static void add_rule(struct nftables *tables, const char *chain, const struct flow *flow)
{
	size_t list;

	begin(tables, "add a rule that drops packets", NFT_MSG_NEWRULE,
		NLM_F_CREATE | NLM_F_APPEND);
	put_text(tables, NFTA_RULE_TABLE, tables->table);
	put_text(tables, NFTA_RULE_CHAIN, chain);
	list = netlink_nest(&tables->netlink, NFTA_RULE_EXPRESSIONS);
	match_flow(tables, flow);
	verdict_drop(tables);
	netlink_nest_end(&tables->netlink, list);
	netlink_end(&tables->netlink);
}

bool nftables_open(struct nftables *tables, int number, struct err *err)
{
	if (!netlink_open(&tables->netlink, NETLINK_NETFILTER, err))
		return false;
	snprintf(tables->table, sizeof(tables->table), "mbkit_%d", number);
	frame(tables, NFNL_MSG_BATCH_BEGIN);
	add_table(tables);
	frame(tables, NFNL_MSG_BATCH_END);
	if (netlink_commit(&tables->netlink, err))
		return true;
	if (errno == EPERM)
		err_set(err,
			"keeping the kernel from resetting probed connections needs the "
			"capability CAP_NET_ADMIN (or root)");
	netlink_close(&tables->netlink);
	return false;
}

void nftables_remove(struct nftables *tables)
{
	struct err ignored;

	if (tables->netlink.fd < 0)
		return;
	frame(tables, NFNL_MSG_BATCH_BEGIN);
	begin(tables, "remove a table of rules", NFT_MSG_DELTABLE, 0);
	put_text(tables, NFTA_TABLE_NAME, tables->table);
	netlink_end(&tables->netlink);
	frame(tables, NFNL_MSG_BATCH_END);
	netlink_commit(&tables->netlink, &ignored);
}

bool nftables_drop(struct nftables *tables, unsigned int number, const struct flow *flow,
	struct err *err)
{
	char chain[CHAIN_TEXT];

	snprintf(chain, sizeof(chain), "flow%u", number);
	frame(tables, NFNL_MSG_BATCH_BEGIN);
	add_chain(tables, chain);
	add_rule(tables, chain, flow);
	frame(tables, NFNL_MSG_BATCH_END);
	return netlink_commit(&tables->netlink, err);
}

bool nftables_pass(struct nftables *tables, unsigned int number, struct err *err)
{
	char chain[CHAIN_TEXT];

	snprintf(chain, sizeof(chain), "flow%u", number);
	frame(tables, NFNL_MSG_BATCH_BEGIN);
	begin(tables, "remove a rule", NFT_MSG_DELRULE, 0);
	put_text(tables, NFTA_RULE_TABLE, tables->table);
	put_text(tables, NFTA_RULE_CHAIN, chain);
	netlink_end(&tables->netlink);
	begin(tables, "remove a chain of rules", NFT_MSG_DELCHAIN, 0);
	put_text(tables, NFTA_CHAIN_TABLE, tables->table);
	put_text(tables, NFTA_CHAIN_NAME, chain);
	netlink_end(&tables->netlink);
	frame(tables, NFNL_MSG_BATCH_END);
	return netlink_commit(&tables->netlink, err);
}
