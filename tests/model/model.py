# SPDX-License-Identifier: GPL-2.0-or-later
"""The compiled model, what it is asked (quirks.cfg) and what it answers."""
import configparser
import os
import re
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.join(HERE, "../../build/tests/model")

# spin says nothing when a search was cut short but for these.
CUT_SHORT = ("max search depth too small", "out of memory", "Search not completed")
ERRORS = {"lost": "invalid end state", "wrong": "assertion violated",
          "cycle": "non-progress cycle"}


class Question:
    def __init__(self, name, stanza):
        self.name = name
        self.quirk = name.split("/")[0]
        self.run, self.finds = stanza["run"], stanza["finds"]
        self.suite, self.about = stanza["suite"], stanza["about"]
        self.cpu = stanza.get("cpu", "")

    def program(self):
        if self.finds == "nothing":
            return "pan"
        return "pan-cycles" if "cycle" in self.finds else "pan-short"

    def flags(self):
        return ["-l"] if "cycle" in self.finds else []


def questions():
    config = configparser.ConfigParser()
    with open(os.path.join(HERE, "quirks.cfg")) as f:
        config.read_file(f)
    return [Question(name, config[name]) for name in config.sections()]


def numbers():
    """Names of the quirks, as quirks.cfg has them, and their numbers."""
    with open(os.path.join(HERE, "post.pml")) as f:
        found = re.findall(r"^#define Q_(\w+) +(\d+)$", f.read(), re.M)
    return {name.lower().replace("_", "-"): number for name, number in found}


class Answer:
    """One search; its trail lives as long as this object."""

    def __init__(self, question):
        self.question = question
        self.folder = tempfile.TemporaryDirectory()
        self.text = self.pan("-m10000", "-w22")

    def pan(self, *arguments):
        q = self.question
        environment = dict(os.environ, MODEL=numbers()[q.quirk] + " " + q.run)
        command = [os.path.join(BUILD, q.program()), *q.flags(), *arguments]
        return subprocess.run(command, cwd=self.folder.name, env=environment,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              universal_newlines=True).stdout

    def states(self):
        found = re.search(r"(\d+) states, stored", self.text)
        return int(found.group(1)) if found else 0

    def found(self):
        """One of the words of quirks.cfg, or what went wrong."""
        for word, error in ERRORS.items():
            if "pan:1: " + error in self.text:
                return word
        for text in CUT_SHORT:
            if text in self.text:
                return text
        if "errors: 0" not in self.text:
            return "no answer: " + self.text[-300:]
        return "no cycle" if "-l" in self.question.flags() else "nothing"

    def replay(self):
        return self.pan("-r", "-n")
