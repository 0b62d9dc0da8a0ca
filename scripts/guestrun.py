# SPDX-License-Identifier: GPL-2.0-or-later
"""What the runners of guests share: stanzas, accelerators, time limits, verdicts, TAP."""
import configparser
import os
import re
import shlex
import socket
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
QEMU = os.path.join(ROOT, "build/qemu/qemu-system-x86_64")
VERDICTS = {0: "died without a verdict", 1: "QEMU failed",
            35: "payload failed", 124: "timeout"}
PASS = 33

# Deterministic mode is more than -icount: see docs/determinism.md.
ICOUNT = ["-accel", "tcg,thread=single", "-icount", "shift=4,sleep=off",
          "-rtc", "base=2026-01-01T00:00:00,clock=vm", "-seed", "1"]
ACCELS = {
    "mttcg": ["-accel", "tcg,thread=multi"],
    "single": ["-accel", "tcg,thread=single"],
    "icount": ICOUNT,
    "oneinsn": ["-accel", "tcg,thread=multi,one-insn-per-tb=on"],
}

# The port that carries a guest's TAP lines, and the one that ends it with a verdict.
REPORT_PORTS = ["-chardev", "stdio,id=console",
                "-device", "isa-debugcon,iobase=0xe9,chardev=console",
                "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]


def load_stanzas(path):
    config = configparser.ConfigParser(default_section="defaults",
                                       interpolation=None)
    with open(path) as f:
        config.read_file(f)
    return config


def payload_command(stanza, image, accel, apic, qemu=QEMU, args=""):
    """How a bare-metal payload is run; `args` come after the stanza's and overrule them."""
    args = f"apic={apic} accel={accel} {stanza.get('args', '')} {args}"
    cmd = [qemu, "-machine", stanza["machine"], "-nodefaults",
           "-display", "none", "-no-reboot", "-m", stanza["memory"],
           "-cpu", stanza["cpu"], "-smp", stanza["smp"], *ACCELS[accel],
           "-bios", image,
           "-fw_cfg", f"name=opt/farbell/args,string={args.strip()}"]
    # Of two devices that claim a port the later one has it: pc-testdev takes 0xe8-0xeb.
    return cmd + shlex.split(stanza.get("extra", "")) + REPORT_PORTS


def partition_image(elf, words, path):
    """A copy of a payload for a partition (tests/guest/lib/partition.c), with arguments in it."""
    mark = b"partition-args "
    args = mark + words.encode()
    with open(elf, "rb") as f:
        image = f.read()
    room = mark.ljust(len(args), b"\0")
    if room not in image:
        raise ValueError(f"{elf} has no room for arguments")
    with open(path, "wb") as f:
        f.write(image.replace(room, args, 1))
    return path


def folder_from(script, *args):
    """What it prints last. What it says while it downloads or builds is for people."""
    found = subprocess.run([os.path.join(ROOT, "scripts", script), *args],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if found.returncode:
        print("# " + found.stderr.strip().replace("\n", "\n# "))
        sys.exit("Bail out! " + found.stderr.strip().rsplit("\n", 1)[-1])
    return found.stdout.strip()


def free_port():
    """Of the host's own; somebody else may take it before it is used."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def execute_apart(cmd, seconds):
    """What is on stdout, on stderr, and status; SIGKILL at the limit, as a spinning QEMU ignores SIGTERM for
    long."""
    try:
        done = subprocess.run(cmd, stdin=subprocess.DEVNULL, timeout=seconds, capture_output=True)
        status = done.returncode
    except subprocess.TimeoutExpired as late:
        done, status = late, 124
    return done.stdout or b"", done.stderr or b"", status


def guest_first(printed, warned):
    """What QEMU says comes behind the guest's words, so that no warning falls into one or is glued to it."""
    between = b"\n" if printed and warned and not printed.endswith(b"\n") else b""
    return (printed + between + warned).decode(errors="replace")


def execute(cmd, seconds):
    """Output and status."""
    printed, warned, status = execute_apart(cmd, seconds)
    return guest_first(printed, warned), status


class Tap:
    def __init__(self):
        self.count = 0
        self.failed = 0

    def line(self, ok, name, skip=None):
        self.count += 1
        self.failed += not ok
        print(f"{'ok' if ok else 'not ok'} {self.count} - {name}"
              + (f" # SKIP {skip}" if skip else ""), flush=True)

    def end(self):
        print(f"1..{self.count}")
        return 1 if self.failed else 0


def relay(tap, output, status, verdict, variant):
    """Renumber the payload's own lines; a missing verdict is a failure, named `verdict`, and so
    are lines that the payload planned and that did not arrive."""
    summary = False
    plan = None
    failed = seen = 0
    for line in output.splitlines():
        m = re.match(r"(not )?ok \d+ - (\S+)(?: # SKIP (.*))?$", line)
        if m:
            seen += 1
            failed += m[1] is not None
            tap.line(m[1] is None, f"{m[2]} [{variant}]", m[3])
        elif line.startswith("SUMMARY:"):
            summary = True
        elif re.match(r"1\.\.\d+$", line):
            plan = int(line[3:])
        else:
            print(line if line.startswith("#") else f"# {line}")
    if status != PASS and not failed or not summary or not seen or plan not in (None, seen):
        print(f"# {VERDICTS.get(status, 'status %d' % status)}; planned {plan}, arrived {seen}")
        tap.line(False, f"{verdict} [{variant}]")


def timed_run(cmd, seconds, variant, show):
    """Run once; `show` prints the command line first, and how long it took."""
    if show:
        print("# " + shlex.join(cmd), flush=True)
    start = time.monotonic()
    output, status = execute(cmd, seconds)
    if show:
        print(f"# {variant}: {time.monotonic() - start:.2f} s")
    return output, status
