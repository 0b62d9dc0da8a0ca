# SPDX-License-Identifier: GPL-2.0-or-later
"""The rows of bench/uintr: what is compared with what, and the targets."""
from report import AtMost, NotAbove, RateAtLeast, Reported, Row, Within
from uintr_runs import APICS, IPI, PAIRS, SELF_IPI, SELF_UI, UI

NAMES = {"stock": "stock", "off": "patched, off", "on": "patched"}

# Text, base, measured, target. A figure is how it waits, who runs it, what is measured.
TIMES = [
    ("UI round trip, two threads, NOP",
     ("nop", "stock", IPI), ("nop", "on", UI), AtMost(0.5)),
    ("UI round trip, two threads, PAUSE, against NOP",
     ("nop", "on", UI), ("pause", "on", UI), AtMost(1.5)),
    ("UI round trip, two threads, PAUSE",
     ("pause", "stock", IPI), ("pause", "on", UI), Reported()),
    ("UI round trip, one thread",
     ("single", "stock", IPI), ("single", "on", UI), AtMost(0.7)),
    ("UI to itself, two threads",
     ("nop", "stock", SELF_IPI), ("nop", "on", SELF_UI), AtMost(0.5)),
    ("UI to itself, one thread",
     ("single", "stock", SELF_IPI), ("single", "on", SELF_UI), AtMost(0.5)),
    ("two pairs against one, PAUSE",
     ("pairs-pause", "on", UI), ("pairs-pause", "on", PAIRS), RateAtLeast(0.8)),
    ("two pairs against one, NOP",
     ("pairs-nop", "on", UI), ("pairs-nop", "on", PAIRS), Reported(rate=True)),
    ("UI with the big lock, two threads, NOP",
     ("nop", "stock", IPI), ("locked", "on", UI), Reported()),
    ("UI without it, against with it",
     ("locked", "on", UI), ("nop", "on", UI), Reported()),
    ("IPI round trip, two threads, PAUSE",
     ("pause", "stock", IPI), ("pause", "on", IPI), Reported()),
    ("IPI round trip, two threads, NOP",
     ("nop", "stock", IPI), ("nop", "on", IPI), Reported()),
    ("IPI round trip, one thread",
     ("single", "stock", IPI), ("single", "on", IPI), Reported()),
]

XAPIC = [
    ("UI round trip, two threads, NOP", ("nop", "on", UI)),
    ("UI round trip, two threads, PAUSE", ("pause", "on", UI)),
    ("UI round trip, one thread", ("single", "on", UI)),
    ("UI to itself, one thread", ("single", "on", SELF_UI)),
    ("two pairs, PAUSE", ("pairs-pause", "on", PAIRS)),
]

COUNTS = [
    ("UI round trip, one thread", (IPI, "stock"), (UI, "on"), AtMost(0.7)),
    ("UI to itself, one thread", (SELF_IPI, "stock"), (SELF_UI, "on"), AtMost(0.5)),
    ("IPI round trip, one thread", (IPI, "stock"), (IPI, "on"), Reported()),
    ("IPI to itself, one thread", (SELF_IPI, "stock"), (SELF_IPI, "on"), Reported()),
]


def figure_name(side, figure):
    return f"{NAMES[side]} {'IPI' if figure in (IPI, SELF_IPI) else 'UI'}"


def time_row(what, apics, base, new, bound):
    names = [figure_name(side, figure) for _, side, figure in (base, new)]
    keys = [(wait, apic, side, figure)
            for apic, (wait, side, figure) in zip(apics, (base, new))]
    return Row(what, names[0], keys[0], names[1], keys[1], bound, "ns")


def floor(lines):
    """How much of a stock round trip goes into the way between two processors of this host."""
    return Row(f"the host alone: two threads, {lines} cache lines in each direction",
               "stock IPI", ("nop", "x2apic", "stock", IPI), "plain C",
               ("host", f"lines-{lines}"), Reported(), "ns")


def times():
    rows = [time_row(f"{what}, {apic}", (apic, apic), base, new, bound)
            for apic in APICS for what, base, new, bound in TIMES]
    rows += [time_row(what + ", xapic against x2apic", ("x2apic", "xapic"), figure, figure,
                      AtMost(1.1)) for what, figure in XAPIC]
    rows += [floor(lines) for lines in (1, 2, 4)]
    return rows + ordinary("computing", ("compute",), "cpu", "CPU s", Reported(), Reported())


def computing():
    """What a noisy host says of CPU time does not decide about one in a hundred."""
    return ordinary("computing", ("compute",), "instructions", "instructions", Reported())


def counts():
    rows = []
    for apic in APICS:
        for what, base, new, bound in COUNTS:
            keys = [(test, apic, side, "instructions") for test, side in (base, new)]
            rows.append(Row(f"{what}, {apic}", figure_name(*base[::-1]), keys[0],
                            figure_name(*new[::-1]), keys[1], bound, "instructions"))
    return rows + computing()


def boots():
    return [row for cpus in ("1", "2") for row in ordinary(
        f"Linux boot, -smp {cpus}", ("boot", cpus), "cpu", "CPU s", AtMost(1.03), NotAbove(0.01))]


def disks():
    """Against the stock QEMU, on the same image."""
    return [Row(f"Debian disk to login, -smp 4, {NAMES[side]}", "stock", ("disk", "stock", figure),
                NAMES[side], ("disk", side, figure), AtMost(1.05), unit)
            for side in ("off", "on") for figure, unit in (("cpu", "CPU s"), ("wall", "s"))]


def inside():
    """Blocked receivers against a spinning user interrupt, then like against like."""
    spin, block = "uintr, spinning", "uintr, blocked"
    pairs = [("eventfd, blocked", spin, AtMost(0.2)), ("pipe", spin, Reported()),
             ("signal", spin, Reported()), ("futex", spin, Reported()),
             ("eventfd, spinning", spin, Reported()), ("eventfd, blocked", block, Reported())]
    return [Row(f"inside Linux, {apic}, two vCPUs, there and back", base, ("inside", apic, base),
                new, ("inside", apic, new), bound, "ns")
            for apic in APICS for base, new, bound in pairs]


def boot_counts():
    return ordinary("Linux boot, icount, -smp 2", ("boot", "2"), "instructions", "instructions",
                    AtMost(1.03), NotAbove(0.01))


def ordinary(what, key, figure, unit, bound_on, bound_off=Within(0.01)):
    """A guest that uses no user interrupts; then what it costs to have them switched on."""
    stock, off, on = ((*key, side, figure) for side in ("stock", "off", "on"))
    return [Row(what, "stock", stock, "patched, off", off, bound_off, unit),
            Row(what + ", switched on", "patched, off", off, "patched, on", on, bound_on, unit)]
