/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/unit.h"

#include "lua/plain.h"
#include "lua/state.h"
#include "probe/base/alloc.h"

#include <stdlib.h>
#include <string.h>

enum looks {
	LASTS, /* may take any number of instructions */
	ENDS,
	LETS_GO,
};

#define BOX(body)   "return { packet = function(self, packet, dir) " body " end }"
#define LOCAL(body) "local t = {} " BOX(body)

static const struct {
	const char *text;
	enum looks looks;
} files[] = {
	{ BOX("return packet:remove(self.kind) and PASS or UNCHANGED"), LETS_GO },
	{ BOX("if packet.length > 3 then do return DROP end elseif x then end return PASS"),
		LETS_GO },
	{ BOX("packet['tcp.window'] = #packet.payload + 0xe+packet.length"), LETS_GO },
	{ BOX("self.packet = dir return self.packet"), LETS_GO },
	{ BOX("return 'a' ..packet.payload"), LETS_GO },
	{ BOX("local s = [[packet]] .. [==[ ]] function for]==] .. 'it\\'s packet' .. \"\\\\\""),
		LETS_GO },
	{ BOX("--[==[ for packet ]] ]==] -- while packet\n --[[packet\n]]"), LETS_GO },
	{ BOX("return 1e-5 .. 0x1p-4 .. .5"), LETS_GO },
	{ "-- a box\nreturn{help='x';init=function(self)self.n=0 end,wake=function(me)me.n=1 end,"
	  "packet=function(_,p)return p:option(3)end}",
		LETS_GO },
	{ "return { wake = function(self, packet) self.x = packet end, packet = print }", ENDS },
	{ "return { init = function(self, help) end, help = '', packet = print }", LETS_GO },

	{ BOX("return self:packet()"), LETS_GO },
	{ "return { init = function(self, p) end, wake = function(self) self.x = p end }",
		LETS_GO },

	/* It is kept, or handed to what may keep it. */
	{ BOX("self.kept = packet"), ENDS },
	{ BOX("self.kept = packet x = 1"), ENDS },
	{ BOX("self.kept = { packet }"), ENDS },
	{ BOX("if x then end self.kept = packet"), ENDS },
	{ BOX("do end self.kept = packet"), ENDS },
	{ BOX("local a = .5 packet = nil"), ENDS },
	{ BOX("self.kept[packet] = 1"), ENDS },
	{ BOX("self:flow(packet, dir)"), ENDS },
	{ BOX("return self.t ..packet"), ENDS },
	{ BOX("return packet ..self.t"), ENDS },
	{ BOX("return self.t < packet"), ENDS },
	{ BOX("local t = 0xe+packet"), ENDS },
	{ BOX("local a = packet --[[ ]] .. b"), ENDS },
	{ BOX("f\"packet\"(packet)"), ENDS },
	{ "return { packet = function(self, ...) self.kept = ... end }", ENDS },
	{ "return { packet = function(...) self.kept = ... end }", ENDS },

	/* Loops, and what may call itself. */
	{ BOX("for i = 1, 3 do end"), LASTS },
	{ BOX("while true do end"), LASTS },
	{ BOX("repeat until false"), LASTS },
	{ BOX("::again:: goto again"), LASTS },
	{ BOX("self.kept = packet ::x::"), LASTS },
	{ BOX("local f = function() end"), LASTS },
	{ BOX("local function f() return f() end f()"), LASTS },
	{ BOX("init = function() end"), LASTS },
	{ BOX("; init = function() end"), LASTS },
	{ "return { init, function() end }", LASTS },
	{ "f{ packet = function() end }", LASTS },
	{ "return f{ packet = function() end }", LASTS },
	{ BOX("f{ init = function() end }"), LASTS },
	{ "return { packet = f(function() end) }", LASTS },
	{ "return { other = function() end, packet = print }", LASTS },
	{ "return { t = { packet = function() end } }", LASTS },
	{ "return { packet = x == function() end }", LASTS },
	{ "return { (function() end) }", LASTS },
	{ "return setmetatable({ packet = function() end }, {})", LASTS },
	{ "function f() end return { packet = f }", LASTS },
	{ LOCAL("return t"), LASTS },
	{ "", LASTS },
};

TEST(words_of_a_box_tell_whether_it_ends_and_keeps)
{
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct plain plain = plain_read(files[i].text, strlen(files[i].text));

		if (plain.ends != (files[i].looks >= ENDS) ||
			plain.lets_go != (files[i].looks == LETS_GO))
			CHECK_TEXT("misread", files[i].text);
	}
}

/* What is read is Lua, by Lua's own judgement. */
TEST(those_boxes_are_programs)
{
	struct rng rng;
	struct err err;
	size_t i;

	rng_init(&rng, 1);
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct script *script = script_new(&rng, SCRIPT_MEMORY_BOX, SCRIPT_STEPS_BOX);

		if (!script_load(script, "box", files[i].text, strlen(files[i].text), &err))
			CHECK_TEXT(err.text, files[i].text);
		script_free(script);
	}
}

/* Nothing is read beyond the end, wherever a text is cut off; and long ones are counted. */
TEST(words_of_a_box_end_with_it)
{
	static const char text[] = BOX("return [==[ ]==] .. 'a\\'' .. 1e+3 --[[ x ]]");
	size_t length;

	for (length = 0; length < sizeof(text); length++) {
		char *cut = xmalloc(length + 1);

		memcpy(cut, text, length);
		CHECK(plain_read(cut, length).ends == (length >= strlen("return {")));
		free(cut);
	}
}

TEST(words_of_a_long_box_are_not_read)
{
	size_t length = SCRIPT_STEPS_BOX;
	char *text = xmalloc(length);

	memset(text, ' ', length);
	memcpy(text, "return {}", strlen("return {}"));
	CHECK(!plain_read(text, length).ends);
	CHECK(plain_read(text, 1000).ends);
	free(text);
}
