-- SPDX-License-Identifier: BSD-2-Clause
-- proxy.lua HOST [PORT PORT]: does something nearer than HOST answer for one of two ports (80 and
-- 22)? Then the answers come from different distances.
-- Exit status 0: from the same; 1: from different ones; 2: a port did not answer.

local ports = { tonumber(argv[2] or 80), tonumber(argv[3] or 22) }
local distance = {}

for index, port in ipairs(ports) do
	local reached

	function hop(ttl, address, mods)
		local seen = address and mods:received()

		-- Only what the destination says itself goes to our source port.
		if seen and seen:tcp() and seen:tcp():getsource() == port then
			reached = ttl
		end
	end
	tracebox(ip {} / tcp { dst = port }, { callback = hop })
	distance[index] = reached
	print(string.format("port %d: %s", port,
		reached and "answered at hop " .. reached or "no answer"))
end
if not (distance[1] and distance[2]) then
	return 2
end
if distance[1] == distance[2] then
	print("both are answered from the same distance")
	return 0
end
print(string.format("port %d is answered by something %d hops nearer",
	ports[distance[1] < distance[2] and 1 or 2], math.abs(distance[1] - distance[2])))
return 1
