-- SPDX-License-Identifier: BSD-2-Clause
-- trace_truth.lua: what a prober must find on a path, from the path alone: what its boxes do to a
-- probe, what each router's quote covers, and who is silent.
--
--  * Every probe is walked along the path, so that each TTL has the packet that is quoted there.
--  * A quote of so many bytes shows a thing (a field, an option) as it was sent, or changed, or
--    does not show it.
--  * A finding lies between the last TTL that shows one and the first that shows the other, and is
--    exact when these are neighbours. What one router alone shows and the next denies is the fault
--    of its quote.
--  * What no quote shows still tells: by the packet's length, or by a checksum that does not fit.
--
-- A packet here is { family, fields, options, payload, data, ... }: only what boxes change. Its
-- options are never written to: a changed one is another in the same place.
local WHOLE = math.huge

-- The fields, and where those of TCP end (bytes of its header); IPv6 has the names with "ip6.".
local fields = {
	"ip.dscp", "ip.ecn", "ip.src", "ip.dst", "ip.id", "ip.flags", "ip.options", "ip.extensions",
	"tcp.sport", "tcp.dport", "tcp.seq", "tcp.flags",
}
local ends = { ["tcp.sport"] = 2, ["tcp.dport"] = 4, ["tcp.seq"] = 8, ["tcp.flags"] = 14 }
-- Those that may be missing as a whole.
local optional = { ["ip.options"] = true, ["ip.extensions"] = true }
-- What differs from probe to probe: a change of it is the same whatever it becomes.
local numbers = { ["ip.id"] = true, ["tcp.seq"] = true, payload = true }

local index_of = {}
for index, name in ipairs(fields) do
	index_of[name] = index
end

local function copy_packet(packet)
	return {
		family = packet.family, data = packet.data, payload = packet.payload, gone = {},
		fields = table.move(packet.fields, 1, #fields, 1, {}),
		options = table.move(packet.options, 1, #packet.options, 1, {}),
	}
end

-- Where the options stand (bytes from the TCP header's first), the first EOL if there is one, and
-- where the header ends: it is filled up with EOLs to a multiple of four.
local function lay_out(packet)
	local at, first, behind, eol = 20, {}, {}, nil
	for index, one in ipairs(packet.options) do
		eol = eol or (one.eol and at)
		first[index], at = at, at + one.size
		behind[index] = at
	end
	local header = (at + 3) // 4 * 4
	return { first = first, behind = behind, header = header,
		eol = eol or (header > at and at) }
end

-- The same, remembered with the packet: boxes are done with it.
local function layout(packet)
	packet.layout = packet.layout or lay_out(packet)
	return packet.layout
end

local function ip_length(packet)
	return (packet.family == 4 and 20 or 40) + #packet.fields[index_of["ip.options"]] // 2 +
		#packet.fields[index_of["ip.extensions"]] // 2
end

local function total_length(packet)
	return ip_length(packet) +
		(packet.fragment or layout(packet).header + #packet.payload)
end

-- ---- one probe along a path ----

-- The packet that the probe of a TTL is when it ends, and where: at the hop of a number, at a box
-- that answers itself, or at the server; nothing when it is lost.
local function walk(path, sent, ttl)
	local packet, passed = sent, 0
	for _, element in ipairs(path) do
		if element.does then
			if packet == sent then
				packet = copy_packet(sent)
			end
			packet.ttl, packet.nth = ttl, ttl - 1
			element.does(packet)
			ttl = packet.ttl
			if packet.dropped then
				return nil
			elseif packet.refused then
				return "box", packet
			elseif packet.answered then
				return "server", packet
			end
		elseif ttl <= 1 then
			return passed + 1, packet
		else
			ttl, passed = ttl - 1, passed + 1
		end
	end
	return "server", packet
end

-- All probes: where each ended and as what; the TTL of the first that arrived, and that as what.
-- A path is a list of rows, which do something, and of hops.
local function travel(path, sent)
	local journey = { sent = sent, ttl = 0 }
	for ttl = 1, 20 do
		local where, packet = walk(path, sent, ttl)
		if where == "server" and not packet.fragment then
			journey.ttl, journey.arrived = ttl, packet
			break
		elseif where and where ~= "server" then
			journey[#journey + 1] = { ttl = ttl, where = where, packet = packet }
		end
	end
	return journey
end

-- ---- what a quote shows ----

-- One option of the probe in a quote: "same", what became of it, or nil: not shown.
local function see_option(one, seen, place, bytes, complete, shorter)
	local how, later = seen.gone[one.origin], false
	for index, other in ipairs(seen.options) do
		local behind = place.behind[index]
		if other.origin == one.origin then
			if other.value == one.value then
				return bytes >= behind and "same" or nil
			end
			return bytes > place.first[index] + other.changed_at and
				"modified " .. other.value or nil
		elseif other.was == one.origin and how == "nop" then
			return bytes >= behind and "removed nop" or nil
		end
		later = later or (other.name and other.origin and other.origin > one.origin and
			bytes >= behind)
	end
	-- In a header that is no shorter, it may stand further on.
	if complete or (how == "gap" and later and shorter) then
		return "removed " .. how
	end
end

-- Whether those of the probe's options that are shown stand in its order.
local function see_order(seen, place, bytes, complete)
	local last = 0
	for index, one in ipairs(seen.options) do
		if one.name and one.origin and bytes >= place.behind[index] then
			if one.origin < last then
				return "modified order"
			end
			last = one.origin
		end
	end
	return complete and "same" or nil
end

local function see_payload(sent, seen, header, bytes)
	local before, after = sent.payload, seen.payload
	if seen.fragment then
		return nil
	end
	for at = 1, before == after and 0 or math.min(#before, #after) do
		if before:byte(at) ~= after:byte(at) then
			return bytes >= header + at and "modified" or nil
		end
	end
	if bytes >= header + #after then
		return before == after and "same" or "modified"
	end
end

local function see_field(name, before, after, bytes)
	if bytes < (ends[name] or 0) then
		return nil
	elseif before == after then
		return "same"
	elseif optional[name] and (before == "" or after == "") then
		return before == "" and "added" or "removed"
	end
	return numbers[name] and "modified" or "modified " .. after
end

-- All that can be found, by name, and what one quote shows of it.
local function see(sent, seen, bytes)
	local place, shown = layout(seen), {}
	bytes = math.min(bytes, seen.fragment or WHOLE)
	shown.complete = bytes >= place.header or (place.eol and bytes > place.eol)
	for index, name in ipairs(fields) do
		shown[name] = see_field(name, sent.fields[index], seen.fields[index], bytes)
	end
	for _, one in ipairs(sent.options) do
		if one.name then
			local state = see_option(one, seen, place, bytes, shown.complete,
				place.header < layout(sent).header)
			shown[one.key] = state
			shown.moved = shown.moved or state == "removed gap" or
				state == "modified resized"
		end
	end
	shown.order = see_order(seen, place, bytes, shown.complete)
	for index, one in ipairs(seen.options) do
		if one.added and bytes >= place.behind[index] then
			shown[one.key], shown.moved = "added", true
		end
	end
	shown.payload = see_payload(sent, seen, place.header, bytes)
	shown.length = total_length(sent) == total_length(seen) and "same" or
		"modified " .. total_length(seen)
	return shown
end

-- The same, remembered with the packet.
local function seeing(sent, seen, bytes)
	seen.memory = seen.memory or {}
	seen.memory[bytes] = seen.memory[bytes] or see(sent, seen, bytes)
	return seen.memory[bytes]
end

-- ---- what must be found ----

local function add_finding(found, field, state, after, before)
	local change, how = state:match("^(%a+) ?(.*)")
	found[#found + 1] = {
		field = field, change = change,
		how = change == "removed" and how ~= "" and how or nil,
		after = after, before = before,
		certainty = after + 1 == before and "exact" or "bounded",
	}
	return found[#found]
end

-- Follow one thing along the quotes; each(state, after, before) for every change of it.
local function follow(quotes, key, absent, each)
	local states, ttls = {}, {}
	for _, quote in ipairs(quotes) do
		local state = quote.shown[key] or (absent and quote.shown.complete and "same")
		if state then
			states[#states + 1], ttls[#ttls + 1] = state, quote.ttl
		end
	end
	local last, last_ttl = "same", 0
	for index, state in ipairs(states) do
		if not (last == "same" and state ~= "same" and states[index + 1] == "same") then
			if state ~= last then
				each(state == "same" and last or state, last_ttl, ttls[index])
			end
			last, last_ttl = state, ttls[index]
		end
	end
end

-- Everything that this path changes: what of the probe some packet has otherwise, or besides.
local function subjects(journey, sent)
	local list, met = {}, {}
	local function add(key, name, added)
		for _, stop in ipairs(journey) do
			local state = seeing(sent, stop.packet, WHOLE)[key]
			if state and state ~= "same" and not met[key] then
				met[key] = true
				list[#list + 1] = { key = key, name = name, added = added }
			end
		end
	end
	for _, name in ipairs(fields) do
		add(name, sent.family == 6 and name:gsub("^ip%.", "ip6.") or name)
	end
	for _, one in ipairs(sent.options) do
		add(one.key, one.name)
	end
	for _, stop in ipairs(journey) do
		for _, one in ipairs(stop.packet.options) do
			if one.added then
				add(one.key, one.name, true)
			end
		end
	end
	add("order", "tcp.option-order")
	add("payload", "payload")
	return list
end

-- Whether a change is one of the packet's length: not of a field, and nothing in the same room.
local function resizes(subject, state)
	return subject.key == "payload" or optional[subject.key] or subject.added or
		state == "removed gap" or state == "modified mf" or state:match("resized$")
end

local function find_visible(quotes, list, found)
	for _, subject in ipairs(list) do
		follow(quotes, subject.key, subject.added, function(state, after, before)
			add_finding(found, subject.name, state, after, before)
			subject.found[state] = true
			found[#found].resizes = resizes(subject, state)
		end)
	end
end

-- Whether what was found may have happened between two TTLs.
local function overlaps(one, after, before)
	return one.after < before and one.before > after
end

local function find_lengths(quotes, found, family)
	local visible = #found
	follow(quotes, "length", false, function(state, after, before)
		for index = 1, visible do
			local one = found[index]
			if one.resizes and overlaps(one, after, before) then
				return
			end
		end
		add_finding(found, family == 4 and "ip.length" or "ip6.length", state, after,
			before)
	end)
end

-- Whether the checksum of a quote can be held against what it covers, and covers all of it. Where
-- an option was taken out or put in, all behind it is elsewhere.
local function checksum_shown(sent, quote)
	local seen = quote.packet
	local header = layout(seen).header
	local whole = quote.bytes >= header + #seen.payload
	return quote.bytes >= 18 and not seen.fragment and (whole or (not quote.shown.moved and
		header == layout(sent).header and #seen.payload == #sent.payload)), whole
end

-- What a checksum covers and a box changed, and neither this nor another quote shows: in words,
-- "same" for nothing. What one quote shows of it, others need not.
local function hidden_in(quote, list, sent)
	local all, words = seeing(sent, quote.packet, WHOLE), {}
	for _, subject in ipairs(list) do
		local state = all[subject.key]
		if state and state ~= "same" and not quote.shown[subject.key] and
			not subject.found[state] then
			words[#words + 1] = subject.key .. state
		end
	end
	words[#words + 1] = quote.packet.residue
	return #words > 0 and table.concat(words, ",") or "same"
end

local function find_hidden(quotes, list, found, sent)
	local whole_at = {}
	for _, quote in ipairs(quotes) do
		local usable
		usable, whole_at[quote.ttl] = checksum_shown(sent, quote)
		quote.shown = { hidden = usable and hidden_in(quote, list, sent) or nil }
	end
	follow(quotes, "hidden", false, function(_, after, before)
		for _, one in ipairs(found) do
			if one.field:match("length$") and overlaps(one, after, before) then
				return
			end
		end
		add_finding(found, "tcp.checksum", "modified", after, before).nat = whole_at[before]
	end)
end

-- Whether a quote can be told to be of this trace, and of which probe: by a number that a probe has
-- alone, or by all names, when the probes go one by one.
local function is_told(sent, seen)
	local function same(name)
		return sent.fields[index_of[name]] == seen.fields[index_of[name]]
	end
	return same("tcp.seq") or (sent.family == 4 and same("ip.id")) or
		(same("ip.src") and same("ip.dst") and same("tcp.sport") and same("tcp.dport"))
end

-- The truth about a journey when the hops quote so many bytes; 0: a silent hop.
local function truth(journey, hops)
	local quotes, sent, found = {}, journey.sent, {}
	for _, stop in ipairs(journey) do
		local bytes = stop.where == "box" and WHOLE or hops[stop.where]
		if bytes > 0 and is_told(sent, stop.packet) then
			quotes[#quotes + 1] = { ttl = stop.ttl, packet = stop.packet, bytes = bytes,
				shown = seeing(sent, stop.packet, bytes) }
		end
	end
	local list = {}
	journey.subjects = journey.subjects or subjects(journey, sent)
	for index, subject in ipairs(journey.subjects) do
		list[index] = { key = subject.key, name = subject.name,
			added = subject.added, found = {} }
	end
	find_visible(quotes, list, found)
	find_lengths(quotes, found, sent.family)
	find_hidden(quotes, list, found, sent)
	for _, one in ipairs(found) do
		one.resizes = nil
	end
	return found
end

trace_truth = { WHOLE = WHOLE, index_of = index_of, layout = layout, ip_length = ip_length,
	travel = travel, truth = truth }
