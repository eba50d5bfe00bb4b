/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mptcp.h - MPTCP options of both versions (v0: RFC 6824, v1: RFC 8684), decoded once into host
 * order and encoded from the same struct. The version matters only where the two RFCs differ in
 * layout, and is then told from length and content; keys, tokens and HMACs are endpoint/key.h.
 */
#ifndef PROBE_WIRE_MPTCP_H
#define PROBE_WIRE_MPTCP_H

#include "probe/wire/packet.h"
#include "probe/wire/tcpopt.h"

enum mptcp_subtype {
	MP_CAPABLE = 0,
	MP_JOIN = 1,
	MP_DSS = 2,
	MP_ADD_ADDR = 3,
	MP_REMOVE_ADDR = 4,
	MP_PRIO = 5,
	MP_FAIL = 6,
	MP_FASTCLOSE = 7,
	MP_TCPRST = 8,
};

/* Flags of MP_CAPABLE (RFC 8684 3.1). */
enum {
	MPC_CHECKSUM = 0x80,  /* A */
	MPC_EXTENSION = 0x40, /* B */
	MPC_NO_JOIN = 0x20,   /* C: v1 only */
	MPC_HMAC = 0x01,      /* H: HMAC-SHA1 in v0, HMAC-SHA256 in v1 */
	MPC_CRYPTO_V0 = 0x3f, /* C to H */
	MPC_CRYPTO_V1 = 0x1f, /* D to H */
};

enum mp_join_form {
	JOIN_SYN,
	JOIN_SYNACK,
	JOIN_ACK,
};

/* Reasons in MP_TCPRST (RFC 8684 3.6). */
enum {
	RESET_UNSPECIFIED = 0,
	RESET_MPTCP = 1,
	RESET_RESOURCES = 2,
	RESET_PROHIBITED = 3,
	RESET_OUTSTANDING = 4,
	RESET_PERFORMANCE = 5,
	RESET_MIDDLEBOX = 6,
};

struct mp_capable {
	uint8_t version; /* 0 or 1; others are kept as received */
	uint8_t flags;
	bool has_sender_key, has_receiver_key, has_data_length, has_checksum;
	uint64_t sender_key, receiver_key;
	uint16_t data_length;
	uint16_t checksum;
};

struct mp_join {
	enum mp_join_form form;
	bool backup;           /* SYN, SYN/ACK */
	uint8_t address_id;    /* SYN, SYN/ACK */
	uint32_t token, nonce; /* token: SYN; nonce: SYN, SYN/ACK */
	uint64_t hmac64;       /* SYN/ACK */
	uint8_t hmac160[20];   /* third ACK */
};

struct mp_dss {
	bool has_ack, ack_wide, has_mapping, dsn_wide, has_checksum, data_fin;
	uint64_t ack, dsn; /* 32-bit values in the low half when not wide */
	uint32_t ssn;      /* relative: first payload byte of the subflow is 1 */
	uint16_t length;   /* Data-Level Length; 0 is the infinite mapping */
	uint16_t checksum;
};

struct mp_add_addr {
	bool echo, has_port, has_hmac; /* has_hmac: v1 without echo */
	bool is_v0;                    /* IPVer nibble present (v0 layout) */
	uint8_t address_id;
	struct addr addr;
	uint16_t port;
	uint64_t hmac;
};

struct mp_remove_addr {
	uint8_t count;
	uint8_t ids[TCPOPT_SPACE - 3];
};

struct mp_prio {
	bool backup, has_address_id; /* has_address_id: v0, length 4 */
	uint8_t address_id;
};

struct mp_tcprst {
	bool transient; /* T */
	uint8_t flags;  /* U, V, W, T as received; mptcp_emit takes T from transient */
	uint8_t reason;
};

struct mptcp_opt {
	enum mptcp_subtype subtype;
	uint8_t length;    /* on the wire, as received; ignored by mptcp_emit */
	uint16_t reserved; /* bits of bytes 2 and 3 without a meaning there, as received */
	union {
		struct mp_capable capable;
		struct mp_join join;
		struct mp_dss dss;
		struct mp_add_addr add_addr;
		struct mp_remove_addr remove_addr;
		struct mp_prio prio;
		uint64_t fail_dsn;      /* MP_FAIL */
		uint64_t fastclose_key; /* MP_FASTCLOSE: the receiver's key */
		struct mp_tcprst tcprst;
	};
};

/*
 * Decode the option of kind 30 at bytes; false when subtype or length is none that either RFC
 * defines (a value too: the option is then unknown, never an error).
 */
bool mptcp_parse(struct mptcp_opt *opt, const uint8_t *bytes, uint32_t length);

/* Encode into bytes (at least TCPOPT_SPACE); returns the length. */
uint32_t mptcp_emit(const struct mptcp_opt *opt, uint8_t bytes[static TCPOPT_SPACE]);

/*
 * First MPTCP option of a subtype in a TCP packet that decodes. at, when not NULL, gets the view.
 */
bool mptcp_find(const struct packet *packet, enum mptcp_subtype subtype, struct mptcp_opt *opt,
	struct tcpopt *at);

/*
 * Step through all options of kind 30 that decode (struct tcpopt at = {0} first). Options of
 * kind 30 that do not decode are skipped.
 */
bool mptcp_next(const struct packet *packet, struct tcpopt *at, struct mptcp_opt *opt);

/* "mp_capable", "mp_join", "dss", "add_addr", ... or NULL. */
const char *mptcp_subtype_name(unsigned int subtype);

#endif
