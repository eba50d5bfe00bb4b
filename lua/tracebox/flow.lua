-- SPDX-License-Identifier: BSD-2-Clause
-- flow.lua: filters, which keep answers from this host's own stack, and sniffers, which
-- take packets that arrive.

local host, tbx = ...

local PROTOCOLS = { all = 0, icmp = 1, tcp = 6, udp = 17, icmpv6 = 58, ["ipv6-icmp"] = 58 }

-- ---- filters ----

-- The kernel does not see the answers to a packet until the filter is closed; what is left open of
-- addresses is any. A trace that no filter covers keeps its answers to itself.
local Filter = { __tbx_classname = "FWFilter" }
Filter.__index = Filter
FWFilter = Filter

function Filter:close()
	if self.number then
		host.unguard(self.number)
	end
	self.number = nil
end
Filter.__gc = Filter.close

function filter(packet)
	local layer = tbx.is_packet(packet) and (packet:tcp() or packet:udp())

	if not layer then
		error("filter needs a TCP or UDP packet", 2)
	end
	return setmetatable({ number = host.guard(getmetatable(layer).protocol, nil, layer.f.dport,
		nil, layer.f.sport) }, Filter)
end

-- ---- sniffers ----

local Sniffer = { __tbx_classname = "TbxSniffer" }
Sniffer.__index = Sniffer
TbxSniffer = Sniffer

-- What a word of iptables says about a flow: its field and how it is read.
local function protocol(text)
	local number = PROTOCOLS[text] or math.tointeger(tonumber(text))

	return number and number >= 0 and number <= 255 and number
end

local function address(text)
	return (host.is_address(text, 4) or host.is_address(text, 6)) and text
end

local function port(text)
	local number = math.tointeger(tonumber(text))

	return number and number > 0 and number <= 65535 and number
end

local WORDS = {
	["-p"] = { "protocol", protocol }, ["--protocol"] = { "protocol", protocol },
	["-s"] = { "from", address }, ["--source"] = { "from", address },
	["--src"] = { "from", address },
	["-d"] = { "to", address }, ["--destination"] = { "to", address },
	["--dst"] = { "to", address },
	["--sport"] = { "from_port", port }, ["--source-port"] = { "from_port", port },
	["--dport"] = { "to_port", port }, ["--destination-port"] = { "to_port", port },
	-- Extensions are loaded by the protocol.
	["-m"] = { "match", protocol }, ["--match"] = { "match", protocol },
}

-- { '-p', 'tcp', '--dport', '80' }
function Sniffer.new(key)
	local flow = { protocol = 0, from_port = 0, to_port = 0 }

	tbx.table_argument(key)
	for at = 1, #key, 2 do
		local word, value = tostring(key[at]), key[at + 1]
		local known = WORDS[word]

		if not known then
			error("a sniffer knows -p, -s, -d, --sport and --dport, not " .. word, 2)
		end
		flow[known[1]] = value ~= nil and known[2](tostring(value)) or
			error(string.format("a sniffer cannot take %s %s", word, value), 2)
	end
	if flow.from_port + flow.to_port > 0 and flow.protocol ~= 6 and flow.protocol ~= 17 then
		error("a sniffer of ports needs -p tcp or -p udp", 2)
	end
	return setmetatable({ flow = flow }, Sniffer)
end

local function begin(self)
	local f = self.flow

	if self.number then
		error("the sniffer is already started", 3)
	end
	self.guard = host.guard(f.protocol, f.from, f.from_port, f.to, f.to_port)
	self.number = host.sniff(f.protocol, f.from, f.from_port, f.to, f.to_port)
end

function Sniffer:stop()
	if self.number then
		host.unsniff(self.number)
		host.unguard(self.guard)
	end
	self.number, self.guard = nil, nil
end
Sniffer.__gc = Sniffer.stop

-- The next packet; nil when none came in so many seconds, or the sniffer was stopped.
function Sniffer:recv(seconds)
	local bytes = self.number and host.sniffed(self.number, seconds)

	return bytes and tbx.received(bytes) or nil
end

-- With a callback: for each packet, until it returns a number other than 0.
function Sniffer:start(callback)
	if callback ~= nil and type(callback) ~= "function" then
		error("function expected, got " .. type(callback), 2)
	end
	begin(self)
	while callback and self.number do
		local packet = self:recv()
		local answer = packet and callback(packet)

		if not packet or math.type(answer) and answer ~= 0 then
			self:stop()
		end
	end
end

function snif(key, callback)
	_sniffer = Sniffer.new(key)
	_sniffer:start(callback)
end
