#!/usr/bin/env bats
# 'tc forward': ports of this machine that lead to programs on the cage's loopback, for as long as it runs.

load cages

setup_file() {
    make_cage forward
    export ONE TWO
    ONE=$(free_port) TWO=$(free_port)
    inside <<<'mkdir -p /tmp/served && cd /tmp/served && for n in $(seq 100); do echo "file $n" >"$n"; done'
    serve 8080
}
teardown_file() { remove_cage; }
teardown() {
    [ -z "${SCREEN:-}" ] || tmux -L "$SCREEN" kill-server 2>/dev/null || true
    for process in ${FORWARD:-} ${HOLDER:-}; do kill "$process" 2>/dev/null || true; done
    nothing_left
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# answers ADDRESS PORT [PATH …]: whether an HTTP server does, with each of the paths.
ASK='import sys, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
for path in sys.argv[3:] or [""]:
    opener.open("http://%s:%s/%s" % (*sys.argv[1:3], path), timeout=3).read()'
answers() { python3 -c "$ASK" "$@" 2>/dev/null; }

# A server inside on port $1, of the loopback alone.
serve() {
    docker exec --detach "isolated-dev-$CAGE" python3 -m http.server "$1" --bind 127.0.0.1 --directory /tmp/served
    until docker exec "isolated-dev-$CAGE" python3 -c "$ASK" 127.0.0.1 "$1" 2>/dev/null; do sleep 0.1; done
}

# Forward the ports $@ in the background, in $FORWARD the process of tc; its output is in $OUT.
forward() {
    OUT=$BATS_TEST_TMPDIR/out
    tc forward "$CAGE" "$@" >"$OUT" 2>&1 3>&- 4>&- &
    FORWARD=$!
    until grep -q 'Ctrl-C ends it' "$OUT"; do
        kill -0 "$FORWARD" || { cat "$OUT" && return 1; }
        sleep 0.1
    done
}

# Nothing of a forward is left: here, in the guard, in the cage.
nothing_left() {
    for _ in $(seq 80); do
        [ -n "$(left)" ] || return 0
        sleep 0.1
    done
    left
    return 1
}
left() {
    ! answers 127.0.0.1 "$ONE" || echo open
    pgrep -fa -- "-l forward .* isolated-dev-$CAGE\$" || true
    docker top "$(guard)" | grep -E 'sshd|forward' || true
    docker exec "$(guard)" ls /dev/shm
    find "$ENV/.state/engine" -name 'forward.*'
}

rules() { docker exec "$(guard)" nft -s list ruleset inet; }

@test "forward: both loopbacks lead to a server on the cage's, one that comes later too, and the rules are the same" {
    before=$(rules)
    forward "$ONE:8080" "$TWO:8090"
    [ "$(cat "$OUT")" = "$(printf '%-40s port %s of cage %s\n' "http://$CAGE.localhost:$ONE" 8080 "$CAGE" \
        "http://$CAGE.localhost:$TWO" 8090 "$CAGE")"$'\nCtrl-C ends it.' ]
    answers 127.0.0.1 "$ONE"
    ! grep -q '^0*1 ' /proc/net/if_inet6 || answers '[::1]' "$ONE"
    run ! answers 127.0.0.1 "$TWO"
    serve 8090
    answers 127.0.0.1 "$TWO"
    [ "$(rules)" = "$before" ]
    # Each file is a connection of its own.
    time answers 127.0.0.1 "$ONE" $(seq 100)
    # A second one says who has the port.
    run -1 tc forward "$CAGE" "$ONE:8080"
    says "error: port $ONE of this machine is taken by a forward of cage '$CAGE' (process "
    says "Give another in front of the cage's: "
}

@test "forward: no other address of this machine leads into the cage, and no other container gets there" {
    forward "$ONE:8080"
    answers 127.0.0.1 "$ONE"
    for address in $(hostname -I) $(docker network inspect -f '{{range .IPAM.Config}}{{.Gateway}} {{end}}' trusty-cage); do
        case $address in *:*) continue ;; esac
        run ! answers "$address" "$ONE"
    done
    address=$(docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$(guard)")
    gateway=$(docker network inspect -f '{{range .IPAM.Config}}{{.Gateway}}{{end}}' trusty-cage)
    run ! docker run --rm --network trusty-cage --label "trusty-cage.env=$CAGE" \
        --label "trusty-cage.home=$(cat "$TRUSTY_CAGE_HOME/id")" --entrypoint sh \
        "$(docker inspect -f '{{.Image}}' "$(guard)")" \
        -c "python3 -c '$ASK' $address 8080 || python3 -c '$ASK' $gateway $ONE"
}

@test "forward: TERM, KILL, Ctrl-C and a closed terminal end it, and leave nothing" {
    for signal in TERM KILL; do
        forward "$ONE:8080"
        answers 127.0.0.1 "$ONE"
        kill -s "$signal" "$FORWARD"
        nothing_left
    done
    SCREEN=$RUN-forward
    for end in 'send-keys C-c' kill-server; do
        tmux -L "$SCREEN" new-session -d -x 120 -y 20 "tc forward $CAGE $ONE:8080; sleep 60"
        screen_shows 'Ctrl-C ends it'
        answers 127.0.0.1 "$ONE"
        # shellcheck disable=SC2086 # words
        tmux -L "$SCREEN" $end
        nothing_left
        tmux -L "$SCREEN" kill-server 2>/dev/null || true
    done
}

@test "forward: nothing of the agent's reaches the terminal, and a peer that misbehaves ends no more than itself" {
    docker exec --detach "isolated-dev-$CAGE" python3 -c '
import socket
server = socket.create_server(("127.0.0.1", 8100))
while True:
    it = server.accept()[0]
    it.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    it.sendall(b"\x1b]0;evil\7SSH-2.0-evil\r\n" * 9)
    it.close()'
    forward "$ONE:8100" "$TWO:8080"
    for _ in $(seq 20); do
        timeout 5 bash -c "exec 3<>/dev/tcp/127.0.0.1/$ONE; echo \$'\\0\\1SSH-2.0' >&3; cat <&3" >/dev/null 2>&1 || true
    done
    answers 127.0.0.1 "$TWO"
    kill "$FORWARD"
    wait "$FORWARD" || true
    run ! grep -q evil "$OUT"
    run ! grep -q $'\x1b' "$OUT"
}

@test "forward: a port that a program or a cage has is named with it; a stop of the cage is said" {
    python3 -c 'import socket, time; s = socket.create_server(("127.0.0.1", int(__import__("sys").argv[1]))); time.sleep(99)' \
        "$ONE" 3>&- 4>&- &
    HOLDER=$!
    until (exec 3<>"/dev/tcp/127.0.0.1/$ONE") 2>/dev/null; do sleep 0.1; done
    run -1 tc forward "$CAGE" "$ONE:80"
    says "error: port $ONE of this machine is taken by 'python3' (process $HOLDER)"
    docker run --detach --rm --name "isolated-dev-$CAGE-holds" --publish "127.0.0.1:$TWO:80" \
        --label "trusty-cage.env=$CAGE" --label "trusty-cage.home=$(cat "$TRUSTY_CAGE_HOME/id")" --entrypoint sleep \
        "$(docker inspect -f '{{.Image}}' "$(guard)")" 99 >/dev/null
    run -1 tc forward "$CAGE" "$TWO:80"
    says "error: port $TWO of this machine is taken by cage '$CAGE'"
    docker rm --force "isolated-dev-$CAGE-holds" >/dev/null
    kill "$HOLDER"
    forward "$TWO:8080"
    tc stop "$CAGE"
    wait "$FORWARD" && return 1
    grep "error: the forward ended: cage '$CAGE' was stopped" "$OUT"
    tc start "$CAGE"
    serve 8080
}

@test "forward: a server on ::1 alone is reached; --open waits for it, and opens the cage's own name" {
    [ "$(id -u)" = 0 ] || skip 'gives the cage an address'
    nsenter --target "$(docker inspect -f '{{.State.Pid}}' "$(guard)")" --net \
        sh -c 'echo 0 >/proc/sys/net/ipv6/conf/lo/disable_ipv6'
    mkdir "$BATS_TEST_TMPDIR/bin"
    printf '#!/bin/sh\necho "$@" >%s/opened\n' "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/bin/xdg-open"
    chmod 755 "$BATS_TEST_TMPDIR/bin/xdg-open"
    PATH=$BATS_TEST_TMPDIR/bin:$PATH forward --open "$ONE:8200"
    sleep 0.5
    [ ! -e "$BATS_TEST_TMPDIR/opened" ]
    docker exec --detach "isolated-dev-$CAGE" python3 -m http.server 8200 --bind ::1 --directory /tmp/served
    for _ in $(seq 100); do [ -s "$BATS_TEST_TMPDIR/opened" ] || sleep 0.1; done
    [ "$(cat "$BATS_TEST_TMPDIR/opened")" = "http://$CAGE.localhost:$ONE" ]
    answers 127.0.0.1 "$ONE"
}

# Chromium shows, at port $1 of this machine, what a module of the page has written.
rendered() {
    for _ in {1..60}; do
        ! timeout 20 chromium-headless-shell --no-sandbox --no-proxy-server --disable-gpu --virtual-time-budget=3000 \
            --user-data-dir="$BATS_TEST_TMPDIR/chromium" --dump-dom "http://$CAGE.localhost:$1" 2>/dev/null |
            grep -q '<p>written by a module</p>' || return 0
        sleep 0.5
    done
    return 1
}

# Vite serves the page in ~/page, with the options $@.
vite() { docker exec --detach "isolated-dev-$CAGE" sh -c 'cd ~/page && exec npx vite --strictPort "$@" >log 2>&1' sh "$@"; }

@test "forward, ports: a browser shows the page of a dev server from npm, Vite, by either way" {
    command -v chromium-headless-shell >/dev/null || skip 'this distribution has no chromium-headless-shell'
    tc exec "$CAGE" -- sh -euc 'mkdir ~/page && cd ~/page && npm init -y >log && npm install --no-audit --no-fund vite >log
        echo "<script type=module src=/main.js></script><p></p>" >index.html
        echo "document.querySelector(\"p\").textContent = \"written by a module\"" >main.js'
    vite
    forward "$ONE:5173"
    rendered "$ONE"
    kill "$FORWARD"
    run -0 tc set "$CAGE" "ports=$TWO:5173"
    run -0 tc recreate "$CAGE" -y
    run -0 tc status "$CAGE"
    says "http://$CAGE.localhost:$TWO"
    vite --host
    rendered "$TWO"
}
