# SPDX-License-Identifier: GPL-2.0-or-later
"""The way of a forwarded call, out of the ledger's events of one machine: when it came where.

A call begins and ends with a mark of its requester. In between each point is the first event of its
kind, on the CPU that it concerns, behind the point before; a notification that finds another one
under way has none of its own, and its time is then part of the next stage's.
"""
import math
import statistics
from typing import Callable, NamedTuple

# include/farbell/scf.h
ENQUEUED, NOTIFIED, TAKEN, BEGUN, ENDED, REPLIED, WOKEN = range(1, 8)
RT, GP, ANY = "rt", "gp", "any"
NOT_RT, NOT_GP = "not rt", "not gp"     # another CPU's, or a device's: kernels wake themselves, too


class Point(NamedTuple):
    """stage: what ends here. whose: CPU of the event. There are calls without an optional one."""
    stage: str
    whose: str
    found: Callable[[dict], bool]
    optional: bool = False


def mark(number):
    return lambda event: event["event"] == "mark" and event["vector"] == number


def kinds(*names):
    return lambda event: event["event"] in names


def interrupt(vectors):
    return lambda event: event["event"] in ("identify", "to-idt") and event["vector"] in vectors


# guests/scf/link.h: what the two kernels are told by
GP_VECTORS, RT_VECTORS = range(0x60, 0x65), range(41, 44)
POSTS = kinds("post", "post-sent", "ipi", "ring")
ARRIVALS = kinds("arrive", "rung")

POINTS = [
    Point("post", NOT_GP, POSTS, True),
    Point("notify", ANY, ARRIVALS, True),
    Point("identify", GP, interrupt(GP_VECTORS), True),
    Point("deliver", GP, kinds("deliver"), True),
    Point("handler", GP, mark(TAKEN)),
    Point("look up", GP, mark(BEGUN)),
    Point("execute", GP, mark(ENDED)),
    Point("reply", GP, mark(REPLIED)),
    Point("reply post", NOT_RT, POSTS, True),
    Point("reply notify", ANY, ARRIVALS, True),
    Point("reply identify", RT, interrupt(RT_VECTORS), True),
    Point("wake", RT, mark(WOKEN)),
]
BEGIN = mark(ENQUEUED)


SECOND = 64                     # what the CPUs of the second machine are counted from


def merged(first, second):
    """The events of two processes' ledgers by the clock of their host."""
    events = []
    for books, cpus in (first, 0), (second, SECOND):
        events += [{**event, "time": event["time"] + books["host-start"], "cpu": event["cpu"] + cpus}
                   for event in books["events"]]
    return sorted(events, key=lambda event: event["time"])


def calls(events):
    """The events of each call that has an end, with its value; of one process they do not overlap."""
    begun = None
    for i, event in enumerate(events):
        if BEGIN(event):
            begun = i
        elif mark(WOKEN)(event) and begun is not None and events[begun]["value"] == event["value"]:
            yield events[begun:i + 1]
            begun = None


def cpus_of(call):
    """The requester's CPU and the server's, or None if nobody has taken it."""
    taken = [event for event in call if mark(TAKEN)(event) and event["value"] == call[0]["value"]]
    return {RT: call[0]["cpu"], GP: taken[0]["cpu"]} if taken else None


def last_that_must(points, i):
    """Where the search for an optional point ends: at the next one that each call has."""
    return next(point for point in points[i:] if not point.optional)


def concerns(point, event, cpus):
    who = {name for name in cpus if cpus[name] == event["cpu"]}
    return point.whose == ANY or point.whose in who or \
        point.whose in (NOT_RT, NOT_GP) and point.whose[len("not "):] not in who


def find(call, at, point, until, cpus):
    """The index of a point behind `at`, or None: `until` comes first."""
    for i in range(at + 1, len(call)):
        event = call[i]
        if point.found(event) and concerns(point, event, cpus):
            return i
        if until is not point and until.found(event):
            return None
    return None


def stages(call):
    """Nanoseconds of each stage that this call has, or None if it went another way."""
    cpus = cpus_of(call)
    at, now, found = 0, call[0]["time"], {}
    for i, point in enumerate(POINTS):
        index = cpus and find(call, at, point, last_that_must(POINTS, i), cpus)
        if index is not None:
            at, then = index, max(now, call[index]["time"])
            found[point.stage], now = then - now, then
        elif not point.optional:
            return None
    return found


class Row(NamedTuple):
    stage: str
    count: int
    p50: float
    p99: float
    largest: float
    share: float


def row(stage, figures, whole):
    figures = sorted(figures)
    nearly_all = figures[math.ceil(len(figures) * 0.99) - 1]
    return Row(stage, len(figures), statistics.median(figures), nearly_all, figures[-1],
               sum(figures) / whole)


def table(events, first=0, last=0):
    """A row for each stage and one for the whole, of all calls but so many at either end."""
    every = list(calls(events))
    found = [one for one in map(stages, every[first:len(every) - last]) if one]
    totals = [sum(one.values()) for one in found]
    rows = [row(point.stage, [one[point.stage] for one in found if point.stage in one], sum(totals))
            for point in POINTS if any(point.stage in one for one in found)]
    return rows + [row("all", totals, sum(totals))] if found else []
