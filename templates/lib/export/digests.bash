# Shared by the scripts beside it: names and digests of files. Sourced after terminal.bash, never run.
# shellcheck shell=bash

# The SHA-256 of each file in a NUL-ended list, a line each; sha256sum is GNU's, macOS has shasum.
sums() {
    local tool='sha256sum'
    command -v sha256sum >/dev/null || tool='shasum -a 256'
    # shellcheck disable=SC2086 # a command and its options
    if IFS= read -r -d '' first; then
        { printf '%s\0' "$first"; cat; } | xargs -0 $tool --
    fi
}

# No program runs in the clone's folder: some read settings or libraries from the current folder, and the agent's files
# are there. in_clone turns NUL-ended names relative to the clone into names relative to here; from_clone turns them
# back.
in_clone() { in_folder repo; }
from_clone() { from_folder repo; }

# The same for another folder of ours, $1.
in_folder() {
    tr '\0\n' '\n\0' | LC_ALL=C sed "s,^,$1/," | tr '\0\n' '\n\0'
}

from_folder() {
    tr '\0\n' '\n\0' | LC_ALL=C sed "s,^$1/,," | tr '\0\n' '\n\0'
}

# The folders above the NUL-ended names on stdin, deepest first. Names mostly come sorted, so folders that the name
# before had, too, are skipped.
folders_above() {
    local path at before=
    while IFS= read -r -d '' path; do
        at=$path
        while at=${at%/*} && [ "$at" != . ]; do
            case $before in "$at"/*) break ;; esac
            printf '%s\0' "$at"
        done
        before=$path
    done | deepest_first
}

deepest_first() {
    tr '\n\0' '\0\n' | sort -r -u | tr '\n\0' '\0\n'
}

# Whether $1 is a folder and no link to one.
is_folder() { [ -d "$1" ] && [ ! -L "$1" ]; }

# Whether $1, relative to the clone, lies below a link or a file there: $above is the outermost. $clear caches folders
# that are real folders, so that in a sorted list each folder is tested once.
clear='' above=''
is_below() {
    local at=${1%/*}
    above=
    while [ "$at" != . ]; do
        case $clear/ in "$at"/*) [ -n "$above" ] || return 1 ;; esac
        if [ -L "repo/$at" ] || { [ -e "repo/$at" ] && [ ! -d "repo/$at" ]; }; then
            above=$at
        fi
        at=${at%/*}
    done
    [ -z "$above" ] || return 0
    clear=${1%/*}
    return 1
}

# The NUL-ended names on stdin that are in none of the lists $@ (but), or in one of them (only).
but() { compared -23 "$@"; }
only() { compared -12 "$@"; }
compared() {
    local columns=$1
    shift
    tr '\n\0' '\0\n' | sort -u | comm "$columns" - <(cat -- "$@" | tr '\n\0' '\0\n' | sort -u) | tr '\n\0' '\0\n'
}

# The same for the lines of sums; a line begins with a backslash where the name in it is escaped.
sums_from_clone() {
    LC_ALL=C sed 's|^\(\\\{0,1\}[0-9a-f]\{64\}  \)repo/|\1|'
}

# One digest over the lines of stdin.
digest() {
    { sha256sum 2>/dev/null || shasum -a 256; } | cut -c 1-64
}

# A digest of the host clone's .git, without the index: an editor that runs 'git status' rewrites that.
git_fingerprint() {
    find repo/.git -name objects -prune -o -type f ! -name index ! -name 'index.lock' ! -name FETCH_HEAD -print0 |
        sums | sort | digest
}

# One digest over all of .state/export/stage.
stage_digest() {
    tar -C .state/export/stage -cf - . | digest
}
