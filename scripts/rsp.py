# SPDX-License-Identifier: GPL-2.0-or-later
"""The debugger's side of QEMU's gdb stub, as much of the remote protocol as tests need."""
import re
import socket

from qmp import PATIENCE, Error

STOPPED = re.compile(r"T.*thread:([^;]+);")


class Debugger:
    """The remote protocol as gdb speaks it; connecting stops the machine."""

    def __init__(self, path):
        self.data = b""
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        try:
            self.socket.connect(path)
            self.ask("?")
        except BaseException:
            self.socket.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.socket.close()

    def put(self, text):
        self.socket.sendall(b"+$%s#%02x" % (text.encode(), sum(text.encode()) & 0xff))

    def ask(self, text):
        self.put(text)
        return self.answer()

    def answer(self):
        while not (packet := re.search(rb"\$([^#]*)#..", self.data)):
            try:
                more = self.socket.recv(65536)
            except OSError as error:
                raise Error(f"no answer from the gdb stub: {error}") from error
            if not more:
                raise Error("the debugger's line is cut")
            self.data += more
        self.data = self.data[packet.end():]
        return packet[1].decode()

    def resume(self, how="vCont;c"):
        """The thread that stopped next."""
        stop = STOPPED.match(self.ask(how))
        if not stop:
            raise Error("the guest has finished")
        return stop[1]

    def interrupt(self):
        self.socket.sendall(b"\x03")
        self.answer()

    def detach(self):
        self.ask("D")

    def document(self, name):
        """A file that the stub offers, of its description of the machine."""
        text, part = "", "m"
        while part.startswith("m"):
            part = self.ask(f"qXfer:features:read:{name}:{len(text):x},800")
            if part[:1] not in ("m", "l"):
                raise Error(f"no {name}: {part}")
            text += re.sub(r"\}(.)", lambda m: chr(ord(m[1]) ^ 0x20), part[1:])
        return text

    def register(self, number):
        return int.from_bytes(bytes.fromhex(self.ask(f"p{number:x}")), "little")
