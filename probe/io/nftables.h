/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nftables.h - a table of nf_tables rules that drop packets on input, made over netlink. The socket
 * owns the table (NFT_TABLE_F_OWNER): nobody else may change it, and the kernel removes it
 * when the socket is closed, by whatever.
 */
#ifndef PROBE_IO_NFTABLES_H
#define PROBE_IO_NFTABLES_H

#include "probe/io/netlink.h"
#include "probe/wire/flow.h"

struct nftables {
	struct netlink netlink;
	char table[32]; /* mbkit_NUMBER */
};

/* Make the table; false with a sentence that names the missing privilege. */
bool nftables_open(struct nftables *tables, int number, struct err *err);

/*
 * Remove it; the socket stays open until the process ends, for closing one that has owned tables
 * makes the kernel wait.
 */
void nftables_remove(struct nftables *tables);

/* Drop the packets of a flow towards this host; the number, new to this table, is its name. */
bool nftables_drop(struct nftables *tables, unsigned int number, const struct flow *flow,
	struct err *err);

/* Drop them no longer. */
bool nftables_pass(struct nftables *tables, unsigned int number, struct err *err);

#endif
