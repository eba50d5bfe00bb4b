/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flow.c - a hash table with chains through an array of entries. Memory comes with the first
 * record, so that boxes that remember nothing cost nothing.
 */
#include "mbtest/flow.h"

#include "probe/base/alloc.h"
#include "probe/base/hash.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 8 };

struct entry {
	struct flow_key key;
	uint32_t next; /* in the chain of its bucket; index plus one */
	uint32_t bucket;
	_Alignas(16) uint8_t record[];
};

void flow_table_init(struct flow_table *table, size_t record_size)
{
	memset(table, 0, sizeof(*table));
	table->size = (sizeof(struct entry) + record_size + 15) / 16 * 16;
}

static struct entry *entry_at(const struct flow_table *table, uint32_t i)
{
	return (struct entry *)(void *)(table->entries + i * table->size);
}

void *flow_at(const struct flow_table *table, uint32_t i)
{
	return entry_at(table, i)->record;
}

void flow_table_fini(struct flow_table *table)
{
	uint32_t i;

	for (i = 0; table->record_fini != NULL && i < table->count; i++)
		table->record_fini(flow_at(table, i));
	free(table->entries);
	free(table->buckets);
	table->entries = NULL;
	table->buckets = NULL;
	table->count = table->capacity = 0;
}

static struct flow_key key_of(const struct packet *packet, enum dir dir)
{
	const uint8_t *bytes = packet_data(packet), *ports = bytes + packet->l4;
	bool forward = dir == TO_SERVER;
	struct flow_key key = { { 0 } };
	uint32_t src, dst;
	uint16_t from, to;

	if (packet->version == 4) {
		memcpy(&src, bytes + 12, sizeof(src));
		memcpy(&dst, bytes + 16, sizeof(dst));
		key.words[0] = forward ? src : dst;
		key.words[2] = forward ? dst : src;
	} else {
		memcpy(key.words, bytes + (forward ? 8 : 24), 16);
		memcpy(key.words + 2, bytes + (forward ? 24 : 8), 16);
	}
	memcpy(&from, ports, sizeof(from));
	memcpy(&to, ports + 2, sizeof(to));
	key.words[4] = (uint64_t)(forward ? from : to) << 32 | (forward ? to : from) |
		(uint64_t)packet->protocol << 56;
	return key;
}

/* Word by word, as they were written a moment ago: wider reads would wait for the writes. */
static bool key_equal(const struct flow_key *a, const struct flow_key *b)
{
	return ((a->words[4] ^ b->words[4]) | (a->words[0] ^ b->words[0]) |
		       (a->words[2] ^ b->words[2]) | (a->words[1] ^ b->words[1]) |
		       (a->words[3] ^ b->words[3])) == 0;
}

static uint32_t bucket_of(const struct flow_table *table, const struct flow_key *key)
{
	uint64_t hash = 0;
	size_t i;

	for (i = 0; i < 5; i++)
		hash = hash_mix(hash ^ key->words[i]);
	return (uint32_t)hash & (table->capacity - 1);
}

static void link_entry(struct flow_table *table, uint32_t i)
{
	struct entry *entry = entry_at(table, i);

	entry->bucket = bucket_of(table, &entry->key);
	entry->next = table->buckets[entry->bucket];
	table->buckets[entry->bucket] = i + 1;
}

static void unlink_entry(struct flow_table *table, uint32_t i)
{
	uint32_t *from = &table->buckets[entry_at(table, i)->bucket];

	while (*from != i + 1)
		from = &entry_at(table, *from - 1)->next;
	*from = entry_at(table, i)->next;
}

static void *find(struct flow_table *table, const struct flow_key *key)
{
	uint32_t at;

	if (table->count == 0)
		return NULL;
	if (key_equal(&entry_at(table, table->last)->key, key))
		return entry_at(table, table->last)->record;
	for (at = table->buckets[bucket_of(table, key)]; at != 0;
		at = entry_at(table, at - 1)->next) {
		if (key_equal(&entry_at(table, at - 1)->key, key)) {
			table->last = at - 1;
			return entry_at(table, at - 1)->record;
		}
	}
	return NULL;
}

static void grow(struct flow_table *table)
{
	uint32_t i;

	table->capacity = table->capacity == 0 ? FIRST_CAPACITY : 2 * table->capacity;
	table->entries = xrealloc(table->entries, table->capacity, table->size);
	free(table->buckets);
	table->buckets = xcalloc(table->capacity, sizeof(*table->buckets));
	for (i = 0; i < table->count; i++)
		link_entry(table, i);
}

void *flow_find(struct flow_table *table, const struct packet *packet, enum dir dir)
{
	struct flow_key key = key_of(packet, dir);

	return find(table, &key);
}

void *flow_add(struct flow_table *table, const struct packet *packet, enum dir dir)
{
	struct flow_key key = key_of(packet, dir);
	void *record = find(table, &key);
	uint32_t i;

	if (record != NULL)
		return record;
	if (table->count == table->capacity && table->capacity < FLOW_MAX)
		grow(table);
	if (table->count < table->capacity) {
		i = table->count++;
	} else {
		i = table->oldest;
		table->oldest = (table->oldest + 1) % FLOW_MAX;
		unlink_entry(table, i);
		if (table->record_fini != NULL)
			table->record_fini(entry_at(table, i)->record);
	}
	memset(entry_at(table, i), 0, table->size);
	entry_at(table, i)->key = key;
	link_entry(table, i);
	table->last = i;
	return entry_at(table, i)->record;
}
