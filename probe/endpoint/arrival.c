/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/endpoint/arrival.h"

static void read_sack(struct arrival *in, const uint8_t *bytes, unsigned int length)
{
	unsigned int at;

	in->sack_count = 0;
	for (at = 2; at + 8 <= length && in->sack_count < 4; at += 8) {
		in->sack[in->sack_count].first = get_be32(bytes + at);
		in->sack[in->sack_count].end = get_be32(bytes + at + 4);
		in->sack_count++;
	}
}

static void read_option(struct arrival *in, const uint8_t *bytes, uint8_t length)
{
	switch (bytes[0]) {
	case TCPOPT_MSS:
		in->has_mss = length == 4;
		if (in->has_mss)
			in->mss = get_be16(bytes + 2);
		break;
	case TCPOPT_WSCALE:
		in->has_scale = length == 3;
		if (in->has_scale)
			in->scale = bytes[2] < 14 ? bytes[2] : 14; /* RFC 7323 2.3 */
		break;
	case TCPOPT_SACK_PERMITTED:
		in->sack_permitted = length == 2;
		break;
	case TCPOPT_SACK:
		read_sack(in, bytes, length);
		break;
	case TCPOPT_TIMESTAMP:
		in->has_timestamp = length == 10;
		if (in->has_timestamp) {
			in->ts_value = get_be32(bytes + 2);
			in->ts_echo = get_be32(bytes + 6);
		}
		break;
	case TCPOPT_MPTCP:
		if (in->option_count < ARRIVAL_OPTIONS &&
			mptcp_parse(&in->options[in->option_count], bytes, length))
			in->option_count++;
		break;
	default:
		break;
	}
}

void arrival_read(struct arrival *in, const struct packet *packet)
{
	struct tcpopt option = { 0 };

	in->seq = tcp_seq(packet);
	in->ack = tcp_ack(packet);
	in->flags = tcp_flags(packet);
	in->window = tcp_window(packet);
	in->payload = packet_payload(packet);
	in->length = packet_payload_len(packet);
	in->has_timestamp = in->has_mss = in->has_scale = in->sack_permitted = false;
	in->sack_count = in->option_count = 0;
	while (tcpopt_next(packet, &option))
		read_option(in, tcpopt_bytes(packet, &option), option.length);
}

const struct mptcp_opt *arrival_find(const struct arrival *in, enum mptcp_subtype subtype)
{
	unsigned int i;

	for (i = 0; i < in->option_count; i++)
		if (in->options[i].subtype == subtype)
			return &in->options[i];
	return NULL;
}
