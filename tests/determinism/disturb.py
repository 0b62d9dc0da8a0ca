# SPDX-License-Identifier: GPL-2.0-or-later
"""Ways to interrupt a running machine from outside, at moments that the host chooses."""
import contextlib
import random
import time

from qmp import Error
from rsp import Debugger


def pause():
    """Most are short, so that they hit slices of all lengths."""
    time.sleep(random.choice((0.0005, 0.005, 0.03)) * random.random())


def stop(run):
    run.machine.ask("stop")
    pause()
    run.machine.ask("cont")


def savevm(run):
    run.machine.monitor("savevm now")
    run.machine.monitor("delvm now")


def loadvm(run):
    """Back in time: what was executed in between happens again."""
    run.machine.monitor("savevm then")
    pause()
    run.machine.monitor("loadvm then")
    run.machine.monitor("delvm then")


def interrupt(run):
    with Debugger(run.gdb_path) as debugger:
        for _ in range(3):
            debugger.put("vCont;c")
            pause()
            debugger.interrupt()
        debugger.ask("D")


def breakpoint(run):
    """Stop at it a few times; go on as gdb does, with a step of that vCPU alone."""
    where = f"0,{run.breakpoint:x},1"
    with Debugger(run.gdb_path) as debugger:
        debugger.ask("Z" + where)
        for _ in range(random.randint(1, 4)):
            thread = debugger.resume()
            debugger.ask("z" + where)
            debugger.resume("vCont;s:" + thread)
            debugger.ask("Z" + where)
        debugger.ask("z" + where)
        debugger.ask("D")


def reclaim(run):
    """RCU kicks the vCPUs; a device that cannot be made is the shortest way to it."""
    with contextlib.suppress(Error):
        run.machine.ask("device_add", driver="no-such-device")
    run.machine.ask("query-status")


def host_timer(run):
    """Deadlines of the real-time clock, every millisecond."""
    run.machine.ask("announce-self", initial=1, max=1, rounds=50, step=0)


KINDS = {"stop": [stop], "savevm": [savevm], "loadvm": [loadvm], "gdb": [interrupt, breakpoint],
         "host": [reclaim, host_timer]}
KINDS["all"] = sum(KINDS.values(), [])
