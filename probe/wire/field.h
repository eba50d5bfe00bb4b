/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * field.h - the header fields by name: one table that comparing, reports, Lua and rewriting boxes
 * share. TCP options have identities of their own, optid.h.
 */
#ifndef PROBE_WIRE_FIELD_H
#define PROBE_WIRE_FIELD_H

#include "probe/wire/layers.h"

enum field_layer {
	LAYER_IP4,
	LAYER_IP6,
	LAYER_TCP,
	LAYER_UDP,
	LAYER_ICMP, /* ICMP and ICMPv6 */
	LAYER_PAYLOAD,
};

enum field_format {
	FIELD_DECIMAL,
	FIELD_HEX,
	FIELD_FLAGS, /* TCP flags in the letters of text.h */
	FIELD_ADDR,  /* 4 or 16 bytes */
	FIELD_BYTES, /* what lies between two layers, any length */
};

struct field {
	const char *name; /* "tcp.seq" */
	enum field_layer layer;
	enum field_format format;
	uint16_t offset;  /* in bits from the layer's first byte */
	uint16_t width;   /* in bits; 0: up to the layer's end */
	bool hop_mutable; /* a router must change it (RFC 1812 5.2): TTL, header checksum */
	bool follows;     /* follows from other content: lengths, offsets, checksums */
};

enum { FIELD_TEXT = 48 }; /* room for the text of any field but FIELD_BYTES */

/* By name; NULL when there is none. */
const struct field *field_find(const char *name);

/* The index-th field of the table; NULL behind the last. */
const struct field *field_at(size_t index);

/* The bytes a field lies in; false when the packet has no such layer, or layers do not tell. */
bool field_range(const struct field *field, const struct layers *layers, uint32_t *offset,
	uint32_t *length);

/* Whether all of a field lies within the known bytes. */
bool field_covered(const struct field *field, const struct layers *layers);

/* Value of a covered field that is no address and no bytes; false when it is not covered. */
bool field_read(const struct field *field, const struct layers *layers, const uint8_t *bytes,
	uint64_t *value);

/*
 * Value as text, from the bytes that field_range tells; those of a field that is bytes are hex, and
 * cut to fit. Returns buf.
 */
const char *field_bytes_text(const struct field *field, const uint8_t *at, uint32_t length,
	char *buf, size_t size);

/* Value in a whole packet; false when the packet has no such field, or it is no number. */
bool field_get(const struct field *field, const struct packet *packet, uint64_t *value);

/*
 * Set a field: an edit, packet_finish settles checksums (setting a checksum field itself stands).
 * False when the packet has no such field or the value does not fit. Setting what says where layers
 * lie (tcp.offset, ip.header-length) needs packet_parse before the packet is looked at again.
 */
bool field_set(const struct field *field, struct packet *packet, uint64_t value);

#endif
