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
import os
import random
import subprocess
import sys
import tempfile
import time

from machine import Machine, Refused

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
from guestrun import QEMU, REPORT_PORTS, Tap  # noqa: E402  the path above leads there

STOCK = os.path.join(ROOT, "build/stock/qemu-system-x86_64")
CHAINS = [
    ("max", "xapic", "live"), ("max", "x2apic", "live"),
    ("max", "xapic", "file"), ("max", "x2apic", "file"),
    ("qemu64", "xapic", "live"), ("qemu64", "xapic", "file"),
    ("Skylake-Server,check=off", "x2apic", "live"), ("Skylake-Server,check=off", "x2apic", "file"),
]
IMAGE = os.path.join(ROOT, "build/tests/guest/migrate.bin")


def start(qemu, cpu, apic, options, *more):
    command = [qemu, "-machine", "pc-q35-10.0", "-nodefaults", "-display", "none", "-no-reboot",
               "-m", "64", "-cpu", cpu, "-smp", "2", "-accel", "tcg,thread=multi",
               "-bios", options.image, *REPORT_PORTS,
               "-fw_cfg", f"name=opt/farbell/args,string=apic={apic}", *more]
    return Machine(command, options.one)


def run_for_a_while(machine):
    """To a random moment; both CPUs must go on meanwhile."""
    before = machine.rounds()
    time.sleep(random.uniform(0.05, 0.5))
    after = machine.rounds()
    if not all(b < a for b, a in zip(before, after)):
        raise Refused(f"a CPU stands still: {before} and {after} rounds")


def migrate(source, uri):
    source.qmp.command("migrate", uri=uri)
    source.wait_status("query-migrate", "status", ("completed",), ("failed", "cancelled"))


def move_live(source, target, path):
    target.qmp.command("migrate-incoming", uri="unix:" + path)
    migrate(source, "unix:" + path)
    target.wait_status("query-status", "status", ("running",))


def move_by_file(source, target, path):
    """The source stands still, so that the registers of both can be compared."""
    source.qmp.command("stop")
    migrate(source, "file:" + path)
    target.qmp.command("migrate-incoming", uri="file:" + path)
    target.wait_status("query-status", "status", ("paused",), ("running",))
    if source.registers() != target.registers():
        raise Refused(f"registers differ:\n{source.registers()}\n{target.registers()}")
    target.qmp.command("cont")


MOVES = {"live": move_live, "file": move_by_file}


def last_words(machines):
    return [f"machine {i}: {line}" for i, machine in enumerate(machines)
            for line in machine.lines[-6:]]


def chain(folder, cpu, apic, how, emulators, options):
    """From the first emulator to the second and back, and again."""
    machines = [start(emulators[0], cpu, apic, options)]
    try:
        machines[0].wait_line("# counting")
        for i in range(1, options.moves + 1):
            run_for_a_while(machines[-1])
            machines.append(start(emulators[i % 2], cpu, apic, options, "-incoming", "defer"))
            MOVES[how](*machines[-2:], os.path.join(folder, "stream"))
            machines[-2].kill()
        run_for_a_while(machines[-1])
        machines[-1].finish()
    except (Refused, OSError) as error:
        raise Refused("\n".join([str(error)] + last_words(machines))) from error
    finally:
        for machine in machines:
            machine.kill()


def snapshot(machine, job, what):
    machine.qmp.command(what, **{"job-id": job, "tag": "here", "vmstate": "disk",
                                 "devices": ["disk"]})
    while True:
        jobs = [j for j in machine.qmp.command("query-jobs") if j["id"] == job]
        if jobs and jobs[0]["status"] == "concluded":
            break
        time.sleep(0.02)
    machine.qmp.command("job-dismiss", id=job)
    if "error" in jobs[0]:
        raise Refused(f"{what}: {jobs[0]['error']}")


def snapshots(folder, apic, options):
    """Back in time in the same process."""
    disk = os.path.join(folder, f"{apic}.qcow2")
    subprocess.run([os.path.join(os.path.dirname(QEMU), "qemu-img"), "create", "-q", "-f",
                    "qcow2", disk, "256M"], check=True)
    machine = start(options.qemu, "max", apic, options, "-blockdev",
                    f"qcow2,node-name=disk,file.driver=file,file.filename={disk}")
    try:
        machine.wait_line("# counting")
        run_for_a_while(machine)
        snapshot(machine, "save", "snapshot-save")
        time.sleep(1)
        late = machine.rounds()
        snapshot(machine, "load", "snapshot-load")
        early = machine.rounds()
        if early >= late:
            raise Refused(f"nothing was loaded: {early} rounds, {late} before")
        run_for_a_while(machine)
        machine.finish()
    finally:
        machine.kill()


def attempt(tap, name, test, *arguments):
    try:
        test(*arguments)
    except (Refused, OSError, subprocess.SubprocessError) as error:
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
