/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The prober of a live connection between two endpoints and some hops played by hand: whatever
 * happens to copies and answers, the stream arrives whole and the connection ends in peace.
 */
#include "tests/unit/unit.h"

#include "probe/endpoint/key.h"
#include "probe/wire/checksum.h"
#include "probe/wire/icmp.h"
#include "probe/wire/mptcp.h"
#include "tracebox/join.h"
#include "tracebox/record.h"
#include "tracebox/reverse.h"
#include "tracebox/segment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUEUE = 4096, HOPS = 4, STREAM = 4096, DELAY_MS = 5 };

struct lab {
	struct endpoint *client, *server;
	struct conn *accepted;
	struct established *prober;
	struct packet *queue[QUEUE]; /* NULL: delivered */
	bool to_server[QUEUE];
	size_t count;
	nsec_t now;
	uint8_t stream[STREAM], got[STREAM];
	size_t length, got_length;
	unsigned int copies, data_copies_beyond;
	size_t stop_after; /* copies; 0: never */
	/* What becomes of a packet on its way; false: it is lost. extra is added to the delay. */
	bool (*pass)(struct lab *lab, struct packet *packet, bool to_server);
	nsec_t (*late)(const struct packet *probe);
};

static const struct sockname ends[2][2] = {
	{ { { 4, { 198, 18, 1, 2 } }, 40000 }, { { 4, { 198, 18, 100, 2 } }, 80 } },
	{ { { 6, { 0xfd, 0, 0, 1, [15] = 2 } }, 40000 }, { { 6, { 0xfd, 0, 1, [15] = 2 } }, 80 } },
};

static void lab_init(struct lab *lab, unsigned int speaks, bool is_v6, bool checksum, nsec_t wait)
{
	struct endpoint_config client, server;
	struct established_config config = { .local = ends[is_v6][0], .remote = ends[is_v6][1] };
	struct rng rng;
	struct err err;

	memset(lab, 0, sizeof(*lab));
	lab->now = NSEC_PER_SEC;
	endpoint_config_default(&client);
	client.speaks = speaks;
	client.checksum = checksum;
	endpoint_config_default(&server);
	rng_init(&rng, 7);
	lab->client = endpoint_new(&client, &rng);
	rng_init(&rng, 8);
	lab->server = endpoint_new(&server, &rng);
	CHECK(endpoint_listen(lab->server, &config.remote, &err));
	trace_config_default(&config.trace);
	config.trace.fixed_wait = wait != 0;
	config.trace.wait = wait != 0 ? wait : config.trace.wait;
	config.endpoint = lab->client;
	config.conn = endpoint_connect(lab->client, &config.local, &config.remote, lab->now, &err);
	config.stream = lab->stream;
	lab->length = established_stream_length(&config.trace);
	CHECK(lab->length <= STREAM);
	for (size_t i = 0; i < lab->length; i++)
		lab->stream[i] = (uint8_t)(i * 31 + (i >> 8));
	lab->prober = established_new(&config);
}

static void lab_fini(struct lab *lab)
{
	for (size_t i = 0; i < lab->count; i++)
		packet_free(lab->queue[i]);
	established_free(lab->prober);
	endpoint_free(lab->client);
	endpoint_free(lab->server);
}

static void put(struct lab *lab, struct packet *packet, bool to_server, nsec_t delay)
{
	CHECK(lab->count < QUEUE);
	packet->at = lab->now + delay;
	lab->to_server[lab->count] = to_server;
	lab->queue[lab->count++] = packet;
}

/* Copies that do not get as far as the server are answered by the hop they end at. */
static void send(struct lab *lab, const struct packet *packet, bool to_server)
{
	struct packet *copy = packet_new(PACKET_SMALL), *error;
	uint8_t ttl = packet_ttl(packet);
	struct icmp_plan plan = { .kind = ICMP_TIME_EXCEEDED, .quote = ICMP_QUOTE_FULL };

	packet_copy(copy, packet);
	if (to_server && ttl != 64) {
		lab->copies++;
		lab->data_copies_beyond += ttl > HOPS;
	}
	if (lab->pass != NULL && !lab->pass(lab, copy, to_server)) {
		packet_free(copy);
	} else if (!to_server || ttl > HOPS) {
		packet_set_ttl(copy, (uint8_t)(ttl - HOPS));
		packet_finish(copy);
		put(lab, copy, to_server, DELAY_MS * NSEC_PER_MS);
	} else {
		plan.from = ends[packet->version == 6][0].addr;
		plan.from.bytes[packet->version == 6 ? 3 : 2] = (uint8_t)(200 + ttl);
		error = packet_new(PACKET_LARGE);
		CHECK(icmp_build(error, &plan, copy));
		put(lab, error, false,
			ttl * NSEC_PER_MS + (lab->late != NULL ? lab->late(packet) : 0));
		packet_free(copy);
	}
}

static void serve(struct lab *lab)
{
	size_t read;

	if (lab->accepted == NULL)
		lab->accepted = endpoint_accept(lab->server);
	if (lab->accepted == NULL)
		return;
	while ((read = conn_read(lab->accepted, lab->got + lab->got_length,
			STREAM - lab->got_length)) > 0)
		lab->got_length += read;
	if (conn_peer_closed(lab->accepted))
		conn_shutdown(lab->accepted);
}

/* The next packet to arrive, or NULL. */
static struct packet **earliest(struct lab *lab)
{
	struct packet **best = NULL;

	for (size_t i = 0; i < lab->count; i++)
		if (lab->queue[i] != NULL && (best == NULL || lab->queue[i]->at < (*best)->at))
			best = &lab->queue[i];
	return best;
}

static void lab_run(struct lab *lab)
{
	struct machine prober = established_machine(lab->prober);
	struct packet *packet = packet_new(PACKET_LARGE), **next;
	nsec_t end = lab->now + 60 * NSEC_PER_SEC;

	while (lab->now < end) {
		nsec_t at;

		while (prober.ops->output(prober.self, packet, lab->now))
			send(lab, packet, true);
		CHECK(prober.ops->deadline(prober.self) > lab->now);
		serve(lab);
		while (endpoint_output(lab->server, packet, lab->now))
			send(lab, packet, false);
		if (established_done(lab->prober))
			break;
		if (lab->stop_after != 0 && lab->copies >= lab->stop_after) {
			lab->stop_after = 0;
			established_stop(lab->prober);
			continue;
		}
		next = earliest(lab);
		at = nsec_min(prober.ops->deadline(prober.self), endpoint_deadline(lab->server));
		if (next != NULL && (*next)->at <= at) {
			struct packet *arrived = *next;

			lab->now = arrived->at > lab->now ? arrived->at : lab->now;
			*next = NULL;
			if (lab->to_server[next - lab->queue])
				endpoint_input(lab->server, arrived, lab->now);
			else
				prober.ops->input(prober.self, arrived, lab->now);
			packet_free(arrived);
		} else {
			lab->now = at;
		}
	}
	CHECK(established_done(lab->prober));
	packet_free(packet);
}

static void check_whole(const struct lab *lab)
{
	struct conn_info info;

	established_info(lab->prober, &info);
	CHECK_U64(info.end, END_CLEAN);
	CHECK_U64(lab->got_length, info.written);
	CHECK(memcmp(lab->got, lab->stream, lab->got_length) == 0);
	CHECK(lab->got_length > 0);
}

static const struct {
	unsigned int speaks;
	bool is_v6, checksum;
} kinds[] = {
	{ SPEAKS_V0, false, false },
	{ SPEAKS_V1, false, false },
	{ SPEAKS_V0, true, true },
	{ SPEAKS_V1, true, true },
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static void kind_init(struct lab *lab, size_t kind)
{
	lab_init(lab, kinds[kind].speaks, kinds[kind].is_v6, kinds[kind].checksum, 0);
}

TEST(every_hop_once_and_the_stream_whole)
{
	const struct established_part *parts;

	for (size_t kind = 0; kind < KINDS; kind++) {
		struct lab lab;

		kind_init(&lab, kind);
		lab_run(&lab);
		check_whole(&lab);
		CHECK_U64(lab.got_length, lab.length);
		CHECK_U64(established_parts(lab.prober, &parts), 2);
		CHECK(!parts[0].is_ack && parts[1].is_ack);
		CHECK_U64(trace_last_ttl(parts[0].trace), HOPS + 1);
		CHECK(trace_destination(parts[0].trace) != NULL);
		CHECK_U64(trace_last_ttl(parts[1].trace), HOPS);
		CHECK_U64(lab.copies, 2 * HOPS + 1);
		CHECK_U64(lab.data_copies_beyond, 1);
		lab_fini(&lab);
	}
}

/* No copy may be taken for one that delivers. */
static bool lose_copies(struct lab *lab, struct packet *packet, bool to_server)
{
	(void)lab;
	return !to_server || packet_ttl(packet) == 64 || packet_ttl(packet) <= HOPS;
}

TEST(copies_that_are_lost_deliver_nothing)
{
	for (size_t kind = 0; kind < KINDS; kind++) {
		struct lab lab;

		kind_init(&lab, kind);
		lab.pass = lose_copies;
		lab_run(&lab);
		check_whole(&lab);
		CHECK_U64(lab.got_length, lab.length);
		lab_fini(&lab);
	}
}

/* Acknowledgements of copies are lost, so that what they delivered goes out again. */
static bool lose_answers(struct lab *lab, struct packet *packet, bool to_server)
{
	bool tracing = lab->copies > 0 && lab->copies < 2 * HOPS + 1;

	return to_server || !tracing || packet->form != PACKET_TCP;
}

TEST(answers_that_are_lost)
{
	for (size_t kind = 0; kind < KINDS; kind++) {
		struct lab lab;

		kind_init(&lab, kind);
		lab.pass = lose_answers;
		lab_run(&lab);
		check_whole(&lab);
		CHECK_U64(lab.got_length, lab.length);
		lab_fini(&lab);
	}
}

TEST(stopped_at_any_copy)
{
	for (size_t kind = 0; kind < KINDS; kind++) {
		for (size_t copies = 1; copies <= 2 * HOPS + 1; copies++) {
			struct lab lab;

			kind_init(&lab, kind);
			lab.stop_after = copies;
			lab_run(&lab);
			check_whole(&lab);
			CHECK_U64(lab.got_length, lab.length);
			lab_fini(&lab);
		}
	}
}

static bool lose_errors(struct lab *lab, struct packet *packet, bool to_server)
{
	(void)lab;
	return !to_server || packet_ttl(packet) != 2;
}

/* Tracing takes longer than an endpoint waits for an acknowledgement, and than it may take. */
TEST(the_endpoint_does_not_notice_how_long_it_takes)
{
	for (size_t kind = 0; kind < KINDS; kind++) {
		struct conn_info info;
		struct lab lab;

		lab_init(&lab, kinds[kind].speaks, kinds[kind].is_v6, kinds[kind].checksum,
			4 * NSEC_PER_SEC);
		lab.pass = lose_errors;
		lab_run(&lab);
		check_whole(&lab);
		CHECK_U64(lab.got_length, lab.length);
		established_info(lab.prober, &info);
		CHECK_U64(info.mode, MODE_MPTCP);
		CHECK_U64(info.subflows[0].retransmissions, 0);
		lab_fini(&lab);
	}
}

/* The third hop's answers to data come when the ACKs are already under way. */
static nsec_t late_data(const struct packet *probe)
{
	return packet_ttl(probe) == 3 && packet_payload_len(probe) > 0 ? 2 * NSEC_PER_SEC : 0;
}

/* ... and the ACKs' later still. */
static nsec_t late_both(const struct packet *probe)
{
	return packet_ttl(probe) == 3 ? NSEC_PER_SEC / 10 : 0;
}

/* Length of the payload that a hop's answer quotes. */
static uint32_t quoted_payload(const struct trace *trace, unsigned int ttl)
{
	const struct answer *answer = &trace_hop(trace, (uint8_t)ttl)->answer;
	struct icmp_error error;
	struct layers layers;

	CHECK(answer->packet != NULL && icmp_parse(&error, answer->packet));
	layers_read(&layers, packet_data(answer->packet) + error.quote_offset, error.quote_known);
	return layers.end - layers.payload;
}

TEST(late_answers_are_of_what_they_quote)
{
	static nsec_t (*const lates[])(const struct packet *) = { late_data, late_both };

	for (size_t kind = 0; kind < 2 * KINDS; kind++) {
		const struct established_part *parts;
		struct lab lab;

		kind_init(&lab, kind / 2);
		lab.late = lates[kind % 2];
		lab_run(&lab);
		check_whole(&lab);
		CHECK_U64(established_parts(lab.prober, &parts), 2);
		for (unsigned int ttl = 1; ttl <= HOPS; ttl++) {
			if (trace_hop(parts[0].trace, (uint8_t)ttl)->answered > 0)
				CHECK(quoted_payload(parts[0].trace, ttl) > 0);
			CHECK_U64(quoted_payload(parts[1].trace, ttl), 0);
		}
		lab_fini(&lab);
	}
}

TEST(the_dss_of_the_first_data)
{
	struct mptcp_opt option = { .subtype = MP_CAPABLE }, dss;
	struct tcp_header header = { .src = ends[0][0], .dst = ends[0][1], .flags = TCP_ACK };
	struct packet *packet = packet_new(PACKET_SMALL);
	uint64_t dsn = key_digest(1, 0x1111222233334444).idsn + 1;
	uint8_t bytes[TCPOPT_SPACE];
	struct tcpopt at;
	uint16_t sum = checksum_fold(checksum_add(0, "payload!", 8));

	option.capable = (struct mp_capable){ .version = 1,
		.flags = MPC_HMAC | MPC_CHECKSUM,
		.has_sender_key = true,
		.has_receiver_key = true,
		.sender_key = 0x1111222233334444,
		.receiver_key = 0x5555666677778888,
		.has_data_length = true,
		.data_length = 8,
		.has_checksum = true,
		.checksum = checksum_finish(checksum_dss(dsn, 1, 8) + sum) };
	packet_init_tcp(packet, &header);
	CHECK(tcpopt_append(packet, bytes, mptcp_emit(&option, bytes)));
	memcpy(packet_append_payload(packet, 8), "payload!", 8);
	packet_finish(packet);
	CHECK(segment_make_dss(packet));
	CHECK(packet_l4_checksum_ok(packet) && !mptcp_find(packet, MP_CAPABLE, &dss, &at));
	CHECK(mptcp_find(packet, MP_DSS, &dss, &at));
	CHECK_U64(dss.dss.dsn, dsn);
	CHECK_U64(dss.dss.ack, key_digest(1, 0x5555666677778888).idsn + 1);
	CHECK(dss.dss.ssn == 1 && dss.dss.length == 8 && dss.dss.has_checksum);
	CHECK_U64(checksum_fold(checksum_dss(dss.dss.dsn, dss.dss.ssn, dss.dss.length) + sum +
			  dss.dss.checksum),
		0xffff);
	segment_make_ack(packet);
	CHECK(mptcp_find(packet, MP_DSS, &dss, &at) && dss.dss.has_ack && !dss.dss.has_mapping);
	CHECK(packet_payload_len(packet) == 0 && packet_l4_checksum_ok(packet));
	CHECK(!segment_make_dss(packet));
	packet_free(packet);
}

/* ---- told elsewhere ---- */

/* The same hops, answers and changes. */
static void check_same(const struct result *told, const struct result *own)
{
	CHECK_U64(told->hop_count, own->hop_count);
	CHECK_U64(told->sent, own->sent);
	CHECK_U64(told->elapsed_ns, own->elapsed_ns);
	CHECK_U64(told->destination.ttl, own->destination.ttl);
	CHECK_U64(told->finding_count, own->finding_count);
	for (size_t i = 0; i < own->hop_count; i++) {
		const struct trace_hop *a = told->hops[i].hop, *b = own->hops[i].hop;

		CHECK_U64(a->sent, b->sent);
		CHECK_U64(a->answer.kind, b->answer.kind);
		CHECK_U64(a->answer.match, b->answer.match);
		CHECK_U64(a->answer.rtt, b->answer.rtt);
		CHECK(b->answer.packet == NULL ||
			(a->answer.packet->length == b->answer.packet->length &&
				memcmp(packet_data(a->answer.packet), packet_data(b->answer.packet),
					b->answer.packet->length) == 0));
	}
}

/* Behind the second hop segments have another window. */
static bool change_window(struct lab *lab, struct packet *packet, bool to_server)
{
	if (to_server && lab->copies > 0 && packet_ttl(packet) > 2)
		packet_write16(packet, packet->l4 + 14, 7);
	packet_finish(packet);
	return true;
}

/* A text with any of its bytes changed or its end cut is not as it was written. */
static void check_damaged(struct json_text *json)
{
	struct record record;

	for (size_t at = 0; at < json->used; at += 7) {
		json->bytes[at] ^= 1;
		CHECK(!record_read(&record, json->bytes, json->used));
		json->bytes[at] ^= 1;
		CHECK(!record_read(&record, json->bytes, at));
	}
	CHECK(record_read(&record, json->bytes, json->used));
	record_fini(&record);
}

TEST(a_record_tells_the_same)
{
	for (size_t kind = 0; kind < KINDS; kind++) {
		const struct established_part *parts;
		struct joined own, told;
		struct record record;
		struct json_text json;
		struct conn_info info;
		struct lab lab;
		size_t count;

		kind_init(&lab, kind);
		lab.pass = change_window;
		lab_run(&lab);
		established_info(lab.prober, &info);
		count = established_parts(lab.prober, &parts);
		json_text_init(&json);
		record_write(&json, parts, count, &info);
		CHECK(record_read(&record, json.bytes, json.used));
		joined_init(&own, parts, count, &info);
		joined_init(&told, record.parts, record.part_count, &record.info);
		CHECK_U64(own.result.finding_count, 1);
		check_same(&told.result, &own.result);
		CHECK_U64(record.info.mode, MODE_MPTCP);
		CHECK_U64(record.info.version, kinds[kind].speaks == SPEAKS_V1);
		joined_fini(&own);
		joined_fini(&told);
		record_fini(&record);
		if (kind == 0)
			check_damaged(&json);
		json_text_fini(&json);
		lab_fini(&lab);
	}
}

/* ---- asked for from elsewhere ---- */

TEST(requests)
{
	static const char *const refused[] = { "", "1 64 1 2 8", "1 64 1 2 8 100 1",
		"0 64 1 2 8 100", "9 8 1 2 8 100", "1 64 0 2 8 100", "1 64 1 2 8 0",
		"1 255 4 4 8 100", "1 64 1 -2 8 100", "1 64 1 2 8 x", "1  64 1 2 8 100",
		"99999999999999999999 1 1 1 1 1" };
	struct trace_config asked, got;
	char line[SERVE_LINE];

	trace_config_default(&asked);
	asked.first_ttl = 3;
	reverse_request(&asked, line);
	CHECK(strchr(line, '\n') == line + strlen(line) - 1);
	line[strlen(line) - 1] = '\0';
	CHECK(reverse_parse(&got, line));
	CHECK(got.first_ttl == 3 && got.last_ttl == 64 && got.probes == 1 && got.retries == 2);
	CHECK(got.silent_limit == 8 && got.rate == 1000);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		snprintf(line, sizeof(line), REVERSE_WORD "%s", refused[i]);
		CHECK(!reverse_parse(&got, line));
	}
	CHECK(!reverse_parse(&got, "mbkit-reverse/2 1 64 1 2 8 100"));
}

/* Whether a connection that asks now is told that there are too many. */
static bool is_busy(const struct serve_guest *guest, nsec_t now, struct machine *machine)
{
	struct endpoint_config config;
	struct endpoint *endpoint;
	struct packet *packet = packet_new(PACKET_SMALL);
	struct conn_info info;
	struct conn *conn;
	struct rng rng;
	struct err err;

	endpoint_config_default(&config);
	rng_init(&rng, 9);
	endpoint = endpoint_new(&config, &rng);
	conn = endpoint_connect(endpoint, &ends[0][0], &ends[0][1], now, &err);
	*machine = guest->begin(guest->self, endpoint, conn, REVERSE_WORD "1 64 1 2 8 100", now);
	CHECK(machine->ops->output(machine->self, packet, now));
	conn_info(conn, &info);
	guest->end(machine->self);
	endpoint_free(endpoint);
	packet_free(packet);
	return info.written > 0;
}

TEST(only_so_many_are_traced_for)
{
	struct reverse *reverse = reverse_new();
	struct serve_guest guest = reverse_guest(reverse);
	struct machine machine;
	unsigned int granted = 0, later = 0;

	for (unsigned int i = 0; i < 100; i++)
		granted += !is_busy(&guest, NSEC_PER_SEC, &machine);
	for (unsigned int i = 0; i < 100; i++)
		later += !is_busy(&guest, 21 * NSEC_PER_SEC, &machine);
	CHECK_U64(granted, 16);
	CHECK_U64(later, 10);
	reverse_free(reverse);
}
