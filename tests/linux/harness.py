#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that fails in one way or another is reported as failed; print TAP."""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
from guestrun import Tap  # noqa: E402  the path above leads there

# What the guest does, and the only lines that may fail then.
CASES = {
    "fail": ["misbehave"],
    "rule": ["rule"],
    "bug": ["kernel-log"],
    "panic": ["verdict"],
    "hang": ["verdict"],
    "fake": ["verdict"],
}


def failures(case):
    run = subprocess.run(
        [os.path.join(ROOT, "scripts/run-linux"), "linux-la48", "--timeout",
         "40" if case == "hang" else "240", "--test", f"misbehave {case}"],
        stdout=subprocess.PIPE, text=True, check=False)
    failed = re.findall(r"^not ok \d+ - /linux/[^/]+/(\S+)", run.stdout, re.M)
    return failed, run


def main():
    tap = Tap()
    for case, expected in CASES.items():
        failed, run = failures(case)
        good = failed == expected and run.returncode == 1
        if not good:
            print(f"# failed: {failed}, status {run.returncode}")
            print("".join(f"# {line}\n" for line in run.stdout.splitlines()), end="")
        tap.line(good, f"/linux/harness/{case}")
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
