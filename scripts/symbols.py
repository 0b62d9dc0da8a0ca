# SPDX-License-Identifier: GPL-2.0-or-later
"""Names of addresses in a payload."""
import bisect
import os
import re
import shutil
import subprocess

USER_OFFSET = 0x8000000000      # ring 3's view of the same code


class Symbols:
    """Function and offset of an address, by the ELF file beside the image."""

    def __init__(self, image):
        self.found = []
        elf = re.sub(r"\.bin$", ".elf", image)
        if os.path.exists(elf) and shutil.which("nm"):
            text = subprocess.run(["nm", elf], stdout=subprocess.PIPE, check=True).stdout.decode()
            self.found = sorted((int(m[1], 16), m[2]) for m in
                                re.finditer(r"^(\w+) [tT] (\S+)$", text, re.M))

    def name(self, rip):
        rip &= ~USER_OFFSET
        at = bisect.bisect(self.found, (rip, "~")) - 1
        if at < 0:
            return f"{rip:#x}"
        start, name = self.found[at]
        return f"{name}+{rip - start:#x}"
