# SPDX-License-Identifier: GPL-2.0-or-later
"""Take samples of several emulators in turn: guests' own figures, CPU time, host instructions."""
import collections
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from typing import Callable, NamedTuple

from guestrun import PASS, VERDICTS


class Failure(Exception):
    """A run that gave no figure."""


class Case(NamedTuple):
    """key: what was run by whom; take: run it once, for figures by name; every: in each so manieth round."""
    key: tuple
    take: Callable[[], dict]
    every: int = 1


def run(cmd, seconds, passes=PASS):
    """Output and CPU seconds of what ends with that status: a guest's verdict, if not told."""
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=subprocess.STDOUT)
        limit = threading.Timer(seconds, process.kill)
        limit.start()
        _, status, usage = os.wait4(process.pid, 0)
        limit.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        output = out.read().decode(errors="replace")
    if process.returncode != passes:
        why = VERDICTS.get(process.returncode, f"status {process.returncode}")
        raise Failure(f"{why}: {' | '.join(output.splitlines()[-3:])}")
    return output, usage.ru_utime + usage.ru_stime


def results(cmd, seconds=60, passes=PASS):
    """What the payload itself measured: its lines "RESULT name number"."""
    output, _ = run(cmd, seconds, passes)
    return {name: float(number)
            for name, number in re.findall(r"^RESULT (\S+) ([\d.]+)$", output, re.M)}


def cpu_time(cmd, seconds=300):
    """User and system time of the emulator: on a busy host it varies less than the clock."""
    return {"cpu": run(cmd, seconds)[1]}


def count(cmd, seconds=3600):
    """Instructions that the host executes for it, in user mode."""
    if not shutil.which("valgrind"):
        raise Failure("valgrind is not installed")
    output, _ = run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *cmd],
                    seconds)
    return {"instructions": int(re.search(r"Collected : (\d+)", output)[1])}


def count_round(command, rounds):
    """For one round more. command(n): with n rounds. The start cancels out, unless a vCPU had to
    wait there, so take the median of several."""
    more, less = (count(command(n))["instructions"] for n in (2 * rounds, rounds))
    return {"instructions": (more - less) / rounds}


class Samples:
    """Figures by case and name, one of each round, None where the run failed."""

    def __init__(self):
        self.rounds = 0
        self.failures = []
        self.figures = collections.defaultdict(dict)

    def take(self, case):
        try:
            for name, figure in case.take().items():
                self.figures[(*case.key, name)][self.rounds] = figure
        except Failure as failure:
            self.failures.append(f"{' '.join(case.key)}: {failure}")

    def of(self, key):
        return [self.figures[key].get(n) for n in range(self.rounds)]


def interleave(cases, rounds, minutes, tell):
    """All cases in turn, and in the next round backwards, so that a host that grows slower is
    slower for both sides. Stops early rather than begin a round that would not end in time."""
    samples = Samples()
    start, spent, longest = time.monotonic(), 0, 0
    while samples.rounds < rounds and spent + longest <= 60 * minutes:
        for case in cases[::-1] if samples.rounds % 2 else cases:
            if samples.rounds % case.every == 0:
                samples.take(case)
        samples.rounds += 1
        before, spent = spent, time.monotonic() - start
        longest = max(longest, spent - before)
        tell(f"round {samples.rounds} of {rounds}, {spent:.0f} s")
    return samples
