-- SPDX-License-Identifier: BSD-2-Clause
-- prelude.lua: the vocabulary of suite files. A suite says what stands on each path and what must
-- come of it; the cross product of versions, checksum and family is made here, once per run.
--
--   suite "name"
--   scenario {
--     name = "...", help = "one sentence",
--     sender = "client" | "server" | "both", subflows = 1 | 2, path = 1, direction = "to-server",
--     paths = { path { box.strip { kind = 30 } }, path {} },
--     rules = { "F1" }, expect = { "tcp", intact = true },
--   }
--
--   any_rule = true                one of the rules will do: timing decides which is first
--   joins = 1                      addresses the client joins from by itself (subflows - 1)
--   server_joins = 1               the server, too: from its second address
--   path_manager = "ndiffports"    of our endpoint; join_backup = true: joins are backups
--   dsn_narrow = true              of our endpoint: 32-bit DSNs, and so 32-bit DATA_ACKs
--   dsn_wraps = true               the same, and the DSNs wrap in the midst
--   timestamps = false             of our endpoint: without; likewise sack, window_scale
--   profiles = { server = "anon" } of our endpoints, unless the run names others
--   steps = { { at = "200ms", by = "server", announce = 2, port = 81 }, ... }
--
-- A step is one of announce, withdraw, backup, regular, drop with the number of an address (1 is
-- the first subflow's), or abort = true; it counts from the opening of the connection at that end.
--
-- Every field may be a function of the case c = { version, checksum, family, sender, direction,
-- path, subflows }. A scenario whose expect is nil in a case does not exist in that case. One with
-- case = { version, checksum, family } is run in that case alone. doc/simulator.md has all fields.
--
-- library "places" runs lua/places.lua of ours: what several suites share, or is too much for one.

local scenarios = {}
local suite_name

function suite(name)
	assert(type(name) == "string", "suite needs a name")
	suite_name = name
end

local known = {}
for _, name in ipairs {
	"name", "group", "help", "sender", "subflows", "second_carries", "path", "direction",
	"paths", "rules", "any_rule", "expect", "needs_box", "long_mapping", "bytes", "marker",
	"marker_offset", "marker_every", "pause", "first_chunk", "cc", "scheduler", "deadline",
	"versions", "profiles",
	"checksums", "virtual_server", "server_port", "case", "seed", "strict", "joins",
	"join_backup", "path_manager", "steps", "dsn_narrow", "dsn_wraps", "server_joins",
	"timestamps", "sack", "window_scale",
} do
	known[name] = true
end

-- What of the cases a scenario is for, checked here because no case is made of what is wrong.
local function check_cases(spec, level)
	local fits = {
		version = { [0] = true, [1] = true }, checksum = { [true] = true, [false] = true },
		family = { [4] = true, [6] = true },
	}
	local function check(field, list, of)
		if type(list) ~= "table" then
			error(field .. " must be a table", level + 2)
		end
		for key, value in pairs(list) do
			local possible = fits[of or key] or {}
			if not possible[value] then
				error(field .. " cannot hold " .. tostring(value), level + 2)
			end
		end
	end
	check("versions", spec.versions or {}, "version")
	check("checksums", spec.checksums or {}, "checksum")
	check("case", spec.case or {})
end

function scenario(spec)
	if type(spec) ~= "table" then
		error("scenario needs a table, as in scenario {}", 2)
	end
	for key in pairs(spec) do
		if not known[key] then
			error("scenario has no field '" .. tostring(key) .. "'", 2)
		end
	end
	if type(spec.name) ~= "string" then
		error("a scenario needs a name", 2)
	end
	check_cases(spec, 2)
	spec.where = where(2)
	scenarios[#scenarios + 1] = spec
end

-- A path that the prober is sent along, and the truth about it (lua/suites/trace.lua):
--
--   traced {
--     name = "...", group = "...", help = "one sentence", family = 4,
--     probe = "198.18.1.2:5000 > 198.18.100.2:80 S 1:1(0) win 5840 <mss 1460>", fixed_seq = false,
--     path = path { hop {}, box.strip { kind = 2 }, hop {} }, server = "mptcp",
--     findings = { { field = "tcp.option.mss", change = "removed", how = "gap", after = 1,
--         before = 2, certainty = "exact", nat = false } },
--     destination = { ttl = 3, mptcp = "supported" },
--   }
--
-- Its cases are its own: it is run once, whatever versions, checksums and families are asked for.
function traced(spec)
	scenarios[#scenarios + 1] = {
		name = spec.name, group = spec.group, help = spec.help, family = spec.family,
		paths = { spec.path }, where = where(2), case = {},
		trace = {
			probe = spec.probe, fixed_seq = spec.fixed_seq, server = spec.server,
			findings = spec.findings, destination = spec.destination,
		},
	}
end

-- Elements of a path; each remembers where it was written, for messages.

local function element(kind, fields)
	if type(fields) ~= "table" then
		error(kind .. " needs a table, as in " .. kind .. " {}", 2)
	end
	fields.element = kind
	fields.where = where(2)
	return fields
end

-- box.seq_rewrite { offset = 1000 } is the box seq-rewrite.
box = setmetatable({}, {
	__index = function(_, name)
		return function(args)
			return element("box", { box = name:gsub("_", "-"), args = args or {} })
		end
	end,
})

-- A box in a Lua file of one's own: box_file("my_box.lua") { ... }; name is what logs call it.
function box_file(file, name)
	return function(args)
		return element("box", { box = name or file, file = file, args = args or {} })
	end
end

-- Both directions alike, or told apart: link { delay = "5ms", to_client = { loss = 0.1 } }.
function link(plan)
	return element("link", plan)
end

function hop(plan)
	return element("hop", plan or {})
end

-- Several ways on, of which each packet takes one:
-- ecmp { by = "flow", change = "500ms", paths = { path {}, path { box.strip {} } } }.
function ecmp(plan)
	return element("ecmp", plan)
end

function path(elements)
	if type(elements) ~= "table" then
		error("path needs a table, as in path {}", 2)
	end
	elements.where = where(2)
	return elements
end

-- Several paths side by side, in a path file: return paths { path {}, path { box.strip {} } }.
function paths(list)
	list.are_paths = true
	return list
end

-- Every combination of the elements of some lists, the last list's fastest: cross(a, b, f).
function cross(...)
	local lists = { ... }
	local f = table.remove(lists)
	local chosen = {}

	local function step(number)
		if number > #lists then
			f(table.unpack(chosen))
			return
		end
		for _, value in ipairs(lists[number]) do
			chosen[number] = value
			step(number + 1)
		end
	end
	step(1)
end

-- Values for a case: functions are called, the rest stands.
local function settle(spec, case)
	local out = {}
	for key, value in pairs(spec) do
		if type(value) == "function" then
			value = value(case)
		end
		out[key] = value
	end
	return out
end

local function holds(list, value)
	if list == nil then
		return true
	end
	for _, one in ipairs(list) do
		if one == value then
			return true
		end
	end
	return false
end

-- A scenario in one case, handed to emit.
local function expand(spec, case, emit)
	if spec.trace then
		emit(spec)
		return
	end
	local c = {
		version = case.version, checksum = case.checksum, family = case.family,
		sender = spec.sender or "client", direction = spec.direction or "to-server",
		path = spec.path or 1, subflows = spec.subflows or 1,
	}
	local out = settle(spec, c)
	out.version, out.checksum, out.family = c.version, c.checksum, c.family
	if out.expect ~= nil then
		emit(out)
	end
end

-- The paths of a path file: what it returned, else those of its first scenario, one behind the
-- other as one; nil when it has neither.
function file_paths(returned)
	if type(returned) == "table" then
		local many = returned.are_paths
		returned.are_paths = nil
		return many and returned or { returned }
	elseif scenarios[1] == nil then
		return nil
	end
	local whole = {}
	expand(scenarios[1], { version = 1, checksum = true, family = 4 }, function(out)
		for _, one in ipairs(out.paths or {}) do
			for _, made in ipairs(one) do
				whole[#whole + 1] = made
			end
		end
	end)
	return { whole }
end

-- Whether a version is among those asked for; a case of its own may name none.
local function is_offered(version, cases)
	for _, case in ipairs(cases) do
		if case.version == version then
			return true
		end
	end
	return version == nil
end

-- Called by the host program: every scenario in every case, handed to emit(settled).
function expand_suite(cases, emit)
	for _, spec in ipairs(scenarios) do
		for _, case in ipairs(spec.case and { spec.case } or cases) do
			if holds(spec.versions, case.version) and
				holds(spec.checksums, case.checksum) and
				is_offered(case.version, cases) then
				expand(spec, case, emit)
			end
		end
	end
	return suite_name
end
