# SPDX-License-Identifier: GPL-2.0-or-later
"""What is wrong with a run: "" if nothing is."""
from guestrun import PASS, VERDICTS


def complaint_of_books(books, patient=False):
    """"" if they are in order. Those of CPUs that still ran cannot be; and what nobody was seen
    to do may have been a device's after all."""
    for upid in books.get("books", []) if not books.get("running") else []:
        for line in upid["vectors"]:
            if not line["adds-up"]:
                return f"the books of vector {line['vector']} do not add up"
    stalls = [s for s in books.get("stalls", [])
              if "over" not in s or not (patient or s["cause"] == "unseen")]
    return sentence(stalls[0]) if stalls else ""


def sentence(stall):
    return (f"the ledger has a stall, {stall['cause']}: {stall['message']} "
            f"(vectors {stall['vectors']:#x}, since {stall['since']} ns)")


def complaint_of_run(status, output, books, patient):
    """The guest's verdict, the books, posts that cannot arrive any more. A stall that is over may
    be the host's: `patient` is where CPUs have threads, and a host may let one wait."""
    if status != PASS:
        lines = [line for line in output.splitlines()
                 if "not true: " in line or "should be " in line or
                 line.startswith(("Bail", "qemu", "# unexpected"))]
        return lines[0].lstrip("# ") if lines else VERDICTS.get(status, f"status {status}")
    return complaint_of_books(books, patient)
