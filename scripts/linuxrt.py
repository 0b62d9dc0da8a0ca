# SPDX-License-Identifier: GPL-2.0-or-later
"""RT beside a Linux guest: a partition of its machine, or a process of its own."""
import os
import sys

from guestrun import ROOT

sys.path.insert(0, os.path.join(ROOT, "tests/forward"))
from machines import World  # noqa: E402

RT = os.path.join(ROOT, "build/guests/programs/rt.elf")
FORMS = ["one", "two"]


class Beside:
    """words: RT's, as in guests/rt/main.c. Where it is a process, it waits for Linux's end."""

    def __init__(self, form, words, payload=RT):
        self.form = form
        self.world = World(payload, words, ends="verdict=1" if form == "two" else "")

    def linux_words(self):
        """What Linux's command line has more."""
        return self.world.layout("linux-rt") if self.form == "one" else self.world.gp_link()

    def start(self):
        if self.form == "two":
            self.world.start_rt()

    def console(self):
        return self.world.read("rt.log")

    def close(self):
        self.world.close()
