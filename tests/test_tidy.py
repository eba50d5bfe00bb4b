# SPDX-License-Identifier: BSD-2-Clause
"""The project keeps its house rules (tidy.py), and each rule refuses what it should."""
import pathlib
import subprocess

import pytest

import tidy

TOP = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = ("probe", "tracebox", "mbtest", "lua", "tests", "scripts", "doc", ".ci")


def project_files():
    """Every text file of the project, as a path inside it."""
    files = [path for path in TOP.iterdir() if path.is_file()]
    for folder in FOLDERS:
        files += [path for path in (TOP / folder).rglob("*") if path.is_file()]
    skip = {".pcap", ".pyc", ".bin", ".svg"}
    names = (str(path.relative_to(TOP)) for path in files if path.suffix not in skip)
    return sorted(name for name in names if "tests/data/" not in name
                  and "tests/fuzz/seeds/" not in name and name not in (".git", "bench.json"))


FILES = project_files()
C_FILES = [name for name in FILES if name.endswith((".c", ".h"))]
SOURCES = [name for name in FILES if name.endswith((".c", ".h", ".lua", ".py", ".sh"))]
SCRIPTS = ["Makefile", ".ci/run", ".clang-format"]

RULES = [
    (tidy.arrows, C_FILES),
    (tidy.foreign, C_FILES),
    (tidy.sizes, SOURCES),
    (tidy.banned, C_FILES),
    (tidy.forward_statics, C_FILES),
    (tidy.header_guard, C_FILES),
    (tidy.spdx, SOURCES + ["Makefile", ".ci/run"]),
    (tidy.columns, SOURCES + SCRIPTS),
    (tidy.whitespace, SOURCES),
    (tidy.unfit, FILES),
    (tidy.wording, C_FILES),
]


@pytest.mark.parametrize("rule, files", RULES, ids=[rule.__name__ for rule, _ in RULES])
def test_house_rule(rule, files):
    assert files
    problems = []
    for name in files:
        problems += rule(name, (TOP / name).read_text())
    assert not problems, f"{rule.__doc__}\n" + "\n".join(problems)


def test_named_files_are_there():
    problems = []
    for name in SOURCES:
        problems += tidy.named(name, (TOP / name).read_text(), FILES)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("text, count", [
    ("/* See gone.c and wire/gone.h. */", 2), ("/* See a.h, wire/a.h, command_NAME.c. */", 0),
    ("/* See build/made.c. */\n#include <gone.h>", 0), ("/* a.h (notes.md) */", 1)])
def test_named_files_are_looked_for(text, count):
    assert len(list(tidy.named("x.c", text, ["probe/wire/a.h"]))) == count


def test_no_global_variables(release_dir):
    objects = sorted((release_dir / "obj").rglob("*.o"))
    objects = [path for path in objects if "tests" not in path.relative_to(release_dir).parts]
    assert objects, f"nothing is built in {release_dir}: make check builds it"
    problems = []
    for path in objects:
        table = subprocess.run(["objdump", "-t", path], capture_output=True, text=True, check=True)
        problems += tidy.globals_of(str(path.relative_to(release_dir)), table.stdout)
    assert not problems, "\n".join(problems)


def test_top_level_holds_the_rooms_alone():
    rooms = {"probe", "tracebox", "mbtest", "lua", "scripts", "tests", "doc", "build",
             "Makefile", "README.md", "LICENSE", "bench.json"}
    strangers = [path.name for path in TOP.iterdir()
                 if path.name not in rooms and not path.name.startswith(".")]
    assert strangers == []


# ---- each rule refuses what it should, and lets pass what it should ----

LONG_FUNCTION = "static int f(void)\n{\n" + "\tg();\n" * 59 + "}\n"
FITTING_FUNCTION = "static int f(void)\n{\n" + "\tg();\n" * 58 + "}\n"

REFUSED = [
    (tidy.arrows, "probe/base/a.c", '#include "probe/wire/packet.h"\n'),
    (tidy.arrows, "probe/wire/a.c", '#include "probe/endpoint/key.h"\n'),
    (tidy.arrows, "probe/analyze/a.c", '#include "probe/endpoint/endpoint.h"\n'),
    (tidy.arrows, "mbtest/judge/a.c", '#include "probe/endpoint/key.h"\n'),
    (tidy.arrows, "mbtest/judge/a.c", '#include "mbtest/net/net.h"\n'),
    (tidy.arrows, "mbtest/box/a.c", '#include "mbtest/net/net.h"\n'),
    (tidy.arrows, "mbtest/box/a.c", '#include "probe/endpoint/endpoint.h"\n'),
    (tidy.arrows, "mbtest/suite/a.c", '#include "lua/files.h"\n'),
    (tidy.arrows, "tracebox/a.c", '#include "mbtest/box.h"\n'),
    (tidy.arrows, "mbtest/net/a.c", '#include "tracebox/trace.h"\n'),
    (tidy.arrows, "probe/io/a.c", '#include "mbtest/dir.h"\n'),
    (tidy.arrows, "mbtest/net/a.c", '#include "packet.h"\n'),
    (tidy.arrows, "other/a.c", ""),
    (tidy.foreign, "probe/wire/a.c", "#include <pcap/pcap.h>\n"),
    (tidy.foreign, "mbtest/net/a.c", "#include <libnet.h>\n"),
    (tidy.foreign, "probe/endpoint/conn.c", "#include <openssl/evp.h>\n"),
    (tidy.foreign, "mbtest/main.c", "#include <lua.h>\n"),
    (tidy.foreign, "mbtest/suite/a.c", "#include <jansson.h>\n"),
    (tidy.foreign, "probe/io/a.c", "#include <curl/curl.h>\n"),
    (tidy.foreign, "probe/endpoint/a.c", "#include <time.h>\n"),
    (tidy.foreign, "mbtest/box/a.c", "#include <sys/socket.h>\n"),
    (tidy.sizes, "probe/base/a.c", LONG_FUNCTION),
    (tidy.sizes, "lua/a.lua", "x = 1\n" * 601),
    (tidy.banned, "probe/wire/a.c", "\tx = rand();\n"),
    (tidy.banned, "probe/wire/a.c", "\tx = time(NULL);\n"),
    (tidy.banned, "mbtest/suite/a.c", "\tclock_gettime(CLOCK_MONOTONIC, &t);\n"),
    (tidy.banned, "probe/wire/a.c", "\tstrcpy(a, b);\n"),
    (tidy.banned, "probe/wire/a.c", "\tsprintf(a, b);\n"),
    (tidy.banned, "probe/wire/a.c", '\tprintf("x");\n'),
    (tidy.banned, "probe/wire/a.c", '\tfputs("x", stdout);\n'),
    (tidy.banned, "probe/wire/a.c", "\tp = malloc(3);\n"),
    (tidy.banned, "mbtest/suite/a.c", "\texit(1);\n"),
    (tidy.banned, "probe/analyze/a.c", "\treturn (int32_t)(a->seq - b[1]) < 0;\n"),
    (tidy.forward_statics, "a.c", "static int f(int a);\n\nint g(void)\n{\n\treturn f(1);\n}\n"
     "\nstatic int f(int a)\n{\n\treturn a;\n}\n"),
    (tidy.forward_statics, "a.c", "static int f(int a,\n\tint b);\n"),
    (tidy.header_guard, "probe/base/a.h", "#ifndef A_H\n#define A_H\n#endif\n"),
    (tidy.spdx, "a.c", "#include <stdio.h>\n"),
    (tidy.spdx, "a.sh", "#!/bin/sh\necho\n"),
    (tidy.columns, "a.c", "\t" + "x" * 93 + "\n"),
    (tidy.whitespace, "a.c", "        x = 1;\n"),
    (tidy.whitespace, "a.c", "\tx = 1; \n"),
    (tidy.whitespace, "a.c", "\tx = 1;"),
    (tidy.whitespace, "a.py", "\tx = 1\n"),
    (tidy.unfit, "a.c", "/* TO" "DO */\n"),
    (tidy.unfit, "a.md", "see /wo" "rk/main\n"),
    (tidy.unfit, "a.md", "this se" "ssion\n"),
    (tidy.unfit, "a.md", "from http://deb.deb" "ian.org/\n"),
    (tidy.wording, "a.c", "\tstruct p" "kt *x;\n"),
    (tidy.wording, "a.c", "\tparse_p" "kt(x);\n"),
]

PASSED = [
    (tidy.arrows, "probe/analyze/a.c", '#include "probe/endpoint/key.h"\n'),
    (tidy.arrows, "mbtest/box/a.c", '#include "mbtest/box.h"\n#include "mbtest/dir.h"\n'),
    (tidy.arrows, "mbtest/main.c", '#include "lua/files.h"\n#include "tracebox/trace.h"\n'),
    (tidy.foreign, "probe/io/a.c", "#include <pcap/pcap.h>\n#include <time.h>\n"),
    (tidy.foreign, "mbtest/report_json.c", "#include <jansson.h>\n"),
    (tidy.foreign, "probe/wire/a.c", "#include <uthash.h>\n#include <string.h>\n"),
    (tidy.sizes, "probe/base/a.c", FITTING_FUNCTION),
    (tidy.banned, "probe/wire/a.c", '/* rand() */\n\tx = "printf(";\n\tsnprintf(a, 3, "x");\n'),
    (tidy.banned, "probe/wire/a.c", "\tx = uptime(3) + rng_rand(1) + packet->time;\n"),
    (tidy.banned, "mbtest/report_json.c", '\tprintf("x");\n'),
    (tidy.forward_statics, "a.c", "static int f(int a);\n\nstatic int g(int a)\n{\n\treturn f(a);"
     "\n}\n\nstatic int f(int a)\n{\n\treturn g(a);\n}\n"),
    (tidy.forward_statics, "a.c", "static const int a = f(3);\n\tstatic int b;\n"),
    (tidy.header_guard, "a/b.h", "#ifndef A_B_H\n#define A_B_H\n#endif\n"),
    (tidy.spdx, "a.sh", "#!/bin/sh\n# SPDX-License-Identifier: BSD-2-Clause\n"),
    (tidy.columns, "a.c", "\t" + "x" * 92 + "\n"),
    (tidy.whitespace, "a.c", "\t/*\n\t * x\n\t */\n"),
    (tidy.wording, "a.c", "\tpacket = 1; /* p" "kt */\n"),
]


@pytest.mark.parametrize("rule, name, text", REFUSED)
def test_rule_refuses(rule, name, text):
    assert list(rule(name, text))


@pytest.mark.parametrize("rule, name, text", PASSED)
def test_rule_passes(rule, name, text):
    assert not list(rule(name, text))


@pytest.mark.parametrize("line, found", [
    ("static int counter;", 1),
    ("int counter = 3;", 1),
    ("static _Thread_local int counter;", 1),
    ("int f(void);\nint f(void)\n{\n\tstatic int calls;\n\treturn calls++;\n}", 1),
    ("const int limit = 3;", 0),
    ('extern const char *const names[];\nconst char *const names[] = { "a", "b" };', 0),
    ("int f(void);\nint f(void)\n{\n\treturn 3;\n}", 0),
])
def test_globals_are_found(tmp_path, line, found):
    source = tmp_path / "a.c"
    source.write_text(line + "\nint *use(void);\nint *use(void)\n{\n"
                      + ("\treturn &counter;\n" if " counter" in line else "\treturn 0;\n") + "}\n")
    subprocess.run(["gcc", "-c", "-o", tmp_path / "a.o", source], check=True)
    table = subprocess.run(["objdump", "-t", tmp_path / "a.o"], capture_output=True, text=True,
                           check=True)
    assert len(list(tidy.globals_of("a.o", table.stdout))) == found
