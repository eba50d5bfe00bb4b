/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/wire/mptcp.h"

#include <string.h>

/* Bits of the DSS flags byte (RFC 8684 fig. 9). */
enum {
	DSS_ACK = 0x01,
	DSS_ACK_WIDE = 0x02,
	DSS_MAPPING = 0x04,
	DSS_DSN_WIDE = 0x08,
	DSS_FIN = 0x10,
	DSS_RESERVED = 0xe0,
};

/* ---- decoding: one function a subtype, bytes and length given; false when the length is none ----
 */

static bool parse_capable(struct mptcp_opt *opt, const uint8_t *bytes, uint32_t length)
{
	struct mp_capable *capable = &opt->capable;

	if (length != 4 && length != 12 && length != 20 && length != 22 && length != 24)
		return false;
	capable->version = bytes[2] & 15;
	capable->flags = bytes[3];
	capable->has_sender_key = length >= 12;
	capable->has_receiver_key = length >= 20;
	capable->has_data_length = length >= 22;
	capable->has_checksum = length == 24;
	if (capable->has_sender_key)
		capable->sender_key = get_be64(bytes + 4);
	if (capable->has_receiver_key)
		capable->receiver_key = get_be64(bytes + 12);
	if (capable->has_data_length)
		capable->data_length = get_be16(bytes + 20);
	if (capable->has_checksum)
		capable->checksum = get_be16(bytes + 22);
	return true;
}

static bool parse_join(struct mptcp_opt *opt, const uint8_t *bytes, uint32_t length)
{
	struct mp_join *join = &opt->join;

	if (length == 24) {
		join->form = JOIN_ACK;
		opt->reserved = get_be16(bytes + 2) & 0xfff;
		memcpy(join->hmac160, bytes + 4, sizeof(join->hmac160));
		return true;
	}
	join->backup = bytes[2] & 1;
	opt->reserved = (uint16_t)((bytes[2] & 14) << 8);
	join->address_id = bytes[3];
	if (length == 12) {
		join->form = JOIN_SYN;
		join->token = get_be32(bytes + 4);
		join->nonce = get_be32(bytes + 8);
	} else if (length == 16) {
		join->form = JOIN_SYNACK;
		join->hmac64 = get_be64(bytes + 4);
		join->nonce = get_be32(bytes + 12);
	} else {
		return false;
	}
	return true;
}

/* Read a number of either width and step over it. */
static uint64_t take_number(const uint8_t **at, bool wide)
{
	uint64_t value = wide ? get_be64(*at) : get_be32(*at);

	*at += wide ? 8 : 4;
	return value;
}

/* Length of a DSS without checksum. */
static uint32_t dss_len(const struct mp_dss *dss)
{
	uint32_t ack = dss->has_ack ? (dss->ack_wide ? 8 : 4) : 0;
	uint32_t mapping = dss->has_mapping ? (dss->dsn_wide ? 8 : 4) + 6 : 0;

	return 4 + ack + mapping;
}

static bool parse_dss(struct mptcp_opt *opt, const uint8_t *bytes, uint32_t length)
{
	struct mp_dss *dss = &opt->dss;
	const uint8_t *at = bytes + 4;
	uint32_t plain;

	if (length < 4)
		return false;
	dss->has_ack = bytes[3] & DSS_ACK;
	dss->ack_wide = bytes[3] & DSS_ACK_WIDE;
	dss->has_mapping = bytes[3] & DSS_MAPPING;
	dss->dsn_wide = bytes[3] & DSS_DSN_WIDE;
	dss->data_fin = bytes[3] & DSS_FIN;
	opt->reserved = (uint16_t)((bytes[2] & 15) << 8 | (bytes[3] & DSS_RESERVED));
	plain = dss_len(dss);
	/* The length alone tells whether a checksum is there (RFC 8684 3.3). */
	dss->has_checksum = dss->has_mapping && length == plain + 2;
	if (length != plain && !dss->has_checksum)
		return false;
	if (dss->has_ack)
		dss->ack = take_number(&at, dss->ack_wide);
	if (dss->has_mapping) {
		dss->dsn = take_number(&at, dss->dsn_wide);
		dss->ssn = get_be32(at);
		dss->length = get_be16(at + 4);
	}
	if (dss->has_checksum)
		dss->checksum = get_be16(at + 6);
	return true;
}

/*
 * The low nibble is IPVer (4 or 6) in v0 and flags ending in E in v1; IPVer is even, so that a
 * short form is an echo when the last bit is set and of v0 when the nibble fits the length.
 */
static bool parse_add_addr(struct mptcp_opt *opt, const uint8_t *bytes, uint32_t length)
{
	struct mp_add_addr *add = &opt->add_addr;
	uint8_t nibble = bytes[2] & 15;
	uint32_t rest;
	uint8_t version;

	add->has_hmac = length == 16 || length == 18 || length == 28 || length == 30;
	rest = add->has_hmac ? length - 8 : length;
	if (rest != 8 && rest != 10 && rest != 20 && rest != 22)
		return false;
	version = rest < 20 ? 4 : 6;
	add->echo = nibble & 1;
	add->is_v0 = !add->has_hmac && nibble == version;
	if (add->has_hmac == add->echo && !add->is_v0)
		return false;
	if (!add->is_v0)
		opt->reserved = (uint16_t)((nibble & 14) << 8);
	add->address_id = bytes[3];
	add->addr = addr_from_bytes(version, bytes + 4);
	add->has_port = rest == 10 || rest == 22;
	if (add->has_port)
		add->port = get_be16(bytes + rest - 2);
	if (add->has_hmac)
		add->hmac = get_be64(bytes + rest);
	return true;
}

static bool parse_remove_addr(struct mptcp_opt *opt, const uint8_t *bytes, uint32_t length)
{
	if (length < 4 || length - 3 > sizeof(opt->remove_addr.ids))
		return false;
	opt->reserved = (uint16_t)((bytes[2] & 15) << 8);
	opt->remove_addr.count = (uint8_t)(length - 3);
	memcpy(opt->remove_addr.ids, bytes + 3, length - 3);
	return true;
}

static bool parse_prio(struct mptcp_opt *opt, const uint8_t *bytes, uint32_t length)
{
	if (length != 3 && length != 4)
		return false;
	opt->reserved = (uint16_t)((bytes[2] & 14) << 8);
	opt->prio.backup = bytes[2] & 1;
	opt->prio.has_address_id = length == 4;
	if (opt->prio.has_address_id)
		opt->prio.address_id = bytes[3];
	return true;
}

static bool parse_fail(struct mptcp_opt *opt, const uint8_t *bytes, uint32_t length)
{
	if (length != 12)
		return false;
	opt->reserved = get_be16(bytes + 2) & 0xfff;
	opt->fail_dsn = get_be64(bytes + 4);
	return true;
}

static bool parse_fastclose(struct mptcp_opt *opt, const uint8_t *bytes, uint32_t length)
{
	if (length != 12)
		return false;
	opt->reserved = get_be16(bytes + 2) & 0xfff;
	opt->fastclose_key = get_be64(bytes + 4);
	return true;
}

static bool parse_tcprst(struct mptcp_opt *opt, const uint8_t *bytes, uint32_t length)
{
	if (length != 4)
		return false;
	opt->tcprst.flags = bytes[2] & 15;
	opt->tcprst.transient = bytes[2] & 1;
	opt->tcprst.reason = bytes[3];
	return true;
}

/* ---- encoding: bytes 0, 1 and the subtype are set by mptcp_emit; returns the length ---- */

static uint8_t *put_number(uint8_t *at, uint64_t value, bool wide)
{
	if (wide) {
		put_be64(at, value);
		return at + 8;
	}
	put_be32(at, (uint32_t)value);
	return at + 4;
}

static uint32_t emit_capable(const struct mptcp_opt *opt, uint8_t *bytes)
{
	const struct mp_capable *capable = &opt->capable;
	uint8_t *at = bytes + 4;

	bytes[2] |= capable->version & 15;
	bytes[3] = capable->flags;
	if (capable->has_sender_key)
		at = put_number(at, capable->sender_key, true);
	if (capable->has_receiver_key)
		at = put_number(at, capable->receiver_key, true);
	if (capable->has_data_length) {
		put_be16(at, capable->data_length);
		at += 2;
	}
	if (capable->has_checksum) {
		put_be16(at, capable->checksum);
		at += 2;
	}
	return (uint32_t)(at - bytes);
}

static uint32_t emit_join(const struct mptcp_opt *opt, uint8_t *bytes)
{
	const struct mp_join *join = &opt->join;

	if (join->form == JOIN_ACK) {
		memcpy(bytes + 4, join->hmac160, sizeof(join->hmac160));
		return 24;
	}
	bytes[2] |= join->backup;
	bytes[3] = join->address_id;
	if (join->form == JOIN_SYN) {
		put_be32(bytes + 4, join->token);
		put_be32(bytes + 8, join->nonce);
		return 12;
	}
	put_be64(bytes + 4, join->hmac64);
	put_be32(bytes + 12, join->nonce);
	return 16;
}

static uint32_t emit_dss(const struct mptcp_opt *opt, uint8_t *bytes)
{
	const struct mp_dss *dss = &opt->dss;
	uint8_t *at = bytes + 4;

	bytes[3] |= (uint8_t)((dss->has_ack ? DSS_ACK : 0) | (dss->ack_wide ? DSS_ACK_WIDE : 0) |
		(dss->has_mapping ? DSS_MAPPING : 0) | (dss->dsn_wide ? DSS_DSN_WIDE : 0) |
		(dss->data_fin ? DSS_FIN : 0));
	if (dss->has_ack)
		at = put_number(at, dss->ack, dss->ack_wide);
	if (!dss->has_mapping)
		return (uint32_t)(at - bytes);
	at = put_number(at, dss->dsn, dss->dsn_wide);
	put_be32(at, dss->ssn);
	put_be16(at + 4, dss->length);
	at += 6;
	if (dss->has_checksum) {
		put_be16(at, dss->checksum);
		at += 2;
	}
	return (uint32_t)(at - bytes);
}

static uint32_t emit_add_addr(const struct mptcp_opt *opt, uint8_t *bytes)
{
	const struct mp_add_addr *add = &opt->add_addr;
	size_t length = addr_len(&add->addr);
	uint8_t *at = bytes + 4;

	bytes[2] |= add->is_v0 ? add->addr.version : add->echo;
	bytes[3] = add->address_id;
	memcpy(at, add->addr.bytes, length);
	at += length;
	if (add->has_port) {
		put_be16(at, add->port);
		at += 2;
	}
	if (add->has_hmac)
		at = put_number(at, add->hmac, true);
	return (uint32_t)(at - bytes);
}

static uint32_t emit_remove_addr(const struct mptcp_opt *opt, uint8_t *bytes)
{
	memcpy(bytes + 3, opt->remove_addr.ids, opt->remove_addr.count);
	return 3u + opt->remove_addr.count;
}

static uint32_t emit_prio(const struct mptcp_opt *opt, uint8_t *bytes)
{
	bytes[2] |= opt->prio.backup;
	bytes[3] = opt->prio.address_id;
	return opt->prio.has_address_id ? 4 : 3;
}

static uint32_t emit_fail(const struct mptcp_opt *opt, uint8_t *bytes)
{
	put_be64(bytes + 4, opt->fail_dsn);
	return 12;
}

static uint32_t emit_fastclose(const struct mptcp_opt *opt, uint8_t *bytes)
{
	put_be64(bytes + 4, opt->fastclose_key);
	return 12;
}

static uint32_t emit_tcprst(const struct mptcp_opt *opt, uint8_t *bytes)
{
	bytes[2] |= (uint8_t)((opt->tcprst.flags & 14) | opt->tcprst.transient);
	bytes[3] = opt->tcprst.reason;
	return 4;
}

/* ---- by subtype ---- */

struct subtype {
	const char *name;
	bool (*parse)(struct mptcp_opt *opt, const uint8_t *bytes, uint32_t length);
	uint32_t (*emit)(const struct mptcp_opt *opt, uint8_t *bytes);
};

static const struct subtype subtypes[] = {
	[MP_CAPABLE] = { "mp_capable", parse_capable, emit_capable },
	[MP_JOIN] = { "mp_join", parse_join, emit_join },
	[MP_DSS] = { "dss", parse_dss, emit_dss },
	[MP_ADD_ADDR] = { "add_addr", parse_add_addr, emit_add_addr },
	[MP_REMOVE_ADDR] = { "remove_addr", parse_remove_addr, emit_remove_addr },
	[MP_PRIO] = { "mp_prio", parse_prio, emit_prio },
	[MP_FAIL] = { "mp_fail", parse_fail, emit_fail },
	[MP_FASTCLOSE] = { "mp_fastclose", parse_fastclose, emit_fastclose },
	[MP_TCPRST] = { "mp_tcprst", parse_tcprst, emit_tcprst },
};

static const struct subtype *subtype_find(unsigned int subtype)
{
	return subtype < sizeof(subtypes) / sizeof(*subtypes) ? &subtypes[subtype] : NULL;
}

bool mptcp_parse(struct mptcp_opt *opt, const uint8_t *bytes, uint32_t length)
{
	const struct subtype *subtype;

	if (length < 3)
		return false;
	subtype = subtype_find(bytes[2] >> 4);
	if (subtype == NULL)
		return false;
	memset(opt, 0, sizeof(*opt));
	opt->subtype = bytes[2] >> 4;
	opt->length = (uint8_t)length;
	return subtype->parse(opt, bytes, length);
}

uint32_t mptcp_emit(const struct mptcp_opt *opt, uint8_t bytes[static TCPOPT_SPACE])
{
	uint32_t length;

	bytes[0] = TCPOPT_MPTCP;
	put_be16(bytes + 2,
		(uint16_t)((unsigned int)opt->subtype << 12 | (opt->reserved & 0xfffu)));
	length = subtypes[opt->subtype].emit(opt, bytes);
	bytes[1] = (uint8_t)length;
	return length;
}

bool mptcp_next(const struct packet *packet, struct tcpopt *at, struct mptcp_opt *opt)
{
	while (tcpopt_next(packet, at)) {
		if (at->kind == TCPOPT_MPTCP &&
			mptcp_parse(opt, tcpopt_bytes(packet, at), at->length))
			return true;
	}
	return false;
}

bool mptcp_find(const struct packet *packet, enum mptcp_subtype subtype, struct mptcp_opt *opt,
	struct tcpopt *at)
{
	struct tcpopt step = { 0 };

	while (tcpopt_next(packet, &step)) {
		const uint8_t *bytes = tcpopt_bytes(packet, &step);

		if (step.kind != TCPOPT_MPTCP || step.length < 3 || bytes[2] >> 4 != (int)subtype)
			continue;
		if (!mptcp_parse(opt, bytes, step.length))
			continue;
		if (at != NULL)
			*at = step;
		return true;
	}
	return false;
}

const char *mptcp_subtype_name(unsigned int subtype)
{
	const struct subtype *found = subtype_find(subtype);

	return found != NULL ? found->name : NULL;
}
