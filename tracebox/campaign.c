/* SPDX-License-Identifier: BSD-2-Clause */
#include "tracebox/campaign.h"

#include "probe/base/alloc.h"
#include "probe/wire/icmp.h"

#include <assert.h>
#include <stdlib.h>
#include <uthash.h>

/* A trace in flight. */
struct flight {
	struct addr destination; /* the key; destinations in flight differ */
	struct trace *trace;
	void *tag;
	nsec_t due;   /* its deadline, as last asked */
	size_t place; /* in the heap */
	UT_hash_handle hh;
};

struct campaign {
	struct campaign_config config;
	struct flight **heap; /* by due */
	size_t count;
	struct flight *by_destination;
	struct packet *probe; /* the next target's, when has_next */
	void *tag;
	bool has_next, is_over, is_later;
	nsec_t next_send;
};

/* ---- the heap ---- */

static void heap_put(struct campaign *campaign, size_t place, struct flight *flight)
{
	campaign->heap[place] = flight;
	flight->place = place;
}

/* Move a flight whose due has changed to where it belongs. */
static void heap_settle(struct campaign *campaign, struct flight *flight)
{
	size_t place = flight->place, child;

	while (place > 0 && campaign->heap[(place - 1) / 2]->due > flight->due) {
		heap_put(campaign, place, campaign->heap[(place - 1) / 2]);
		place = (place - 1) / 2;
	}
	while ((child = 2 * place + 1) < campaign->count) {
		if (child + 1 < campaign->count &&
			campaign->heap[child + 1]->due < campaign->heap[child]->due)
			child++;
		if (campaign->heap[child]->due >= flight->due)
			break;
		heap_put(campaign, place, campaign->heap[child]);
		place = child;
	}
	heap_put(campaign, place, flight);
}

static void heap_remove(struct campaign *campaign, struct flight *flight)
{
	struct flight *last = campaign->heap[--campaign->count];

	if (last == flight)
		return;
	last->place = flight->place;
	heap_settle(campaign, last);
}

/* ---- targets ---- */

static void end_flight(struct campaign *campaign, struct flight *flight)
{
	heap_remove(campaign, flight);
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
	HASH_DEL(campaign->by_destination, flight);
	campaign->config.complete(campaign->config.self, flight->trace, flight->tag);
	free(flight);
}

static struct flight *find_flight(const struct campaign *campaign, const struct addr *destination)
{
	struct flight *flight;

	HASH_FIND(hh, campaign->by_destination, destination, sizeof(*destination), flight);
	return flight;
}

/* Whether there is a next target to begin. */
static bool find_next(struct campaign *campaign)
{
	const struct campaign_config *config = &campaign->config;
	enum campaign_next next;

	if (campaign->has_next)
		return true;
	next = config->next(config->self, campaign->probe, &campaign->tag);
	campaign->has_next = next == CAMPAIGN_PROBE;
	campaign->is_later = next == CAMPAIGN_LATER;
	campaign->is_over = next == CAMPAIGN_END;
	return campaign->has_next;
}

/* Begin targets while there is room; one whose destination is in flight already waits its turn. */
static void begin_flights(struct campaign *campaign, nsec_t now)
{
	const struct campaign_config *config = &campaign->config;
	struct trace_config unpaced = config->trace;

	unpaced.rate = 0;
	while (campaign->count < config->active && !campaign->is_over && find_next(campaign)) {
		struct addr source, destination;
		struct flight *flight;

		packet_addrs(campaign->probe, &source, &destination);
		if (find_flight(campaign, &destination) != NULL)
			return;
		flight = xcalloc(1, sizeof(*flight));
		flight->destination = destination;
		flight->tag = campaign->tag;
		flight->trace = trace_new(campaign->probe, &unpaced);
		flight->due = now;
		campaign->has_next = false;
		HASH_ADD(hh, campaign->by_destination, destination, sizeof(destination), flight);
		campaign->heap[campaign->count] = flight;
		flight->place = campaign->count++;
		heap_settle(campaign, flight);
	}
}

/* ---- the three verbs ---- */

static void asked_again(struct campaign *campaign, struct flight *flight)
{
	flight->due = trace_deadline(flight->trace);
	if (flight->due == NSEC_NEVER)
		end_flight(campaign, flight);
	else
		heap_settle(campaign, flight);
}

/* The destination of the probe that a packet is about. */
static bool about_destination(const struct packet *packet, struct addr *destination)
{
	struct sockname source, quoted;
	struct icmp_error error;
	struct layers layers;
	struct addr to;

	if (packet->form == PACKET_MALFORMED)
		return false;
	if (!icmp_parse(&error, packet)) {
		packet_addrs(packet, destination, &to);
		return true;
	}
	layers_read(&layers, packet_data(packet) + error.quote_offset, error.quote_known);
	if (!layers_socknames(&layers, packet_data(packet) + error.quote_offset, &source, &quoted))
		return false;
	*destination = quoted.addr;
	return true;
}

static void campaign_input(void *self, const struct packet *packet, nsec_t now)
{
	struct campaign *campaign = self;
	struct addr destination;
	struct flight *flight;

	if (!about_destination(packet, &destination))
		return;
	flight = find_flight(campaign, &destination);
	if (flight == NULL)
		return;
	trace_input(flight->trace, packet, now);
	asked_again(campaign, flight);
}

static bool campaign_output(void *self, struct packet *packet, nsec_t now)
{
	struct campaign *campaign = self;
	uint32_t rate = campaign->config.trace.rate;

	for (;;) {
		struct flight *flight;
		bool sends;

		begin_flights(campaign, now);
		if (campaign->count == 0 || now < campaign->next_send)
			return false;
		flight = campaign->heap[0];
		if (flight->due > now)
			return false;
		sends = trace_output(flight->trace, packet, now);
		asked_again(campaign, flight);
		if (!sends)
			continue;
		if (rate != 0)
			campaign->next_send = pace_next(campaign->next_send, rate, now);
		return true;
	}
}

static nsec_t campaign_deadline(const void *self)
{
	const struct campaign *campaign = self;
	nsec_t due;

	if (campaign->count == 0)
		return campaign->is_over || campaign->is_later ? NSEC_NEVER : 0;
	due = campaign->heap[0]->due;
	return due > campaign->next_send ? due : campaign->next_send;
}

struct machine campaign_machine(struct campaign *campaign)
{
	static const struct machine_ops ops = { campaign_input, campaign_output,
		campaign_deadline };

	return (struct machine){ &ops, campaign };
}

bool campaign_done(const struct campaign *campaign)
{
	return campaign->is_over && campaign->count == 0;
}

struct campaign *campaign_new(const struct campaign_config *config)
{
	struct campaign *campaign = xcalloc(1, sizeof(*campaign));

	assert(config->active > 0);
	campaign->config = *config;
	campaign->heap = xcalloc(config->active, sizeof(struct flight *));
	campaign->probe = packet_new(PACKET_LARGE);
	return campaign;
}

void campaign_free(struct campaign *campaign)
{
	if (campaign == NULL)
		return;
	HASH_CLEAR(hh, campaign->by_destination);
	for (size_t i = 0; i < campaign->count; i++) {
		campaign->config.abandon(campaign->heap[i]->tag);
		trace_free(campaign->heap[i]->trace);
		free(campaign->heap[i]);
	}
	if (campaign->has_next)
		campaign->config.abandon(campaign->tag);
	packet_free(campaign->probe);
	free(campaign->heap);
	free(campaign);
}
