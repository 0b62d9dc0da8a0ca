# A checkout of its own for every test of the scripts: a tiny QEMU tarball, a private cache, and
# commands on PATH that stand in for the network, root and the disk. Prints TAP.
# SPDX-License-Identifier: GPL-2.0-or-later
set -u
export LC_ALL=C
unset QEMU_TARBALL FORCE MAKEFLAGS MAKELEVEL FARBELL_NO_APT FARBELL_KEYRING FARBELL_APT_DIR
set -m      # children get process groups of their own, and SIGINT with them

root=$(cd "$(dirname "$0")/../.." && pwd -P)
work=$(mktemp -d "${TMPDIR:-/tmp}/farbell-test.XXXXXX")
fake=$work/fake
real_path=$PATH
count=0
failures=0

# Only what a test started itself is killed: its process group.
leave() { [ -z "${group-}" ] || kill -KILL -- "-$group" 2>/dev/null; rm -rf "$work"; }
trap leave EXIT

# $1 status of the check, $2 what is true then
result() {
    count=$((count + 1))
    [ "$1" = 0 ] && { echo "ok $count - $2"; return; }
    failures=$((failures + 1))
    echo "not ok $count - $2"
    [ ! -e "$work/out" ] || sed 's/^/# /' "$work/out" "$work/err"
}

finish() { echo "1..$count"; [ $failures = 0 ]; }

# A command that stands in for another; $1 its name, its text on stdin. "real" runs the real one.
stand_in() {
    { echo '#!/bin/bash'; echo "real() { PATH='$real_path' $1 \"\$@\"; }"; cat; } >"$fake/$1"
    chmod +x "$fake/$1"
}

# $1 folder, $2 version: what prep looks at in a QEMU tree, and little more.
make_source() {
    local dir
    for dir in hw include pc-bios target/i386 tests/qtest; do mkdir -p "$1/$dir"; done
    echo "$2" >"$1/VERSION"
    printf 'before\nif unpack_edk2_blobs\nendif\n' >"$1/pc-bios/meson.build"
    seq 1 40 >"$1/hw/list"
    seq 1 40 >"$1/hw/other"
    cp "$root/tests/scripts/fake-configure" "$1/configure"
}

# $1 version, $2 file: a tarball; its line for QEMU_VERSION goes to stdout.
make_tarball() {
    make_source "$work/tar/qemu-$1" "$1"
    tar -C "$work/tar" -cJf "$2" "qemu-$1"
    rm -rf "$work/tar"
    echo "$1 $(sha256sum <"$2" | cut -d' ' -f1) ${2##*/}"
}

# $1 number, $2 area, $3 file, $4 sed script: a patch for the tiny tree.
make_patch() {
    local tree=$work/patch.$1
    make_source "$tree/a" 10.0.13
    make_source "$tree/b" 10.0.13
    sed -i "$4" "$tree/b/$3"
    {
        printf 'From %040d Mon Sep 17 00:00:00 2001\n' 0
        printf 'From: A Writer <writer@example.org>\nDate: Thu, 1 Jan 2026 00:00:00 +0000\n'
        printf 'Subject: [PATCH] %s: change the list\n\nBecause.\n\n' "$2"
        printf 'Upstream: N/A, a test\nSigned-off-by: A Writer <writer@example.org>\n\n'
        (cd "$tree" && git diff --no-index --abbrev=12 a b | sed 's: a/a/: a/:; s: b/b/: b/:')
    } >"$checkout/patches/000$1-$2-change-the-list.patch"
    rm -rf "$tree"
}

# A fresh checkout in $checkout with two patches, a fresh cache, no stand-ins but those for
# packages and network: all packages there, no network.
new_case() {
    rm -rf "${work:?}"/*
    checkout=$work/checkout
    mkdir -p "$checkout"/{patches,hw,target-i386-uintr,tests/qtest,include/farbell} "$fake"
    cp -r "$root/scripts" "$checkout/"
    export HOME=$work/home XDG_CACHE_HOME=$work/home/cache
    export FARBELL_APT_DIR=$work/home/apt FARBELL_KEYRING=$work/home/keyring
    store=$XDG_CACHE_HOME/farbell/tarballs
    mkdir -p "$store" "$XDG_CACHE_HOME/farbell/meson" "$FARBELL_APT_DIR/sources.list.d"
    touch "$FARBELL_KEYRING" "$XDG_CACHE_HOME/farbell/meson/meson"
    echo 'deb http://mirror.invalid/debian bookworm main' >"$FARBELL_APT_DIR/sources.list"
    make_tarball 10.0.13 "$store/qemu-10.0.13.tar.xz" >"$checkout/QEMU_VERSION"
    make_patch 1 hw hw/list 's/^20$/twenty/'
    make_patch 2 hw2 hw/other 's/^5$/five/'
    packages_are_there
    stand_in apt-get <<<'echo "E: no network" >&2; exit 100'
    stand_in curl <<<'echo "curl: (6) Could not resolve host" >&2; exit 6'
    PATH=$fake:$real_path
}

# dpkg-query -W -f FORMAT NAME...
packages_are_there() { stand_in dpkg-query <<<'shift 3; printf "ii %s\n" "$@"'; }

run() { (cd "$checkout" && "$@") >"$work/out" 2>"$work/err" </dev/null; }
prep() { run scripts/prep; }

# The last run failed, and its last line says this.
failed_with() {
    [ "$status" != 0 ] && tail -n 1 "$work/err" | grep -qE "^(prep|refresh-patches|build-qemu): .*$1"
}

# The tree that the two patches give, clean, and nothing left over from its making.
tree_is_right() {
    [ "$(sed -n 20p "$checkout/qemu/hw/list")" = twenty ] &&
        [ "$(sed -n 5p "$checkout/qemu/hw/other")" = five ] &&
        [ "$(git -C "$checkout/qemu" log --format=%s | head -n 2 | xargs)" = \
            "hw2: change the list hw: change the list" ] &&
        [ -z "$(git -C "$checkout/qemu" status --porcelain)" ] &&
        [ -d "$checkout/qemu/hw/uintr" ] && [ ! -e "$checkout/qemu/.git/index.lock" ] &&
        [ -z "$(find "$checkout" -maxdepth 1 -name '.qemu.*')" ]
}

# The next run, with what was broken repaired, gives the right tree.
recovers() { prep && tree_is_right; }

# $1 a signal, then a command that reaches a point where a stand-in makes the file "reached"
# and stays there: send the signal to its process group, as a terminal does.
interrupt() {
    local signal=$1 n; shift
    rm -f "$work/reached"
    run "$@" &
    group=$!
    for n in $(seq 100); do
        [ ! -e "$work/reached" ] || break
        sleep 0.1
    done
    kill "-$signal" -- "-$group"
    wait "$group" 2>/dev/null
    status=$?
    kill -KILL -- "-$group" 2>/dev/null
    group=
    [ -e "$work/reached" ]
}

# The text of a stand-in that stops there; $1: what it does before. It ends by SIGINT whenever that
# comes: bash forgets one that it has just got when it becomes another program by exec.
stops() {
    echo "$1; trap 'trap - INT; kill -INT \$\$' INT; touch '$work/reached'; sleep 60 & wait"
}
