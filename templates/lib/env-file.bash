# The file env of a cage's folder: NAME=value lines, read by the engine's --env-file. Sourced, never run.
# shellcheck shell=bash

# Names that decide how a session is started, found and ended. PATH could lose the system's programs, or have a folder
# of the agent's before theirs.
starts_sessions() {
    case $1 in
        BASHOPTS | BASH_ENV | COLORTERM | ENV | HOME | IFS | PATH | PWD) ;;
        SHELL | SHELLOPTS | TERM | TZ | USER | ZDOTDIR) ;;
        CAGE_* | LD_* | TMUX* | TRUSTY_CAGE*) ;;
        *) return 1 ;;
    esac
}

# Sets problem, for line $1 of the file; the names above it are $names. A value is never printed, nor a name that could
# be one. $keys are the variables of keys.
judge() {
    local name=${1%%=*} value=${1#*=}
    problem=
    case $name in
        "$1") problem="no '=' in it; for the value that your shell has, put the name into SESSION_ENV" ;;
        '' | [0-9]* | *[!A-Za-z0-9_]*) problem="letters, digits and _ make a name, up to the '='" ;;
        *) case " $names " in *" $name "*) problem="$name is in a line above" ;; esac ;;
    esac
    [ -z "$problem" ] || return 0
    case " $keys $CAGE_API_KEY_ENV " in *" $name "*) problem="$name is a key: no file holds it, export it" ;; esac
    ! starts_sessions "$name" || problem="$name decides how a session starts: try SESSION_ENV, a setting or ~/.profile"
    case $value in \"*\" | \'*\') problem="the quotes would be part of the value: leave them out" ;; esac
    [ ${#1} -le 32768 ] || problem='more than 32,768 bytes'
    case $1 in
        *[!\ -~]*) printf %s "$1" | iconv -f UTF-8 -t UTF-8 >/dev/null 2>&1 || problem='no UTF-8' ;;
    esac
}

# Sets names, the names in the file, and wrong, a line for each bad one.
read_env_file() {
    local line number=0
    names='' wrong=''
    [ -f env ] || { [ ! -e env ] || wrong='it is no file'; return; }
    while IFS= read -r line || [ -n "$line" ]; do
        number=$((number + 1)) line=${line#"${line%%[! 	]*}"} line=${line%$'\r'}
        case $line in '' | '#'*) continue ;; esac
        judge "$line"
        [ -z "$problem" ] || wrong="$wrong${wrong:+$'\n'}line $number: $problem"
        names="$names ${line%%=*}"
    done <env
}
