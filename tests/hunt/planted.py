# SPDX-License-Identifier: GPL-2.0-or-later
"""The planted bugs (guests/buggy), what must be said of each, and hunts for them."""
import os
import re
import resource
import shlex
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))

HUNT = os.path.join(ROOT, "scripts/hunt")
IMAGES = os.path.join(ROOT, "build/guests/buggy")
SOON = 300                      # seconds in which a bug must be found
# What the story must name, and what the ledger: a mistake may show itself in more than one way.
CAUSES = {
    "index_per_process": ("still-off", "switched-off"),
    "lock_held": ("still-off|held-back|switched-off", "switched-off|held-back"),
    "lost_in_signal": ("uinv-cleared", "state-lost"),
    "ndst_before_sn": ("early-ndst", "stale-ndst"),
    "no_rearm": ("sn-left|uinv-cleared", "not-notified|switched-off|uinv-mismatch|sn-set"),
    "no_wakeup": ("slept-through", ""),
    "not_cleared": ("stray", ""),
    "on_cleared_late": ("on-cleared-late", "not-notified|on-set"),
    "sn_before_ndst": ("stale-ndst", "stale-ndst"),
    "uif_not_restored": ("uif-clear", "uif-clear"),
    "uinv_cleared_late": ("uirr-overwritten", "unread"),
}


def hunt(image, *words):
    """Status and output."""
    done = subprocess.run([HUNT, os.path.join(IMAGES, image + ".bin"), *map(str, words)],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout.decode()


def show(output):
    print("# " + output.rstrip().replace("\n", "\n# "), flush=True)


def printed_command(output, title):
    """The words of a command that a hunt has printed for its reader."""
    line = re.search(rf"^{title}: (.*)", output, re.M)
    return shlex.split(line[1]) if line else []


def have_again(output, times):
    """Status and output of the command that has the same loss again, so many times."""
    again = printed_command(output, "again")
    if not again:
        return 0, ""
    done = subprocess.run([again[0], "--times", str(times), *again[1:]], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    return done.returncode, done.stdout.decode()


class Found:
    """What a hunt that begins with this seed says; `seeds` is None if it found nothing."""

    def __init__(self, bug, first, *words):
        began, used = time.monotonic(), self.processor()
        status, self.output = hunt(bug, "--first", first, "--seconds", SOON, *words)
        self.seconds, self.used = time.monotonic() - began, self.processor() - used
        found = re.search(r"^found: seed (\d+)", self.output, re.M) if status else None
        self.seeds = int(found[1]) - first + 1 if found else None
        cause = re.search(r"^cause: ([a-z-]+)", self.output, re.M)
        self.cause = cause[1] if cause else ""
        self.ledger = re.findall(r"^the ledger: ([a-z0-9-]+)", self.output, re.M)

    @staticmethod
    def processor():
        """Seconds of all that has ended."""
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime
