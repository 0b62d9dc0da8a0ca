# SPDX-License-Identifier: GPL-2.0-or-later
"""A ledger's report as a trace for Perfetto and chrome://tracing (the Trace Event Format)."""
from timeline_report import DEVICES, handlers_of, in_words, posts_of, who

PROCESS = 1
DEVICE_THREAD = 1000            # there, a thread's number cannot be negative
INSTANT = 0.001                 # one nanosecond: a flow begins and ends in slices


def thread(cpu):
    return DEVICE_THREAD if cpu == DEVICES else cpu


def entry(phase, event, **more):
    return {"ph": phase, "pid": PROCESS, "tid": thread(event["cpu"]),
            "ts": event["time"] / 1000, **more}


def names(events):
    yield {"ph": "M", "pid": PROCESS, "name": "process_name", "args": {"name": "user interrupts"}}
    for cpu in sorted({event["cpu"] for event in events}):
        yield {"ph": "M", "pid": PROCESS, "tid": thread(cpu), "name": "thread_name",
               "args": {"name": who(cpu)}}


def slices(report):
    for _, begin, end in handlers_of(report):
        last = end or report["events"][-1]
        yield entry("X", begin, name=f"handler of vector {begin['vector']}", cat="handler",
                    dur=max(last["time"] - begin["time"], 1) / 1000,
                    args={"what": in_words(report, begin)})
    for event in report["events"]:
        if event["event"] not in ("deliver", "uiret"):
            yield entry("X", event, name=event["event"], cat="event", dur=INSTANT,
                        args={"what": in_words(report, event)})


def flows(posts):
    for number, post in enumerate(posts):
        if post.deliver:
            common = {"name": "user interrupt", "cat": "flow", "id": number}
            yield entry("s", post.event, **common)
            yield entry("t", post.take, **common)
            yield entry("f", post.deliver, bp="e", **common)


def losses(report):
    for number, stall in enumerate(report["stalls"]):
        end = stall.get("over", max(stall["seen"], report["events"][-1]["time"]))
        common = {"pid": PROCESS, "cat": "stall", "id": number, "name": f"stall: {stall['cause']}"}
        yield {"ph": "b", "ts": stall["since"] / 1000, "args": {"what": stall["message"]}, **common}
        yield {"ph": "e", "ts": end / 1000, **common}


def trace(report):
    return {"displayTimeUnit": "ns",
            "traceEvents": [*names(report["events"]), *slices(report), *flows(posts_of(report)),
                            *losses(report)]}
