# The prepared tree: a git repository whose first commit is the tarball and which has one
# commit per patch after that. Sourced by prep and refresh-patches after lib.sh.
# SPDX-License-Identifier: GPL-2.0-or-later

base_ref=refs/farbell/base          # the tarball
patched_ref=refs/farbell/patched    # the tip that patches/ gave
marker=$src/.git/farbell-moving     # exists while files are being replaced

patch_files() { find "$top/patches" -name '*.patch' 2>/dev/null | sort; }

# While the marker exists, differences to HEAD are an interrupted run's and nobody's work.
tree_is_half_made() { [ -e "$marker" ]; }

tip() { qgit rev-parse -q --verify "$1^{commit}" 2>/dev/null; }

# The series as it would be written to patches/, into folder $1, from the commits up to $2.
# Only what is the same on every machine and in every run goes in.
write_series() {
    qgit -c core.abbrev=12 format-patch -q --zero-commit -N --no-signature --no-stat \
        --no-renames --abbrev=12 --diff-algorithm=myers -o "$1" "$base_ref..$2"
}

has_uncommitted() { [ -n "$(qgit status --porcelain --untracked-files=no)" ]; }

# Commits made by hand count as lost unless patches/ already says the same.
has_unsaved_commits() {
    local dir same=0
    [ "$(tip HEAD)" != "$(tip $patched_ref || tip $base_ref)" ] || return 1
    dir=$(mktemp -d "$top/.qemu.series.XXXXXX")
    write_series "$dir" HEAD
    diff -r -q -x BUDGET "$dir" "$top/patches" >/dev/null || same=1
    rm -rf "$dir"
    [ $same = 1 ]
}

stop_if_work_would_be_lost() {
    [ -e "$src" ] || return 0
    tip $base_ref >/dev/null ||
        die "qemu/ is not a tree that prep made: remove it, or make prep FORCE=1 does"
    if tree_is_half_made; then return 0; fi
    if has_uncommitted; then
        die "qemu/ has uncommitted changes: commit them there and make refresh-patches keeps them, make prep FORCE=1 throws them away"
    fi
    if has_unsaved_commits; then
        die "qemu/ has commits that patches/ has not: make refresh-patches keeps them, make prep FORCE=1 throws them away"
    fi
}

# Debian's tarball has no edk2 images, and unpacking them is all that would fail without.
normalise() {
    [ -e "$1/pc-bios/edk2-x86_64-code.fd.bz2" ] ||
        sed -i 's/^if unpack_edk2_blobs$/if false/' "$1/pc-bios/meson.build"
}

version_of_tarball() { known_tarballs | awk -v sha="$1" '$2 == sha { print $1 }'; }

check_version() {
    local is want
    is=$(cat "$1/VERSION" 2>/dev/null) || die "$3 holds no QEMU"
    want=$(version_of_tarball "$2")
    [ -z "$want" ] || [ "$is" = "$want" ] ||
        die "$3 holds QEMU $is, but QEMU_VERSION says $want"
    [[ $is =~ ^10\.0\.([2-9]|[1-9][0-9]+)$ ]] ||
        die "$3 holds QEMU $is; 10.0.2 or a later 10.0 is needed"
}

# Names and dates are fixed, so that the same tarball gives the same commits everywhere.
commit_as_project() {
    GIT_AUTHOR_NAME=${1-Farbell} GIT_AUTHOR_EMAIL=${2-farbell@localhost} GIT_AUTHOR_DATE=${3-@0 +0000} \
        GIT_COMMITTER_NAME=Farbell GIT_COMMITTER_EMAIL=farbell@localhost \
        GIT_COMMITTER_DATE=${3-@0 +0000} qgit commit-tree "${@:4}"
}

# $1: tarball. Made beside qemu/ and renamed, so that qemu/ is never half unpacked.
unpack_base() {
    local new old sha
    sha=$(sha_of "$1")
    new=$(mktemp -d "$top/.qemu.new.XXXXXX")
    note "unpacking ${1##*/}"
    tar -xf "$1" -C "$new" --strip-components=1 || die "${1##*/} could not be unpacked below $top: is the disk full?"
    check_version "$new" "$sha" "${1##*/}"
    normalise "$new"
    commit_base "$new"
    echo "$sha" >"$new/.git/farbell-tarball"
    if [ -e "$top/qemu" ]; then
        old=$(mktemp -d "$top/.qemu.old.XXXXXX")
        mv "$top/qemu" "$old/"
    fi
    chmod 755 "$new"
    mv "$new" "$top/qemu"
}

commit_base() {
    local src=$1 commit
    qgit init -q
    qgit symbolic-ref HEAD refs/heads/farbell
    qgit config gc.auto 0
    qgit add -A -f
    commit=$(commit_as_project Farbell farbell@localhost '@0 +0000' \
        -m "QEMU $(cat "$1/VERSION")" "$(qgit write-tree)")
    qgit update-ref $base_ref "$commit"
    qgit update-ref refs/heads/farbell "$commit"
}

# One patch onto the index; $1 the patch, $2 the folder for temporary files, in which it leaves
# what commit_patch takes.
apply_patch() {
    local name=${1##*/} log=$2/log
    qgit mailinfo "$2/msg" "$2/diff" <"$1" >"$2/info" || die "$name is not a patch made by git"
    if ! qgit apply --cached --whitespace=nowarn -v "$2/diff" 2>"$log"; then
        die "$name does not apply: $(grep '^error:' "$log" | grep -v 'searching for' | head -n 1 | cut -c8-)"
    fi
}

# Only on other versions than the one that the patches were made on.
allow_offset() {
    local name=${1##*/} log=$2/log
    grep -q 'offset' "$log" || return 0
    [ "$(cat "$src/VERSION")" != "$(known_tarballs | awk 'NR == 1 { print $1 }')" ] ||
        die "$name applies with an offset only: refresh it ($(grep -m1 offset "$log"))"
    warn "$name: $(grep -m1 offset "$log")"
}

field() { sed -n "s/^$1: //p" "$2"; }

# $1 the folder, $2 the parent; prints the commit.
commit_patch() {
    { field Subject "$1/info"; echo; cat "$1/msg"; } >"$1/text"
    commit_as_project "$(field Author "$1/info")" "$(field Email "$1/info")" \
        "$(field Date "$1/info")" -p "$2" -F "$1/text" "$(qgit write-tree)"
}

# The commits are made through an index of their own; then one checkout touches only the files
# that differ, so that the next build compiles only those.
apply_patches() {
    local dir patch parent
    dir=$(mktemp -d "$top/.qemu.apply.XXXXXX")
    parent=$(tip $base_ref)
    export GIT_INDEX_FILE=$dir/index
    qgit read-tree "$parent"
    while read -r patch; do
        apply_patch "$patch" "$dir"
        allow_offset "$patch" "$dir"
        parent=$(commit_patch "$dir" "$parent")
    done < <(patch_files)
    unset GIT_INDEX_FILE
    move_tree_to "$parent"
    rm -rf "$dir"
}

move_tree_to() {
    touch "$marker"
    rm -f "$src/.git/index.lock"
    qgit checkout -q -f -B farbell "$1" || die "qemu/ could not be moved to the patched commit"
    qgit update-ref $patched_ref "$1"
    rm -f "$marker"
}

overlay() { grep -v '^#' "$top/scripts/overlay"; }

link_overlay() {
    local folder link up
    : >"$src/.git/info/exclude"
    while read -r folder link; do
        up=$(dirname "qemu/$link" | sed 's:[^/]*:..:g')
        mkdir -p "$(dirname "$src/$link")"
        ln -sfn "$up/$folder" "$src/$link"
        echo "/$link" >>"$src/.git/info/exclude"
    done < <(overlay)
}
