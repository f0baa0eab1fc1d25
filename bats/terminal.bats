#!/usr/bin/env bats
# The terminal after a session, and the last words on it: on a real terminal and a real engine.

load cages

setup_file() {
    make_cage terminal
    export SCREEN=terminal
}
teardown_file() {
    tmux -L terminal kill-server 2>/dev/null || true
    remove_cage
}

# A shell of its own in a terminal that answers queries; its title is 'mine'.
setup() {
    tmux -L terminal -f /dev/null new-session -d -x 150 -y 40 "PATH='$PATH' PS1='\$ ' bash --norc --noprofile"
    tmux -L terminal set-option -s focus-events on
    type_line "printf '\033]0;mine\007'"
}
teardown() { tmux -L terminal kill-server; }

type_line() { tmux -L terminal send-keys "clear; $1" Enter; }

# The terminal is as a shell expects it: its modes, its title, its settings, and nothing typed at its prompt.
given_back() {
    sleep 0.5
    run -0 tmux -L terminal display-message -p '#{alternate_on}#{mouse_any_flag}#{mouse_sgr_flag}#{cursor_flag}#{insert_flag}#{origin_flag}#{wrap_flag}#{keypad_flag}#{keypad_cursor_flag} #{scroll_region_upper} #{scroll_region_lower} #{pane_title}'
    [ "$output" = '000100100 0 39 mine' ]
    run -0 tmux -L terminal capture-pane -p
    says_not '^[['
    [ "$(grep -v '^$' <<<"$output" | tail -n 1)" = '$' ]
    type_line 'stty -a; echo settings'
    screen_shows ' echo '
    screen_shows ' icanon '
}

MESS='\033[?1049h\033[?1000h\033[?1006h\033[?25l\033[4h\033[?6h\033[5;10r\033[?7l\033=\033[?1h\033[?2004h\033[?1004h\033(0\033]0;evil\007'

@test "exec: a program that leaves everything on, and raw, whatever its exit code" {
    for code in 0 7; do
        type_line "tc exec $CAGE -- sh -c 'printf \"$MESS\"; stty raw -echo; exit $code'; echo code=\$?"
        screen_shows "code=$code"
        given_back
    done
}

@test "exec: an unended string swallows nothing, answers to queries reach no prompt" {
    type_line "tc exec $CAGE -- sh -c 'printf \"\033P\"'; echo code=\$?"
    screen_shows 'code=0'
    # The terminal inside would echo those that come while it is there, as any does.
    type_line "tc exec $CAGE -- sh -c 'stty -echo; for i in \$(seq 400); do printf \"\033[c\033[6n\"; done'; echo code=\$?"
    screen_shows 'code=0'
    given_back
}

@test "exec: Ctrl-C inside, and an engine's client that is killed" {
    type_line "tc exec $CAGE -- sh -c 'printf \"$MESS\"; sleep 60'; echo code=\$?"
    for _ in $(seq 60); do [ "$(tmux -L terminal display-message -p '#{pane_title}')" != evil ] || break; sleep 0.25; done
    tmux -L terminal send-keys C-c
    screen_shows 'code=130'
    given_back
    type_line "tc exec $CAGE -- sh -c 'printf \"$MESS\"; sleep 61'; echo code=\$?"
    for _ in $(seq 60); do [ "$(tmux -L terminal display-message -p '#{pane_title}')" != evil ] || break; sleep 0.25; done
    # The client itself: its parent is lib/session.
    kill -9 "$(pgrep --full "docker exec.* isolated-dev-$CAGE .*sleep 61" | while read -r id; do
        [ "$(tr '\0' ' ' <"/proc/$id/cmdline" | cut -d ' ' -f 2)" != exec ] || echo "$id"; done)"
    screen_shows 'code=137'
    given_back
}

@test "shell: what its programs leave on is off afterwards" {
    type_line "tc shell $CAGE; echo code=\$?"
    screen_shows project
    tmux -L terminal send-keys "printf '$MESS'; exit 3" Enter
    screen_shows 'code=3'
    given_back
}

@test "attach: an agent that is tmux, floods the terminal with queries and exits 0; and a detach" {
    inside_as_root <<'SH'
cp -a /usr/bin/tmux /usr/bin/tmux.kept
cat >/usr/bin/tmux.new <<'FAKE'
#!/bin/sh
case $* in *attach-session*) ;; *) exit 0 ;; esac
printf '\033[?1049h\033[?1003h\033]0;evil\007'
for i in $(seq 400); do printf '\033[c\033[>c\033[6n'; done
FAKE
chmod 755 /usr/bin/tmux.new
mv /usr/bin/tmux.new /usr/bin/tmux
SH
    type_line "tc attach $CAGE; echo code=\$?"
    screen_shows 'code=0'
    given_back
    inside_as_root <<<'mv /usr/bin/tmux.kept /usr/bin/tmux'
    type_line "tc attach $CAGE; echo code=\$?"
    screen_shows "[$CAGE]"
    tmux -L terminal send-keys C-a d
    screen_shows 'code=0'
    given_back
}

@test "exec: without a terminal nothing is added to the output" {
    run -0 bash -c "tc exec $CAGE -- printf 'only this' </dev/null"
    [ "$output" = 'only this' ]
}

@test "what to do is the last on a terminal, once, after all that make says" {
    run -1 on_terminal "tc create '$BATS_FILE_TMPDIR/$CAGE'"
    says "error: cage '$CAGE' already exists"
    run -3 tc destroy "$CAGE" </dev/null
    [ "${lines[-1]}" = 'Answer yes with: -y' ]
    [ "$(grep -c '^error: ' <<<"$output")" = 1 ]
    [[ ${lines[-3]} == 'make: *** '* ]]
    run -2 make --no-print-directory -C "$ENV" destroy </dev/null
    [[ ${lines[-1]} == 'make: *** '* ]]
    says 'Answer yes with: CAGE_YES=1'
}
