# A cage's properties as a table for a person, or as JSON for a program (CAGE_JSON=1). Sourced after terminal.bash.
# shellcheck shell=bash

# $1 as a string of JSON.
json() {
    printf '"'
    printf %s "$1" | plain | sed 's/\\/\\\\/g; s/"/\\"/g' | tr '\n\t' '  '
    printf '"'
}

# row NAME-IN-JSON NAME-IN-TABLE VALUE [VALUE-FOR-A-PERSON]: the next property; without a name it is not in the table.
# $before stands in front of a row of JSON.
before=$'{\n'
row() {
    if [ "${CAGE_JSON:-}" = 1 ]; then
        printf '%s  "%s": %s' "$before" "$1" "$(json "$3")"
        before=$',\n'
    elif [ -n "$2" ]; then
        printf '%-13s %s\n' "$2" "${4:-${3:--}}" | plain
    fi
}

end_of_table() {
    [ "${CAGE_JSON:-}" != 1 ] || printf '\n}\n'
}

# Bytes as a person reads them; nothing for none.
readable() {
    awk -v bytes="$1" 'BEGIN {
        if (bytes == "") exit
        for (n = split("B KiB MiB GiB TiB", unit, " "); bytes >= 1024 && ++at < n; ) bytes /= 1024
        printf at ? "%.1f %s\n" : "%d %s\n", bytes, unit[at + 1]
    }'
}
