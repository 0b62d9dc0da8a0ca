# Shared by the scripts: where things are, and how to speak.
# SPDX-License-Identifier: GPL-2.0-or-later

set -eu -o pipefail
export LC_ALL=C

# Called from a git hook, git's own variables would point at the wrong repository.
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY

self=${0##*/}
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cache=${XDG_CACHE_HOME:-${HOME:?HOME is not set}/.cache}/farbell
src=$top/qemu
meson=$cache/meson/meson

note() { echo "$self: $*"; }
warn() { echo "$self: warning: $*" >&2; }
die() { told=1; echo "$self: $*" >&2; exit 1; }

# QEMU's configure refuses such a path too, but only after minutes of work.
check_path() {
    [[ $top != *[[:space:]:]* ]] ||
        die "QEMU cannot be built below a path with a space or a colon: move the checkout out of '$top'"
}

# Free space in MiB below an existing folder.
free_mib() { df -Pk "$1" | awk 'NR == 2 { print int($4 / 1024) }'; }

need_space() {
    local have; have=$(free_mib "$1")
    [ "$have" -ge "$2" ] || die "$3 needs $2 MiB free in $1, there are $have: make room and run it again"
}

# One run at a time per checkout or cache. The lock lives in a file descriptor that
# children inherit on purpose: a child that outlives a killed parent is still at work.
take_lock() {
    exec {lock_fd}>"$1"
    flock -n "$lock_fd" && return
    note "waiting for another run that holds $1"
    flock "$lock_fd"
}

# The user's git settings (signing, hooks, line endings) must not reach the prepared tree.
qgit() { GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null git -C "$src" "$@"; }

sha_of() { sha256sum <"$1" | cut -d' ' -f1; }

# Lines of QEMU_VERSION without its comments: version sha256 file.
known_tarballs() { grep -v '^ *\(#\|$\)' "$top/QEMU_VERSION"; }

# Says "|| return", because set -e does not hold inside a function that is asked for its status.
install_tools() {
    [ -n "${FARBELL_NO_APT-}" ] || "$top/scripts/install-packages" || return
    "$top/scripts/fetch-meson"
}

# meson's build folder of everything outside QEMU, configured again where meson.build changed,
# or where another meson made it, whose files ours could not read.
configure_ours() {
    install_tools
    if [ ! -e "$top/build/build.ninja" ]; then
        CC=cc "$meson" setup "$top/build" "$top"
    elif grep -qF "command = $meson --internal regenerate" "$top/build/build.ninja"; then
        ninja -C "$top/build" build.ninja >/dev/null
    else
        "$meson" setup --reconfigure "$top/build" "$top"
    fi
}
