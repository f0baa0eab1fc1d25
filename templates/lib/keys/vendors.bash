# The variables of keys: which vendor each belongs to, and the vendors' hosts. Sourced, never run.
# shellcheck shell=bash

# Sets vendor for the variable $1: that of the agents that read it. The setting's own name is that of this cage's agent.
# Empty: not known.
vendor_of() {
    local name key of
    vendor=
    case $1 in ANTHROPIC_AUTH_TOKEN | CLAUDE_CODE_OAUTH_TOKEN) vendor=anthropic ;; esac
    while [ -z "$vendor" ] && read -r name _ _ _ _ _ key of _; do
        case $name in '' | '#'*) continue ;; esac
        if [ "$key" = "$1" ] || [ "$name/$1" = "${CAGE_AGENT:-claude}/$CAGE_API_KEY_ENV" ]; then vendor=$of; fi
    done <lib/agents
}

# Sets of to the caller's own variable of the vendor $1's address, and suffix to what follows the host in it.
address_of() {
    local name whose end variable
    of='' suffix=-
    while read -r name _ _ _ _ _ _ whose variable end _; do
        case $name/$whose in '#'*) ;; */"$1") of=$variable suffix=$end && break ;; esac
    done <lib/agents
}

# Sets host for the vendor $1: the place that the caller's own variable of the vendor's address names, else that of
# names.map. It is - if there is none, or none to be reached by TLS: then the gate takes nobody's place.
host_of() {
    local name place own of suffix
    host=-
    address_of "$1"
    own=${of:+${!of:-}}
    if [ -z "$own" ]; then
        while [ -f gate/names.map ] && read -r name place; do [ "$name" != "$1" ] || host=$place; done <gate/names.map
        return 0
    fi
    own=${own%/}
    [ "$suffix" = - ] || own=${own%"$suffix"}
    case $own in https://*) ;; *) return 0 ;; esac
    ! is_place "${own#https://}" || host=${own#https://}
}

# Whether $1 is a host, maybe with :PORT and /PREFIX.
is_place() {
    [[ $1 =~ ^[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?(/[A-Za-z0-9._~-]+)*$ ]]
}
