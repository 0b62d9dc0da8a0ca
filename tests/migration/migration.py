#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""With uintr=off the patched QEMU is one among others: a running machine goes from the stock
QEMU to the patched one and back, and through a snapshot, and does not notice. With uintr=on the
user-interrupt registers move too, between two patched ones. Print TAP.

  --stock PATH      an unpatched QEMU that is built already, or $FARBELL_STOCK_QEMU
  --qemu PATH       the patched one
  --image PATH      the payload
  --moves N         moves in each chain        --seed N    of the moments to move at
  --one             print the command lines
"""
import argparse
import contextlib
import itertools
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
from guestrun import ACCELS, PASS, QEMU, Tap  # noqa: E402  the path above leads there
from qmp import Error, Machine  # noqa: E402

STOCK = os.path.join(ROOT, "build/stock/qemu-system-x86_64")
CHAINS = [
    ("max", "xapic", "live"), ("max", "x2apic", "live"),
    ("max", "xapic", "file"), ("max", "x2apic", "file"),
    ("qemu64", "xapic", "live"), ("qemu64", "xapic", "file"),
    ("Skylake-Server,check=off", "x2apic", "live"), ("Skylake-Server,check=off", "x2apic", "file"),
]
NUMBERS = itertools.count()
IMAGE = os.path.join(ROOT, "build/tests/guest/migrate.bin")


class Counter(Machine):
    """A machine with the counting payload, which answers on its serial port."""

    def __init__(self, qemu, cpu, apic, options, folder, *more):
        self.path = os.path.join(folder, f"ask-{next(NUMBERS)}")
        command = [qemu, "-machine", "pc-q35-10.0", "-nodefaults", "-display", "none",
                   "-no-reboot", "-m", "64", "-cpu", cpu, "-smp", "2", *ACCELS["mttcg"],
                   "-bios", options.image, "-fw_cfg", f"name=opt/farbell/args,string=apic={apic}",
                   "-chardev", f"socket,id=ask,path={self.path},server=on,wait=off",
                   "-device", "isa-serial,chardev=ask", *more]
        if options.one:
            print("# " + " ".join(command), flush=True)
        super().__init__(command, folder)
        self.serial = socket.socket(socket.AF_UNIX)

    def __enter__(self):
        super().__enter__()
        self.serial.connect(self.path)
        return self

    def __exit__(self, *unused):
        self.serial.close()
        super().__exit__()

    def answers(self):
        return re.findall(r"^# rounds (\d+) (\d+)$", self.printed(), re.M)

    def rounds(self):
        """How often the payload's two CPUs have gone round; proves that both still run."""
        seen = len(self.answers())
        self.serial.sendall(b"p")
        self.wait_until(lambda: len(self.answers()) > seen or self.process.poll() is not None,
                        "the payload")
        if self.process.poll() is not None:
            raise Error("the payload has ended")
        return tuple(map(int, self.answers()[-1]))

    def run_for_a_while(self):
        """To a random moment; both CPUs must go on meanwhile."""
        before = self.rounds()
        time.sleep(random.uniform(0.05, 0.5))
        after = self.rounds()
        if not all(b < a for b, a in zip(before, after)):
            raise Error(f"a CPU stands still: {before} and {after} rounds")

    def registers(self):
        return self.ask("human-monitor-command", command_line="info registers -a")

    def finish(self):
        """Let the payload end, and believe its verdict."""
        self.serial.sendall(b"q")
        if self.wait_end() != PASS or "SUMMARY: 1 passed" not in self.printed():
            raise Error("the payload says that something is wrong")

    def last_words(self):
        return (self.printed() + self.complaint()).splitlines()[-6:]


def move_live(source, target, path):
    target.ask("migrate-incoming", uri="unix:" + path)
    source.ask("migrate", uri="unix:" + path)
    source.wait_until(lambda: source.ask("query-migrate").get("status") in
                      ("completed", "failed"), "the end of the migration")
    target.wait_until(lambda: target.ask("query-status")["status"] == "running", "the target")


def move_by_file(source, target, path):
    """The source stands still, so that the registers of both can be compared."""
    source.save(path)
    target.ask("migrate-incoming", uri="file:" + path)
    target.wait_until(lambda: target.ask("query-status")["status"] == "paused", "the target")
    if source.registers() != target.registers():
        raise Error(f"registers differ:\n{source.registers()}\n{target.registers()}")
    target.ask("cont")


MOVES = {"live": move_live, "file": move_by_file}


def chain(folder, cpu, apic, how, emulators, options):
    """From the first emulator to the second and back, and again."""
    with contextlib.ExitStack() as stack:
        machines = [stack.enter_context(Counter(emulators[0], cpu, apic, options, folder))]
        try:
            machines[0].wait_line("# counting")
            for i in range(1, options.moves + 1):
                machines[-1].run_for_a_while()
                machines.append(stack.enter_context(Counter(
                    emulators[i % 2], cpu, apic, options, folder, "-incoming", "defer")))
                MOVES[how](*machines[-2:], os.path.join(folder, "stream"))
                machines[-2].process.kill()
            machines[-1].run_for_a_while()
            machines[-1].finish()
        except (Error, OSError) as error:
            raise Error("\n".join([str(error)] + [
                f"machine {i}: {line}" for i, machine in enumerate(machines)
                for line in machine.last_words()])) from error


def snapshot(machine, what):
    machine.ask(what, job_id=what, tag="here", vmstate="disk", devices=["disk"])
    machine.wait_until(lambda: machine.ask("query-jobs")[0]["status"] == "concluded", what)
    error = machine.ask("query-jobs")[0].get("error")
    machine.ask("job-dismiss", id=what)
    if error:
        raise Error(f"{what}: {error}")


def snapshots(folder, apic, options):
    """Back in time in the same process."""
    disk = os.path.join(folder, f"{apic}.qcow2")
    subprocess.run([os.path.join(os.path.dirname(QEMU), "qemu-img"), "create", "-q", "-f",
                    "qcow2", disk, "256M"], check=True)
    with Counter(options.qemu, "max", apic, options, folder, "-blockdev",
                 f"qcow2,node-name=disk,file.driver=file,file.filename={disk}") as machine:
        machine.wait_line("# counting")
        machine.run_for_a_while()
        snapshot(machine, "snapshot-save")
        time.sleep(1)
        late = machine.rounds()
        snapshot(machine, "snapshot-load")
        early = machine.rounds()
        if early >= late:
            raise Error(f"nothing was loaded: {early} rounds, {late} before")
        machine.run_for_a_while()
        machine.finish()


def attempt(tap, name, test, *arguments):
    try:
        test(*arguments)
    except (Error, OSError, subprocess.SubprocessError) as error:
        print("".join(f"# {line}\n" for line in str(error).splitlines()), end="")
        tap.line(False, name)
        return
    tap.line(True, name)


def all_tests(tap, folder, options):
    there_and_back = [options.stock, options.qemu]
    for cpu, apic, how in CHAINS:
        attempt(tap, f"/migration/stock-patched-stock/{how} [{cpu},{apic}]",
                chain, folder, cpu, apic, how, there_and_back, options)
    for apic in "xapic", "x2apic":
        attempt(tap, f"/migration/snapshot [{apic}]", snapshots, folder, apic, options)
        attempt(tap, f"/migration/uintr [{apic}]", chain, folder, "max,uintr=on", apic, "live",
                [options.qemu] * 2, options)


def parse():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--stock", default=os.environ.get("FARBELL_STOCK_QEMU"))
    parser.add_argument("--qemu", default=QEMU)
    parser.add_argument("--image", default=IMAGE)
    parser.add_argument("--moves", type=int, default=4)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--one", action="store_true")
    return parser.parse_args()


def main():
    options = parse()
    if not options.stock:
        subprocess.run([os.path.join(ROOT, "scripts/build-stock")], stdout=sys.stderr, check=True)
        options.stock = STOCK
    random.seed(options.seed)
    print(f"# --seed {options.seed}")
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="farbell-") as folder:
        all_tests(tap, folder, options)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
