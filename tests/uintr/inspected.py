# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests inspect and gdb share: the payload tests/guest/inspect.c, seen from outside."""
import os
import re
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
from guestrun import ACCELS, PASS, QEMU, Tap  # noqa: E402
from qmp import Error, Machine  # noqa: E402

IMAGE = os.path.join(ROOT, "build/tests/guest/inspect.bin")
CPU = "max,uintr=on,svm=on"

# What fill() of the payload writes into CPU 0 and CPU 1; the handler's address it prints.
FILLED = [{"uirr": 1 << 63 | 1 << 3, "uif": 0, "uinv": 0x60, "stack-adjust": 128,
           "pd": 0x123000, "tt": 0x456001, "uittsz": 7},
          {"uirr": 1 << 62 | 1 << 2, "uif": 0, "uinv": 0x61, "stack-adjust": 192,
           "pd": 0x123040, "tt": 0x456011, "uittsz": 8}]
NAMES = ["uirr", "uif", "uinv", "handler", "stack-adjust", "pd", "tt", "uittsz"]


def expect_equal(got, want, what):
    if got != want:
        raise AssertionError(f"{what}:\n  {got}\nshould be\n  {want}")


class Guest(Machine):
    """The payload's one test, and what it says about addresses."""

    def __init__(self, lab, test, *more, cpu=CPU, accel="mttcg"):
        self.gdb_path = os.path.join(lab.folder, "gdb")
        super().__init__([lab.qemu, "-machine", "q35", "-nodefaults", "-display", "none",
                          "-no-reboot", "-m", "64", "-cpu", cpu, "-smp", "2", *ACCELS[accel],
                          "-bios", lab.image, "-gdb", f"unix:{self.gdb_path},server=on,wait=off",
                          "-fw_cfg", f"name=opt/farbell/args,string=apic=xapic only={test}",
                          *more], lab.folder)

    def told(self):
        return {name: int(value, 16) for name, value in
                re.findall(r"^(\w+) ([0-9a-f]+)$", self.printed(), re.M)}

    def wait_state(self, name):
        self.wait_line(f"AT {name}")
        self.ask("stop")

    def leave_state(self):
        """The payload looks at this byte of the CMOS memory."""
        self.monitor("o /b 0x71 1")
        self.ask("cont")

    def finish(self):
        status = self.wait_end()
        if status != PASS or "SUMMARY: 1 passed" not in self.printed():
            raise Error(f"status {status}\n{self.printed()}")


class Lab:
    def __init__(self, tap, group, folder, qemu, image):
        self.tap, self.group, self.folder = tap, group, folder
        self.qemu, self.image = qemu, image

    def test(self, name, function, *arguments):
        """One TAP line; what went wrong stands before it."""
        label = f"{self.group}/{name}"
        try:
            function(*arguments)
            self.tap.line(True, label)
        except (Error, AssertionError, OSError) as error:
            print("".join(f"# {line}\n" for line in str(error).splitlines()), end="")
            self.tap.line(False, label)


def main(group, test_all):
    """Arguments: QEMU and IMAGE, both optional."""
    tap = Tap()
    qemu, image = (sys.argv[1:] + [QEMU, IMAGE][len(sys.argv) - 1:])[:2]
    with tempfile.TemporaryDirectory() as folder:
        test_all(Lab(tap, group, folder, qemu, image))
    return tap.end()
