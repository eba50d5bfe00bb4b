/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * icmp.h - ICMP and ICMPv6 errors (RFC 792, RFC 4443): building one in answer to a packet, with a
 * quote as generous as the router is, and reading one, however it was made. Extensions: RFC 4884,
 * with MPLS labels (RFC 4950) and interface information (RFC 5837).
 */
#ifndef PROBE_WIRE_ICMP_H
#define PROBE_WIRE_ICMP_H

#include "probe/wire/layers.h"

/* What an error says, in either version. */
enum icmp_kind {
	ICMP_UNREACHABLE,
	ICMP_TOO_BIG, /* IPv4: unreachable, fragmentation needed (RFC 1191) */
	ICMP_TIME_EXCEEDED,
	ICMP_PARAMETER_PROBLEM,
	ICMP_OTHER_ERROR, /* source quench, redirect, unknown ICMPv6 errors */
};

enum icmp_quote {
	ICMP_QUOTE_RFC792, /* IP header and eight bytes (or fewer) */
	ICMP_QUOTE_PARTIAL,
	ICMP_QUOTE_FULL,    /* all of the packet, or as much as fits (RFC 1812, RFC 4443) */
	ICMP_QUOTE_RFC4884, /* with length field, padding to 128 bytes, extensions */
};

enum {
	ICMP_CLASS_MPLS = 1,
	ICMP_CLASS_INTERFACE = 2,
	ICMP_OBJECTS_MAX = 256,
};

/* ---- building ---- */

/* Extension objects one after the other, as they follow the extension header. */
struct icmp_objects {
	uint32_t length;
	uint8_t bytes[ICMP_OBJECTS_MAX];
};

struct icmp_mpls {
	uint32_t label;        /* 20 bits */
	uint8_t traffic_class; /* 3 bits */
	bool bottom;           /* last of the stack */
	uint8_t ttl;
};

enum icmp_role {
	ICMP_ROLE_INCOMING, /* the interface the packet came in by */
	ICMP_ROLE_SUB_IP,
	ICMP_ROLE_OUTGOING,
	ICMP_ROLE_NEXT_HOP,
};

struct icmp_interface {
	enum icmp_role role;
	bool has_index, has_addr, has_name, has_mtu;
	uint32_t index;
	struct addr addr;
	char name[64]; /* at most 63 bytes (RFC 5837 4.3) */
	uint32_t mtu;
};

/* Add an object; false when there is no room. */
bool icmp_objects_add(struct icmp_objects *objects, uint8_t class_, uint8_t type, const void *body,
	uint32_t length);
bool icmp_objects_add_mpls(struct icmp_objects *objects, const struct icmp_mpls *labels,
	unsigned int count);
bool icmp_objects_add_interface(struct icmp_objects *objects,
	const struct icmp_interface *interface);

struct icmp_plan {
	struct addr from;    /* the router; of the packet's version */
	enum icmp_kind kind; /* any but ICMP_OTHER_ERROR */
	uint8_t code;        /* not used with ICMP_TOO_BIG */
	uint32_t value;      /* MTU of ICMP_TOO_BIG, pointer of ICMP_PARAMETER_PROBLEM */
	enum icmp_quote quote;
	uint32_t quote_bytes; /* behind the IP header: ICMP_QUOTE_PARTIAL; when not 0 RFC4884 */
	const struct icmp_objects *objects; /* ICMP_QUOTE_RFC4884; may be NULL: none */
	uint8_t ttl;                        /* 0 means 64 */
};

/*
 * Build the error; false when none may be sent about this packet (RFC 1122 3.2.2, RFC 4443 2.4: an
 * ICMP error, a later fragment, a group address, no IP packet) or out is too small.
 */
bool icmp_build(struct packet *out, const struct icmp_plan *plan, const struct packet *about);

/* ---- reading ---- */

/* Offsets count from the first byte of the packet that holds the error. */
struct icmp_error {
	enum icmp_kind kind;
	uint8_t type, code;
	uint32_t value; /* MTU, pointer or the rest of the header */
	enum icmp_quote quote;
	uint32_t quote_offset; /* the quoted packet */
	uint32_t quote_length; /* bytes of the quote, padding included */
	uint32_t quote_known;  /* bytes of it that are the quoted packet's for sure */
	bool has_extensions;
	bool extensions_ok;                            /* version and checksum are right */
	uint32_t extensions_offset, extensions_length; /* the objects, header left out */
};

/* False when the packet is no ICMP error. */
bool icmp_parse(struct icmp_error *error, const struct packet *packet);

/* One extension object; offset and length are its body's. */
struct icmp_object {
	uint8_t class_, type;
	uint32_t offset, length;
};

/* Step through the objects (start with {0}); stops at one that cannot be. */
bool icmp_object_next(const struct packet *packet, const struct icmp_error *error,
	struct icmp_object *object);

/* Labels of an MPLS object, at most room; 0 when it is none. */
unsigned int icmp_object_mpls(const struct packet *packet, const struct icmp_object *object,
	struct icmp_mpls *labels, unsigned int room);

/* Interface information; false when it is none or is cut. */
bool icmp_object_interface(const struct packet *packet, const struct icmp_object *object,
	struct icmp_interface *interface);

/* "rfc792", "partial", "full", "rfc4884"; "time-exceeded", "unreachable", ... */
const char *icmp_quote_text(enum icmp_quote quote);
const char *icmp_kind_text(enum icmp_kind kind);

#endif
