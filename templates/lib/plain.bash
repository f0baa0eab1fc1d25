# Text from elsewhere, made harmless before a person sees it. Sourced, never run.
# shellcheck shell=bash

# Standard input without control characters, characters that turn the direction of writing, and bytes that are no UTF-8.
# From the second step on each becomes a '?': a mere cut could join its two sides to a new control character.
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
