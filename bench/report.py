# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows of two figures, their ratio and what it should be, as Markdown and as JSON."""
import dataclasses
import json
import os
import platform
import statistics
import subprocess
from typing import Any, NamedTuple


@dataclasses.dataclass(frozen=True)
class Bound:
    """What a ratio of the measured to the base is to be."""
    limit: float

    def ratio(self, base, new):
        return new / base


class AtMost(Bound):
    def __str__(self):
        return f"<= {self.limit}"

    def holds(self, ratio):
        return ratio <= self.limit


class RateAtLeast(Bound):
    """Of times for one round: how many rounds in the time of one of the base."""

    def __str__(self):
        return f">= {self.limit} of the rate"

    def ratio(self, base, new):
        return base / new

    def holds(self, ratio):
        return ratio >= self.limit


class Within(Bound):
    def __str__(self):
        return f"1.00 +- {self.limit}"

    def holds(self, ratio):
        return abs(ratio - 1) <= self.limit


class NotAbove(Bound):
    """Within the limit, or less: quicker than stock by more is no fault."""

    def __str__(self):
        return f"1.00 + {self.limit}, or less"

    def holds(self, ratio):
        return ratio <= 1 + self.limit


class Under(Bound):
    """Of a figure by itself; its base is the limit."""

    def __str__(self):
        return f"at most {self.limit:g}"

    def holds(self, ratio):
        return ratio <= 1


class Over(Bound):
    """The same for one that should be large."""

    def __str__(self):
        return f"at least {self.limit:g}"

    def holds(self, ratio):
        return ratio >= 1


class Reported(NamedTuple):
    """No target."""
    rate: bool = False

    def __str__(self):
        return "-"

    def ratio(self, base, new):
        return base / new if self.rate else new / base

    def holds(self, ratio):
        return None


class Row(NamedTuple):
    what: str
    base_name: str
    base: tuple         # key into the samples; None if the bound is the base
    new_name: str
    new: tuple
    bound: Any
    unit: str


def spread(figures):
    """Median and quartiles of what there is."""
    figures = [figure for figure in figures if figure is not None]
    if not figures:
        return None
    low, middle, high = (statistics.quantiles(figures, n=4, method="inclusive")
                         if len(figures) > 1 else figures * 3)
    return {"median": middle, "q1": low, "q3": high, "samples": len(figures)}


FEWEST = 5                      # rounds for a ratio of 1.00


def verdict(bound, ratio, unit=""):
    """By the median; noisy if the quartiles do not agree with it. Counted instructions are no time:
    a few are enough."""
    if ratio is None:
        return "no figure"
    if isinstance(bound, (Within, NotAbove)) and ratio["samples"] < FEWEST and unit != "instructions":
        return "too few rounds"
    said = {None: "reported", True: "met", False: "missed"}
    median, *others = (said[bound.holds(ratio[which])] for which in ("median", "q1", "q3"))
    return median if others == [median, median] else median + ", noisy"


def evaluate(row, samples, judge):
    """The ratio is the median of the rounds' ratios: what was taken in one round belongs
    together. judge: the figures are worth a ratio."""
    new = samples.of(row.new)
    base = samples.of(row.base) if row.base else [row.bound.limit] * len(new)
    result = {"what": row.what, "unit": row.unit, "target": str(row.bound),
              "base": {"name": row.base_name, **(spread(base) or {}), "figures": base},
              "measured": {"name": row.new_name, **(spread(new) or {}), "figures": new}}
    complete = "median" in result["base"] and "median" in result["measured"]
    if judge or not complete:
        result["ratio"] = spread([row.bound.ratio(b, n) for b, n in zip(base, new)
                                  if None not in (b, n)])
        result["verdict"] = verdict(row.bound, result["ratio"], row.unit)
    else:
        result["ratio"], result["verdict"] = None, "not judged"
    return result


def version(path):
    said = subprocess.run([path, "--version"], stdout=subprocess.PIPE, text=True, check=True)
    return said.stdout.splitlines()[0]


def processor():
    with open("/proc/cpuinfo") as f:
        return next((line.split(":", 1)[1].strip() for line in f
                     if line.startswith("model name")), platform.machine())


def facts(qemu, stock):
    """Of host and emulators. Without a stock emulator there is nothing to judge by."""
    return {"host": {"cpu": processor(), "cpus": len(os.sched_getaffinity(0)),
                     "load": os.getloadavg()[0]},
            "qemu": version(qemu), "stock": stock and version(stock)}


def heading(rounds, about):
    host = about["host"]
    text = (f"{host['cpus']} x {host['cpu']}, load {host['load']:.1f} at the start. "
            f"Rounds: {rounds}. Medians (quartiles).")
    if not about["stock"]:
        text += ("\n\nA trial of the bench: the patched QEMU stands in for the stock one, and "
                 "nothing is judged.")
    return text


def number(value):
    if value >= 10000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"


def cell(figures, show):
    if not figures or "median" not in figures:
        return "-"
    text = show(figures["median"])
    if figures["samples"] > 1:
        text += f" ({show(figures['q1'])}..{show(figures['q3'])})"
    return text


def markdown(rows):
    lines = ["| what | base | measured | unit | ratio | target | |", "|" + " --- |" * 7]
    for row in rows:
        base, new = row["base"], row["measured"]
        lines.append(f"| {row['what']} | {base['name']} {cell(base, number)} "
                     f"| {new['name']} {cell(new, number)} | {row['unit']} "
                     f"| {cell(row['ratio'], '{:.3f}'.format)} | {row['target']} "
                     f"| {row['verdict']} |")
    return "\n".join(lines)


def save(path, contents):
    """Whole or not at all, so that nobody reads half of it."""
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path + ".part", "w") as f:
        json.dump(contents, f, indent=1)
        f.write("\n")
    os.replace(path + ".part", path)
