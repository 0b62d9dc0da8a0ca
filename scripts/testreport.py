# SPDX-License-Identifier: GPL-2.0-or-later
"""Results for CI systems: TAP on stdout, a JUnit file, each with what was said meanwhile."""
import contextlib
import io
import re
import sys
import time
import xml.etree.ElementTree as xml

from guestrun import Tap

NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Kept(io.TextIOBase):
    """Passes lines on, each behind `mark`, and keeps them."""

    def __init__(self, below, mark):
        self.below, self.mark, self.said = below, mark, ""

    def write(self, text):
        for line in text.splitlines(keepends=True):
            begins = not self.said or self.said.endswith("\n")
            self.below.write(self.mark * begins + line)
            self.said += line
        return len(text)

    def flush(self):
        self.below.flush()


class TestReport:
    def __init__(self, suite, tap, junit):
        self.junit, self.tap = junit, Tap() if tap else None
        self.suite = xml.Element("testsuite", name=suite)

    def case(self, name, function):
        """function() returns why it failed, "" if it did not; so does this."""
        kept = Kept(sys.stdout, "# " if self.tap else "")
        start = time.monotonic()
        with contextlib.redirect_stdout(kept):
            why = function()
        if self.tap:
            self.tap.line(not why, name)
        self.note(name, why, kept.said, time.monotonic() - start)
        return why

    def note(self, name, why, said, seconds):
        case = xml.SubElement(self.suite, "testcase", name=name, time=f"{seconds:.3f}",
                              classname=self.suite.get("name"))
        outcome = xml.SubElement(case, "failure" if why else "system-out")
        outcome.text = NOT_XML.sub("?", said)
        if why:
            outcome.set("message", NOT_XML.sub("?", why))

    def end(self):
        self.suite.set("tests", str(len(self.suite)))
        self.suite.set("failures", str(len(self.suite.findall("testcase/failure"))))
        if self.tap:
            self.tap.end()
        if self.junit:
            xml.ElementTree(self.suite).write(self.junit, "utf-8", xml_declaration=True)
