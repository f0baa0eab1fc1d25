# Whether the gate still has the keys that it got. Sourced after engine/objects.bash, never run.
# shellcheck shell=bash
# shellcheck disable=SC2154 # next_object sets its_…

# When the gate started, by the answer of the engine in the file $1.
started() {
    local gate
    gate=$(cat .history/guard)
    while next_object container started; do
        [ "${its_container#/}" != "${gate%guard}gate" ] || printf '%s\n' "$its_started"
    done <"$1"
}

# Prints the keys of .state/keys/loaded; nothing if the gate was started since, as it keeps them in its memory alone.
loaded() {
    local start=none
    ! grep -qx 'gate running' .state/engine/seen || [ ! -s .state/engine/at-hand ] || start=$(started .state/engine/at-hand)
    [ "$start" != "$(started .state/engine/containers)" ] || cat .state/keys/loaded 2>/dev/null || true
}
