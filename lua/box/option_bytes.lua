-- SPDX-License-Identifier: BSD-2-Clause
-- option_bytes.lua - changes bytes inside an option wherever they stand: a length, a number, a key.
local change = {
	xor = function(old, new) return old ~ new end,
	set = function(_, new) return new end,
	clear = function(old, new) return old & ~new end,
}

local subtypes = { "any", "mp_capable", "mp_join", "dss", "add_addr", "remove_addr", "mp_prio",
	"mp_fail", "mp_fastclose", "mp_tcprst" }

-- The option with the bytes from a place on changed; nil where it has no such place.
local function edited(option, op, at, bytes)
	local first = at < 0 and #option + at + 1 or at + 1
	local out = { option:byte(1, -1) }

	if op == "extend" then
		return option:sub(1, 1) .. string.char(#option + #bytes) .. option:sub(3) .. bytes
	end
	if first < 3 or first + #bytes - 1 > #option then
		return nil
	end
	for place = 1, #bytes do
		local index = first + place - 1
		out[index] = change[op](out[index], bytes:byte(place))
	end
	return string.char(table.unpack(out))
end

return {
	help = "changes bytes inside an option, or makes it longer",
	params = {
		op = { default = "xor", choices = { "xor", "set", "clear", "extend" },
			help = "flip these bits, make the bytes these, clear the bits, or append" },
		kind = { default = 30, min = 2, max = 255, help = "option kind (30: MPTCP)",
			examples = { 2, 3, 4, 5, 8, 30, 253 } },
		subtype = { default = "any", help = "only this MPTCP subtype", choices = subtypes },
		at = { default = -1, min = -40, max = 39,
			examples = { -14, -12, -8, -6, -4, -2, 2, 3, 4, 8, 12 },
			help = "the first byte: from the option's start, or below 0 from its end" },
		bytes = { default = "01", examples = { "01", "ff", "abcd", "00000001" },
			help = "what the bytes are changed by, in hex digits" },
		length = { default = 0, min = 0, max = 40,
			help = "only options of this length; 0: of any" },
	},

	init = function(self)
		if #self.bytes % 2 ~= 0 or self.bytes:find("%X") or #self.bytes == 0 then
			error("bytes must be pairs of hex digits", 0)
		end
		self.raw = self.bytes:gsub("%x%x", function(pair)
			return string.char(tonumber(pair, 16))
		end)
	end,

	packet = function(self, packet)
		local subtype = self.subtype ~= "any" and self.subtype or nil
		local option = packet:option(self.kind, subtype)

		if option == nil or (self.length > 0 and #option ~= self.length) then
			return UNCHANGED
		end
		local new = edited(option, self.op, self.at, self.raw)
		if new == nil or #new > 40 or not packet:replace(self.kind, subtype, new) then
			return UNCHANGED
		end
		return PASS
	end,
}
