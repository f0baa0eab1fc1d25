# Shared by the scripts beside it: names and digests of files. Sourced after terminal.bash, never run.
# shellcheck shell=bash

# The SHA-256 of each file in a NUL-ended list, a line each; sha256sum is GNU's, shasum everybody's.
sums() {
    local tool='sha256sum'
    command -v sha256sum >/dev/null || tool='shasum -a 256'
    # shellcheck disable=SC2086 # a command and its options
    if IFS= read -r -d '' first; then
        { printf '%s\0' "$first"; cat; } | xargs -0 $tool --
    fi
}

# No program is run with the clone as its folder: some look there for settings, libraries or versions of their own, and
# it holds the agent's files. These turn names as seen from the clone, ended by NUL, into names as seen from here, and
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

# The folders above the NUL-ended names that come in, the deepest first. Names mostly come sorted, so what stands above
# the one before need not be told again.
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

# Whether $1, as seen from the clone, lies below a link or a file there: then $above is the outermost. $clear are
# folders that are known to be none, so that of sorted paths each folder is looked at once.
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

# What of the NUL-ended names that come in is in none of the lists $@ (but), or in one of them (only).
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

# One digest over the lines that come in.
digest() {
    { sha256sum 2>/dev/null || shasum -a 256; } | cut -c 1-64
}

# The host clone's .git, as far as git acts on it; the index moves whenever an editor looks.
git_fingerprint() {
    find repo/.git -name objects -prune -o -type f ! -name index ! -name 'index.lock' ! -name FETCH_HEAD -print0 |
        sums | sort | digest
}

# One digest over everything that is staged.
stage_digest() {
    tar -C .state/stage -cf - . | digest
}
