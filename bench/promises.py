# SPDX-License-Identifier: GPL-2.0-or-later
"""What is promised besides ratios to the stock QEMU: partitions, first tasks, context switches, the
hunt, and what a user interrupt adds to a forwarded call."""
import functools
import os
import re
import tempfile

import measure
import qmp
from guestrun import ROOT
from measure import Case, Failure
from partition_runs import LIMITS, Lab, start_partition
from report import AtMost, Over, Row, Under
from uintr_runs import UI
from wider import FORWARD_SECONDS
from starting import start

HUNT = os.path.join(ROOT, "scripts/hunt")
# Nothing is lost there, so that all its seeds are tried.
TWIN = os.path.join(ROOT, "build/guests/buggy/no_rearm_fixed.bin")
HUNT_SECONDS, SEEDS = 5, 50
FIRST_TASKS = 200               # milliseconds
# RT is told of each reply, or only while it sleeps, which is its own policy (F44).
TOLD = "uipi", "uipi-asleep"


def partition(qemu):
    try:
        with tempfile.TemporaryDirectory() as folder:
            return start_partition(Lab(qemu, folder))
    except qmp.Error as error:
        raise Failure(str(error)) from error


def first_tasks(form, qemu):
    times = start(form, qemu)
    if not times:
        raise Failure("a guest has not come to its first task")
    return {"ms": times[1][0]}


def seeds_in_a_second(seconds, qemu):
    output, _ = measure.run([HUNT, TWIN, "--qemu", qemu, "--seconds", str(seconds)],
                            FORWARD_SECONDS, passes=0)
    tried = re.search(r"nothing found in (\d+) seeds, ([\d.]+) s", output)
    if not tried:
        raise Failure("hunt does not say how many seeds it has tried")
    return {"seeds": int(tried[1]) / float(tried[2])}


def cases(runs, trial):
    qemu = runs.emulators["on"]
    switch = runs.command("xsave_speed", "on", 1, "mttcg", "x2apic", "at-most=1000000" +
                          " n=200 turns=2" * trial)
    return [Case(("partition",), functools.partial(partition, qemu)),
            *[Case(("first-tasks", form), functools.partial(first_tasks, form, qemu))
              for form in ("one", "two")],
            Case(("switch",), functools.partial(measure.results, switch)),
            Case(("hunt",), functools.partial(seeds_in_a_second, 1 if trial else HUNT_SECONDS,
                                              qemu))]


def less_poll(samples):
    """What it costs to be told: a call by user interrupts less one whose both sides only look."""
    def median(mode, n):
        return samples.of(("forward", "one", f"forward-{mode}-p50"))[n]

    for mode in TOLD:
        for n, ticks in enumerate(samples.of(("host", "ticks-per-us"))):
            if None not in (ticks, median(mode, n), median("poll", n)):
                samples.figures[("told", mode)][n] = \
                    (median(mode, n) - median("poll", n)) * 1000 / ticks


def rows():
    def alone(what, key, bound, unit):
        return Row(what, "the promise", None, "patched", key, bound, unit)

    forms = {"one": "one process", "two": "two processes"}
    return [*(alone(f"a partition's {what}, from the monitor's command", ("partition", what),
                    Under(LIMITS[what]), "ms") for what in ("start", "restart")),
            *(alone(f"both guests at their first task, {text}", ("first-tasks", form, "ms"),
                    Under(FIRST_TASKS), "ms") for form, text in forms.items()),
            Row("context switch of x87, SSE, AVX", "without UINTR: XSAVE, XRSTOR",
                ("switch", "xsave-xrstor-ticks"), "with it: XSAVES, XRSTORS",
                ("switch", "xsaves-xrstors-ticks"), AtMost(1.5), "ticks"),
            *(Row("what user interrupts add to a forwarded call of `poll`", "UI round trip",
                  ("nop", "xapic", "on", UI), f"{mode} less poll", ("told", mode), AtMost(1.5), "ns")
              for mode in TOLD),
            alone("hunt, seeds in a second", ("hunt", "seeds"), Over(SEEDS), "1/s")]
