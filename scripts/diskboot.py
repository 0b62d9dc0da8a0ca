# SPDX-License-Identifier: GPL-2.0-or-later
"""Boots of the disk that scripts/debian-disk makes, by its firmware, up to the login prompt."""
import os
import socket
import subprocess
import tempfile
import time

LOGIN = b"farbell login: "
LOOK_SECONDS = 0.05


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def command(qemu, cpu, disk, port):
    """As people type it; nothing is written to the disk."""
    return [qemu, "-machine", "q35", "-smp", "4", "-m", "4G", "-cpu", cpu,
            "-drive", f"file={disk},format=raw", "-snapshot",
            "-net", f"user,hostfwd=tcp:127.0.0.1:{port}-:22", "-net", "nic,model=e1000e"]


class Boot:
    """The end of the with block ends QEMU; `cpu` is then what it took."""

    def __init__(self, cmd):
        self.console = tempfile.NamedTemporaryFile()
        self.errors = tempfile.NamedTemporaryFile()
        self.start = time.monotonic()
        self.cpu = None
        self.process = subprocess.Popen(
            cmd + ["-display", "none", "-serial", f"file:{self.console.name}"],
            stdin=subprocess.DEVNULL, stdout=self.errors, stderr=subprocess.STDOUT)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.kill()
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self.cpu = usage.ru_utime + usage.ru_stime

    def printed(self):
        with open(self.console.name, "rb") as f:
            return f.read()

    def said(self):
        """What QEMU itself wrote."""
        with open(self.errors.name) as f:
            return f.read()

    def wait_login(self, seconds):
        """How long it took; None if it did not come."""
        while LOGIN not in self.printed():
            if time.monotonic() - self.start > seconds or self.has_ended():
                return None
            time.sleep(LOOK_SECONDS)
        return time.monotonic() - self.start

    def has_ended(self):
        """Looks, and leaves the process to __exit__."""
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
