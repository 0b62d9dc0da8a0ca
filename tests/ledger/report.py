# SPDX-License-Identifier: GPL-2.0-or-later
"""A payload with a ledger: what it printed, and what the ledger reported."""
import json
import os
import tempfile

from guestrun import PASS, execute


def report_of(cmd, seconds, properties=""):
    """Did the payload pass, what did it say, and what the ledger (an empty report: nothing)?"""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "report.json")
        ledger = ",".join(["uintr-ledger", "id=l", f"report={path}", *filter(None, [properties])])
        output, status = execute([*cmd, "-object", ledger], seconds)
        report = {}
        if os.path.exists(path):
            with open(path) as f:
                report = json.load(f)
    return status == PASS, output, report
