# SPDX-License-Identifier: BSD-2-Clause
"""Lua as suites and boxes have it: what is gone, what is made the same everywhere, what is bounded,
and what a box can do to a packet."""

import pytest

from conftest import BUILD, TOP, run_program


def run_suite(mbtest, tmp_path, text, *arguments, **options):
    path = tmp_path / "suite.lua"
    path.write_text(text)
    return mbtest("run", path, "--mptcp", "1", "--checksum", "on", *arguments, **options)


def said(mbtest, tmp_path, expression):
    """What an expression is, told by an error."""
    run = run_suite(mbtest, tmp_path, f"error(({expression}), 0)")
    assert run.status == 2 and run.out == ""
    return run.err.removeprefix("mbtest: ").strip()


@pytest.mark.parametrize("name", ["os", "io", "debug", "load", "loadstring", "loadfile", "dofile",
                                  "require", "package", "collectgarbage", "coroutine", "next",
                                  "print", "warn", "getmetatable", "string.dump",
                                  "math.randomseed"])
def test_gone(mbtest, tmp_path, name):
    assert said(mbtest, tmp_path, f"type({name})") == "nil"


def test_pairs_is_sorted(mbtest, tmp_path):
    expression = """(function()
        local t, out = { z = 1, a = 1, [2] = 1, [10] = 1, [1.5] = 1, [true] = 1, [false] = 1 }, {}
        for k in pairs(t) do out[#out + 1] = tostring(k) end
        return table.concat(out, " ")
    end)()"""
    assert said(mbtest, tmp_path, expression) == "false true 1.5 2 10 a z"


def test_pairs_survives_removal(mbtest, tmp_path):
    expression = """(function()
        local t, out = { a = 1, b = 2, c = 3 }, {}
        for k in pairs(t) do t.b = nil; out[#out + 1] = k end
        return table.concat(out, " ")
    end)()"""
    assert said(mbtest, tmp_path, expression) == "a c"


def test_pairs_refuses_what_has_no_order(mbtest, tmp_path):
    run = run_suite(mbtest, tmp_path, "for k in pairs({ [{}] = 1 }) do end")
    assert run.status == 2 and "suite.lua:1:" in run.err and "has no order" in run.err


@pytest.mark.parametrize("expression, text", [
    ("tostring({})", "table"), ("tostring(pairs)", "function"),
    ("string.format('%s %s', {}, print)", "table nil"), ("('%s'):format(pairs)", "function"),
])
def test_no_addresses(mbtest, tmp_path, expression, text):
    assert said(mbtest, tmp_path, expression) == text


@pytest.mark.parametrize("text, words", [
    ("string.format('%p', {})", "address"),
    ("string.format('%-5p', {})", "address"),
    ("setmetatable({}, { __gc = function() end })", "garbage"),
    ("setmetatable({}, { __mode = 'k' })", "garbage"),
    ("math.random(2, 1)", "interval is empty"),
])
def test_refused(mbtest, tmp_path, text, words):
    run = run_suite(mbtest, tmp_path, text)
    assert run.status == 2 and words in run.err, run


def test_xpcall_is_that_of_lua(mbtest, tmp_path):
    """But for when its handler is called: one that has no end would not be bounded there."""
    expression = """(function()
        local function text(...) return table.concat({ select("#", ...), ... }, " ", 3) end
        return text(xpcall(select, error, 2, "x", "y", "z"))
            .. text(xpcall(error, string.upper, "one", 0))
    end)()"""
    assert said(mbtest, tmp_path, expression) == "y zONE"


def test_random_is_the_same_everywhere(mbtest, tmp_path):
    expression = "('%d %d %.9f'):format(math.random(1000000), math.random(5, 6), math.random())"
    assert said(mbtest, tmp_path, expression) == said(mbtest, tmp_path, expression)


def test_sort_keeps_equals_in_order(mbtest, tmp_path):
    expression = """(function()
        local t = {}
        for i = 1, 300 do t[i] = { key = i % 3, at = i } end
        table.sort(t, function(a, b) return a.key < b.key end)
        for i = 2, 300 do
            if t[i].key == t[i - 1].key and t[i].at < t[i - 1].at then return "out of order" end
        end
        return "in order"
    end)()"""
    assert said(mbtest, tmp_path, expression) == "in order"


@pytest.mark.parametrize("text", [
    "while true do end",
    "while true do pcall(function() while true do end end) end",
    "local s = 'x' while true do s = s .. s end",
    "local t = {} while true do t[#t + 1] = ('x'):rep(100000) end",
])
def test_bounded(mbtest, tmp_path, text):
    run = run_suite(mbtest, tmp_path, text)
    assert run.status == 2 and "suite.lua:" in run.err, run
    assert "instructions" in run.err or "not enough memory" in run.err, run


# Random patterns over random texts, with all that comes of them in one number.
PATTERNS = r"""
local seed, hash = 1, 0
local function random(n)
    seed = (seed * 1103515245 + 12345) % 2147483648
    return (seed >> 8) % n + 1
end
local parts = { "a", "b", ".", "%a", "%d", "%s", "%W", "%u", "[ab]", "[^a]", "[a-c]", "[%d-]",
    "[]a]", "[^%s(]", "%(", "(", ")", "()", "%1", "%2", "%b()", "%baa", "%f[%a]", "%f[^a]", "*",
    "+", "-", "?", "*", "+", "-", "$", "^", "%%", "[", "%", "]", "c-", "[a-", "%f", "%b(", "%x*",
    "%g", "%p", "\0" }
local letters = { "a", "b", "c", "A", "1", "(", ")", " ", "-", "]", "%", "a", "a", "\0" }
local function text(list, most)
    local t = {}
    for i = 1, random(most) - 1 do t[i] = list[random(#list)] end
    return table.concat(t)
end
local function add(...)
    for i = 1, select("#", ...) do
        local s = type((select(i, ...))) .. tostring((select(i, ...)))
        for k = 1, #s do hash = (hash * 31 + s:byte(k)) % 4294967291 end
    end
end
local function try(f, ...)
    local r = table.pack(pcall(f, ...))
    r[2] = r[1] and r[2] or tostring(r[2]):gsub("^.*:%d+: ", "")
    add(table.unpack(r, 1, r.n))
end
local function all(s, p, first)
    local t = {}
    for x, y in s:gmatch(p, first) do t[#t + 1] = tostring(x) .. tostring(y) end
    return table.concat(t, ",")
end
for i = 1, 4000 do
    local s, p, first = text(letters, 14), text(parts, 7), random(20) - 10
    try(string.find, s, p, first)
    try(string.find, s, p, first, true)
    try(string.match, s, p, first)
    try(string.gsub, s, p, "<%0%1>")
    try(string.gsub, s, p, "%%x", random(3) - 1)
    try(string.gsub, s, p, { a = "1", b = false, A = 2 })
    try(string.gsub, s, p, function(x, y) return y end)
    try(all, s, p)
    try(all, s, p, first)
end
"""


def test_patterns_are_those_of_lua(mbtest, tmp_path):
    """Ours, whose work is bounded, against the library's own, which tracebox's scripts have."""
    (tmp_path / "script.lua").write_text(PATTERNS + "print(hash)")
    theirs = run_program(BUILD / "tracebox", "-S", "-s", tmp_path / "script.lua")
    ours = run_suite(mbtest, tmp_path, PATTERNS + "error(hash, 0)")
    assert theirs.status == 0 and ours.err == f"mbtest: {theirs.out}", (ours, theirs)


# ---- boxes ----

def run_box(mbtest, tmp_path, body, expect='"mptcp"', more=""):
    (tmp_path / "mine.lua").write_text(body)
    return run_suite(mbtest, tmp_path, f"""scenario {{ name = "one", expect = {{ {expect} }},
        paths = {{ path {{ box_file "{tmp_path}/mine.lua" {{ {more} }} }} }} }}""", "--json")


def box(packet, more=""):
    return f'return {{ help = "mine", {more} packet = function(self, packet, dir) {packet} end }}'


@pytest.mark.parametrize("body, words", [
    (box("error('oops')"), ["mine.lua:1:", "oops"]),
    (box("local x = nil + 1"), ["mine.lua:1:", "arithmetic on a nil"]),
    (box("while true do end"), ["mine.lua:1:", "instructions"]),
    (box("while true do pcall(error) end"), ["instructions"]),
    (box("while true do xpcall(error, function() while true do end end) end"), ["instructions"]),
    (box("while true do local s = ('0123456789abcdef'):rep(512 << 10) end"),
     ["mine.lua: not enough memory"]),
    (box("return (('x'):rep(40):find(('.-'):rep(40) .. 'y'))"),
     ["mine.lua:1: library functions take more than 10000000 steps"]),
    (box("while true do pcall(string.gsub, ('x'):rep(40), ('.*'):rep(40) .. 'y', '') end"),
     ["mine.lua:1: library functions"]),
    (box("local s = (''):rep(1 << 60)"), ["mine.lua:1: library functions"]),
    (box("table.move({}, 1, 1 << 60, 2)"), ["mine.lua:1: library functions"]),
    (box("for i = 1, 30000 do self[i] = i end for i = 1, 30000 do pairs(self) end"),
     ["mine.lua:1: library functions"]),
    (box("for i = 1, 30000 do self[i] = i end for i = 1, 30000 do table.insert(self, 1, 1) end"),
     ["mine.lua:1: library functions"]),
    (box("error({})"), ["mine.lua: a Lua error that is a table"]),
    (box("return PASS", "params = { every = { default = 1 } },"), ["has the parameter every"]),
    (box("pcall(self.packet, self) pcall(self.packet, self)"), ["instructions"]),
    (box("self.packet = self.wake self:wake()", "wake = function(self) pcall(self.wake, self) "
         "return self:wake() end,"), ["mine.lua:1:"]),
    (box("return 'maybe'"), ["packet returns PASS"]),
    (box("return TAKEN"), ["mine.lua: TAKEN"]),
    (box("error({})"), ["mine.lua: a Lua error that is a table"]),
    (box("return packet.nosuch"), ["no field", "nosuch"]),
    (box("packet['tcp.window'] = 1 << 40"), ["tcp.window"]),
    (box("packet:remove(1)"), ["padding"]),
    (box("packet:overwrite(60000, 'x')"), ["outside the payload"]),
    (box("self.kept = self.kept or packet; return self.kept.length and PASS"), ["gone"]),
    (box("if not self.first then self.first = self:take(packet) self:emit(dir, packet) "
         "return TAKEN end self.kept = self.kept or packet; return self.kept.length and PASS"),
     ["gone"]),
    (box("self.kept = packet self:wake_at(self:now() + 1) return PASS",
         "wake = function(self) return self.kept:options() end,"), ["gone"]),
    (box("local mine = self:take(packet) self:emit(dir, mine) self:emit(dir, packet)"), ["gone"]),
    (box("self:emit(dir, packet)"), ["clone"]),
    (box("packet.payload = ('x'):rep(70000)"), ["fits no packet"]),
    (box("packet.options = { ('x'):rep(41) }"), ["40 bytes"]),
    (box("packet.options = { { kind = 3 } }"), ["option 1 has no bytes"]),
    (box("for i = 1, 5000 do self.all[i] = self:clone(packet) end", "all = {},"),
     ["mine.lua:1:", "4096 packets are held"]),
    # memory is full to the last bytes: what the next call needs is an error of that call
    (box("if self.all then self:take(packet) local size = 1 << 20 while size > 20 do "
         "local ok, text = pcall(string.rep, 'x', size + #self.all) "
         "if ok and pcall(table.insert, self.all, text) then self.last = size "
         "else size = size // 2 end end return TAKEN end self.all = {} return PASS"),
     ["mine.lua: not enough memory"]),
    ("return 3", ["returns a table"]),
    ("return { help = 'x' }", ["needs a function packet"]),
    ("syntax error", ["mine.lua:1:"]),
    ("\033Lua", ["mine.lua is compiled Lua"]),
    (box("return PASS", "init = function() error('early') end,"), ["early"]),
])
def test_an_error_in_a_box(mbtest, tmp_path, body, words):
    run = run_box(mbtest, tmp_path, body)
    assert run.status == 2 and run.out == "" and len(run.err.splitlines()) == 1, run
    for word in words:
        assert word in run.err


@pytest.mark.parametrize("body, outcome, hits", [
    (box("return UNCHANGED"), "mptcp", 0),
    (box("if packet['tcp.flags'] & SYN ~= 0 then packet:remove(30) return PASS end "
         "return UNCHANGED"), "tcp", 2),
    (box("local copy = self:clone(packet) self:emit(dir, copy) return DROP"), "mptcp", None),
    (box("local kept = self:take(packet) self:emit(dir, kept) return TAKEN"), "mptcp", None),
    (box("self.queue[#self.queue + 1] = { dir, self:take(packet) } self:wake_at(self:now() + 3) "
         "return TAKEN", "init = function(self) self.queue = {} end, wake = function(self) "
         "for _, one in ipairs(self.queue) do self:emit(one[1], one[2]) end self.queue = {} end,"),
     "mptcp", None),
    (box("local mine = self:take(packet) assert(self:take(packet) == mine and packet == mine) "
         "self.queue[#self.queue + 1] = { dir, packet } self:wake_at(self:now() + 3) "
         "return TAKEN", "init = function(self) self.queue = {} end, wake = function(self) "
         "for _, one in ipairs(self.queue) do assert(one[2].length > 0) self:emit(one[1], one[2]) "
         "end self.queue = {} end,"), "mptcp", None),
    (box("assert(#packet:options() < 20) assert(packet:option(30, 'dss') == nil or "
         "packet:option(30, 2)) return UNCHANGED"), "mptcp", 0),
    (box("return #packet.payload > 0 and self:refuse('no data') or UNCHANGED"), "reset", None),
    (box("for i = 1, 5000 do self:clone(packet) end return UNCHANGED"), "mptcp", 0),
    (box("for i = 1, 10000 do self:emit(dir, self:clone(packet)) end return PASS"), "stalled",
     None),
])
def test_what_a_box_can_do(mbtest, tmp_path, body, outcome, hits):
    run = run_box(mbtest, tmp_path, body, f'"{outcome}"')
    (row,) = run.lines()
    assert row["outcome"] == outcome and (hits is None or row["box_hits"] == hits), run


def test_what_a_box_has_sent_takes_no_memory(mbtest, tmp_path):
    """Nothing is held, however much went through: here more than the box may have in all."""
    (tmp_path / "mine.lua").write_text(box("""
        for i = 1, 5000 do self:emit(dir, self:clone(packet)) end
        return DROP"""))
    (tmp_path / "path.lua").write_text(
        f'return path {{ box_file "{tmp_path}/mine.lua" {{}}, box.loss {{}} }}')
    run = mbtest("pcap", tmp_path / "path.lua", TOP / "tests/data/captures/v1_join_csum.pcap",
                 tmp_path / "out.pcap")
    assert run.status == 0, run


def test_parameters_of_a_box(mbtest, tmp_path):
    body = box("""assert(self.number == 7 and self.yes == true and self.word == "b" and
        self.text == "some text" and self.time == 1500 and self.unset == 3) return UNCHANGED""",
               """params = { number = { default = 1, min = 0, max = 9 }, yes = { default = false },
        word = { default = "a", choices = { "a", "b" } }, text = { default = "" },
        time = { default = "1ms", kind = "time" }, unset = { default = 3 } },""")
    given = 'number = 7, yes = true, word = "b", text = "some text", time = "1500ms"'
    assert run_box(mbtest, tmp_path, body, more=given).lines()[0]["outcome"] == "mptcp"
    for wrong, words in [("number = 10", "0..9"), ('word = "c"', "word"), ("nosuch = 1", "nosuch")]:
        run = run_box(mbtest, tmp_path, body, more=wrong)
        assert run.status == 2 and words in run.err and "suite.lua:2:" in run.err, run


def test_packets_as_objects(mbtest, tmp_path):
    """What a box writes by name is what scapy reads."""
    scapy = pytest.importorskip("scapy.all")
    (tmp_path / "mine.lua").write_text(box("""
        assert(packet.payload == "hello" and #packet:options() == 3)
        local options = packet:options()
        options[1], options[2] = options[2], options[1]
        options[3] = "\\x01"
        packet.options = options
        packet.payload = "a longer greeting"
        packet["tcp.window"] = packet["tcp.window"] + 1
        packet["ip.dscp"] = 46
        return PASS"""))
    (tmp_path / "path.lua").write_text(f'return path {{ box_file "{tmp_path}/mine.lua" {{}} }}')
    before = scapy.IP(src="198.18.1.2", dst="198.18.100.2") / scapy.TCP(
        sport=1, dport=2, flags="A", window=7, options=[("MSS", 1400), ("WScale", 3)]) / b"hello"
    scapy.wrpcap(str(tmp_path / "in.pcap"), [scapy.Raw(bytes(before))], linktype=101)
    run = mbtest("pcap", tmp_path / "path.lua", tmp_path / "in.pcap", tmp_path / "out.pcap")
    assert run.status == 0, run
    (after,) = scapy.rdpcap(str(tmp_path / "out.pcap"))
    after = scapy.IP(bytes(after.original))
    want = before.copy()
    want[scapy.TCP].options = [("WScale", 3), ("MSS", 1400), ("NOP", None)]
    want[scapy.TCP].window, want.tos = 8, 46 << 2
    want[scapy.TCP].payload = scapy.Raw(b"a longer greeting")
    assert bytes(after) == bytes(want)


def test_a_box_remembers_each_flow(mbtest, tmp_path):
    """Both directions of a connection have one table; it forgets the oldest of too many."""
    scapy = pytest.importorskip("scapy.all")
    (tmp_path / "mine.lua").write_text(box("""
        local flow = self:flow(packet, dir)
        flow.count = (flow.count or 0) + 1
        packet["tcp.window"] = flow.count
        return PASS"""))
    (tmp_path / "path.lua").write_text(f'return path {{ box_file "{tmp_path}/mine.lua" {{}} }}')
    client, server = "198.18.1.2", "198.18.100.2"
    up = [scapy.IP(src=client, dst=server) / scapy.TCP(sport=port, dport=80, flags="S")
          for port in range(1, 4098)]
    down = scapy.IP(src=server, dst=client) / scapy.TCP(sport=80, dport=3, flags="A")
    packets = up[:3] + [down] + up[3:] + [up[0], up[2]]
    scapy.wrpcap(str(tmp_path / "in.pcap"), [scapy.Raw(bytes(one)) for one in packets],
                 linktype=101)
    run = mbtest("pcap", tmp_path / "path.lua", tmp_path / "in.pcap", tmp_path / "out.pcap")
    assert run.status == 0, run
    counts = [scapy.IP(bytes(one.original)).window for one in scapy.rdpcap(
        str(tmp_path / "out.pcap"))]
    # The 4097th flow took the place of the first, which is then new and takes the second's.
    assert counts == [1, 1, 1, 2] + [1] * 4094 + [1, 3]


def test_a_box_that_sees_all(mbtest, tmp_path):
    body = box("if self:matched() then packet:remove(30) return PASS end return UNCHANGED",
               "sees_all = true,")
    run = run_box(mbtest, tmp_path, body, '"tcp"', 'on = "syn"')
    (row,) = run.lines()
    assert row["outcome"] == "tcp" and row["box_hits"] == 1, run
