#!/usr/bin/env bats
# The policy 'open', from inside, as the agent and as root.

load cages

setup_file() {
    make_cage network-tests
    # A host that is open: wherever npm's registry is.
    export REGISTRY
    REGISTRY=$(tc exec network-tests -- npm config get registry | sed 's,^https*://,,; s,[:/].*,,')
}
teardown_file() { remove_cage network-tests; }

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

teardown() { [ -z "${SERVER:-}" ] || kill "$SERVER"; }

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
        says "$(docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "isolated-dev-$CAGE.guard")"
    done
    connects "$REGISTRY" 443
}

@test "network: another cage does not answer" {
    docker run --detach --rm --name "isolated-dev-$CAGE-neighbour" --network trusty-cage \
        --label trusty-cage.env=network-tests --label "trusty-cage.home=$(cat "$TRUSTY_CAGE_HOME/id")" \
        "$(docker inspect -f '{{.Config.Image}}' "isolated-dev-$CAGE.guard")" python3 -m http.server 8000 >/dev/null
    address=$(docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "isolated-dev-$CAGE-neighbour")
    sleep 1
    timeout 5 bash -c "exec 3<>/dev/tcp/$address/8000"
    run ! connects "$address" 8000
    run ! connects "$address" 53
    docker rm --force "isolated-dev-$CAGE-neighbour" >/dev/null
}

@test "network: root inside can't change rules, routes or namespaces" {
    rules=$(docker exec "isolated-dev-$CAGE.guard" nft list table inet trusty_cage)
    inside <<<'sudo apt-get install -y nftables iproute2 iptables >/dev/null 2>&1'
    for attempt in 'nft flush ruleset' 'nft delete table inet trusty_cage' 'iptables -F' 'ip route add 203.0.113.0/24 dev eth0' \
        'ip link set eth0 down' 'unshare --net true' 'unshare --user --net true' 'nsenter --target 1 --net true' \
        'python3 -c "import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)"' \
        'python3 -c "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)"'; do
        run ! docker exec --user 0 "isolated-dev-$CAGE" sh -c "$attempt"
    done
    [ "$rules" = "$(docker exec "isolated-dev-$CAGE.guard" nft list table inet trusty_cage)" ]
}

@test "network: a loop from the cage's first process finds nothing open, across restarts of guard and cage" {
    PYTHONUNBUFFERED=1 serve_on_host
    gateway=$(docker network inspect -f '{{range .IPAM.Config}}{{.Gateway}}{{end}}' trusty-cage)
    image=$(docker inspect -f '{{.Config.Image}}' "isolated-dev-$CAGE")
    docker run --detach --name "isolated-dev-$CAGE-first" --network "container:isolated-dev-$CAGE.guard" \
        --label trusty-cage.env=network-tests --label "trusty-cage.home=$(cat "$TRUSTY_CAGE_HOME/id")" \
        "$image" bash -c "while :; do (exec 3<>/dev/tcp/$gateway/$PORT) 2>/dev/null && echo OUT; done" >/dev/null
    for _ in 1 2 3; do
        docker restart "isolated-dev-$CAGE.guard" >/dev/null
        docker restart --time 0 "isolated-dev-$CAGE-first" >/dev/null
        sleep 0.3
    done
    run docker logs "isolated-dev-$CAGE-first"
    docker rm --force "isolated-dev-$CAGE-first" >/dev/null
    says_not OUT
}

@test "network: a guard restarted under the cage is noticed, and exec opens only after the policy holds" {
    docker restart "isolated-dev-$CAGE.guard" >/dev/null
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
    docker exec --user 0 "isolated-dev-$CAGE.guard" mv /usr/sbin/nft /usr/sbin/nft.away
    run -1 tc exec "$CAGE" -- echo in >&2
    says_not $'\nin\n'
    says 'the network policy could not be verified'
    docker exec --user 0 "isolated-dev-$CAGE.guard" mv /usr/sbin/nft.away /usr/sbin/nft
    run -0 tc exec "$CAGE" -- true
}
