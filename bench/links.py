# SPDX-License-Identifier: GPL-2.0-or-later
"""Two processes with a link between them, the mailbox or ivshmem-doorbell, and how fast it is."""
import array
import os
import socket
import struct
import subprocess
import tempfile
import threading

from guestrun import ACCELS, PASS, QEMU, REPORT_PORTS, ROOT
from measure import Failure

IMAGE = os.path.join(ROOT, "build/tests/guest/doorbell_speed.bin")
SECONDS = 120


def send_number(conn, number, fd=None):
    ancillary = [] if fd is None else [
        (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
    conn.sendmsg([struct.pack("<q", number)], ancillary)


def serve_ivshmem(listener, memory):
    """What an ivshmem server says to two clients, and nothing more."""
    peers = []
    for number in range(2):
        conn, _ = listener.accept()
        event = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        send_number(conn, 0)
        send_number(conn, number)
        send_number(conn, -1, memory)
        for other, (other_conn, other_event) in enumerate(peers):
            send_number(other_conn, number, event)
            send_number(conn, other, other_event)
        peers.append((conn, event))
        send_number(conn, number, event)
    return peers


def command(link, args, qemu):
    return [qemu, "-machine", "q35", "-nodefaults", "-display", "none", "-no-reboot", "-m", "64",
            "-cpu", "max,uintr=on", "-smp", "1", *ACCELS["mttcg"], "-bios", IMAGE,
            *link, "-fw_cfg", f"name=opt/farbell/args,string=apic=x2apic {args}", *REPORT_PORTS]


def mailbox_links(folder):
    path = os.path.join(folder, "mailbox")
    return [["-chardev", f"socket,id=c,path={path},{how}",
             "-device", f"virtio-uintr-mailbox-pci,chardev=c,side={side}"]
            for side, how in enumerate(["server=on,wait=off", "reconnect-ms=10"])]


def ivshmem_links(folder):
    path = os.path.join(folder, "ivshmem")
    return [["-chardev", f"socket,id=c,path={path}",
             "-device", "ivshmem-doorbell,chardev=c,vectors=1"]] * 2


def figures(outputs):
    return {line.split()[1]: int(line.split()[2]) for output in outputs
            for line in output.splitlines() if line.startswith("RESULT ")}


def run_pair(links, args, qemu):
    pair = [subprocess.Popen(command(link, f"{args} side={side}", qemu), stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            for side, link in enumerate(links)]
    limit = threading.Timer(SECONDS, lambda: [p.kill() for p in pair])
    limit.start()
    outputs = [p.communicate()[0].decode() for p in pair]
    limit.cancel()
    if any(p.returncode != PASS for p in pair):
        raise Failure("a run failed: " + " | ".join(" ".join(outputs).splitlines()[-3:]))
    return figures(outputs)


def take(device, args, qemu=QEMU, more=((), ())):
    """more: words for either side's command line."""
    with tempfile.TemporaryDirectory() as folder:
        if device == "mailbox":
            links = [[*link, *words] for link, words in zip(mailbox_links(folder), more)]
            return run_pair(links, args, qemu)
        with os.fdopen(os.memfd_create("bench"), "rb") as file, \
                socket.socket(socket.AF_UNIX) as listener:
            memory = file.fileno()
            os.ftruncate(memory, 1 << 20)
            listener.bind(os.path.join(folder, "ivshmem"))
            listener.listen(2)
            server = threading.Thread(target=serve_ivshmem, args=(listener, memory), daemon=True)
            server.start()
            return run_pair(ivshmem_links(folder), args, qemu)
