/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text_mptcp.c - one table of what each MPTCP option says drives printing and reading.
 */
#include "probe/wire/text_mptcp.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

enum item_type {
	ITEM_FLAG,  /* the word alone; the value is a bool */
	ITEM_GLUED, /* decimal, directly behind the word: v1 */
	ITEM_DECIMAL,
	ITEM_HEX, /* two digits a byte */
	ITEM_BYTES,
	ITEM_ADDR,
	ITEM_IDS, /* decimals up to the end */
};

enum { ALWAYS = UINT16_MAX };

/*
 * One thing an option says. Places are offsets into struct mptcp_opt. It is there when the bool at
 * has is set and the bool at choice is as chosen.
 */
struct item {
	const char *word;
	enum item_type type;
	uint16_t place, size;
	uint16_t has;
	uint16_t choice;
	bool chosen;
};

#define PLACE(member) ((uint16_t)offsetof(struct mptcp_opt, member))
#define SIZE(member)  ((uint16_t)sizeof(((struct mptcp_opt *)NULL)->member))
#define ITEM(word, type, member)                                                      \
	{                                                                             \
		word, ITEM_##type, PLACE(member), SIZE(member), ALWAYS, ALWAYS, false \
	}
#define ITEM_IF(word, type, member, has)                                                  \
	{                                                                                 \
		word, ITEM_##type, PLACE(member), SIZE(member), PLACE(has), ALWAYS, false \
	}
#define ITEM_WIDTH(word, size, member, has, wide, is_wide)                            \
	{                                                                             \
		word, ITEM_HEX, PLACE(member), size, PLACE(has), PLACE(wide), is_wide \
	}
#define ITEM_WITHOUT(word, member, has)                                                 \
	{                                                                               \
		word, ITEM_FLAG, PLACE(member), SIZE(member), ALWAYS, PLACE(has), false \
	}

static const struct item capable_items[] = {
	ITEM("v", GLUED, capable.version),
	ITEM("flags", HEX, capable.flags),
	ITEM_IF("key", HEX, capable.sender_key, capable.has_sender_key),
	ITEM_IF("peer", HEX, capable.receiver_key, capable.has_receiver_key),
	ITEM_IF("len", DECIMAL, capable.data_length, capable.has_data_length),
	ITEM_IF("sum", HEX, capable.checksum, capable.has_checksum),
	{ 0 },
};

static const struct item join_syn_items[] = {
	ITEM("id", DECIMAL, join.address_id),
	ITEM("token", HEX, join.token),
	ITEM("nonce", HEX, join.nonce),
	ITEM("backup", FLAG, join.backup),
	{ 0 },
};

static const struct item join_synack_items[] = {
	ITEM("id", DECIMAL, join.address_id),
	ITEM("hmac", HEX, join.hmac64),
	ITEM("nonce", HEX, join.nonce),
	ITEM("backup", FLAG, join.backup),
	{ 0 },
};

static const struct item join_ack_items[] = {
	ITEM("hmac", BYTES, join.hmac160),
	{ 0 },
};

static const struct item dss_items[] = {
	ITEM("fin", FLAG, dss.data_fin),
	ITEM_WIDTH("ack4", 4, dss.ack, dss.has_ack, dss.ack_wide, false),
	ITEM_WIDTH("ack8", 8, dss.ack, dss.has_ack, dss.ack_wide, true),
	ITEM_WIDTH("dsn4", 4, dss.dsn, dss.has_mapping, dss.dsn_wide, false),
	ITEM_WIDTH("dsn8", 8, dss.dsn, dss.has_mapping, dss.dsn_wide, true),
	ITEM_IF("ssn", DECIMAL, dss.ssn, dss.has_mapping),
	ITEM_IF("len", DECIMAL, dss.length, dss.has_mapping),
	ITEM_IF("sum", HEX, dss.checksum, dss.has_checksum),
	/* The width bits a and m where there is nothing to be wide. */
	ITEM_WITHOUT("a", dss.ack_wide, dss.has_ack),
	ITEM_WITHOUT("m", dss.dsn_wide, dss.has_mapping),
	{ 0 },
};

static const struct item add_addr_items[] = {
	ITEM("v0", FLAG, add_addr.is_v0),
	ITEM("echo", FLAG, add_addr.echo),
	ITEM("id", DECIMAL, add_addr.address_id),
	ITEM("addr", ADDR, add_addr.addr),
	ITEM_IF("port", DECIMAL, add_addr.port, add_addr.has_port),
	ITEM_IF("hmac", HEX, add_addr.hmac, add_addr.has_hmac),
	{ 0 },
};

static const struct item remove_addr_items[] = {
	ITEM("ids", IDS, remove_addr),
	{ 0 },
};

static const struct item prio_items[] = {
	ITEM("backup", FLAG, prio.backup),
	ITEM_IF("id", DECIMAL, prio.address_id, prio.has_address_id),
	{ 0 },
};

static const struct item fail_items[] = {
	ITEM("dsn", HEX, fail_dsn),
	{ 0 },
};

static const struct item fastclose_items[] = {
	ITEM("key", HEX, fastclose_key),
	{ 0 },
};

static const struct item tcprst_items[] = {
	ITEM("reason", DECIMAL, tcprst.reason),
	ITEM("transient", FLAG, tcprst.transient),
	ITEM("flags", HEX, tcprst.flags),
	{ 0 },
};

struct notation {
	const char *word, *second; /* second: of the three forms of MP_JOIN */
	enum mptcp_subtype subtype;
	enum mp_join_form form;
	const struct item *items;
};

static const struct notation notations[] = {
	{ "capable", NULL, MP_CAPABLE, 0, capable_items },
	{ "join", "syn", MP_JOIN, JOIN_SYN, join_syn_items },
	{ "join", "synack", MP_JOIN, JOIN_SYNACK, join_synack_items },
	{ "join", "ack", MP_JOIN, JOIN_ACK, join_ack_items },
	{ "dss", NULL, MP_DSS, 0, dss_items },
	{ "add_addr", NULL, MP_ADD_ADDR, 0, add_addr_items },
	{ "remove_addr", NULL, MP_REMOVE_ADDR, 0, remove_addr_items },
	{ "prio", NULL, MP_PRIO, 0, prio_items },
	{ "fail", NULL, MP_FAIL, 0, fail_items },
	{ "fastclose", NULL, MP_FASTCLOSE, 0, fastclose_items },
	{ "tcprst", NULL, MP_TCPRST, 0, tcprst_items },
};

enum { NOTATIONS = sizeof(notations) / sizeof(*notations) };

static const struct notation *notation_of(const struct mptcp_opt *opt)
{
	size_t i = 0;

	while (notations[i].subtype != opt->subtype ||
		(opt->subtype == MP_JOIN && notations[i].form != opt->join.form))
		i++;
	return &notations[i];
}

/* ---- the values in a struct mptcp_opt, by place and size ---- */

static bool get_bool(const struct mptcp_opt *opt, uint16_t place)
{
	bool value;

	memcpy(&value, (const uint8_t *)opt + place, sizeof(value));
	return value;
}

static void set_bool(struct mptcp_opt *opt, uint16_t place, bool value)
{
	memcpy((uint8_t *)opt + place, &value, sizeof(value));
}

/* Bytes of an item's number in memory: a number of two widths has a member of the larger. */
static size_t member_size(const struct item *item)
{
	return item->choice != ALWAYS ? 8 : item->size;
}

static uint64_t get_value(const struct mptcp_opt *opt, const struct item *item)
{
	const uint8_t *at = (const uint8_t *)opt + item->place;
	uint64_t wide = 0;
	uint32_t word = 0;
	uint16_t half = 0;

	switch (member_size(item)) {
	case 8:
		memcpy(&wide, at, sizeof(wide));
		return wide;
	case 4:
		memcpy(&word, at, sizeof(word));
		return word;
	case 2:
		memcpy(&half, at, sizeof(half));
		return half;
	default:
		return *at;
	}
}

static void set_value(struct mptcp_opt *opt, const struct item *item, uint64_t value)
{
	uint8_t *at = (uint8_t *)opt + item->place;
	uint32_t word = (uint32_t)value;
	uint16_t half = (uint16_t)value;

	switch (member_size(item)) {
	case 8:
		memcpy(at, &value, sizeof(value));
		break;
	case 4:
		memcpy(at, &word, sizeof(word));
		break;
	case 2:
		memcpy(at, &half, sizeof(half));
		break;
	default:
		*at = (uint8_t)value;
		break;
	}
}

/* ---- printing ---- */

static bool is_present(const struct mptcp_opt *opt, const struct item *item)
{
	if (item->has != ALWAYS && !get_bool(opt, item->has))
		return false;
	if (item->choice != ALWAYS && get_bool(opt, item->choice) != item->chosen)
		return false;
	return item->type != ITEM_FLAG || get_bool(opt, item->place);
}

/* Behind a blank. */
static void print_item(struct out *out, const struct mptcp_opt *opt, const struct item *item)
{
	char addr[ADDR_TEXT];
	unsigned int i;

	if (item->type != ITEM_IDS)
		out_add(out, " %s", item->word);
	switch (item->type) {
	case ITEM_FLAG:
		break;
	case ITEM_GLUED:
		out_add(out, "%" PRIu64, get_value(opt, item));
		break;
	case ITEM_DECIMAL:
		out_add(out, " %" PRIu64, get_value(opt, item));
		break;
	case ITEM_HEX:
		out_add(out, " %0*" PRIx64, item->size * 2, get_value(opt, item));
		break;
	case ITEM_BYTES:
		out_add(out, " ");
		out_hex(out, (const uint8_t *)opt + item->place, item->size);
		break;
	case ITEM_ADDR:
		out_add(out, " %s", addr_text(&opt->add_addr.addr, addr));
		break;
	case ITEM_IDS:
		for (i = 0; i < opt->remove_addr.count; i++)
			out_add(out, " %u", opt->remove_addr.ids[i]);
		break;
	}
}

void mptcp_print_name(struct out *out, const struct mptcp_opt *opt)
{
	const struct notation *notation = notation_of(opt);

	out_add(out, "mptcp %s%s%s", notation->word, notation->second != NULL ? " " : "",
		notation->second != NULL ? notation->second : "");
}

void mptcp_print_value(struct out *out, const struct mptcp_opt *opt)
{
	const struct item *item;

	for (item = notation_of(opt)->items; item->word != NULL; item++) {
		if (is_present(opt, item))
			print_item(out, opt, item);
	}
	if (opt->reserved != 0)
		out_add(out, " reserved %03x", opt->reserved);
}

/* ---- reading ---- */

static uint64_t item_limit(const struct item *item)
{
	return item->size == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * item->size) - 1;
}

static const struct notation *take_notation(struct word *text)
{
	struct word word, second;
	bool has_second;
	size_t i;

	if (!word_take(text, "", &word))
		return NULL;
	has_second = word_is(&word, "join");
	if (has_second && !word_take(text, "", &second))
		return NULL;
	for (i = 0; i < NOTATIONS; i++) {
		if (word_is(&word, notations[i].word) &&
			(!has_second || word_is(&second, notations[i].second)))
			return &notations[i];
	}
	return NULL;
}

static bool is_item(const struct item *item, const struct word *word)
{
	size_t length = strlen(item->word);
	struct word number = { word->at + length, word->length - length };
	uint64_t value;

	if (item->type == ITEM_IDS)
		return word_decimal(word, UINT8_MAX, &value);
	if (item->type == ITEM_GLUED)
		return word->length > length && memcmp(word->at, item->word, length) == 0 &&
			word_decimal(&number, item_limit(item), &value);
	return word_is(word, item->word);
}

/* The number of an item: the word itself, its tail, or the word behind it. */
static bool take_value(struct word *text, const struct item *item, struct word word,
	struct mptcp_opt *opt)
{
	uint64_t value;
	bool ok;

	if (item->type == ITEM_GLUED) {
		word.at += strlen(item->word);
		word.length -= strlen(item->word);
	} else if (!word_take(text, "", &word)) {
		return false;
	}
	if (item->type == ITEM_HEX)
		ok = word_hex(&word, item_limit(item), &value);
	else
		ok = word_decimal(&word, item_limit(item), &value);
	if (ok)
		set_value(opt, item, value);
	return ok;
}

static bool take_item(struct word *text, const struct item *item, const struct word *word,
	struct mptcp_opt *opt)
{
	struct mp_remove_addr *remove = &opt->remove_addr;
	char addr[ADDR_TEXT];
	struct word value;
	uint64_t id;
	size_t length;

	if (item->has != ALWAYS)
		set_bool(opt, item->has, true);
	if (item->choice != ALWAYS)
		set_bool(opt, item->choice, item->chosen);
	switch (item->type) {
	case ITEM_FLAG:
		set_bool(opt, item->place, true);
		return true;
	case ITEM_BYTES:
		return word_take(text, "", &value) &&
			word_bytes(&value, (uint8_t *)opt + item->place, item->size, &length) &&
			length == item->size;
	case ITEM_ADDR:
		return word_take(text, "", &value) && word_copy(&value, addr, sizeof(addr)) &&
			addr_parse(&opt->add_addr.addr, addr);
	case ITEM_IDS:
		if (remove->count == sizeof(remove->ids) || !word_decimal(word, UINT8_MAX, &id))
			return false;
		remove->ids[remove->count++] = (uint8_t)id;
		return true;
	case ITEM_GLUED:
	case ITEM_DECIMAL:
	case ITEM_HEX:
		break;
	}
	return take_value(text, item, *word, opt);
}

static bool take_reserved(struct word *text, struct mptcp_opt *opt)
{
	struct word word;
	uint64_t value;

	if (!word_take(text, "", &word) || !word_hex(&word, 0xfff, &value))
		return false;
	opt->reserved = (uint16_t)value;
	return true;
}

bool mptcp_read(struct word text, struct mptcp_opt *opt, struct err *err)
{
	const struct notation *notation = take_notation(&text);
	const struct item *item;
	struct word word;
	bool ok;

	if (notation == NULL)
		return err_set(err, "unknown MPTCP option");
	memset(opt, 0, sizeof(*opt));
	opt->subtype = notation->subtype;
	if (opt->subtype == MP_JOIN)
		opt->join.form = notation->form;
	while (word_take(&text, "", &word)) {
		for (item = notation->items; item->word != NULL && !is_item(item, &word);)
			item++;
		if (item->word != NULL)
			ok = take_item(&text, item, &word, opt);
		else
			ok = word_is(&word, "reserved") && take_reserved(&text, opt);
		if (!ok)
			return err_set(err, "MPTCP option %s: wrong value at \"%.*s\"",
				notation->word, (int)word.length, word.at);
	}
	return true;
}
