# SPDX-License-Identifier: GPL-2.0-or-later
"""Hunts in a guest that people bring: a snapshot of it is restored and a command is typed."""
import collections
import contextlib
import dataclasses
import os
import queue
import random
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time

from complaint import complaint_of_books
from guestrun import ICOUNT
from qmp import Error, Monitor

CONSOLE = "console.txt"
# "# ", "me@host:~$ ", "/ # " as BusyBox has it, "[me@host ~]$ " as Fedora.
PROMPT = r"^(?:\[\S+ \S+\]|[/~]\S* |\S*)[#$>] \Z"
LOOK_SECONDS = 0.01
QUIET = 1 << 20                 # instructions in which nothing comes behind a prompt
END_SECONDS = 10                # for the reports
CUTS = ["-accel", "-icount", "-rtc", "-seed", "-serial", "-display", "-enable-kvm"]
SLOW = [0, 0, 1 << 10, 1 << 13, 1 << 16]


class Mistake(Exception):
    """Of the command line."""


def check(options):
    """What must be there for a seed to mean anything."""
    for name in "snapshot", "type", "fail":
        if getattr(options, name) is None:
            raise Mistake(f"--image needs --{name}")
    for word in options.words:
        if word in CUTS:
            raise Mistake(f"leave {word} out of the words behind --: a seed means something only "
                          f"under icount with one thread and a date of its own, so hunt gives\n  "
                          f"{shlex.join(machine_words(options))}\n"
                          "The snapshot must have been made with the same.")
    for pattern in options.fail, options.passes:
        try:
            re.compile(pattern)
        except re.error as error:
            raise Mistake(f"'{pattern}' is no regular expression: {error}") from error


def machine_words(options):
    """Deterministic mode (docs/determinism.md), and a console that is a file."""
    words = [word.replace("shift=4", f"shift={options.shift}") for word in ICOUNT]
    return words + ["-display", "none", "-chardev", f"file,id=console,path={CONSOLE}",
                    "-serial", "chardev:console"]


def cpus_of(words):
    """How many CPUs -smp gives."""
    for option, value in zip(words, words[1:]):
        if option == "-smp":
            return int(re.search(r"\d+", value)[0])
    return 1


def draw_noise(seed, cpus):
    """A slow console, a starved CPU: four of five seeds have one or the other."""
    drawn = random.Random(seed)
    slow, starved = drawn.choice(SLOW), drawn.randrange(-cpus, cpus)
    words = [f"slow-console={slow}"] if slow else []
    return ",".join(words + ([f"starved={starved}"] if starved >= 0 and cpus > 1 else []))


class Disks:
    """A copy of the disk for each run at a time; a restored snapshot has all of it again."""

    def __init__(self, disk, folder):
        self.disk, self.folder, self.free = disk, folder, queue.SimpleQueue()

    @contextlib.contextmanager
    def borrow(self):
        try:
            copy = self.free.get_nowait()
        except queue.Empty:
            number, copy = tempfile.mkstemp(dir=self.folder, suffix=".qcow2")
            os.close(number)
            shutil.copyfile(self.disk, copy)
        try:
            yield copy
        finally:
            self.free.put(copy)


def read(path):
    try:
        with open(path, errors="replace", newline="") as f:
            return f.read().replace("\r\n", "\n")
    except OSError:
        return ""


class Verdict:
    """What the console says so far: the first of both patterns counts."""

    def __init__(self, options):
        self.fail, self.passes = (re.compile(pattern, re.M)
                                  for pattern in (options.fail, options.passes))

    def complaint(self, text):
        """"" if it passed; None if it said neither."""
        failed, passed = self.fail.search(text), self.passes.search(text)
        if failed and not (passed and passed.start() < failed.start()):
            return f"the console says '{failed[0].strip()}'"
        return "" if passed else None


class Waiting:
    """For one of the patterns. A prompt is one if nothing comes behind it for a while of the
    guest's time: the host may not let it run."""

    def __init__(self, verdict, quiet):
        self.verdict, self.quiet = verdict, quiet
        self.text = self.since = self.asked = None

    def is_over(self, text, clock):
        """`clock` is asked behind a look at the console, so that what it says is no earlier."""
        if self.verdict.fail.search(text):
            return True
        if not self.verdict.passes.search(text):
            return False
        if text == self.text and self.asked - self.since >= self.quiet:
            return True
        self.asked = clock()
        if text != self.text:
            self.text, self.since = text, self.asked
        return False


class GuestRuns:
    """The part of a hunt that differs from one over payloads."""

    def prepare(self):
        self.disks = Disks(self.image, self.folder)
        self.verdict = Verdict(self.options)
        self.elf = self.options.elf or ""

    def close(self):
        """Nothing waits for the next run."""

    def command(self, schedule, books, report):
        """With the names of the disk and of the console as people would write them."""
        o = self.options
        words = [o.qemu, *o.words, *machine_words(o)]
        if not any(self.image in word for word in o.words):
            words += ["-drive", f"if=none,format=qcow2,file={self.image}"]
        typed = o.type.replace(",", ",,")
        words += ["-loadvm", o.snapshot, "-object", f"uintr-ledger,id=ledger,report={books}",
                  "-object", f"uintr-schedule,id=schedule,console=console,input={typed},"
                  f"report={report}" + schedule.option()]
        return words

    def execute(self, schedule, books, report):
        """What the console says until one of the patterns is there, and how QEMU ended."""
        with self.disks.borrow() as disk, \
                tempfile.TemporaryDirectory(dir=self.folder) as folder:
            console = os.path.join(folder, CONSOLE)
            command = [word.replace(self.image, disk).replace(f"path={CONSOLE}", f"path={console}")
                       for word in self.command(schedule, books, report)]
            with open(os.path.join(folder, "said"), "w+") as said:
                status = self.attend(command, console, said)
                said.seek(0)
                return read(console), (status, said.read())

    def attend(self, command, console, said):
        monitor = Monitor(command, stdout=said, stderr=subprocess.STDOUT)
        try:
            with monitor:
                self.watch(monitor, console)
                return self.end(monitor.process)
        except Error:
            return self.end(monitor.process)

    def watch(self, monitor, console):
        waiting = Waiting(self.verdict, QUIET << self.options.shift)
        limit = time.monotonic() + self.options.limit
        while monitor.process.poll() is None and time.monotonic() < limit:
            if waiting.is_over(read(console), lambda: monitor.ask(
                    "qom-get", path="/objects/schedule", property="time")):
                return
            time.sleep(LOOK_SECONDS)

    @staticmethod
    def end(process):
        """By SIGTERM it writes its reports."""
        process.terminate()
        try:
            return process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def complain(self, ended, output, books):
        complaint = self.verdict.complaint(output)
        if complaint:
            return complaint
        status, said = ended
        if status not in (0, -signal.SIGTERM):
            return f"QEMU ended with {status}: {said.strip()}"
        if complaint is None:
            return f"the console says nothing of both in {self.options.limit} s"
        return complaint_of_books(books)

    def schedules(self, points):
        cpus = cpus_of(self.options.words)
        for schedule in super().schedules(points):
            yield dataclasses.replace(schedule, noise=draw_noise(schedule.seed, cpus))

    def calmer(self, schedule, run):
        """The same without a word of noise, or without the decisions of a kind."""
        noise = schedule.noise.split(",") if schedule.noise else []
        for word in noise:
            yield dataclasses.replace(schedule, noise=",".join(w for w in noise if w != word))
        decided = run.decided()
        for kind, _ in collections.Counter(d["kind"] for d in decided).most_common():
            left = [str(d["point"]) for d in decided if d["kind"] != kind]
            yield dataclasses.replace(schedule, only=":".join(left) or "none")

    def cut_down(self, pool, schedule, run):
        """A run takes long: what is many goes first."""
        done = False
        while not done and not self.is_late():
            done = True
            for calmer in filter(lambda calmer: calmer.fits(), self.calmer(schedule, run)):
                tried = self.run(calmer)
                if tried.complaint:
                    schedule, run, done = calmer, tried, False
                    break
        return super().cut_down(pool, schedule, run)

    def target(self):
        o = self.options
        words = ["--image", self.image, "--snapshot", o.snapshot, "--type", o.type,
                 "--fail", o.fail]
        return words + (["--pass", o.passes] if o.passes != PROMPT else [])

    def settings(self):
        o = self.options
        words = ["--shift", str(o.shift), "--limit", str(o.limit)]
        return words + (["--elf", o.elf] if o.elf else []) + self.emulator() + ["--", *o.words]
