/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text.c - printing a packet; reading is text_read.c, options are text_option.c.
 */
#include "probe/wire/text.h"

#include "probe/wire/icmp.h"
#include "probe/wire/text_part.h"

#include <inttypes.h>

enum { SHORT_BYTES = 32 }; /* of what cannot be told better than in hex */

/* In the order they are printed. */
static const struct flag_letter {
	uint16_t flag;
	char letter;
} flag_letters[] = {
	{ TCP_SYN, 'S' },
	{ TCP_FIN, 'F' },
	{ TCP_RST, 'R' },
	{ TCP_PSH, 'P' },
	{ TCP_ACK, '.' },
	{ TCP_URG, 'U' },
	{ TCP_ECE, 'E' },
	{ TCP_CWR, 'W' },
	{ TCP_AE, 'e' },
};

enum { FLAG_LETTERS = sizeof(flag_letters) / sizeof(*flag_letters) };

const char *tcp_flags_text(uint16_t flags, char buf[static TCP_FLAGS_TEXT])
{
	size_t used = 0, i;

	for (i = 0; i < FLAG_LETTERS; i++) {
		if (flags & flag_letters[i].flag)
			buf[used++] = flag_letters[i].letter;
	}
	if (used == 0)
		buf[used++] = '-';
	buf[used] = '\0';
	return buf;
}

bool tcp_flags_parse(uint16_t *flags, const char *text)
{
	uint16_t found = 0;
	size_t i;

	if (text[0] == '-' && text[1] == '\0') {
		*flags = 0;
		return true;
	}
	if (text[0] == '\0')
		return false;
	for (; *text != '\0'; text++) {
		for (i = 0; i < FLAG_LETTERS && flag_letters[i].letter != *text;)
			i++;
		if (i == FLAG_LETTERS || (found & flag_letters[i].flag))
			return false;
		found |= flag_letters[i].flag;
	}
	*flags = found;
	return true;
}

static void print_v4(struct out *out, const struct packet *packet, enum text_form form)
{
	const uint8_t *ip = packet_data(packet);
	uint16_t fragment = get_be16(ip + 6);

	if (form == TEXT_FULL && get_be16(ip + 4) != 0)
		out_add(out, " id %u", get_be16(ip + 4));
	if (form == TEXT_FULL && !(fragment & 0x4000))
		out_add(out, " nodf");
	if (form == TEXT_FULL && (fragment & 0x8000))
		out_add(out, " evil");
	if (fragment & 0x2000)
		out_add(out, " mf");
	if (fragment & 0x1fff)
		out_add(out, " frag %u", fragment & 0x1fff);
	if (packet->l4 > 20) {
		out_add(out, " ipopt ");
		out_hex(out, ip + 20, packet->l4 - 20);
	}
	if (get_be16(ip + 10) != packet_ip_checksum(packet))
		out_add(out, " ipsum %04x", get_be16(ip + 10));
}

static void print_v6(struct out *out, const struct packet *packet, enum text_form form)
{
	const uint8_t *ip = packet_data(packet);
	uint32_t at = 40, length;
	uint8_t kind = ip[6];

	if (form == TEXT_FULL && (get_be32(ip) & 0xfffff) != 0)
		out_add(out, " flow %05" PRIx32, get_be32(ip) & 0xfffff);
	for (; at < packet->l4; at += length) {
		length = ipv6_extension_len(kind, ip + at);
		out_add(out, " ext %u ", kind);
		if (form == TEXT_FULL)
			out_hex(out, ip + at + 1, length - 1);
		else
			out_add(out, "...");
		kind = ip[at];
	}
}

static void print_ip(struct out *out, const struct packet *packet, enum text_form form)
{
	const uint8_t *ip = packet_data(packet);
	uint8_t tos = packet->version == 4 ? ip[1] : (uint8_t)(get_be16(ip) >> 4);
	bool has_ports = packet->form == PACKET_TCP || packet->form == PACKET_UDP;
	struct sockname src, dst;
	char a[SOCKNAME_TEXT], b[SOCKNAME_TEXT];

	packet_socknames(packet, &src, &dst);
	if (has_ports)
		out_add(out, "%s > %s", sockname_text(&src, a), sockname_text(&dst, b));
	else
		out_add(out, "%s > %s", addr_text(&src.addr, a), addr_text(&dst.addr, b));
	out_add(out, " ttl %u", packet_ttl(packet));
	if (tos != 0)
		out_add(out, " tos %02x", tos);
	if (packet->version == 4)
		print_v4(out, packet, form);
	else
		print_v6(out, packet, form);
}

/* What lies behind an EOL is padding when it is zero; a list ends where it cannot be read on. */
static void print_options(struct out *out, const struct packet *packet)
{
	const uint8_t *bytes = packet_data(packet);
	uint32_t end = packet->l4 + 20;
	struct tcpopt opt = { 0 };
	bool hidden = false;
	uint32_t i;

	if (packet->payload == end)
		return;
	out_add(out, " <");
	while (tcpopt_next(packet, &opt)) {
		out_add(out, "%s", end > packet->l4 + 20 ? "," : "");
		option_print(out, bytes + opt.offset, opt.length, true, true);
		end = opt.offset + opt.length;
	}
	for (i = end; i < packet->payload; i++)
		hidden = hidden || bytes[i] != 0;
	for (; !hidden && end < packet->payload; end++)
		out_add(out, ",eol");
	if (hidden) {
		out_add(out, "%sraw ", end > packet->l4 + 20 ? "," : "");
		out_hex(out, bytes + end, packet->payload - end);
	}
	out_add(out, ">");
}

static void print_tcp(struct out *out, const struct packet *packet)
{
	uint32_t length = packet_payload_len(packet), seq = tcp_seq(packet);
	uint16_t reserved = get_be16(packet_l4(packet) + 12) >> 9 & 7;
	char flags[TCP_FLAGS_TEXT];

	out_add(out, " %s %" PRIu32 ":%" PRIu32 "(%" PRIu32 ")",
		tcp_flags_text(tcp_flags(packet), flags), seq, seq + length, length);
	if ((tcp_flags(packet) & TCP_ACK) || tcp_ack(packet) != 0)
		out_add(out, " ack %" PRIu32, tcp_ack(packet));
	out_add(out, " win %u", tcp_window(packet));
	if (tcp_urgent(packet) != 0)
		out_add(out, " urg %u", tcp_urgent(packet));
	if (reserved != 0)
		out_add(out, " res %u", reserved);
	print_options(out, packet);
}

static void print_udp(struct out *out, const struct packet *packet)
{
	uint32_t length = get_be16(packet_l4(packet) + 4);

	out_add(out, " udp len %" PRIu32, packet_payload_len(packet));
	if (length != packet->end - packet->l4)
		out_add(out, " ulen %" PRIu32, length);
}

static void print_icmp(struct out *out, const struct packet *packet)
{
	const uint8_t *icmp = packet_l4(packet);

	out_add(out, " icmp %u/%u rest %08" PRIx32 " len %" PRIu32, icmp[0], icmp[1],
		get_be32(icmp + 4), packet_payload_len(packet));
}

/* What an ICMP error quotes, for people; a reader skips what stands in brackets. */
static void print_quote(struct out *out, const struct packet *packet)
{
	const uint8_t *bytes;
	struct icmp_error error;
	struct layers layers;
	struct sockname src, dst;
	char a[SOCKNAME_TEXT], b[SOCKNAME_TEXT];

	if (!icmp_parse(&error, packet))
		return;
	bytes = packet_data(packet) + error.quote_offset;
	layers_read(&layers, bytes, error.quote_known);
	out_add(out, " [%s, %s quote", icmp_kind_text(error.kind), icmp_quote_text(error.quote));
	if (layers_socknames(&layers, bytes, &src, &dst))
		out_add(out, ": %s > %s", sockname_text(&src, a), sockname_text(&dst, b));
	if (layers.protocol == PROTOCOL_TCP && layers.known >= layers.l4 + 8)
		out_add(out, " tcp seq %" PRIu32, get_be32(bytes + layers.l4 + 4));
	out_add(out, "]");
}

static void print_checksum(struct out *out, const struct packet *packet)
{
	uint32_t at = packet_checksum_offset(packet);
	uint16_t field;

	if (at == 0)
		return;
	field = get_be16(packet_data(packet) + at);
	/* A fragment's checksum covers bytes that are not here: always told, never judged. */
	if (packet->is_fragment || field != packet_l4_checksum(packet))
		out_add(out, " sum %04x", field);
}

static void print_malformed(struct out *out, const struct packet *packet, enum text_form form)
{
	uint32_t shown = packet->length;

	if (form == TEXT_SHORT) {
		shown = shown < SHORT_BYTES ? shown : SHORT_BYTES;
		out_add(out, "malformed (%s) %" PRIu32 " bytes", packet_fault_text(packet->fault),
			packet->length);
	} else {
		out_add(out, "raw");
	}
	if (shown > 0)
		out_add(out, " ");
	out_hex(out, packet_data(packet), shown);
	if (shown < packet->length)
		out_add(out, "...");
}

static void print_rest(struct out *out, const struct packet *packet)
{
	if (packet_payload_len(packet) > 0) {
		out_add(out, " payload ");
		out_hex(out, packet_payload(packet), packet_payload_len(packet));
	}
	if (packet->length > packet->end) {
		out_add(out, " pad ");
		out_hex(out, packet_data(packet) + packet->end, packet->length - packet->end);
	}
}

size_t packet_text(const struct packet *packet, enum text_form form, char *buf, size_t size)
{
	struct out out;

	out_init(&out, buf, size);
	if (packet->form == PACKET_MALFORMED) {
		print_malformed(&out, packet, form);
		return out.used;
	}
	print_ip(&out, packet, form);
	switch (packet->form) {
	case PACKET_TCP:
		print_tcp(&out, packet);
		break;
	case PACKET_UDP:
		print_udp(&out, packet);
		break;
	case PACKET_ICMP:
		print_icmp(&out, packet);
		break;
	case PACKET_MALFORMED:
	case PACKET_OTHER:
	case PACKET_FRAGMENT:
		out_add(&out, " proto %u len %" PRIu32, packet->protocol,
			packet_payload_len(packet));
		break;
	}
	print_checksum(&out, packet);
	if (form == TEXT_FULL)
		print_rest(&out, packet);
	else if (packet->form == PACKET_ICMP)
		print_quote(&out, packet);
	return out.used;
}
