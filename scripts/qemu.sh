# Configure and compile one QEMU. Sourced after lib.sh.
# SPDX-License-Identifier: GPL-2.0-or-later

# Small, and yet enough devices and tools for QEMU's own x86_64 tests to mean something. Without
# debug information a first build takes a quarter less; names in backtraces stay.
qemu_options=(
    --python=/usr/bin/python3 "--cc=$top/scripts/cc" --with-pkgversion=farbell
    --without-default-features --disable-debug-info --disable-werror --disable-docs --disable-install-blobs
    --disable-download --enable-system --enable-tcg --enable-kvm --enable-slirp
    --enable-fdt=system --enable-pixman --enable-tools --enable-vnc
    --enable-vhost-user --enable-vhost-user-blk-server --enable-vhost-kernel --enable-vhost-net
    --enable-tpm --enable-multiprocess --enable-avx2
)

# Debian's builds of the firmware stand in for the images that its source tarball leaves out.
# A QEMU that runs from its build folder looks for them in the bundle.
link_firmware() {
    local file to=$1/qemu-bundle/usr/local/share/qemu
    mkdir -p "$to"
    for file in /usr/share/qemu/*.{bin,rom,img} /usr/share/seabios/*.bin \
        /usr/lib/ipxe/qemu/*.rom; do
        [ ! -e "$file" ] || [ -e "$to/${file##*/}" ] || ln -sfn "$file" "$to/"
    done
}

# meson as QEMU's ninja finds it when it has to configure again, whoever calls ninja.
keep_meson_in_venv() {
    local dir
    for dir in "$1"/pyvenv/lib/python3*/site-packages; do
        echo "$cache/meson" >"$dir/farbell-meson.pth"
    done
}

# $1 source, $2 build folder, then options beside the common ones. The options are part of
# the stamp, so that a change of them configures anew.
configure_qemu() {
    local from=$1 to=$2 want; shift 2
    link_firmware "$to"
    want="$from ${qemu_options[*]} $*"
    [ "$(cat "$to/farbell-configured" 2>/dev/null)" != "$want" ] || return 0
    rm -rf "$to/meson-private/coredata.dat" "$to/meson-private/cmd_line.txt" "$to/farbell-configured"
    mkdir -p "$to"
    note "configuring QEMU in ${to#"$top/"}"
    (cd "$to" && PYTHONPATH=$cache/meson "$from/configure" "${qemu_options[@]}" "$@" >configure.out 2>&1) || {
        tail -n 20 "$to/configure.out" >&2
        die "QEMU's configure failed; all of its output is in $to/configure.out"
    }
    keep_meson_in_venv "$to"
    echo "$want" >"$to/farbell-configured"
}

# QEMU's default is its unit tests, floating-point suites and helpers as well: a third of all
# steps, of which nothing here runs one.
targets_of() {
    echo qemu-system-x86_64 qemu-img
    ninja -C "$1" -t targets all | sed -n 's|^\(tests/qtest/[^:]*\): c_LINKER.*|\1|p'
}

targets_are_known() { [ "$1/farbell-targets" -nt "$1/build.ninja" ]; }

list_targets() {
    ninja -C "$1" build.ninja
    targets_of "$1" >"$1/farbell-targets.new"
    mv "$1/farbell-targets.new" "$1/farbell-targets"
}

ninja_known() { ninja -C "$1" $(cat "$1/farbell-targets") "${@:2}"; }

# $1 build folder, then more targets. ninja takes half a second to look at everything: once is
# enough, unless it made build.ninja anew, and with it perhaps other targets.
compile_qemu() {
    local status=0
    if targets_are_known "$1"; then
        ninja_known "$@" || status=$?
        if targets_are_known "$1"; then return $status; fi
    fi
    list_targets "$1"
    ninja_known "$@"
}
