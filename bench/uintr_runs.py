# SPDX-License-Identifier: GPL-2.0-or-later
"""The runs of bench/uintr: which payload, in which variant, by which emulator."""
import functools
import os
import re
import shlex
import subprocess

import diskboot
import measure
from guestrun import ROOT, folder_from, load_stanzas, payload_command
from measure import Case

APICS = "x2apic", "xapic"
CPUS = {"stock": "max", "off": "max", "on": "max,uintr=on"}

# Of the payload "speed": host threads, vCPUs, rounds, rounds of a trial, arguments, who runs it.
WAITS = {
    "nop": ("mttcg", 2, 10000, 200, "wait=nop", ["stock", "on"]),
    "pause": ("mttcg", 2, 3000, 200, "wait=pause", ["stock", "on"]),
    "single": ("single", 2, 10000, 200, "wait=pause", ["stock", "on"]),
    "locked": ("mttcg", 2, 10000, 200, "wait=nop plain=1", ["on"]),
    "pairs-pause": ("mttcg", 4, 3000, 500, "wait=pause", ["on"]),
    "pairs-nop": ("mttcg", 4, 300, 100, "wait=nop", ["on"]),
}
IPI, SELF_IPI = "irq-round-trip", "irq-self"
UI, SELF_UI, PAIRS = "ui-round-trip", "ui-self", "ui-two-pairs"
UNITS, TRIAL_UNITS = 600, 2
# No emulator: two threads of the host that answer each other.
HOST = os.path.join(ROOT, "build/cache_lines")

# Stanzas of tests/linux/linux.cfg
INSIDE = {"xapic": "linux-uintr-speed", "x2apic": "linux-uintr-speed-x2apic"}
INSIDE_ROUNDS = 4000

# What one host thread does: no instruction is spent on waiting for another.
COUNTED = [(IPI, "stock"), (IPI, "on"), (UI, "on"),
           (SELF_IPI, "stock"), (SELF_IPI, "on"), (SELF_UI, "on")]
COUNTED_ROUNDS, COUNTED_UNITS, FEW_UNITS = 3000, 20, 3


LOGIN_SECONDS = 600


def to_login(cmd):
    """Seconds by the clock and of processor time until a disk's login prompt is there."""
    with diskboot.Boot(cmd) as boot:
        wall = boot.wait_login(LOGIN_SECONDS)
    if wall is None:
        raise measure.Failure(f"no login prompt: {boot.said()}")
    return {"wall": wall, "cpu": boot.cpu}


def trips_inside(cmd):
    """Nanoseconds there and back for each way, from the test that measures them."""
    output, _ = measure.run(cmd, 300)
    return {name.strip(): float(ns) for name, ns in
            re.findall(r"^# (.+?) +(\d+) ns there and back", output, re.M)}


class Runs:
    def __init__(self, emulators):
        """emulators: the path for each of CPUS."""
        self.emulators = emulators
        self.stanzas = load_stanzas(os.path.join(ROOT, "tests/guest/guests.cfg"))

    def command(self, payload, side, smp, accel, apic, args):
        stanza = {**self.stanzas[payload], "cpu": CPUS[side], "smp": str(smp)}
        image = os.path.join(ROOT, "build/tests/guest", payload + ".bin")
        return payload_command(stanza, image, accel, apic, self.emulators[side], args)

    def speed(self, trial):
        for apic in APICS:
            for wait, (accel, smp, rounds, few, args, sides) in WAITS.items():
                for side in sides:
                    cmd = self.command("speed", side, smp, accel, apic,
                                       f"{args} n={few if trial else rounds}")
                    yield Case((wait, apic, side), functools.partial(measure.results, cmd))

    @staticmethod
    def host(trial):
        cmd = [HOST, "1000"] if trial else [HOST]
        return [Case(("host",), functools.partial(measure.results, cmd, passes=0))]

    def compute(self, trial):
        for side in CPUS:
            cmd = self.compute_command(side, TRIAL_UNITS if trial else UNITS)
            yield Case(("compute", side), functools.partial(measure.cpu_time, cmd))

    def compute_command(self, side, units):
        return self.command("compute", side, 1, "mttcg", "x2apic", f"n={units}")

    def speed_counts(self):
        for apic in APICS:
            for test, side in COUNTED:
                command = functools.partial(self.one_test, test, side, apic)
                yield Case((test, apic, side),
                           functools.partial(measure.count_round, command, COUNTED_ROUNDS))

    def one_test(self, test, side, apic, rounds):
        return self.command("speed", side, 2, "single", apic,
                            f"wait=pause only={test} n={rounds}")

    def compute_counts(self, units=COUNTED_UNITS, every=1):
        for side in CPUS:
            command = functools.partial(self.compute_command, side)
            yield Case(("compute", side), functools.partial(measure.count_round, command, units),
                       every)

    def boots(self):
        for cpus in "1", "2":
            for side in CPUS:
                cmd = self.boot_command(side, "linux-plain", "mttcg", cpus)
                yield Case(("boot", cpus, side), functools.partial(measure.cpu_time, cmd))

    def disks(self):
        """A Debian disk by its firmware and GRUB, with four vCPUs."""
        disk = os.path.join(folder_from("debian-disk"), "disk.img")
        for side, cpu in CPUS.items():
            cmd = diskboot.command(self.emulators[side], cpu, disk, diskboot.free_port())
            yield Case(("disk", side), functools.partial(to_login, cmd))

    def boot_counts(self):
        """Under icount, as otherwise a slower host would make the guest do more."""
        for side in CPUS:
            cmd = self.boot_command(side, "linux-single", "icount", "2")
            yield Case(("boot", "2", side), functools.partial(measure.count, cmd))

    def inside_linux(self):
        """Two processes on two vCPUs of one boot, by all that they can tell each other with."""
        for apic, stanza in INSIDE.items():
            cmd = self.boot_command("on", stanza, "mttcg", "2", f"pingpong {INSIDE_ROUNDS} 0")
            yield Case(("inside", apic), functools.partial(trips_inside, cmd))

    def boot_command(self, side, stanza, accel, cpus, test="true"):
        """Up to the first process, which does nothing but end the machine unless told otherwise."""
        said = subprocess.run(
            [os.path.join(ROOT, "scripts/run-linux"), "--commands", "--test", test,
             "--variant", f"{accel},{cpus}", "--cpu", CPUS[side],
             "--qemu", self.emulators[side], stanza],
            stdout=subprocess.PIPE, text=True, check=True)
        return shlex.split(said.stdout)
