/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_boxes.c - any packets through every box in C (box_stage.h).
 */
#include "tests/fuzz/box_stage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct plan plans[] = {
	{ "strip", { { "kind", "30" } } },
	{ "strip", { { "kind", "8" }, { "checksum", "leave" } } },
	{ "nop", { { "subtype", "dss" } } },
	{ "eol", { { "kind", "5" }, { "from", "3B" } } },
	{ "split", { { "mss", "3" } } },
	{ "split", { { "mss", "1" }, { "options", "last" }, { "psh", "all" } } },
	{ "split", { { "mss", "7" }, { "options", "none" } } },
	{ "coalesce", { { "options", "both" }, { "hold", "10ms" } } },
	{ "coalesce", { { "options", "last" }, { "size", "1500" } } },
	{ "coalesce", { { "options", "none" }, { "size", "65535" } } },
	{ "coalesce", { { "options", "same" }, { "count", "2" } } },
	{ "seq-rewrite", { { "offset", "random" } } },
	{ "seq-rewrite", { { "offset", "7" }, { "sack", "strip" } } },
	{ "rewrite", { { "pattern", "a" }, { "replacement", "bcd" } } },
	{ "rewrite", { { "pattern", "ab" }, { "replacement", "" } } },
	{ "flip", { { "offset", "1" }, { "every", "2" } } },
	{ "nat", { { "idle", "3ms" } } },
	{ "nat", { { "mapping", "symmetric" }, { "preserve", "true" } } },
	{ "nat", { { "kind", "destination" }, { "port", "8080" } } },
	{ "port-map", { { "map", "80:8080,8080:80" } } },
	{ "blackhole", { { "kind", "30" }, { "from", "2" }, { "heal", "5ms" } } },
	{ "loss", { { "chance", "0.5" } } },
	{ "delay", { { "time", "2ms" }, { "jitter", "2ms" } } },
	{ "reorder", { { "every", "2" }, { "after", "2" } } },
	{ "duplicate", { { "copies", "2" } } },
	{ "rate", { { "rate", "1000000" }, { "queue", "2000" } } },
	{ "firewall",
		{ { "holes", "reset" }, { "unseen_acks", "drop" }, { "out_of_window", "reset" },
			{ "unknown_flows", "reset" }, { "resets", "both" } } },
	{ "firewall",
		{ { "unknown_options", "reset" }, { "syn_data", "drop" },
			{ "unseen_acks", "reset" }, { "idle", "5ms" }, { "resets", "both" } } },
};

/* What a box must be told; every box of the list is tried with nothing else, too. */
static const char *const needed[][2] = {
	{ "time", "2ms" },
	{ "map", "80:8080" },
	{ "rate", "1000000" },
	{ "pattern", "a" },
	{ "replacement", "bcd" },
};

/* A plan for a box of the list, with what it must be told. */
static struct plan plan_of(const struct box_entry *entry)
{
	const struct box_param *param = entry->type->params;
	struct plan plan = { .box = entry->name };
	size_t count = 0, i;

	for (; param != NULL && param->name != NULL; param++) {
		for (i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
			if (param->default_text != NULL || strcmp(param->name, needed[i][0]) != 0)
				continue;
			plan.args[count][0] = needed[i][0];
			plan.args[count++][1] = needed[i][1];
		}
	}
	return plan;
}

static void run_row(const struct plan *plan, const uint8_t *data, size_t size)
{
	struct stage stage;

	stage_init(&stage, plan, box_type_find(plan->box));
	stage_run(&stage, data, size);
	box_free(stage.box);
}

/* The whole input as one packet: captures are seeds. */
static void run_one(const struct plan *plan, const uint8_t *data, size_t size)
{
	struct packet *packet = packet_new(PACKET_LARGE);
	struct stage stage;

	stage_init(&stage, plan, box_type_find(plan->box));
	if (packet_set(packet, data, size))
		send_packet(&stage, packet, TO_SERVER, 0);
	else
		packet_free(packet);
	box_free(stage.box);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t count = sizeof(plans) / sizeof(plans[0]), i;
	const struct box_entry *entry;

	for (i = 0; i < count; i++)
		run_row(&plans[i], data, size);
	for (entry = box_list; entry->name != NULL; entry++) {
		struct plan plan = plan_of(entry);

		run_row(&plan, data, size);
	}
	run_one(&plans[(size > 0 ? data[size - 1] : 0) % count], data, size);
	return 0;
}
