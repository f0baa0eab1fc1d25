#!/usr/bin/env bats
# No value of a secret in argv, files, images, logs, inspect output or make's own output: watched during every verb.

load cages

setup_file() {
    own_home
    export ANTHROPIC_API_KEY=sk-ant-canary-$RUN-secrets
    mkdir -p "$HOME/.claude"
    echo "{\"claudeAiOauth\": {\"accessToken\": \"token-canary-$RUN-secrets\"}}" >"$HOME/.claude/.credentials.json"
    own_proxies
    export WATCHED=$BATS_FILE_TMPDIR/watched
    (while :; do ps -eo args; done >"$WATCHED.ps" 2>&1) 3>&- &
    echo $! >"$WATCHED.pids"
    docker events --format '{{json .}}' >"$WATCHED.events" 3>&- &
    echo $! >>"$WATCHED.pids"
    export TRUSTY_CAGE_TRACE=1
    make_cage secrets
}
teardown_file() {
    xargs kill <"$WATCHED.pids" 2>/dev/null || true
    tmux -L secrets kill-server 2>/dev/null || true
    remove_cage
}

# Settings of docker's client with proxies that have a password, and keys that leave a session.
own_proxies() {
    mkdir "$BATS_FILE_TMPDIR/docker"
    cp -R "$DOCKER_CONFIG/." "$BATS_FILE_TMPDIR/docker" || true
    export DOCKER_CONFIG=$BATS_FILE_TMPDIR/docker
    python3 - "$DOCKER_CONFIG/config.json" "http://me:proxy-canary-$RUN-secrets@127.0.0.1:9" <<'PYTHON'
import json, pathlib, sys

file, proxy = pathlib.Path(sys.argv[1]), sys.argv[2]
settings = json.loads(file.read_text()) if file.exists() else {}
proxies = {f"{kind}Proxy": proxy for kind in ("http", "https", "ftp", "all", "no")}
file.write_text(json.dumps(settings | {"proxies": {"default": proxies}, "detachKeys": "t,r"}))
PYTHON
}

# No output and no file holds a secret. The pattern does not match itself.
silent() {
    [[ $output != *canary* ]]
    run -1 grep -r 'canar[y]' "$TRUSTY_CAGE_HOME" "$BATS_FILE_TMPDIR/create.out"
}

# Nor did the watchers see one. They see other tests as well, which have canaries of their own.
teardown() {
    sleep 0.5
    for watched in ps events; do
        [ -s "$WATCHED.$watched" ]
        ! grep -a "canar[y]-$RUN-secrets" "$WATCHED.$watched" || return 1
    done
}

@test "a secret that stands in argv would be seen" {
    bash -c 'sleep 0.5; : seen-by-the-watcher' 3>&-
    grep -qa seen-by-the-watcher "$WATCHED.ps"
    [ -s "$WATCHED.events" ]
}

@test "create, with a key in the environment" {
    run -0 cat "$BATS_FILE_TMPDIR/create.out"
    says 'policy'
    silent
}

@test "proxies and detachKeys of docker's own settings decide nothing; create says how a proxy is handed in" {
    image=$(docker inspect --format '{{.Image}}' "isolated-dev-$CAGE")
    run -0 docker run --rm --name "$RUN-proxies" "$image" env
    says "proxy-canary-$RUN-secrets"
    run -0 cat "$BATS_FILE_TMPDIR/create.out"
    says "The proxies in docker's settings (config.json) are not handed to the cage. To hand in your shell's: SESSION_ENV"
    run -0 tc exec "$CAGE" -- env
    says_not proxy-canary
    [ "$(echo trtr | tc exec "$CAGE" -- cat)" = trtr ]
    export TRUSTY_CAGE_TRACE='' CAGE_CMD='env | grep -i "proxy=."'
    https_proxy=http://mine run -0 make --no-print-directory -C "$ENV" exec SESSION_ENV=https_proxy
    [ "$output" = https_proxy=http://mine ]
}

@test "exec, shell and attach hand over a placeholder, and show the key nowhere" {
    run -0 docker exec --env ANTHROPIC_API_KEY "isolated-dev-$CAGE" true
    placeholder=$(sed -n 's/^ANTHROPIC_API_KEY anthropic //p' "$ENV/.history/placeholders")
    [ "$(tc exec "$CAGE" -- printenv ANTHROPIC_API_KEY)" = "$placeholder" ]
    [ "$(echo 'printenv ANTHROPIC_API_KEY' | tc shell "$CAGE" | tail -n 1)" = "$placeholder" ]
    tmux -L secrets new-session -d -x 150 -y 40 "$(command -v tc) attach $CAGE 2>'$BATS_FILE_TMPDIR/attach.err'"
    for _ in $(seq 60); do
        ! tmux -L secrets capture-pane -p | grep -q 'bypass permissions' || break
        sleep 0.5
    done
    run -0 tmux -L secrets capture-pane -p
    says 'bypass permissions'
    silent
    run -0 docker exec "isolated-dev-$CAGE" tmux show-environment -t dev
    says "ANTHROPIC_API_KEY=$placeholder"
    says ANTHROPIC_BASE_URL=http://127.0.0.1:4101
    tmux -L secrets kill-server
}

@test "secrets: with keys=inside the key reaches the session and nothing else" {
    export ANTHROPIC_API_KEY=sk-ant-canary-$CAGE
    tc set "$CAGE" keys=inside
    run -0 tc exec "$CAGE" -- printenv ANTHROPIC_API_KEY
    says "$ANTHROPIC_API_KEY"
    inside <<<'mkfifo /tmp/wait'
    tc exec "$CAGE" -- sh -c 'touch /tmp/inside; timeout 60 cat /tmp/wait' 3>&- &
    inside <<<'until [ -e /tmp/inside ]; do sleep 0.1; done'
    run ps -eo args
    says_not "canary-$CAGE"
    inside <<<'echo >/tmp/wait'
    wait $!
    run -0 docker inspect "isolated-dev-$CAGE" "$(guard "$CAGE")"
    says_not canary
    run grep -r canary "$ENV"
    says_not canary
    run make -C "$ENV" -pn attach
    says_not canary
    tc set "$CAGE" keys=outside
}

@test "start, stop, status, export, sync, recreate, list, doctor, set and render" {
    docker exec "isolated-dev-$CAGE" sh -c 'echo new >new.txt'
    for verb in "stop $CAGE" "start $CAGE" "status $CAGE --json" "export $CAGE -y --diff" "sync $CAGE -y" \
        "make -y $CAGE recreate" 'list --json' "set $CAGE pids=200" "render $CAGE" "make $CAGE limits"; do
        # shellcheck disable=SC2086 # a verb and its arguments
        run -0 tc $verb
        silent
    done
    run tc doctor
    silent
}

@test "rebuild-image, with a key in the environment; the image that is built holds none" {
    # On top of the image that is there: the build itself takes no time.
    printf 'FROM %s\nRUN env >/tmp/environment; ps -eo args >/tmp/args || true\n' \
        "$(docker inspect --format '{{index .Config.Labels "trusty-cage.image"}}' "isolated-dev-$CAGE")" >"$ENV/Dockerfile"
    run -0 tc rebuild-image "$CAGE" -y
    says "Made the containers of cage '$CAGE' anew."
    silent
    run -0 docker exec "isolated-dev-$CAGE" cat /tmp/environment /tmp/args
    says PATH=
    silent
    cp "$ENV/.rendered/Dockerfile" "$ENV/Dockerfile"
    run -0 tc make -y "$CAGE" recreate
    silent
}

@test "auth, by subscription: a placeholder stands in the file of credentials inside, and the token nowhere" {
    run -0 tc auth "$CAGE" --auth-mode subscription
    silent
    run -0 docker exec "isolated-dev-$CAGE" sh -c 'cat ~/.claude/.credentials.json'
    says '"accessToken":"sk-ant-oat01-'
    silent
    run docker exec --workdir /home/trustycage "isolated-dev-$CAGE" grep -rl 'token-canar[y]' .
    [ -z "$output" ]
    run -0 tc auth "$CAGE" --auth-mode api_key
    silent
}

@test "make -n, make -p and an error: names, no values" {
    for verb in attach exec shell create auth destroy; do
        run make -C "$ENV" -n "$verb" CAGE_CMD=true
        silent
        run make -C "$ENV" -pn "$verb" CAGE_CMD=true
        silent
    done
    DOCKER_HOST=unix:///none run -4 tc exec "$CAGE" -- true
    silent
}

@test "the engine's objects know nothing of it" {
    gate=$(guard "$CAGE" | sed 's/guard$/gate/')
    run -0 docker inspect "isolated-dev-$CAGE" "$gate" "$(guard "$CAGE")" "$(docker inspect --format '{{.Image}}' "isolated-dev-$CAGE")"
    silent
    run -0 docker volume inspect "isolated-dev-$CAGE" "isolated-dev-$CAGE.home"
    silent
    run -0 docker history --no-trunc "$(docker inspect --format '{{.Image}}' "isolated-dev-$CAGE")"
    silent
    run docker logs "isolated-dev-$CAGE"
    silent
    for it in "$gate" "$(guard "$CAGE")"; do
        run docker logs "$it"
        silent
    done
}

@test "destroy: the trash holds none either" {
    run -0 tc destroy "$CAGE" -y
    silent
}

@test "trace: each call of the engine, with its step and duration, on standard error only" {
    make_repo "$BATS_TEST_TMPDIR/$RUN-traced"
    run -0 --separate-stderr tc create "$BATS_TEST_TMPDIR/$RUN-traced" --no-attach
    [ "$output" = "Created cage '$RUN-traced'.
Open it:      tc attach $RUN-traced
Edit recipes: $TRUSTY_CAGE_HOME/envs/$RUN-traced/Makefile" ]
    # shellcheck disable=SC2154 # bats sets it
    for step in seen guard container policy up; do
        grep -Eq "^ *[0-9]+ ms  $step +docker " <<<"$stderr"
    done
    run -42 tc exec "$RUN-traced" -- sh -c 'echo out; exit 42'
    says out
    says ' ms  exec           docker exec'
    TRUSTY_CAGE_TRACE='' run -0 tc exec "$RUN-traced" -- echo out
    [ "$output" = out ]
    run -0 tc status "$RUN-traced"
    says 'not in meta   -'
    remove_cage "$RUN-traced"
}
