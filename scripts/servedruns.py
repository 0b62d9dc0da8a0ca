# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs of a machine that is made once: QEMU goes back to its start for each (hw/runs)."""
import os
import select
import socket
import subprocess
import tempfile

OPAQUE = "uintr-runs"


class ServedRuns:
    """One QEMU, which does one run after the other."""

    def __init__(self, command, folder):
        self.command, self.folder, self.process = command, folder, None

    def start(self):
        self.socket, theirs = socket.socketpair()
        fd = theirs.fileno()
        self.said = tempfile.TemporaryFile(dir=self.folder)
        self.read = 0
        self.process = subprocess.Popen(
            self.command + ["-add-fd", f"fd={fd},set=1,opaque={OPAQUE}"], pass_fds=[fd],
            stdin=subprocess.DEVNULL, stdout=self.said, stderr=subprocess.STDOUT)
        theirs.close()

    def run(self, properties, seconds):
        """Output and status of a run with these properties, ID.NAME: VALUE."""
        if not self.process:
            self.start()
        line = ",".join(f"{name}={value}" for name, value in properties.items())
        self.socket.sendall(line.encode() + b"\n")
        late = not select.select([self.socket], [], [], seconds)[0]
        answer = b"" if late else self.socket.recv(16)
        output = os.pread(self.said.fileno(), 1 << 24, self.read)
        self.read += len(output)
        if not answer:
            status = self.end()
        return output.decode(errors="replace"), \
            124 if late else int(answer) if answer else status

    def end(self):
        if not self.process:
            return 0
        self.socket.close()
        self.process.kill()
        status, self.process = self.process.wait(), None
        self.said.close()
        return status
