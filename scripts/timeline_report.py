# SPDX-License-Identifier: GPL-2.0-or-later
"""What a ledger's report tells: its events in words, and which post led to which delivery."""
import collections
import json

DEVICES = -1
HINT = "give it the file of -object uintr-ledger,report=FILE, when QEMU has ended"
# Threads write an event down after it has happened: a post may look later than its take.
LATE = 100_000
NUMBERS = {"time": int, "cpu": int, "event": str, "rip": int, "vector": int, "value": int}
ON, SN = 1, 2
PIR_OFFSET = 8


class BadReport(Exception):
    pass


def read(path):
    """The report, or BadReport with a line on what to do."""
    try:
        with open(path, encoding="utf-8") as f:
            report = json.load(f)
    except OSError as error:
        raise BadReport(f"{path}: {error.strerror}: {HINT}") from error
    except UnicodeDecodeError as error:
        raise BadReport(f"{path} is not a report: {HINT}") from error
    except json.JSONDecodeError as error:
        what = "is cut off or empty" if not error.doc[error.pos:].strip() or \
            "Unterminated" in error.msg else "is not JSON"
        raise BadReport(f"{path} {what} (line {error.lineno}): {HINT}") from error
    check(path, report)
    return report


def check(path, report):
    if not isinstance(report, dict) or \
            not all(isinstance(report.get(part), list) for part in ("books", "events", "stalls")):
        raise BadReport(f"{path} has no books, events and stalls: {HINT}")
    for number, upid in enumerate(report["books"]):
        if not isinstance(upid, dict) or not {"number", "vectors", "addresses"} <= upid.keys():
            raise BadReport(f"{path}: book {number} is incomplete: {HINT}")
    for number, event in enumerate(report["events"]):
        for name, kind in NUMBERS.items():
            if not isinstance(event, dict) or not isinstance(event.get(name), kind):
                raise BadReport(f"{path}: event {number} has no '{name}': {HINT}")
    for number, stall in enumerate(report["stalls"]):
        if not isinstance(stall, dict) or \
                not {"cause", "message", "upid", "vectors", "since", "seen"} <= stall.keys():
            raise BadReport(f"{path}: stall {number} is incomplete: {HINT}")
    if not report["events"]:
        raise BadReport(f"{path} has no events: nothing was posted, or it ran without -accel tcg")


def bits(mask):
    return [bit for bit in range(64) if mask >> bit & 1]


# ---- words ----

def who(cpu):
    return "a device" if cpu == DEVICES else f"CPU {cpu}"


def vectors(mask):
    return "vectors " + ", ".join(map(str, bits(mask))) if mask else "nothing"


def clock(ns):
    """To the nanosecond, in ms."""
    return f"{ns // 1_000_000}.{ns % 1_000_000:06d} ms"


def notification(low):
    return f"notification 0x{low >> 16 & 0xff:x}, NDST 0x{low >> 32:x}"


def why_silent(low):
    return "SN is set" if low & SN else "ON is set already" if low & ON else "it cannot be sent"


WORDS = {
    "post-sent": lambda e: f"posts vector {e['vector']} and sends {notification(e['value'])}",
    "post": lambda e: f"posts vector {e['vector']}, no notification: {why_silent(e['value'])}",
    "lost": lambda e: "has sent a notification that reached nobody",
    "dropped": lambda e: "acknowledged a notification and could not process it",
    "attach": lambda e: f"sets IA32_UINTR_PD to 0x{e['value']:x}",
    "quirk": lambda e: f"a fault on request has made a difference (0x{e['value']:x})",
    "ipi": lambda e: f"an IPI with vector 0x{e['vector']:x}",
    "ring": lambda e: f"doorbell {e['vector']} is rung",
    "rung": lambda e: f"doorbell {e['vector']} raises its interrupt",
    "arrive": lambda e: f"notification 0x{e['vector']:x} is in the local APIC {e['value']}",
    "mark": lambda e: f"the guest's mark {e['vector']}, 0x{e['value']:x}",
    "identify": lambda e: f"recognizes notification 0x{e['vector']:x}",
    "to-idt": lambda e: f"interrupt 0x{e['vector']:x} goes to the IDT, UINV is 0x{e['value']:x}",
    "take": lambda e: f"takes {vectors(e['value'])} out of PIR",
    "deliver": lambda e: f"enters the handler for vector {e['vector']}; UIRR has then "
                         + vectors(e["value"]),
    "uiret": lambda e: f"UIRET; UIRR has {vectors(e['value'])}",
    "wrmsr": lambda e: f"WRMSR leaves {vectors(e['value'])} in UIRR",
    "save": lambda e: f"XSAVES with {vectors(e['value'])} in UIRR",
    "restore": lambda e: f"XRSTORS leaves {vectors(e['value'])} in UIRR",
    "wake": lambda e: "is woken",
    "unseen": lambda e: f"{vectors(e['value'])} of PIR or UIRR changed by nobody",
    "store": lambda e: f"stores to offset {e['value']} of the UPID",
}


def address_of(report, number):
    for upid in report["books"]:
        if upid.get("number") == number and upid.get("addresses"):
            return f" at 0x{upid['addresses'][0]:x}"
    return ""


def in_words(report, event):
    """Several lines: who and what, when, where."""
    words = WORDS.get(event["event"], lambda e: f"{e['event']} 0x{e['value']:x}")
    lines = [f"{who(event['cpu'])}: {words(event)}", clock(event["time"])]
    if event["cpu"] != DEVICES:
        lines.append(f"RIP 0x{event['rip']:x}")
    if event.get("upid"):
        lines.append(f"UPID {event['upid']}{address_of(report, event['upid'])}")
    return "\n".join(lines)


# ---- which post led to which delivery ----

class Post:
    """A post with its way: take and delivery if there were any, the stall if it never arrived."""

    def __init__(self, event):
        self.event = event
        self.key = event.get("upid", 0), event["vector"]
        self.take = self.deliver = self.stall = None
        self.coalesced = False
        self.waits = False
        self.why = None         # it waits; of the report's waiting

    @property
    def state(self):
        if self.deliver:
            return "delivered"
        return "lost" if self.stall else "waits" if self.waits else "unknown"

    def in_words(self, report):
        end = {
            "delivered": lambda: ("joins an earlier post; " if self.coalesced else "")
            + f"delivered to CPU {self.deliver['cpu']} after "
            + f"{self.deliver['time'] - self.event['time']} ns",
            "lost": lambda: f"NEVER DELIVERED ({self.stall['cause']}): {self.stall['message']}",
            "waits": lambda: "still waits at the end"
            + (f" ({self.why['cause']}): {self.why['message']}" if self.why else ""),
            "unknown": lambda: "no delivery of it in this history",
        }[self.state]()
        return in_words(report, self.event) + "\n" + end


def taken(queue, time, stored):
    """The posts that a take finds: those before it, or one just written down too late. A store
    to PIR has cleared those before it, if others explain the bit."""
    found = []
    while queue and queue[0].event["time"] <= time:
        found.append(queue.popleft())
    if not found and queue and queue[0].event["time"] <= time + LATE:
        found.append(queue.popleft())
    found = [post for post in found if post.event["time"] > stored] or found
    for post in found[1:]:
        post.coalesced = True
    return found


def follow_events(events, posts):
    in_pir, in_uirr = (collections.defaultdict(collections.deque) for _ in range(2))
    for post in posts:
        in_pir[post.key].append(post)
    stored = {}
    for event in events:
        upid = event.get("upid", 0)
        if event["event"] == "store" and event["value"] >= PIR_OFFSET:
            stored[upid] = event["time"]
        elif event["event"] == "take":
            for vector in bits(event["value"]):
                for post in taken(in_pir[upid, vector], event["time"], stored.get(upid, 0)):
                    post.take = event
                    in_uirr[upid, vector].append(post)
        elif event["event"] == "deliver":
            arrived = in_uirr[upid, event["vector"]]
            while arrived:
                arrived.popleft().deliver = event


def find(stalls, post):
    return next((stall for stall in stalls if belongs(stall, post)), None)


def belongs(stall, post):
    upid, vector = post.key
    return stall["upid"] == upid and stall["vectors"] >> vector & 1 and \
        post.event["time"] <= stall["seen"] and \
        post.event["time"] <= stall.get("over", post.event["time"])


def pending(report):
    return {(upid["number"], line["vector"]) for upid in report["books"]
            for line in upid["vectors"] if line["pending"]}


def posts_of(report):
    posts = [Post(event) for event in report["events"] if event["event"].startswith("post")]
    follow_events(report["events"], posts)
    waiting = pending(report)
    for post in posts:
        if not post.deliver:
            post.stall = find(report["stalls"], post)
            post.waits = post.key in waiting
            post.why = find(report.get("waiting", []), post)
    return posts


def handlers_of(report):
    """(CPU, deliver, uiret or None); a handler may be interrupted after STUI. XRSTORS ends what the
    CPU showed of a handler: it is another task's state."""
    entered = collections.defaultdict(list)
    for event in report["events"]:
        if event["event"] == "deliver":
            entered[event["cpu"]].append(event)
        elif event["event"] == "uiret" and entered[event["cpu"]]:
            yield event["cpu"], entered[event["cpu"]].pop(), event
        elif event["event"] == "restore":
            for begin in entered.pop(event["cpu"], []):
                yield event["cpu"], begin, event
    for cpu, left in entered.items():
        for event in left:
            yield cpu, event, None
