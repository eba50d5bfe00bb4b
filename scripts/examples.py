#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Run the examples of documents: every `$ command` in a console block, with what it printed below.

Rewrites the blocks with what the commands print now; with --check it changes nothing, prints what
differs and exits 1. Commands run in the top folder, one after another; what they leave in /tmp goes
to a folder of their own.
"""
import argparse
import difflib
import os
import pathlib
import re
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^```console\n(.*?)^```", re.M | re.S)


def printed(command, folder):
    """What a command prints, errors included."""
    done = subprocess.run(["sh", "-c", command.replace("/tmp/", folder + "/")], cwd=TOP,
                          check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=240,
                          env=dict(os.environ, NO_COLOR="1", LC_ALL="C.UTF-8"))
    return done.stdout.decode().replace(folder + "/", "/tmp/")


def renewed(text):
    """The document with its console blocks run again."""
    with tempfile.TemporaryDirectory() as folder:
        def renew(match):
            block = ""
            for line in match.group(1).splitlines():
                if line.startswith("$ "):
                    block += line + "\n" + printed(line[2:], folder)
            return "```console\n" + re.sub(r"[ \t]+$", "", block, flags=re.M) + "```"
        return BLOCK.sub(renew, text)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing")
    parser.add_argument("documents", nargs="+", type=pathlib.Path)
    options = parser.parse_args()
    stale = False
    for document in options.documents:
        old = document.read_text(encoding="utf-8")
        new = renewed(old)
        if new == old:
            continue
        if options.check:
            sys.stdout.writelines(difflib.unified_diff(
                old.splitlines(True), new.splitlines(True), f"{document}", "what it prints"))
            stale = True
        else:
            document.write_text(new, encoding="utf-8")
    sys.exit(1 if stale else 0)


if __name__ == "__main__":
    main()
