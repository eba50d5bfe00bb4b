# SPDX-License-Identifier: BSD-2-Clause
"""Every name of the original tracebox's Lua API: that it is there, what it takes and gives, what it
refuses, and its bytes. The tables follow the fact sheet of the original, section by section."""
import struct

import pytest

from conftest import BUILD, run_program
from test_tracebox_scripts import PCAP_HEADER

# Each line is a Lua expression that must be true; h(x) is the hexadecimal text of what x adds
# behind an IPv4 and a TCP header, and refused(text, f, ...) that f fails with that text in it.
HELPERS = """
local function hex(bytes)
    return (string.char(table.unpack(bytes)):gsub(".", function(c)
        return ("%02x"):format(c:byte()) end))
end
function all(x) return hex((Packet.new() / x):bytes()) end
function h(x) return hex((ip{} / tcp{} / x):bytes()):sub(81) end
function h4(x) return hex((ip{} / x):bytes()):sub(41) end
function h6(x) return hex((ipv6{} / x):bytes()):sub(81) end
function within(x, low, high) return math.type(x) == "integer" and x >= low and x <= high end
function refused(text, f, ...)
    local ok, why = pcall(f, ...)
    return not ok and tostring(why):find(text, 1, true) ~= nil
end
function is(x, class)
    return getmetatable(x) == class and x.__tbx_classname == class.__tbx_classname
end
"""

READY_MADE = """
#(IP / TCP):bytes() == 40 and all(IP):sub(13, 18) == "400040"
getmetatable(IP) == getmetatable(ip{}) and IP.new{id=9}:id() == 9
#(IPv6 / UDP):bytes() == 48 and all(IPv6):sub(1, 1) == "6" and all(IPv6):sub(13, 16) == "3b40"
TCP:getdest() == 80 and TCP:getflags() == 2 and TCP:getwin() == 5840 and #TCP:hexdump() > 0
(IP / TCP):tcp():getseq() == (IP / TCP / MSS):tcp():getseq()
(IP / TCP):tcp():getsource() == TCP:getsource()
all(IP / UDP):sub(45, 52) == "00350008"
h(MSS) == "020405b4"
h(WSCALE) == "03030e01"
h(SACKP) == "01010402"
h(SACK{1, 2}) == "0101050a0000000100000002"
h(TS):find("^0101080a%x%x%x%x%x%x%x%x00000000$")
h(TFO) == "01012202"
h(EDO) == "ed040006"
h(EDOREQUEST / NOP / NOP) == "ed020101"
h(EDOEXT / NOP / NOP / raw "abc"):sub(1, 12) == "ed0600070003"
h(MPCAPABLE):find("^1e0c0081%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x$")
h(MPJOIN):find("^1e0c1000%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x$")
h(NOP / NOP / NOP / EOL) == "01010100"
h4(IP_NOP / IP_NOP / IP_NOP / IP_EOL) == "01010100"
h4(RR(2)) == "070b04" .. "0000000000000000" .. "01"
h4(SSRR{"1.2.3.4"}) == "890704" .. "01020304" .. "01"
h4(LSRR{"1.2.3.4"}) == "830704" .. "01020304" .. "01"
is(SRH{"fd00::1"}, IPv6SegmentRoutingHeader)
h6(SRH{"fd00::1"}):sub(5, 6) == "04" and #h6(SRH{"fd00::1"}) == 2 * 24
h4(ICMPEchoReq(1, 2)):find("^0800%x%x%x%x00010002$")
h4(ICMPEchoRep(1, 2)):find("^0000%x%x%x%x00010002$")
h4(ICMPDstUnreach(1400)):find("^0300%x%x%x%x00000578$")
h4(ICMPRedirect("1.2.3.4")):find("^0500%x%x%x%x01020304$")
h4(ICMPSrcQuench):find("^0400") and h4(ICMPTimeExceeded):find("^0b00")
h(raw "a\\0b") == "610062" and h(raw{97, 0, 98}) == "610062"
RAW == nil and MPDSS == nil and ADDADDR == nil and MPFAIL == nil
"""

COMPOSITION = """
is(IP / TCP, Packet) and is(IP + TCP, Packet) and is(IP .. TCP, Packet)
(function() local p = IP / TCP; local q = p / MSS; return p == q and #p:bytes() == 44 end)()
(function() local p = IP / TCP; return #(p / (NOP / NOP)):bytes() == 44 and #p:bytes() == 44 end)()
(function() local a = TCP / MSS; local b = IP / a; return a:ip() == nil and b:ip() ~= nil end)()
(function() local t = tcp{dst=1}; local p = IP / t; t:setdest(2)
    return p:tcp():getdest() == 1 end)()
all(IP / TCP):sub(19, 20) == "06" and all(IP / UDP):sub(19, 20) == "11"
all(IP / ICMPEchoReq(1, 1)):sub(19, 20) == "01"
all(IPv6 / ICMPEchoReq(1, 1)):sub(13, 14) == "3a"
all(IP / TCP / MSS):sub(1, 2) == "45" and all(IP / RR(1) / TCP):sub(1, 2) == "47"
tostring(IP / TCP):find("TotalLength = 0") and tostring(IP / TCP):find("DataOffset = 0")
(function() local p = IP / TCP; p:bytes()
    return tostring(p):find("TotalLength = 40") and tostring(p):find("DataOffset = 5") end)()
h(EDO / MSS / MPCAPABLE / raw "Hello World!"):sub(1, 28) == "ed04000a020405b41e0c0081" ..
    h(MPCAPABLE):sub(9, 12)
all(IP / TCP / EDO / MSS):sub(65, 66) == "60"
"""

GLOBALS = """
type(tracebox) == "function" and type(set_ttl_range) == "function" and type(filter) == "function"
refused("`nobody' is not a function", tracebox, IP / TCP, {callback = "nobody"})
refused("Tracebox error: You need to specify at least an IPv4 or IPv6 header", tracebox, TCP / MSS)
refused("Tracebox error: The specified destination address is not valid", tracebox,
    ip{dst = "1.2.3.4.5"} / TCP)
refused("Tracebox error: The specified source address is not valid", (function()
    local p = ip{dst = "1.2.3.4"} / TCP; p:ip():source("nowhere"); tracebox(p) end))
(function() local old = set_ttl_range{min_ttl = 2, max_ttl = 5}
    local now = set_ttl_range{min_ttl = old.min_ttl, max_ttl = old.max_ttl}
    return old.min_ttl == 1 and old.max_ttl == 64 and now.min_ttl == 2 and now.max_ttl == 5 end)()
set_ttl_range{}.min_ttl == 1
refused("Invalid TTL range: [9 <= 3]", set_ttl_range, {min_ttl = 9, max_ttl = 3})
refused("table expected, got no value", set_ttl_range)
refused("max_ttl is not an integer", set_ttl_range, {max_ttl = "x"})
is(filter(IP / TCP), FWFilter) and is(filter(IP / UDP), FWFilter)
(function() local f = filter(IP / TCP); f:close(); f:close(); return true end)()
refused("TCP or UDP", filter, IP / ICMPEchoReq(1, 1))
dn4("192.0.2.1") == "192.0.2.1" and dn6("fd00::9") == "fd00::9"
gethostname("192.0.2.1") == "192.0.2.1"
sleep(0) == nil and refused("not an integer", sleep, "soon")
within(random(3), 0, 2) and random() == 0
type(argv) == "table" and argv[1] == "one" and argv[2] == "two" and #argv == 2
is(dnsquery "example.org", DNSQuery)
dnsquery("example.org"):bytes() == "\\7example\\3org\\0\\0\\1\\0\\1"
type(__dump_c_stack()) == "string"
type(unpack) == "function" and type(loadstring) == "function" and bit32.band(6, 3) == 2
type(os.time) == "function" and type(io.write) == "function" and type(string.rep) == "function"
"""

LAYERS = """
ip{}:source() == "0.0.0.0" and ip{}:dest() == "0.0.0.0" and within(ip{}:id(), 0, 65535)
ip{id = 0}:id() == 0 and all(ip{id = 0x1234, flags = 0, ttl = 3}):sub(9, 18) == "1234000003"
all(ip{ecn = 1, dscp = 2, offset = 5, proto = 9, flags = 1}):sub(3, 4) == "09"
all(ip{offset = 5, flags = 1}):sub(13, 16) == "2005" and all(ip{proto = 99}):sub(19, 20) == "63"
ip{dst = "192.0.2.7"}:dest() == "192.0.2.7"
all(ipv6{}):sub(1, 8) == "60000000" and all(ipv6{tc = 3, flowlabel = 5}):sub(1, 8) == "60300005"
all(ipv6{hoplimit = 9}):sub(15, 16) == "09" and ipv6{dst = "fd00::1"}:dest() == "fd00::1"
within(tcp{}:getsource(), 1, 65535) and within(tcp{}:getseq(), 0, 4294967295)
tcp{}:getack() == 0 and tcp{}:getwin() == 5840 and tcp{}:getflags() == 2
all(tcp{src=1, dst=2, seq=3, ack=4, win=5, flags=16}):sub(1, 32) ==
    "000100020000000300000004" .. "50100005"
all(udp{src = 1, dst = 2}):sub(1, 12) == "000100020008" and #udp{}:hexdump() > 0
all(icmp{type = 13, code = 1, id = 2, seqno = 3}):sub(1, 4) == "0d01"
h4(icmp{type = 12, ptr = 7}):sub(9) == "07000000"
h4(icmp{type = 3, len = 6}):sub(9) == "00060000"
h4(icmp{type = 3, mtu = 7}):sub(9) == "00000007"
h4(icmp{type = 5, gw = "1.2.3.4"}):sub(9) == "01020304"
refused("type is missing", icmp, {})
refused("table expected, got no value", ip) and refused("table expected, got no value", ipv6)
refused("table expected, got no value", tcp) and refused("table expected, got no value", udp)
refused("table expected, got no value", icmp) and refused("table expected, got no value", srh)
refused("dst is not a string", ip, {dst = {}}) and refused("id is not an integer", ip, {id = "x"})
refused("hoplimit is not an integer", ipv6, {hoplimit = {}})
refused("win is not an integer", tcp, {win = "wide"}) and refused("src is not an integer", udp,
    {src = true})
refused("cflag is not an boolean", srh, {cflag = 7})
pcall(ip, {nothing = 1})
refused("no value", raw)
h6(srh{segmentleft = 1, segments = {"fd00::1", "fd00::2"}}):sub(1, 16) == "3b04040101000000"
#h6(srh{segments = {"fd00::1"}, hmac = {1, 2}, hmackey = 3}) == 2 * (8 + 16 + 32)
"""

TCP_OPTIONS = """
h(mss(9000)) == "02042328" and h(wscale(7) / nop()) == "03030701"
h(sackp() / nop() / eol()) == "04020100"
h(sack{1, 2, 3, 4} / nop() / nop()) == h(sack{{1, 2}, {3, 4}} / nop() / nop())
h(timestamp{val = 1, ecr = 2} / nop() / nop()) == "080a00000001000000020101"
timestamp{}:ecr() == 0 and within(timestamp{}:val(), 0, 4294967295)
h(tfo{} / nop() / nop()) == "22020101" and h(tfo{1, 2}) == "22040102"
h(edo()) == h(EDO) and h(edo(2) / nop() / nop()) == "ed020101"
TCPEDO.EDOREQUEST == 2 and TCPEDO.EDO == 4 and TCPEDO.EDOEXT == 6
h(mpcapable{skey = 1}) == "1e0c00810000000000000001"
h(mpcapable{skey = 1, csum = false}) == "1e0c00010000000000000001"
h(mpcapable{skey = 1, rkey = 2}) == "1e14008100000000000000010000000000000002"
h(mpcapable{version = 1}) == "1e040181"
refused("csum is not an boolean", mpcapable, {csum = 1})
h(mpjoin{token = 1, nonce = 2}) == "1e0c10000000000100000002"
h(mpjoin{token = 1, nonce = 2, id = 3, backup = true}) == "1e0c11030000000100000002"
h(TCPOption.new{kind = 77, length = 4, data = {1, 2}}) == "4d040102"
h(TCPOption.new_mss(5)) == "02040005"
h(TCPOption.new_wscale(5) / TCPOption.new_nop()) == "03030501"
h(TCPOption.new_sackp() / TCPOption.new_eol()) == "04020000"
h(TCPOption.new_sack{1, 2} / NOP / NOP) == "050a00000001000000020101"
h(TCPOption.new_mpjoin{token = 1, nonce = 2}) == "1e0c10000000000100000002"
h(TCPOption.new_mpcapable{skey = 1}) == "1e0c00810000000000000001"
"""

IP_OPTIONS = """
h4(ip_nop() / ip_nop() / ip_nop() / ip_eol()) == "01010100"
h4(rr(1) / ip_nop()) == "07070400000000" .. "01"
h4(ssrr{"1.2.3.4"} / ip_nop()) == "8907040102030401"
h4(lsrr{"1.2.3.4"} / ip_nop()) == "8307040102030401"
h4(traceroute "1.2.3.4"):find("^520c%x%x%x%x0000000001020304$")
h4(IPOption.new{copy = 1, class = 2, option = 3, length = 4}) == "c3040000"
h4(IPOption.new_nop() / IPOption.new_nop() / IPOption.new_nop() / IPOption.new_eol()) == "01010100"
h4(IPOption.new_rr(1) / IP_NOP) == "0707040000000001"
h4(IPOption.new_ssrr{"1.2.3.4"} / IP_NOP) == "8907040102030401"
h4(IPOption.new_lsrr{"1.2.3.4"} / IP_NOP) == "8307040102030401"
h4(IPOption.new_traceroute "1.2.3.4"):sub(1, 4) == "520c"
"""

METHODS = """
tostring(IP) == IP:print() and IP:print() == IP:__tostring() and IP:hexdump():find("45")
(IP / TCP):size() == 40 and IP:size() == 20 and (IP / TCP):__tostring() == tostring(IP / TCP)
IP.__tbx_classname == "IP" and IP.__tbx_baseclass ~= nil and (IP / TCP).__tbx_classname == "Packet"
(function() local l = ip{}; return l:source("1.2.3.4") == "1.2.3.4" and l:source() == "1.2.3.4"
    and l:dest("1.2.3.5") == "1.2.3.5" and l:id(7) == 7 and l:id() == 7 end)()
(function() local l = ip{}; l:flags(1); l:fragoffset(2); l:ttl(3); l:dscp(4); l:ecn(1)
    return all(l):sub(3, 4) == "11" and all(l):sub(13, 18) == "200203" end)()
(function() local p = IP / TCP / raw "abc"; p:bytes(); return p:ip():payloadlen() == 23 end)()
(function() local l = ipv6{}; l:tc(1); l:flowlabel(2); l:hoplimit(3); l:source("fd00::1")
    return all(l):sub(1, 8) == "60100002" and all(l):sub(15, 16) == "03" end)()
(function() local p = IPv6 / TCP; p:bytes(); return p:ipv6():payloadlen() == 20 end)()
(function() local t = tcp{}; return t:setsource(1) == 1 and t:getsource() == 1 and
    t:setdest(2) == 2 and t:getdest() == 2 and t:setseq(3) == 3 and t:getseq() == 3 and
    t:setack(4) == 4 and t:getack() == 4 and t:setwin(5) == 5 and t:getwin() == 5 and
    t:setflags(18) == 18 and t:getflags() == 18 end)()
(function() local p = IP / TCP / MSS; p:bytes(); return p:tcp():offset() == 6 end)()
tcp{flags = 18}:hasflags(TCP.SYN + TCP.ACK) == 18 and tcp{}:hasflags(TCP.RST) == 0
TCP.FIN == 1 and TCP.SYN == 2 and TCP.RST == 4 and TCP.PSH == 8 and TCP.ACK == 16
TCP.URG == 32 and TCP.ECE == 64 and TCP.CWR == 128
(function() local u = udp{}; u:source(1); u:dest(2); return all(u):sub(1, 8) == "00010002" end)()
(function() local i = icmp{type = 8}; i:type(8); i:code(1); i:id(2); i:seqno(3)
    return h4(i):sub(1, 4) == "0801" and h4(i):sub(9) == "00020003" end)()
(function() local i = icmp{type = 12}; i:ptr(1); i:len(2); i:mtu(3)
    return h4(i):sub(9) == "01020003" end)()
(function() local i = icmp{type = 5}; i:gw("1.2.3.4"); return h4(i):sub(9) == "01020304" end)()
(function() local o = TCPOption.new{kind = 9}; o:data("xy"); return o:kind() == 9 and
    o:kind(8) == 8 and h(o) == "08047879" end)()
(function() local o = timestamp{}; return o:val(1) == 1 and o:val() == 1 and o:ecr(2) == 2 end)()
(function() local p = IP / TCP / EDOEXT / NOP / NOP / raw "abc"; p:bytes()
    local o = p:get(EDO); return o:length() == 6 and o:headerlength() == 7 and
    o:segmentlength() == 3 and o:length(4) == 4 end)()
(function() local o = tfo{1, 2}; return #o:cookie() == 2 and o:cookie()[2] == 2 and
    #o:cookie{1, 2, 3} == 3 end)()
(function() local r = raw "ab"; return r:data() == "ab" and r:data("c\\0d") == "c\\0d" and
    #r:bytes() == 3 and r:bytes{65}[1] == 65 and r:data() == "A" end)()
(function() local s = SRH{"fd00::1"}; s:segmentleft(0); s:cflag(1); s:pflag(0); s:hmackey(1)
    s:setsegments{"fd00::1", "fd00::2"}; s:setpolicies{}; s:sethmac{}
    return #h6(s) == 2 * 40 end)()
type(PartialTCP.getsource) == "function" and type(PartialTCP.getdst) == "function" and
    type(PartialTCP.getseq) == "function"
type(PacketModifications.original) == "function" and type(PacketModifications.received) ==
    "function" and type(PacketModifications.partial) == "function"
(function() local a = ip{id = 5, ttl = 9}/tcp{src = 5, dst = 80, seq = 9}/MSS/mpcapable{skey = 7}
    local b = ip{id = 5, ttl = 1}/tcp{src = 5, dst = 80, seq = 9}/mss(1400)
    local c = ip{id = 5, ttl = 1}/tcp{src = 5, dst = 80, seq = 9}/mss(1400)
    for _ = 1, 12 do b = b / NOP end
    local m = PacketModifications.new(a, b)
    return m:print() == "TCP::CheckSum IP::TTL IP::CheckSum TCPOptionMaxSegSize::MaxSegSize " ..
    "+TCPOptionPad -TCPOptionMPTCPCapable " and tostring(PacketModifications.new(a, c)) ==
    "TCP::DataOffset TCP::CheckSum IP::TotalLength IP::TTL IP::CheckSum " ..
    "TCPOptionMaxSegSize::MaxSegSize -TCPOptionMPTCPCapable " and m:original() == a and
    m:received() == b and m:partial() == 0 and PacketModifications.new(a, a):print() == "" end)()
refused("Packet expected", PacketModifications.new, IP / TCP, IP)
"""

NAMES = """
h(DNS.new{}) == "000000000000000000000000"
h(DNS.new{id = 1, opcode = 2, rcode = 3, qr = true}):sub(1, 8) == "00019003"
h(DNS.new{aa = true, rd = true}):sub(5, 8) == "0500" and h(DNS.new{tc = true}):sub(5, 8) == "0200"
h(DNS.new{ra = true, ad = true}):sub(5, 8) == "00a0" and h(DNS.new{z = true}):sub(5, 8) == "0040"
h(DNS.new{rd = true}):sub(5, 8) == "0100" and h(DNS.new{ra = true}):sub(5, 8) == "0080"
refused("qr is not an boolean", DNS.new, {qr = 1}) and refused("table expected", DNS.new)
refused("id is not an integer", DNS.new, {id = "x"})
refused("name is not a string", DNSQuery.new, {name = 7})
DNSQuery.new{name = "a.b", type = DNS.Type.MX, class = 3}:bytes() == "\\1a\\1b\\0\\0\\15\\0\\3"
tostring(dnsquery "a.b"):find("Name = a.b , Type = 1 , Class = 1 , ", 1, true)
(function() local d = DNS.new{id = 7, opcode = DNS.OpCode.Status, rcode = DNS.RCode.Refused,
    rd = true}; d:add_query(dnsquery "a.b"); d:add_answer(DNSAnswer.new{name = "a.b",
    rdata = "1.2.3.4", ttl = 9}); d:add_authority(DNSAnswer.new{}); d:add_additional(
    DNSAnswer.new{name = "c", type = DNS.Type.AAAA, rdata = "fd00::1"})
    return #d:queries() == 1 and #d:answers() == 1 and #d:authority() == 1 and
    #d:additional() == 1 and d:id() == 7 and d:opcode() == 2 and d:rcode() == 5 and d:rd() == 1
    and d:qr() == 0 and d:aa() == 0 and d:tc() == 0 and d:ra() == 0 and d:z() == 0 and
    d:ad() == 0 and d:cd() == 0 and d:queries()[1].name == "a.b" end)()
refused("DNSQuery expected", (function() DNS.new{}:add_query("a.b") end))
refused("DNSAnswer expected", (function() DNS.new{}:add_answer(dnsquery "a.b") end))
refused("longer than 63", (function() dnsquery(("x"):rep(64)):bytes() end))
DNS.OpCode.Query == 0 and DNS.OpCode.IQuery == 1 and DNS.OpCode.Notify == 4 and
    DNS.OpCode.Update == 5
DNS.RCode.NoError == 0 and DNS.RCode.FormatError == 1 and DNS.RCode.ServerFailure == 2 and
    DNS.RCode.NameError == 3 and DNS.RCode.Refused == 5 and DNS.RCode.YXDomain == 6 and
    DNS.RCode.YXRRSet == 7 and DNS.RCode.NXRRSet == 8 and DNS.RCode.NotAuth == 9 and
    DNS.RCode.NotZone == 10
DNS.Type.A == 1 and DNS.Type.AAAA == 28 and DNS.Type.NS == 2 and DNS.Type.CNAME == 5 and
    DNS.Type.SOA == 6 and DNS.Type.WKS == 11 and DNS.Type.PTR == 12 and DNS.Type.MX == 15 and
    DNS.Type.SRV == 33 and DNS.Type.A6 == 38 and DNS.Type.OPT == 41 and DNS.Type.ANY == 255
DNS.Class.IN == 1
tostring(DNS.new{rd = true}) == "< DNS (12 bytes) :: Identification = 0 , QRFlag = 0 (Query) , " ..
    "OpCode = 0 , AAFlag = 0 , TCFlag = 0 , RDFlag = 1 , RAFlag = 0 , ZFlag = 0 , ADFlag = 0 , " ..
    "CDFlag = 0 , RCode = 0 , TotalQuestions = 0 , TotalAnswer = 0 , TotalAuthority = 0 , " ..
    "TotalAdditional = 0 , >"
"""

PACKETS = """
#Packet.new():bytes() == 0 and is(Packet.new() / IP / TCP, Packet)
(function() local p = ip{dst = "1.2.3.4"} / TCP; p:ip():source("1.2.3.5")
    return p:source() == "1.2.3.5" and p:destination() == "1.2.3.4" and p:dest() == "1.2.3.4" end)()
(IP / TCP):ip() ~= nil and (IP / TCP):ipv6() == nil and (IPv6 / TCP):ipv6() ~= nil
(IP / TCP):iplayer() ~= nil and (IPv6 / TCP):iplayer() ~= nil and (IP / TCP):udp() == nil
(IP / UDP):udp() ~= nil and (IP / ICMPEchoReq(1, 1)):icmp() ~= nil and (IP / TCP):icmp() == nil
(IPv6 / SRH{"fd00::1"} / TCP):srh() ~= nil and (IP / TCP):payload() == nil
(IP / TCP / raw "x"):payload():data() == "x"
(IP / TCP / MSS):get(MSS) ~= nil and (IP / TCP):get(MPCAPABLE) == nil and
    (IP / TCP / WSCALE):get(WSCALE):kind() == 3
#(IP / TCP / MSS / NOP / MSS):getall(MSS) == 2 and #(IP / TCP):getall(MSS) == 0
(IP / TCP / raw "Hello World"):bytes()[51] == 100 and #(IP / TCP / raw "Hello World"):bytes() == 51
refused("table expected, got no value", (function() (IP / TCP):sendrecv() end))
refused("timeout is not a number", (function()
    (ip{dst="1.2.3.4"} / TCP):sendrecv{timeout = "x"} end))
(function() local p = IP / TCP; p:tcp():setdest(9); return p:get(TCP):getdest() == 9 end)()
"""

SECTIONS = {"ready-made": READY_MADE, "composition": COMPOSITION, "globals": GLOBALS,
            "layers": LAYERS, "tcp options": TCP_OPTIONS, "ip options": IP_OPTIONS,
            "methods": METHODS, "names": NAMES, "packets": PACKETS}


def expressions(text):
    """Lines that begin with a blank go on with the one before."""
    found = []
    for line in text.strip().splitlines():
        if line.startswith(" "):
            found[-1] += "\n" + line
        else:
            found.append(line)
    return found


def run_lua(folder, text, *arguments):
    (folder / "path.lua").write_text('return path { hop {}, hop {}, server = "tcp" }\n')
    (folder / "script.lua").write_text(text)
    return run_program(BUILD / "tracebox", "--sim", folder / "path.lua", "-s",
                       folder / "script.lua", *arguments)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_name(tmp_path, section):
    text = HELPERS + "local failed = 0\n"
    for each in expressions(SECTIONS[section]):
        text += f"do local ok, value = pcall(function() return {each}\nend)\n" \
                "if not ok or not value then failed = failed + 1\n" \
                f"print([==[{each}]==], ok, value) end end\n"
    run = run_lua(tmp_path, text.replace("\\\\", "\\") + "return failed", "one", "two")
    assert run.status == 0 and run.out == "" and run.err == "", run


def test_dns_over_udp_against_scapy(tmp_path):
    """Our bytes are read by scapy, and its answer with compressed names by us."""
    from scapy.all import DNS, DNSQR, IP, UDP
    run = run_lua(tmp_path, """
        d = DNS.new{id = 77, rd = true}
        d:add_query(dnsquery "www.example.org")
        p = ip{dst = "192.0.2.1"} / UDP / d
        p:ip():source("192.0.2.9")
        print((string.char(table.unpack(p:bytes())):gsub(".", function(c)
            return ("%02x"):format(c:byte()) end)))
        """)
    packet = IP(bytes.fromhex(run.out.strip()))
    sent = bytes.fromhex(run.out.strip())
    del packet[IP].chksum, packet[UDP].chksum, packet[UDP].len, packet[IP].len
    assert bytes(packet) == sent
    assert packet[DNS].id == 77 and packet[DNS].rd == 1 and packet[DNS].qdcount == 1
    assert packet[DNSQR].qname == b"www.example.org." and packet[DNSQR].qtype == 1


def compressed(message):
    """The same with the owner names of its answers as pointers to the question (RFC 1035 4.1.4)."""
    name = b"\3www\7example\3org\0"
    question, answers = message.split(name, 1)[0] + name, message.split(name, 1)[1]
    return question + answers.replace(name, b"\xc0\x0c")


@pytest.mark.parametrize("damage, fits", [
    (lambda m: m, True), (compressed, True), (lambda m: m[:-1], False), (lambda m: m + b"x", False),
    (lambda m: compressed(m).replace(b"\xc0\x0c", b"\xc0\xff"), False),
    (lambda m: compressed(m).replace(b"\xc0\x0c", b"\xc0\x21", 1), False),
    (lambda m: m[:4] + b"\xff" * 8 + m[12:], False), (lambda m: m[:11], False)])
def test_dns_as_received(tmp_path, damage, fits):
    """scapy's answer is read, and what is no message stays a payload."""
    from scapy.all import DNS, DNSQR, DNSRR, IP, UDP, Raw
    name = "www.example.org"
    whole = bytes(DNS(id=77, qr=1, rd=1, ra=1, qd=DNSQR(qname=name),
                      an=DNSRR(rrname=name, ttl=60, rdata="192.0.2.55") /
                      DNSRR(rrname=name, type="CNAME", rdata="b.example.org") /
                      DNSRR(rrname=name, type="TXT", rdata="hi")))
    message = damage(whole)
    reply = bytes(IP(src="1.2.3.4", dst="1.1.1.1") / UDP(sport=53, dport=4000) / Raw(message))
    (tmp_path / "in").write_bytes(PCAP_HEADER + struct.pack("<IIII", 0, 0, len(reply), len(reply)) +
                                  reply)
    device = f"pcap:{tmp_path}/out:{tmp_path}/in"
    run = run_program(BUILD / "tracebox", "-S", "-i", device, "-l", """
        d = DNS.new{id = 77, rd = true}
        d:add_query(dnsquery "www.example.org")
        r = (ip{dst = "1.2.3.4"} / udp{src = 4000, dst = 53} / d):sendrecv{}
        d = r:get(DNS)
        if not d then print("payload", #r:payload():data()) return end
        print(d:id(), d:qr(), d:rd(), d:ra(), d:queries()[1].name)
        for _, each in ipairs(d:answers()) do print(each.name, each.type, each.rdata) end
        """)
    assert run.status == 0, run
    if fits:
        assert run.out.splitlines() == [
            "77\t1\t1\t1\twww.example.org", "www.example.org\t1\t192.0.2.55",
            "www.example.org\t5\tb.example.org", "www.example.org\t16\t\2hi"], run
    else:
        assert run.out == f"payload\t{len(message)}\n", run


def test_names_of_this_host(tmp_path):
    """Offline names are the host's own."""
    (tmp_path / "in").write_bytes(PCAP_HEADER)
    run = run_program(BUILD / "tracebox", "-S", "-i", f"pcap:{tmp_path}/out:{tmp_path}/in", "-l",
                      "print(dn4('localhost'), dn6('localhost'), dn4('127.0.0.1'), dn6('::1'))\n"
                      "print(dn4('no.such.name.invalid'))")
    assert run.status == 0, run
    assert run.out == "127.0.0.1\t::1\t127.0.0.1\t::1\nnil\n", run
    assert run.err.startswith("Could not resolve no.such.name.invalid : "), run


SNIFFED = """
    s = TbxSniffer.new{%s}
    s:start()
    for i = 1, 2 do (ip{dst = "198.18.100.2"} / tcp{dst = 80, src = 4000 + i} / MSS):send() end
    for _ = 1, 3 do
        local p = s:recv(0.5)
        print(p and p:tcp():getdest(), p and p:tcp():getflags())
    end
    s:stop()
    print(s:recv(1))
    """
TWO = ["4001\t18", "4002\t18", "nil\tnil", "nil"]


@pytest.mark.parametrize("key, out", [
    ("'-p', 'tcp', '--sport', '80'", TWO), ("'--protocol', 6, '-m', 'tcp'", TWO), ("", TWO),
    ("'-s', '198.18.100.2', '-d', '198.18.1.2'", TWO), ("'-p', 'udp'", ["nil\tnil"] * 3 + ["nil"]),
    ("'-p', 'tcp', '--dport', '4002'", [TWO[1], "nil\tnil", "nil\tnil", "nil"]),
    ("'-s', '198.18.100.3'", ["nil\tnil"] * 3 + ["nil"])])
def test_sniffer(tmp_path, key, out):
    run = run_lua(tmp_path, SNIFFED % key)
    assert run.status == 0 and run.err == "" and run.out.splitlines() == out, run


@pytest.mark.parametrize("text, said", [
    ("TbxSniffer.new{'-j', 'DROP'}", "a sniffer knows -p, -s, -d, --sport and --dport, not -j"),
    ("TbxSniffer.new{'-p', 'nothing'}", "a sniffer cannot take -p nothing"),
    ("TbxSniffer.new{'-p'}", "a sniffer cannot take -p nil"),
    ("TbxSniffer.new{'--dport', '80'}", "needs -p tcp or -p udp"),
    ("TbxSniffer.new{'-p', 'tcp', '--dport', '80:90'}", "cannot take --dport 80:90"),
    ("TbxSniffer.new{'-s', '10.0.0.0/8'}", "cannot take -s 10.0.0.0/8"),
    ("TbxSniffer.new()", "table expected, got no value"),
    ("TbxSniffer.new{}:start(7)", "function expected, got number"),
    ("s = TbxSniffer.new{}; s:start(); s:start()", "already started"),
    ("snif({}, function() end)", None),   # no packet ever: the path comes to rest
    ("snif({}, 'name')", "function expected, got string"),
])
def test_sniffers_that_cannot_be(tmp_path, text, said):
    run = run_lua(tmp_path, text)
    assert run.out == "" and len(run.err.splitlines()) == (1 if said else 0), run
    assert run.status == (2 if said else 0) and (said or "") in run.err, run


def test_a_sniffer_beside_traces(tmp_path):
    """What a trace takes for its own the sniffer has as well, and the other way round."""
    run = run_lua(tmp_path, """
        snif({'-p', 'icmp'})
        print(getmetatable(_sniffer) == TbxSniffer)
        print(tracebox(ip{dst = "198.18.100.2"} / tcp{dst = 80}):tcp():getflags())
        for _ = 1, 3 do local p = _sniffer:recv(0); print(p and p:source()) end
        """)
    assert run.out.split() == ["true", "18", "198.18.201.1", "198.18.202.1", "nil"], run


def test_offline_nothing_is_sniffed(tmp_path):
    (tmp_path / "in").write_bytes(PCAP_HEADER)
    device = f"pcap:{tmp_path}/out:{tmp_path}/in"
    run = run_program(BUILD / "tracebox", "-i", device, "-l", "TbxSniffer.new{}:start()")
    assert run.status == 2 and "nothing to sniff" in run.err, run
    run = run_program(BUILD / "tracebox", "-i", device, "-l", "filter(IP / TCP):close()")
    assert run.status == 0, run
