-- SPDX-License-Identifier: BSD-2-Clause
-- tcp.lua: boxes that hurt plain TCP too: SACK and sequence rewriting, window scale, holes, ACKs
-- for unseen data, proxies, PMTU. Each stands before a connection that speaks Multipath TCP, and
-- before one from whose SYN MP_CAPABLE was taken, which is plain TCP (F1, F2): a box that the one
-- survives and the other does not is no middlebox's fault.
--
-- What must come of a scenario is said by the rules (mbtest list rules) and by the RFCs of TCP.
suite "tcp"
library "places"

local senders = { "client", "server", "both" }
local directions = { "to-server", "to-client" }

local slow = link { delay = "5ms", rate = 30000000 }

-- A scenario twice: as Multipath TCP and as plain TCP. The boxes of spec.boxes stand in this order
-- from the client on; spec.expect is what the Multipath TCP connection comes to.
local function twice(group, spec)
	local boxes, expect, rules = spec.boxes, spec.expect, spec.rules
	local plain = box.strip { subtype = "mp_capable", on = "syn", direction = "to-server" }

	spec.group, spec.boxes = group, nil
	spec.sender, spec.direction = spec.sender or "both", spec.direction or "both"
	for _, kind in ipairs { "mptcp", "tcp" } do
		local copy = {}
		for key, value in pairs(spec) do
			copy[key] = value
		end
		copy.name = name_of(spec.name, kind)
		copy.paths = function(c)
			local row = boxes(c)
			if kind == "tcp" then
				table.insert(row, 1, plain)
			end
			return { path(row) }
		end
		copy.rules = kind == "tcp" and { "F1", "F2" } or rules or { "F8" }
		copy.expect = kind == "tcp" and (spec.plain or { "tcp", intact = true }) or
			expect or { "mptcp", intact = true }
		copy.plain = nil
		scenario(copy)
	end
end

-- ---- sequence numbers and SACK ----
-- Blocks that were not translated lie outside the window and are ignored (RFC 2018 4): slower.

cross(directions, { "translate", "ignore", "strip" }, function(direction, sack)
	twice("sack", {
		name = name_of("sack", sack, direction), direction = direction,
		help = "sequence numbers get an offset, losses are SACKed: " .. sack,
		boxes = function()
			return {
				box.loss { on = "data", every = 25 },
				box.seq_rewrite { direction = direction, sack = sack },
				box.loss { on = "data", every = 31 },
			}
		end,
	})
end)

-- The acknowledgements with such blocks are dropped by a firewall in front of the box: what is
-- lost is repeated after a time-out only, as without SACK and duplicate ACKs (RFC 9293 3.8.1).
twice("sack", {
	name = "sack-dropped", sender = "client", direction = "to-client",
	help = "ACKs whose SACK blocks were not translated are dropped on the way",
	boxes = function()
		return {
			box.firewall { unseen_acks = "drop", direction = "to-client" },
			box.seq_rewrite { direction = "to-server", sack = "ignore" },
			box.loss { on = "data", from = 20, ["until"] = 20,
				direction = "to-server" },
		}
	end,
})

-- ---- windows ----
-- Without the option on one SYN nobody scales (RFC 7323 2.2). Where the option stays with a shift
-- of zero, one end scales and the other does not know: windows are smaller than offered.

cross({ "syn", "synack" }, { "gap", "nop", "zero" }, function(on, how)
	twice("window scale", {
		-- Few bytes: a window of a kernel that scales by 7 becomes 512 bytes.
		name = name_of("wscale", on, how), bytes = 65536,
		direction = on == "syn" and "to-server" or "to-client",
		help = "the window scale of the " .. on .. " is changed: " .. how,
		boxes = function()
			return { box.wscale_strip { on = on, how = how } }
		end,
	})
end)

-- A firewall that does not know of the scale drops what is beyond the window it believes in
-- (lwn.net/Articles/92727): it saw SYNs whose option a box behind it changes to zero.
twice("window scale", {
	name = "window-strict", direction = "both",
	help = "a firewall drops what it holds for outside of the window",
	needs_box = false,
	boxes = function()
		return { box.firewall { out_of_window = "drop", unseen_acks = "drop" } }
	end,
})

-- ---- holes ----
-- Nothing passes behind a hole (IMC 2011): no duplicate ACK comes, the time-out repeats.

cross(directions, function(direction)
	local sender = direction == "to-server" and "client" or "server"
	local lost = box.loss { on = "data", every = 20, direction = direction }
	local strict = box.firewall { holes = "drop", direction = direction }
	twice("holes", {
		name = name_of("holes", direction), sender = sender, direction = direction,
		bytes = 131072,
		help = "what follows a lost segment is dropped until it has come",
		boxes = function()
			return direction == "to-server" and { lost, strict } or { strict, lost }
		end,
	})
end)

-- ---- ACKs for data that the box has not seen ----
-- The data come by another way: each direction's packets take another branch.

twice("unseen data", {
	name = "acks-unseen-elsewhere", sender = "client", direction = "both",
	help = "data go around a firewall that sees their ACKs, and drops them as unseen",
	expect = { "reset" }, plain = { "reset" }, bytes = 400000,
	boxes = function()
		return { slow, ecmp { by = "none", change = "40ms", direction = "to-server",
			paths = { path { box.firewall { unseen_acks = "drop" } }, path {} } } }
	end,
})

-- ---- proxies ----
-- An ACK of data without DATA_ACK, before any came: F9 demands fallback, with an infinite mapping.
-- Where the server sends too, its F9b is as good.

cross(senders, { "translate", "swallow" }, function(sender, acks)
	twice("proxies", {
		name = name_of("ack-proxy", acks, sender), sender = sender,
		help = "a proxy acknowledges data at once, without DATA_ACK (F9)",
		expect = { "infinite", "fallback", intact = true }, rules = { "F9" },
		boxes = function()
			return { slow, box.ack_proxy { acks = acks },
				link { delay = "20ms", rate = 30000000 },
				box.loss { on = "data", every = 40 } }
		end,
	})
end)

-- Later DATA_ACKs were seen, and follow the early ACK when they pass: harmless (E9, O1).
twice("proxies", {
	name = "ack-proxy-mid", sender = "client", direction = "to-server",
	help = "a proxy that begins in mid-stream, and lets the DATA_ACKs pass (E9)",
	boxes = function()
		return { box.ack_proxy { from = "20000B", direction = "to-server" },
			link { delay = "20ms", rate = 30000000 } }
	end,
})

-- Multipath TCP ends at the proxy; on a side that the proxy does not know it is TCP (F1, F2).
cross(senders, { "none", "client", "server", "both" }, function(sender, knows)
	scenario {
		name = name_of("split-tcp", knows, sender), group = "proxies",
		sender = sender, direction = "both",
		help = "a proxy ends the connection and makes another; MPTCP: " .. knows,
		rules = { knows == "both" and "F8" or knows == "server" and "F2" or "F1" },
		expect = { knows == "both" and "mptcp" or "tcp", intact = true },
		paths = function(c)
			return { path { slow,
				box.split_tcp { mptcp = knows, version = c.version }, slow,
				box.loss { on = "data", every = 40 } } }
		end,
	}
end)

-- ---- firewalls and the SYN ----
-- Dropped with option 30: a SYN without it follows (F5). A reset refuses the connection; a stack
-- may try again by itself (E2c).

for action, outcome in pairs { drop = "tcp", reset = "refused" } do
	scenario {
		name = name_of("unknown-option", action), group = "firewalls", sender = "client",
		help = "a firewall does not like option 30 on the SYN (F5, E2)",
		rules = action == "drop" and { "F5" } or {},
		expect = outcome == "tcp" and { "tcp", intact = true } or { "refused", "tcp" },
		paths = { path { box.firewall { unknown_options = action } } },
	}
end

-- ---- idle time ----
-- The firewall forgets the connection while nobody speaks; what comes then is unknown to it. The
-- sender hears a reset, or nothing until its user timeout (RFC 9293 3.8.3). A reset ends a subflow
-- only (F56): who can joins again (O11).

cross({ "drop", "reset" }, function(action)
	twice("firewalls", {
		name = name_of("idle", action), sender = "client", direction = "both",
		help = "a firewall forgets a connection that pauses; then its action is " .. action,
		expect = { "reset", action == "reset" and "subflow-closed" or nil, intact = true },
		plain = { "reset" }, first_chunk = 8192, pause = "3s",
		boxes = function()
			return { box.firewall { unknown_flows = action, idle = "1s" } }
		end,
	})
end)

-- ---- PMTU ----
-- What is too big is dropped; its sender is told, and sends it again in pieces, which all carry the
-- mapping that the whole one had (RFC 1191; F46). Before RFC 1191 a router told no MTU: each next
-- plateau is tried. A second link is smaller still.

-- IPv6 has no MTU below 1280, and none that is not told.
local links = {
	{ "full", function() return { box.mtu { size = 1300 } } end },
	{ "short", function() return { box.mtu { size = 1300, quote = "rfc792" } } end },
	{ "untold", function(c)
		return { box.mtu { size = c.family == 4 and 1100 or 1280,
			told = c.family == 4 and 0 or -1 } }
	end },
	{ "smaller", function()
		return { box.mtu { size = 1400 }, box.mtu { size = 1285 } }
	end },
}

for _, one in ipairs(links) do
	twice("path MTU", {
		name = name_of("mtu", one[1]), rules = { "F46" },
		help = "a link of a smaller MTU says so (RFC 1191, RFC 8201): " .. one[1],
		boxes = function(c)
			local row = one[2](c)
			table.insert(row, 1, slow)
			return row
		end,
	})
end

-- A clamp of the MSS keeps segments under the MTU that a link behind it has.

cross({ "icmp", "none" }, function(answer)
	twice("path MTU", {
		name = name_of("mtu-clamped", answer), direction = "both", needs_box = false,
		help = "a link of a smaller MTU, and an MSS clamped to it; answer: " .. answer,
		boxes = function()
			return { box.mss_clamp { value = 1200 },
				box.mtu { size = 1300, answer = answer } }
		end,
	})
end)
