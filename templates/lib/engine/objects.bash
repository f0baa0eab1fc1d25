# The objects in an answer of the engine: lines of name=value, as recipes/docker.mk asks for them, and a blank line
# after each object. Sourced, never run.
# shellcheck shell=bash

# next_object NAME …: its_NAME becomes the value of each name in the next object on standard input, or empty; fails
# after the last object. A line that is no name=value, or has another name, is dropped.
next_object() {
    local _line _found=1 _form='^([a-z_]+)=(.*)$'
    for _line; do
        printf -v "its_$_line" %s ''
    done
    while IFS= read -r _line; do
        if [ -z "$_line" ]; then
            [ "$_found" = 1 ] || break
            continue
        fi
        _found=0
        [[ $_line =~ $_form && " $* " == *" ${BASH_REMATCH[1]} "* ]] || continue
        printf -v "its_${BASH_REMATCH[1]}" %s "${BASH_REMATCH[2]}"
    done
    return "$_found"
}
