#!/bin/sh
# Cage 'full': the screen that 'tc attach full' opens. It runs inside the cage.
# Rendered by trusty-cage 0.0.0. This file is yours: edit it freely; 'make stop attach' begins a session by it.
# A re-render merges into your edits and never overwrites them; 'tc diff-recipes full' shows them.
#
# Environment: CAGE_TMUX_PREFIX, CAGE_SHELL, CAGE_START and CAGE_CONTINUE (the commands of lib/agents that start the
# agent and go on with its last conversation), CAGE_RESUME, CAGE_API_KEY_ENV (the name of the key's variable),
# CAGE_MORE_MEMORY (the limit, and how to raise it), CAGE_VARIABLES (names of variables for new panes), TERM, COLORTERM.
set -eu

session=dev
editor='nvim .'
# right: the width of the right column, in % of the screen's; bottom: the height of what is below its first pane, in %
# of the column's. The left column gets the rest.
right=40% bottom=30%
agent=${CAGE_START:-claude}

# Said where the agent has ended.
ended="
The agent has ended. Start it again:
  $agent
${CAGE_CONTINUE:+With its last conversation:
  $CAGE_CONTINUE
}"

# With resume=yes its last conversation goes on. Where there is none, it ends at once, and begins anew.
if [ "${CAGE_RESUME:-no}" = yes ] && [ -n "${CAGE_CONTINUE:-}" ]; then
    agent="sh -c 'began=\$(date +%s); $CAGE_CONTINUE || [ \$((\$(date +%s) - began)) -gt 9 ] || exec $agent'"
fi

# shellcheck disable=SC2016 # for the shell of the pane
# A login shell starts a pane's program. Suspended (Ctrl-Z), it goes on at once; when it ends, the pane says the words
# that follow, and becomes a shell.
pane='set -m; "$SHELL" -lc "exec $1"; while fg >/dev/null 2>&1; do :; done; printf %s "${2:-}"; exec "$SHELL" -l'

# tmux takes a semicolon at a word's end for the end of the command.
prefix=${CAGE_TMUX_PREFIX:-C-a}
[ "${prefix%;}" = "$prefix" ] || prefix="${prefix%;}\\;"

SHELL=$(command -v "${CAGE_SHELL:-sh}") || SHELL=/bin/sh
export SHELL

# tmux can't draw on a terminal that says dumb.
[ "${TERM:-dumb}" != dumb ] || export TERM=xterm-256color

# Left the editor, top right the agent, bottom right a shell. A split-window without a command opens a shell, -h beside
# and -v below the pane that was made last, with -b before it. A fourth pane, of a program, is one more line before
# select-pane:   split-window -h /bin/sh -c "$pane" sh top \; \
# No pane is called by its number: a tmux.conf may count from anywhere. The prefix comes last: a key that tmux does not
# know leaves the rest in place.
open_session() {
    # tmux takes a line for its status: an editor that is just starting would miss that its pane shrinks by it.
    lines=$((${size% *} - 1)) columns=${size#* }
    tmux -u new-session -d -s "$session" -x "$columns" -y "$lines" /bin/sh -c "$pane" sh "$editor" \; \
        split-window -h -l "$right" /bin/sh -c "$pane" sh "$agent" "$ended" \; \
        split-window -v -l "$bottom" \; \
        select-pane -t '{top-right}' \; \
        bind-key "$prefix" send-prefix \; \
        set-option prefix "$prefix"
}

# The engine sets the terminal's size a moment after the start.
for _ in 1 2 3 4 5 6 7 8 9 10; do
    size=$(stty size 2>/dev/null) || size='0 0'
    [ "$size" = '0 0' ] || break
    sleep 0.05
done
[ "$size" != '0 0' ] || size='24 80'

# A second attach joins the session. Of its variables the key and those of CAGE_VARIABLES reach panes that are opened
# from then on. The names of the attach before stay listed: tmux then takes away a variable that is gone.
tmux has-session -t "=$session" 2>/dev/null || open_session || tmux has-session -t "=$session"
names="${CAGE_API_KEY_ENV:-ANTHROPIC_API_KEY} ${CAGE_VARIABLES:-}"
index=40
set -- set-option -g @carried "$names"
for name in $names $(tmux show-options -gqv @carried); do
    set -- "$@" \; set-option -g "update-environment[$index]" "$name"
    index=$((index + 1))
done
tmux "$@"

# The kernel's counter of programs that it ended since memory was full, of cgroup v2 or v1. Each is told once, in the
# status line until a key is pressed; before tmux 3.2 for a moment.
ended=$(sed -n 's/^oom_kill //p' /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control 2>/dev/null) || :
told=$(tmux show-options -gqv @ended) || :
set --
if [ "${ended:-0}" -gt "${told:-0}" ]; then
    tmux set-option -g @ended "$ended"
    tmux list-commands display-message | grep -q ' delay' && set -- -d 0
    set -- \; display-message "$@" \
        " Out of memory: programs ended: $((ended - ${told:-0})) (${CAGE_MORE_MEMORY:-})"
fi

case ${COLORTERM:-} in
truecolor | 24bit) exec tmux -u -T RGB attach-session -t "=$session" "$@" ;;
*) exec tmux -u attach-session -t "=$session" "$@" ;;
esac
