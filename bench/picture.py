# SPDX-License-Identifier: GPL-2.0-or-later
"""The ratios of a run as an SVG: a dot for the median, a line for the quartiles, a mark for the
target; green where it is met, red where it is missed, grey without one."""
import html
import math
import re

ROW, LEFT, WIDTH, TOP = 18, 500, 480, 40
COLOURS = {"met": "#2a7d2a", "missed": "#c02020"}
TICKS = 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100


class Axis:
    """Ratios on a logarithmic scale, from the least to the most that there is."""

    def __init__(self, figures):
        self.low, self.high = min([*figures, 0.5]) / 1.2, max([*figures, 2]) * 1.2

    def x(self, figure):
        part = math.log(figure / self.low) / math.log(self.high / self.low)
        return LEFT + WIDTH * min(max(part, 0), 1)

    def ticks(self):
        return [tick for tick in TICKS if self.low <= tick <= self.high]


def limit_of(row):
    """As a ratio of the same kind as the measured one, or None."""
    found = re.match(r"(?:<=|>=) ([\d.]+)|1\.00 \+- |at (?:most|least) ", row["target"])
    return found and float(found[1] or 1)


def label(row):
    return f"{row['what']}: {row['measured']['name']} / {row['base']['name']}"


def draw_row(row, axis, y):
    ratio = row["ratio"]
    colour = COLOURS.get(row["verdict"].split(",")[0], "#606060")
    limit = limit_of(row)
    yield (f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{html.escape(label(row))}</text>')
    if limit:
        yield f'<path d="M{axis.x(limit):.1f} {y - 7}v14" stroke="#000" stroke-width="2"/>'
    yield (f'<path d="M{axis.x(ratio["q1"]):.1f} {y}H{axis.x(ratio["q3"]):.1f}" stroke="{colour}" '
           f'stroke-width="3"/><circle cx="{axis.x(ratio["median"]):.1f}" cy="{y}" r="4" '
           f'fill="{colour}"><title>{ratio["median"]:.3f}, target {html.escape(row["target"])}'
           f'</title></circle>')


def svg(rows):
    # A difference can be anything on a busy host; a logarithm of it cannot.
    rows = [row for row in rows if row.get("ratio") and row["ratio"]["q1"] > 0]
    figures = [row["ratio"][which] for row in rows for which in ("q1", "q3")]
    axis, height = Axis(figures), TOP + ROW * len(rows) + 10
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 30}" '
             f'height="{height}" font-family="sans-serif" font-size="11">',
             '<rect width="100%" height="100%" fill="#fff"/>']
    for tick in axis.ticks():
        lines.append(f'<path d="M{axis.x(tick):.1f} {TOP - 12}V{height - 8}" stroke="#ddd"/>'
                     f'<text x="{axis.x(tick):.1f}" y="{TOP - 18}" text-anchor="middle">{tick}</text>')
    for i, row in enumerate(rows):
        lines += draw_row(row, axis, TOP + ROW * i)
    return "\n".join(lines + ["</svg>", ""])
