/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bind_box.c - running a box written in Lua: its state, the object self with its parameters, and
 * the calls of packet and wake. What goes wrong in Lua fails the run (box_fail).
 */
#include "lua/bind_box.h"

#include "lua/bind_self.h"
#include "lua/packet.h"
#include "lua/state.h"
#include "probe/base/alloc.h"

#include <lauxlib.h>

#include <stdlib.h>
#include <string.h>

#define SELF_KEY "self"

/*
 * Per cent of the memory in use that may be in use before the state is collected again: a packet
 * leaves little behind, and looking through the whole state often costs more than the calls. At the
 * bound of its memory Lua collects before it gives up.
 */
enum { GC_PAUSE = 1000 };

/* ---- parameters ---- */

static void push_point(lua_State *L, const struct when_point *point)
{
	if (point->unit == POINT_NONE)
		lua_pushnil(L);
	else
		lua_pushinteger(L, (lua_Integer)point->value);
}

static void push_value(lua_State *L, const struct box_param *param, const union lua_value *value)
{
	char text[ADDR_TEXT];

	switch (param->kind) {
	case PARAM_INT:
		lua_pushinteger(L, value->integer);
		return;
	case PARAM_BOOL:
		lua_pushboolean(L, value->boolean);
		return;
	case PARAM_CHOICE:
		lua_pushstring(L, param->choices[value->choice]);
		return;
	case PARAM_RATIO:
		lua_pushinteger(L, value->ratio.ppm);
		return;
	case PARAM_TEXT:
		lua_pushlstring(L, (const char *)value->text.bytes, value->text.length);
		return;
	case PARAM_ADDR:
		lua_pushstring(L, addr_text(&value->addr, text));
		return;
	case PARAM_TIME:
		lua_pushinteger(L, (lua_Integer)(value->time / NSEC_PER_MS));
		return;
	case PARAM_POINT:
		push_point(L, &value->point);
		return;
	}
}

/* A function of a plain box (upvalue), called by the box itself: then even that may take long. */
static int call_counted(lua_State *L)
{
	script_count(L);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
	return lua_gettop(L);
}

/* Argument 1: what the file returned. Put others in the place of its functions. */
static void count_functions(lua_State *L)
{
	static const char *const names[] = { "init", "packet", "wake" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		lua_getfield(L, 1, names[i]);
		if (lua_isfunction(L, -1))
			lua_pushcclosure(L, call_counted, 1);
		lua_setfield(L, 1, names[i]);
	}
}

/*
 * Argument: what the file returned. Make self, an object of the file's functions and the verbs,
 * with the parameters as fields; call its init.
 */
static int make_self(lua_State *L)
{
	const struct lua_box *file = lua_touserdata(L, lua_upvalueindex(1));
	const struct lua_box_state *state = lua_touserdata(L, lua_upvalueindex(2));
	const struct box_param *param;

	luaL_checktype(L, 1, LUA_TTABLE);
	if (file->plain.ends)
		count_functions(L);
	lua_self_set_verbs(L);
	lua_newtable(L);
	for (param = file->params; param->name != NULL; param++) {
		push_value(L, param, &state->values[param - file->params]);
		lua_setfield(L, 2, param->name);
	}
	lua_createtable(L, 0, 1);
	lua_pushvalue(L, 1);
	lua_setfield(L, -2, "__index");
	lua_setmetatable(L, 2);
	lua_pushvalue(L, 2);
	lua_setfield(L, LUA_REGISTRYINDEX, SELF_KEY);
	if (lua_getfield(L, 2, "init") == LUA_TNIL)
		return 0;
	lua_pushvalue(L, 2);
	lua_call(L, 1, 0);
	return 0;
}

/* ---- the functions of the type ---- */

static void lua_box_fini(struct box *box)
{
	struct lua_box_state *state = box_state(box);

	script_free(state->script);
	free(state->context);
}

/* What every call needs, at the bottom of the stack: nothing is looked up by name for a packet. */
enum {
	SLOT_SELF = 1,
	SLOT_PACKET, /* the function */
	SLOT_DIRS,   /* by enum dir */
};

static void fill_slots(struct lua_box_state *state)
{
	lua_State *L = script_state(state->script);

	lua_settop(L, 0);
	lua_getfield(L, LUA_REGISTRYINDEX, SELF_KEY);
	lua_getfield(L, SLOT_SELF, "packet");
	state->ends = lua_tocfunction(L, SLOT_PACKET) == call_counted;
	if (state->ends) {
		lua_getupvalue(L, SLOT_PACKET, 1);
		lua_replace(L, SLOT_PACKET);
	}
	lua_pushstring(L, lua_dir_names[TO_SERVER]);
	lua_pushstring(L, lua_dir_names[TO_CLIENT]);
}

static bool lua_box_init(struct box *box, struct err *err)
{
	struct lua_box_state *state = box_state(box);
	/* The type is the first member of its file. */
	const struct lua_box *file = (const struct lua_box *)box_type_of(box);
	lua_State *L;

	state->script = script_new(box_rng(box), SCRIPT_MEMORY_BOX, SCRIPT_STEPS_BOX);
	state->context = xcalloc(1, sizeof(*state->context));
	state->context->box = box;
	L = script_state(state->script);
	lua_gc(L, LUA_GCINC, GC_PAUSE, 0, 0);
	lua_box_open(L, file->plain.lets_go);
	*lua_context_of(L) = state->context;
	lua_pushlightuserdata(L, (void *)(uintptr_t)file);
	lua_pushlightuserdata(L, state);
	lua_pushcclosure(L, make_self, 2);
	if (!script_load(state->script, file->path, file->text, file->length, err) ||
		!script_call(state->script, 0, 1, err) || !script_call(state->script, 1, 0, err)) {
		lua_box_fini(box);
		return false;
	}
	fill_slots(state);
	return true;
}

/* Some errors do not say where they arose: memory that is full, an error that is no text. */
static void fail(struct box *box, struct lua_box_state *state, const struct err *err)
{
	const char *path = ((const struct lua_box *)box_type_of(box))->path;
	const char *slash = strrchr(path, '/');
	bool is_placed = strstr(err->text, slash != NULL ? slash + 1 : path) != NULL;
	struct err placed;

	/* Of a long path Lua shows the end. */
	err_set(&placed, "%s: %s", path, err->text);
	state->failed = true;
	box_fail(box, is_placed ? err->text : placed.text);
}

/* The verdict on top of the stack, popped; nil passes. */
static enum verdict take_verdict(struct box *box, struct lua_box_state *state)
{
	lua_State *L = script_state(state->script);
	lua_Integer word = lua_isinteger(L, -1) ? lua_tointeger(L, -1)
		: lua_isnil(L, -1)              ? WORD_PASS
						: -1;
	struct err err;

	lua_pop(L, 1);
	switch (word) {
	case WORD_PASS:
		return BOX_PASS;
	case WORD_DROP:
		return BOX_DROP;
	case WORD_TAKEN:
		return BOX_TAKEN;
	case WORD_UNCHANGED:
		return box_unchanged(box);
	default:
		err_set(&err, "packet returns PASS, DROP, TAKEN or UNCHANGED");
		fail(box, state, &err);
		return BOX_DROP;
	}
}

/* The function packet, called by an object that may be kept; arguments: it and its own. */
static int call_lending(lua_State *L)
{
	lua_packet_lend_object(L, 3);
	lua_call(L, 3, 1);
	return 1;
}

/* Leaves the verdict on the stack. */
static bool call_packet(struct lua_box_state *state, struct packet *packet, enum dir dir,
	struct err *err)
{
	lua_State *L = script_state(state->script);
	int lends = state->context->takes ? 1 : 0;

	if (lends > 0)
		lua_pushcfunction(L, call_lending);
	lua_pushvalue(L, SLOT_PACKET);
	lua_pushvalue(L, SLOT_SELF);
	lua_packet_lend(L, packet);
	lua_pushvalue(L, SLOT_DIRS + (int)dir);
	return (state->ends ? script_call_short : script_call)(state->script, lends + 3, 1, err);
}

static enum verdict lua_box_packet(struct box *box, struct packet *packet, enum dir dir)
{
	struct lua_box_state *state = box_state(box);
	enum verdict verdict = BOX_DROP;
	bool taken;
	struct err err;

	if (state->failed)
		return BOX_DROP;
	state->context->dir = dir;
	if (call_packet(state, packet, dir, &err))
		verdict = take_verdict(box, state);
	else
		fail(box, state, &err);
	taken = lua_packet_return(script_state(state->script));
	if (taken == (verdict == BOX_TAKEN) || state->failed)
		return taken ? BOX_TAKEN : verdict == BOX_TAKEN ? BOX_DROP : verdict;
	err_set(&err, "TAKEN is returned for packets that self:take took, and for no others");
	fail(box, state, &err);
	return taken ? BOX_TAKEN : BOX_DROP;
}

/* Argument: self, which may have no such function. */
static int call_wake(lua_State *L)
{
	if (lua_getfield(L, 1, "wake") != LUA_TFUNCTION)
		return 0;
	lua_insert(L, 1);
	lua_call(L, 1, 0);
	return 0;
}

static void lua_box_wake(struct box *box)
{
	struct lua_box_state *state = box_state(box);
	lua_State *L = script_state(state->script);
	struct err err;

	if (state->failed)
		return;
	lua_pushcfunction(L, call_wake);
	lua_pushvalue(L, SLOT_SELF);
	if (!script_call(state->script, 1, 0, &err))
		fail(box, state, &err);
}

void lua_box_bind(struct lua_box *box)
{
	box->type.params = box->params;
	box->type.state_size = sizeof(struct lua_box_state);
	box->type.init = lua_box_init;
	box->type.packet = lua_box_packet;
	box->type.wake = lua_box_wake;
	box->type.fini = lua_box_fini;
}
