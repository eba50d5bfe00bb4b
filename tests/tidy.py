# SPDX-License-Identifier: BSD-2-Clause
"""The house rules as functions: each takes a path inside the project and the text of that file and
yields one sentence for every place that breaks the rule. test_tidy.py runs them over the project,
and each of them over text that must be refused."""
import re

LINE_COLUMNS = 100
FUNCTION_LINES = 60
FILE_LINES = 600

# ---- rooms and arrows ----

# The first pattern that matches a path names its room.
ROOMS = [
    ("machine", r"probe/machine\.h"),
    ("main", r"(probe|tracebox|mbtest)/(main|options|command_\w+)\.[ch]"),
    ("base", r"probe/base/.*"),
    ("wire", r"probe/wire/.*"),
    ("io", r"probe/io/.*"),
    ("key", r"probe/endpoint/key\.h"),
    ("endpoint", r"probe/endpoint/.*"),
    ("analyze", r"probe/analyze/.*"),
    ("tracebox", r"tracebox/.*"),
    ("ground", r"mbtest/(dir|stream)\.[ch]"),
    ("net", r"mbtest/net/.*"),
    ("judge", r"mbtest/judge/.*"),
    ("suite", r"mbtest/suite/.*"),
    ("report", r"mbtest/report(_\w+)?\.[ch]"),
    ("relay", r"mbtest/box/split_tcp\.c"),        # the one box that is two hosts
    ("capture report", r"probe/report(_\w+)?\.[ch]"),
    ("box", r"mbtest/box/.*|mbtest/\w+\.[ch]"),   # box.c and what several boxes share
    ("lua", r"lua/.*"),
    ("tests", r"tests/.*"),
]

_PROBE = {"base", "wire", "machine", "io", "endpoint", "key", "analyze"}
_MBTEST = {"ground", "box", "net", "judge", "suite", "report"}

# What each room may include, beside itself.
ARROWS = {
    "machine": {"base"},
    "base": set(),
    "wire": {"base"},
    "io": {"base", "wire", "machine"},
    "key": {"base", "wire"},
    "endpoint": {"base", "wire", "machine", "key"},
    "analyze": {"base", "wire", "key"},
    "tracebox": {"base", "wire", "machine", "io", "endpoint", "key"},
    "ground": {"base"},
    "box": {"base", "wire", "ground"},
    "relay": {"base", "wire", "ground", "box", "endpoint"},
    "net": {"base", "wire", "machine", "io", "ground", "box"},
    "judge": {"base", "wire", "analyze", "ground"},
    "suite": _PROBE | _MBTEST - {"report"},
    "report": {"base", "wire"} | _MBTEST,
    "capture report": {"base", "wire", "analyze"},
    "lua": _PROBE | _MBTEST | {"tracebox"},
    "main": _PROBE | _MBTEST | {"capture report", "tracebox", "lua"},
    "tests": _PROBE | _MBTEST | {"capture report", "tracebox", "lua", "main"},
}

# The one place of each foreign library; what is not named here may not be used at all.
FOREIGN = [
    (r"pcap(/.*)?\.h|pcap\.h", r"probe/io/.*"),
    (r"libnet\.h", r"probe/io/.*"),
    (r"libmnl/.*|ares.*\.h|cap-ng\.h", r"probe/io/.*"),
    (r"openssl/.*", r"probe/endpoint/key\.c"),
    (r"(lua|lauxlib|lualib|luaconf)\.h", r"lua/.*"),
    (r"jansson\.h", r"(probe|tracebox|mbtest)/report_\w+\.c"),
    (r"ut(hash|list|array|string)\.h", r".*"),
]

# Of the C library, what computes and what formats: all that a room without I/O may see.
PURE_HEADERS = set("""arpa/inet.h assert.h ctype.h endian.h errno.h inttypes.h limits.h math.h
    netinet/in.h stdalign.h stdarg.h stdbool.h stddef.h stdint.h stdio.h stdlib.h string.h
    strings.h""".split())
PURE_ROOMS = {"machine", "base", "wire", "endpoint", "key", "analyze", "ground", "box", "relay",
    "judge"}
SYSTEM_HEADER = re.compile(r"(arpa|linux(/netfilter)?|net|netinet|netpacket|sys)/\w+\.h|[a-z]+\.h")
FOREIGN_NAMES = re.compile("|".join(pattern for pattern, _ in FOREIGN))

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)', re.M)


def room_of(path):
    """The room a file stands in, or None."""
    for room, pattern in ROOMS:
        if re.fullmatch(pattern, path):
            return room
    return None


def arrows(path, text):
    """Project headers of a room that this one may not know."""
    room = room_of(path)
    if room is None:
        yield f"{path}: stands in no room"
        return
    for match in INCLUDE.finditer(text):
        target = match.group(1)
        if target is None:
            continue
        other = room_of(target)
        if other is None:
            yield f"{path}: includes {target}, which stands in no room"
        elif other != room and other not in ARROWS[room]:
            yield f"{path}: {room} may not include {other} ({target})"


def foreign(path, text):
    """Foreign libraries outside their one place, and the system in rooms without I/O."""
    room = room_of(path)
    for match in INCLUDE.finditer(text):
        header = match.group(2)
        if header is None:
            continue
        if FOREIGN_NAMES.fullmatch(header):
            for pattern, place in FOREIGN:
                if re.fullmatch(pattern, header) and not re.fullmatch(place, path):
                    yield f"{path}: <{header}> belongs in {place} alone"
        elif not SYSTEM_HEADER.fullmatch(header):
            yield f"{path}: <{header}> belongs to no library we use"
        elif room in PURE_ROOMS and header not in PURE_HEADERS:
            yield f"{path}: <{header}>, but {room} does no I/O"


# ---- C text ----

_TOKEN = re.compile(r"""/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.S)


def code_of(text):
    """C without comments and the insides of strings; lines keep their numbers."""
    def blank(match):
        token = match.group(0)
        return token[0] + token[0] if token[0] in "\"'" else "\n" * token.count("\n")
    return _TOKEN.sub(blank, text)


def functions(text):
    """(name, first line, last line, body) of each C function: a brace alone in the first column."""
    lines = code_of(text).split("\n")
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            head = start - 1
            while head > 1 and re.match(r"[\s)]", lines[head - 1]):
                head -= 1
            signature = " ".join(lines[head - 1:start - 1])
            name = re.search(r"([A-Za-z_]\w*)\s*\(", signature)
            name = re.search(r"TEST\((\w+)\)", signature) or name
            yield name.group(1) if name else "?", start, number, "\n".join(lines[start:number - 1])
            start = None


def sizes(path, text):
    """Files and functions that do not fit their frame."""
    count = text.count("\n")
    if count > FILE_LINES:
        yield f"{path}: {count} lines, more than {FILE_LINES}"
    if path.endswith((".c", ".h")):
        for name, first, last, _ in functions(text):
            if last - first + 1 > FUNCTION_LINES:
                yield f"{path}:{first}: {name} has {last - first + 1} lines, more than " \
                    f"{FUNCTION_LINES}"


BANNED = [
    (r"\b(rand|srand|random|srandom|drand48)\s*\(", r"nowhere", "randomness is handed in: rng.h"),
    (r"\b(time|clock_gettime|gettimeofday|clock)\s*\(",
     r"probe/io/.*|mbtest/net/(real|live_\w+)\.c|mbtest/suite/\w+_(kernel|live)\.c"
     r"|(probe|tracebox|mbtest)/(main|command_\w+)\.c|tests/.*",
     "time is an argument"),
    (r"\b(strcpy|strcat|sprintf|vsprintf|gets|alloca|strtok|atoi|atol)\s*\(", r"nowhere",
     "its bounded sibling exists"),
    (r"\b(printf|puts|putchar|vprintf|perror)\s*\(|\bstdout\b",
     r"(probe|tracebox|mbtest)/(main|options|command_\w+|report_\w+|report)\.c|tests/.*",
     "only mains, commands and reports print"),
    (r"\b(malloc|calloc|realloc|strdup|strndup)\s*\(", r"probe/base/alloc\.c|lua/.*|tests/.*",
     "alloc.h knows what to do when memory is gone"),
    (r"\(int(32|64)_t\)\([^()]* - [^()]*\) [<>]=? 0\b", r"probe/base/seq\.h|tests/.*",
     "sequence numbers are compared by seq.h alone"),
    (r"\b(exit|abort)\s*\(",
     r"(probe|tracebox|mbtest)/(main|options|command_\w+)\.c|probe/base/.*|lua/state\.c|tests/.*",
     "errors travel to main"),
]


def banned(path, text):
    """Calls that this place may not make."""
    for number, line in enumerate(code_of(text).split("\n"), 1):
        for pattern, place, why in BANNED:
            match = re.search(pattern, line)
            if match and not re.fullmatch(place, path):
                yield f"{path}:{number}: {match.group(0).strip()} is not for here: {why}"


def forward_statics(path, text):
    """Forward declarations of static functions, but for mutual recursion."""
    code = re.sub(r"^\s*#(?:.*\\\n)*.*$", "", code_of(text), flags=re.M)
    calls = {}
    for name, _, _, body in functions(text):
        calls[name] = set(re.findall(r"[A-Za-z_]\w*", body))
    for match in re.finditer(r"^static [^;{}=]*?\b(\w+)\s*\([^;{}=]*\)\s*;", code, re.M):
        name = match.group(1)
        reached, fresh = set(), set(calls.get(name, ())) & set(calls)
        while fresh:
            reached |= fresh
            fresh = set().union(*(calls[each] for each in fresh)) & set(calls) - reached
        if name not in reached:
            yield f"{path}: {name} is declared before it is written; move it up"


def header_guard(path, text):
    """A header is guarded by its own path."""
    if not path.endswith(".h") or path.startswith("tests/"):
        return
    guard = re.sub(r"\W", "_", path).upper()
    if not re.search(rf"^#ifndef {guard}\n#define {guard}\n", text, re.M):
        yield f"{path}: its guard is not {guard}"


# ---- any text ----

def spdx(path, text):
    """The licence stands in the first line (the second after #!)."""
    lines = text.split("\n")
    first = lines[1] if lines[0].startswith("#!") and len(lines) > 1 else lines[0]
    if "SPDX-License-Identifier: BSD-2-Clause" not in first:
        yield f"{path}: does not begin with its licence"


def columns(path, text):
    """Lines wider than a page, tabs counted as eight."""
    for number, line in enumerate(text.split("\n"), 1):
        width = len(line.expandtabs(8))
        if width > LINE_COLUMNS:
            yield f"{path}:{number}: {width} columns, more than {LINE_COLUMNS}"


def whitespace(path, text):
    """Tabs indent C and shell, spaces Python; no blanks at the ends of lines."""
    tabbed = path.endswith((".c", ".h", ".sh"))
    if path.endswith(".py"):   # Lua in a string is Lua
        text = re.sub(r'""".*?"""', lambda quoted: '""' + "\n" * quoted.group().count("\n"), text,
                      flags=re.S)
    for number, line in enumerate(text.split("\n"), 1):
        if line != line.rstrip():
            yield f"{path}:{number}: ends in white space"
        if tabbed and re.match(r" {2,}[^\s\\]", line):
            yield f"{path}:{number}: indented by spaces"
        if path.endswith(".py") and "\t" in line:
            yield f"{path}:{number}: holds a tab"
    if not text.endswith("\n") or text.endswith("\n\n"):
        yield f"{path}: does not end in one newline"


# Written in pieces, so that this file passes its own rule.
UNFIT = [
    (r"\b(TO" r"DO|FIX" r"ME|HA" r"CK)\b|\bXX" r"X\b[: ]", "unfinished"),
    (r"/wo" r"rk/|/ho" r"me/\w|/ro" r"ot/", "a path of one machine"),
    (r"(?i)\b(this|coding|each) se" r"ssion\b|\bcoding ag" r"ent\b|\bcolleag" r"ue",
     "not about mbkit"),
    (r"https?://[\w.]*\b(deb\.deb" r"ian|pypi|registry\.npm|crates)\b", "a registry's host"),
]


def unfit(path, text):
    """Words that are not about the project."""
    for number, line in enumerate(text.split("\n"), 1):
        for pattern, why in UNFIT:
            match = re.search(pattern, line)
            if match:
                yield f"{path}:{number}: {match.group(0)!r}: {why}"


# A source or document in a comment; NAME.c and the like stand for any.
NAMED = re.compile(r"(?<![\w/.-])((?:[a-z_]+/)*[a-z][a-z0-9_-]*\.(?:c|h|md|py))\b")


def named(path, text, files):
    """Files that a comment names and nobody finds; those of build/ are made."""
    if not path.endswith((".c", ".h", ".lua")):
        return
    comments = r"--[^\n]*" if path.endswith(".lua") else r"/\*.*?\*/"
    for match in re.finditer(comments, text, re.S):
        for name in NAMED.findall(match.group()):
            if not name.startswith("build/") and \
                    not any(file == name or file.endswith("/" + name) for file in files):
                yield f"{path}: names {name}, which is not there"


def wording(path, text):
    """In code it is a packet, whole words, as doc/style.md settles."""
    for number, line in enumerate(code_of(text).split("\n"), 1):
        match = re.search(r"\b\w*_?(pkt|pkts|skb|mbuf)(_\w*)?\b", line)
        if match and not re.search(r"#\s*include", line):
            yield f"{path}:{number}: {match.group(0)}: it is called packet"


# ---- objects ----

OBJDUMP = re.compile(r"^[0-9a-f]+ (.{7}) (\S+)\s+([0-9a-f]+)\s+(?:\.hidden )?(\S+)$", re.M)


def globals_of(name, table):
    """Variables that can be written, in the symbol table (objdump -t) of one object."""
    for match in OBJDUMP.finditer(table):
        flags, section, size, symbol = match.groups()
        writable = re.match(r"(\.data|\.bss|\.tdata|\.tbss|\*COM\*)(?!\.rel\.ro)", section)
        if writable and ("O" in flags or section[1] == "t") and int(size, 16) > 0:
            yield f"{name}: {symbol} is a variable outside every function ({section})"
