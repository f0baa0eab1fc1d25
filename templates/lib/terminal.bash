# Shared by the scripts beside it: how a cage speaks. Sourced, never run.
# shellcheck shell=bash

# shellcheck source=templates/lib/plain.bash
. "${BASH_SOURCE%/*}/plain.bash"

folder=$PWD

# The engine's own name, also while each of its calls is traced.
CAGE_ENGINE=${CAGE_TRACED:-${CAGE_ENGINE:-}}

# $1 as a person types it in a shell. Not printf's %q, which writes an é as two octal numbers here.
quoted() {
    case $1 in
        '' | *[!A-Za-z0-9_./:@%+=,-]*) printf "'%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")" ;;
        *) printf %s "$1" ;;
    esac
}

# The command that runs VERB on this cage: 'tc VERB NAME' if tc called make (it passes its verbs in CAGE_VERBS), else
# make.
how() {
    local verb=$1 name=$CAGE_NAME
    if [ "${CAGE_VIA:-}" != tc ]; then
        # make would expand a '$' in a variable on its command line.
        case $verb in
            exec) printf "CAGE_CMD='COMMAND' " ;;
            get) printf 'CAGE_PATHS=PATH CAGE_TO=DIR ' ;;
            put) printf 'CAGE_FILES=FILE ' ;;
        esac
        printf 'make -C %s %s' "$(quoted "$folder")" "$verb"
        [ "$verb${CAGE_WITH_CHANGES:+ with}" != 'create with' ] || printf ' CAGE_WITH_CHANGES=1'
        return
    fi
    case " ${CAGE_VERBS:-} " in
        *" $verb "*) ;;
        *" ${verb%%-*} "*) verb=${verb/-/ } ;;
        *) name="$name $verb" verb=make ;;
    esac
    case $verb in
        create) printf 'tc create %s --name %s%s' "$(quoted "$CAGE_REPO_URL")" "$name" \
            "${CAGE_WITH_CHANGES:+ --with-changes}" ;;
        exec) printf 'tc exec %s -- COMMAND' "$name" ;;
        get) printf 'tc get %s PATH' "$name" ;;
        put) printf 'tc put %s FILE' "$name" ;;
        *) printf 'tc %s %s' "$verb" "$name" ;;
    esac
}

# The verb that makes parts of the cage anew, in a text: create until the cage is whole; after that recreate,
# which builds the layers that changed.
remade() {
    if [ -e .history/created ]; then printf @recreate@; else printf @create@; fi
}

# An option to add to a command: '--force' for tc, 'CAGE_FORCE=1' for make.
option() {
    if [ "${CAGE_VIA:-}" = tc ]; then
        printf -- '--%s%s' "$1" "${2:+ $2}"
    else
        case $1 in
            branch | commits) printf 'CAGE_TO=%s' "$1" ;;
            *) printf 'CAGE_%s=%s' "$(printf %s "$1" | tr '[:lower:]-' '[:upper:]_')" "${2:-1}" ;;
        esac
    fi
}

# Whether $1 is a verb of tc or a target. Other words between two @, for example in a file's name, stay.
is_verb() {
    case " ${CAGE_VERBS:-} " in *" $1 "*) return ;; esac
    grep -qsE "^([a-z -]* )?$1( [a-z -]*)?:" "$folder"/Makefile "$folder"/recipes/*.mk "$folder"/local.mk
}

# The text $1, in which @verb@ becomes its command, @--option VALUE@ the option, and @name@ the cage's name.
spoken() {
    local rest=$1 said='' word mark='@(--[a-z-]+( [A-Z]+)?|[a-z][a-z-]*)@'
    while [[ $rest =~ $mark ]]; do
        word=${BASH_REMATCH[1]}
        said+=${rest%%"@$word@"*} rest=${rest#*"@$word@"}
        # shellcheck disable=SC2086 # an option and its value
        case $word in
            name) said+=$CAGE_NAME ;;
            --*) said+=$(option ${word#--}) ;;
            *) if is_verb "$word"; then said+=$(how "$word"); else said+=@$word rest=@$rest; fi ;;
        esac
    done
    printf '%s\n' "$said$rest"
}

# Prints each argument as a line for a person. A closed pipe (SIGPIPE, exit code 141) is no failure.
lines() {
    local line
    for line in "$@"; do
        spoken "$line"
    done | plain || [ $? = 141 ]
}

# Leave lines to tc, which prints them when make has ended, so that the remedy comes last, after make's own words. Fails
# if there is no tc, or if it is gone.
left_to_tc() {
    local words=${CAGE_EXIT_FILE:-}
    words=${words%/*}/words.$$
    [ "${CAGE_VIA:-}" = tc ] && [ -n "${CAGE_TC:-}" ] && kill -0 "$CAGE_TC" 2>/dev/null || return 1
    lines "$@" 2>/dev/null >"$words" || { rm -f "$words" && return 1; }
}

# Whether the engine has just said that its disk is full.
is_full() {
    find "$folder/.state/engine" -name '*.err' -mmin -2 -exec grep -qi 'no space left' {} \; -print 2>/dev/null |
        grep -q .
}

# die CODE PROBLEM [REMEDY …]: print them, leave CODE for tc (make itself exits 2 for any failure). Another try does not
# help where the engine's disk is full.
die() {
    local code=$1
    shift
    [ "$code" != 1 ] || ! is_full ||
        set -- "$1: the engine's disk is full" 'See how it is used: docker system df' 'With room on it, try again.'
    left_to_tc "error: $1" "${@:2}" || lines "error: $1" "${@:2}" >&2
    [ -z "${CAGE_EXIT_FILE:-}" ] || printf '%s\n' "$code" 2>/dev/null >"$CAGE_EXIT_FILE" || :
    exit "$code"
}

# Whether a step of this verb has said already that the engine went away; tc makes the file's folder, the step the file.
is_away() { [ "$(cat "${CAGE_EXIT_FILE:-/dev/null}" 2>/dev/null)" = 4 ]; }

# End here if the engine went away, which is said: no other remedy would help.
end_if_away() {
    make -f Makefile --no-print-directory reached
    ! is_away || exit 1
}
