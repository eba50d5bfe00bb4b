-- SPDX-License-Identifier: BSD-2-Clause
-- option_edit.lua - damages an option instead of removing it: what a box with a bug, or one that
-- normalises what it does not know, leaves behind.

local function edit_byte(bytes, offset, change)
	if #bytes < offset then
		return nil
	end
	return bytes:sub(1, offset - 1) .. string.char(change(bytes:byte(offset)) & 0xff) ..
		bytes:sub(offset + 1)
end

local operations = {
	-- the last byte becomes another
	corrupt = function(bytes, value)
		return edit_byte(bytes, #bytes, function(byte) return byte ~ value end)
	end,
	-- the option ends value bytes early
	truncate = function(bytes, value)
		local length = #bytes - value
		if length < 2 then
			return nil
		end
		return bytes:sub(1, 1) .. string.char(length) .. bytes:sub(3, length)
	end,
	-- the option stands there twice
	duplicate = function(bytes)
		return bytes .. bytes
	end,
	-- flags of MP_CAPABLE or DSS (byte 3) are set
	flag = function(bytes, value)
		return edit_byte(bytes, 4, function(byte) return byte | value end)
	end,
	-- low half of byte 2: the version of MP_CAPABLE
	version = function(bytes, value)
		return edit_byte(bytes, 3, function(byte) return (byte & 0xf0) | (value & 0x0f) end)
	end,
}

local subtypes = { "any", "mp_capable", "mp_join", "dss", "add_addr", "remove_addr", "mp_prio",
	"mp_fail", "mp_fastclose", "mp_tcprst" }
local subtypes_by_name = {}
for number, name in ipairs(subtypes) do
	subtypes_by_name[name] = number - 2
end

-- The chosen options leave their places and stand last, in their order; padding goes.
local function reorder(packet, kind, subtype)
	local first, last, seen = {}, {}, ""
	for _, option in ipairs(packet:options()) do
		local chosen = option.kind == kind and
			(subtype == nil or option.subtype == subtypes_by_name[subtype])
		if option.kind > 1 then
			table.insert(chosen and last or first, option)
		end
		seen = seen .. (option.kind < 2 and "p" or chosen and "c" or "o")
	end
	if not seen:find("c[cp]*o") then
		return UNCHANGED
	end
	for _, option in ipairs(last) do
		table.insert(first, option)
	end
	packet.options = first
	return PASS
end

return {
	help = "corrupts, truncates, doubles, moves or adds an option, or sets a flag or version",
	params = {
		op = { default = "corrupt", help = "what is done to the option",
			choices = { "corrupt", "truncate", "duplicate", "reorder", "flag",
				"version", "add" } },
		kind = { default = 30, min = 2, max = 255, help = "option kind (30: MPTCP)",
			examples = { 2, 3, 4, 5, 8, 30, 253 } },
		subtype = { default = "any", help = "only this MPTCP subtype", choices = subtypes },
		value = { default = 1, min = 0, max = 255,
			help = "bits flipped, bytes cut, flags set, version, or value added" },
	},

	packet = function(self, packet)
		local subtype = self.subtype ~= "any" and self.subtype or nil

		if self.op == "add" then
			local added = string.char(self.kind, 3, self.value)
			return packet:append(added) and PASS or UNCHANGED
		end
		if self.op == "reorder" then
			return reorder(packet, self.kind, subtype)
		end
		local bytes = packet:option(self.kind, subtype)
		local edited = bytes and operations[self.op](bytes, self.value)
		if edited == nil or #edited > 40 or
			not packet:replace(self.kind, subtype, edited) then
			return UNCHANGED
		end
		return PASS
	end,
}
