-- SPDX-License-Identifier: BSD-2-Clause
-- chaos.lua: each kind of interference of suite classic on paths that also lose, duplicate,
-- reorder, delay or throttle packets. What must come of it is said by the same rules: TCP hides all
-- five from Multipath TCP, so nothing but what the rules leave to chance may come out otherwise.
suite "chaos"
library "places"

local removals = { "strip", "nop", "eol" }
local data_of = { client = "to-server", server = "to-client" }

-- Subflows meant to exist, the path that the box stands on, and where mid-stream is.
local single = { name = "1", subflows = 1, path = 1, mid = "30000B" }
local first = { name = "2.1", subflows = 2, path = 1, mid = "16000B" }
local joined = { name = "2.2", subflows = 2, path = 2, mid = "6000B" }
local everywhere = { single, first, joined }

-- On every path, between the client and the box. n counts up from scenario to scenario, so that
-- each packet of a handshake is met in some of them; a brief path sees few packets after those.
local disturbances = {
	loss = function(n, brief)
		local early = box.loss { every = n, ["until"] = n }

		return early, not brief and box.loss { every = 17, from = 7 } or nil
	end,
	duplicate = function(n, brief)
		return box.duplicate { every = brief and n or n + 1 }
	end,
	reorder = function(n, brief)
		return box.reorder { every = brief and n or n + 1, after = 2 }
	end,
	delay = function(n) return box.delay { time = "12ms", every = n } end,
	rate = function() return box.rate { rate = 4000000, queue = 6000 } end,
}
local kinds = { "loss", "duplicate", "reorder", "delay", "rate" }

local clean = { "mptcp", intact = true }
local plain = { "tcp", intact = true }
local closed = { "subflow-closed", intact = true }
local count = 0

local function disturbed(kind, brief, boxes)
	local elements = { disturbances[kind](count % (brief and 3 or 5) + 1, brief) }

	return table.move(boxes, 1, #boxes, #elements + 1, elements)
end

-- One kind of interference, at each of some places and with each disturbance. boxes is a function
-- of sender, place and how options are removed; expect may be one of the case and the place.
local function interfere(name, at, senders, spec)
	cross(at, senders, kinds, function(place, sender, kind)
		local paths, out = {}, {}

		count = count + 1
		for key, value in pairs(spec) do
			out[key] = value
		end
		for number = 1, place.subflows do
			local boxes = number == place.path and
				spec.boxes(sender, place, removals[count % 3 + 1]) or {}

			paths[number] = path(disturbed(kind, spec.brief, boxes))
		end
		out.boxes, out.brief, out.paths = nil, nil, paths
		out.name = name_of(name, kind, sender, place.name)
		out.help = spec.help .. ", and " .. kind
		out.group, out.sender = kind, sender
		out.subflows, out.path = place.subflows, place.path
		out.direction = spec.direction or data_of[sender] or "both"
		out.rules = spec.rules or { "F8" }
		if type(spec.expect) == "function" then
			out.expect = function(c) return spec.expect(c, place) end
		end
		-- Time for a join whose packets are lost.
		if place.subflows > 1 then
			out.first_chunk, out.pause = 8192, kind == "loss" and "3s" or "300ms"
		end
		scenario(out)
	end)
end

-- ---- what Multipath TCP does not notice ----
-- Addresses, ports and sequence numbers (RFC 8684 3.2, 3.3.1), mappings copied or longer than their
-- segments (F46, F47): it goes on, whatever TCP must repeat.

local both, either = { "both" }, { "client", "server" }

interfere("nat-source", everywhere, both, { help = "the client's address becomes another",
	expect = clean, boxes = function() return { box.nat { kind = "source" } } end })
interfere("nat-port", everywhere, both, { help = "the client's port becomes another",
	expect = clean, boxes = function()
		return { box.nat { kind = "source", mapping = "symmetric", first_port = 1024,
			last_port = 1034 } }
	end })
interfere("nat-destination", { single }, both, { help = "the server's address becomes another",
	expect = clean, virtual_server = true, boxes = function()
		return { box.nat { kind = "destination", direction = "both",
			address = "198.18.100.2", address6 = "fd00:100::2" } }
	end })
interfere("port-map", { joined }, both, { help = "a join comes to a port without listener (F44)",
	expect = clean, rules = { "F8", "F44" },
	boxes = function() return { box.port_map { map = "80:8080" } } end })

for _, sack in ipairs { "translate", "ignore", "strip" } do
	interfere("seq-" .. sack, everywhere, both, {
		help = "sequence numbers get an offset, SACK: " .. sack, expect = clean,
		boxes = function()
			return { box.seq_rewrite { direction = "both", offset = "random",
				sack = sack } }
		end })
end

for rule, options in pairs { F46 = "copy", F47 = "first" } do
	interfere("split-" .. options, everywhere, either, {
		help = "a segment becomes several, options: " .. options, expect = clean,
		rules = { rule }, boxes = function(sender)
			return { box.split { mss = 500, options = options,
				direction = data_of[sender] } }
		end })
end

-- ---- mappings that no longer fit ----
-- The last piece's mapping may come late (F48); of two segments in one a mapping is lost (F49). The
-- bytes without one are sent again at the data level, elsewhere or on the same subflow, or the
-- subflow is given up (F15 and F16 SHOULD, O2); v0 may fall back (F9, O2).

interfere("split-last", everywhere, either, {
	help = "a segment becomes several, the last keeps its options (F48)", rules = { "F48" },
	expect = places.unmapped, boxes = function(sender, place)
		return { box.split { mss = 1000, options = "last", direction = data_of[sender],
			from = place.mid } }
	end })

for _, options in ipairs { "first", "last" } do
	interfere("coalesce-" .. options, everywhere, either, {
		help = "two segments become one, options of the " .. options .. " kept (F49)",
		rules = { "F49" }, expect = places.unmapped, boxes = function(sender, place)
			return { box.coalesce { options = options, count = 2, hold = "20ms",
				direction = data_of[sender], from = place.mid } }
		end })
end

-- ---- options removed ----

-- MP_CAPABLE gone: TCP from the start (F1, F2, F3).
for on, rules in pairs { syn = { "F1", "F2" }, synack = { "F2" }, ack3 = { "F3" } } do
	interfere("capable-" .. on, { single }, both, {
		help = "MP_CAPABLE goes from the " .. on, rules = rules,
		direction = on == "synack" and "to-client" or "to-server", expect = plain,
		boxes = function(_, _, removal)
			return { box[removal] { subtype = "mp_capable", on = on } }
		end })
end

-- MP_JOIN gone, or its HMAC wrong: the new subflow is reset (F35, F37 to F40).
for on, rule in pairs { syn = "F35", synack = "F37", ack3 = "F38" } do
	interfere("join-" .. on, { joined }, both, {
		help = "MP_JOIN goes from the " .. on .. " (" .. rule .. ")", rules = { rule },
		direction = on == "synack" and "to-client" or "to-server",
		brief = true, expect = closed,
		boxes = function(_, _, removal)
			return { box[removal] { subtype = "mp_join", on = on } }
		end })
end
for on, rule in pairs { synack = "F39", ack3 = "F40" } do
	interfere("join-hmac-" .. on, { joined }, both, {
		help = "the HMAC of the " .. on .. " is wrong (" .. rule .. ")", rules = { rule },
		direction = on == "synack" and "to-client" or "to-server",
		brief = true, expect = closed,
		boxes = function()
			return { box.option_edit { op = "corrupt", subtype = "mp_join", on = on } }
		end })
end

interfere("mirror", { single }, both, {
	help = "the SYN/ACK carries a copy of the SYN's MP_CAPABLE (F7f)", rules = { "F7f" },
	expect = plain, boxes = function()
		return { box.mirror {},
			box.strip { subtype = "mp_capable", on = "syn", direction = "to-server" } }
	end })

-- All DSS of the data gone, from the first on: TCP (F4, F9, F10), with or without a word.
interfere("dss-none", { single }, either, {
	help = "no data have a DSS (F4, F10)", rules = { "F10" },
	expect = { "fallback", "infinite", intact = true },
	boxes = function(_, _, removal)
		return { box[removal] { kind = 30, on = "data", direction = "both" } }
	end })

-- DSS gone when data were DATA_ACKed: on one of two subflows the other carries on (F15, F17); on
-- the only one a reset (F16), in v0 or for want of DATA_ACKs a fallback (F9, F18, O2).
local function dss_gone(c, place)
	if place.subflows > 1 then
		return { "subflow-closed", "mptcp", intact = true }
	end
	return c.version == 1 and { "reset" } or { "reset", "infinite", "fallback", intact = true }
end

interfere("dss-mid", everywhere, either, {
	help = "mappings stop in mid-stream (F15, F16)", expect = dss_gone,
	boxes = function(sender, place, removal)
		return { box[removal] { subtype = "dss", on = "data", from = place.mid,
			direction = data_of[sender] } }
	end })

-- ---- payload changed ----

-- Without checksums nobody can tell (F27). With them: MP_FAIL and infinite mapping on the only
-- subflow (F23, F24), a reset of one of two (F21).
local function changed(c, place)
	if not c.checksum then
		return { "mptcp", intact = false, damage = "box" }
	end
	return place.subflows > 1 and closed or { "infinite", intact = false, damage = "box" }
end

interfere("flip", everywhere, either, {
	help = "a byte becomes another", expect = changed,
	boxes = function(sender, place)
		return { box.flip { direction = data_of[sender], on = "data", from = place.mid,
			["until"] = place.mid } }
	end })

-- Another length: with checksums as above; without, F28.
local command = "PORT 198,18,1,2,156,64\r\n"
local replies = { longer = "PORT 198,18,1,2,156,64;tick\r\n", shorter = "PORT 198,18,1,2,1\r\n" }

for how, reply in pairs(replies) do
	interfere(how, everywhere, either, {
		help = "an FTP gateway makes a command " .. how, marker = command,
		marker_offset = 40, marker_every = 600, expect = function(c, place)
			if c.checksum then
				return changed(c, place)
			end
			return { "corrupt", "reset", c.version == 0 and "infinite" or nil,
				c.version == 0 and "fallback" or nil, intact = false }
		end,
		boxes = function(sender, place)
			return { box.rewrite { direction = data_of[sender], pattern = command,
				replacement = reply, count = 1, from = place.mid } }
		end })
end
