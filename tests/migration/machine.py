# SPDX-License-Identifier: GPL-2.0-or-later
"""One QEMU with the counting payload in it, driven over QMP and the payload's serial port."""
import json
import os
import socket
import subprocess
import threading
import time


class Refused(Exception):
    """QEMU said no, or ended when it should not."""


class Qmp:
    def __init__(self, stream):
        self.stream = stream
        self.file = stream.makefile("r")
        self.file.readline()
        self.command("qmp_capabilities")

    def command(self, name, **arguments):
        text = json.dumps({"execute": name, "arguments": arguments})
        self.stream.sendall(text.encode() + b"\n")
        for line in self.file:
            answer = json.loads(line)
            if "error" in answer:
                raise Refused(answer["error"]["desc"])
            if "return" in answer:
                return answer["return"]
        raise Refused(f"QEMU ended during {name}")


class Machine:
    """Sockets are made here and handed over, so that nothing waits for QEMU to make them."""
    limit = 120

    def __init__(self, command, show=False):
        qmp, qmp_theirs = socket.socketpair()
        self.serial, serial_theirs = socket.socketpair()
        ours = ["-chardev", f"socket,id=qmp,fd={qmp_theirs.fileno()}", "-mon",
                "chardev=qmp,mode=control",
                "-chardev", f"socket,id=ask,fd={serial_theirs.fileno()}",
                "-device", "isa-serial,chardev=ask"]
        if show:
            print("# " + " ".join(command + ours), flush=True)
        self.process = subprocess.Popen(
            command + ours, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
            pass_fds=[qmp_theirs.fileno(), serial_theirs.fileno()])
        qmp_theirs.close()
        serial_theirs.close()
        self.lines = []
        self.news = threading.Condition()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        try:
            self.qmp = Qmp(qmp)
        except (Refused, OSError) as error:
            self.kill()
            raise Refused(f"QEMU did not start: {self.lines}") from error

    def read(self):
        for line in self.process.stdout:
            with self.news:
                self.lines.append(line.rstrip("\n"))
                self.news.notify_all()
        with self.news:
            self.news.notify_all()

    def wait_line(self, start, first=0):
        """The first line from number `first` on that starts so."""
        end = time.monotonic() + self.limit
        with self.news:
            while True:
                for line in self.lines[first:]:
                    if line.startswith(start):
                        return line
                if not self.reader.is_alive() or time.monotonic() > end:
                    raise Refused(f"no '{start}' from the payload")
                self.news.wait(1)

    def rounds(self):
        """How often the payload's two CPUs have gone round; proves that both still run."""
        seen = len(self.lines)
        self.serial.sendall(b"p")
        words = self.wait_line("# rounds", seen).split()
        return int(words[2]), int(words[3])

    def wait_status(self, query, key, good, bad=()):
        end = time.monotonic() + self.limit
        while time.monotonic() < end:
            status = self.qmp.command(query).get(key)
            if status in good:
                return
            if status in bad:
                raise Refused(f"{query}: {status}")
            time.sleep(0.02)
        raise Refused(f"{query}: no {good} in {self.limit} s")

    def registers(self):
        return self.qmp.command("human-monitor-command", **{"command-line": "info registers -a"})

    def finish(self):
        """Let the payload end, and believe its verdict."""
        self.serial.sendall(b"q")
        self.wait_line("SUMMARY:")
        if self.process.wait(self.limit) != 33:
            raise Refused("the payload says that something is wrong")

    def kill(self):
        self.process.kill()
        self.process.wait()
