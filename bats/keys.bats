#!/usr/bin/env bats
# Keys that the agent never holds: the gate, against a vendor that is none (bats/vendor), which speaks TLS in the network of
# the guard. The vendors' names lead there, and the gate trusts its authority by a file in gate/.

load cages

setup_file() {
    own_home
    export ANTHROPIC_API_KEY=sk-ant-canary-$RUN-a OPENAI_API_KEY=sk-canary-$RUN-o GEMINI_API_KEY=AIza-canary-$RUN-g
    export CAGE=$RUN-keys
    export ENV=$TRUSTY_CAGE_HOME/envs/$CAGE CLONE=$TRUSTY_CAGE_HOME/envs/$CAGE/repo
    make_repo "$BATS_FILE_TMPDIR/$CAGE"
    tc create "$BATS_FILE_TMPDIR/$CAGE" --render-only
    echo 'DOCKER_HUB += api.anthropic.com api.openai.com generativelanguage.googleapis.com' >>"$ENV/local.mk"
    cd "$BATS_FILE_TMPDIR" || return
    openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out "$ENV/gate/own.crt" -days 2 -subj /CN=authority 2>/dev/null
    certificate good api.anthropic.com,DNS:api.openai.com,DNS:generativelanguage.googleapis.com,DNS:ai.example
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
    [ "$(header host)" = api.anthropic.com ]
    run -0 tc exec "$CAGE" -- sh -c 'curl -sS -H "Authorization: Bearer $OPENAI_API_KEY" "$OPENAI_BASE_URL/two"'
    says '{"ok":true}'
    [ "$(header authorization)" = "Bearer $OPENAI_API_KEY" ]
    [[ $(arrived) == *'"GET /v1/two HTTP/1.1"'* ]]
    run -0 tc exec "$CAGE" -- sh -c 'curl -sS -H "x-goog-api-key: $GEMINI_API_KEY" "$GOOGLE_GEMINI_BASE_URL/three"'
    says '{"ok":true}'
    [ "$(header x-goog-api-key)" = "$GEMINI_API_KEY" ]
}
