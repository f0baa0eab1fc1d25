#!/usr/bin/env bats
# Keys that the agent never holds: the gate, against a vendor that is none (bats/vendor), which speaks TLS in the
# network of the guard. The vendors' names lead there, and the gate trusts its authority by a file in gate/.

load cages

setup_file() {
    own_home
    own_names keys
    export ANTHROPIC_API_KEY=sk-ant-canary-$RUN-a OPENAI_API_KEY=sk-canary-$RUN-o GEMINI_API_KEY=AIza-canary-$RUN-g
    export CAGE=$RUN-keys
    export ENV=$TRUSTY_CAGE_HOME/envs/$CAGE CLONE=$TRUSTY_CAGE_HOME/envs/$CAGE/repo
    make_repo "$BATS_FILE_TMPDIR/$CAGE"
    tc create "$BATS_FILE_TMPDIR/$CAGE" --render-only
    # Names of this run alone: all cages here share the network that they are looked up in.
    export A=anthropic.$RUN.example O=openai.$RUN.example G=gemini.$RUN.example
    echo "DOCKER_HUB += $A $O $G" >>"$ENV/local.mk"
    sed -i "s/^anthropic .*/anthropic $A/; s/^openai .*/openai $O/; s/^gemini .*/gemini $G/" "$ENV/gate/names.map"
    cd "$BATS_FILE_TMPDIR" || return
    openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out "$ENV/gate/own.crt" -days 2 -subj /CN=authority 2>/dev/null
    certificate good "$A,DNS:$O,DNS:$G"
    certificate bad evil.example
    CAGE_NO_ATTACH=1 make -C "$ENV" create >create.out 2>&1 || { cat create.out; return 1; }
    tc set "$CAGE" agents=claude,codex,gemini >/dev/null
    vendor good
}

teardown_file() {
    remove_cage "$CAGE-vendor"
    remove_cage
}

# $1.pem: a key, and a certificate of our authority for the names $2.
certificate() {
    openssl req -newkey rsa:2048 -nodes -keyout "$1.key" -subj /CN=vendor -out "$1.csr" 2>/dev/null
    openssl x509 -req -in "$1.csr" -CA "$ENV/gate/own.crt" -CAkey ca.key -CAcreateserial -days 2 -out "$1.crt" \
        -extfile <(echo "subjectAltName=DNS:$2") 2>/dev/null
    cat "$1.key" "$1.crt" >"$1.pem"
}

# The vendor, with the certificate $1.pem.
vendor() {
    local image
    docker rm --force "$CAGE-vendor" >/dev/null 2>&1 || true
    image=$(docker inspect --format '{{.Image}}' "$(guard)")
    CERTIFICATE=$(cat "$BATS_FILE_TMPDIR/$1.pem") docker run --detach --name "$CAGE-vendor" --env CERTIFICATE \
        --label "trusty-cage.env=$CAGE-vendor" --label "trusty-cage.home=$(cat "$TRUSTY_CAGE_HOME/id")" \
        --network "container:$(guard)" -- "$image" python3 -c "$(cat "$BATS_TEST_DIRNAME/vendor")" >/dev/null
    for _ in $(seq 100); do
        ! docker logs "$CAGE-vendor" 2>&1 | grep -q ready || return 0
        sleep 0.1
    done
    docker logs "$CAGE-vendor"
    return 1
}

gate() { local it; it=$(guard); echo "${it%guard}gate"; }

# The placeholder of the variable $1.
placeholder() { sed -n "s/^$1 [a-z]* //p" "$ENV/.history/placeholders"; }

# Ask the gate from inside as the agent could, with the arguments of curl $@; prints the body, then the code.
ask() { inside <<<"$(printf '%q ' curl --silent --max-time 10 --write-out '\n%{http_code}\n' "$@")"; }

# The last request that reached the vendor, as JSON.
arrived() { docker logs "$CAGE-vendor" 2>/dev/null | tail -n 1; }

# The value of the header $1 in it, each on a line.
header() { arrived | python3 -c 'import json, sys
for name, value in json.load(sys.stdin)["headers"]:
    if name == sys.argv[1]: print(value)' "$1"; }

# Nothing has reached the vendor since the last request with the path $1.
nothing_since() { [[ $(arrived) == *"$1"* ]]; }

@test "keys: the session has a placeholder, the vendor gets the key" {
    run -0 tc exec "$CAGE" -- sh -c 'curl -sS -H "x-api-key: $ANTHROPIC_API_KEY" "$ANTHROPIC_BASE_URL/v1/one"; env'
    says '{"ok":true}'
    says "ANTHROPIC_API_KEY=$(placeholder ANTHROPIC_API_KEY)"
    says 'ANTHROPIC_API_KEY=sk-ant-api03-'
    says _CLAUDE_CODE_ASSUME_FIRST_PARTY_BASE_URL=1
    says_not canary
    [ "$(header x-api-key)" = "$ANTHROPIC_API_KEY" ]
    [ "$(header host)" = "$A" ]
    run -0 tc exec "$CAGE" -- sh -c 'curl -sS -H "Authorization: Bearer $OPENAI_API_KEY" "$OPENAI_BASE_URL/two"'
    says '{"ok":true}'
    [ "$(header authorization)" = "Bearer $OPENAI_API_KEY" ]
    [[ $(arrived) == *'"GET /v1/two HTTP/1.1"'* ]]
    run -0 tc exec "$CAGE" -- sh -c 'curl -sS -H "x-goog-api-key: $GEMINI_API_KEY" "$GOOGLE_GEMINI_BASE_URL/three"'
    says '{"ok":true}'
    [ "$(header x-goog-api-key)" = "$GEMINI_API_KEY" ]
}

@test "keys: no credential but the placeholder is taken, in whichever header, and the reason is the vendor's JSON" {
    local mine=sk-ant-api03-of-somebody-else place
    place=$(placeholder ANTHROPIC_API_KEY)
    run -0 ask -H "x-api-key: $place" http://127.0.0.1:4101/v1/begin
    says 200
    refused() {
        run -0 ask "$@"
        [ "${lines[1]}" = 400 ] || { echo "$* gave: $output"; return 1; }
        python3 -c 'import json, sys; print(json.loads(sys.argv[1])["error"]["message"])' "${lines[0]}" | grep '^trusty-cage: '
        nothing_since /v1/begin
    }
    refused http://127.0.0.1:4101/v1/messages
    refused -d '{}' -H 'content-type: text/plain' http://127.0.0.1:4101/v1/messages # a page in a browser of the cage
    refused -H "x-api-key: $mine" http://127.0.0.1:4101/v1/messages
    refused -H 'x-api-key;' http://127.0.0.1:4101/v1/messages
    refused -H "x-api-key: $place" -H "Authorization: Bearer $mine" http://127.0.0.1:4101/v1/messages
    refused -H "x-api-key: $mine" -H "Authorization: Bearer $place" http://127.0.0.1:4101/v1/messages
    refused -H "x-api-key: $place" -H "x-goog-api-key: $mine" http://127.0.0.1:4101/v1/messages
    refused -H "Authorization: Basic $place" http://127.0.0.1:4101/v1/messages
    refused -H "Authorization: Bearer $(placeholder OPENAI_API_KEY)" -H "sec-websocket-protocol: realtime, openai-insecure-api-key.$mine" \
        http://127.0.0.1:4102/v1/realtime
    refused -H "x-api-key: ${place}A" http://127.0.0.1:4101/v1/messages
    refused -H "x-api-key: $(placeholder OPENAI_API_KEY)" http://127.0.0.1:4101/v1/messages
    refused -H "Authorization: Bearer $place" http://127.0.0.1:4102/v1/responses
    refused -H "x-goog-api-key: $(placeholder GEMINI_API_KEY)" 'http://127.0.0.1:4103/v1?key=other'
    refused -H "x-goog-api-key: $(placeholder GEMINI_API_KEY)" 'http://127.0.0.1:4103/v1?a=b&%61ccess_token=other'
    run -0 ask http://127.0.0.1:4101/v1/messages
    [ "${lines[0]}" = '{"type":"error","error":{"type":"invalid_request_error","message":"trusty-cage: only the key of these sessions is taken here"}}' ]
    run -0 ask http://127.0.0.1:4102/v1/responses
    says '"type":"invalid_request_error","param":null,"code":null}}'
    run -0 ask http://127.0.0.1:4103/v1beta/models
    says '"status":"INVALID_ARGUMENT"}}'
    run -0 ask -H "x-api-key: $mine" -H "x-api-key: $place" -H 'cookie: session=mine' http://127.0.0.1:4101/v1/two-headers
    [ "$(header x-api-key)" = "$ANTHROPIC_API_KEY" ]
    [ -z "$(header cookie)" ]
}

@test "keys: the place is the gate's, whatever the request says; TRACE, CONNECT and other forms are refused" {
    local place
    place=$(placeholder ANTHROPIC_API_KEY)
    run -0 ask -H "x-api-key: $place" -H 'host: evil.example' http://127.0.0.1:4101//evil.example/x
    says 200
    [ "$(header host)" = "$A" ]
    [[ $(arrived) == *'"GET //evil.example/x HTTP/1.1"'* ]]
    run -0 ask -H "x-api-key: $place" http://127.0.0.1:4101/v1/begin
    sent() { # the request $@, by lines; prints the answer
        inside <<<"exec 3<>/dev/tcp/127.0.0.1/4101; $(printf '%q ' printf '%s\r\n' "$@" "x-api-key: $place" '') >&3; timeout 0.6 cat <&3 || :"
    }
    for line in 'TRACE / HTTP/1.1' 'trace / HTTP/1.1' 'TRACK / HTTP/1.1' 'CONNECT evil.example:443 HTTP/1.1' 'GET http://evil.example/ HTTP/1.1' \
        'GET https://evil.example/ HTTP/1.1' 'OPTIONS * HTTP/1.1' 'GET @evil.example/ HTTP/1.1' 'GET evil.example/ HTTP/1.1'; do
        run -0 sent "$line" 'host: evil.example'
        says ' 400 '
        nothing_since /v1/begin
    done
    run -0 sent 'GET /v1/x HTTP/1.1' 'host: a' 'connection: upgrade, http2-settings' 'upgrade: h2c' 'http2-settings: AAMAAABkAAQAAP__'
    says ' 400 '
    run sent 'PROXY TCP4 1.2.3.4 5.6.7.8 1 2' 'GET /v1/x HTTP/1.1' 'host: a'
    says_not ' 200 '
    run sent 'GET /v1/x' 'host: a'
    says_not ' 200 '
    run sent 'GET /v1/x HTTP/1.1' 'host: a' 'host: b'
    says_not ' 200 '
    run -0 ask --http2-prior-knowledge -H "x-api-key: $place" http://127.0.0.1:4101/v1/x
    says 400
    run inside <<<'curl --silent --insecure --max-time 5 https://127.0.0.1:4101/v1/x'
    [ "$status" != 0 ]
    nothing_since /v1/begin
    for path in v1/../x v1/%2e%2E/x ..%2fx v1/%252e%252e/x 'v1/..\x' 'v1/..;/x' v1/x/.. v1/./x 'v1/..?a' \
        api/oauth/claude_cli/create_api_key v1/realtime/client%5fsecrets V1/REALTIME//SESSIONS v1alpha/auth_tokens; do
        run -0 ask --path-as-is -H "x-api-key: $place" "http://127.0.0.1:4101/$path"
        says 'trusty-cage: an address '
        says 400
    done
    nothing_since /v1/begin
    run -0 ask --path-as-is -H "x-api-key: $place" 'http://127.0.0.1:4101/v1/x..y/.../.z?p=/../'
    says 200
    run -0 sent 'GET /v1/websocket HTTP/1.1' 'host: a' 'connection: upgrade' 'upgrade: websocket' \
        'sec-websocket-version: 13' 'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=='
    says ' 101 '
    [ "$(header x-api-key)" = "$ANTHROPIC_API_KEY" ]
    run -0 ask -H "x-api-key: $place" -d '{}' http://127.0.0.1:4101/messages
    [[ $(arrived) == *'"POST /v1/messages HTTP/1.1"'* ]]
}

@test "keys: a stream comes event by event, a kept request costs little, and a long wait ends no request" {
    run -0 inside <<SH
python3 - <<'PYTHON'
import http.client, ssl, time

headers = {"x-api-key": "$(placeholder ANTHROPIC_API_KEY)"}
gate = http.client.HTTPConnection("127.0.0.1", 4101)
gate.request("POST", "/v1/stream", "{}", headers)
late = []
for line in gate.getresponse():
    if line.startswith(b"data: "):
        late.append(time.time() - float(line[6:]))
print("events", len(late), "late" if max(late) > 0.1 else "in time", f"{max(late) * 1000:.1f} ms")
gate = http.client.HTTPConnection("127.0.0.1", 4101)
vendor = http.client.HTTPSConnection("127.0.0.1", 443, context=ssl._create_unverified_context())
took = {gate: [], vendor: []}
for _ in range(50):
    for way in took:
        begin = time.monotonic()
        way.request("GET", "/v1/kept", headers=headers)
        way.getresponse().read()
        took[way].append(time.monotonic() - begin)
by_gate, direct = (sorted(times)[25] * 1000 for times in took.values())
print(f"a kept request {by_gate - direct:.2f} ms more than the vendor's {direct:.2f}")
gate.request("GET", "/v1/slow", headers=headers)
print(gate.getresponse().status)
PYTHON
SH
    echo "# $output, memory $(docker stats --no-stream --format '{{.MemUsage}}' "$(gate)")" | tr '\n' ' ' >&3
    echo >&3
    says 'events 5 in time'
    [ "${lines[2]}" = 200 ]
}

@test "keys: a wrong certificate outside gets no request, and the agent is told at once; one that is away is named" {
    vendor bad
    run -0 ask -H "x-api-key: $(placeholder ANTHROPIC_API_KEY)" http://127.0.0.1:4101/v1/models
    says 400
    says '"message":"trusty-cage: no connection with'
    says ': its certificate is not trusted here. If you know it, put it into gate/ of the cage on the host, as NAME.crt"}}'
    run docker logs "$CAGE-vendor"
    says_not models
    says_not canary
    docker rm --force "$CAGE-vendor" >/dev/null
    run -0 ask -H "x-api-key: $(placeholder ANTHROPIC_API_KEY)" http://127.0.0.1:4101/v1/models
    [ "$(python3 -c 'import json, sys; print(json.loads(sys.argv[1])["error"]["message"])' "${lines[0]}")" = \
        "trusty-cage: no connection with anthropic.$RUN.example" ]
    says 503
    vendor good
}

@test "keys: another key is loaded, none leaves the gate as it is, and one call of the engine decides" {
    asked() { # the calls of the engine of: tc exec $@
        TRUSTY_CAGE_TRACE=1 tc exec "$CAGE" -- "$@" 2>&1 >/dev/null | grep -c ' ms .* docker '
    }
    tc exec "$CAGE" -- true
    [ "$(asked true)" = 2 ]
    ANTHROPIC_API_KEY=sk-ant-canary-$RUN-new run -0 tc exec "$CAGE" -- sh -c 'curl -sS -H "x-api-key: $ANTHROPIC_API_KEY" "$ANTHROPIC_BASE_URL/v1/new"'
    [ "$(header x-api-key)" = "sk-ant-canary-$RUN-new" ]
    unset ANTHROPIC_API_KEY
    [ "$(asked true)" = 2 ]
    run -0 tc exec "$CAGE" -- sh -c 'curl -sS -H "x-api-key: $ANTHROPIC_API_KEY" "$ANTHROPIC_BASE_URL/v1/kept"'
    [ "$(header x-api-key)" = "sk-ant-canary-$RUN-new" ]
}

@test "keys: a value that is no key is refused in words, and goes nowhere" {
    for value in 'sk ant canary' $'sk-ant-canary\nx-other: y' $'\e]0;canary' "$(printf 'canary%05000d' 0)"; do
        ANTHROPIC_API_KEY=$value run -0 tc start "$CAGE"
        says 'warning: the value of ANTHROPIC_API_KEY is no key: it has '
        says_not canary
        ANTHROPIC_API_KEY=$value run -0 tc exec "$CAGE" -- env
        says_not canary
    done
    tc start "$CAGE" 2>/dev/null
}

@test "keys: where the user's own shell names a host, the gate connects there" {
    ANTHROPIC_BASE_URL=https://$O:443/team/ run -0 tc exec "$CAGE" -- \
        sh -c 'curl -sS -H "x-api-key: $ANTHROPIC_API_KEY" "$ANTHROPIC_BASE_URL/v1/models"; env'
    says '{"ok":true}'
    says ANTHROPIC_BASE_URL=http://127.0.0.1:4101
    says_not _CLAUDE_CODE_ASSUME
    [[ $(arrived) == *'"GET /team/v1/models HTTP/1.1"'* ]]
    [ "$(header host)" = "$O" ]
    OPENAI_BASE_URL=https://$A/team/v1 run -0 tc exec "$CAGE" -- \
        sh -c 'curl -sS -H "Authorization: Bearer $OPENAI_API_KEY" "$OPENAI_BASE_URL/responses"'
    [[ $(arrived) == *'"GET /team/v1/responses HTTP/1.1"'* ]]
    for _ in 1 2; do
        ANTHROPIC_BASE_URL=http://ai.example run -0 tc exec "$CAGE" -- env
        says "warning: the gate can't connect to the address in ANTHROPIC_BASE_URL: it takes https://HOST alone"
        says "Calls don't go there. Name it with https://, unset it, or hand the key itself to sessions: keys=inside"
        says_not canary
    done
}

@test "keys: idle connections keep the agent out for some seconds at most" {
    inside <<'SH'
python3 - <<'PYTHON'
import socket, time, urllib.request, urllib.error

idle = [socket.create_connection(("127.0.0.1", 4101), 5) for _ in range(300)]
begin = time.monotonic()
try:
    urllib.request.urlopen("http://127.0.0.1:4101/", timeout=30)
except urllib.error.HTTPError as error:
    assert error.code == 400
assert time.monotonic() - begin < 15, time.monotonic() - begin
PYTHON
SH
}

@test "keys: no program of the cage listens beside the gate" {
    run -0 inside_as_root <<'SH'
python3 - <<'PYTHON'
import os, socket

os.setuid(65534)
for port in (4101, 4102, 4103):
    own = socket.socket()
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for address in ("127.0.0.1", "0.0.0.0"):
        try:
            own.bind((address, port))
            own.listen()
            print("listens", address, port)
        except OSError as error:
            print(error.strerror)
PYTHON
SH
    says_not listens
    [ "$(grep -c 'Address already in use' <<<"$output")" -ge 3 ]
}

@test "keys: whatever was stopped, killed or removed: the agent is told, and the next way in heals it" {
    local place
    place=$(placeholder ANTHROPIC_API_KEY)
    heals() { # after $@, exec has the key again
        "$@" >/dev/null
        run -0 tc exec "$CAGE" -- sh -c 'curl -sS -H "x-api-key: $ANTHROPIC_API_KEY" "$ANTHROPIC_BASE_URL/v1/heals"'
        says '{"ok":true}' || { echo "after $*"; return 1; }
        [ "$(header x-api-key)" = "$ANTHROPIC_API_KEY" ]
        vendor good
    }
    docker restart --time 0 "$(gate)" >/dev/null
    sleep 1
    run -0 ask -H "x-api-key: $place" http://127.0.0.1:4101/v1/messages
    says 400
    says "trusty-cage: the keys are not loaded; on the host, with them set: make -C $ENV start"
    heals true
    heals docker stop --time 0 "$(gate)"
    heals docker rm --force "$(gate)"
    docker exec "$(gate)" sh -c 'kill -9 $(cat /proc/1/task/1/children)' || true
    sleep 1.5
    run -0 ask -H "x-api-key: $place" http://127.0.0.1:4101/v1/messages
    says 'the keys are not loaded'
    heals docker exec "$(gate)" true
    docker restart --time 0 "$(guard)" >/dev/null
    vendor good
    tc start "$CAGE"
    vendor good
    heals docker restart --time 0 "$(gate)"
    docker stop --time 0 "$(gate)" "$(guard)" "isolated-dev-$CAGE" >/dev/null
    tc start "$CAGE"
    vendor good
    heals true
    docker start "$(gate)" >/dev/null
    heals rm -rf "$ENV/.state"
}

@test "keys: a port that a program of the cage took before the gate is said, and the session opens" {
    docker stop --time 0 "$(gate)" >/dev/null
    docker exec --detach "isolated-dev-$CAGE" python3 -c 'import socket, time; own = socket.create_server(("127.0.0.1", 4102)); time.sleep(600)'
    for was in stopped removed; do
        run -0 tc exec "$CAGE" -- sh -c 'echo opened; env'
        says opened
        says "warning: the gate of cage '$CAGE' did not take the keys, so no agent reaches its vendor; all else works" || { echo "$was"; false; }
        says_not canary
        docker rm --force "$(gate)" >/dev/null
    done
    inside <<<'pkill -f create_server'
    run -0 tc exec "$CAGE" -- true
    says_not warning
}

@test "keys: a gate/ that its user broke is said, goes on as it was, and is healed" {
    sed -i.bak 's/^frontend local/frontend/' "$ENV/gate/gate.cfg"
    run -0 tc exec "$CAGE" -- sh -c 'curl -sS -H "x-api-key: $ANTHROPIC_API_KEY" "$ANTHROPIC_BASE_URL/v1/broken"'
    says 'did not take the keys'
    mv "$ENV/gate/gate.cfg.bak" "$ENV/gate/gate.cfg"
    run -0 tc exec "$CAGE" -- sh -c 'curl -sS -H "x-api-key: $ANTHROPIC_API_KEY" "$ANTHROPIC_BASE_URL/v1/healed"'
    [ "$output" = '{"ok":true}' ]
}

@test "keys: the key is nowhere: as root inside, in the engine's words, in any container's files, on the host" {
    run -0 tc exec "$CAGE" -- true
    inside_as_root <<SH >inside.txt
cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline /proc/net/unix 2>/dev/null || true
echo control-$RUN >/tmp/control
grep -rasIE '(canar[y]|contro[l])-$RUN' /home /tmp /etc /var/tmp /root /dev/shm 2>/dev/null || true
SH
    grep -q 'control-' inside.txt
    for it in "isolated-dev-$CAGE" "$(guard)" "$(gate)"; do
        docker inspect "$it" >>inside.txt
        docker logs "$it" >>inside.txt 2>&1
        docker export "$it" | grep -a "canar[y]-$RUN" >>inside.txt || true
        docker history --no-trunc "$(docker inspect --format '{{.Image}}' "$it")" >>inside.txt
    done
    run -1 grep -ac "canar[y]-$RUN" inside.txt
    run -1 grep -rl "canar[y]-$RUN" "$ENV"
    run -0 docker exec "$(gate)" grep -c canary /run/gate/secrets.map
    docker inspect "$(gate)" | grep -q '"MemorySwap": 134217728'
}

@test "keys: a row that was taken out of keys.txt by hand is forgotten by the gate and by status" {
    local before
    before=$(placeholder OPENAI_API_KEY)
    make -C "$ENV" key-set CAGE_KEY_NAME=ANTHROPIC_API_KEY CAGE_KEY_ENV=1
    run -0 ask -H "authorization: Bearer $before" http://127.0.0.1:4102/v1/x
    says 200
    sed -i '/^OPENAI_API_KEY/d' "$ENV/keys.txt"
    run -0 tc exec "$CAGE" -- env
    says_not OPENAI_API_KEY
    run -0 ask -H "authorization: Bearer $before" http://127.0.0.1:4102/v1/x
    says 'only the key of these sessions is taken here'
    run -0 tc status "$CAGE"
    says 'outside: the gate has '
    says_not OPENAI_API_KEY
    rm "$ENV/keys.txt"
    run -0 tc exec "$CAGE" -- true
}

@test "keys: an edit of names.map and one of gate.cfg hold from the next exec on" {
    sed -i.bak "s/^openai .*/openai $G:443\/of-mine/" "$ENV/gate/names.map"
    run -0 tc exec "$CAGE" -- sh -c 'curl -sS -H "Authorization: Bearer $OPENAI_API_KEY" "$OPENAI_BASE_URL/x"'
    [ "$(header host)" = "$G" ]
    [[ $(arrived) == *'"GET /of-mine/v1/x HTTP/1.1"'* ]]
    mv "$ENV/gate/names.map.bak" "$ENV/gate/names.map"
    sed -i.bak 's/^frontend local/&\n    http-request return status 418 if { path \/teapot }/' "$ENV/gate/gate.cfg"
    run -0 tc exec "$CAGE" -- sh -c 'curl -sS -o /dev/null -w "%{http_code}" "$ANTHROPIC_BASE_URL/teapot"'
    [ "$output" = 418 ]
    mv "$ENV/gate/gate.cfg.bak" "$ENV/gate/gate.cfg"
}

@test "keys: status and doctor say where they are, and name a recipe that hands one in" {
    tc start "$CAGE" 2>/dev/null
    run -0 tc status "$CAGE"
    says 'keys          outside: the gate has ANTHROPIC_API_KEY, OPENAI_API_KEY, GEMINI_API_KEY'
    says_not 'keys inside'
    docker restart --time 0 "$(gate)" >/dev/null
    run -0 tc status "$CAGE"
    says "keys          outside: the gate has none. Load them: tc start $CAGE"
    run -0 tc status "$CAGE" --json
    says '"keys": "outside"'
    [ "$(make --no-print-directory -C "$ENV" keys-told)" = outside ]
    echo 'CONTAINER_FLAGS += --env ANTHROPIC_API_KEY' >>"$ENV/local.mk"
    line=$(wc -l <"$ENV/local.mk")
    run -0 tc status "$CAGE"
    says "keys inside   by the recipes: local.mk:$line"
    run tc doctor
    says "the recipes of '$CAGE' hand a key in, past the gate: local.mk:$line"
    sed -i '$d' "$ENV/local.mk"
    tc set "$CAGE" keys=inside
    run -0 tc status "$CAGE"
    says 'keys          inside: sessions get them'
    [ "$(make --no-print-directory -C "$ENV" keys-told)" = inside ]
    [ "$(tc exec "$CAGE" -- printenv ANTHROPIC_API_KEY)" = "$ANTHROPIC_API_KEY" ]
    tc set "$CAGE" keys=outside
    run -0 tc exec "$CAGE" -- env
    says_not canary
}

@test "keys: recreate makes another gate and other placeholders; destroy leaves neither" {
    local before
    before=$(placeholder ANTHROPIC_API_KEY)
    tc set "$CAGE" agents=claude >/dev/null
    run -0 tc make -y "$CAGE" recreate
    [ -n "$(placeholder ANTHROPIC_API_KEY)" ]
    [ "$(placeholder ANTHROPIC_API_KEY)" != "$before" ]
    [ "$(docker ps --all --quiet --filter "label=trusty-cage.env=$CAGE" | wc -l)" = 3 ]
    run -0 tc status "$CAGE"
    says 'outside: the gate has ANTHROPIC_API_KEY'
    says 'stale         -'
    run -0 tc stop "$CAGE"
    [ -z "$(docker ps --quiet --filter "label=trusty-cage.env=$CAGE")" ]
    unset "${!ANTHROPIC_@}" OPENAI_API_KEY GEMINI_API_KEY
    run -0 tc exec "$CAGE" -- env
    says_not sk-ant-api03
    says_not 127.0.0.1:4101
    run -0 tc destroy "$CAGE" -y
    gone "$CAGE"
}

@test "keys: a create that builds its image makes the gate, and it has the key" {
    local folder=$TRUSTY_CAGE_HOME/envs/$RUN-other
    make_repo "$RUN-other"
    tc create "$PWD/$RUN-other" --render-only
    echo "RUN true # $RUN" >>"$folder/Dockerfile"
    CAGE_NO_ATTACH=1 run -0 make -C "$folder" create
    says BUILD
    run -0 tc status "$RUN-other"
    says 'keys          outside: the gate has ANTHROPIC_API_KEY'
    docker image rm --force "$(cat "$folder/.state/image/used-image")" >/dev/null
    remove_cage "$RUN-other"
    rm -rf "$RUN-other"
}

@test "keys: a cage whose user has no key has no gate" {
    unset "${!ANTHROPIC_@}" OPENAI_API_KEY GEMINI_API_KEY
    other
    [ "$(docker ps --all --quiet --filter "label=trusty-cage.env=$RUN-other" | wc -l)" = 2 ]
    run -0 tc status "$RUN-other"
    says 'keys          outside: there is no gate, since no key was given yet'
    ANTHROPIC_API_KEY=sk-ant-canary-late run -0 tc exec "$RUN-other" -- sh -c 'curl -sS -H "x-api-key: $ANTHROPIC_API_KEY" "$ANTHROPIC_BASE_URL/v1/models"; env'
    says ANTHROPIC_API_KEY=sk-ant-api03-
    says_not canary
    run -0 tc destroy "$RUN-other" -y
    gone "$RUN-other"
}
