#!/usr/bin/env bats
# start, stop, status, list and recreate: a cage from day to day; and all of its life by make alone.

load cages

setup_file() { make_cage start; }
teardown_file() { remove_cage; }
setup() { cd "$BATS_TEST_TMPDIR" || return; }

@test "status: one cage in full, as text and as JSON" {
    docker exec "isolated-dev-$CAGE" sh -c 'echo more >>README'
    run -0 tc status "$CAGE"
    says 'un-exported   0 added, 1 changed, 0 deleted'
    run -0 --separate-stderr tc status "$CAGE" --json
    printf '%s' "$output" | python3 -c 'import json, sys; s = json.load(sys.stdin); assert s["status"] == "running" and s["network"] == "open", s'
    run -0 --separate-stderr tc status "$CAGE" --json --size
    printf '%s' "$output" | python3 -c 'import json, sys; s = json.load(sys.stdin); assert int(s["home_bytes"]) > 4096 > int(s["project_bytes"]) > 10 and s["pids"] == "4096" and s["agent"] == "claude", s'
}

@test "status, exec: a reader that has seen enough ends them quietly" {
    run -141 bash -c "set -o pipefail; tc status '$CAGE' | true"
    [ -z "$output" ]
    run -0 bash -c "make --no-print-directory -C '$ENV' status | head -n 1"
    [ "$output" = "cage          $CAGE" ]
    run -141 bash -c "set -o pipefail; tc exec '$CAGE' -- seq 1000000 | head -n 1"
    [ "$output" = 1 ]
}

@test "list: shows the cage, its repository and its state" {
    run -0 tc list
    says "$CAGE"
    says running
}

@test "stop, start: the work is kept" {
    docker exec "isolated-dev-$CAGE" sh -c 'echo kept >kept.txt'
    run -0 tc stop "$CAGE"
    run -0 tc list
    says stopped
    run -0 tc start "$CAGE"
    run -0 tc exec "$CAGE" -- cat kept.txt
    says kept
}

@test "recreate: new containers, the same volumes" {
    before=$(docker inspect -f '{{.Id}}' "isolated-dev-$CAGE")
    run -0 make -C "$ENV" recreate CAGE_YES=1
    [ "$before" != "$(docker inspect -f '{{.Id}}' "isolated-dev-$CAGE")" ]
    run -0 tc exec "$CAGE" -- cat kept.txt
    says kept
}

@test "a cage that was left paused is told, and goes on with any way in" {
    docker pause "isolated-dev-$CAGE"
    run -0 tc list
    says paused
    run -1 tc doctor
    says "'$CAGE' is paused: the verb that read it was interrupted"
    says "tc start $CAGE"
    run -0 tc exec "$CAGE" -- cat README
    docker pause "isolated-dev-$CAGE"
    run -0 tc status "$CAGE"
    says paused
    run -0 tc stop "$CAGE"
    run -0 tc start "$CAGE"
}

@test "doctor: the defaults of this engine's own, and the kernel's number of inotify instances" {
    run tc doctor
    says "the engine's own: log driver $(docker info --format "{{.LoggingDriver}} (cages have 'local'), runtime {{.DefaultRuntime}}")"
    says "fs.inotify.max_user_instances is $(cat /proc/sys/fs/inotify/max_user_instances) for all cages and you together" # linux
}

# A Dockerfile, $1, whose ENTRYPOINT is the shell command $2 and gets the cage's.
with_entrypoint() {
    cat >"$1" <<DOCKERFILE
FROM $(docker inspect --format '{{index .Config.Labels "trusty-cage.image"}}' "isolated-dev-$CAGE")
ENTRYPOINT ["/bin/bash", "-c", "$2", "entry"]
DOCKERFILE
}

@test "a container that does not stay up is told with its last words, by create and start, by tc and make" {
    local own=$RUN-entry
    OTHER=$TRUSTY_CAGE_HOME/envs/$own
    make_repo "$own"
    with_entrypoint Dockerfile "sleep 0.4; printf 'no \\\\033]0;data\\\\rbase\\\\n'; exit 3"
    run -1 --separate-stderr tc create "$PWD/$own" --no-attach --dockerfile Dockerfile
    says_not Created
    output=$stderr
    says '  no ?]0;data?base'
    says "error: the container of cage '$own' did not stay up (exit code 3); its last words are above"
    says 'The ENTRYPOINT of its image has to end with the command that it is given: exec "$@"'
    says "Mend it in $OTHER/Dockerfile, then: tc create $PWD/$own --name $own"
    with_entrypoint "$OTHER/Dockerfile" '[ ! -e /tmp/broken ] || exit 4; sleep 0.4; exec \"$@\"'
    run -0 tc create "$PWD/$own" --no-attach
    says "Created cage '$own'."
    run -0 tc exec "$own" -- touch /tmp/broken
    run -0 tc stop "$own"
    run -1 tc start "$own"
    says_not Started
    says "error: the container of cage '$own' did not stay up (exit code 4)"
    says "Mend it in $OTHER/Dockerfile, then: tc recreate $own"
    run -2 make -C "$OTHER" start
    says "error: the container of cage '$own' did not stay up (exit code 4)"
    says "then: make -C $OTHER recreate"
    remove_cage "$own"
}

@test "by make alone, without Python: create, attach's way up, change, export, destroy" {
    export CAGE=$RUN-solo
    make_repo "$BATS_TEST_TMPDIR/$CAGE"
    tc create "$BATS_TEST_TMPDIR/$CAGE" --render-only
    # Everything of the PATH but Python.
    mkdir "$BATS_TEST_TMPDIR/bin"
    for folder in /bin /usr/bin /usr/local/bin /usr/sbin; do ln -sf "$folder"/* "$BATS_TEST_TMPDIR/bin/"; done
    rm -f "$BATS_TEST_TMPDIR/bin"/{python*,pip*,tc,trusty-cage}
    solo() { env PATH="$BATS_TEST_TMPDIR/bin" /bin/bash -c '! command -v python3 && "$@"' - "$@"; }
    cage=$TRUSTY_CAGE_HOME/envs/$CAGE
    run -0 solo make -C "$cage" create
    says "Created cage '$CAGE'."
    says "make -C $cage attach"
    run -0 solo make -C "$cage" exec CAGE_CMD='echo by make >made.txt'
    run -0 solo make -C "$cage" status
    says '1 added'
    run -0 solo make -C "$cage" stop
    run -0 solo make -C "$cage" start
    run -2 solo make -C "$cage" export </dev/null
    says 'Answer yes with: CAGE_YES=1'
    run -0 solo make -C "$cage" export CAGE_YES=1
    [ "$(cat "$cage/repo/made.txt")" = 'by make' ]
    run -0 solo make -C "$cage" destroy CAGE_YES=1
    [ -d "$cage/repo" ]
    rm -rf "$cage"
}
