# SPDX-License-Identifier: GPL-2.0-or-later
"""GP and RT in one process or in two, from the layouts that people copy."""
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
from guestrun import QEMU, REPORT_PORTS, partition_image  # noqa: E402

SECONDS = 60
GP = os.path.join(ROOT, "build/guests/gp/gp.bin")
PARKED = os.path.join(ROOT, "build/guests/parked.bin")
HV = os.path.join(ROOT, "build/guests/hv/hv.bin")
FIXED = ["-machine", "q35", "-cpu", "max,uintr=on", "-nodefaults", "-display", "none",
         "-no-reboot"]


class Monitor:
    """The monitor of a machine of start_one(), for commands that return nothing."""

    def __init__(self, world):
        self.socket = socket.socket(socket.AF_UNIX)
        end = time.monotonic() + SECONDS
        while self.socket.connect_ex(world.path("monitor")):
            if time.monotonic() > end:
                raise OSError("QEMU's monitor does not answer")
            time.sleep(0.01)
        self.lines = self.socket.makefile("r")
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        """True if it was done; the machine may have ended by itself."""
        words = json.dumps({"execute": command, "arguments": arguments})
        try:
            self.socket.sendall(words.encode())
            return any('"return"' in line for line in self.lines)
        except OSError:
            return False

    def close(self):
        self.lines.close()
        self.socket.close()


class World:
    """A folder for the copies of the layouts, and the processes that run from them."""

    def __init__(self, payload, args="", accel=(), gp_args="", gp=GP, ends="verdict=1", qemu=QEMU,
                 hv=False):
        self.folder = tempfile.TemporaryDirectory()
        self.accel = list(accel)
        self.gp_args = gp_args
        self.gp = gp
        self.qemu = qemu
        self.hv = hv
        self.payload = partition_image(os.path.join(ROOT, "build/tests/forward", payload),
                                       f"{ends} apic=xapic {args}", self.path("rt.elf"))
        self.processes = []

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def layout(self, name):
        with open(os.path.join(ROOT, "scripts/layouts", name + ".cfg")) as f:
            text = f.read()
        text = re.sub(r'(payload|file) = "build/(?:tests|guests/programs)/.*"', rf'\1 = "{self.payload}"', text)
        text = text.replace("build/guests/gp/gp.bin", self.gp)
        text = text.replace("build/second.log", self.path("rt.log"))
        text = text.replace("build/hv.log", self.path("hv.log"))
        with open(self.path(name + ".cfg"), "w") as f:
            f.write(text)
        return ["-readconfig", self.path(name + ".cfg")]

    def start(self, words, log):
        words = [self.qemu] + FIXED + self.accel + words + REPORT_PORTS
        with open(self.path(log), "a") as f:
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=f,
                                       stderr=subprocess.STDOUT, cwd=ROOT)
        self.processes.append(process)
        return process

    def bios(self, image):
        """A hypervisor has the image as a file beside it (scripts/layouts/*hv*.cfg)."""
        return ["-bios", HV if self.hv else image]

    def gp_words(self):
        return [*self.bios(self.gp), "-fw_cfg", f"name=opt/farbell/args,string=apic=xapic {self.gp_args}"]

    def start_one(self, *more):
        return self.start(self.gp_words() + self.layout("forward-hv" if self.hv else "forward") + list(more), "gp.log")

    def monitor_words(self):
        return ["-qmp", f"unix:{self.path('monitor')},server=on,wait=off"]

    def gp_link(self):
        return ["-chardev", f"socket,id=c,path={self.path('link')},server=on,wait=off",
                *self.layout("forward-gp"), *(self.layout("hv-gp") if self.hv else [])]

    def start_gp(self, *more):
        return self.start(self.gp_words() + self.gp_link() + list(more), "gp.log")

    def start_rt(self, *more):
        link = f"socket,id=c,path={self.path('link')},reconnect-ms=50"
        layout = self.layout("forward-hv-rt" if self.hv else "forward-rt")
        return self.start([*self.bios(PARKED), "-chardev", link, *layout, *more],
                          "rt-machine.log")

    def read(self, log):
        try:
            with open(self.path(log), errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def wait(self, process, seconds):
        """The status of a process that has RT in it, 124 if it does not end in time."""
        end = time.monotonic() + seconds
        while process.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        return 124 if process.poll() is None else process.returncode

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        self.folder.cleanup()
