# SPDX-License-Identifier: GPL-2.0-or-later
"""What became of a post that was lost, told from the ledger's report (docs/ledger.md)."""
import bisect
import os
import re
import subprocess

ON, SN = 1, 2
NV_SHIFT = 16
USER_OFFSET = 0x8000000000      # payloads: ring 3's view of the same code
TOLD = 14                       # events of a story, at most

# A cause has one name; each names the step that should have been another.
CAUSES = {
    "nothing-posted": "nothing is missing by the books: whoever waits was not posted to, or "
                      "nobody woke it",
    "sn-left": "SN was set, so nothing was sent, and whoever cleared SN did not look at PIR",
    "still-off": "SN was set, so nothing was sent, and it still is: the task stays off, or is gone",
    "on-cleared-late": "ON was still set, so nothing was sent, and it was cleared behind the post",
    "on-left": "ON was set already, so nothing was sent, with no notification on its way",
    "stale-ndst": "the notification went where NDST said, and the task was elsewhere",
    "early-ndst": "the notification went where NDST said, and the task was not there yet",
    "uinv-cleared": "the notification came when UINV was no longer armed, and went to the IDT",
    "notification-lost": "the notification reached nobody",
    "uirr-overwritten": "the vector was in UIRR, and UIRR was written over",
    "uif-clear": "the vector is in UIRR and waits for UIF",
    "in-flight": "the notification was sent and not taken",
    "stray": "what was posted to the task before is delivered after the UPID was handed out anew",
}


class Symbols:
    """Function and offset of an address, by the ELF file beside the image."""

    def __init__(self, image):
        self.found = []
        elf = re.sub(r"\.bin$", ".elf", image)
        if os.path.exists(elf):
            text = subprocess.run(["nm", elf], stdout=subprocess.PIPE, check=True).stdout.decode()
            self.found = sorted((int(m[1], 16), m[2]) for m in
                                re.finditer(r"^(\w+) [tT] (\S+)$", text, re.M))

    def name(self, rip):
        rip &= ~USER_OFFSET
        at = bisect.bisect(self.found, (rip, "~")) - 1
        if at < 0:
            return f"{rip:#x}"
        start, name = self.found[at]
        return f"{name}+{rip - start:#x}"


class Story:
    def __init__(self, report, symbols):
        self.books, self.events, self.symbols = report["books"], report["events"], symbols
        self.cpus = report.get("cpus", [])
        self.upid, self.vector = self.find_lost()

    def find_lost(self):
        """UPID and vector that something is left of, or was thrown away of."""
        for column in "pending", "discarded":
            for number, upid in enumerate(self.books):
                for line in upid["vectors"]:
                    if line[column]:
                        return upid.get("number", number), line["vector"]
        return None, None

    def is_post(self, event):
        return event["event"] in ("post", "post-sent") and event.get("upid") == self.upid and \
            event["vector"] == self.vector

    def cause(self):
        """A name of CAUSES, and the events it was read from."""
        posts = [i for i, event in enumerate(self.events) if self.is_post(event)]
        if self.upid is None or not posts:
            return self.cause_delivered()
        post = self.events[posts[-1]]
        after = self.events[posts[-1] + 1:]
        if self.taken_by_hand(post, after):
            return "nothing-posted", []
        take = next((i for i, e in enumerate(after) if e["event"] == "take" and
                     e.get("upid") == self.upid and e["value"] >> self.vector & 1), None)
        if take is not None:
            return self.cause_in_uirr(post, after[take:])
        if post["event"] == "post":
            return self.cause_unsent(post, after)
        return self.cause_sent(post, after)

    def taken_by_hand(self, post, after):
        """By a kernel's own handler: to the books, PIR was thrown away."""
        idt = next((i for i, e in enumerate(after) if e["event"] == "to-idt" and
                    e["vector"] == post["value"] >> NV_SHIFT & 0xff), None)
        return idt is not None and any(e["cpu"] == after[idt]["cpu"]
                                       for e in self.stores(after[idt:], 8))

    def cause_delivered(self):
        """Nothing is left: was something delivered to somebody else than it was posted for? Then
        SN was set and the UPID handed out in between."""
        for i, post in enumerate(self.events):
            if post["event"] not in ("post", "post-sent"):
                continue
            self.upid, self.vector = post["upid"], post["vector"]
            after = self.events[i + 1:]
            delivered = next((e for e in after if e["event"] == "deliver" and
                              e.get("upid") == self.upid and e["vector"] == self.vector), None)
            stores = [e for e in self.stores(after, 0) if delivered and
                      e["time"] < delivered["time"]]
            steps = stores[:1 if post["value"] & SN else 2]
            if steps and (post["value"] & SN or len(steps) == 2):
                return "stray", [post, *steps, delivered]
        return "nothing-posted", []

    def cause_in_uirr(self, post, after):
        for event in after[1:]:
            if event["cpu"] == after[0]["cpu"] and event["event"] in ("wrmsr", "restore") and \
                    not event["value"] >> self.vector & 1:
                return "uirr-overwritten", [post, after[0], event]
        return "uif-clear", [post, after[0]]

    def stores(self, after, *offsets):
        return [e for e in after if e["event"] == "store" and e.get("upid") == self.upid and
                e["value"] in offsets]

    def cause_unsent(self, post, after):
        stores = self.stores(after, 0)
        if post["value"] & SN:
            return ("sn-left" if stores else "still-off"), [post] + stores[:1]
        return ("on-cleared-late" if stores else "on-left"), [post] + stores[:1]

    def cause_sent(self, post, after):
        nv = post["value"] >> NV_SHIFT & 0xff
        lost = [e for e in after if e["event"] == "lost" and e["cpu"] == post["cpu"]]
        idt = [e for e in after if e["event"] == "to-idt" and e["vector"] == nv]
        moved = [e for e in self.stores(after, 4) if not idt or e["cpu"] != idt[0]["cpu"]]
        if lost:
            return "notification-lost", [post, lost[0]]
        if idt and moved:
            return "stale-ndst", [post, idt[0], moved[0]]
        told = self.stores(self.events[:self.events.index(post)], 4)[-1:]
        if idt and told and told[0]["cpu"] != idt[0]["cpu"]:
            return "early-ndst", told + [post, idt[0]]
        return ("uinv-cleared", [post, idt[0]]) if idt else ("in-flight", [post])

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
            "store": f"stores to the UPID at offset {value} {where}",
        }[event["event"]]
        return f"{event['time']:>12} ns  {who} {said}"

    def tell(self):
        """Lines: the events around the last post, those that name the cause marked, and where
        the CPUs are at last."""
        name, marked = self.cause()
        yield f"cause: {name}: {CAUSES[name]}"
        if marked:
            yield from self.around(marked)
        for cpu in self.cpus:
            yield f"  at the end CPU {cpu['cpu']} {'sleeps' if cpu['halted'] else 'is'} at " \
                  f"{self.symbols.name(cpu['rip'])}"

    def around(self, marked):
        first = self.events.index(marked[0])
        last = self.events.index(marked[-1])
        for event in self.events[max(0, first - 5):max(last + 3, first + TOLD - 5)]:
            if event.get("upid", self.upid) == self.upid or event in marked:
                yield ("* " if event in marked else "  ") + self.words(event)
