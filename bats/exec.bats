#!/usr/bin/env bats
# exec and shell: many at once, the questions that they ask the engine, and callers that go away.

load cages

setup_file() { make_cage exec; }
teardown_file() {
    tmux -L "$RUN-exec" kill-server 2>/dev/null || true
    remove_cage
}
setup() { cd "$BATS_TEST_TMPDIR" || return; }

# The calls of the engine that an exec makes, in $calls.
asked() {
    TRUSTY_CAGE_TRACE=1 run -0 --separate-stderr tc exec "$CAGE" -- true
    # shellcheck disable=SC2154 # of run --separate-stderr
    calls=$(sed -E 's/^ *[0-9]+ ms +[^ ]+ +docker //' <<<"$stderr" | awk '{ print $1, ($1 == "container" ? $2 : "") }')
}

# An exec that loads no rules; a file beside this one may add an address to this machine meanwhile.
quick() {
    for _ in 1 2 3 4 5; do
        asked
        [ "$calls" != $'container inspect\nexec ' ] || return 0
    done
    echo "$stderr"
    return 1
}

# The same exec, which has to load the rules first.
loads_rules() {
    asked
    grep -q 'policy apply' <<<"$stderr" || { echo "$stderr"; return 1; }
}

@test "exec: one question to the engine, and the command, while all is as the last start left it" {
    quick
    run -0 tc start "$CAGE"
    says "Started cage '$CAGE'."
    quick
}

@test "exec: rules are loaded anew after a restart of the guard, and for an address of this machine" {
    docker restart --time 0 "$(guard)"
    loads_rules
    quick
    [ "$(id -u)" = 0 ] || return 0
    ip address add 198.51.100.77/32 dev lo # linux
    loads_rules
    ip address del 198.51.100.77/32 dev lo # linux
    loads_rules
}

@test "exec: a cage that was stopped, paused or removed meanwhile is started, goes on, or is named" {
    docker stop --time 0 "isolated-dev-$CAGE"
    run -0 tc exec "$CAGE" -- echo in
    [ "${lines[-1]}" = in ]
    docker pause "isolated-dev-$CAGE"
    run -0 tc exec "$CAGE" -- echo in
    [ "${lines[-1]}" = in ]
    docker rm --force "isolated-dev-$CAGE"
    run -1 tc exec "$CAGE" -- echo in
    says "error: container 'isolated-dev-$CAGE' is gone"
    [ "${lines[-1]}" = "The files are in its volumes. Make the containers anew: tc recreate $CAGE" ]
    run -0 tc recreate "$CAGE" -y
}

@test "exec: twenty-four at once, by tc and by make, and nothing is said to be gone" {
    local number processes=()
    for number in {1..12}; do
        tc exec "$CAGE" -- echo "by tc $number" >"tc.$number" 2>&1 </dev/null 3>&- &
        processes+=($!)
        make --no-print-directory -C "$ENV" exec CAGE_CMD="echo by make $number" >"make.$number" 2>&1 </dev/null 3>&- &
        processes+=($!)
    done
    for number in "${processes[@]}"; do wait "$number"; done
    for number in {1..12}; do
        [ "$(tail -n 1 "tc.$number")" = "by tc $number" ]
        [ "$(tail -n 1 "make.$number")" = "by make $number" ]
    done
    run -1 grep -h -e error -e gone tc.* make.*
}

@test "exec: many at once on a cage that is stopped: one starts it, the others wait" {
    local number processes=()
    run -0 tc stop "$CAGE"
    for number in {1..6}; do
        tc exec "$CAGE" -- echo "$number" >"start.$number" 2>&1 </dev/null 3>&- &
        processes+=($!)
    done
    for number in "${processes[@]}"; do wait "$number"; done
    for number in {1..6}; do [ "$(tail -n 1 "start.$number")" = "$number" ]; done
    run -1 grep -h -e error -e gone start.*
}

# No program of the call $1 runs inside, ten seconds later at most: each sleeps for a number that begins with $1.
ended() {
    for _ in {1..50}; do
        docker exec "isolated-dev-$CAGE" pgrep --full "^sleep $1" >left || return 0
        sleep 0.2
    done
    docker exec "isolated-dev-$CAGE" ps -eo pid,ppid,sid,args
    return 1
}

# Runs until the call $1 sleeps.
sleeps() {
    for _ in {1..100}; do
        ! docker exec "isolated-dev-$CAGE" pgrep --full "^sleep $1" >left || return 0
        sleep 0.2
    done
    return 1
}

@test "exec: its programs end with a caller whose time is up, by tc and by make; a session of their own goes on" {
    run -124 timeout 2 tc exec "$CAGE" -- sh -c 'setsid sleep 1199 & sleep 1101 & (trap "" TERM; sleep 1102; sleep 1103)'
    ended 110
    docker exec "isolated-dev-$CAGE" pkill --full '^sleep 1199'
    run -124 timeout 2 make --no-print-directory -C "$ENV" exec CAGE_CMD='sudo sleep 1104; sleep 1105'
    ended 110
}

@test "exec: its programs end with a caller that alone gets a signal, or is killed" {
    local signal caller
    export TMPDIR=$PWD/tmp
    mkdir tmp
    for signal in TERM HUP KILL; do
        # A killed one can't clean up.
        [ -z "$(ls tmp)" ]
        tc exec "$CAGE" -- sh -c 'sleep 1111 & env --ignore-environment sleep 1112' >/dev/null 2>&1 </dev/null 3>&- &
        caller=$!
        sleeps 1112
        kill -$signal $caller
        wait $caller || true
        ended 111
    done
}

@test "exec: Ctrl-C without a terminal ends it with 130, and the program gets to say its last word" {
    # Signals that a shell without job control starts a program with are ignored; Python has them back.
    cat >caller.py <<'PYTHON'
import os, signal, subprocess, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
last = "trap 'echo last word; exit 3' INT; echo ready; sleep 1121"
program = subprocess.Popen(["tc", "exec", sys.argv[1], "--", "sh", "-c", last], stdout=subprocess.PIPE, text=True,
                           stdin=subprocess.DEVNULL, start_new_session=True)
for line in program.stdout:
    print(line, end="", flush=True)
    if line == "ready\n":
        (os.killpg if sys.argv[2] == "group" else os.kill)(program.pid, signal.SIGINT)
sys.exit(program.wait())
PYTHON
    run -130 python3 caller.py "$CAGE" group
    says ready
    ended 112
    run -130 python3 caller.py "$CAGE" alone
    says 'last word'
    ended 112
}

@test "exec: a reader that has seen enough ends a program that would never end, and what it started" {
    run -141 bash -c "set -o pipefail; tc exec '$CAGE' -- sh -c 'sleep 1131 & yes' | head -n 1"
    [ "$output" = y ]
    ended 113
}

@test "exec: bytes, streams and exit codes are the program's alone, when a signal ends it inside, too" {
    head -c 300000 /dev/urandom >bytes
    tc exec "$CAGE" -- cat <bytes >back
    cmp bytes back
    # Closed for it alone: were it closed for run, its stdin would be the pipe that run reads its output from.
    run -0 --separate-stderr bash -c 'tc exec "$1" -- sh -c "echo out; echo err >&2" <&-' bash "$CAGE"
    [ "$output" = out ]
    [ "$stderr" = err ]
    run -137 --separate-stderr tc exec "$CAGE" -- sh -c 'kill -KILL $$'
    [ -z "$output$stderr" ]
}

@test "out of memory: exec after 137, status and the next attach tell it, each program once; the remedy raises the limit" {
    run -0 tc set "$CAGE" memory=200m
    run -137 tc exec "$CAGE" -- python3 -c 'bytearray(10**9)'
    says "Out of memory: the kernel ended 1 of the programs of cage '$CAGE' (limit 200.0 MiB; more: tc set $CAGE memory=400m)"
    run -137 tc exec "$CAGE" -- sh -c 'kill -9 $$'
    says_not 'Out of memory'
    run -0 tc status "$CAGE"
    says "out of memory the kernel ended 1 of its programs since the start (limit 200.0 MiB; more: tc set $CAGE memory=400m)"
    run -137 tc exec "$CAGE" -- dd if=/dev/zero of=/dev/shm/full bs=1M count=400
    says "Out of memory: the kernel ends each program that starts in cage '$CAGE' (limit 200.0 MiB; more: tc set $CAGE memory=400m)"
    run -1 on_terminal "tc attach $CAGE"
    says "Out of memory: the kernel ends each program that starts in cage '$CAGE'"
    run -0 tc set "$CAGE" memory=1g
    run -0 tc exec "$CAGE" -- sh -c 'rm /dev/shm/full && python3 -c "bytearray(4 * 10**8)"'
    says_not 'Out of memory'
    SCREEN=$RUN-exec
    tmux -L "$SCREEN" new-session -d -x 150 -y 40 "tc attach $CAGE; sleep 60"
    screen_shows ' Out of memory: programs ended: '
    screen_shows " (limit 1.0 GiB; more: tc set $CAGE memory=2g)"
    tmux -L "$SCREEN" send-keys C-a d
    screen_shows 'Return:'
    tmux -L "$SCREEN" respawn-pane -k "tc attach $CAGE; sleep 60"
    screen_shows "[$CAGE]"
    run -0 tmux -L "$SCREEN" capture-pane -p
    says_not 'Out of memory'
    tmux -L "$SCREEN" kill-server
    quick
}
