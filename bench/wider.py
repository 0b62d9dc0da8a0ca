# SPDX-License-Identifier: GPL-2.0-or-later
"""What else bench/uintr measures in the same run: one way, links, forwarded calls, growth."""
import functools
import os
import re
import sys

import links
import measure
from guestrun import ACCELS, PASS, ROOT
from measure import Case, Failure
from report import AtMost, RateAtLeast, Reported, Row

sys.path.append(os.path.join(ROOT, "tests/forward"))
from machines import World  # noqa: E402  the path above leads to it

# ---- one way, with both ways of waiting ----

# How both wait, and whether each vCPU has a host thread.
WAYS = {"nop": ("nop", "mttcg"), "pause": ("pause", "mttcg"), "single": ("pause", "single")}


def one_way(runs, trial):
    for name, (wait, accel) in WAYS.items():
        for side in ("stock", "on"):
            cmd = runs.command("one_way", side, 2, accel, "x2apic",
                               f"wait={wait} n={200 if trial else 3000}")
            yield Case(("one-way", name, side), functools.partial(measure.results, cmd))


def one_way_rows():
    threads = {"mttcg": "two threads", "single": "one thread"}
    return [Row(f"UI one way, {threads[accel]}, {wait.upper()}", "stock IPI",
                ("one-way", name, "stock", "irq-one-way"), "patched UI",
                ("one-way", name, "on", "ui-one-way"), Reported(), "ns")
            for name, (wait, accel) in WAYS.items()]


# ---- what it costs as it grows ----

MANY = "upids=64", "upids=4096"
LEDGERS = "history=1024", "history=1048576"
ENDPOINTS = 8                   # pairs, with global APIC IDs of their own each


def pairs_of_endpoints(n):
    words = []
    for i in range(n):
        first = 0x40 + 4 * i
        for name, peer, ids in ((f"a{i}", "", first), (f"b{i}", f",peer=a{i}", first + 2)):
            words += ["-device", f"virtio-uintr-mailbox-pci,id={name}{peer},apic-first={ids},"
                                 "apic-count=2"]
    return words


def growth(runs, trial):
    def case(name, smp, more, payload="speed", n=10000, args="only=ui-round-trip wait=nop",
             side="on"):
        cmd = runs.command(payload, side, smp, "mttcg", "x2apic", f"{args} n={200 if trial else n}")
        return Case(("grows", name), functools.partial(measure.results, cmd + more))

    for smp in (2, 4, 8):
        yield case(f"smp={smp}", smp, [])
        yield case(f"stock, smp={smp}", smp, [], args="only=irq-round-trip wait=nop", side="stock")
    for upids in ("upids=1",) + MANY:
        count = int(upids.split("=")[1])
        yield case(upids, 1, [], "posts", max(400000 // count, 1), upids)
    yield case("endpoints", 2, pairs_of_endpoints(ENDPOINTS))
    for history in LEDGERS:
        yield case(history, 2, ["-object", f"uintr-ledger,id=l,{history}"])


def growth_rows():
    def row(what, base, new, figure, bound=Reported()):
        return Row(what, base, ("grows", base, figure), new, ("grows", new, figure), bound, "ns")

    trip = "ui-round-trip"
    def beside_stock(smp):
        return Row(f"UI round trip beside {smp - 2} vCPUs that sleep", "stock IPI",
                   ("grows", f"stock, smp={smp}", "irq-round-trip"), "patched UI",
                   ("grows", f"smp={smp}", trip), Reported(), "ns")

    return [*(beside_stock(smp) for smp in (4, 8)),
            *(row(f"UI round trip, {smp} vCPUs", "smp=2", f"smp={smp}", trip) for smp in (4, 8)),
            *(row("a post that notifies nobody, each to another UPID", "upids=1", upids, "post")
              for upids in MANY),
            row(f"UI round trip beside {2 * ENDPOINTS} endpoints", "smp=2", "endpoints", trip),
            row("UI round trip with a ledger", "smp=2", LEDGERS[0], trip, AtMost(1.5)),
            row("the same with 1024 times its entries", LEDGERS[0], LEDGERS[1], trip)]


# ---- links between two processes ----

DEVICES = "mailbox", "ivshmem"
# More words for either side's command line.
BESIDE = {f"{2 * ENDPOINTS} idle endpoints on each side": [pairs_of_endpoints(ENDPOINTS)] * 2,
          "a peer of 2 GiB instead of 64 MiB": [[], ["-m", "2048"]]}


def link_cases(runs, trial):
    n, messages = (200, 640) if trial else (5000, 32000)
    for device in DEVICES:
        yield Case(("link", device), functools.partial(
            links.take, device, f"device={device} n={n} messages={messages}",
            runs.emulators["on"]))
    for name, more in BESIDE.items():
        yield Case(("link", name), functools.partial(
            links.take, "mailbox", f"device=mailbox n={n} messages={messages}",
            runs.emulators["on"], more))


def link_rows():
    ours, theirs = ("link", "mailbox"), ("link", "ivshmem")
    return [Row("doorbell round trip, two processes", "ivshmem", (*theirs, "trip"), "mailbox",
                (*ours, "trip"), AtMost(1.1), "ticks"),
            *(Row(f"{what}, {name}", "mailbox", (*ours, figure), "mailbox",
                  ("link", name, figure), AtMost(1.1), "ticks") for name in BESIDE
              for what, figure in (("doorbell round trip", "trip"),
                                   ("message in a batch", "message"))),
            Row("message in a batch of 32 against a doorbell", "ivshmem", (*theirs, "trip"),
                "mailbox", (*ours, "message"), RateAtLeast(5), "ticks"),
            Row("message in a batch against one alone", "mailbox", (*ours, "single"), "mailbox",
                (*ours, "message"), Reported(), "ticks")]


# ---- forwarded calls ----

SPEED = os.path.join(ROOT, "build/tests/forward/speed.elf")
FORWARD_SECONDS = 120


def forward(form, calls, qemu):
    """Medians of a null call in each mode; the modes take turns in one run."""
    world = World(SPEED, f"accel=mttcg n={calls}" + " two=1" * (form == "two"), ACCELS["mttcg"],
                  qemu=qemu)
    try:
        if form == "two":
            world.start_gp()
        rt = world.start_rt() if form == "two" else world.start_one()
        if world.wait(rt, FORWARD_SECONDS) != PASS:
            raise Failure("forwarding: " + " | ".join(world.read("rt.log").splitlines()[-3:]))
        return {name: float(number) for name, number in
                re.findall(r"^RESULT (\S+-p50) (\d+)$", world.read("rt.log"), re.M)}
    finally:
        world.close()


def forward_cases(runs, trial):
    for form in ("one", "two"):
        yield Case(("forward", form), functools.partial(forward, form, 50 if trial else 500,
                                                     runs.emulators["on"]))


def forward_rows():
    def row(form, base, new, bound):
        keys = [("forward", form, f"forward-{mode}-p50") for mode in (base, new)]
        processes = {"one": "one process", "two": "two processes"}[form]
        return Row(f"forwarded null call, {processes}", base, keys[0], new, keys[1], bound, "ticks")

    return [row("one", "ipi", "uipi", AtMost(0.8)), row("one", "irq", "uipi", AtMost(0.8)),
            row("one", "ipi", "uipi-asleep", AtMost(0.8)), row("one", "ipi", "posted", Reported()),
            row("one", "uipi", "poll", Reported()), row("two", "irq", "uipi", AtMost(0.8)),
            row("two", "irq", "posted", Reported()), row("two", "uipi", "poll", Reported())]


def cases(runs, trial):
    return [*one_way(runs, trial), *growth(runs, trial), *link_cases(runs, trial),
            *forward_cases(runs, trial)]


def rows():
    return [*one_way_rows(), *link_rows(), *forward_rows(), *growth_rows()]
