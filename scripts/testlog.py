# SPDX-License-Identifier: GPL-2.0-or-later
"""What meson knows of the tests: their list, and in its testlog.json the results: the TAP lines of
each test, or the test as a whole."""
import collections
import json
import os
import re

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(TOP, "build")
CACHE = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
MESON = os.path.join(CACHE, "farbell/meson/meson")

TAP = re.compile(r"(not )?ok\b *\d* *(?:- )?(.*?)(?: *# *skip\S* *(.*))?$", re.I)
NO_REASON = "no reason given"
Result = collections.namedtuple("Result", "state tier test name reason")


def tests():
    with open(os.path.join(BUILD, "meson-info/intro-tests.json")) as f:
        return json.load(f)


def whole_test(entry, bad):
    why = re.search(r"^1\.\.0 *# *skip\S* *(.*)$", entry["stdout"], re.I | re.M)
    state = "failed" if bad else "skipped" if entry["result"] == "SKIP" else "passed"
    reason = why[1] if why else "%s, status %s" % (entry["result"], entry["returncode"])
    return state, "(as a whole)", reason


def parts(entry):
    """(state, name, reason) of each TAP line; a test that ended badly has at least one failure."""
    bad = entry["result"] in ("FAIL", "ERROR", "TIMEOUT", "INTERRUPT", "UNEXPECTEDPASS")
    lines = [line for line in map(TAP.match, entry["stdout"].splitlines()) if line]
    for line in lines:
        state = "failed" if line[1] else "passed" if line[3] is None else "skipped"
        yield state, line[2], line[3] or NO_REASON
    if not lines or (bad and not any(line[1] for line in lines)):
        yield whole_test(entry, bad)


def read(path):
    if not os.path.exists(path):
        return
    with open(path) as f:
        for line in f:
            entry = json.loads(line)
            tier, _, test = entry["name"].rpartition(" / ")
            tier = tier.split(":")[-1].split("+")[0]
            for state, name, reason in parts(entry):
                yield Result(state, tier, test, name, reason)
