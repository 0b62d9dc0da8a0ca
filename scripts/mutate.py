# SPDX-License-Identifier: GPL-2.0-or-later
"""Small wrong changes to C files, made mechanically or listed by hand.

A mutant is one text edit of one file.  Mechanical ones delete a statement,
negate a condition, or change an operator, a constant or a mask; where the
edit does not compile it is no mutant.
"""
import configparser
import dataclasses
import re


@dataclasses.dataclass(frozen=True)
class Mutant:
    name: str
    file: str
    old: str
    new: str
    offset: int

    def apply(self, text):
        assert text.startswith(self.old, self.offset), self.name
        return text[:self.offset] + self.new + text[self.offset + len(self.old):]


# Tokens with one or more wrong neighbours.
SWAPS = [
    (r"&&", ["||"]), (r"\|\|", ["&&"]),
    (r" == ", [" != "]), (r" != ", [" == "]),
    (r" < ", [" <= "]), (r" > ", [" >= "]), (r" >= ", [" > "]),
    (r" \+ ", [" - "]), (r" - ", [" + "]),
    (r" \| ", [" & "]), (r" & (?=~)", [" | "]), (r"(?<=[ (])~(?=\()", [""]),
    (r"\|= ", ["= "]), (r"&= ~", ["&= "]),
    (r"\b1ULL\b", ["1U"]), (r"\btrue\b", ["false"]), (r"\bfalse\b", ["true"]),
    (r"\bEXCP0D_GPF\b", ["EXCP0E_PAGE"]), (r"\bEXCP06_ILLOP\b", ["EXCP0D_GPF"]),
    (r"\bEXCP0C_STACK\b", ["EXCP0D_GPF"]),
    (r"\bMMU_DATA_STORE\b", ["MMU_DATA_LOAD"]),
    (r"\bUPID_ON\b", ["UPID_SN"]), (r"\bUPID_SN\b", ["UPID_ON"]),
    (r"(?<![\w.])(?:0x[0-9a-f]+|\d+)(?=[ ;,)\]])", None),
]

# What no test can notice, as nothing that a guest or a user sees depends on it: a trace, memory that
# is not given back, an assertion that holds.
SILENT = re.compile(r" +(?:trace_|g_free\b|object_unref\b|assert\b|g_assert)")
# An access from outside of translated code has no place to return to: 0, and 1 is none, either.
NOWHERE = re.compile(r"_ra\([^;]*, 0\)$")


def blank_comments_and_strings(text):
    """The same length, with everything that is not code made blank."""
    def blank(m):
        return re.sub(r"[^\n]", " ", m.group())
    return re.sub(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"|^[ \t]*#.*?$', blank, text,
                  flags=re.S | re.M)


def in_functions(code):
    """The ranges of function bodies: from a '{' in column 0 to its '}'."""
    return [(m.start(), m.end()) for m in
            re.finditer(r"^\{\n.*?^\}", code, flags=re.S | re.M)]


def number(text):
    return hex(int(text, 16) + 1) if text.startswith("0x") else str(int(text) + 1)


def statements(code, start, end):
    pattern = re.compile(r"^ +(?!return\b|break\b|goto\b|case\b|default\b|else\b)"
                         r"[\w*][\w.>*&\[\]-]*(?:\s*\(| [|&+-]?= )[^;{}]*;", re.M)
    for m in pattern.finditer(code, start, end):
        yield m


def conditions(code, start, end):
    for m in re.finditer(r"\b(?:if|while) \(", code[start:end]):
        first = last = start + m.end()
        depth = 1
        while depth:
            depth += {"(": 1, ")": -1}.get(code[last], 0)
            last += 1
        yield first, last - 1


def is_silent(silent, offset):
    return any(first <= offset < last for first, last in silent)


def is_nowhere(code, start, token):
    return token.group() == "0" and NOWHERE.search(code, start, start + token.end() + 1)


def mechanical(file, text):
    code = blank_comments_and_strings(text)
    found = []

    def add(kind, offset, old, new):
        line = text.count("\n", 0, offset)
        where = f" in {text.splitlines()[line].strip()}" if kind.startswith("change") else ""
        found.append(Mutant(f"{file}:{line + 1}: {kind} {' '.join(old.split())[:60]}{where}",
                            file, old, new, offset))

    silent = [m.span() for m in re.finditer(SILENT.pattern + r"[^;{}]*;", code)]
    for start, end in in_functions(code):
        for m in statements(code, start, end):
            if not SILENT.match(m.group()):
                add("delete", m.start(), text[m.start():m.end()],
                    "\n" * m.group().count("\n") + ";")
        for first, last in conditions(code, start, end):
            add("negate", first, text[first:last], f"!({text[first:last]})")
        for pattern, neighbours in SWAPS:
            for m in re.finditer(pattern, code[start:end]):
                if is_nowhere(code, start, m) or is_silent(silent, start + m.start()):
                    continue
                for new in neighbours or [number(m.group())]:
                    add(f"change to '{new.strip()}':", start + m.start(), m.group(), new)
    return found


def unquote(value):
    return value.strip('"').replace("\\n", "\n")


def by_hand(path, read):
    """[name] file= old= new= with \\n for a line's end: the old text must stand in the file
    exactly once."""
    config = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    config.optionxform = str
    with open(path) as f:
        config.read_file(f)
    found = []
    for name in config.sections():
        entry = config[name]
        old, new = unquote(entry["old"]), unquote(entry["new"])
        text = read(entry["file"])
        if text.count(old) != 1:
            raise SystemExit(f"{path} [{name}]: '{old}' stands {text.count(old)} times in "
                             f"{entry['file']}, should be once")
        found.append(Mutant(f"{entry['file']}: {name}", entry["file"], old, new,
                            text.index(old)))
    return found
