/* SPDX-License-Identifier: BSD-2-Clause */
#include "tracebox/verdict.h"

#include "probe/endpoint/endpoint.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { CIRCLES = 3 }; /* a router that answers at so many TTLs is met again and again */

/* Text that grows in a buffer of VERDICT_TEXT. */
struct phrase {
	char *text;
	size_t used;
};

static void __attribute__((format(printf, 2, 3)))
say(struct phrase *phrase, const char *format, ...)
{
	va_list list;
	int length;

	va_start(list, format);
	length = vsnprintf(phrase->text + phrase->used, VERDICT_TEXT - phrase->used, format, list);
	va_end(list);
	if (length > 0)
		phrase->used += (size_t)length;
	if (phrase->used >= VERDICT_TEXT)
		phrase->used = VERDICT_TEXT - 1;
}

/* What people call the fields that have a name of their own. */
static const struct {
	const char *field, *text;
} common_names[] = {
	{ "tcp.option.mptcp.mp_capable", "MP_CAPABLE" },
	{ "tcp.option.mptcp.mp_join", "MP_JOIN" },
	{ "tcp.option.mptcp.dss", "DSS" },
	{ "tcp.option.mptcp.add_addr", "ADD_ADDR" },
	{ "tcp.option.mss", "the MSS option" },
	{ "tcp.option.wscale", "the window scale option" },
	{ "tcp.option.sackok", "the SACK permitted option" },
	{ "tcp.option.timestamp", "the timestamp option" },
	{ "tcp.option.tfo", "the TCP Fast Open option" },
	{ "tcp.option-order", "the order of the TCP options" },
	{ "tcp.seq", "the TCP sequence number" },
	{ "tcp.ack", "the TCP acknowledgement number" },
	{ "tcp.window", "the TCP window" },
	{ "tcp.sport", "the source port" },
	{ "tcp.dport", "the destination port" },
	{ "tcp.flags", "the TCP flags" },
	{ "tcp.reserved", "the reserved TCP bits" },
	{ "udp.sport", "the source port" },
	{ "udp.dport", "the destination port" },
	{ "ip.src", "the source address" },
	{ "ip.dst", "the destination address" },
	{ "ip6.src", "the source address" },
	{ "ip6.dst", "the destination address" },
	{ "ip.dscp", "the DSCP" },
	{ "ip.ecn", "the ECN field" },
	{ "ip6.dscp", "the DSCP" },
	{ "ip6.ecn", "the ECN field" },
	{ "ip6.flow-label", "the flow label" },
	{ "ip.id", "the IP identification" },
	{ "ip.flags", "the IP flags" },
	{ "ip.options", "the IP options" },
	{ "payload", "the payload" },
};

static const char *common_name(const char *field)
{
	for (size_t i = 0; i < sizeof(common_names) / sizeof(common_names[0]); i++)
		if (strcmp(common_names[i].field, field) == 0)
			return common_names[i].text;
	return field;
}

static const char *packets_name(const struct finding *finding)
{
	const struct hop_view *view = finding->before;

	if (finding->in_data)
		return finding->in_acks ? "data segments and ACKs" : "data segments";
	if (finding->in_acks)
		return "ACKs";
	if (view->sent->form == PACKET_TCP)
		return (tcp_flags(view->sent) & (TCP_SYN | TCP_ACK)) == TCP_SYN ? "SYNs"
										: "segments";
	return view->sent->form == PACKET_UDP ? "datagrams" : "packets";
}

static void say_hop(struct phrase *phrase, const struct hop_view *view)
{
	char text[ADDR_TEXT];

	say(phrase, "hop %u (%s)", view->ttl, addr_text(hop_view_addr(view), text));
}

static void say_hidden(struct phrase *phrase, const struct finding *finding)
{
	if (finding->is_masked)
		say(phrase,
			"hops answer by the destination's own address, as behind a NAT that "
			"rewrites the destination: one stands");
	else if (finding->is_translated)
		say(phrase,
			"the checksum of %s does not fit what hops quote, as behind a NAT that "
			"translates quotes back: one stands",
			packets_name(finding));
	else
		say(phrase,
			"something in %s that no quote is long enough to show is changed (the "
			"checksum tells)",
			packets_name(finding));
}

/* "the TCP flags", but not "the source address". */
static bool is_plural(const char *text)
{
	size_t length = strlen(text);

	return length > 1 && text[length - 1] == 's' && text[length - 2] != 's';
}

static void say_change(struct phrase *phrase, const struct finding *finding)
{
	char name[OPTID_TEXT], before[128], after[128];
	const char *text = common_name(finding_name(finding, name));
	const char *packets = packets_name(finding);

	finding_before(finding, before, sizeof(before));
	finding_after(finding, after, sizeof(after));
	switch (finding->change.kind) {
	case CHANGE_REMOVED:
		say(phrase, "%s is removed from %s", text, packets);
		if (finding->change.how == HOW_NOP || finding->change.how == HOW_EOL)
			say(phrase, " (overwritten with %s)",
				finding->change.how == HOW_NOP ? "NOPs" : "EOL");
		return;
	case CHANGE_ADDED:
		say(phrase, "%s is added to %s", text, packets);
		return;
	case CHANGE_MODIFIED:
		say(phrase, "%s of %s %s changed", text, packets, is_plural(text) ? "are" : "is");
		if (before[0] != '\0' && after[0] != '\0')
			say(phrase, " from %s to %s", before, after);
		return;
	}
}

const char *verdict_finding(const struct finding *finding, char buf[static VERDICT_TEXT])
{
	struct phrase phrase = { .text = buf };

	if (finding->is_reverse)
		say(&phrase, "on the way back ");
	if (finding->is_hidden)
		say_hidden(&phrase, finding);
	else
		say_change(&phrase, finding);
	say(&phrase, " between ");
	if (finding->after == NULL)
		say(&phrase, finding->is_reverse ? "the server" : "this host");
	else
		say_hop(&phrase, finding->after);
	say(&phrase, " and ");
	say_hop(&phrase, finding->before);
	if (!finding->is_exact)
		say(&phrase, ", the hops between them being silent or their quotes too short");
	if (finding->is_reverse && finding->after != NULL)
		say(&phrase, ", counted from the server");
	return buf;
}

/* What the destination's answer means for Multipath TCP, when it was asked for. */
static void say_mptcp(struct phrase *phrase, const struct result *result)
{
	const struct destination_view *d = &result->destination;

	if (d->supports_mptcp)
		say(phrase, "the server answers with Multipath TCP version %u", d->version);
	else if (d->mirrors_mptcp)
		say(phrase,
			"our MP_CAPABLE comes back as it was sent (mirrored), which is no support");
	else
		say(phrase, "the server%s answers as plain TCP",
			result->finding_count > 0 ? " then" : "");
}

/* A connection that was not opened with Multipath TCP: its SYNs are not what is traced. */
static void say_handshake(struct phrase *phrase, const struct result *result)
{
	say_mptcp(phrase, result);
	if (!result->destination.mirrors_mptcp)
		say(phrase,
			" (a trace of SYNs, without --established and --reverse, tells whether "
			"the path is why)");
}

/* How a connection that was opened went on. */
static void say_transfer(struct phrase *phrase, const struct result *result)
{
	const struct conn_info *info = result->connection;
	const char *then = result->finding_count > 0 ? " then" : "";

	if (info->mode == MODE_MPTCP)
		say(phrase, "the server speaks Multipath TCP version %u to the end", info->version);
	else if (!result->destination.supports_mptcp)
		say_handshake(phrase, result);
	else if (info->mode == MODE_INFINITE)
		say(phrase, "the server%s falls back with an infinite mapping", then);
	else
		say(phrase, "the server%s acknowledges as plain TCP", then);
	if (info->end == END_RESET)
		say(phrase, ", and the connection is reset");
	else if (info->end != END_CLEAN)
		say(phrase, ", and the connection does not end");
}

static void say_connection(struct phrase *phrase, const struct result *result)
{
	switch (result->connection->end) {
	case END_REFUSED:
		say(phrase, "the server refuses the connection");
		break;
	case END_UNANSWERED:
		say(phrase, "the destination does not answer");
		break;
	default:
		say_transfer(phrase, result);
	}
}

/* Whether the last TTL that was asked for ended at a router, as -m has it. */
static bool ends_on_the_way(const struct result *result)
{
	const struct hop_view *last =
		result->hop_count > 0 ? &result->hops[result->hop_count - 1] : NULL;

	return last != NULL && last->hop->answer.kind == ANSWER_TIME_EXCEEDED;
}

/* The first of the TTLs that the last router answers at, if these are many: a loop of routes. */
static const struct hop_view *circle(const struct result *result)
{
	const struct hop_view *first = NULL, *last = &result->hops[result->hop_count - 1];
	unsigned int count = 0;

	for (const struct hop_view *view = result->hops; view <= last; view++) {
		const struct addr *addr = hop_view_addr(view);

		if (addr == NULL || !addr_equal(addr, hop_view_addr(last)))
			continue;
		first = count++ == 0 ? view : first;
	}
	return count >= CIRCLES ? first : NULL;
}

static void say_not_reached(struct phrase *phrase, const struct result *result)
{
	const struct hop_view *first = NULL;

	if (ends_on_the_way(result))
		first = circle(result);
	if (first != NULL) {
		say(phrase, "the packets go round in circles from ");
		say_hop(phrase, first);
		say(phrase, " on");
		return;
	}
	say(phrase, "the destination %s",
		ends_on_the_way(result) ? "is farther away" : "does not answer");
}

const char *verdict_destination(const struct result *result, char buf[static VERDICT_TEXT])
{
	const struct destination_view *d = &result->destination;
	struct phrase phrase = { .text = buf };

	buf[0] = '\0';
	if (result->connection != NULL)
		say_connection(&phrase, result);
	else if (!d->reached)
		say_not_reached(&phrase, result);
	else if (d->reply == ANSWER_SYN_ACK && d->asked_mptcp)
		say_mptcp(&phrase, result);
	else if (d->reply == ANSWER_SYN_ACK)
		say(&phrase, "the server accepts the connection");
	else if (d->reply == ANSWER_RST)
		say(&phrase, "the server refuses the connection");
	else if (d->reply == ANSWER_OTHER)
		say(&phrase, "the destination answers");
	else
		say(&phrase, "the destination answers (%s)", answer_kind_text(d->reply));
	return buf;
}

static void say_clean(struct phrase *phrase, const struct result *result)
{
	const struct hop_view *last = NULL;

	for (size_t i = 0; i < result->hop_count; i++)
		if (result->hops[i].has_quote)
			last = &result->hops[i];
	if (last == NULL) {
		say(phrase, "no hop quotes what it got, so nothing is known of the path");
	} else {
		say(phrase, "nothing is changed as far as ");
		say_hop(phrase, last);
	}
}

const char *verdict_clean(const struct result *result, char buf[static VERDICT_TEXT])
{
	struct phrase phrase = { .text = buf };
	char destination[VERDICT_TEXT];

	if (result->reverse != NULL)
		say(&phrase, "on the way there ");
	say_clean(&phrase, result);
	say(&phrase, "; %s", verdict_destination(result, destination));
	return buf;
}

const char *verdict_reverse(const struct result *result, char buf[static VERDICT_TEXT])
{
	struct phrase phrase = { .text = buf };

	buf[0] = '\0';
	if (result->reverse_unknown != NULL)
		say(&phrase, "nothing is known of the way back: %s", result->reverse_unknown);
	else if (result->reverse != NULL && result->reverse->finding_count == 0) {
		say(&phrase, "on the way back, counted from the server, ");
		say_clean(&phrase, result->reverse);
	}
	return buf;
}
