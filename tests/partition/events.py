# SPDX-License-Identifier: GPL-2.0-or-later
"""What the trace event partition_violation says."""
import re
from typing import NamedTuple

VIOLATION = re.compile(r"partition_violation by (\S+) against (\S+): (\w+), cpu (-?\d+) "
                       r"rip (0x[0-9a-f]+) address (0x[0-9a-f]+)")


class Violation(NamedTuple):
    """As in the line; numbers are as they were printed."""
    by: str
    against: str
    kind: str
    cpu: str
    rip: str
    address: str


def read(path):
    with open(path) as f:
        return [Violation(*found) for found in VIOLATION.findall(f.read())]
