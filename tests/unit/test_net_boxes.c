/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_net_boxes.c - boxes in a network: what is counted and collected of them, and that a run with
 * them is a function of its seed.
 */
#include "tests/unit/net_fixture.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* A run with much that depends on chance; boxes says which stand on the path. */
static uint64_t boxed_hash(uint64_t seed, const char *const *boxes,
	void (*log)(void *, const char *), void *log_self)
{
	struct net_config config = { .seed = seed,
		.hash = true,
		.text_log = log != NULL,
		.log = log,
		.log_self = log_self };
	struct net *net = net_new(&config);
	struct link_plan plan;
	struct box_arg chance = { "chance", "0.3", 3 };
	struct talker *client = talker_new(CLIENT, 4, 300);
	uint64_t hash;
	struct err err;

	client->interval = NSEC_PER_MS;
	client->length = 9;
	link_plan_default(&plan);
	net_add_path(net);
	net_add_link(net, 0, &plan, &plan);
	for (; *boxes != NULL; boxes++)
		CHECK(net_add_box(net, 0, *boxes, box_type_find(*boxes), &chance, 1, &err));
	talker_join(client, net, CLIENT);
	CHECK_U64(net_run(net, NSEC_NEVER, NULL, NULL), NET_IDLE);
	hash = net_hash(net);
	net_free(net);
	free(client);
	return hash;
}

static const char *const some_boxes[] = { "loss", "duplicate", "reorder", "coalesce", "loss",
	NULL };

TEST(boxes_same_seed_same_hash)
{
	CHECK(boxed_hash(3, some_boxes, NULL, NULL) == boxed_hash(3, some_boxes, NULL, NULL));
	CHECK(boxed_hash(3, some_boxes, NULL, NULL) != boxed_hash(4, some_boxes, NULL, NULL));
}

TEST(print_hash)
{
	printf("%016" PRIx64 "\n", boxed_hash(3, some_boxes, NULL, NULL));
}

/* Other processes, with other addresses and another environment, get the same. */
TEST(two_processes_same_hash)
{
	char self[512], command[600], line[64] = "", want[64];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	unsigned int i;
	FILE *pipe;

	CHECK(length > 0);
	self[length > 0 ? length : 0] = '\0';
	snprintf(want, sizeof(want), "%016" PRIx64 "\n", boxed_hash(3, some_boxes, NULL, NULL));
	for (i = 0; i < 2; i++) {
		snprintf(command, sizeof(command), "LC_ALL=%s X=%0*u '%s' print_hash",
			i == 0 ? "C" : "C.UTF-8", (int)(1 + 37 * i), i, self);
		pipe = popen(command, "r");
		CHECK(pipe != NULL && fgets(line, sizeof(line), pipe) != NULL);
		CHECK_TEXT(line, want);
		if (pipe != NULL)
			pclose(pipe);
	}
}

struct drops {
	unsigned int count;
	char lines[400][80];
};

static void note_loss(void *self, const char *line)
{
	struct drops *drops = self;
	const char *name = strstr(line, "path1/loss drop");

	/* Time of the drop; delays of other boxes are none here. */
	if (name != NULL && drops->count < 400)
		snprintf(drops->lines[drops->count++], 80, "%.*s", (int)(name - line), line);
}

/* Another box on the path does not change what is lost: each has random numbers of its own. */
TEST(a_box_more_reshuffles_nothing)
{
	static const char *const alone[] = { "loss", NULL };
	static const char *const behind[] = { "strip", "loss", "duplicate", "loss", NULL };
	struct drops *first = xcalloc(1, sizeof(*first)), *second = xcalloc(1, sizeof(*second));
	unsigned int i;

	boxed_hash(3, alone, note_loss, first);
	boxed_hash(3, behind, note_loss, second);
	CHECK(first->count > 50);
	CHECK_U64(first->count, second->count);
	for (i = 0; i < first->count; i++)
		CHECK_TEXT(second->lines[i], first->lines[i]);
	free(first);
	free(second);
}

TEST(box_hits_are_counted_by_place)
{
	struct fixture fixture = fixture_new(10);
	struct box_arg every = { "every", "5", 1 };
	struct err err;

	CHECK(net_add_box(fixture.net, 0, "strip", box_type_find("strip"), NULL, 0, &err));
	CHECK(net_add_box(fixture.net, 0, "loss", box_type_find("loss"), &every, 1, &err));
	fixture_run(&fixture);
	CHECK_U64(net_box_hits(fixture.net), 2);
	CHECK_U64(net_box_hits_at(fixture.net, 0, 0), 0);
	CHECK_U64(net_box_hits_at(fixture.net, 0, 1), 2);
	CHECK_U64(net_box_hits_at(fixture.net, 0, 2), 0);
	fixture_free(&fixture);
}

TEST(a_bad_box_is_refused_and_not_there)
{
	struct fixture fixture = fixture_new(1);
	struct box_arg bad = { "foo", "5", 1 };
	struct err err;

	CHECK(!net_add_box(fixture.net, 0, "strip", box_type_find("strip"), &bad, 1, &err));
	CHECK_TEXT(err.text, "box strip: unknown parameter foo");
	fixture_run(&fixture);
	CHECK_U64(fixture.server->arrived, 1);
	fixture_free(&fixture);
}

/* A byte far behind the headers, changed on the way; the TCP checksum does not tell. */
TEST(hash_sees_every_byte)
{
	struct box_arg offset = { "offset", "900", 3 }, leave = { "checksum", "leave", 5 };
	uint64_t hashes[2];
	struct err err;
	int i;

	for (i = 0; i < 2; i++) {
		struct fixture fixture = fixture_new(1);
		struct box_arg args[] = { offset, leave, { "mask", i == 0 ? "1" : "2", 1 } };

		CHECK(net_add_box(fixture.net, 0, "flip", box_type_find("flip"), args, 3, &err));
		fixture_run(&fixture);
		CHECK_U64(net_box_hits(fixture.net), 1);
		hashes[i] = net_hash(fixture.net);
		fixture_free(&fixture);
	}
	CHECK(hashes[0] != hashes[1]);
}

TEST(edits_are_collected)
{
	struct fixture fixture = fixture_new(3);
	const struct stream_edit *edits;
	struct err err;
	size_t i;

	CHECK(net_add_box(fixture.net, 0, "flip", box_type_find("flip"), NULL, 0, &err));
	fixture.client->seq_step = 960;
	fixture_run(&fixture);
	CHECK_U64(net_edits(fixture.net, &edits), 3);
	for (i = 0; i < 3; i++) {
		CHECK_U64(edits[i].dir, TO_SERVER);
		CHECK_HEX(edits[i].old_bytes, edits[i].old_length, "5a");
		CHECK_HEX(edits[i].new_bytes, edits[i].new_length, "a5");
	}
	fixture_free(&fixture);
}
