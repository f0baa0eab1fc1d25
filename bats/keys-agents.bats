#!/usr/bin/env bats
# The real programs of the four agents, each with the stand-in of its vendor's API: an answer in a stream, in which it
# is told to call a tool that writes a file. First without the gate, then by it; and the keys that a command or a login
# of this machine gives.

load cages

setup_file() {
    own_home
    own_names agents
    export CAGE=$RUN-keyed ENV=$TRUSTY_CAGE_HOME/envs/$RUN-keyed VENDORS=$BATS_FILE_TMPDIR/vendors
    export ANTHROPIC_API_KEY=sk-ant-canary-a OPENAI_API_KEY=sk-canary-o GEMINI_API_KEY=AIza-canary-g
    make_repo "$BATS_FILE_TMPDIR/$CAGE"
    tc create "$BATS_FILE_TMPDIR/$CAGE" --render-only --agents claude,codex,gemini,opencode
    # A name of this run alone: all cages here share the network that it is looked up in.
    echo "DOCKER_HUB += $RUN.vendors.example" >>"$ENV/local.mk"
    sed -i "s/ [a-z.]*\$/ $RUN.vendors.example/" "$ENV/gate/names.map"
    "$BATS_TEST_DIRNAME/vendors-certificates" "$VENDORS" "$RUN.vendors.example" \
        api.anthropic.com api.openai.com generativelanguage.googleapis.com
    cp "$VENDORS/ca.pem" "$ENV/gate/vendors.crt"
    CAGE_NO_ATTACH=1 make -C "$ENV" create
    serve_vendors
}
teardown_file() { remove_cage; }
setup() {
    cd "$BATS_TEST_TMPDIR" || return
    only anthropic "$ANTHROPIC_API_KEY" openai "$OPENAI_API_KEY" gemini "$GEMINI_API_KEY"
}

# The stand-ins take these keys alone, and have no request yet.
only() {
    printf '%s %s\n' "$@" >"$VENDORS/keys"
    : >"$VENDORS/log"
}

# An agent, its vendor, the variable and the header of its key, and the command that it is given one task with.
agents() {
    cat <<'AGENTS'
claude anthropic ANTHROPIC_API_KEY x-api-key claude --dangerously-skip-permissions -p task
codex openai OPENAI_API_KEY authorization codex exec --dangerously-bypass-approvals-and-sandbox task
gemini gemini GEMINI_API_KEY x-goog-api-key gemini --yolo -p task
opencode anthropic ANTHROPIC_API_KEY x-api-key env -u GEMINI_API_KEY -u OPENAI_API_KEY opencode run task
AGENTS
}

# The words of the last run are the answer's end, the file is there, and the calls to the vendor $1 had the key $3 in
# the header $2.
did_its_task() {
    says 'All done here.'
    made=$(docker exec "isolated-dev-$CAGE" cat made-by-agent)
    [[ $made = made* ]]
    docker exec "isolated-dev-$CAGE" rm made-by-agent
    python3 - "$VENDORS/log" "$@" <<'PYTHON'
import json, sys

log, vendor, header, key = sys.argv[1:]
asked = [line for line in map(json.loads, open(log)) if line["vendor"] == vendor]
calls = [line for line in asked if line["method"] == "POST" and line["path"].startswith("/v1")]
assert len(calls) >= 2, [line["path"] for line in asked]
for line in calls:
    given = [value for name, value in line["headers"] if name == header]
    assert given in ([key], [f"Bearer {key}"]), (line["path"], len(given))
PYTHON
}

# Claude by the gate does its task; the vendor gets the key $2 in the header $1.
claude_works() {
    run -0 timeout 60 tc exec "$CAGE" -- sh -lc 'NODE_EXTRA_CA_CERTS=/tmp/ca.pem claude --dangerously-skip-permissions -p task' </dev/null
    did_its_task anthropic "$1" "$2"
}

# The stand-in gets nothing, and claude says $1 instead, at once.
claude_says() {
    : >"$VENDORS/log"
    run timeout 20 tc exec "$CAGE" -- sh -lc 'NODE_EXTRA_CA_CERTS=/tmp/ca.pem claude --dangerously-skip-permissions -p task' </dev/null
    says "$1"
    ! grep -q '"path": "/v1' "$VENDORS/log" || return 1
}

@test "agents: each writes a file by a tool, with its vendor's stand-in in the place of the vendor" {
    local agent vendor variable header command
    docker cp "$VENDORS/ca.pem" "isolated-dev-$CAGE:/tmp/ca.pem"
    # Root may write the file that guard and cage share.
    inside_as_root <<<'printf "127.0.0.1 %s\n" api.anthropic.com api.openai.com generativelanguage.googleapis.com >>/etc/hosts'
    while read -r agent vendor variable header command; do
        : >"$VENDORS/log"
        run -0 timeout 120 docker exec --env "$variable" --env "CAGE_AGENT=$agent" --env "CAGE_API_KEY_ENV=$variable" \
            --env NODE_EXTRA_CA_CERTS=/tmp/ca.pem --env SSL_CERT_FILE=/tmp/ca.pem "isolated-dev-$CAGE" sh -lc "$command" </dev/null
        did_its_task "$vendor" "$header" "${!variable}"
        [ "$agent" != claude ] || cp "$VENDORS/log" "$BATS_FILE_TMPDIR/first"
    done < <(agents)
}

@test "agents: each does it by the gate, with a placeholder, in a stream" {
    local agent vendor variable header command
    while read -r agent vendor variable header command; do
        : >"$VENDORS/log"
        run -0 timeout 120 tc exec "$CAGE" -- sh -lc "$command; env" </dev/null
        says_not canary
        did_its_task "$vendor" "$header" "${!variable}"
        # Programs that an agent runs have the placeholder: a project that calls the API passes its tests.
        [[ " $made " = *" $(sed -n "s/^$variable [a-z]* //p" "$ENV/.history/placeholders") "* ]] || { echo "$agent: $made"; false; }
        [ "$agent" != claude ] || cp "$VENDORS/log" "$BATS_FILE_TMPDIR/by-gate"
    done < <(agents)
}

@test "agents: each prints at once that its vendor's certificate is a wrong one" {
    local agent command
    mv "$ENV/gate/vendors.crt" "$BATS_TEST_TMPDIR/"
    while read -r agent _ _ _ command; do
        run timeout 30 tc exec "$CAGE" -- sh -lc "$command" </dev/null
        says 'its certificate is not trusted here' || { echo "$agent"; false; }
        ! grep -q '"path": "/v1' "$VENDORS/log" || return 1
    done < <(agents)
    mv "$BATS_TEST_TMPDIR/vendors.crt" "$ENV/gate/"
}

@test "agents: the first request of claude by the gate lacks nothing but what is known" {
    run -0 "$BATS_TEST_DIRNAME/first-request" "$BATS_FILE_TMPDIR/first" "$BATS_FILE_TMPDIR/by-gate" \
        'beta mid-conversation-system-clear-at'
    # Without the word that the vendor is behind it, more is lost: the test sees that.
    : >"$VENDORS/log"
    run -0 timeout 60 tc exec "$CAGE" -- sh -lc 'unset _CLAUDE_CODE_ASSUME_FIRST_PARTY_BASE_URL; claude --dangerously-skip-permissions -p task' </dev/null
    run -1 "$BATS_TEST_DIRNAME/first-request" "$BATS_FILE_TMPDIR/first" "$VENDORS/log" 'beta mid-conversation-system-clear-at'
    says 'also lost: beta prompt-caching-scope'
    says 'also lost: body diagnostics'
    docker exec "isolated-dev-$CAGE" rm -f made-by-agent
}

@test "key: a command on this machine gives the key, to the gate alone; rm has the gate forget it" {
    local before
    only anthropic sk-ant-canary-command
    printf '#!/bin/sh\necho run >>%s/runs\necho sk-ant-canary-command\n' "$PWD" >keyring
    chmod 755 keyring
    run -0 tc key set "$CAGE" ANTHROPIC_API_KEY --run "$PWD/keyring"
    claude_works x-api-key sk-ant-canary-command
    claude_works x-api-key sk-ant-canary-command
    # The gate has it by then: no keyring asks its user twice.
    [ "$(wc -l <runs)" = 1 ]
    sed -i s/canary-command/canary-renewed/ keyring
    only anthropic sk-ant-canary-renewed
    run -0 tc auth "$CAGE"
    claude_works x-api-key sk-ant-canary-renewed
    [ "$(wc -l <runs)" = 2 ]
    run grep -rE 'canary-(command|renewed)' "$ENV"
    [ -z "$output" ]
    before=$(sed -n 's/^ANTHROPIC_API_KEY [a-z]* //p' "$ENV/.history/placeholders")
    run -0 tc key rm "$CAGE" ANTHROPIC_API_KEY
    run -0 tc exec "$CAGE" -- curl -sS -H "x-api-key: $before" -w '%{http_code}' http://127.0.0.1:4101/v1/models
    says 'only the key of these sessions is taken here'
    says 400
    printf '#!/bin/sh\necho SECRET\nexit 9\n' >keyring
    run -0 tc key set "$CAGE" ANTHROPIC_API_KEY --run "$PWD/keyring"
    claude_says 'ANTHROPIC_API_KEY is not loaded'
    says 'the command for ANTHROPIC_API_KEY ended with exit code 9'
    says_not SECRET
    rm "$ENV/keys.txt"
}

@test "key: a token of claude setup-token goes as a bearer" {
    only anthropic sk-ant-oat01-canary
    export CLAUDE_CODE_OAUTH_TOKEN=sk-ant-oat01-canary
    run -0 tc key rm "$CAGE" ANTHROPIC_API_KEY
    run -0 tc key set "$CAGE" CLAUDE_CODE_OAUTH_TOKEN --env
    claude_works authorization sk-ant-oat01-canary
    run -0 tc exec "$CAGE" -- env
    says CLAUDE_CODE_OAUTH_TOKEN=sk-ant-oat01-
    says_not canary
    rm "$ENV/keys.txt"
}

# The login of claude on this machine: an access token $1 that runs out at $2.
login() {
    mkdir -p "$HOME/.claude"
    printf '{"claudeAiOauth":{"accessToken":"%s","refreshToken":"sk-ant-ort01-canary","expiresAt":%s000,%s}}' "$1" "$2" \
        '"scopes":["user:inference","user:profile"],"subscriptionType":"max"' >"$HOME/.claude/.credentials.json"
}

@test "subscription: the gate has the token of this machine's login, the cage a file with a placeholder" {
    only anthropic sk-ant-oat01-canary-1
    login sk-ant-oat01-canary-1 $(($(date +%s) + 3600))
    run -0 tc auth "$CAGE" --auth-mode subscription
    claude_works authorization sk-ant-oat01-canary-1
    run docker exec --user 0 "isolated-dev-$CAGE" grep -rlE 'oat01-canar[y]|ort01-canar[y]' /home /tmp /etc
    [ -z "$output" ]
    run grep -rE 'oat01-canary|ort01-canary' "$ENV"
    [ -z "$output" ]
    run -0 tc recreate -y "$CAGE"
    serve_vendors
    claude_works authorization sk-ant-oat01-canary-1
}

@test "subscription: a token that has run out is told, and a renewed one reaches the gate with the next verb" {
    local before
    login sk-ant-oat01-canary-1 $(($(date +%s) - 60))
    for _ in 1 2; do
        run -0 tc exec "$CAGE" -- true
        says "warning: the subscription's token has run out"
        says "Start 'claude' on this machine, which renews it. Then: tc start $CAGE"
    done
    only anthropic sk-ant-oat01-canary-2
    login sk-ant-oat01-canary-2 $(($(date +%s) + 3600))
    before=$(sha256sum <"$HOME/.claude/.credentials.json")
    claude_works authorization sk-ant-oat01-canary-2
    [ "$(sha256sum <"$HOME/.claude/.credentials.json")" = "$before" ]
}

@test "subscription: with keys=inside the cage gets the login itself, and a placeholder again without" {
    login sk-ant-oat01-canary-2 $(($(date +%s) + 3600))
    run -0 tc set "$CAGE" keys=inside
    run -0 tc start "$CAGE"
    run -0 docker exec "isolated-dev-$CAGE" grep -c canary-2 /home/trustycage/.claude/.credentials.json
    run -0 tc set "$CAGE" keys=outside
    run -0 tc start "$CAGE"
    run -1 docker exec "isolated-dev-$CAGE" grep -c canary /home/trustycage/.claude/.credentials.json
}
