/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nftables.h - a table of nf_tables rules that drop TCP segments on input, made over netlink. The
 * socket owns the table (NFT_TABLE_F_OWNER): nobody else may change it, and the kernel removes it
 * when the socket is closed, by whatever.
 */
#ifndef PROBE_IO_NFTABLES_H
#define PROBE_IO_NFTABLES_H

#include "probe/io/netlink.h"

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

/* Drop what a peer sends to a local address and port; an unspecified address is any. */
bool nftables_drop(struct nftables *tables, const struct sockname *local, const struct addr *peer,
	struct err *err);

#endif
