/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * state.c - life, bounds and errors of a Lua state; what it may call is state_lib.c.
 */
#include "lua/state.h"

#include "lua/files.h"
#include "probe/base/alloc.h"

#include <lauxlib.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_BOUND = 4 << 20 };

struct script {
	lua_State *state;
	struct rng rng;
	size_t used, memory_bound;
	int step_bound;
	bool counts;          /* instructions: each takes twice as long then */
	uint64_t work, fresh; /* of this call: steps in library functions, bytes taken */
	char name[128];       /* of what was loaded last */
};

static void *bounded_alloc(void *self, void *memory, size_t old_size, size_t new_size)
{
	struct script *script = self;

	if (memory == NULL)
		old_size = 0;
	if (new_size == 0) {
		free(memory);
		script->used -= old_size;
		return NULL;
	}
	if (new_size > old_size) {
		script->fresh += new_size - old_size;
		if (new_size - old_size > script->memory_bound - script->used ||
			script->fresh / SCRIPT_FRESH > script->memory_bound)
			return NULL;
	}
	memory = realloc(memory, new_size);
	if (memory != NULL)
		script->used += new_size - old_size;
	return memory;
}

/* The state's own script. */
static struct script *script_of(lua_State *L)
{
	void *self;

	lua_getallocf(L, &self);
	return self;
}

struct rng *script_rng(lua_State *L)
{
	return &script_of(L)->rng;
}

/*
 * The bound is reached. From now on every instruction raises, so that a program that catches the
 * error cannot go on.
 */
static void stop_program(lua_State *L, lua_Debug *activation)
{
	lua_sethook(L, stop_program, LUA_MASKCOUNT, 1);
	lua_getinfo(L, "Sl", activation);
	lua_pushfstring(L, "%s:%d: more than %d instructions in one call", activation->short_src,
		activation->currentline, script_of(L)->step_bound);
	lua_error(L);
}

void script_spend(lua_State *L, uint64_t steps)
{
	struct script *script = script_of(L);
	uint64_t bound = (uint64_t)script->step_bound * SCRIPT_WORK_A_STEP;

	script->work = steps > bound ? bound + 1 : script->work + steps;
	if (script->work > bound)
		luaL_error(L, "library functions take more than %I steps in one call",
			(LUAI_UACINT)bound);
}

struct script *script_new(const struct rng *rng, size_t memory_bound, int step_bound)
{
	struct script *script = xcalloc(1, sizeof(*script));

	script->rng = *rng;
	script->memory_bound = memory_bound;
	script->step_bound = step_bound;
	script->state = lua_newstate(bounded_alloc, script);
	if (script->state == NULL)
		abort();
	lua_pushcfunction(script->state, script_open_libraries);
	lua_call(script->state, 0, 0);
	return script;
}

void script_free(struct script *script)
{
	if (script == NULL)
		return;
	lua_close(script->state);
	free(script);
}

lua_State *script_state(struct script *script)
{
	return script->state;
}

/* The error value on top as a sentence on one line, which says where it is from; popped. */
static bool take_error(const struct script *script, int status, struct err *err)
{
	lua_State *L = script->state;
	const char *text = lua_tostring(L, -1);
	size_t i;

	if (text == NULL)
		err_set(err, "%s: a Lua error that is a %s", script->name, luaL_typename(L, -1));
	else if (status == LUA_ERRMEM)
		err_set(err, "%s: %s", script->name, text);
	else
		err_set(err, "%s", text);
	for (i = 0; err->text[i] != '\0'; i++) {
		if ((unsigned char)err->text[i] < ' ')
			err->text[i] = ' ';
	}
	lua_pop(L, 1);
	return false;
}

bool script_load(struct script *script, const char *name, const void *text, size_t length,
	struct err *err)
{
	char chunk[512];
	int status;

	snprintf(chunk, sizeof(chunk), "@%s", name);
	snprintf(script->name, sizeof(script->name), "%s", name);
	/* Text only: compiled Lua from elsewhere could do anything. */
	if (length > 0 && *(const char *)text == LUA_SIGNATURE[0])
		return err_set(err, "%s is compiled Lua, which is not run", name);
	status = luaL_loadbufferx(script->state, text, length, chunk, "t");
	return status == LUA_OK || take_error(script, status, err);
}

static void count_anew(struct script *script)
{
	lua_sethook(script->state, stop_program, LUA_MASKCOUNT, script->step_bound);
	script->counts = true;
}

void script_count(lua_State *L)
{
	struct script *script = script_of(L);

	if (!script->counts)
		count_anew(script);
}

static bool call(struct script *script, int arguments, int results, struct err *err)
{
	int status;

	script->work = script->fresh = 0;
	status = lua_pcall(script->state, arguments, results, 0);
	return status == LUA_OK || take_error(script, status, err);
}

bool script_call(struct script *script, int arguments, int results, struct err *err)
{
	/* It stays, for nothing runs between two calls. */
	count_anew(script);
	return call(script, arguments, results, err);
}

bool script_call_short(struct script *script, int arguments, int results, struct err *err)
{
	if (script->counts)
		lua_sethook(script->state, NULL, 0, 0);
	script->counts = false;
	return call(script, arguments, results, err);
}

const void *script_builtin(const char *path, size_t *length)
{
	const struct lua_file *file;

	for (file = lua_files; file->path != NULL; file++) {
		if (strcmp(file->path, path) == 0) {
			*length = file->length;
			return file->text;
		}
	}
	return NULL;
}

bool script_read(const char *path, char **text, size_t *length, struct err *err)
{
	FILE *file = fopen(path, "rb");
	char *buffer;
	size_t got;
	bool failed;

	if (file == NULL)
		return err_set_errno(err, "cannot read %s", path);
	buffer = xmalloc(FILE_BOUND + 1);
	got = fread(buffer, 1, FILE_BOUND + 1, file);
	failed = ferror(file) != 0;
	if (failed)
		err_set_errno(err, "cannot read %s", path);
	fclose(file);
	if (!failed && got > FILE_BOUND)
		failed = !err_set(err, "%s is larger than %d bytes", path, FILE_BOUND);
	if (failed) {
		free(buffer);
		return false;
	}
	*text = xrealloc(buffer, got + 1, 1);
	*length = got;
	return true;
}
