/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/io/names.h"

#include "probe/base/alloc.h"

#include <ares.h>
#include <uthash.h>

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum {
	NAME_BYTES = 256,
	TRY_MS = 500,
	TRIES = 3,
	RESOLVE_PATIENCE_MS = 5000, /* for the address of a name */
	LOOK_MS = 50,               /* between looks at who waits for too long */
	KEPT_MAX = 1 << 14,         /* answers that are remembered */
};

/* The name of an address, or (version 0) the address of some version that a name has. */
struct question {
	struct addr addr;
	uint8_t version;
	char name[NAME_BYTES];
};

struct entry {
	struct names *names;
	struct question question; /* the key */
	enum names_state state;
	bool is_asked; /* c-ares will call back */
	int status;    /* of c-ares, when NAMES_NONE */
	nsec_t asked_at;
	struct addr addr;
	char name[NAME_BYTES];
	UT_hash_handle hh;
};

struct names {
	ares_channel channel; /* NULL: nothing has been asked */
	struct entry *entries;
	unsigned int pending;
	bool has_news; /* something was settled that whoever waits may not have seen */
	nsec_t looked_at;
};

static nsec_t clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (nsec_t)now.tv_sec * NSEC_PER_SEC + (nsec_t)now.tv_nsec;
}

/* ---- entries ---- */

static struct entry *find_entry(struct names *names, const struct question *question)
{
	struct entry *entry;

	HASH_FIND(hh, names->entries, question, sizeof(*question), entry);
	return entry;
}

/* An entry that c-ares still knows of stays: its answer would have no place to go. */
static void forget(struct names *names, struct entry *entry)
{
	if (entry->is_asked)
		return;
	HASH_DEL(names->entries, entry);
	free(entry);
}

static struct entry *add_entry(struct names *names, const struct question *question)
{
	struct entry *entry = xcalloc(1, sizeof(*entry)), *old, *next;

	if (HASH_COUNT(names->entries) >= KEPT_MAX)
		HASH_ITER(hh, names->entries, old, next)
	forget(names, old);
	entry->names = names;
	entry->question = *question;
	entry->asked_at = clock_now();
	entry->is_asked = true;
	names->pending++;
	HASH_ADD(hh, names->entries, question, sizeof(entry->question), entry);
	return entry;
}

/* An answer that comes when nobody waits for it any more changes nothing. */
static void settle(struct entry *entry, enum names_state state, int status)
{
	if (entry->state != NAMES_PENDING)
		return;
	entry->state = state;
	entry->status = status;
	entry->names->pending--;
	entry->names->has_news = true;
}

static void give_up_late(struct names *names)
{
	nsec_t now = clock_now();
	struct entry *entry, *next;

	if (now - names->looked_at < LOOK_MS * NSEC_PER_MS)
		return;
	names->looked_at = now;
	HASH_ITER(hh, names->entries, entry, next)
	{
		nsec_t patience =
			entry->question.version == 0 ? NAMES_PATIENCE_MS : RESOLVE_PATIENCE_MS;

		if (now - entry->asked_at > patience * NSEC_PER_MS)
			settle(entry, NAMES_NONE, ARES_ETIMEOUT);
	}
}

/* ---- c-ares ---- */

static bool begin(struct names *names)
{
	struct ares_options options = { .timeout = TRY_MS, .tries = TRIES };

	if (names->channel != NULL)
		return true;
	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
		return false;
	return ares_init_options(&names->channel, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES) ==
		ARES_SUCCESS;
}

static void take_name(void *self, int status, int timeouts, struct hostent *host)
{
	struct entry *entry = self;

	(void)timeouts;
	entry->is_asked = false;
	if (status == ARES_SUCCESS && entry->state == NAMES_PENDING)
		snprintf(entry->name, sizeof(entry->name), "%s", host->h_name);
	settle(entry, status == ARES_SUCCESS ? NAMES_FOUND : NAMES_NONE, status);
}

static void take_addr(void *self, int status, int timeouts, struct ares_addrinfo *info)
{
	const struct ares_addrinfo_node *node = status == ARES_SUCCESS ? info->nodes : NULL;
	struct entry *entry = self;
	uint8_t version = entry->question.version;

	(void)timeouts;
	entry->is_asked = false;
	while (node != NULL && node->ai_family != (version == 4 ? AF_INET : AF_INET6))
		node = node->ai_next;
	if (node != NULL && version == 4)
		entry->addr = addr_from_bytes(4,
			(const uint8_t *)&((const struct sockaddr_in *)(const void *)node->ai_addr)
				->sin_addr);
	else if (node != NULL)
		entry->addr = addr_from_bytes(6,
			(const uint8_t *)&((const struct sockaddr_in6 *)(const void *)node->ai_addr)
				->sin6_addr);
	settle(entry, node != NULL ? NAMES_FOUND : NAMES_NONE,
		status != ARES_SUCCESS ? status : ARES_ENODATA);
	if (info != NULL)
		ares_freeaddrinfo(info);
}

/* May call back at once: what stands in /etc/hosts needs no server. */
static void ask(struct names *names, struct entry *entry)
{
	const struct question *question = &entry->question;
	struct ares_addrinfo_hints hints = { .ai_flags = ARES_AI_NOSORT,
		.ai_family = question->version == 4 ? AF_INET : AF_INET6 };

	if (!begin(names)) {
		entry->is_asked = false;
		settle(entry, NAMES_NONE, ARES_ENOTINITIALIZED);
	} else if (question->version == 0) {
		ares_gethostbyaddr(names->channel, question->addr.bytes,
			(int)addr_len(&question->addr),
			question->addr.version == 4 ? AF_INET : AF_INET6, take_name, entry);
	} else {
		ares_getaddrinfo(names->channel, question->name, NULL, &hints, take_addr, entry);
	}
}

static struct entry *answer_to(struct names *names, const struct question *question)
{
	struct entry *entry = find_entry(names, question);

	if (entry == NULL) {
		entry = add_entry(names, question);
		ask(names, entry);
	}
	return entry;
}

/* ---- public ---- */

struct names *names_new(void)
{
	return xcalloc(1, sizeof(struct names));
}

void names_free(struct names *names)
{
	struct entry *entry, *next;

	if (names == NULL)
		return;
	/* Calls back for whatever is still asked. */
	if (names->channel != NULL) {
		ares_destroy(names->channel);
		ares_library_cleanup();
	}
	HASH_ITER(hh, names->entries, entry, next)
	forget(names, entry);
	free(names);
}

enum names_state names_of(struct names *names, const struct addr *addr, char *name, size_t size)
{
	struct question question = { .version = 0 };
	const struct entry *entry;

	question.addr = *addr;
	entry = answer_to(names, &question);
	if (entry->state == NAMES_FOUND)
		snprintf(name, size, "%s", entry->name);
	return entry->state;
}

/* Letters, digits, '-', '.', and '_' as some have it; what is not ASCII is the resolver's affair.
 */
static bool is_host_name(const char *name)
{
	for (; *name != '\0'; name++) {
		bool is_letter = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z');

		if (!is_letter && (*name < '0' || *name > '9') && strchr("-._", *name) == NULL &&
			(unsigned char)*name < 128)
			return false;
	}
	return true;
}

enum names_state names_resolve(struct names *names, const char *name, uint8_t version,
	struct addr *addr, struct err *err)
{
	struct question question = { .version = version };
	enum names_state state;
	struct entry *entry;

	if (addr_parse(addr, name)) {
		if (addr->version == version)
			return NAMES_FOUND;
		err_set(err, "%s has no IPv%u address: it is one of IPv%u%s", name, version,
			addr->version, version == 4 ? " (option -6)" : "");
		return NAMES_NONE;
	}
	if (!is_host_name(name)) {
		err_set(err, "%.80s is no name of a host, and no address", name);
		return NAMES_NONE;
	}
	/* RFC 6761 section 6.3: whatever the host's tables and servers hold. */
	if (strcmp(name, "localhost") == 0 && addr_parse(addr, version == 4 ? "127.0.0.1" : "::1"))
		return NAMES_FOUND;
	if (strlen(name) >= sizeof(question.name)) {
		err_set(err, "%.40s... is too long for a name", name);
		return NAMES_NONE;
	}
	memcpy(question.name, name, strlen(name));
	entry = answer_to(names, &question);
	state = entry->state;
	if (state == NAMES_FOUND)
		*addr = entry->addr;
	else if (state == NAMES_NONE)
		err_set(err, "%s has no IPv%u address: %s", name, version,
			ares_strerror(entry->status));
	if (state != NAMES_PENDING)
		forget(names, entry);
	return state;
}

unsigned int names_fds(struct names *names, struct pollfd fds[NAMES_FDS])
{
	ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
	unsigned int count = 0;
	uint32_t bits; /* the lower half readable, the upper writable */

	if (names->pending == 0 || names->channel == NULL)
		return 0;
	bits = (uint32_t)ares_getsock(names->channel, sockets, ARES_GETSOCK_MAXNUM);
	for (int i = 0; i < ARES_GETSOCK_MAXNUM && count < NAMES_FDS; i++) {
		short events = 0;

		if (bits >> i & 1)
			events |= POLLIN;
		if (bits >> (ARES_GETSOCK_MAXNUM + i) & 1)
			events |= POLLOUT;
		if (events != 0)
			fds[count++] = (struct pollfd){ .fd = sockets[i], .events = events };
	}
	return count;
}

nsec_t names_pause(const struct names *names)
{
	if (names->has_news)
		return 0;
	return names->pending > 0 ? LOOK_MS * NSEC_PER_MS : NSEC_NEVER;
}

void names_work(struct names *names)
{
	struct pollfd fds[NAMES_FDS];
	unsigned int count = names_fds(names, fds);

	names->has_news = false;
	if (names->pending == 0)
		return;
	if (poll(fds, count, 0) > 0)
		for (unsigned int i = 0; i < count; i++)
			ares_process_fd(names->channel,
				fds[i].revents & (POLLIN | POLLERR | POLLHUP) ? fds[i].fd
									      : ARES_SOCKET_BAD,
				fds[i].revents & POLLOUT ? fds[i].fd : ARES_SOCKET_BAD);
	ares_process_fd(names->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	give_up_late(names);
}

void names_wait(struct names *names)
{
	struct pollfd fds[NAMES_FDS];
	unsigned int pending = names->pending;

	while (names->pending > 0 && names->pending == pending) {
		poll(fds, names_fds(names, fds), LOOK_MS);
		names_work(names);
	}
}
