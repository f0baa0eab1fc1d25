# Placeholders for a session. Sourced by lib/session-env, never run.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # keys, flags, changed and more are its own

# Whether SESSION_ENV has the value of the key $2 under the name $1.
is_copy() {
    case $1 in TERM | COLORTERM | CAGE_*) return 1 ;; esac
    copied=$(printenv "$2") && [ -n "$copied" ] && [ "$(printenv "$1")" = "$copied" ]
}

# Sets changed, more (names of variables beside those of SESSION_ENV) and flags, by .state/keys/given: in a line are the
# name of a key, its placeholder, and assignments that bring its requests to the gate. A value of SESSION_ENV that is a
# key's is replaced like the key.
place_keys() {
    local key name placeholder words word given='' removed=''
    [ ! -e .state/keys/given ] || given=$'\n'$(<.state/keys/given)$'\n'
    for key in $keys; do
        words=
        case $given in *$'\n'"$key "*) words=${given#*$'\n'"$key "} words=${words%%$'\n'*} ;; esac
        placeholder=${words%% *}
        for name in $key ${CAGE_SESSION_ENV:-}; do
            [ "$name" = "$key" ] || is_copy "$name" "$key" || continue
            removed="$removed -u $name"
            [ -z "$placeholder" ] || changed="$changed $name=$placeholder"
        done
        [ -n "$placeholder" ] || continue
        more="$more $key" flags="$flags --env $key"
        for word in ${words#"$placeholder"}; do
            case " $changed " in *" ${word%%=*}="*) continue ;; esac
            changed="$changed $word" more="$more ${word%%=*}" flags="$flags --env ${word%%=*}"
        done
    done
    changed="$removed$changed"
}
