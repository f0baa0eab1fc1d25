#!/usr/bin/env bats
# An engine without control groups, as a rootless one is without systemd: it limits nothing and can't pause. That is
# said once, and a cage is stopped while it is read. On a rootless engine of the tests' own.

load cages

setup_file() {
    local guard
    # bats' own folders are closed to the engine's user.
    own_home
    export E OWN=$BATS_TEST_DIRNAME/own-engine CAGE=$RUN-rootless HELPERS=$BATS_FILE_TMPDIR/helpers
    export ENV=$TRUSTY_CAGE_HOME/envs/$CAGE CLONE=$TRUSTY_CAGE_HOME/envs/$CAGE/repo
    E=$(mktemp -d /tmp/own.XXXXXX)
    chmod 755 "$E"
    "$OWN" rootless "$E"
    "$OWN" start "$E"
    tc create "$BATS_SUITE_TMPDIR/empty" --name "$CAGE" --render-only >/dev/null
    CAGE_MISSING=ok make -C "$ENV" guard-image >/dev/null
    guard=$(cat "$ENV/.state/image/used-guard-image")
    rm -rf "$ENV"
    docker save "$guard" "$TRUSTY_CAGE_BASE_IMAGE" | docker --host "unix://$E/sock" load >/dev/null
    export DOCKER_HOST=unix://$E/sock
    watch_helpers
    make_repo "$BATS_FILE_TMPDIR/$CAGE"
    tc create "$BATS_FILE_TMPDIR/$CAGE" --shell bash --cpus 1 --render-only >/dev/null
    tiny_image
    tc create "$BATS_FILE_TMPDIR/$CAGE" --shell bash --cpus 1 --no-attach >"$BATS_FILE_TMPDIR/create.out" 2>&1 ||
        { cat "$BATS_FILE_TMPDIR/create.out"; return 1; }
}
teardown_file() {
    [ ! -e "${E:-}/name" ] || "$OWN" close "$E"
    rm -rf "${E:-}" "$TRUSTY_CAGE_HOME/envs/$CAGE"
}
setup() { cd "$BATS_TEST_TMPDIR" && : >"$HELPERS"; }

# Whenever a helper begins, the state of the cage is noted in $HELPERS.
watch_helpers() {
    mkdir "$BATS_FILE_TMPDIR/shadow"
    cat >"$BATS_FILE_TMPDIR/shadow/docker" <<'SH'
#!/usr/bin/env bash
PATH=${PATH#*:}
[[ $* != run*.helper* ]] || docker container inspect --format '{{.State.Status}}' "isolated-dev-$CAGE" >>"$HELPERS" 2>&1
exec docker "$@"
SH
    chmod 755 "$BATS_FILE_TMPDIR/shadow/docker"
    PATH=$BATS_FILE_TMPDIR/shadow:$PATH
}

# The cage was read $1 times, and never while it ran.
read_stopped() {
    [ "$(sort "$HELPERS" | uniq -c | tr -s ' ')" = " $1 exited" ] || { cat "$HELPERS"; return 1; }
}

is() { [ "$(docker container inspect --format '{{.State.Status}}' "isolated-dev-$CAGE")" = "$1" ]; }

@test "create says once what the engine lacks, and no call of the engine's warns; doctor says it, too" {
    [ "$(docker info --format '{{.CgroupDriver}}')" = none ]
    run -0 cat "$BATS_FILE_TMPDIR/create.out"
    [ "$(grep -c "can't" <<<"$output")" = 2 ]
    says "The engine can't limit a cage's use of: memory, swap, processes, cpus. Those settings have no effect."
    says "The engine can't pause a cage: export, sync and destroy ask to stop it while it is read."
    run ! grep WARNING "$BATS_FILE_TMPDIR/create.out"
    run tc doctor
    says "note  limits      the engine can't limit a cage's use of: memory, swap, processes, cpus (rootless"
    says "note  pause       the engine can't pause: export, sync and destroy ask to stop the cage (rootless"
}

@test "a limit is said to have no effect, and is stale nowhere; status counts no cage that runs, and says so" {
    run -0 tc set "$CAGE" memory=700m cpus=
    says "It applies on an engine that can bound it; this one can't"
    run -0 tc status "$CAGE"
    says 'stale         -'
    says "un-exported   not counted: the engine can't pause a cage that runs. Stop it first: tc stop $CAGE"
    [ ! -s "$HELPERS" ]
    is running
    run -0 tc stop "$CAGE"
    run -0 tc status "$CAGE"
    says 'un-exported   0 added, 0 changed, 0 deleted'
    read_stopped 1
    is exited
}

@test "export and sync ask to stop the cage, read it stopped, and start it again" {
    run -0 tc exec "$CAGE" -- sh -c 'echo work >work.txt'
    run -3 tc export "$CAGE" </dev/null
    says "The engine can't pause cage '$CAGE'. Stop it"
    says 'Answer yes with: -y'
    is running
    [ ! -s "$HELPERS" ]
    run -0 tc export "$CAGE" -y
    [ "$(cat "$CLONE/work.txt")" = work ]
    is running
    echo host >"$CLONE/work.txt"
    run -0 tc sync "$CAGE" -y
    run -0 docker exec "isolated-dev-$CAGE" cat work.txt
    says host
    read_stopped 4
}

@test "destroy reads the cage stopped, and keeps its work" {
    docker exec "isolated-dev-$CAGE" sh -c 'echo precious >precious.txt'
    run -0 tc destroy "$CAGE" -y
    read_stopped 4
    [ -z "$(docker ps --all --quiet)$(docker volume ls --quiet)" ]
    bundle=$(find "$TRUSTY_CAGE_HOME/trash" -path "*/$CAGE-*/branch.bundle")
    git -C "$CLONE" fetch --quiet "$bundle" work
    [ "$(git -C "$CLONE" show FETCH_HEAD:precious.txt)" = precious ]
}
