# SPDX-License-Identifier: BSD-2-Clause
"""Setting up and installing: what install.sh says and does where packages are missing, what the
generators make, and what make install puts where."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from conftest import ENVIRONMENT, run_program

TOP = pathlib.Path(__file__).resolve().parent.parent
SCRIPTS = TOP / "scripts"

# Stand-ins for the system's programs: some packages are there, apt-get writes down what it is told.
STUBS = {
    "dpkg-query": 'case " $HAVE " in *" $4 "*) echo "installed " ;; *) exit 1 ;; esac',
    "apt-get": 'echo "$@" >> "$NOTES"; [ -z "$BROKEN" ] || { echo "no network"; exit 100; }',
    "id": 'echo "$MYSELF"',
}


@pytest.fixture
def setup(tmp_path):
    """setup("build", have=…, myself=0) -> (status, stderr, what apt-get was told)."""
    def run(*groups, have="", myself=0, broken="", stubs=tuple(STUBS)):
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        for name in stubs:
            (folder / name).write_text(f"#!/bin/sh\n{STUBS[name]}\n")
            (folder / name).chmod(0o755)
        for name in ("sh", "cat", "rm", "mktemp"):
            if not (folder / name).exists():
                (folder / name).symlink_to(f"/bin/{name}")
        notes = tmp_path / "notes"
        notes.write_text("")
        done = subprocess.run(
            ["sh", SCRIPTS / "install.sh", *groups], capture_output=True, text=True, check=False,
            env={"PATH": str(folder), "HAVE": have, "MYSELF": str(myself), "BROKEN": broken,
                 "NOTES": str(notes)})
        return done.returncode, done.stderr, notes.read_text()
    return run


BUILD = " ".join(re.search(r"^build='([^']*)'", (SCRIPTS / "install.sh").read_text(),
                           re.M).group(1).split())


def test_nothing_missing_installs_nothing(setup):
    assert setup("build", have=BUILD) == (0, "", "")


def test_root_installs_only_what_is_missing(setup):
    status, _, told = setup("build", have=BUILD.replace("gcc ", "").replace("libssl-dev ", ""))
    assert status == 0
    assert told == "-qq -y --no-install-recommends install gcc libssl-dev\n"


def test_others_are_told_one_line_to_type(setup):
    status, text, told = setup("build", have=BUILD.replace("gcc ", ""), myself=1000)
    assert (status, told) == (2, "")
    assert text == "Packages are missing; type: sudo apt-get install gcc\n"


def test_lists_are_fetched_only_when_that_fails(setup):
    status, text, told = setup("build", have=BUILD.replace("gcc ", ""), broken="yes")
    assert status == 2 and "could not install gcc" in text
    assert [line.split()[3] for line in told.splitlines()] == ["install", "update"]


def test_off_debian_it_names_the_packages(setup):
    status, text, told = setup("build", stubs=("id",))
    assert (status, told) == (2, "")
    assert text.startswith("This is not Debian;") and BUILD in text and text.count("\n") == 1


def test_unknown_group(setup):
    assert setup("nonsense")[0] == 2


def test_box_list_is_a_listing():
    run = run_program("sh", SCRIPTS / "box_list.sh", "nat", "mss_clamp")
    assert "extern const struct box_type box_type_mss_clamp;\n" in run.out
    assert '{ "nat", &box_type_nat },\n' in run.out
    assert '{ "mss-clamp", &box_type_mss_clamp },\n' in run.out


def test_lua_files_are_embedded_byte_by_byte(tmp_path):
    content = bytes(range(256)) + b"\nreturn 1\n"
    (tmp_path / "a.lua").write_bytes(content)
    (tmp_path / "empty.lua").write_bytes(b"")
    table = run_program("sh", SCRIPTS / "embed_lua.sh", "a.lua", "empty.lua", cwd=tmp_path).out
    main = ('#include <stdio.h>\nint main(void) { fwrite(lua_files[0].text, 1, '
            'lua_files[0].length, stdout); return lua_files[1].length != 0 '
            '|| lua_files[2].path != 0; }\n')
    run = run_program("gcc", "-I.", "-xc", "-", "-o", tmp_path / "a.out", input=table + main)
    assert run.status == 0, run
    run = run_program(tmp_path / "a.out", text=False)
    assert run.status == 0 and run.out == content


# Others run the same programs meanwhile: these are packed as they are, not built anew for speed.
AS_BUILT = ENVIRONMENT | {"LTO": ""}


def test_make_install_puts_things_in_place(release_dir, tmp_path):
    done = subprocess.run(
        ["make", "install", f"B={os.path.relpath(release_dir, TOP)}", f"DESTDIR={tmp_path}",
         "PREFIX=/usr"], cwd=TOP, capture_output=True, text=True, check=False, env=AS_BUILT)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "usr/share/man/man1/mbtest.1").is_file()
    assert (tmp_path / "usr/share/mbkit/lua/suites/classic.lua").is_file()
    assert (tmp_path / "usr/share/mbkit/scripts/paths/strip.lua").is_file()
    for name in ("mbtest", "mpprobe", "tracebox"):
        assert (tmp_path / f"usr/share/bash-completion/completions/{name}").is_file()
        assert (tmp_path / f"usr/share/man/man1/{name}.1").is_file()
        run = run_program(tmp_path / "usr/bin" / name, "--help", cwd=tmp_path)
        assert run.status == 0 and name in run.out


@pytest.mark.parametrize("typed, offered", [
    (["mbtest", "ru"], ["run"]),
    (["mbtest", "run", "--onl"], ["--only"]),
    (["mbtest", "run", "--client", "k"], ["kernel"]),
    (["mbtest", "run", "clas"], ["classic"]),
    (["mbtest", "run", "--fault", "deliver-u"], ["deliver-unmapped"]),
    (["mbtest", "run", "--seed", "''"], []),
    (["mbtest", "box", "--fail", "o"], ["open"]),
    (["mbtest", "box", "--in", "l"], ["lo"]),
    (["mbtest", "nosuch", "--"], []),
    (["mbtest", "list", "ru"], ["rules"]),
    (["mpprobe", "an"], ["analyze"]),
    (["mpprobe", "analyze", "--js"], ["--json"]),
    (["tracebox", "--shar"], ["--shard"]),
    (["tracebox", "-i", "l"], ["lo"]),
])
def test_completion_offers(release_dir, typed, offered):
    name = typed[0]
    words = " ".join([str(release_dir / name)] + typed[1:])
    script = (f". scripts/{name}.bash; COMP_WORDS=({words}); COMP_CWORD={len(typed) - 1}; "
              f'complete() {{ :; }}; _{name}; printf "%s\\n" "${{COMPREPLY[@]}}"')
    run = run_program("bash", "-c", script)
    assert run.out.split() == offered and run.err == "", run


@pytest.mark.skipif(shutil.which("dpkg-shlibdeps") is None, reason="dpkg-dev is not installed")
def test_make_deb(release_dir, tmp_path):
    """What make install puts in place, in a package that depends on what the programs load."""
    build = os.path.relpath(release_dir, TOP)
    done = subprocess.run(["sh", "scripts/deb.sh", "0.1.0", build], cwd=TOP, capture_output=True,
                          text=True, check=False, env=AS_BUILT)
    assert done.returncode == 0, done.stderr
    (package,) = [TOP / line for line in done.stdout.splitlines()]
    fields = {name: run_program("dpkg-deb", "--field", package, name).out.strip()
              for name in ("Package", "Version", "Depends", "Architecture")}
    assert (fields["Package"], fields["Version"]) == ("mbkit", "0.1.0")
    assert run_program("dpkg-deb", "--extract", package, tmp_path / "deb").status == 0
    subprocess.run(["make", "install", f"B={build}", f"DESTDIR={tmp_path}/make", "PREFIX=/usr"],
                   cwd=TOP, capture_output=True, check=True, env=AS_BUILT)
    wanted = {str(path.relative_to(tmp_path / "make")) for path in
              (tmp_path / "make").rglob("*") if path.is_file()}
    packed = {str(path.relative_to(tmp_path / "deb")).removesuffix(".gz") for path in
              (tmp_path / "deb").rglob("*") if path.is_file()}
    assert packed == wanted | {"usr/share/doc/mbkit/copyright"}
    loaded = run_program("ldd", tmp_path / "deb/usr/bin/tracebox").out
    for path in re.findall(r"=> (/\S+)", loaded):
        owner = subprocess.run(["dpkg-query", "-S", f"*/{os.path.basename(path)}"], check=True,
                               capture_output=True, text=True).stdout.split(":")[0]
        needed = subprocess.run(["objdump", "-p", release_dir / "tracebox"], check=True,
                                capture_output=True, text=True).stdout
        if f"NEEDED               {os.path.basename(path)}\n" in needed:
            assert re.search(rf"\b{re.escape(owner)}\b", fields["Depends"]), (owner, fields)
    run = run_program(tmp_path / "deb/usr/bin/mpprobe", "--version", cwd=tmp_path)
    assert run.out == "mpprobe 0.1.0\n"
    assert not (release_dir / "deb").exists()
