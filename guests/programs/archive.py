#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs as an assembly file that holds them and their directory (guests/rt/archive.h).

  archive.py OUTPUT ELF...
"""
import os
import sys


def main():
    output, *programs = sys.argv[1:]
    with open(output, "w") as f:
        f.write('        .section .rodata\n        .balign 8\n'
                '        .globl archive\narchive:\n')
        for i, path in enumerate(programs):
            name = os.path.splitext(os.path.basename(path))[0]
            f.write(f'        .ascii "{name}"\n        .org archive + {48 * i + 32}\n'
                    f'        .quad program{i}, program{i}_end - program{i}\n')
        f.write('        .skip 48\n')
        for i, path in enumerate(programs):
            f.write(f'        .balign 16\nprogram{i}:\n'
                    f'        .incbin "{os.path.abspath(path)}"\nprogram{i}_end:\n')
        f.write('        .section .note.GNU-stack, "", @progbits\n')


if __name__ == "__main__":
    main()
