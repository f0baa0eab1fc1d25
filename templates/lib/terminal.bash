# Shared by the scripts beside it: how a cage speaks. Sourced, never run.
# shellcheck shell=bash

folder=$PWD

# Newer shells read '&' in what is put in the place of something else.
shopt -u patsub_replacement 2>/dev/null || :

# The engine's own name, also while each of its calls is traced.
CAGE_ENGINE=${CAGE_TRACED:-${CAGE_ENGINE:-}}

# $1 as a person types it in a shell. Not printf's %q, which writes an é as two octal numbers here.
quoted() {
    case $1 in
        '' | *[!A-Za-z0-9_./:@%+=,-]*) printf "'%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")" ;;
        *) printf %s "$1" ;;
    esac
}

# The command that runs VERB on this cage, the way its user came here.
how() {
    local verb=$1 rest=''
    [ "$verb" != exec ] || rest=" -- COMMAND"
    if [ "${CAGE_VIA:-}" = tc ]; then
        case $verb in
            create) printf 'tc create %s --name %s' "$(quoted "$CAGE_REPO_URL")" "$CAGE_NAME" ;;
            attach | start | stop | status | shell | exec | export | sync | destroy | rebuild-image | auth)
                printf 'tc %s %s%s' "$verb" "$CAGE_NAME" "$rest" ;;
            *) printf 'tc make %s %s' "$CAGE_NAME" "$verb" ;;
        esac
    else
        [ "$verb" != exec ] || rest=" CAGE_CMD='COMMAND'"
        printf 'make -C %s %s%s' "$(quoted "$folder")" "$verb" "$rest"
    fi
}

# What a person adds to a command: '--force' for tc, 'CAGE_FORCE=1' for make.
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

# Each argument as a line; @verb@ becomes its command, @name@ the cage's name. Where nobody reads (141: SIGPIPE), it is
# no failure.
lines() {
    local line verb
    for line in "$@"; do
        line=${line//@name@/$CAGE_NAME}
        line=${line//@as@/$(option as NAME)}
        line=${line//@dry-run@/$(option dry-run)}
        line=${line//@undo@/$(option undo)}
        for verb in attach auth base-image create destroy exec export limits rebuild-image recreate start status stop sync; do
            [[ $line != *@$verb@* ]] || line=${line//@$verb@/$(how "$verb")}
        done
        printf '%s\n' "$line"
    done | plain || [ $? = 141 ]
}

# Standard input with nothing in it that a terminal would act on: no control characters, none that turn the
# direction of writing, no byte that is no part of a letter. From the second step on each leaves a mark: what is merely
# cut out brings together what stood on its two sides.
plain() {
    LC_ALL=C tr -d '\000-\010\013-\037\177' | LC_ALL=C sed $'
        s/[\xc0\xc1\xf5-\xff]/?/g
        s/^[\x80-\xbf]\\{1,\\}/?/
        s/\\([\x01-\x7f]\\)[\x80-\xbf]\\{1,\\}/\\1?/g
        s/\\([\xc2-\xdf][\x80-\xbf]\\)[\x80-\xbf]\\{1,\\}/\\1?/g
        s/\\([\xe0-\xef][\x80-\xbf]\\{2\\}\\)[\x80-\xbf]\\{1,\\}/\\1?/g
        s/\\([\xf0-\xf4][\x80-\xbf]\\{3\\}\\)[\x80-\xbf]\\{1,\\}/\\1?/g
        s/\xc2[\x80-\x9f\xad]/?/g
        s/\xd8\x9c/?/g
        s/\xe1\xa0\x8e/?/g
        s/\xe2\x80[\x8b-\x8f\xa8-\xae]/?/g
        s/\xe2\x81[\xa0-\xaf]/?/g
        s/\xef\xbb\xbf/?/g
        s/\xf3\xa0[\x80\x81][\x80-\xbf]/?/g'
}

# The last lines of a text from elsewhere: bounded, ASCII, indented.
excerpt() {
    tail -n 15 | LC_ALL=C sed $'s/\033\\[[0-9;]*m//g' | LC_ALL=C tr -c '\011\012\040-\176' '?' | cut -c 1-300 | sed 's/^/  /'
}

# die CODE PROBLEM [REMEDY …]: say it, leave CODE for tc (make itself exits 2 for any failure).
die() {
    local code=$1
    shift
    lines "error: $1" "${@:2}" >&2
    [ -z "${CAGE_EXIT_FILE:-}" ] || printf '%s\n' "$code" 2>/dev/null >"$CAGE_EXIT_FILE" || :
    exit "$code"
}
