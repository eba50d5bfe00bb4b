/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mtu.c - a link with a smaller MTU: what does not fit is dropped and answered with an ICMP error
 * (RFC 1191, RFC 8201) or, behind a filter of ICMP, with silence, the PMTU black hole of RFC 2923.
 * IPv4 packets that may be fragmented are.
 */
#include "mbtest/fragment.h"
#include "probe/wire/icmp.h"

enum answer { ANSWER_ICMP, ANSWER_NONE };

struct mtu {
	int64_t size, told;
	int answer, quote;
	struct addr address, address6;
	struct packet *error; /* being made */
};

static const char *const answers[] = { "icmp", "none", NULL };

/* In the order of quote_kinds. */
static const char *const quotes[] = { "full", "rfc792", "rfc4884", NULL };
static const enum icmp_quote quote_kinds[] = { ICMP_QUOTE_FULL, ICMP_QUOTE_RFC792,
	ICMP_QUOTE_RFC4884 };

static const struct box_param params[] = {
	{ "size", PARAM_INT, offsetof(struct mtu, size), "1400", FRAGMENT_SIZE_MIN, 65535, NULL,
		"bytes of an IP packet that pass" },
	{ "answer", PARAM_CHOICE, offsetof(struct mtu, answer), "icmp", 0, 0, answers,
		"what the sender is told: an ICMP error, or nothing" },
	{ "told", PARAM_INT, offsetof(struct mtu, told), "-1", -1, 65535, NULL,
		"the MTU in the error; -1: the true one, 0: none, as before RFC 1191" },
	{ "quote", PARAM_CHOICE, offsetof(struct mtu, quote), "full", 0, 0, quotes,
		"how much of the packet the error quotes" },
	{ "address", PARAM_ADDR, offsetof(struct mtu, address), "", 0, 0, NULL,
		"from where it answers in IPv4; if none, 198.18.n.254 on path n" },
	{ "address6", PARAM_ADDR, offsetof(struct mtu, address6), "", 0, 0, NULL,
		"from where it answers in IPv6; if none, fd00:n::254 on path n" },
	{ 0 },
};

static bool mtu_init(struct box *box, struct err *err)
{
	struct mtu *self = box_state(box);

	if (!box_own_addrs(box, &self->address, &self->address6, 254, err))
		return false;
	self->error = packet_new(PACKET_SMALL);
	return true;
}

static void mtu_fini(struct box *box)
{
	packet_free(((struct mtu *)box_state(box))->error);
}

static void answer(struct box *box, const struct packet *about, enum dir dir)
{
	const struct mtu *self = box_state(box);
	struct icmp_plan plan = {
		.from = about->version == 4 ? self->address : self->address6,
		.kind = ICMP_TOO_BIG,
		.value = (uint32_t)(self->told >= 0 ? self->told : self->size),
		.quote = quote_kinds[self->quote],
	};

	if (self->answer == ANSWER_ICMP && icmp_build(self->error, &plan, about))
		box_emit(box, box_clone(box, self->error), dir_opposite(dir));
}

static enum verdict mtu_packet(struct box *box, struct packet *packet, enum dir dir)
{
	const struct mtu *self = box_state(box);
	bool may_cut;

	if (packet->form == PACKET_MALFORMED || packet->end <= (uint32_t)self->size)
		return box_unchanged(box);
	may_cut = packet->version == 4 && (packet_data(packet)[6] & 0x40) == 0;
	if (may_cut && fragment_cut(box, packet, dir, (uint32_t)self->size, false))
		return BOX_PASS;
	answer(box, packet, dir);
	return box_reason(box, "larger than the MTU");
}

BOX_TYPE(mtu) = {
	.help = "drops what is larger than its MTU and says so by ICMP, or is silent; IPv4 packets "
		"that may be are fragmented",
	.params = params,
	.state_size = sizeof(struct mtu),
	.any_form = true,
	.init = mtu_init,
	.packet = mtu_packet,
	.fini = mtu_fini,
};
