# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs of a machine that is made once: QEMU goes back to its start for each (hw/runs)."""
import os
import select
import socket
import subprocess
import tempfile

from guestrun import guest_first

OPAQUE = "uintr-runs"
MOST_OUTPUT = 1 << 24


class Said:
    """What QEMU writes to a file without a name, run after run."""

    def __init__(self, folder):
        self.file, self.seen = tempfile.TemporaryFile(dir=folder), 0

    def new(self):
        said = os.pread(self.file.fileno(), MOST_OUTPUT, self.seen)
        self.seen += len(said)
        return said


class ServedRuns:
    """One QEMU, which does one run after the other; if it dies of one, the next has another."""

    def __init__(self, command, folder):
        self.command, self.folder, self.process = command, folder, None

    def start(self):
        self.socket, theirs = socket.socketpair()
        fd = theirs.fileno()
        self.printed, self.warned = Said(self.folder), Said(self.folder)
        self.process = subprocess.Popen(
            self.command + ["-add-fd", f"fd={fd},set=1,opaque={OPAQUE}"], pass_fds=[fd],
            stdin=subprocess.DEVNULL, stdout=self.printed.file, stderr=self.warned.file)
        theirs.close()

    def ask(self, line, seconds):
        """The run's status; "" if QEMU is gone, None if it is late."""
        try:
            self.socket.sendall(line.encode() + b"\n")
            if not select.select([self.socket], [], [], seconds)[0]:
                return None
            return self.socket.recv(16).decode()
        except OSError:
            return ""

    def run(self, properties, seconds):
        """Output and status of a run with these properties, ID.NAME: VALUE."""
        if not self.process:
            self.start()
        answer = self.ask(",".join(f"{name}={value}" for name, value in properties.items()),
                          seconds)
        status = int(answer) if answer else self.end(late=answer is None)
        return guest_first(self.printed.new(), self.warned.new()), status

    def end(self, late=False):
        """Its status, by itself unless it is late."""
        if not self.process:
            return 0
        self.socket.close()
        if late:
            self.process.kill()
        status, self.process = self.process.wait(), None
        return 124 if late else status
