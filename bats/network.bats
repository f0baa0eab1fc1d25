#!/usr/bin/env bats
# The policy 'open', from inside, as the agent and as root. And ports of the cage on this machine: PORTS in
# recipes/network.mk; nobody else reaches them.

load cages

setup_file() {
    make_cage network
    # A host that is open: wherever npm's registry is.
    export REGISTRY PORT OTHER
    REGISTRY=$(tc exec "$CAGE" -- npm config get registry | sed 's,^https*://,,; s,[:/].*,,')
    PORT=$(free_port) OTHER=$(free_port)
}
teardown_file() {
    [ ! -e "$BATS_FILE_TMPDIR/engine/name" ] || "$BATS_TEST_DIRNAME/own-engine" close "$BATS_FILE_TMPDIR/engine"
    remove_cage
}
teardown() {
    for process in ${SERVER:-} ${HOLDER:-}; do kill "$process" 2>/dev/null || true; done
}

# connects ADDRESS PORT, from inside; a refusal is quick.
connects() {
    docker exec "isolated-dev-$CAGE" timeout 5 bash -c "exec 3<>/dev/tcp/$1/$2" 2>/dev/null
}

# A server on every address of the host, port in $PORT.
serve_on_host() {
    python3 -m http.server --bind 0.0.0.0 0 >"$BATS_TEST_TMPDIR/server" 2>&1 3>&- &
    SERVER=$!
    for _ in $(seq 50); do
        PORT=$(sed -n 's/.*port \([0-9]*\).*/\1/p' "$BATS_TEST_TMPDIR/server") && [ -n "$PORT" ] && return
        sleep 0.1
    done
    return 1
}

@test "network: no address of the host answers, by any of its interfaces" {
    PYTHONUNBUFFERED=1 serve_on_host
    for address in $(hostname -I) $(docker network inspect -f '{{range .IPAM.Config}}{{.Gateway}} {{end}}' bridge trusty-cage); do
        case $address in *:*) continue ;; esac
        timeout 5 bash -c "exec 3<>/dev/tcp/$address/$PORT"
        run ! connects "$address" "$PORT"
    done
}

@test "network: port 22, metadata addresses and Docker Hub's names are closed, package registries open" {
    run ! connects "$REGISTRY" 22
    run ! connects 169.254.169.254 80
    run ! connects 100.100.100.200 80
    for name in docker.io registry-1.docker.io auth.docker.io index.docker.io REGISTRY-1.docker.io registry-1.docker.io.; do
        run ! connects "$name" 443
        run -0 docker exec "isolated-dev-$CAGE" getent hosts "$name"
        says "$(docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$(guard)")"
    done
    connects "$REGISTRY" 443
}

# sends 'ADDRESS PORT …', from inside by the transport $1: a line each, 'sent' or the kernel's refusal.
sends() {
    docker exec --interactive "isolated-dev-$CAGE" python3 - "$@" <<'PYTHON'
import socket, sys
transport, *pairs = sys.argv[1:]
for address, port in (pair.split() for pair in pairs):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        it = socket.socket(family, socket.SOCK_DGRAM, int(transport))
        it.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        it.sendto(b"x" * 3000, (address, int(port)))
        print(address, port, "sent")
    except OSError as failure:
        print(address, port, failure.strerror)
PYTHON
}

@test "network: on port 53 no multicast, broadcast, link-local or metadata address is reached" {
    run -0 sends 17 '203.0.113.9 53' "$(hostname -I | cut -d ' ' -f 1) 53"
    [ "$(grep -c sent <<<"$output")" = 2 ]
    broadcast=$(ip -o -4 address | sed -n 's/.* brd \([^ ]*\).*/\1/p' | tail -n 1)
    run -0 sends 17 '224.0.0.251 53' '239.255.255.250 53' '255.255.255.255 53' "$broadcast 53" '169.254.169.254 53' \
        '169.254.20.10 53' '100.100.100.200 53' '168.63.129.16 53' '0.1.2.3 53' '240.0.0.1 53'
    [ "$(grep -c 'Operation not permitted' <<<"$output")" = 10 ]
}

@test "network: port 22 is closed by every transport, and those without ports that rules know are closed whole" {
    run -0 sends 17 '203.0.113.9 22' '203.0.113.9 23'
    says '203.0.113.9 22 Operation not permitted'
    says '203.0.113.9 23 sent'
    run -0 sends 136 '203.0.113.9 22' '203.0.113.9 23' '203.0.113.9 53'
    says_not sent
    # By way of another host (loose source routing).
    run docker exec "isolated-dev-$CAGE" python3 -c 'import socket; s = socket.socket()
s.setsockopt(0, socket.IP_OPTIONS, bytes([131, 7, 4, 203, 0, 113, 10, 0])); s.connect(("203.0.113.9", 443))'
    says 'Operation not permitted'
}

@test "network: no name is looked up in the guard, whose hosts and resolv.conf the cage may write" {
    docker exec --user 0 "isolated-dev-$CAGE" \
        sh -c 'cp /etc/resolv.conf /tmp; echo nameserver 127.0.0.1 >/etc/resolv.conf'
    docker exec --detach "isolated-dev-$CAGE" python3 -c 'import socket; s = socket.socket(2, 2)
s.bind(("127.0.0.1", 53)); open("/tmp/listens", "w")
while True: s.recv(999); open("/tmp/asked", "w")'
    until docker exec "isolated-dev-$CAGE" test -e /tmp/listens; do sleep 0.1; done
    run -0 tc exec "$CAGE" -- test ! -e /tmp/asked
    docker exec "$(guard)" timeout 2 getent hosts looked-up.test || true
    run -0 docker exec "isolated-dev-$CAGE" test -e /tmp/asked
    docker exec --user 0 "isolated-dev-$CAGE" sh -c 'cat /tmp/resolv.conf >/etc/resolv.conf'
}

# The rules in force, after the sed script $1.
reloaded() { docker exec "$(guard)" sh -c 'sed "$0" /var/lib/trusty-cage/rules | nft -f -' "$1"; }

# flows COUNT HOST, from inside, each of a port of its own: how many were let out.
flows() {
    docker exec --interactive "isolated-dev-$CAGE" python3 - "$@" <<'PYTHON'
import socket, sys
sent = 0
for number in range(int(sys.argv[1])):
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", (sys.argv[2], 10000 + number))
        sent += 1
    except OSError:
        pass
print(sent)
PYTHON
}

@test "network: a cage has 16,384 connections at most, those it has go on, and its loopback is not counted" {
    run -0 docker exec "$(guard)" nft list table inet trusty_cage_bounds
    says 'ct count over 16384'
    says 'limit rate over 1000/second burst 4000 packets'
    reloaded 's/over 16384/over 50/'
    docker exec --interactive "isolated-dev-$CAGE" python3 - "$REGISTRY" <<'PYTHON' >"$BATS_TEST_TMPDIR/answer" 3>&- &
import os, socket, ssl, sys, time
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
it = context.wrap_socket(socket.create_connection((sys.argv[1], 443)), server_hostname=sys.argv[1])
open("/tmp/on", "w")
while not os.path.exists("/tmp/off"):
    time.sleep(0.1)
it.sendall(b"HEAD / HTTP/1.1\r\nHost: %s\r\n\r\n" % sys.argv[1].encode())
print(it.recv(9).decode())
PYTHON
    until docker exec "isolated-dev-$CAGE" test -e /tmp/on; do sleep 0.1; done
    run -0 flows 200 203.0.113.9
    [ "$output" -ge 40 ] && [ "$output" -le 50 ]
    run ! connects "$REGISTRY" 443
    [ "$(flows 200 127.0.0.1)" = 200 ]
    docker exec "isolated-dev-$CAGE" touch /tmp/off
    wait "$!"
    grep HTTP "$BATS_TEST_TMPDIR/answer"
    reloaded ''
    connects "$REGISTRY" 443
}

@test "network: rules that are not the policy's are found and replaced before anything opens" {
    for change in 's/over 16384/over 16385/' 's/ct count .*//' 's/policy drop/policy accept/' 's/.*@closed4.*//' \
        's/^table inet trusty_cage_bounds {/& flags dormant;/'; do
        reloaded "$change"
        run -0 docker exec "$(guard)" sh -c 'nft -s list ruleset inet'
        tampered=$output
        run -0 tc start "$CAGE"
        run -0 docker exec "$(guard)" sh -c 'nft -s list ruleset inet'
        [ "$output" != "$tampered" ]
        says 'ct count over 16384'
        says '@closed4 reject'
        says_not dormant
        says_not copy
    done
}

@test "network: a cage begins 1,000 connections a second at most, after a burst" {
    reloaded 's,1000/second burst 4000,20/second burst 100,'
    begin=$(date +%s)
    run -0 flows 2000 203.0.113.10
    [ "$output" -ge 100 ] && [ "$output" -le $((100 + 25 * ($(date +%s) - begin + 1))) ]
    reloaded ''
}

@test "network: an engine whose kernel can't count connections has all other rules, and start says it" {
    docker exec --interactive --user 0 "$(guard)" \
        sh -c 'cd /usr/sbin && mv nft nft.away && cat >nft && chmod 755 nft' <<'SH'
#!/bin/sh
[ "$1" = -f ] || exec nft.away "$@"
cat >/tmp/rules
! grep -q 'ct count' /tmp/rules || { echo 'Error: Could not process rule: No such file or directory' >&2; exit 1; }
exec nft.away -f /tmp/rules
SH
    tc stop "$CAGE"
    run -0 tc start "$CAGE"
    says "can't count connections"
    run -0 tc exec "$CAGE" -- true
    says_not 'count'
    run ! connects "$REGISTRY" 22
    run -0 docker exec "$(guard)" nft list ruleset inet
    says 'limit rate over'
    says_not 'ct count'
    docker exec --user 0 "$(guard)" mv /usr/sbin/nft.away /usr/sbin/nft
    run -0 tc start "$CAGE"
    run -0 docker exec "$(guard)" nft list ruleset inet
    says 'ct count'
}

@test "network: the addresses of the last verb are in force after the engine alone restarts the guard" {
    sed -i '1i closed 203.0.113.200/32' "$ENV/.state/engine/machine"
    run -0 tc start "$CAGE"
    before=$(docker exec "$(guard)" nft list table inet trusty_cage)
    starts=$(docker logs "$(guard)" | grep -c ready)
    docker restart "$(guard)" >/dev/null
    until [ "$(docker logs "$(guard)" | grep -c ready)" -gt "$starts" ]; do sleep 0.1; done
    [[ $before == *203.0.113.200* ]]
    [ "$before" = "$(docker exec "$(guard)" nft list table inet trusty_cage)" ]
    run -0 tc exec "$CAGE" -- true
    run -0 docker exec "$(guard)" nft list table inet trusty_cage
    says_not 203.0.113.200
}

@test "guard: its memory is bounded, and after a restart by the engine alone the last rules are in force" {
    run -0 docker inspect --format '{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}}' "$(guard)"
    [ "$output" = '134217728 134217728' ]
    cp "$ENV/lib/engine/host-addresses" "$BATS_TEST_TMPDIR/addresses"
    for address in 198.51.100.7 198.51.100.9; do
        { cat "$BATS_TEST_TMPDIR/addresses"; echo "echo $address/32"; } >"$ENV/lib/engine/host-addresses"
        run -0 tc start "$CAGE"
    done
    cp "$BATS_TEST_TMPDIR/addresses" "$ENV/lib/engine/host-addresses"
    docker exec "$(guard)" nft list ruleset >"$BATS_TEST_TMPDIR/before"
    docker restart --time 1 "$(guard)" >/dev/null
    for _ in $(seq 50); do
        docker exec "$(guard)" nft list ruleset >"$BATS_TEST_TMPDIR/after"
        ! grep -q 198.51.100.9 "$BATS_TEST_TMPDIR/after" || break
        sleep 0.1
    done
    grep -q 198.51.100.9 "$BATS_TEST_TMPDIR/after"
    run ! grep -q 198.51.100.7 "$BATS_TEST_TMPDIR/after"
    # Table by table: the kernel lists them in the order in which they were made.
    ours() { sed -n '/^table inet trusty_cage {/,/^}/p' "$1" && sed -n '/^table inet trusty_cage_bounds {/,/^}/p' "$1"; }
    diff <(ours "$BATS_TEST_TMPDIR/before") <(ours "$BATS_TEST_TMPDIR/after")
    run -0 tc exec "$CAGE" -- true
}

@test "network: an engine's machine that does not tell its addresses, or not all of them, opens nothing" {
    mkdir "$BATS_TEST_TMPDIR/bin"
    for answer in 'exit 1' 'echo closed 192.0.2.1/32' 'echo end' 'echo closed anywhere; echo end' \
        'echo "closed 0.0.0.0/0 accept"; echo end'; do
        printf '#!/bin/bash\ncase " $* " in *" machine "*) %s; exit ;; esac\nexec %s "$@"\n' \
            "$answer" "$(command -v docker)" >"$BATS_TEST_TMPDIR/bin/docker"
        chmod 755 "$BATS_TEST_TMPDIR/bin/docker"
        tc stop "$CAGE"
        PATH=$BATS_TEST_TMPDIR/bin:$PATH run -1 tc exec "$CAGE" -- echo in
        says 'so nothing was opened'
        [ "$(docker inspect -f '{{.State.Running}}' "isolated-dev-$CAGE")" = false ]
    done
    run -0 tc exec "$CAGE" -- true
}

@test "network: no lookup, forward or reverse, tells the name of another cage" {
    make_repo "$BATS_TEST_TMPDIR/$RUN-wpad"
    run -0 tc create "$BATS_TEST_TMPDIR/$RUN-wpad" --no-attach
    [[ $(guard "$RUN-wpad") =~ ^isolated-dev-[0-9a-f]{12}\.guard$ ]]
    address() { docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$(guard "$1")"; }
    run -0 docker exec "isolated-dev-$CAGE" getent hosts "$(address "$RUN-wpad")"
    says "$(guard "$RUN-wpad")"
    says_not wpad
    # All names that the engine's DNS answers are in its list of the network.
    run -0 docker inspect -f '{{json .NetworkSettings.Networks}} {{.Config.Hostname}}' "$(guard "$RUN-wpad")"
    says_not wpad
    says_not "$CAGE"
    for name in "$RUN-wpad" "isolated-dev-$RUN-wpad"{,.guard,.helper,.machine} {,isolated-dev-}"$RUN-wpad.trusty-cage"; do
        run ! docker exec "isolated-dev-$CAGE" getent hosts "$name"
    done
    [ "$(docker exec "isolated-dev-$RUN-wpad" hostname)" = cage ]
    run -0 tc exec "$RUN-wpad" -- printenv TRUSTY_CAGE
    says "$RUN-wpad"
    run -0 tc list
    [[ $output =~ $RUN-wpad\ +running ]]
    remove_cage "$RUN-wpad"
}

@test "network: another cage does not answer" {
    docker run --detach --rm --name "isolated-dev-$CAGE-neighbour" --network trusty-cage \
        --label "trusty-cage.env=$CAGE" --label "trusty-cage.home=$(cat "$TRUSTY_CAGE_HOME/id")" \
        "$(docker inspect -f '{{.Config.Image}}' "$(guard)")" python3 -m http.server 8000 >/dev/null
    address=$(docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "isolated-dev-$CAGE-neighbour")
    sleep 1
    timeout 5 bash -c "exec 3<>/dev/tcp/$address/8000"
    run ! connects "$address" 8000
    run ! connects "$address" 53
    docker rm --force "isolated-dev-$CAGE-neighbour" >/dev/null
}

@test "network: root inside can't change rules, routes or namespaces" {
    rules=$(docker exec "$(guard)" nft list table inet trusty_cage)
    inside <<<'sudo apt-get install -y nftables iproute2 iptables >/dev/null 2>&1'
    for attempt in 'nft flush ruleset' 'nft delete table inet trusty_cage' 'iptables -F' 'ip route add 203.0.113.0/24 dev eth0' \
        'ip link set eth0 down' 'unshare --net true' 'unshare --user --net true' 'nsenter --target 1 --net true' \
        'python3 -c "import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)"' \
        'python3 -c "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)"'; do
        run ! docker exec --user 0 "isolated-dev-$CAGE" sh -c "$attempt"
    done
    [ "$rules" = "$(docker exec "$(guard)" nft list table inet trusty_cage)" ]
}

@test "network: a loop from the cage's first process finds nothing open, across restarts of guard and cage" {
    PYTHONUNBUFFERED=1 serve_on_host
    gateway=$(docker network inspect -f '{{range .IPAM.Config}}{{.Gateway}}{{end}}' trusty-cage)
    image=$(docker inspect -f '{{.Config.Image}}' "isolated-dev-$CAGE")
    docker run --detach --name "isolated-dev-$CAGE-first" --network "container:$(guard)" \
        --label "trusty-cage.env=$CAGE" --label "trusty-cage.home=$(cat "$TRUSTY_CAGE_HOME/id")" \
        "$image" bash -c "while :; do (exec 3<>/dev/tcp/$gateway/$PORT) 2>/dev/null && echo OUT; done" >/dev/null
    for _ in 1 2 3; do
        docker restart "$(guard)" >/dev/null
        docker restart --time 0 "isolated-dev-$CAGE-first" >/dev/null
        sleep 0.3
    done
    run docker logs "isolated-dev-$CAGE-first"
    docker rm --force "isolated-dev-$CAGE-first" >/dev/null
    says_not OUT
}

@test "network: a guard restarted under the cage is noticed, and exec opens only after the policy holds" {
    docker restart "$(guard)" >/dev/null
    run ! connects "$REGISTRY" 443
    run -0 tc exec "$CAGE" -- true
    connects "$REGISTRY" 443
    run ! connects "$REGISTRY" 22
}

@test "network: a cage that was created and never attached has the policy at its first exec" {
    tc stop "$CAGE"
    run -0 tc exec "$CAGE" -- bash -c "! timeout 5 bash -c 'exec 3<>/dev/tcp/$REGISTRY/22' 2>/dev/null && echo closed"
    says closed
}

@test "network: a policy that can't be applied opens nothing" {
    docker exec --user 0 "$(guard)" mv /usr/sbin/nft /usr/sbin/nft.away
    run -1 tc start "$CAGE"
    says 'the network policy could not be verified'
    docker exec --user 0 "$(guard)" mv /usr/sbin/nft.away /usr/sbin/nft
    run -0 tc exec "$CAGE" -- true
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# answers ADDRESS PORT: whether an HTTP server does, through the words before 'answers', if any.
ASK='import sys, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
opener.open("http://%s:%s/" % (sys.argv[1], sys.argv[2]), timeout=3).read()'
answers() { python3 -c "$ASK" "$@" 2>/dev/null; }

# A server inside, on port 8080 and on $PORT; its log tells who asked.
served() {
    local port
    for port in 8080 "$PORT"; do
        docker exec "isolated-dev-$CAGE" python3 -c "$ASK" 127.0.0.1 "$port" 2>/dev/null ||
            docker exec --detach "isolated-dev-$CAGE" sh -c "python3 -u -m http.server $port >>/tmp/server 2>&1"
        until docker exec "isolated-dev-$CAGE" python3 -c "$ASK" 127.0.0.1 "$port" 2>/dev/null; do sleep 0.1; done
    done
}

# The addresses that asked the servers inside, but for its own.
askers() { docker exec "isolated-dev-$CAGE" sed -n 's/^\([0-9.]*\) - - .*/\1/p' /tmp/server | grep -v '^127' | sort -u; }

address() { docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$(guard)"; }
gateway() { docker network inspect -f '{{range .IPAM.Config}}{{.Gateway}}{{end}}' trusty-cage; }

# Hold port $1 of this machine until the test's end.
hold() {
    python3 -c 'import socket, sys, time; s = socket.create_server(("127.0.0.1", int(sys.argv[1]))); print(flush=True)
while True: time.sleep(9)' "$1" >"$BATS_TEST_TMPDIR/held" 3>&- 4>&- &
    HOLDER=$!
    until [ -s "$BATS_TEST_TMPDIR/held" ]; do sleep 0.05; done
}

@test "ports: those that are set are said to wait for recreate, and lead into the cage from then on" {
    echo "PORTS := $PORT $OTHER:8080" >>"$ENV/local.mk"
    run -0 tc start "$CAGE"
    says "Apply it: tc recreate $CAGE"
    served
    run ! answers 127.0.0.1 "$PORT"
    run -0 tc make -y "$CAGE" recreate
    run -0 tc start "$CAGE"
    says_not 'Apply it'
    served
    answers 127.0.0.1 "$PORT"
    answers 127.0.0.1 "$OTHER"
    [ "$(askers)" = "$(gateway)" ]
}

@test "ports: they lead into the cage again after it was stopped, and after the guard alone was restarted" {
    tc stop "$CAGE"
    run ! answers 127.0.0.1 "$PORT"
    run -0 tc start "$CAGE"
    served
    answers 127.0.0.1 "$PORT"
    docker restart "$(guard)" >/dev/null
    run -0 tc exec "$CAGE" -- true
    served
    answers 127.0.0.1 "$OTHER"
}

@test "ports: no other address of this machine answers, and no container reaches them" {
    served
    for address in $(hostname -I) "$(gateway)"; do
        case $address in *:*) continue ;; esac
        run ! answers "$address" "$PORT"
        run ! answers "$address" "$OTHER"
    done
    for network in bridge trusty-cage; do
        run ! docker run --rm --network "$network" --label "trusty-cage.env=$CAGE" \
            --label "trusty-cage.home=$(cat "$TRUSTY_CAGE_HOME/id")" --entrypoint python3 \
            "$(docker inspect -f '{{.Image}}' "$(guard)")" -c "$ASK" "$(address)" 8080
    done
    # The policy is no other than before: from inside, this machine is as far away.
    run ! docker exec "isolated-dev-$CAGE" timeout 3 bash -c "exec 3<>/dev/tcp/$(gateway)/$OTHER"
    answers 127.0.0.1 "$OTHER"
}

@test "ports: one that is taken is one error with the remedy, and nothing half-made stays" {
    echo kept | inside_file note
    local taken
    taken=$(free_port)
    hold "$taken"
    sed -i "s/^PORTS := .*/PORTS := $taken:8080/" "$ENV/local.mk"
    run -1 tc make -y "$CAGE" recreate
    says "error: port $taken of this machine is taken by 'python3' (process $HOLDER), so the cage was not started"
    says "Then: tc recreate $CAGE"
    [ "$(grep -c '^error' <<<"$output")" = 1 ]
    [ -z "$(docker ps --all --quiet --filter "label=trusty-cage.env=$CAGE")" ]
    kill "$HOLDER"
    wait "$HOLDER" || true
    run -0 tc make -y "$CAGE" recreate
    [ "$(docker exec "isolated-dev-$CAGE" cat note)" = kept ]
    # Taken while the cage was stopped.
    tc stop "$CAGE"
    hold "$taken"
    run -1 tc start "$CAGE"
    says "error: port $taken of this machine is taken"
    kill "$HOLDER"
    wait "$HOLDER" || true
    run -0 tc start "$CAGE"
}
inside_file() { docker exec --interactive "isolated-dev-$CAGE" sh -c "cat >$1"; }

@test "ports: a value that is none is one error, and the containers stay" {
    id=$(docker inspect --format '{{.Id}}' "isolated-dev-$CAGE")
    for ports in http 70000 0 '8000 8000'; do
        sed -i "s/^PORTS := .*/PORTS := $ports/" "$ENV/local.mk"
        run -1 tc make -y "$CAGE" recreate
        says 'error: PORTS in recipes/network.mk '
        [ "$(grep -c '^error' <<<"$output")" = 1 ]
    done
    [ "$id" = "$(docker inspect --format '{{.Id}}' "isolated-dev-$CAGE")" ]
}

# Another machine of the network that the engine's lies in.
lan() { over_there ip netns exec lan "$@"; }

# A server beside the cage, in its network, of the guard's image $1: the cage's own has no program for it.
served_beside() {
    docker run --detach --name "$CAGE.served" --network "container:$(guard)" --label "trusty-cage.env=$CAGE" \
        --label "trusty-cage.home=$(cat "$TRUSTY_CAGE_HOME/id")" "$1" \
        sh -c "python3 -u -m http.server $PORT & python3 -u -m http.server 8080" >/dev/null
    for port in 8080 "$PORT"; do
        until docker exec "$CAGE.served" python3 -c "$ASK" 127.0.0.1 "$port"; do sleep 0.1; done 2>/dev/null
    done
}

@test "ports: another machine of the local network reaches none, whether or not the engine has a proxy" {
    [ "$(id -u)" = 0 ] || skip 'starts an engine of its own'
    local E=$BATS_FILE_TMPDIR/engine OWN=$BATS_TEST_DIRNAME/own-engine guard CAGE=$RUN-lan
    guard=$(docker inspect -f '{{.Config.Image}}' "$(guard "$RUN-network")")
    guard=$(docker inspect -f '{{index .RepoTags 0}}' "$guard")
    mkdir -p "$E"
    "$OWN" open "$E"
    over_there ip link set lo up
    OWN_ENGINE=--userland-proxy=true "$OWN" start "$E"
    docker save "$guard" "$TRUSTY_CAGE_BASE_IMAGE" | docker --host "unix://$E/sock" load >/dev/null
    export DOCKER_HOST=unix://$E/sock ENV=$TRUSTY_CAGE_HOME/envs/$CAGE
    make_repo "$BATS_TEST_TMPDIR/repo"
    tc create "$BATS_TEST_TMPDIR/repo" --name "$CAGE" --shell bash --render-only >/dev/null
    tiny_image
    echo "PORTS := $PORT $OTHER:8080" >>"$ENV/local.mk"
    run -0 tc create "$BATS_TEST_TMPDIR/repo" --name "$CAGE" --no-attach
    over_there mount -t tmpfs none /run
    over_there ip netns add lan
    over_there ip link add far type veth peer name near netns lan
    over_there ip address add 198.51.100.1/24 dev far
    over_there ip link set far up
    lan ip address add 198.51.100.2/24 dev near
    lan ip link set near up
    lan ip route add default via 198.51.100.1
    for proxy in true false; do
        [ $proxy = true ] || OWN_ENGINE=--userland-proxy=false "$OWN" restart "$E"
        run -0 tc start "$CAGE"
        served_beside "$guard"
        # Clients on the engine's machine come from the bridge's gateway, by the proxy or by the engine's NAT.
        over_there python3 -c "$ASK" 127.0.0.1 "$PORT"
        over_there python3 -c "$ASK" 127.0.0.1 "$OTHER"
        [ "$(docker logs "$CAGE.served" 2>&1 | sed -n 's/ - - .*//p' | grep -v '^127' | sort -u)" = "$(gateway)" ]
        for port in 8080 "$PORT" "$OTHER"; do
            for to in "$(address)" 198.51.100.1; do
                run ! lan python3 -c "$ASK" "$to" "$port"
            done
        done
        # A forward listens on the loopback alone.
        over_there env "PATH=$PATH" tc forward "$CAGE" 39999:8080 >"$BATS_TEST_TMPDIR/forward" 2>&1 3>&- 4>&- &
        for _ in $(seq 100); do grep -q Ctrl-C "$BATS_TEST_TMPDIR/forward" || sleep 0.1; done
        over_there python3 -c "$ASK" 127.0.0.1 39999
        run ! lan python3 -c "$ASK" 198.51.100.1 39999
        kill "$!"
        # The rule is the reason: without the address in it, an engine before 28 lets the other machine in.
        docker exec "$(guard)" sh -c 'sed "s/ip [sd]addr { [0-9.]* } tcp/tcp/" /var/lib/trusty-cage/rules | nft -f -'
        case $(docker version --format '{{.Server.Version}}') in
            2[0-7].*) lan python3 -c "$ASK" "$(address)" 8080 ;;
        esac
        run -0 tc start "$CAGE"
        run ! lan python3 -c "$ASK" "$(address)" 8080
        docker rm --force "$CAGE.served" >/dev/null
    done
    remove_cage "$CAGE"
}
