# SPDX-License-Identifier: BSD-2-Clause
"""tracebox on simulated paths: how tests write one, and what they read of a run."""
from conftest import BUILD, run_program

PROBE = "IP/TCP/MSS/SACKP/TS/WSCALE/MPCAPABLE"


def tracebox(*arguments, **options):
    return run_program(BUILD / "tracebox", *arguments, **options)


class Path:
    """A path in the words of path files: hops of given quotes, boxes in front of some."""

    def __init__(self, folder, quotes, server="mptcp"):
        self.folder = folder
        self.quotes = quotes
        self.server = server
        self.boxes = {}

    def box(self, before, text):
        self.boxes.setdefault(before, []).append(text)
        return self

    def field(self, before, field, value):
        return self.box(before, f'box_file("{self.folder}/set_field.lua") '
                                f'{{ field = "{field}", value = {value} }}')

    def mss(self, before):
        return self.box(before, "box.mss_clamp { value = 1400 }")

    def trace(self, *arguments):
        lines = []
        for number, quote in enumerate(self.quotes, 1):
            lines += self.boxes.get(number, [])
            kind, _, count = quote.partition(":")
            bytes_ = f", quote_bytes = {count}" if count else ""
            lines.append(f'hop {{ quote = "{kind}"{bytes_} }}')
        lines += self.boxes.get(len(self.quotes) + 1, [])
        file = self.folder / "path.lua"
        file.write_text("return path { " + ", ".join(lines) + f', server = "{self.server}" }}\n')
        return tracebox("--sim", file, *arguments)


def found(run):
    """Findings as (field, change, how, after, before, certainty)."""
    assert run.status == 0, run
    return [(f["field"], f["change"], f["how"], f["after"]["ttl"], f["before"]["ttl"],
             f["certainty"]) for f in run.json()["findings"]]
