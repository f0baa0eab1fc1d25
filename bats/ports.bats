#!/usr/bin/env bats
# Ports of the cage on this machine: PORTS in recipes/network.mk. Nobody else reaches them.

load cages

setup_file() {
    make_cage ports
    export PORT OTHER
    PORT=$(free_port) OTHER=$(free_port)
}
teardown_file() {
    [ ! -e "$BATS_FILE_TMPDIR/engine/name" ] || "$BATS_TEST_DIRNAME/own-engine" close "$BATS_FILE_TMPDIR/engine"
    remove_cage
}
teardown() { [ -z "${HOLDER:-}" ] || kill "$HOLDER" 2>/dev/null || true; }

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
    says "error: port $taken of this machine is taken, so the cage was not started"
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

# On the engine's machine, which lies in a network of its own; 'lan' is another machine there.
over_there() { nsenter --target "$(cat "$E/first")" --net --mount --pid "$@"; }
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
    guard=$(docker inspect -f '{{.Config.Image}}' "$(guard "$RUN-ports")")
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
        # The rule is the reason: without the address in it, an engine before 28 lets the other machine in.
        docker exec "$(guard)" sh -c 'sed "s/ip [sd]addr { [0-9.]* } tcp/tcp/" /var/lib/trusty-cage/rules | nft -f -'
        case $(docker version --format '{{.Server.Version}}') in
            2[0-7].*) lan python3 -c "$ASK" "$(address)" 8080 ;;
        esac
        run -0 tc exec "$CAGE" -- true
        run ! lan python3 -c "$ASK" "$(address)" 8080
        docker rm --force "$CAGE.served" >/dev/null
    done
    remove_cage "$CAGE"
}
