# Placeholders for a session. Sourced by lib/session-env, never run.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # keys, flags, changed and more are its own

# Whether the value of $1, a name of SESSION_ENV, has that of the key $2 in it; whole is empty if it has more than that.
# A few letters could be in any value.
has_key() {
    local value other
    whole=yes
    [ "$1" != "$2" ] || return 0
    case $1 in TERM | COLORTERM | CAGE_*) return 1 ;; esac
    value=$(printenv "$2") && [ -n "$value" ] && other=$(printenv "$1") || return
    [ "$other" != "$value" ] || return 0
    whole=
    [ ${#value} -ge 16 ] || return
    case $other in *"$value"*) ;; *) return 1 ;; esac
}

# Sets changed, more (names of variables beside those of SESSION_ENV) and flags, by .state/keys/given: in a line are the
# name of a key, its placeholder, and assignments that bring its requests to the gate. A value of SESSION_ENV that is a
# key's is replaced like the key; one with more in it is not handed in.
place_keys() {
    local key name placeholder whole words word given='' removed=''
    [ ! -e .state/keys/given ] || given=$'\n'$(<.state/keys/given)$'\n'
    for key in $keys; do
        words=
        case $given in *$'\n'"$key "*) words=${given#*$'\n'"$key "} words=${words%%$'\n'*} ;; esac
        placeholder=${words%% *}
        for name in $key ${CAGE_SESSION_ENV:-}; do
            has_key "$name" "$key" || continue
            removed="$removed -u $name"
            [ -z "$placeholder" ] || [ -z "$whole" ] || changed="$changed $name=$placeholder"
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
