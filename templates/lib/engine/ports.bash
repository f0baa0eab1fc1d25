# Words that name ports: PORT, or HOST:CAGE. Sourced after terminal.bash.
# shellcheck shell=bash

is_port() {
    case $1 in '' | 0* | *[!0-9]* | ??????*) return 1 ;; esac
    [ "$1" -le 65535 ]
}

# check_ports CODE WHERE EXAMPLE WORD …: fail with CODE unless each word names ports, and none one of this machine that
# another names.
check_ports() {
    local it code=$1 where=$2 example=$3 taken=' '
    shift 3
    for it; do
        { is_port "${it%%:*}" && is_port "${it#*:}"; } || die "$code" "$where has a word that is no port: $it" \
            "Each is a number from 1 to 65535, or two, the one on this machine first: $example"
        [[ $taken != *" ${it%%:*} "* ]] || die "$code" "$where names port ${it%%:*} of this machine twice" \
            "Give one of them another, in front of a colon, as here: $example"
        taken="$taken${it%%:*} "
    done
}

# HOST:CAGE for port $1 of this machine in CAGE_FORWARD, with another in its place.
instead() {
    local it
    for it in $CAGE_FORWARD; do
        [ "${it%%:*}" != "$1" ] || printf '%s' "$(($1 < 55536 ? $1 + 10000 : $1 - 10000)):${it#*:}"
    done
}

# Where port $1 of this machine is opened: in a browser, cookies of other services of 'localhost' stay with them.
address_of() { printf 'http://%s.localhost:%s' "$CAGE_NAME" "$1"; }
