# SPDX-License-Identifier: GPL-2.0-or-later
"""The file system a Linux guest starts from: busybox, /init, tests, modules of the stock kernel."""
import os
import re
import stat

FOLDERS = ["bin", "dev", "proc", "sys", "run", "tmp", "tests", "lib", "lib/modules"]


class Cpio:
    """An archive in the kernel's "newc" form. Dates and owners are 0: same files, same bytes."""

    def __init__(self, file):
        self.file = file
        self.inode = 0

    def entry(self, name, mode, data=b""):
        self.inode += 1
        name = name.encode() + b"\0"
        fields = [self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0]
        self.write(b"070701" + b"".join(b"%08X" % field for field in fields) + name)
        self.write(data)

    def write(self, data):
        self.file.write(data + b"\0" * (-len(data) % 4))

    def folder(self, name):
        self.entry(name, stat.S_IFDIR | 0o755)

    def text(self, name, text):
        self.entry(name, stat.S_IFREG | 0o644, text.encode())

    def link(self, name, target):
        self.entry(name, stat.S_IFLNK | 0o777, target.encode())

    def copy(self, path, name):
        """Executables stay so."""
        with open(path, "rb") as f:
            self.entry(name, stat.S_IFREG | os.stat(path).st_mode & 0o777, f.read())

    def tree(self, top):
        """All that is below a folder, each thing in its place."""
        for folder, folders, files in os.walk(top):
            for name in sorted(folders + files):
                path = os.path.join(folder, name)
                inside = os.path.relpath(path, top)
                if os.path.islink(path):
                    self.link(inside, os.readlink(path))
                elif name in folders:
                    self.folder(inside)
                else:
                    self.copy(path, inside)

    def end(self):
        self.entry("TRAILER!!!", 0)


def read_dependencies(folder):
    """modules.dep: what each module needs, by module name."""
    paths, needs = {}, {}
    with open(os.path.join(folder, "modules.dep")) as f:
        for line in f:
            path, _, rest = line.partition(":")
            name = module_name(path)
            paths[name] = path
            needs[name] = [module_name(other) for other in rest.split()]
    return paths, needs


def module_name(path):
    return os.path.basename(path).split(".")[0].replace("-", "_")


def read_own(folder, paths, needs):
    """The same for modules of ours, from what each says of itself."""
    for file in sorted(os.listdir(folder)) if folder else []:
        name = module_name(file)
        paths[name] = os.path.join(folder, file)
        with open(paths[name], "rb") as f:
            found = re.search(rb"\0depends=([^\0]*)\0", f.read())
        needs[name] = [module_name(other) for other in found[1].decode().split(",") if other]


def load_order(folder, wanted, own=None):
    """Paths of the wanted modules, each after all that it needs."""
    paths, needs = read_dependencies(folder)
    read_own(own, paths, needs)
    order = []

    def visit(name):
        if name not in paths:
            raise SystemExit(f"the stock kernel has no module '{name}' that a guest of ours needs")
        for other in needs[name]:
            visit(other)
        if paths[name] not in order:
            order.append(paths[name])

    for name in wanted:
        visit(module_name(name))
    return order


def add_modules(archive, folder, wanted, own):
    order = load_order(folder, wanted, own)
    for path in order:
        archive.copy(os.path.join(folder, path), "lib/modules/" + os.path.basename(path))
    archive.text("lib/modules/list", "".join(os.path.basename(path) + "\n" for path in order))


def build(path, kernel, init, files, commands, modules, own=None, trees=()):
    """Write `path`. kernel: what scripts/linux-kernel printed; files: copied to /tests;
    commands: run by /init in this order; modules: loaded before, with what they need; own: what
    scripts/linux-modules printed, if any of the modules may be ours; trees: folders with what
    goes to the same places of the guest."""
    with open(os.path.join(kernel, "release")) as f:
        release = f.read().strip()
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".part", "wb") as f:
        archive = Cpio(f)
        for folder in FOLDERS:
            archive.folder(folder)
        archive.copy(os.path.join(kernel, "bin/busybox"), "bin/busybox")
        archive.copy(init, "init")
        for tree in trees:
            archive.tree(tree)
        for source in files:
            archive.copy(source, "tests/" + os.path.basename(source))
        archive.text("tests/list", "".join(command + "\n" for command in commands))
        add_modules(archive, os.path.join(kernel, "lib/modules", release), modules,
                    own)
        archive.end()
    os.replace(path + ".part", path)
