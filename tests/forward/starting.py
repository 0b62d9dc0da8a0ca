# SPDX-License-Identifier: GPL-2.0-or-later
"""How long both guests take until a process of RT has said hello and a shadow of GP has shown it."""
import os
import time

from machines import ROOT, World
from guestrun import ACCELS, PASS, QEMU

RT = f"{ROOT}/build/guests/programs/rt.elf"
SECONDS = 60
STEP = 0.001


def used(world):
    """Milliseconds of the host's processors that the emulators have used."""
    ticks = 0
    for process in world.processes:
        with open(f"/proc/{process.pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks * 1000 // os.sysconf("SC_CLK_TCK")


def watch(world, line, begin):
    """Milliseconds until GP shows it, and those of processors; None if it does not."""
    def lives():
        return all(process.poll() is None for process in world.processes)

    while time.monotonic() < begin + SECONDS and (line in world.read("gp.log") or lives()):
        if line in world.read("gp.log"):
            return (time.monotonic() - begin) * 1000, used(world)
        time.sleep(STEP)
    return None


def start(form, qemu=QEMU):
    """When GP was ready and when both were at work, or None."""
    world = World(RT, "run=hello timeout=30000", qemu=qemu)
    try:
        begin = time.monotonic()
        if form == "two":
            world.start_gp(*ACCELS["mttcg"])
            rt = world.start_rt(*ACCELS["mttcg"])
        else:
            rt = world.start_one(*ACCELS["mttcg"])
        ready = watch(world, "# GP is ready", begin)
        both = watch(world, "hello from process", begin)
        return (ready, both) if both and world.wait(rt, SECONDS) == PASS else None
    finally:
        world.close()
