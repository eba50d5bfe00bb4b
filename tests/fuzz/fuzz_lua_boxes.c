/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_lua_boxes.c - any packets through every box in Lua, and through one that does to a packet
 * whatever Lua can do (box_stage.h). A box lives through many inputs, as it does inline.
 */
#include "lua/box.h"
#include "tests/fuzz/box_stage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUTS_A_LIFE = 256, PLANS_MOST = 32 };

#define ALL_VERBS "tests/fuzz/all_verbs.lua"

/* Beside each box with nothing else said. */
static const struct plan plans[] = {
	{ "option-bytes", { { "op", "extend" }, { "bytes", "0001" } } },
	{ "option-bytes", { { "op", "set" }, { "kind", "8" }, { "at", "3" } } },
	{ "option-edit", { { "op", "duplicate" } } },
	{ "option-edit", { { "op", "reorder" } } },
	{ "option-edit", { { "op", "truncate" }, { "value", "3" } } },
	{ "forge", { { "flags", "rst" }, { "back", "true" }, { "most", "1000" } } },
	{ "forge", { { "copy", "true" }, { "count", "3" }, { "seq", "-7" } } },
	{ "all-verbs", { { NULL, NULL } } },
};

/* The boxes, as long as they live. */
static struct {
	struct lua_boxes *boxes;
	struct stage stages[PLANS_MOST];
	unsigned int count, inputs;
} life;

static void add_stage(const struct plan *plan)
{
	const char *file = strcmp(plan->box, "all-verbs") == 0 ? ALL_VERBS : NULL;
	struct err err;
	const struct box_type *type = lua_boxes_find(life.boxes, plan->box, file, &err);

	if (type == NULL)
		fprintf(stderr, "%s\n", err.text);
	expect(type != NULL && life.count < PLANS_MOST);
	stage_init(&life.stages[life.count++], plan, type);
}

static void begin(void)
{
	struct plan plan = { .box = NULL };
	char name[64];

	life.boxes = lua_boxes_new();
	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++)
		add_stage(&plans[i]);
	plan.box = name;
	for (size_t i = 0; lua_box_builtin(i, name) != NULL; i++)
		add_stage(&plan);
}

static void end(void)
{
	for (unsigned int i = 0; i < life.count; i++)
		box_free(life.stages[i].box);
	lua_boxes_free(life.boxes);
	life.boxes = NULL;
	life.count = life.inputs = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (life.boxes == NULL) {
		begin();
		atexit(end);
	}
	for (unsigned int i = 0; i < life.count; i++)
		stage_run(&life.stages[i], data, size);
	if (++life.inputs == INPUTS_A_LIFE)
		end();
	return 0;
}
