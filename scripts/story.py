# SPDX-License-Identifier: GPL-2.0-or-later
"""What became of a post that was lost, told from the ledger's report (docs/ledger.md)."""
import dataclasses

ON, SN = 1, 2
NV_SHIFT = 16
NDST_SHIFT = 32
XAPIC_SHIFT = 8
TOLD = 14                       # events of a story, at most


@dataclasses.dataclass(frozen=True)
class Field:
    """Of a UPID: its bytes, and its bits in the first quadword, which the events have."""
    first: int
    end: int
    bits: int = 0


ON_FIELD, SN_FIELD = Field(0, 1, ON), Field(0, 1, SN)
NDST_FIELD, PIR_FIELD = Field(4, 8, 0xffffffff << NDST_SHIFT), Field(8, 16)

# A cause has one name; each names the step that should have been another.
CAUSES = {
    "unseen": "the books do not add up: PIR or UIRR has changed and nobody was seen to change it; "
              "what else is told of this run may be its doing",
    "nothing-posted": "nothing is missing by the books: whoever waits was not posted to, or "
                      "nobody woke it",
    "slept-through": "nothing is missing by the books, but a CPU slept until something else woke "
                     "it, and nobody posted to it: whoever has a reply looks whether somebody "
                     "sleeps, whoever sleeps says so before the last look",
    "forgotten": "the post is older than the events that the ledger has kept: give it a larger "
                 "history",
    "injected": "nobody has posted it: the bit was set by a store or a WRMSR",
    "cleared": "PIR was cleared by a store behind the post",
    "sn-left": "SN was set, so nothing was sent, and whoever cleared SN did not look at PIR",
    "still-off": "SN was set, so nothing was sent, and it still is: the task was not switched on "
                 "again, or is gone",
    "on-cleared-late": "ON was still set, so nothing was sent, and it was cleared behind the post",
    "on-left": "ON was set by a store, so nothing was sent, with no notification on its way",
    "stale-ndst": "the notification went where NDST said, and the task was elsewhere",
    "early-ndst": "the notification went where NDST said, and the task was not there yet",
    "uinv-cleared": "the notification came when UINV was no longer armed, and went to the IDT",
    "uinv-mismatch": "the notification came while UINV was another vector, and went to the IDT",
    "notification-lost": "the notification reached nobody",
    "dropped": "the CPU took the notification and could not reach the UPID",
    "not-taken": "the notification was sent, and its CPU has not taken it",
    "uirr-overwritten": "the vector was in UIRR, and UIRR was written over",
    "saved": "the vector is in the saved state of a task that was not switched on again",
    "in-uirr": "the vector is in UIRR and was not delivered",
    "stray": "what was posted before IA32_UINTR_PD was set to this UPID is delivered behind it: if "
             "another task had it before, clear a UPID when it is handed out",
}
# What the ledger knows of a vector that waits, while the events say only that it does.
VAGUE = ["not-taken", "in-uirr", "forgotten"]
# Of what the ledger has found, what is certain comes first.
CERTAIN = ["stalls", "waiting"]
LAST = "switched-off", "unread"     # a task may well be; a kernel that ends one may well do so


def bits(mask):
    return [n for n in range(64) if mask >> n & 1]


class Story:
    def __init__(self, report, symbols):
        self.books = {upid.get("number", n): upid for n, upid in enumerate(report["books"])}
        self.events, self.symbols = report["events"], symbols
        self.cpus = report.get("cpus", [])
        self.number_of = {id(event): n for n, event in enumerate(self.events)}
        self.judged = not report.get("running")
        self.stalls = report.get("stalls", [])
        found = [f for part in CERTAIN for f in report.get(part, []) if "over" not in f]
        self.findings = sorted(found, key=lambda f: f["cause"] in LAST)
        self.upid = self.vector = None

    # ---- which vector of which UPID ----

    def candidates(self):
        """What the ledger has found to wait, then what is left, then what was thrown away."""
        for finding in self.findings:
            for vector in bits(finding["vectors"]) or self.posted_last(finding["upid"]):
                yield finding["upid"], vector
        for column in "pending", "discarded":
            for number, upid in self.books.items():
                for line in upid["vectors"]:
                    if line[column]:
                        yield number, line["vector"]

    def posted_last(self, upid):
        posts = [e["vector"] for e in self.events if e["event"].startswith("post") and
                 e.get("upid") == upid]
        return posts[-1:]

    def counted(self, column):
        return sum(line[column] for line in self.books.get(self.upid, {"vectors": []})["vectors"]
                   if line["vector"] == self.vector)

    def finding(self):
        return next((f for f in self.findings if f["upid"] == self.upid and
                     (f["vectors"] >> self.vector & 1 or not f["vectors"])), None)

    def is_post(self, event):
        return event["event"] in ("post", "post-sent") and self.is_ours(event) and \
            event["vector"] == self.vector

    def is_ours(self, event):
        return event.get("upid") == self.upid

    def has_vector(self, event):
        return event["value"] >> self.vector & 1

    # ---- why ----

    def cause(self):
        """A name of CAUSES or of the ledger, the events it was read from, a sentence."""
        if self.is_unseen():
            return "unseen", [e for e in self.events if e["event"] == "unseen"], CAUSES["unseen"]
        if not self.stalls:     # what waits at the end may only be late
            strayed = self.find_stray()
            if strayed:
                return *strayed, CAUSES["stray"]
        for self.upid, self.vector in self.candidates():
            found = self.cause_of_vector()
            if found:
                return self.in_the_ledgers_words(*found)
        name, events = self.cause_delivered()
        return name, events, CAUSES[name]

    def is_unseen(self):
        """Then nothing that the events say is certain."""
        for finding in self.findings:
            if finding["cause"] == "unseen":
                self.upid = finding["upid"]
                return True
        for number, upid in self.books.items() if self.judged else []:
            if not all(line.get("adds-up", True) for line in upid["vectors"]):
                self.upid = number
                return True
        return False

    def in_the_ledgers_words(self, name, events):
        finding = self.finding()
        if name in VAGUE and finding:
            return finding["cause"], events, finding["message"]
        words = CAUSES[name]
        target = self.target(events[0]) if name in ("still-off", "not-taken") else None
        for cpu in self.cpus:
            if cpu["cpu"] == target:
                words += f"; CPU {target}, where NDST leads, " + self.place(cpu)
        return name, events, words

    def cause_of_vector(self):
        """None if all of its posts have arrived, as far as is known."""
        posts = [i for i, event in enumerate(self.events) if self.is_post(event)]
        for i in reversed(posts):
            found = self.cause_of_post(self.events[i], self.events[i + 1:])
            if found:
                return found
        if posts or not (self.counted("pending") or self.finding()):
            return None
        return ("forgotten" if self.counted("posted") else "injected"), []

    def cause_of_post(self, post, after):
        take = next((i for i, e in enumerate(after) if e["event"] == "take" and self.is_ours(e) and
                     self.has_vector(e)), None)
        if take is not None:
            return self.cause_in_uirr(post, after[take], after[take + 1:])
        if not self.counted("pending"):
            cleared = self.stores(after, PIR_FIELD)[:1]
            return ("cleared", [post, *cleared]) if cleared and \
                not self.taken_by_hand(post, after) else None
        if post["event"] == "post":
            return self.cause_unsent(post, after)
        return self.cause_sent(post, after)

    def taken_by_hand(self, post, after):
        """By a kernel's own handler: to the books, PIR was thrown away."""
        idt = self.to_idt(post, after)
        return idt and any(e["cpu"] == idt["cpu"]
                           for e in self.stores(self.events[self.number_of[id(idt)]:], PIR_FIELD))

    def cause_in_uirr(self, post, take, after):
        """UIRR goes from CPU to CPU with the task, by XSAVES or by a kernel's own hand."""
        cpu, gone, saved = take["cpu"], None, False
        for e in after:
            kind = e["event"]
            if kind == "deliver" and self.is_ours(e) and e["vector"] == self.vector:
                return None
            if kind == "take" and cpu is None and self.is_ours(e) and self.has_vector(e):
                break           # of a later post
            if kind == "save" and e["cpu"] == cpu and self.has_vector(e):
                saved = True
            elif kind in ("wrmsr", "restore") and cpu is None and self.has_vector(e):
                cpu, saved = e["cpu"], False
            elif kind in ("wrmsr", "restore") and e["cpu"] == cpu and not self.has_vector(e):
                cpu, gone = None, e
        if cpu is not None:
            return "in-uirr", [post, take]
        return ("saved" if saved else "uirr-overwritten"), [post, take, gone]

    def behind(self, event):
        return self.events[self.number_of[id(event)] + 1:]

    def ahead(self, event):
        """The nearest first."""
        return self.events[:self.number_of[id(event)]][::-1]

    @staticmethod
    def low(event):
        """The first quadword as it was before that event, where it is known."""
        return event["value"] if event["event"].startswith("post") else event.get("low")

    def changed(self, store, field):
        """By what was found there next, or at the end; None if nothing says."""
        lows = (self.low(e) for e in self.behind(store) if self.is_ours(e))
        after = next((low for low in lows if low is not None),
                     self.books.get(self.upid, {}).get("low"))
        if not field.bits or self.low(store) is None or after is None:
            return None
        return bool((self.low(store) ^ after) & field.bits)

    def stores(self, events, field):
        """Those that have changed it, or may have: what lies beside it is often stored with it."""
        return [e for e in events if e["event"] == "store" and self.is_ours(e) and
                e["value"] < field.end and e["value"] + e.get("size", 1) > field.first and
                self.changed(e, field) is not False]

    def cause_unsent(self, post, after):
        if post["value"] & SN:
            stores = self.stores(after, SN_FIELD)[:1]
            return ("sn-left" if stores else "still-off"), [post, *stores]
        stores = self.stores(after, ON_FIELD)[:1]
        if stores:
            return "on-cleared-late", [post, *stores]
        return self.cause_of_on(post)

    def cause_of_on(self, post):
        """Of the notification that ON stands for: the last one that was sent, unless ON was clear
        behind it."""
        stored = []
        for e in filter(self.is_ours, self.ahead(post)):
            if self.is_set_by(e):
                return "on-left", [e, post]
            if e["event"] == "post-sent":
                return self.cause_sent(e, self.behind(e))
            if e["event"] == "take" or (e["event"] == "post" and not e["value"] & ON):
                return "on-left", [*(stored[:1] or [e]), post]
            stored += self.stores([e], ON_FIELD)
        return "forgotten", [post]

    def is_set_by(self, event):
        """ON, for certain."""
        return self.stores([event], ON_FIELD) and self.changed(event, ON_FIELD) and \
            not self.low(event) & ON

    # ---- what became of a notification ----

    def target(self, post):
        """The CPU that NDST leads to, as the sender reads it."""
        ndst = post["value"] >> NDST_SHIFT
        of_sender = [c for c in self.cpus if c["cpu"] == post["cpu"]] or self.cpus[:1]
        x2apic = any(c.get("x2apic") for c in of_sender)
        apic_id = ndst if x2apic else ndst >> XAPIC_SHIFT & 0xff
        return next((c["cpu"] for c in self.cpus if c.get("apic-id", c["cpu"]) == apic_id), None)

    @staticmethod
    def vector_of(post):
        """Of its notification."""
        return post["value"] >> NV_SHIFT & 0xff

    def to_idt(self, post, after):
        nv, target = self.vector_of(post), self.target(post)
        return next((e for e in after if e["event"] == "to-idt" and e["vector"] == nv and
                     e["cpu"] == target), None)

    def cause_sent(self, post, after):
        """As far as the next one that was sent."""
        end = next((i for i, e in enumerate(after) if e["event"] == "post-sent" and
                    self.is_ours(e)), len(after))
        target, window, arrived = self.target(post), after[:end], False
        for e in window:
            if e["event"] == "lost" and e["cpu"] == post["cpu"] and self.is_ours(e):
                return "notification-lost", [post, e]
            if e["cpu"] == target and e["event"] == "identify":
                arrived = e["vector"] == self.vector_of(post)
            if arrived and e["cpu"] == target and e["event"] == "dropped":
                return "dropped", [post, e]
            if arrived and e["cpu"] == target and e["event"] == "take":
                return "stale-ndst", [post, e]      # for another UPID
            if e is self.to_idt(post, window):
                return self.cause_to_idt(post, e)
        return "not-taken", [post]

    def until_the_next(self, events):
        """What lies before the next post or the next switch of the task."""
        for n, e in enumerate(events):
            if self.is_ours(e) and (e["event"].startswith("post") or self.stores([e], SN_FIELD)):
                return events[:n]
        return events

    def cause_to_idt(self, post, idt):
        moved = [e for e in self.stores(self.until_the_next(self.behind(post)), NDST_FIELD)
                 if e["cpu"] != idt["cpu"]]
        told = self.stores(self.until_the_next(self.ahead(post)), NDST_FIELD)[:1]
        if moved:
            return "stale-ndst", [post, idt, moved[0]]
        if told and told[0]["cpu"] != idt["cpu"]:
            return "early-ndst", told + [post, idt]
        return ("uinv-mismatch" if idt["value"] else "uinv-cleared"), [post, idt]

    # ---- nothing is left ----

    def cause_delivered(self):
        return self.find_sleeper() or ("nothing-posted", [])

    def find_stray(self):
        """Posted to one owner of a UPID, delivered to the next."""
        for post in self.events:
            if post["event"].startswith("post"):
                self.upid, self.vector = post["upid"], post["vector"]
                steps = self.handed_out(post)
                if steps:
                    return "stray", steps
        return None

    def handed_out(self, post):
        """Behind that post, and before it was delivered: made ready, and only then given to a CPU.
        A task that is switched in is the other way round."""
        ready, given = None, []
        for e in filter(self.is_ours, self.behind(post)):
            if self.is_post(e) or self.stores([e], PIR_FIELD):
                break
            if self.stores([e], SN_FIELD) and e.get("low", SN) & SN:
                ready = e
            elif e["event"] == "attach" and ready:
                given = [ready, e]
            elif e["event"] == "deliver" and e["vector"] == self.vector:
                return [post, *given, e] if given else None
        return None

    def find_sleeper(self):
        """The CPU that was woken last, by what is no notification."""
        notifications = {self.vector_of(e) for e in self.events if e["event"].startswith("post")}
        wake = next((e for e in reversed(self.events) if e["event"] == "wake"), None)
        woken_by = next((e for e in self.behind(wake) if e["cpu"] == wake["cpu"]),
                        None) if wake else None
        if woken_by and woken_by["event"] == "to-idt" and woken_by["vector"] not in notifications:
            return "slept-through", [wake, woken_by]
        return None

    # ---- in words ----

    def place(self, cpu):
        return f"{'sleeps' if cpu['halted'] else 'is'} at {self.symbols.name(cpu['rip'])}"

    def words(self, event):
        where = f"at {self.symbols.name(event['rip'])}"
        who = f"CPU {event['cpu']}" if event["cpu"] >= 0 else "a device"
        value, vector = event["value"], event["vector"]
        flags = " and ".join(name for bit, name in ((ON, "ON"), (SN, "SN")) if value & bit)
        said = {
            "post": f"posts vector {vector} {where}; {flags} is set, so it sends nothing",
            "post-sent": f"posts vector {vector} {where} and sends a notification",
            "lost": "has its notification go to nobody",
            "dropped": f"cannot process the notification it took {where}",
            "attach": f"is given the UPID at {value:#x} {where}",
            "quirk": f"has its fault on request make a difference {where}",
            "ipi": f"sends IPI {vector:#x} {where}",
            "ring": f"rings doorbell {vector} {where}",
            "rung": f"has doorbell {vector} raise its interrupt",
            "arrive": f"has notification {vector:#x} put into the local APIC {value}",
            "mark": f"makes its mark {vector} ({value:#x}) {where}",
            "identify": f"takes the notification {vector:#x} {where}",
            "to-idt": f"gets interrupt {vector:#x} {where} by its IDT: UINV is {value:#x}",
            "take": f"moves PIR {value:#x} to UIRR {where}",
            "deliver": f"delivers vector {vector} {where}",
            "uiret": f"returns from its handler {where}",
            "save": f"saves UIRR {value:#x} {where}",
            "restore": f"restores UIRR {value:#x} {where}",
            "wrmsr": f"writes UIRR {value:#x} {where}",
            "wake": f"is woken {where}",
            "unseen": f"finds {value:#x} changed, by nobody",
            "store": f"stores to the UPID at offset {value} {where}",
        }[event["event"]]
        return f"{event['time']:>12} ns  {who} {said}"

    def tell(self):
        """Lines: the events around the last post, those that name the cause marked, and where
        the CPUs are at last."""
        name, marked, words = self.cause()
        yield f"cause: {name}: {words}"
        if marked:
            yield from self.around(marked)
        for cpu in self.cpus:
            yield f"  at the end CPU {cpu['cpu']} {self.place(cpu)}"

    def around(self, marked):
        first = self.number_of[id(marked[0])]
        last = self.number_of[id(marked[-1])]
        for event in self.events[max(0, first - 5):max(last + 3, first + TOLD - 5)]:
            if event.get("upid", self.upid) == self.upid or event in marked:
                yield ("* " if event in marked else "  ") + self.words(event)
