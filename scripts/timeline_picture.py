# SPDX-License-Identifier: GPL-2.0-or-later
"""A ledger's report as a picture: SVG, alone or in a page whose script zooms and explains.

What moves with the zoom has its virtual time in data-t; timeline.html computes the same places.
"""
import html
import os

from timeline_report import DEVICES, handlers_of, in_words, posts_of, who

TEMPLATE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "timeline.html")
MOST_EVENTS = 5000
FIRST_VIEW = 36                 # events, where there are more than anybody can look at
WIDTH, LEFT, RIGHT, TOP, LANE = 1200, 86, 24, 46, 108
AXIS = 34

STYLE = """
svg { background: #fff; font: 12px sans-serif; }
text { fill: #333; paint-order: stroke; stroke: #fff; stroke-width: 3px; }
.handler text, .stall text { stroke: none; }
.name { font-weight: bold; } .small { font-size: 11px; fill: #555; }
.lane { stroke: #bbb; } .grid { stroke: #eee; }
.handler rect { fill: #a5d6a7; stroke: #2e7d32; } .handler.open rect { stroke-dasharray: 4 3; }
.handler text { fill: #1b5e20; }
.stall rect { fill: #c62828; fill-opacity: .16; stroke: #c62828; stroke-opacity: .5; }
.stall text { fill: #b71c1c; }
.way { fill: none; stroke: #1565c0; stroke-width: 1.2; stroke-opacity: .7; }
.head { fill: #1565c0; }
.post { fill: #1565c0; } .post text { fill: #0d47a1; }
.lost { fill: #d50000; } .lost text { fill: #b71c1c; font-weight: bold; }
.waits { fill: #ef8e00; } .unknown { fill: #9e9e9e; }
.take { fill: #fff; stroke: #1565c0; } .identify { fill: #1565c0; }
.trouble { fill: none; stroke: #d50000; stroke-width: 2.2; }
.idt { fill: none; stroke: #6d4c41; stroke-width: 1.6; } .other { fill: #78909c; }
.post, .take, .trouble, .other, .handler, .identify { stroke-linejoin: round; }
"""

# Where on its lane a kind stands, and its form.
CIRCLE = '<circle r="5"/>'
CROSS = '<path d="M-4-4L4 4M-4 4L4-4"/>'
FORMS = {
    "identify": ("identify", -20, '<path d="M-4-4h8l-4 7z"/>'),
    "take": ("take", -10, '<path d="M-4 0L0-4L4 0L0 4z"/>'),
    "lost": ("trouble", -20, CROSS), "dropped": ("trouble", -20, CROSS),
    "to-idt": ("idt", -20, CROSS), "quirk": ("trouble", -20, CROSS),
    "unseen": ("trouble", -20, CROSS),
}
OTHER = ("other", 31, '<rect x="-3" y="-3" width="6" height="6"/>')
LEGEND = [("post", CIRCLE, "post", 70), ("post lost", CIRCLE, "never delivered", 130),
          ("post waits", CIRCLE, "still waits", 100),
          ("post unknown", CIRCLE, "end not in history", 142),
          ("identify", FORMS["identify"][2], "notification", 104),
          ("take", FORMS["take"][2], "PIR taken", 88),
          ("handler", '<rect x="-8" y="-6" width="16" height="12"/>', "handler", 82),
          ("idt", CROSS, "to the IDT", 88), ("trouble", CROSS, "lost, dropped, quirk", 146),
          ("other", OTHER[2], "MSR, XSAVES, store", 130)]


def tip(text):
    return f"<title>{html.escape(text)}</title>"


def left_by(end):
    return "no UIRET in this history" if not end else \
        "UIRET" if end["event"] == "uiret" else "another task's state"


class View:
    """From virtual time to the width of the picture."""

    def __init__(self, begin, end):
        span = max(end - begin, 100)
        self.begin, self.end = begin - span // 40, begin + span + span // 40

    def x(self, time):
        return LEFT + (time - self.begin) * (WIDTH - LEFT - RIGHT) / (self.end - self.begin)

    def sees(self, begin, end):
        return begin <= self.end and end >= self.begin


def drawn_of(events, posts):
    """The last ones, and what was lost however long ago."""
    lost = {id(post.event) for post in posts if post.state == "lost"}
    first = max(len(events) - MOST_EVENTS, 0)
    return [event for number, event in enumerate(events)
            if number >= first or id(event) in lost]


def first_view(drawn, posts):
    """All of it if that can be read; else where something was lost, else where CPUs send most."""
    lost = {id(post.event) for post in posts if post.state == "lost"}
    sent = {id(post.deliver): post.event["time"] for post in posts
            if post.deliver and post.deliver["cpu"] != post.event["cpu"]}

    def worth(window):
        begin, end = window[0]["time"], window[-1]["time"]
        return (any(id(event) in lost for event in window),
                sum(begin <= sent.get(id(event), -1) for event in window), begin - end)

    size = len(drawn) if len(drawn) <= 2 * FIRST_VIEW else FIRST_VIEW
    best = max((drawn[first:first + size]
                for first in range(0, len(drawn) - size + 1, max(size // 2, 1))), key=worth)
    begin, end = best[0]["time"], best[-1]["time"]
    return View(begin, end + (end - begin) // 6 if worth(best)[0] else end)


class Picture:
    def __init__(self, report, title):
        self.report, self.title = report, title
        self.posts = posts_of(report)
        self.drawn = drawn_of(report["events"], self.posts)
        self.ids = {id(event) for event in self.drawn}
        self.end = max([event["time"] for event in self.drawn]
                       + [stall["seen"] for stall in report["stalls"]])
        self.view = first_view(self.drawn, self.posts)
        cpus = {event["cpu"] for event in report["events"]}
        self.lanes = sorted(cpus - {DEVICES}) + [DEVICES] * (DEVICES in cpus)
        self.height = TOP + LANE * len(self.lanes) + AXIS + 40
        self.ends_of_labels = {}

    def y(self, cpu):
        lane = self.lanes.index(cpu) if cpu in self.lanes else 0
        return TOP + LANE * lane + LANE // 2

    def has_room(self, row, x, width):
        """No label over another of its row."""
        if x < self.ends_of_labels.get(row, 0) or x < LEFT or x + width > WIDTH:
            return False
        self.ends_of_labels[row] = x + width
        return True

    # ---- parts ----

    def mark(self, kind, event, dy, form, words, label=""):
        x, y = self.view.x(event["time"]), self.y(event["cpu"]) + dy
        hide = "" if self.has_room((event["cpu"], dy), x, 8 + 7 * len(label)) else " display='none'"
        text = f'<text x="-3" y="22"{hide}>{label}</text>' if label else ""
        return (f'<g class="{kind}" data-t="{event["time"]}" data-y="{y}" '
                f'transform="translate({x:.1f} {y})">{tip(words)}{form}{text}</g>')

    def bar(self, kind, begin, end, y, height, label, words):
        x = self.view.x(begin)
        width = max(self.view.x(end) - x, 1)
        shown = max(x, LEFT)
        hide = "" if min(x + width, WIDTH - RIGHT) - shown > 7 * len(label) else " display='none'"
        return (f'<g class="{kind}" data-t="{begin}" data-u="{end}">{tip(words)}'
                f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{height}"/>'
                f'<text x="{shown + 5:.1f}" y="{y + height - 4}"{hide}>{html.escape(label)}</text>'
                "</g>")

    def way(self, post):
        """Post, take, delivery: an arrow; on one lane it bows."""
        take, end = post.take, post.deliver
        steps = [(post.event["time"], self.y(post.event["cpu"])),
                 (take["time"], self.y(take["cpu"]) - 10), (end["time"], self.y(end["cpu"]))]
        places = " ".join(f"{time},{y}" for time, y in steps)
        (x0, y0), (x1, y1), (x2, y2) = [(self.view.x(time), y) for time, y in steps]
        bow = -56 if take["cpu"] == post.event["cpu"] else 0
        return (f'<path class="way" data-steps="{places}" data-bow="{bow}" marker-end="url(#head)" '
                f'd="M{x0:.1f} {y0}Q{(x0 + x1) / 2:.1f} {(y0 + y1) / 2 + bow} {x1:.1f} {y1}'
                f'L{x2:.1f} {y2}">{tip(post.in_words(self.report))}</path>')

    def stall_bars(self):
        for stall in self.report["stalls"]:
            cpu = stall.get("post", stall).get("cpu", self.lanes[0])
            end = stall.get("over", self.end)
            yield (stall["since"], end), self.bar(
                "stall", stall["since"], end, self.y(cpu) + 37, 15, f"stall: {stall['cause']}",
                f"UPID {stall['upid']} has waited: {stall['message']}")

    def handler_bars(self):
        for cpu, begin, end in handlers_of(self.report):
            if id(begin) in self.ids:
                last = end["time"] if end else self.end
                words = "\n".join([in_words(self.report, begin),
                                   f"{left_by(end)}, {last - begin['time']} ns later"])
                yield (begin["time"], last), self.bar(
                    "handler" if end and end["event"] == "uiret" else "handler open",
                    begin["time"], last, self.y(cpu) - 8, 16, f"{begin['vector']}", words)

    def marks(self):
        for event in self.drawn:
            kind = event["event"]
            if kind in ("deliver", "uiret") or kind.startswith("post"):
                continue
            name, dy, form = FORMS.get(kind, OTHER)
            yield (event["time"],) * 2, self.mark(name, event, dy, form,
                                                  in_words(self.report, event))

    def drawn_posts(self):
        return [post for post in self.posts if id(post.event) in self.ids]

    def post_marks(self):
        for post in self.drawn_posts():
            state = "" if post.state == "delivered" else " " + post.state
            yield (post.event["time"],) * 2, self.mark(
                "post" + state, post.event, 0, CIRCLE, post.in_words(self.report),
                str(post.event["vector"]))

    def ends_seen(self, post):
        """An arrow that only passes by tells nothing."""
        ends = post.event["time"], post.deliver["time"]
        return next(((end, end) for end in ends if self.view.sees(end, end)), ends[:1] * 2)

    def ways(self):
        for post in self.drawn_posts():
            if post.deliver:
                yield self.ends_seen(post), self.way(post)

    # ---- the whole ----

    def lane_lines(self):
        for cpu in self.lanes:
            yield (f'<line class="lane" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{self.y(cpu)}" '
                   f'y2="{self.y(cpu)}"/><text class="name" x="12" y="{self.y(cpu) + 4}">'
                   f'{"devices" if cpu == DEVICES else who(cpu)}</text>')

    def axis(self):
        bottom = TOP + LANE * len(self.lanes)
        step = step_of(self.view.end - self.view.begin)
        time = -(-self.view.begin // step) * step
        while time < self.view.end:
            x = self.view.x(time)
            yield (f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>'
                   f'<text class="small" text-anchor="middle" x="{x:.1f}" y="{bottom + 16}">'
                   f'{time / 1e6:.{digits_of(step)}f}</text>')
            time += step
        yield f'<text class="small" x="12" y="{bottom + 16}">time / ms</text>'

    def legend(self):
        x = 20
        for kind, form, words, width in LEGEND:
            yield (f'<g class="{kind}" transform="translate({x} {self.height - 18})">{form}</g>'
                   f'<text class="small" x="{x + 13}" y="{self.height - 14}">{words}</text>')
            x += width

    def summary(self):
        count = {state: sum(post.state == state for post in self.posts)
                 for state in ("delivered", "lost", "waits", "unknown")}
        hidden = len(self.report["events"]) - len(self.drawn)
        words = [f"{len(self.drawn)} events", f"{count['delivered']} posts delivered",
                 f"{count['lost']} never delivered"]
        if count["waits"]:
            words.append(f"{count['waits']} still wait")
        if count["unknown"]:
            words.append(f"of {count['unknown']} the end is not in this history")
        if hidden:
            words.append(f"{hidden} events are not drawn (--from, --to)")
        return "; ".join(words)

    def svg(self, everything=True):
        """`everything`: for the script; else what its first view shows."""
        parts = [part for group in (self.stall_bars, self.handler_bars, self.ways, self.marks,
                                    self.post_marks)
                 for times, part in group() if everything or self.view.sees(*times)]
        newline = "\n"
        return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{self.height}" \
viewBox="0 0 {WIDTH} {self.height}" data-begin="{self.view.begin}" data-end="{self.view.end}" \
data-first="{self.drawn[0]['time']}" data-last="{self.end}">
<style>{STYLE}</style>
<defs><clipPath id="plot"><rect x="{LEFT - 8}" y="0" width="{WIDTH - LEFT - RIGHT + 16}" \
height="{self.height}"/></clipPath>
<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" \
orient="auto"><path class="head" d="M0 0L8 4L0 8z"/></marker></defs>
<text class="name" x="12" y="20">{html.escape(self.title)}</text>
<text class="small" x="12" y="37">{html.escape(self.summary())}</text>
<g id="axis">{newline.join(self.axis())}</g>
{newline.join(self.lane_lines())}
<g id="all" clip-path="url(#plot)">
{newline.join(parts)}
</g>
<g id="legend">{newline.join(self.legend())}</g>
</svg>
"""

    def page(self):
        with open(TEMPLATE, encoding="utf-8") as f:
            page = f.read()
        return page.replace("TITLE", html.escape(self.title), 1).replace("PICTURE", self.svg(), 1)


def step_of(span):
    """1, 2 or 5 times a power of ten, at most ten of them."""
    size = 1
    while True:
        for factor in (1, 2, 5):
            if span <= 10 * factor * size:
                return factor * size
        size *= 10


def digits_of(step):
    """Of milliseconds, so that two ticks differ."""
    return next(digits for digits in range(7) if step * 10 ** digits % 1_000_000 == 0)
