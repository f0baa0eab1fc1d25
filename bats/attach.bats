#!/usr/bin/env bats
# attach, shell and exec: the ways in, on a real terminal and without one.

load cages

setup_file() {
    make_cage attach
    export SCREEN=attach
}
teardown_file() {
    for name in attach stopped ghosts keys; do tmux -L $name kill-server 2>/dev/null || true; done
    remove_cage
}

@test "attach: three panes, the agent at its prompt and focused, detach says how to return" {
    TC=$(command -v tc)
    tmux -L attach new-session -d -x 160 -y 48 -s outer
    tmux -L attach send-keys "ANTHROPIC_API_KEY=sk-ant-test $TC attach $CAGE; echo code=\$?" Enter
    screen_shows 'bypass permissions'
    run -0 docker exec "isolated-dev-$CAGE" tmux list-panes -t dev -F '#{pane_left} #{pane_top} #{pane_active} #{pane_width} #{pane_current_command}'
    [ "${#lines[@]}" = 3 ]
    [[ ${lines[0]} == '0 0 0 '*nvim* ]]
    [[ ${lines[1]} == *' 0 1 '* ]]
    [[ ${lines[2]} == *' 0 '*zsh* ]]
    # The editor knows how high its pane is.
    docker exec "isolated-dev-$CAGE" tmux send-keys -t 'dev:.{left}' ':call writefile([&lines], "/tmp/lines")' Enter
    run -0 docker exec "isolated-dev-$CAGE" sh -c 'until [ -s /tmp/lines ]; do sleep 0.1; done; cat /tmp/lines'
    [ "$output" = 47 ]
    tmux -L attach send-keys C-a d
    screen_shows 'code=0'
    screen_shows "Return: tc attach $CAGE"
}

# The borders between the panes: column of the upright one, row of the other, in percent.
borders() {
    tmux -L attach capture-pane -p | python3 -c '
import sys
rows = sys.stdin.read().split("\n")[:-1]
column = rows[2].index("\u2502")
print(100 * column // max(map(len, rows)), 100 * next(i for i, row in enumerate(rows) if row[column] in "\u251c\u2524") // len(rows))'
}

# The editor has three fifths of the width, the agent 70 % of the height beside it, give or take $1 percent.
as_laid_out() {
    local column row
    read -r column row < <(borders)
    if [ $((column - 60)) -gt "$1" ] || [ $((60 - column)) -gt "$1" ] || [ $((row - 68)) -gt "$1" ] || [ $((68 - row)) -gt "$1" ]; then
        echo "borders at $column % and $row %"
        tmux -L attach capture-pane -p
        return 1
    fi
}

@test "attach: the layout holds at two sizes and after a resize; colour, Unicode and clipboard; an unknown TERM" {
    TC=$(command -v tc)
    local size
    tmux -L attach set-option -s set-clipboard on
    tmux -L attach set-option -as terminal-features ',*:RGB'
    for size in '200 60' '100 30'; do
        docker exec "isolated-dev-$CAGE" tmux kill-server || true
        # shellcheck disable=SC2086 # two words
        set -- $size
        tmux -L attach resize-window -t outer -x "$1" -y "$2"
        tmux -L attach send-keys "clear; TERM=no-such-terminal COLORTERM=truecolor $TC attach $CAGE" Enter
        screen_shows "[$CAGE]"
        as_laid_out 6
        [ "$size" = '100 30' ] || { tmux -L attach send-keys C-a d && screen_shows 'Return:'; }
    done
    tmux -L attach resize-window -t outer -x 160 -y 48
    sleep 1
    as_laid_out 12
    docker exec "isolated-dev-$CAGE" tmux new-window -t dev \
        "printf '\033[38;2;1;2;3mcolour\033[0m åβ漢 \033]52;c;Y29waWVk\a'; sleep 60"
    screen_shows 'åβ漢'
    run -0 tmux -L attach capture-pane -p -e
    says '38;2;1;2;3m'
    run -0 tmux -L attach show-buffer
    [ "$output" = copied ]
    docker exec "isolated-dev-$CAGE" tmux kill-server
    # Until the terminal was given back, keys are dropped with the answers to queries.
    screen_shows 'the session ended'
}

@test "attach: a second one joins the same session" {
    TC=$(command -v tc)
    tmux -L attach send-keys "clear; ANTHROPIC_API_KEY=sk-ant-test $TC attach $CAGE" Enter
    screen_shows 'bypass permissions'
    tmux -L attach send-keys C-a d
    screen_shows "Return: tc attach $CAGE"
    docker exec "isolated-dev-$CAGE" tmux set-environment -t dev MARK kept
    tmux -L attach send-keys "clear; $TC attach $CAGE; echo code=\$?" Enter
    screen_shows 'bypass permissions'
    run -0 docker exec "isolated-dev-$CAGE" tmux show-environment -t dev MARK
    says MARK=kept
    tmux -L attach send-keys C-a d
    screen_shows 'code=0'
}

# An agent of the user's own, newer than the image's: it tells what it was started with, and ends.
own_agent() {
    docker exec --interactive "isolated-dev-$CAGE" sh -c 'cat >~/.local/bin/claude && chmod +x ~/.local/bin/claude' <<'AGENT'
#!/bin/sh
[ "$*" != --version ] || exec echo '99.1 (Own Agent)'
case $* in *apiKeyHelper*--dangerously-skip-permissions*) ;; *) exit 3 ;; esac
case $* in
*--continue) [ -e ~/talked ] && echo goes-on-"$(cat ~/talked)" ;;
*) echo begins-"$(date +%s%N | tee ~/talked)" ;;
esac
AGENT
}

@test "attach: an ended agent says how it is started again, its bare name does that, and a newer one is used" {
    local talk
    TC=$(command -v tc)
    own_agent
    docker exec "isolated-dev-$CAGE" tmux kill-server || true
    tmux -L attach send-keys "clear; ANTHROPIC_API_KEY=sk-ant-test $TC attach $CAGE" Enter
    screen_shows begins-
    screen_shows 'The agent has ended. Start it again:'
    screen_shows '  claude --dangerously-skip-permissions'
    screen_shows '  claude --dangerously-skip-permissions --continue'
    talk=$(docker exec "isolated-dev-$CAGE" cat /home/trustycage/talked)
    tmux -L attach send-keys 'clear; claude' Enter
    screen_shows begins-
    [ "$(docker exec "isolated-dev-$CAGE" cat /home/trustycage/talked)" != "$talk" ]
    tmux -L attach send-keys C-a d
    screen_shows 'Return:'
}

@test "attach: with resume=yes a session begins with the agent's last conversation, or with a new one where there is none" {
    TC=$(command -v tc)
    own_agent
    run -0 tc set "$CAGE" resume=yes
    for talk in '' talk; do
        docker exec "isolated-dev-$CAGE" sh -c "rm -f ~/talked; [ -z '$talk' ] || echo '$talk' >~/talked"
        run -0 tc stop "$CAGE"
        tmux -L attach send-keys "clear; ANTHROPIC_API_KEY=sk-ant-test $TC attach $CAGE" Enter
        screen_shows "$([ -n "$talk" ] && echo goes-on-talk || echo begins-)"
        tmux -L attach send-keys C-a d
        screen_shows 'Return:'
    done
    docker exec "isolated-dev-$CAGE" rm /home/trustycage/.local/bin/claude
    run -0 tc set "$CAGE" resume=no
    docker exec "isolated-dev-$CAGE" tmux kill-server
}

@test "exec, shell: a terminal inside where there is one outside" {
    TC=$(command -v tc)
    tmux -L attach send-keys "clear; $TC exec $CAGE -- tty" Enter
    screen_shows /dev/pts/
    tmux -L attach send-keys "clear; $TC shell $CAGE" Enter
    sleep 2
    tmux -L attach send-keys 'test -t 1 && echo in-a-"terminal"' Enter
    screen_shows in-a-terminal
    tmux -L attach send-keys exit Enter
    run -0 bash -c 'echo "cat piped" | tc exec "$CAGE" -- cat'
    [ "$output" = 'cat piped' ]
}

@test "attach: without a terminal it says what to do instead" {
    run -1 tc attach "$CAGE" </dev/null
    says 'attach needs a terminal'
    says "tc exec $CAGE -- COMMAND"
}

@test "exec: relays the exit code and hands over strings as they are" {
    run -42 tc exec "$CAGE" -- bash -c 'exit 42'
    run -0 tc exec "$CAGE" -- printf '%s\n' 'a b' '$(id)' '`id`' "quo'te" '"' '\' '{{7*7}}' '#x' '$$' '%'
    [ "$output" = $'a b\n$(id)\n`id`\nquo\'te\n"\n\\\n{{7*7}}\n#x\n$$\n%' ]
}

@test "exec: pip, npm and apt-get work as one types them" {
    run -0 tc exec "$CAGE" -- pip install six
    run -0 tc exec "$CAGE" -- npm install -g is-number
    run -0 tc exec "$CAGE" -- sudo apt-get install -y hello
    run -0 tc exec "$CAGE" -- hello
    says 'Hello, world!'
}

@test "attach: a cage that is stopped from elsewhere gives the terminal back, and says so" {
    tmux -L stopped -f /dev/null new-session -d -x 150 -y 40 'bash --norc'
    tmux -L stopped send-keys "$(command -v tc) attach $CAGE; echo ended with \$?" Enter
    for _ in {1..60}; do
        [ "$(tmux -L stopped display-message -p '#{alternate_on}')" != 1 ] || break
        sleep 0.5
    done
    run -0 tc stop "$CAGE"
    SCREEN=stopped screen_shows 'ended with 1'
    run -0 tmux -L stopped capture-pane -p
    says "error: the session ended: cage '$CAGE' was stopped or removed"
    says "See: tc status $CAGE"
    [ "$(tmux -L stopped display-message -p '#{alternate_on}#{mouse_any_flag}')" = 00 ]
    run -0 tc start "$CAGE"
}

# A terminal of its own, $SCREEN, with a shell in it; TERM there is $1.
own_terminal() {
    tmux -L "$SCREEN" -f /dev/null new-session -d -x 150 -y 40 "TERM=$1 exec bash --norc"
    tmux -L "$SCREEN" set-option -s extended-keys on
}

@test "attach, shell: terminals that are closed leave no client and no program behind, and the window has its size again" {
    local TC
    TC=$(command -v tc)
    export SCREEN=ghosts
    # The third's shell goes on, so that a closed terminal is all that tells.
    for after in '' '' '; sleep 9'; do
        tmux -L ghosts -f /dev/null new-session -d -x 60 -y 15 "trap : HUP; $TC attach $CAGE$after"
    done
    tmux -L ghosts new-session -d -s shell "$TC shell $CAGE"
    for _ in {1..80}; do
        sleep 0.25
        run -0 docker exec "isolated-dev-$CAGE" sh -c 'tmux list-clients 2>/dev/null | wc -l'
        [ "$output" != 3 ] || break
    done
    [ "$output" = 3 ]
    tmux -L ghosts send-keys -t shell 'sleep 1201 & sleep 1202' Enter
    for _ in {1..80}; do
        sleep 0.25
        ! docker exec "isolated-dev-$CAGE" pgrep --full '^sleep 1202' || break
    done
    tmux -L ghosts kill-server
    for _ in {1..40}; do
        sleep 0.25
        run -0 docker exec "isolated-dev-$CAGE" sh -c 'tmux list-clients; pgrep --list-full --full "^sleep 120" || true'
        [ -n "$output" ] || break
    done
    [ -z "$output" ]
    own_terminal screen-256color
    tmux -L ghosts send-keys "$TC attach $CAGE" Enter
    screen_shows "[$CAGE]"
    run -0 docker exec "isolated-dev-$CAGE" tmux display-message -p -t dev '#{window_width} #{session_attached}'
    [ "$output" = '150 1' ]
    tmux -L ghosts kill-server
}

# Ctrl-P, Ctrl-\, Ctrl-Space and Ctrl-], one by one: each is on the screen before the next is typed.
arrive_at_once() {
    local key
    for key in 'C-p ^P' 'C-\ ^\' 'C-Space ^@' 'C-] ^]' 'C-p ^]^P' 'C-q ^P^Q'; do
        tmux -L keys send-keys "${key% *}"
        screen_shows "${key#* }"
    done
}

# The program that shows keys ends; where it is not there, the screen and the processes say why.
end_of_cat() {
    for _ in 1 2 3; do
        ! docker exec "isolated-dev-$CAGE" pkill -x cat || return 0
        sleep 0.5
    done
    tmux -L keys capture-pane -p
    docker exec "isolated-dev-$CAGE" ps -ef
    return 1
}

SHOWS="sh -c 'stty raw -echo; echo shows-\"\"keys; exec cat -v'"

@test "attach, shell, exec: keys arrive at the first press, Ctrl-P Ctrl-Q too; Shift+Enter is not Enter; an unknown TERM" {
    local TC term
    TC=$(command -v tc)
    export SCREEN=keys
    own_terminal no-such-terminal
    tmux -L keys send-keys "clear; $TC exec $CAGE -- $SHOWS; echo code=\$?" Enter
    screen_shows shows-keys
    arrive_at_once
    end_of_cat
    screen_shows code=143
    tmux -L keys send-keys "clear; $TC shell $CAGE; echo code=\$?" Enter
    screen_shows project
    tmux -L keys send-keys 'tput colors && clear && exec '"$SHOWS" Enter
    screen_shows shows-keys
    arrive_at_once
    end_of_cat
    screen_shows code=143
    for term in no-such-terminal screen-256color; do
        tmux -L keys send-keys "clear; TERM=$term $TC attach $CAGE" Enter
        screen_shows "[$CAGE]"
        docker exec "isolated-dev-$CAGE" tmux new-window -t dev \
            "stty raw -echo; printf '\033[>4;1m'; echo shows-''keys; exec cat -v"
        screen_shows shows-keys
        arrive_at_once
        tmux -L keys send-keys S-Enter
        screen_shows ';2'
        tmux -L keys send-keys C-Enter
        screen_shows ';5'
        end_of_cat
        tmux -L keys send-keys C-a d
        screen_shows "Return: tc attach $CAGE"
    done
}
