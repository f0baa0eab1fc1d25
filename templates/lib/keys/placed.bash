# Placeholders for a session. Sourced by lib/session-env, never run.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # keys and flags are its own

# The address of the gate for the vendor $1, as an assignment for 'env'; nothing where no agent reads a variable of it.
# With a host of its own Claude Code leaves parts of its requests out, unless it is told that the vendor is behind it.
address() {
    local variable suffix own at
    read -r variable suffix < <(awk -v vendor="$1" '!/^#/ && $8 == vendor { print $9, $10; exit }' lib/agents)
    at=$(sed -n "s/^ *bind \(127[.0-9]*:[0-9]*\) name $1\$/\1/p" gate/gate.cfg)
    own=$(printenv "$variable" || true)
    case $suffix/${own%/} in -/* | */ | */*"$suffix") ;; *) suffix=- ;; esac
    printf '%s=http://%s%s' "$variable" "$at" "${suffix#-}"
    [ -n "$own" ] || [ "$1" != anthropic ] || printf ' _CLAUDE_CODE_ASSUME_FIRST_PARTY_BASE_URL=1'
}

# Sets changed, more (names of variables beside those of SESSION_ENV) and flags. A value of SESSION_ENV that is a key's
# is replaced like the key.
place_keys() {
    local key name vendor placeholder word value
    for key in $keys; do
        placeholder=$(awk -v key="$key" 'FILENAME ~ /given$/ { given[$1, $2]; next } $1 == key && ($1, $2) in given { print $2, $3 }' \
            .state/keys/given .history/placeholders 2>/dev/null || true)
        vendor=${placeholder%% *} placeholder=${placeholder#* }
        value=$(printenv "$key" || true)
        for name in $key ${CAGE_SESSION_ENV:-}; do
            [ "$name" = "$key" ] || { [ -n "$value" ] && [ "$(printenv "$name")" = "$value" ]; } || continue
            removed="$removed -u $name"
            [ -z "$placeholder" ] || changed="$changed $name=$placeholder"
        done
        [ -n "$placeholder" ] || continue
        more="$more $key" flags="$flags --env $key"
        for word in $(address "$vendor"); do
            case " $changed " in *" ${word%%=*}="*) continue ;; esac
            changed="$changed $word" more="$more ${word%%=*}" flags="$flags --env ${word%%=*}"
        done
    done
    changed="$removed$changed"
}
removed=
