# SPDX-License-Identifier: GPL-2.0-or-later
"""The runs of bench/partition: how long a partition takes to start, and command lines that compute."""
import contextlib
import os
import select
import subprocess
import time

from guestrun import ACCELS, REPORT_PORTS, ROOT, partition_image
from measure import Failure
from qmp import Machine

COMPUTE = os.path.join(ROOT, "build/tests/guest/compute.bin")
COMPUTE_PARTITION = os.path.join(ROOT, "build/tests/partition/compute.elf")
# With the 64 that it maps otherwise the payload needs so many pages that it hangs on the others,
# of the way to it, which size QEMU's TLB grows to.
PAGES = 32
SECONDS = 10
LIMITS = {"start": 100, "restart": 50}      # milliseconds
MEMORY = "0x42000000+128M"

# mov $'!', %al; mov $0x2e9, %dx; out %al, %dx; hlt; jmp to the hlt
SAYS_16 = bytes.fromhex("b021 bae902 ee f4 ebfd")
SAYS_64 = bytes.fromhex("b021 66bae902 ee f4 ebfd")
HALTS = bytes.fromhex("f4 ebfd")


class Lab:
    """The images, and command lines that use them."""

    def __init__(self, qemu, folder):
        self.qemu = qemu
        self.folder = folder
        self.says = self.image("says", self.rom(SAYS_16))
        self.halts = self.image("halts", self.rom(HALTS))
        self.payload = self.image("payload", SAYS_64)
        self.fifo = os.path.join(folder, "fifo")
        os.mkfifo(self.fifo)

    def image(self, name, contents):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as f:
            f.write(contents)
        return path

    @staticmethod
    def rom(code):
        """64 KiB that end with the code of the reset vector."""
        return bytes(0xfff0) + code.ljust(16, b"\0")

    def machine(self, bios, *more):
        return [self.qemu, "-machine", "q35", "-nodefaults", "-display", "none", "-no-reboot",
                "-m", "64", "-cpu", "max,uintr=on", "-smp", "2", *ACCELS["mttcg"], "-bios", bios,
                *more]

    def saying(self, bios, *more):
        return self.machine(bios, "-chardev", f"file,id=fifo,path={self.fifo}", "-device",
                            "isa-debugcon,iobase=0x2e9,chardev=fifo", *more)

    @staticmethod
    def partition(payload, more=""):
        return ["-object", f"uintr-partition,id=rt,cpus=1,memory={MEMORY},"
                           f"ports=0x2e9:0xf4-0xf7,payload={payload}{more}"]

    @contextlib.contextmanager
    def listening(self):
        fd = os.open(self.fifo, os.O_RDONLY | os.O_NONBLOCK)
        try:
            yield fd
        finally:
            os.close(fd)

    def compute(self, side, units):
        """The command line that computes in no partition, in the first, or in the second."""
        if side == "second":
            payload = partition_image(COMPUTE_PARTITION, f"verdict=1 pages={PAGES} n={units}",
                                      os.path.join(self.folder, f"compute-{units}"))
            ports = [word.replace("0xe9", "0x2e9") for word in REPORT_PORTS]
            return self.machine(self.halts, *self.partition(payload), *ports)
        more = [] if side == "none" else self.partition(self.payload, ",start=off")
        return self.machine(COMPUTE, *more, "-fw_cfg",
                            f"name=opt/farbell/args,string=apic=xapic pages={PAGES} n={units}",
                            *REPORT_PORTS)


def wait_byte(fd):
    if not select.select([fd], [], [], SECONDS)[0]:
        raise Failure("no first instruction")
    moment = time.monotonic()
    os.read(fd, 64)
    return moment


def start_process(lab, cmd):
    with lab.listening() as fd:
        begin = time.monotonic()
        process = subprocess.Popen(cmd, stdin=subprocess.DEVNULL)
        try:
            return {"ms": (wait_byte(fd) - begin) * 1000}
        finally:
            process.kill()
            process.wait()


def start_partition(lab):
    """Once from standstill, then as it runs."""
    with lab.listening() as fd, Machine(lab.saying(
            lab.halts, *lab.partition(lab.payload, ",start=off")), lab.folder) as vm:
        figures = {}
        for name in "start", "restart":
            begin = time.monotonic()
            vm.send("qom-set", path="/objects/rt", property="reset", value=True)
            figures[name] = (wait_byte(fd) - begin) * 1000
            vm.answer("return")
        return figures
