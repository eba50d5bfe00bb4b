/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text_read.c - building the packet a text describes.
 */
#include "probe/wire/text.h"

#include "probe/wire/text_part.h"

#include <string.h>

/* What was read so far. The packet grows in the order of the text; lengths and checksums last. */
struct draft {
	struct packet *packet;
	struct word text; /* not read yet */
	struct err *err;
	struct sockname src, dst;
	bool has_ports;
	enum packet_form form;
	uint8_t protocol;
	uint32_t next_header; /* offset of the byte that names the next header */
	uint32_t l4, payload; /* offsets; payload: end of the transport header */
	uint32_t payload_length, pad;
	bool has_payload, has_ip_sum, has_sum, has_udp_length;
	uint64_t ip_sum, sum, udp_length;
};

static bool refuse(struct draft *draft, const struct word *word, const char *what)
{
	return err_set(draft->err, "packet text: %s at \"%.*s\"", what, (int)word->length,
		word->at);
}

static uint8_t *bytes_at(struct draft *draft, uint32_t offset)
{
	return packet_bytes(draft->packet) + offset;
}

/* Room for more zero bytes at the end; NULL with a sentence when there is none. */
static uint8_t *grow(struct draft *draft, size_t length)
{
	struct packet *packet = draft->packet;
	uint8_t *at = packet_bytes(packet) + packet->length;

	if (length > packet->capacity - packet->start - packet->length) {
		err_set(draft->err, "packet text: the packet is longer than %u bytes",
			packet->capacity);
		return NULL;
	}
	memset(at, 0, length);
	packet->length += (uint32_t)length;
	return at;
}

/* The next word as bytes at the end of the packet. */
static bool take_bytes(struct draft *draft, uint32_t *length)
{
	struct word word;
	uint8_t *at;
	size_t count = 0;

	if (!word_take(&draft->text, "", &word))
		return refuse(draft, &word, "bytes are missing");
	at = grow(draft, word.length / 2);
	if (at == NULL)
		return false;
	if (!word_bytes(&word, at, word.length / 2, &count))
		return refuse(draft, &word, "not bytes in hex");
	*length = (uint32_t)count;
	return true;
}

static bool take_number(struct draft *draft, bool hex, uint64_t limit, uint64_t *value)
{
	struct word word;

	if (word_take(&draft->text, "[<", &word) &&
		(hex ? word_hex(&word, limit, value) : word_decimal(&word, limit, value)))
		return true;
	return refuse(draft, &word, "not a number in range");
}

static bool take_name(struct draft *draft, struct sockname *name, bool *has_port)
{
	char text[SOCKNAME_TEXT + 1];
	struct word word;

	if (!word_take(&draft->text, "", &word) || !word_copy(&word, text, sizeof(text)))
		return refuse(draft, &word, "no address");
	*has_port = sockname_parse(name, text);
	name->port = *has_port ? name->port : 0;
	if (!*has_port && !addr_parse(&name->addr, text))
		return refuse(draft, &word, "no address");
	return true;
}

/* "SRC > DST", and the fixed IP header that follows from them. */
static bool read_names(struct draft *draft)
{
	bool src_has_port = false, is_v6;
	struct word word;
	uint8_t *ip;

	if (!take_name(draft, &draft->src, &src_has_port))
		return false;
	if (!word_take(&draft->text, "", &word) || !word_is(&word, ">"))
		return refuse(draft, &word, "\">\" is missing");
	if (!take_name(draft, &draft->dst, &draft->has_ports))
		return false;
	is_v6 = draft->dst.addr.version == 6;
	if (draft->src.addr.version != draft->dst.addr.version || src_has_port != draft->has_ports)
		return refuse(draft, &word, "source and destination of different kinds");
	ip = grow(draft, is_v6 ? 40 : 20);
	if (ip == NULL)
		return false;
	ip[0] = is_v6 ? 0x60 : 0x40;
	ip[is_v6 ? 7 : 8] = 64;
	ip[6] = is_v6 ? 0 : 0x40;
	memcpy(ip + (is_v6 ? 8 : 12), draft->src.addr.bytes, addr_len(&draft->src.addr));
	memcpy(ip + (is_v6 ? 24 : 16), draft->dst.addr.bytes, addr_len(&draft->dst.addr));
	draft->next_header = is_v6 ? 6 : 9;
	return true;
}

static void set_bits16(struct draft *draft, uint32_t offset, uint64_t value)
{
	uint8_t *at = bytes_at(draft, offset);

	put_be16(at, (uint16_t)(get_be16(at) | value));
}

/* An extension header: its kind goes where the one before names the next. */
static bool read_extension(struct draft *draft)
{
	uint32_t at = draft->packet->length, length;
	uint64_t kind = 0;

	if (!take_number(draft, false, UINT8_MAX, &kind) || grow(draft, 1) == NULL ||
		!take_bytes(draft, &length))
		return false;
	*bytes_at(draft, draft->next_header) = (uint8_t)kind;
	draft->next_header = at;
	return true;
}

/* One word of the IP header; *known tells whether it was one. */
static bool read_ip_item(struct draft *draft, const struct word *word, bool *known)
{
	bool is_v4 = draft->dst.addr.version == 4;
	uint64_t value = 0;
	uint32_t length = 0;
	bool ok = true;

	*known = true;
	if (word_is(word, "ttl")) {
		ok = take_number(draft, false, UINT8_MAX, &value);
		*bytes_at(draft, is_v4 ? 8 : 7) = (uint8_t)value;
	} else if (word_is(word, "tos")) {
		ok = take_number(draft, true, UINT8_MAX, &value);
		set_bits16(draft, 0, is_v4 ? value : value << 4);
	} else if (!is_v4 && word_is(word, "flow")) {
		ok = take_number(draft, true, 0xfffff, &value);
		set_bits16(draft, 0, value >> 16);
		set_bits16(draft, 2, value & UINT16_MAX);
	} else if (!is_v4 && word_is(word, "ext")) {
		ok = read_extension(draft);
	} else if (is_v4 && word_is(word, "id")) {
		ok = take_number(draft, false, UINT16_MAX, &value);
		set_bits16(draft, 4, value);
	} else if (is_v4 && word_is(word, "nodf")) {
		*bytes_at(draft, 6) &= 0xbf;
	} else if (is_v4 && word_is(word, "evil")) {
		*bytes_at(draft, 6) |= 0x80;
	} else if (is_v4 && word_is(word, "mf")) {
		*bytes_at(draft, 6) |= 0x20;
	} else if (is_v4 && word_is(word, "frag")) {
		ok = take_number(draft, false, 0x1fff, &value);
		set_bits16(draft, 6, value);
	} else if (is_v4 && word_is(word, "ipopt")) {
		ok = take_bytes(draft, &length);
	} else if (is_v4 && word_is(word, "ipsum")) {
		draft->has_ip_sum = true;
		ok = take_number(draft, true, UINT16_MAX, &draft->ip_sum);
	} else {
		*known = false;
	}
	return ok;
}

/* The part of a text before a character, which is taken too; false when it has no such part. */
static bool take_before(struct word *text, char stop, struct word *part)
{
	const char *at = memchr(text->at, stop, text->length);

	if (at == NULL)
		return false;
	part->at = text->at;
	part->length = (size_t)(at - text->at);
	text->at += part->length + 1;
	text->length -= part->length + 1;
	return true;
}

/* "SEQ:END(LEN)" */
static bool read_sequence(struct draft *draft, uint8_t *tcp)
{
	struct word whole, rest, part;
	uint64_t seq = 0, end = 0, length = 0;

	if (!word_take(&draft->text, "<[", &whole))
		return refuse(draft, &whole, "sequence numbers are missing");
	rest = whole;
	if (!take_before(&rest, ':', &part) || !word_decimal(&part, UINT32_MAX, &seq))
		return refuse(draft, &whole, "no sequence number");
	if (!take_before(&rest, '(', &part) || !word_decimal(&part, UINT32_MAX, &end))
		return refuse(draft, &whole, "no end of the sequence numbers");
	if (!take_before(&rest, ')', &part) || !word_decimal(&part, UINT16_MAX, &length) ||
		rest.length != 0)
		return refuse(draft, &whole, "no length");
	if ((uint32_t)(seq + length) != end)
		return refuse(draft, &whole, "sequence numbers and length disagree");
	put_be32(tcp + 4, (uint32_t)seq);
	draft->payload_length = (uint32_t)length;
	return true;
}

static bool read_tcp(struct draft *draft, const struct word *word)
{
	char text[TCP_FLAGS_TEXT];
	uint16_t flags;
	uint8_t *tcp;

	if (!word_copy(word, text, sizeof(text)) || !tcp_flags_parse(&flags, text))
		return refuse(draft, word, "unknown word");
	tcp = grow(draft, 20);
	if (tcp == NULL)
		return false;
	put_be16(tcp + 12, flags);
	draft->form = PACKET_TCP;
	draft->protocol = PROTOCOL_TCP;
	return read_sequence(draft, tcp);
}

static bool read_icmp(struct draft *draft)
{
	struct word word;
	uint64_t type = 0, code = 0;
	uint8_t *icmp;

	icmp = grow(draft, 8);
	if (icmp == NULL)
		return false;
	draft->form = PACKET_ICMP;
	draft->protocol = draft->dst.addr.version == 4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6;
	if (!word_take(&draft->text, "/", &word) || !word_decimal(&word, UINT8_MAX, &type))
		return refuse(draft, &word, "no ICMP type");
	if (draft->text.length == 0 || *draft->text.at != '/')
		return refuse(draft, &word, "no ICMP code");
	draft->text.at++;
	draft->text.length--;
	if (!word_take(&draft->text, "", &word) || !word_decimal(&word, UINT8_MAX, &code))
		return refuse(draft, &word, "no ICMP code");
	icmp[0] = (uint8_t)type;
	icmp[1] = (uint8_t)code;
	return true;
}

/* The transport header's first word. */
static bool read_body(struct draft *draft, const struct word *word)
{
	uint64_t protocol = 0;

	draft->l4 = draft->packet->length;
	if (word_is(word, "icmp"))
		return read_icmp(draft);
	if (word_is(word, "proto")) {
		draft->form = PACKET_OTHER;
		if (!take_number(draft, false, UINT8_MAX, &protocol))
			return false;
		draft->protocol = (uint8_t)protocol;
		return true;
	}
	if (!draft->has_ports)
		return refuse(draft, word, "ports are missing, or the word is unknown");
	if (!word_is(word, "udp"))
		return read_tcp(draft, word);
	draft->form = PACKET_UDP;
	draft->protocol = PROTOCOL_UDP;
	return grow(draft, 8) != NULL;
}

static bool read_options(struct draft *draft)
{
	const char *end = memchr(draft->text.at, '>', draft->text.length);
	struct word inside = { draft->text.at + 1, 0 };
	uint8_t bytes[TCPOPT_SPACE], *at;
	uint32_t length = 0;

	if (end == NULL)
		return err_set(draft->err, "packet text: \">\" behind the TCP options is missing");
	if (draft->form != PACKET_TCP || draft->packet->length != draft->l4 + 20)
		return err_set(draft->err, "packet text: TCP options where none can be");
	inside.length = (size_t)(end - inside.at);
	draft->text.length -= inside.length + 2;
	draft->text.at = end + 1;
	if (!options_read(inside, bytes, &length, draft->err))
		return false;
	at = grow(draft, (length + 3) / 4 * 4);
	if (at != NULL)
		memcpy(at, bytes, length);
	return at != NULL;
}

/* The payload in hex; it may be left out, and is zeros then. */
static bool read_payload(struct draft *draft)
{
	uint32_t length = 0;

	if (draft->has_payload)
		return err_set(draft->err, "packet text: two payloads");
	draft->has_payload = true;
	draft->payload = draft->packet->length;
	if (!take_bytes(draft, &length))
		return false;
	if (length == draft->payload_length)
		return true;
	return err_set(draft->err, "packet text: payload of %u bytes where %u are announced",
		length, draft->payload_length);
}

struct number_item {
	enum packet_form form;
	const char *word;
	uint8_t offset, size; /* in the transport header */
	bool hex;
	uint8_t shift;
	uint32_t limit;
};

static bool read_number_item(struct draft *draft, const struct word *word, bool *known)
{
	static const struct number_item items[] = {
		{ PACKET_TCP, "ack", 8, 4, false, 0, UINT32_MAX },
		{ PACKET_TCP, "win", 14, 2, false, 0, UINT16_MAX },
		{ PACKET_TCP, "urg", 18, 2, false, 0, UINT16_MAX },
		{ PACKET_TCP, "res", 12, 2, false, 9, 7 },
		{ PACKET_ICMP, "rest", 4, 4, true, 0, UINT32_MAX },
	};
	uint64_t value = 0;
	uint8_t *at;
	size_t i;

	for (i = 0; i < sizeof(items) / sizeof(*items); i++) {
		*known = items[i].form == draft->form && word_is(word, items[i].word);
		if (!*known)
			continue;
		if (!take_number(draft, items[i].hex, items[i].limit, &value))
			return false;
		at = bytes_at(draft, draft->l4 + items[i].offset);
		if (items[i].size == 2)
			set_bits16(draft, draft->l4 + items[i].offset, value << items[i].shift);
		else
			put_be32(at, (uint32_t)value);
		return true;
	}
	return true;
}

/* A word behind the transport header's first. */
static bool read_item(struct draft *draft, const struct word *word)
{
	uint64_t value = 0;
	bool known;

	if (!read_number_item(draft, word, &known))
		return false;
	if (known)
		return true;
	if (word_is(word, "sum")) {
		draft->has_sum = true;
		return take_number(draft, true, UINT16_MAX, &draft->sum);
	}
	if (word_is(word, "payload"))
		return read_payload(draft);
	if (draft->form == PACKET_UDP && word_is(word, "ulen")) {
		draft->has_udp_length = true;
		return take_number(draft, false, UINT16_MAX, &draft->udp_length);
	}
	if (draft->form == PACKET_TCP || !word_is(word, "len"))
		return refuse(draft, word, "unknown word");
	if (!take_number(draft, false, UINT16_MAX, &value))
		return false;
	draft->payload_length = (uint32_t)value;
	return true;
}

static bool read_padding(struct draft *draft)
{
	if (!draft->has_payload) {
		draft->has_payload = true;
		draft->payload = draft->packet->length;
		if (grow(draft, draft->payload_length) == NULL)
			return false;
	}
	return take_bytes(draft, &draft->pad);
}

static bool skip_comment(struct draft *draft)
{
	const char *end = memchr(draft->text.at, ']', draft->text.length);

	if (end == NULL)
		return err_set(draft->err, "packet text: \"]\" is missing");
	draft->text.length -= (size_t)(end + 1 - draft->text.at);
	draft->text.at = end + 1;
	return true;
}

/* Everything behind the two names. */
static bool read_items(struct draft *draft)
{
	struct word word;
	bool known = false, ok = true;

	while (ok) {
		if (!word_take(&draft->text, "<[", &word)) {
			if (draft->text.length == 0)
				break;
			ok = *draft->text.at == '<' ? read_options(draft) : skip_comment(draft);
		} else if (draft->pad > 0) {
			ok = refuse(draft, &word, "padding must be last");
		} else if (draft->form == PACKET_MALFORMED) {
			ok = read_ip_item(draft, &word, &known) &&
				(known || read_body(draft, &word));
		} else if (word_is(&word, "pad")) {
			ok = read_padding(draft);
		} else {
			ok = read_item(draft, &word);
		}
	}
	if (ok && draft->form == PACKET_MALFORMED)
		return err_set(draft->err, "packet text: it ends before the transport header");
	if (ok && !draft->has_payload) {
		draft->payload = draft->packet->length;
		ok = grow(draft, draft->payload_length) != NULL;
	}
	return ok;
}

static bool put_lengths(struct draft *draft)
{
	uint32_t end = draft->packet->length - draft->pad;
	uint8_t *ip = bytes_at(draft, 0), *l4 = bytes_at(draft, draft->l4);
	bool is_v4 = draft->dst.addr.version == 4;

	if (is_v4 && (draft->l4 % 4 != 0 || draft->l4 > 60))
		return err_set(draft->err, "packet text: IP options of a length that cannot be");
	if (end > UINT16_MAX + (is_v4 ? 0u : 40u))
		return err_set(draft->err, "packet text: longer than an IP packet can be");
	ip[draft->next_header] = draft->protocol;
	if (is_v4) {
		ip[0] = (uint8_t)(0x40 | draft->l4 / 4);
		put_be16(ip + 2, (uint16_t)end);
	} else {
		put_be16(ip + 4, (uint16_t)(end - 40));
	}
	if (draft->form == PACKET_TCP || draft->form == PACKET_UDP) {
		put_be16(l4, draft->src.port);
		put_be16(l4 + 2, draft->dst.port);
	}
	if (draft->form == PACKET_TCP)
		l4[12] |= (uint8_t)((draft->payload - draft->l4) / 4 << 4);
	if (draft->form == PACKET_UDP)
		put_be16(l4 + 4,
			(uint16_t)(draft->has_udp_length ? draft->udp_length : end - draft->l4));
	return true;
}

static bool put_checksums(struct draft *draft)
{
	struct packet *packet = draft->packet;
	uint32_t at;

	if (packet_parse(packet) == PACKET_MALFORMED)
		return err_set(draft->err, "packet text: this makes no packet: %s",
			packet_fault_text(packet->fault));
	at = packet_checksum_offset(packet);
	if (at != 0 && draft->has_sum)
		put_be16(bytes_at(draft, at), (uint16_t)draft->sum);
	else if (at != 0 && !packet->is_fragment)
		put_be16(bytes_at(draft, at), packet_l4_checksum(packet));
	if (packet->version == 4)
		put_be16(bytes_at(draft, 10),
			draft->has_ip_sum ? (uint16_t)draft->ip_sum : packet_ip_checksum(packet));
	return true;
}

static bool read_raw(struct draft *draft)
{
	uint32_t length = 0;
	struct word word = draft->text;

	while (word.length > 0 && (*word.at == ' ' || *word.at == '\n')) {
		word.at++;
		word.length--;
	}
	if (word.length > 0 && !take_bytes(draft, &length))
		return false;
	packet_parse(draft->packet);
	return true;
}

bool packet_from_text(struct packet *packet, const char *text, struct err *err)
{
	struct draft draft = { .packet = packet, .text = { text, strlen(text) }, .err = err };
	struct word rest = draft.text, word;
	uint32_t estimate = (uint32_t)(draft.text.length / 2) + 128;

	/* A long text may fill the whole capacity. */
	packet->start = estimate + PACKET_HEADROOM <= packet->capacity ? PACKET_HEADROOM : 0;
	packet->length = 0;
	packet_parse(packet);
	if (word_take(&rest, "", &word) && word_is(&word, "raw")) {
		draft.text = rest;
		return read_raw(&draft);
	}
	return read_names(&draft) && read_items(&draft) && put_lengths(&draft) &&
		put_checksums(&draft);
}
