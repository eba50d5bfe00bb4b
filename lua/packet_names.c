/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet_names.c - see packet_names.h: the fields of probe/wire/field.h by name, options as lists
 * of { kind, length, bytes, subtype }, payload.
 */
#include "lua/packet_names.h"

#include "lua/packet.h"
#include "probe/wire/field.h"
#include "probe/wire/mptcp.h"
#include "probe/wire/packet.h"
#include "probe/wire/tcpopt.h"

#include <lauxlib.h>

#include <string.h>

static struct packet *check_tcp(lua_State *L, int argument)
{
	struct packet *packet = lua_packet_check(L, argument);

	if (packet->form != PACKET_TCP)
		luaL_error(L, "not a TCP packet");
	return packet;
}

/* ---- options ---- */

/* Which options are meant: a kind, and for kind 30 perhaps a subtype (name or number). */
struct selection {
	uint8_t kind;
	int subtype; /* -1: any */
};

static struct selection check_selection(lua_State *L, int argument)
{
	struct selection selection = { 0, -1 };
	lua_Integer kind = luaL_checkinteger(L, argument);
	unsigned int i;

	luaL_argcheck(L, kind >= 0 && kind <= 255, argument, "kind is 0 to 255");
	selection.kind = (uint8_t)kind;
	if (lua_isnoneornil(L, argument + 1))
		return selection;
	if (lua_isinteger(L, argument + 1)) {
		lua_Integer subtype = lua_tointeger(L, argument + 1);

		luaL_argcheck(L, subtype >= 0 && subtype <= 15, argument + 1, "subtype is 0 to 15");
		selection.subtype = (int)subtype;
		return selection;
	}
	for (i = 0; i < 16 && selection.subtype < 0; i++) {
		const char *name = mptcp_subtype_name(i);

		if (name != NULL && strcmp(name, luaL_checkstring(L, argument + 1)) == 0)
			selection.subtype = (int)i;
	}
	luaL_argcheck(L, selection.subtype >= 0, argument + 1, "no such MPTCP subtype");
	return selection;
}

static bool is_selected(const struct packet *packet, const struct tcpopt *opt,
	const struct selection *selection)
{
	if (opt->kind != selection->kind)
		return false;
	if (selection->subtype < 0)
		return true;
	return opt->length >= 3 && tcpopt_bytes(packet, opt)[2] >> 4 == selection->subtype;
}

static bool find_selected(const struct packet *packet, const struct selection *selection,
	struct tcpopt *opt)
{
	memset(opt, 0, sizeof(*opt));
	while (tcpopt_next(packet, opt)) {
		if (is_selected(packet, opt, selection))
			return true;
	}
	return false;
}

/* Fields of an option: methods have their names as upvalues, which need not be looked up. */
static const char *const option_fields[] = { "kind", "length", "bytes", "subtype" };

enum { OPTION_KIND = 1, OPTION_LENGTH, OPTION_BYTES, OPTION_SUBTYPE, OPTION_FIELDS = 4 };

/* In the table on top. */
static void set_number(lua_State *L, int field, lua_Integer value)
{
	lua_pushvalue(L, lua_upvalueindex(field));
	lua_pushinteger(L, value);
	lua_rawset(L, -3);
}

static int count_options(const struct packet *packet)
{
	struct tcpopt opt = { 0 };
	int count = 0;

	while (tcpopt_next(packet, &opt))
		count++;
	return count;
}

/* packet:options(): a list of all options in order. */
static int packet_options(lua_State *L)
{
	const struct packet *packet = check_tcp(L, 1);
	struct tcpopt opt = { 0 };
	lua_Integer count = 0;

	lua_createtable(L, count_options(packet), 0);
	while (tcpopt_next(packet, &opt)) {
		const uint8_t *bytes = tcpopt_bytes(packet, &opt);

		lua_createtable(L, 0, OPTION_FIELDS);
		set_number(L, OPTION_KIND, opt.kind);
		set_number(L, OPTION_LENGTH, opt.length);
		lua_pushvalue(L, lua_upvalueindex(OPTION_BYTES));
		lua_pushlstring(L, (const char *)bytes, opt.length);
		lua_rawset(L, -3);
		if (opt.kind == TCPOPT_MPTCP && opt.length >= 3)
			set_number(L, OPTION_SUBTYPE, bytes[2] >> 4);
		lua_rawseti(L, -2, ++count);
	}
	return 1;
}

/* packet:option(kind, subtype): the bytes of the first, or nil. */
static int packet_option(lua_State *L)
{
	const struct packet *packet = check_tcp(L, 1);
	struct selection selection = check_selection(L, 2);
	struct tcpopt opt;

	if (!find_selected(packet, &selection, &opt))
		return 0;
	lua_pushlstring(L, (const char *)tcpopt_bytes(packet, &opt), opt.length);
	return 1;
}

/* packet:remove(kind, subtype, how): how many were removed; how is gap, nop or eol. */
static int packet_remove(lua_State *L)
{
	static const char *const names[] = { "gap", "nop", "eol", NULL };
	static const enum tcpopt_remove_how hows[] = { REMOVE_GAP, REMOVE_NOP, REMOVE_EOL };
	struct packet *packet = check_tcp(L, 1);
	struct selection selection = check_selection(L, 2);
	enum tcpopt_remove_how how =
		lua_gettop(L) < 4 ? REMOVE_GAP : hows[luaL_checkoption(L, 4, "gap", names)];
	struct tcpopt opt;
	lua_Integer count = 0;

	luaL_argcheck(L, selection.kind > TCPOPT_NOP, 2, "padding cannot be removed");
	while (find_selected(packet, &selection, &opt)) {
		tcpopt_remove(packet, &opt, how);
		count++;
	}
	lua_pushinteger(L, count);
	return 1;
}

static const char *check_bytes(lua_State *L, int argument, uint32_t *length)
{
	size_t size;
	const char *bytes = luaL_checklstring(L, argument, &size);

	luaL_argcheck(L, size <= TCPOPT_SPACE, argument, "more than 40 bytes of options");
	*length = (uint32_t)size;
	return bytes;
}

/* packet:replace(kind, subtype, bytes): whether there was one and it fitted. */
static int packet_replace(lua_State *L)
{
	struct packet *packet = check_tcp(L, 1);
	struct selection selection = check_selection(L, 2);
	struct tcpopt opt;
	uint32_t length;
	const char *bytes = check_bytes(L, 4, &length);

	lua_pushboolean(L,
		find_selected(packet, &selection, &opt) &&
			tcpopt_replace(packet, &opt, bytes, length));
	return 1;
}

static int put_option(lua_State *L,
	bool (*put)(struct packet *packet, const void *bytes, uint32_t length))
{
	struct packet *packet = check_tcp(L, 1);
	uint32_t length;
	const char *bytes = check_bytes(L, 2, &length);

	lua_pushboolean(L, put(packet, bytes, length));
	return 1;
}

/* packet:append(bytes): whether there was room after the last option. */
static int packet_append(lua_State *L)
{
	return put_option(L, tcpopt_append);
}

/* packet:prepend(bytes): whether there was room before the first option. */
static int packet_prepend(lua_State *L)
{
	return put_option(L, tcpopt_insert_first);
}

/* ---- payload ---- */

/* packet:overwrite(offset, bytes): payload bytes from offset (0 first) become others. */
static int packet_overwrite(lua_State *L)
{
	struct packet *packet = check_tcp(L, 1);
	lua_Integer offset = luaL_checkinteger(L, 2);
	size_t length;
	const char *bytes = luaL_checklstring(L, 3, &length);
	uint32_t size = packet_payload_len(packet);
	const struct lua_context *context = *lua_context_of(L);

	luaL_argcheck(L, offset >= 0 && (uint64_t)offset <= size, 2, "outside the payload");
	luaL_argcheck(L, length <= size - (uint32_t)offset, 3, "longer than the payload");
	if (context != NULL && context->box != NULL)
		box_edited(context->box, context->dir, packet_payload(packet) + offset,
			(uint32_t)length, (const uint8_t *)bytes, (uint32_t)length);
	packet_write(packet, packet->payload + (uint32_t)offset, bytes, (uint32_t)length);
	return 0;
}

/* packet.payload = bytes: of any length; sequence numbers are the box's own affair. */
static void set_payload(lua_State *L, struct packet *packet)
{
	const struct lua_context *context = *lua_context_of(L);
	uint32_t old = packet->form == PACKET_MALFORMED ? 0 : packet_payload_len(packet);
	size_t length;
	const char *bytes = luaL_checklstring(L, 3, &length);

	check_tcp(L, 1);
	if (length > UINT16_MAX)
		luaL_error(L, "a payload of %d bytes fits no packet", (int)length);
	if (length > old && !packet_open_gap(packet, packet->end, (uint32_t)length - old, false))
		luaL_error(L, "a payload of %d bytes does not fit this packet", (int)length);
	if (context != NULL && context->box != NULL)
		box_edited(context->box, context->dir, packet_payload(packet), old,
			(const uint8_t *)bytes, (uint32_t)length);
	if (length < old)
		packet_close_gap(packet, packet->payload + (uint32_t)length,
			old - (uint32_t)length);
	packet_write(packet, packet->payload, bytes, (uint32_t)length);
}

/* Bytes of an entry of a list of options: a string, or a table with the field bytes. */
static const char *entry_bytes(lua_State *L, size_t *length)
{
	if (lua_istable(L, -1)) {
		lua_getfield(L, -1, "bytes");
		lua_remove(L, -2);
	}
	return lua_tolstring(L, -1, length);
}

/* packet.options = list: all options anew, in this order; NOPs and EOLs as they are listed. */
static void set_options(lua_State *L, struct packet *packet)
{
	uint8_t all[TCPOPT_SPACE];
	size_t used = 0, i, count;

	check_tcp(L, 1);
	luaL_checktype(L, 3, LUA_TTABLE);
	count = (size_t)lua_rawlen(L, 3);
	for (i = 1; i <= count; i++) {
		const char *bytes;
		size_t length;

		lua_rawgeti(L, 3, (lua_Integer)i);
		bytes = entry_bytes(L, &length);
		if (bytes == NULL) {
			luaL_error(L, "option %d has no bytes", (int)i);
			return;
		}
		if (length > sizeof(all) - used)
			luaL_error(L, "more than %d bytes of options", TCPOPT_SPACE);
		memcpy(all + used, bytes, length);
		used += length;
		lua_pop(L, 1);
	}
	if (packet->payload > packet->l4 + 20)
		packet_close_gap(packet, packet->l4 + 20, packet->payload - packet->l4 - 20);
	if (used > 0 && !tcpopt_append(packet, all, (uint32_t)used))
		luaL_error(L, "the options do not fit this packet");
}

/* ---- fields ---- */

static void push_field(lua_State *L, const struct packet *packet, const struct field *field)
{
	uint64_t value;

	if (field_get(field, packet, &value))
		lua_pushinteger(L, (lua_Integer)value);
	else
		lua_pushnil(L);
}

static int get_payload(lua_State *L, const struct packet *packet)
{
	if (packet->form == PACKET_MALFORMED)
		return 0;
	lua_pushlstring(L, (const char *)packet_payload(packet), packet_payload_len(packet));
	return 1;
}

static int get_length(lua_State *L, const struct packet *packet)
{
	lua_pushinteger(L, packet->length);
	return 1;
}

/* What is no field of a header. */
static const struct property {
	const char *name;
	int (*get)(lua_State *L, const struct packet *packet); /* NULL: a method has the name */
	void (*set)(lua_State *L, struct packet *packet);
} properties[] = {
	{ "payload", get_payload, set_payload },
	{ "length", get_length, NULL },
	{ "options", NULL, set_options },
};

enum { PROPERTIES = sizeof(properties) / sizeof(properties[0]) };

/*
 * A name's meaning, from the table of names in upvalue 1: a method stands there as itself, a
 * property as its index, a field as its place in the table of fields behind those. Pushes it.
 */
static int look_up(lua_State *L)
{
	lua_pushvalue(L, 2);
	return lua_rawget(L, lua_upvalueindex(1));
}

/* packet.payload, packet.length and packet["tcp.seq"]: what look_up has pushed, of this packet. */
static int read_named(lua_State *L, const struct packet *packet)
{
	lua_Integer index = lua_tointeger(L, -1);

	if (lua_isnil(L, -1))
		return luaL_error(L, "a packet has no field \"%s\"", luaL_checkstring(L, 2));
	if (index < PROPERTIES)
		return properties[index].get(L, packet);
	push_field(L, packet, field_at((size_t)index - PROPERTIES));
	return 1;
}

static int packet_index(lua_State *L)
{
	/* Methods look at the packet themselves. */
	if (look_up(L) == LUA_TFUNCTION)
		return 1;
	return read_named(L, lua_packet_check(L, 1));
}

/* Where methods stand in a table: argument 1 is this, and the packet can be but one. */
static int lent_index(lua_State *L)
{
	look_up(L);
	return read_named(L, lua_packet_lent(L));
}

static int packet_newindex(lua_State *L)
{
	struct packet *packet = lua_packet_check(L, 1);
	lua_Integer index = look_up(L) == LUA_TNUMBER ? lua_tointeger(L, -1) : -1;
	const char *name = luaL_checkstring(L, 2);

	lua_settop(L, 3);
	if (index >= 0 && index < PROPERTIES && properties[index].set != NULL) {
		properties[index].set(L, packet);
		return 0;
	}
	if (index < PROPERTIES)
		return luaL_error(L, "a packet has no field \"%s\" to set", name);
	if (!field_set(field_at((size_t)index - PROPERTIES), packet,
		    (uint64_t)luaL_checkinteger(L, 3)))
		return luaL_error(L, "field \"%s\" cannot be set to this in this packet", name);
	return 0;
}

static const luaL_Reg methods[] = { { "options", packet_options }, { "option", packet_option },
	{ "remove", packet_remove }, { "replace", packet_replace }, { "append", packet_append },
	{ "prepend", packet_prepend }, { "overwrite", packet_overwrite }, { NULL, NULL } };

/* Into the table on top. */
static void set_methods(lua_State *L)
{
	int i;

	for (i = 0; i < OPTION_FIELDS; i++)
		lua_pushstring(L, option_fields[i]);
	luaL_setfuncs(L, methods, OPTION_FIELDS);
}

/* Push the table of names: the index of a property or field, or the method. */
static void push_names(lua_State *L, bool methods_too)
{
	size_t i;

	lua_newtable(L);
	for (i = 0; field_at(i) != NULL; i++) {
		lua_pushinteger(L, (lua_Integer)i + PROPERTIES);
		lua_setfield(L, -2, field_at(i)->name);
	}
	for (i = 0; i < PROPERTIES; i++) {
		lua_pushinteger(L, (lua_Integer)i);
		lua_setfield(L, -2, properties[i].name);
	}
	if (methods_too)
		set_methods(L);
}

/* __index and __newindex, into the metatable on top. */
static void set_index(lua_State *L)
{
	push_names(L, true);
	lua_pushcclosure(L, packet_index, 1);
	lua_setfield(L, -2, "__index");
	push_names(L, false);
	lua_pushcclosure(L, packet_newindex, 1);
	lua_setfield(L, -2, "__newindex");
}

/*
 * Another __index, for objects that are used only while they are lent: methods are found without a
 * call, and fields are those of the packet that is lent.
 */
static void set_lent_index(lua_State *L)
{
	lua_newtable(L);
	set_methods(L);
	lua_createtable(L, 0, 1);
	push_names(L, false);
	lua_pushcclosure(L, lent_index, 1);
	lua_setfield(L, -2, "__index");
	lua_setmetatable(L, -2);
	lua_setfield(L, -2, "__index");
}

void lua_packet_open(lua_State *L, bool lets_go)
{
	lua_packet_make_metatables(L);
	set_index(L);
	if (lets_go)
		set_lent_index(L);
	lua_pop(L, 1);
	set_index(L);
	lua_pop(L, 1);
}
