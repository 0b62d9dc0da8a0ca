# SPDX-License-Identifier: GPL-2.0-or-later
"""A QEMU that a test talks to: its monitor by QMP, and the lines that its guest prints."""
import contextlib
import json
import socket
import subprocess
import tempfile
import time

PATIENCE = 60
END_SECONDS = 10


class Error(Exception):
    """QEMU refused a command, died or kept the test waiting."""


class Monitor:
    """Starts the command with a monitor; the end of the with block ends the process, whatever it
    does."""

    def __init__(self, command, **streams):
        self.socket, theirs = socket.socketpair()
        self.socket.settimeout(PATIENCE)
        self.process = subprocess.Popen(
            command + ["-chardev", f"socket,id=qmp,fd={theirs.fileno()}",
                       "-mon", "chardev=qmp,mode=control"],
            stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], **streams)
        theirs.close()
        self.file = self.socket.makefile("r")

    def __enter__(self):
        try:
            self.answer("QMP")
            self.ask("qmp_capabilities")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *unused):
        self.process.kill()
        self.process.wait()
        self.file.close()
        self.socket.close()

    def complaint(self):
        """What QEMU said, where somebody has kept it."""
        return ""

    def gone(self):
        """It is about to end, and has its own status then."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(END_SECONDS)
        return Error(f"QEMU is gone: {self.complaint()}")

    def answer(self, key):
        """The next message with that key; events in between are dropped."""
        try:
            for line in self.file:
                message = json.loads(line)
                if "error" in message:
                    raise Error(message["error"]["desc"])
                if key in message:
                    return message[key]
        except OSError as error:
            raise Error(f"no answer from the monitor: {error}") from error
        raise self.gone()

    def event(self, name):
        """The data of the next event of that name; what comes before is dropped."""
        try:
            for line in self.file:
                message = json.loads(line)
                if message.get("event") == name:
                    return message.get("data")
        except OSError as error:
            raise Error(f"no event {name}: {error}") from error
        raise self.gone()

    def send(self, command, **arguments):
        """Without waiting for the answer."""
        arguments = {name.replace("_", "-"): value for name, value in arguments.items()}
        try:
            self.socket.sendall(json.dumps({"execute": command,
                                            "arguments": arguments}).encode())
        except OSError as error:
            raise self.gone() from error

    def ask(self, command, **arguments):
        self.send(command, **arguments)
        return self.answer("return")

    def show(self, line):
        """What a command of the human monitor prints."""
        return self.ask("human-monitor-command", command_line=line).replace("\r\n", "\n").strip()

    def monitor(self, line):
        """A command of the human monitor; what it prints is an error."""
        said = self.show(line)
        if said:
            raise Error(f"{line}: {said}")


class Machine(Monitor):
    """The same, and what its guest prints."""

    def __init__(self, command, folder=None):
        self.folder = folder or tempfile.mkdtemp()
        self.console = tempfile.NamedTemporaryFile(dir=self.folder)
        self.stderr = tempfile.NamedTemporaryFile(dir=self.folder)
        self.position = 0
        super().__init__(
            command + ["-chardev", f"file,id=console,path={self.console.name}",
                       "-device", "isa-debugcon,iobase=0xe9,chardev=console",
                       "-device", "isa-debug-exit,iobase=0xf4,iosize=4"],
            stdout=subprocess.DEVNULL, stderr=self.stderr)

    def __exit__(self, *unused):
        super().__exit__()
        self.console.close()
        self.stderr.close()

    def complaint(self):
        """What QEMU wrote to stderr."""
        with open(self.stderr.name) as f:
            return f.read().strip()

    def printed(self):
        with open(self.console.name, errors="replace") as f:
            return f.read()

    def wait_until(self, condition, what):
        limit = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > limit:
                raise Error(f"waited in vain for {what}")
            time.sleep(0.005)

    def wait_line(self, text):
        """Until the guest prints that line; the next call looks behind it."""
        def seen():
            at = self.printed().find(text + "\n", self.position)
            if at >= 0:
                self.position = at + len(text) + 1
            return at >= 0 or self.process.poll() is not None
        self.wait_until(seen, f"'{text}'")
        if self.process.poll() is not None:
            raise Error(f"QEMU ended before '{text}': {self.printed()} {self.complaint()}")

    def wait_end(self):
        """Exit status, once the guest has given its verdict."""
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired as late:
            raise Error(f"the guest does not end: {self.standing()}") from late

    def standing(self):
        """Where a machine is that should be elsewhere, for the report of a test."""
        try:
            status = self.ask("query-status")["status"]
            registers = self.show("info registers -a").splitlines()
        except Error as error:
            return str(error)
        return " ".join([status] + [line for line in registers
                                    if line.startswith(("CPU#", "RIP="))] +
                        [self.printed()[-200:]])

    def save(self, path):
        """Stop and write the migration stream to a file."""
        self.ask("stop")
        self.ask("migrate", uri=f"file:{path}")
        self.wait_until(lambda: self.ask("query-migrate").get("status") in
                        ("completed", "failed"), "the end of the migration")
        if self.ask("query-migrate")["status"] != "completed":
            raise Error("the migration failed")

    def wait_loaded(self):
        """After -S -incoming: until the stream has been taken over."""
        self.wait_until(lambda: self.ask("query-status")["status"] in
                        ("paused", "prelaunch"), "the state to be loaded")
