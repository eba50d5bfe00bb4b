/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet.h - one IP packet: a buffer with headroom, and offsets into it (never pointers). The
 * buffer is the packet's own, or lies where the packet came in (packet_borrow) and is edited there.
 *
 * packet_parse validates once and fills the offsets; the accessors below then cannot fail.
 * A packet that cannot be parsed is a value: form PACKET_MALFORMED with a fault. Edits go through
 * packet_write / packet_open_gap / packet_close_gap, and packet_finish settles lengths and
 * checksums, incrementally: what was wrong before an edit stays wrong by the same amount.
 * Covers IPv4 (RFC 791), IPv6 with extension headers (RFC 8200), TCP, UDP, ICMP, ICMPv6.
 * What the TCP options mean is tcpopt.h and mptcp.h; fields by name are field.h.
 * A fragment's transport checksum is adjusted by edits but never computed: it covers bytes that
 * are elsewhere.
 */
#ifndef PROBE_WIRE_PACKET_H
#define PROBE_WIRE_PACKET_H

#include "probe/base/bytes.h"
#include "probe/base/nsec.h"
#include "probe/wire/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PACKET_HEADROOM = 64, /* spare bytes kept in front of a packet laid out from scratch */
	PACKET_SMALL = 2048,  /* capacity that holds any packet of an Ethernet MTU, with room */
	PACKET_LARGE = 66048, /* capacity that holds any IP packet */
};

/* Bytes of the headers without options. */
enum {
	IPV4_HEADER = 20,
	IPV6_HEADER = 40,
	TCP_HEADER = 20,
};

enum {
	PROTOCOL_ICMP = 1,
	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17,
	PROTOCOL_ICMPV6 = 58,
};

enum {
	TCP_FIN = 0x001,
	TCP_SYN = 0x002,
	TCP_RST = 0x004,
	TCP_PSH = 0x008,
	TCP_ACK = 0x010,
	TCP_URG = 0x020,
	TCP_ECE = 0x040,
	TCP_CWR = 0x080,
	TCP_AE = 0x100,
};

enum packet_form {
	PACKET_MALFORMED, /* see fault; only bytes and length may be used */
	PACKET_TCP,
	PACKET_UDP,
	PACKET_ICMP,     /* ICMP or ICMPv6 */
	PACKET_OTHER,    /* a good IP packet whose upper layer is none of ours */
	PACKET_FRAGMENT, /* a fragment but the first: no transport header */
};

enum packet_fault {
	FAULT_NONE,
	FAULT_EMPTY,            /* no byte at all */
	FAULT_IP_VERSION,       /* neither 4 nor 6 */
	FAULT_IP_TRUNCATED,     /* shorter than its IP header, or than its IP length says */
	FAULT_IP_HEADER_LENGTH, /* IPv4 IHL under 5 */
	FAULT_IP_TOTAL_LENGTH,  /* length field smaller than the headers */
	FAULT_EXTENSION,        /* IPv6 extension header chain runs out of the packet */
	FAULT_L4_TRUNCATED,     /* transport header cut */
	FAULT_TCP_OFFSET,       /* data offset under 5 or past the end */
	FAULT_UDP_LENGTH,
};

struct packet {
	struct packet *next; /* for the owner's queue or pool; ignored here */
	nsec_t at;           /* when it was captured or sent; the owner's use */
	uint64_t ticket;     /* the owner's use: which one it is; a copy has none (0) */
	uint8_t *buf;        /* its own memory, or what it has borrowed */
	uint32_t capacity;   /* bytes in buf */
	uint32_t start;      /* index in buf of the packet's first byte */
	uint32_t length;     /* bytes of the packet */
	/* set by packet_parse; offsets from start */
	enum packet_form form;
	enum packet_fault fault;
	uint8_t version;  /* 4 or 6 */
	uint8_t protocol; /* upper-layer protocol after extension headers */
	bool is_fragment; /* any fragment, the first included */
	uint32_t l4;      /* transport header */
	uint32_t payload; /* first byte after the transport header (and its options) */
	uint32_t end;     /* first byte after the IP packet; link padding may follow */
	/* kept by the editing functions until packet_finish */
	uint64_t ip_delta, l4_delta; /* ones' complement sums of what edits added less removed */
	bool ip_stale, l4_stale;     /* checksum to be computed in full */
	bool lengths_stale;
	uint32_t own_capacity; /* bytes in own */
	uint8_t own[];
};

/* A packet with room for capacity bytes (PACKET_SMALL, PACKET_LARGE), length 0. */
struct packet *packet_new(uint32_t capacity);
void packet_free(struct packet *packet);

/* The empty packet in memory that has room for capacity bytes behind it. */
void packet_init(struct packet *packet, uint32_t capacity);

/* A copy on the heap with at least the same capacity. */
struct packet *packet_clone(const struct packet *packet);

/* Overwrite to with from; false when to's capacity is too small. Does not touch next. */
bool packet_copy(struct packet *to, const struct packet *from);

/* Set the bytes of a packet and parse them; false only when they do not fit the capacity. */
bool packet_set(struct packet *packet, const void *bytes, size_t length);

/*
 * As packet_set, but the bytes stay where they are and are edited there; a packet that grows moves
 * into its own memory. What is lent must last until packet_own, which moves the bytes there if they
 * are not, or until the packet is thrown away.
 */
bool packet_borrow(struct packet *packet, uint8_t *bytes, size_t length);
void packet_own(struct packet *packet);

/* (Re)derive form, fault and offsets from the bytes, forgetting unsettled edits. Returns form. */
enum packet_form packet_parse(struct packet *packet);

/*
 * Of a packet that a capture cut behind its transport header: zeros for the bytes that are missing,
 * up to what the IP header says, and parsed again. False, unchanged, when nothing can be done.
 */
bool packet_fill_cut(struct packet *packet);

/* A sentence for a fault, e.g. "TCP header cut". */
const char *packet_fault_text(enum packet_fault fault);

/* First byte; valid for length bytes. */
static inline uint8_t *packet_bytes(struct packet *packet)
{
	return packet->buf + packet->start;
}

static inline const uint8_t *packet_data(const struct packet *packet)
{
	return packet->buf + packet->start;
}

/* Spare bytes behind it. */
static inline uint32_t packet_tailroom(const struct packet *packet)
{
	return packet->capacity - packet->start - packet->length;
}

/* ---- IP, for any packet that is not malformed ---- */

void packet_addrs(const struct packet *packet, struct addr *src, struct addr *dst);
uint8_t packet_ttl(const struct packet *packet);         /* IPv4 TTL or IPv6 hop limit */
void packet_set_ttl(struct packet *packet, uint8_t ttl); /* an edit: IPv4 header checksum follows */

/* ---- TCP, for form PACKET_TCP ---- */

static inline const uint8_t *packet_l4(const struct packet *packet)
{
	return packet_data(packet) + packet->l4;
}

static inline uint16_t tcp_sport(const struct packet *p)
{
	return get_be16(packet_l4(p));
}

static inline uint16_t tcp_dport(const struct packet *p)
{
	return get_be16(packet_l4(p) + 2);
}

static inline uint32_t tcp_seq(const struct packet *p)
{
	return get_be32(packet_l4(p) + 4);
}

static inline uint32_t tcp_ack(const struct packet *p)
{
	return get_be32(packet_l4(p) + 8);
}

/* TCP_FIN ... TCP_AE. */
static inline uint16_t tcp_flags(const struct packet *p)
{
	return get_be16(packet_l4(p) + 12) & 0x1ff;
}

static inline uint16_t tcp_window(const struct packet *p)
{
	return get_be16(packet_l4(p) + 14);
}

static inline uint16_t tcp_urgent(const struct packet *p)
{
	return get_be16(packet_l4(p) + 18);
}

/* Payload of the transport header. */
static inline const uint8_t *packet_payload(const struct packet *p)
{
	return packet_data(p) + p->payload;
}

static inline uint32_t packet_payload_len(const struct packet *p)
{
	return p->end - p->payload;
}

/* Sequence space a TCP packet takes: payload plus one each for SYN and FIN. */
static inline uint32_t tcp_seq_len(const struct packet *p)
{
	uint16_t flags = tcp_flags(p);

	return packet_payload_len(p) + ((flags & TCP_SYN) != 0) + ((flags & TCP_FIN) != 0);
}

/* Source and destination with ports (0 where the form has none). */
void packet_socknames(const struct packet *packet, struct sockname *src, struct sockname *dst);

/* IPv6 extension headers (RFC 8200 4, RFC 4302, RFC 6275, RFC 7401, RFC 5533). */
enum {
	EXTENSION_HOP_BY_HOP = 0,
	EXTENSION_ROUTING = 43,
	EXTENSION_FRAGMENT = 44,
	EXTENSION_AUTHENTICATION = 51,
	EXTENSION_DESTINATION = 60,
	EXTENSION_MOBILITY = 135,
	EXTENSION_HIP = 139,
	EXTENSION_SHIM6 = 140,
};

/*
 * Length of the IPv6 extension header of a kind, from its first two bytes; 0 when the kind is none
 * (ESP, which hides what follows, counts as none).
 */
uint32_t ipv6_extension_len(uint8_t kind, const uint8_t *header);

/* Whether header and transport checksums are right (true where there is none, e.g. IPv6 header). */
bool packet_ip_checksum_ok(const struct packet *packet);
bool packet_l4_checksum_ok(const struct packet *packet);

/*
 * Offset of the transport checksum (TCP, UDP, ICMP) from the packet's first byte; 0 when the form
 * has none. Writing there is no edit of what the checksum covers.
 */
uint32_t packet_checksum_offset(const struct packet *packet);

/* Offset of the first byte the transport checksum no longer covers (a UDP length may be short). */
uint32_t packet_covered_end(const struct packet *packet);

/* What a sender would put into the checksum fields; the form must have one, IPv6 gives 0. */
uint16_t packet_l4_checksum(const struct packet *packet);
uint16_t packet_ip_checksum(const struct packet *packet);

/* ---- building ---- */

/*
 * Lay out an IP + TCP header without options or payload (TTL 64, DF set in IPv4), leaving
 * PACKET_HEADROOM in front; the packet is marked for full checksums. Then tcpopt_append*,
 * packet_append_payload, packet_finish. flow_label is ignored in IPv4, ip_id in IPv6.
 */
struct tcp_header {
	struct sockname src, dst;
	uint32_t seq, ack;
	uint16_t flags, window, urgent;
	uint16_t ip_id;
	uint32_t flow_label;
	uint8_t ttl; /* 0 means 64 */
};
void packet_init_tcp(struct packet *packet, const struct tcp_header *header);

/*
 * Room for length payload bytes at the end; returns where to write them. NULL when full. For
 * construction: the transport checksum will be computed in full.
 */
uint8_t *packet_append_payload(struct packet *packet, uint32_t length);

/* ---- editing; offsets count from the packet's first byte ---- */

/* Overwrite length bytes at offset. Address changes reach the transport checksum too. */
void packet_write(struct packet *packet, uint32_t offset, const void *bytes, uint32_t length);
void packet_write16(struct packet *packet, uint32_t offset, uint16_t value);
void packet_write32(struct packet *packet, uint32_t offset, uint32_t value);

/*
 * Insert length zero bytes at offset, or remove them; header bytes move down into the headroom
 * where that is shorter. The offsets l4, payload, end follow: a gap at exactly payload belongs to
 * the options when for_options, else to the payload. False when it cannot fit (65,535, capacity,
 * 60-byte TCP header is the caller's care).
 */
bool packet_open_gap(struct packet *packet, uint32_t offset, uint32_t length, bool for_options);
void packet_close_gap(struct packet *packet, uint32_t offset, uint32_t length);

/* All lengths and checksums are to be computed in full by the next packet_finish. */
void packet_mark_stale(struct packet *packet);

/*
 * Settle what edits left open: IP total/payload length, TCP data offset (from payload - l4), UDP
 * length, IPv4 header checksum, transport checksum; incrementally unless marked stale.
 */
void packet_finish(struct packet *packet);

/* As packet_finish, but the transport checksum is left as it is (a box told to leave it wrong). */
void packet_finish_lengths(struct packet *packet);

#endif
