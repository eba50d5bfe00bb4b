/* SPDX-License-Identifier: BSD-2-Clause */
#include "tracebox/segment.h"

#include "probe/endpoint/key.h"
#include "probe/wire/mptcp.h"

#include <assert.h>
#include <string.h>

enum { OFFSET_ID = 4, OFFSET_SEQ = 4, OFFSET_FLAGS = 12 };

static void remove_payload(struct packet *packet)
{
	uint32_t length = packet_payload_len(packet);

	if (length > 0)
		packet_close_gap(packet, packet->payload, length);
}

void segment_place(struct packet *packet, uint32_t seq, const uint8_t *bytes, uint32_t length,
	uint16_t id)
{
	uint8_t *payload;

	remove_payload(packet);
	packet_write32(packet, packet->l4 + OFFSET_SEQ, seq);
	if (packet->version == 4)
		packet_write16(packet, OFFSET_ID, id);
	if (length > 0) {
		payload = packet_append_payload(packet, length);
		assert(payload != NULL);
		memcpy(payload, bytes, length);
	}
	packet_finish(packet);
}

void segment_skip(struct packet *packet, uint32_t length)
{
	packet_write32(packet, packet->l4 + OFFSET_SEQ, tcp_seq(packet) + length);
	packet_close_gap(packet, packet->payload, length);
	packet_finish(packet);
}

/* False when the new one does not fit. */
static bool put_option(struct packet *packet, const struct tcpopt *at,
	const struct mptcp_opt *option)
{
	uint8_t bytes[TCPOPT_SPACE];
	uint32_t length = mptcp_emit(option, bytes);

	return tcpopt_replace(packet, at, bytes, length);
}

void segment_make_ack(struct packet *packet)
{
	uint16_t flags = get_be16(packet_l4(packet) + OFFSET_FLAGS);
	struct mptcp_opt option;
	struct tcpopt at;

	if (mptcp_find(packet, MP_DSS, &option, &at)) {
		option.dss.has_mapping = option.dss.has_checksum = option.dss.data_fin = false;
		put_option(packet, &at, &option); /* shorter, so that it fits */
	}
	packet_write16(packet, packet->l4 + OFFSET_FLAGS, flags & (uint16_t) ~(TCP_PSH | TCP_FIN));
	remove_payload(packet);
	packet_finish(packet);
}

bool segment_make_dss(struct packet *packet)
{
	struct mptcp_opt option = { .subtype = MP_DSS }, first;
	const struct mp_capable *capable = &first.capable;
	struct tcpopt at;
	bool fits;

	if (!mptcp_find(packet, MP_CAPABLE, &first, &at) || !capable->has_data_length)
		return false;
	option.dss = (struct mp_dss){ .has_ack = true,
		.ack_wide = true,
		.ack = key_digest(capable->version, capable->receiver_key).idsn + 1,
		.has_mapping = true,
		.dsn_wide = true,
		.dsn = key_digest(capable->version, capable->sender_key).idsn + 1,
		.ssn = 1,
		.length = capable->data_length,
		.has_checksum = capable->has_checksum,
		.checksum = capable->checksum };
	fits = put_option(packet, &at, &option);
	if (!fits) {
		option.dss.ack_wide = false;
		option.dss.ack &= UINT32_MAX;
		fits = put_option(packet, &at, &option);
	}
	packet_finish(packet);
	return fits;
}
