/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * box.c - see box.h: finding box files, reading what they declare, keeping the types.
 */
#include "lua/box.h"

#include "lua/bind_box.h"
#include "lua/bind_self.h"
#include "lua/files.h"
#include "lua/state.h"
#include "lua/table.h"
#include "probe/base/alloc.h"

#include <lauxlib.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lua_boxes {
	struct lua_box *first;
};

static const char boxes_folder[] = "lua/box/";

struct lua_boxes *lua_boxes_new(void)
{
	return xcalloc(1, sizeof(struct lua_boxes));
}

static void box_file_free(struct lua_box *box)
{
	const struct box_param *param;

	for (param = box->params; param->name != NULL; param++) {
		size_t i;

		for (i = 0; param->choices != NULL && param->choices[i] != NULL; i++)
			free((void *)(uintptr_t)param->choices[i]);
		free((void *)(uintptr_t)param->choices);
		free((void *)(uintptr_t)param->name);
		free((void *)(uintptr_t)param->default_text);
		free((void *)(uintptr_t)param->help);
	}
	free((void *)(uintptr_t)box->type.help);
	free(box->owned_text);
	free(box->name);
	free(box->path);
	free(box);
}

void lua_boxes_free(struct lua_boxes *boxes)
{
	if (boxes == NULL)
		return;
	while (boxes->first != NULL) {
		struct lua_box *box = boxes->first;

		boxes->first = box->next;
		box_file_free(box);
	}
	free(boxes);
}

const char *lua_box_builtin(size_t index, char name[static 64])
{
	const struct lua_file *file;
	size_t folder = sizeof(boxes_folder) - 1;
	char *at;

	for (file = lua_files; file->path != NULL; file++) {
		if (strncmp(file->path, boxes_folder, folder) != 0 || index-- > 0)
			continue;
		snprintf(name, 64, "%.*s", (int)(strlen(file->path) - folder - strlen(".lua")),
			file->path + folder);
		for (at = name; *at != '\0'; at++) {
			if (*at == '_')
				*at = '-';
		}
		return name;
	}
	return NULL;
}

/* ---- parameters ---- */

/* The list of words in a field, NULL-ended, allocated; NULL when there is none. */
static const char *const *read_words(const struct table *table, const char *field)
{
	lua_State *L = table->L;
	const char **words;
	size_t count, i;

	if (!table_enter(table, field))
		return NULL;
	count = (size_t)lua_rawlen(L, -1);
	words = xcalloc(count + 1, sizeof(*words));
	for (i = 0; i < count; i++) {
		const char *word;

		lua_rawgeti(L, -1, (lua_Integer)i + 1);
		word = lua_tostring(L, -1);
		words[i] = xstrdup(word == NULL ? "" : word);
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
	return words;
}

/* The default as text, allocated; NULL when the parameter must be given. */
static char *read_default(const struct table *table, enum param_kind *kind)
{
	lua_State *L = table->L;
	char *text = NULL;

	switch (lua_getfield(L, table->index, "default")) {
	case LUA_TNIL:
		break;
	case LUA_TBOOLEAN:
		*kind = PARAM_BOOL;
		text = xstrdup(lua_toboolean(L, -1) ? "true" : "false");
		break;
	case LUA_TNUMBER:
		*kind = PARAM_INT;
		text = xstrdup(lua_tostring(L, -1));
		break;
	default:
		text = xstrdup(luaL_tolstring(L, -1, NULL));
		lua_pop(L, 1);
		break;
	}
	lua_pop(L, 1);
	return text;
}

static int64_t read_bound(const struct table *table, const char *name, int64_t absent)
{
	int64_t value = absent;

	if (lua_getfield(table->L, table->index, name) == LUA_TNUMBER)
		value = lua_tointeger(table->L, -1);
	lua_pop(table->L, 1);
	return value;
}

/* One parameter: its name below, its table on top of the stack. */
static void read_param(lua_State *L, struct lua_box *box, unsigned int index)
{
	static const char *const kinds[] = { "int", "bool", "choice", "ratio", "text", "addr",
		"time", "point", NULL };
	struct box_param *param = &box->params[index];
	struct table table = { L, lua_gettop(L), "" };
	enum param_kind kind = PARAM_TEXT;

	for (const struct box_param *common = box_when_params; common->name != NULL; common++)
		if (strcmp(common->name, lua_tostring(L, -2)) == 0)
			luaL_error(L, "every box has the parameter %s", common->name);
	/* The name first: it is what says that there is something to free. */
	param->name = xstrdup(lua_tostring(L, -2));
	param->help = xstrdup(table_text(&table, "help", ""));
	param->default_text = read_default(&table, &kind);
	param->choices = read_words(&table, "choices");
	if (param->choices != NULL)
		kind = PARAM_CHOICE;
	param->kind = (enum param_kind)table_choice(&table, "kind", kinds, kind);
	if (param->kind != PARAM_CHOICE)
		param->choices = read_words(&table, "examples");
	param->min = read_bound(&table, "min", param->kind == PARAM_INT ? INT64_MIN : 0);
	param->max = read_bound(&table, "max", param->kind == PARAM_INT ? INT64_MAX : 0);
	param->offset = offsetof(struct lua_box_state, values) + index * sizeof(union lua_value);
}

/* Upvalue: the box; argument: what its file returned. */
static int read_definition(lua_State *L)
{
	struct lua_box *box = lua_touserdata(L, lua_upvalueindex(1));
	struct table table = { L, 1, "" };
	unsigned int count = 0;

	luaL_argcheck(L, lua_istable(L, 1), 1, "a box file returns a table");
	box->type.help = xstrdup(table_text(&table, "help", ""));
	if (lua_getfield(L, 1, "packet") != LUA_TFUNCTION)
		return luaL_error(L, "a box needs a function packet");
	lua_pop(L, 1);
	box->type.alters_payload = table_bool(&table, "alters_payload", false);
	box->type.any_form = table_bool(&table, "any_form", false);
	box->type.sees_all = table_bool(&table, "sees_all", false);
	box->type.translates = table_bool(&table, "translates", false);
	if (!table_enter(&table, "params"))
		return 0;
	lua_getglobal(L, "pairs");
	lua_insert(L, -2);
	lua_call(L, 1, 3);
	for (;;) {
		lua_pushvalue(L, -3);
		lua_pushvalue(L, -3);
		lua_pushvalue(L, -3);
		lua_call(L, 2, 2);
		if (lua_isnil(L, -2))
			return 0;
		if (lua_type(L, -2) != LUA_TSTRING || !lua_istable(L, -1))
			return luaL_error(L, "params holds NAME = { default = ... }");
		if (count == LUA_BOX_PARAMS)
			return luaL_error(L, "a box has at most %d parameters", LUA_BOX_PARAMS);
		read_param(L, box, count++);
		lua_pop(L, 1);
		lua_replace(L, -2);
	}
}

/* Run the file once to see what it declares. */
static bool declare_box(struct lua_box *box, struct err *err)
{
	struct script *script;
	lua_State *L;
	struct rng rng;
	bool ok;

	rng_init(&rng, 0);
	script = script_new(&rng, SCRIPT_MEMORY_BOX, SCRIPT_STEPS_BOX);
	L = script_state(script);
	lua_box_open(L, false);
	lua_pushlightuserdata(L, box);
	lua_pushcclosure(L, read_definition, 1);
	ok = script_load(script, box->path, box->text, box->length, err) &&
		script_call(script, 0, 1, err) && script_call(script, 1, 0, err);
	script_free(script);
	return ok;
}

static struct lua_box *box_file_new(const char *name, const char *path)
{
	struct lua_box *box = xcalloc(1, sizeof(*box));

	box->name = xstrdup(name);
	box->path = xstrdup(path);
	return box;
}

/* The file of a built-in box: '-' in a name is '_' in a path. */
static void builtin_path(const char *name, char *path, size_t size)
{
	char *at;

	snprintf(path, size, "%s%s.lua", boxes_folder, name);
	for (at = path + sizeof(boxes_folder) - 1; *at != '\0'; at++) {
		if (*at == '-')
			*at = '_';
	}
}

/* Read and declare a box; text is the file's when it is built in, else it is read from path. */
static struct lua_box *load_box(const char *name, const char *path, const char *text, size_t length,
	struct err *err)
{
	struct lua_box *box = box_file_new(name, path);
	bool ok = true;

	box->text = text;
	box->length = length;
	if (text == NULL) {
		ok = script_read(path, &box->owned_text, &box->length, err);
		box->text = box->owned_text;
	}
	if (ok && declare_box(box, err)) {
		box->plain = plain_read(box->text, box->length);
		lua_box_bind(box);
		return box;
	}
	box_file_free(box);
	return NULL;
}

const struct box_type *lua_boxes_find(struct lua_boxes *boxes, const char *name, const char *file,
	struct err *err)
{
	const struct box_type *type = file == NULL ? box_type_find(name) : NULL;
	struct lua_box *box;
	char path[128];
	const char *text = NULL;
	size_t length = 0;

	if (file == NULL) {
		builtin_path(name, path, sizeof(path));
		text = script_builtin(path, &length);
		file = path;
		if (type != NULL && text == NULL)
			return type;
		if (type != NULL || text == NULL) {
			err_set(err,
				type != NULL ? "box %s is there in C and in Lua"
					     : "there is no box %s (see mbtest list boxes)",
				name);
			return NULL;
		}
	}
	for (box = boxes->first; box != NULL; box = box->next) {
		if (strcmp(box->name, name) == 0 && strcmp(box->path, file) == 0)
			return &box->type;
	}
	box = load_box(name, file, text, length, err);
	if (box == NULL)
		return NULL;
	box->next = boxes->first;
	boxes->first = box;
	return &box->type;
}
