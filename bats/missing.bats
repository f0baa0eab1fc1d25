#!/usr/bin/env bats
# Missing things: engine, tools, room on the disk, homes, clones, manifests, guards, a cage's folder. Each is named,
# with the command that mends it, and no work is lost on the way.

load cages

setup_file() {
    make_cage missing
    own_names missing
}
teardown_file() {
    remove_cage
    rm -rf "$TRUSTY_CAGE_HOME"/trash/"$CAGE"-*
}
setup() { cd "$BATS_TEST_TMPDIR" || return; }
teardown() {
    for name in "$RUN-one" "$RUN-two" "$RUN-other"; do remove_cage "$name"; done
    if mountpoint -q "$BATS_TEST_TMPDIR/small"; then umount "$BATS_TEST_TMPDIR/small"; fi
}

@test "no engine: every verb says so and ends with 4; list goes on" {
    make_repo "$RUN-two"
    export DOCKER_HOST=unix://$PWD/none.sock
    for verb in start stop status export 'exec -- true' 'destroy -y' 'rebuild-image -y' auth; do
        # shellcheck disable=SC2086 # a verb and its options
        set -- $verb
        run -4 tc "$1" "$CAGE" "${@:2}"
        says "the engine 'docker' can't be reached"
        says 'tc doctor'
        says_not 'No such file'
    done
    run -4 tc create "$PWD/$RUN-two" --no-attach
    says "the engine 'docker' can't be reached"
    run -4 tc doctor
    says 'bad   engine'
    run -0 tc list
    says unknown
    unset DOCKER_HOST
    run -0 tc create "$PWD/$RUN-two" --no-attach
    says "Created cage '$RUN-two'."
}

@test "an engine that refuses the user: the command that lets him in" {
    printf '#!/bin/sh\necho "permission denied while trying to connect" >&2\nexit 1\n' >docker
    chmod 755 docker
    PATH=$PWD:$PATH run -4 tc start "$CAGE"
    says 'sudo usermod -aG docker'
}

@test "a tool that is missing: one sentence, and how to get it" {
    mkdir tools
    for folder in /bin /usr/bin; do ln -sf "$folder"/* tools/; done
    rm -f tools/python3* && ln -s "$(command -v tc)" tools/tc
    for tool in git tar docker make; do
        mv "tools/$tool" kept
        code=1
        [ $tool != docker ] || code=4
        PATH=$PWD/tools run -$code tc export "$CAGE" -y
        says "'$tool' is not installed"
        mv kept "tools/$tool"
    done
}

# The cage $RUN-two, with its TRUSTY_CAGE_HOME on a disk of 40 MB in small.
cage_on_a_small_disk() {
    mkdir small
    mount -t tmpfs -o size=40m none small
    make_repo "$RUN-two"
    export TRUSTY_CAGE_HOME=$PWD/small/cages
    run -0 tc create "$PWD/$RUN-two" --no-attach
}

@test "a full disk: said before anything is begun; with room again the same command goes on" {
    [ "$(id -u)" = 0 ] || skip 'mounts a file system'
    cage_on_a_small_disk
    docker exec "isolated-dev-$RUN-two" sh -c 'echo precious >work.txt'
    head -c 60000000 /dev/zero >small/full || true
    for verb in start export 'destroy -y'; do
        # shellcheck disable=SC2086 # a verb and its options
        set -- $verb
        run -1 tc "$1" "$RUN-two" "${@:2}"
        says 'nothing can be written to'
    done
    run -0 docker exec "isolated-dev-$RUN-two" cat work.txt
    rm small/full
    run -0 tc export "$RUN-two" -y
    [ "$(cat "small/cages/envs/$RUN-two/repo/work.txt")" = precious ]
    run -0 tc destroy "$RUN-two" -y
    gone "$RUN-two"
}

@test "a disk that fills in the middle of an export: nothing of the clone is lost, a second run finishes" {
    [ "$(id -u)" = 0 ] || skip 'mounts a file system'
    cage_on_a_small_disk
    docker exec "isolated-dev-$RUN-two" sh -c 'head -c 60000000 /dev/urandom >large; echo changed >README'
    run -1 tc export "$RUN-two" -y
    says 'nothing was written'
    [ "$(cat "small/cages/envs/$RUN-two/repo/README")" = hello ]
    [ "$(docker inspect --format '{{.State.Status}}' "isolated-dev-$RUN-two")" = running ]
    mount -o remount,size=200m small
    run -0 tc export "$RUN-two" -y
    [ "$(cat "small/cages/envs/$RUN-two/repo/README")" = changed ]
    run -0 tc destroy "$RUN-two" -y
}

@test "create: a volume with work in it whose folder and containers are gone is not filled anew" {
    make_repo "$RUN-one"
    tc create "$PWD/$RUN-one" --no-attach >/dev/null 2>&1
    docker exec "isolated-dev-$RUN-one" sh -c 'echo precious >work.txt'
    docker rm --force "isolated-dev-$RUN-one" "$(guard "$RUN-one")" >/dev/null
    rm -rf "$TRUSTY_CAGE_HOME/envs/$RUN-one"
    run -1 tc create "$PWD/$RUN-one" --no-attach
    says "volume 'isolated-dev-$RUN-one' is there already, and there may be work in it"
    run -3 tc destroy "$RUN-one" -y
    says 'could not be counted, so nothing was destroyed'
    run -0 tc destroy "$RUN-one" -y --force
    gone "$RUN-one"
}

@test "a home that can't be written: one sentence" {
    [ "$(id -u)" = 0 ] || skip 'mounts a file system'
    mkdir small
    mount -t tmpfs -o size=1m,ro none small
    make_repo "$RUN-two"
    TRUSTY_CAGE_HOME=$PWD/small/cages run -1 tc create "$PWD/$RUN-two" --no-attach
    says 'read-only file system'
    says 'TRUSTY_CAGE_HOME'
}

@test "the host clone is gone: said, with the command that makes one; the work in the cage arrives in it" {
    inside <<<'echo work >work.txt'
    mv "$CLONE" "$PWD/away"
    run -1 tc export "$CAGE" -y
    says "the host clone is gone: $CLONE"
    [ "$(docker inspect --format '{{.State.Status}}' "isolated-dev-$CAGE")" = running ]
    bash -c "$(printed 'Put it back, or clone anew:')"
    run -0 tc export "$CAGE" -y
    [ "$(cat "$CLONE/work.txt")" = work ]
    inside <<<'rm work.txt'
    run -0 tc export "$CAGE" -y
}

@test "the base manifest is gone: said, with the command that begins with that of the seeding" {
    rm "$ENV/.history/base"
    run -1 tc export "$CAGE" -y
    says 'the base manifest .history/base is gone'
    bash -c "$(printed 'Begin with that of the seeding:')"
    run -0 tc export "$CAGE" -y
    says "Nothing new to export from cage '$CAGE'."
}

@test "a guard of another release does not answer for a helper: its successor's image does" {
    [ "$(cat "$ENV/.state/image/used-guard-image")" = "$(docker inspect --format '{{.Config.Image}}' "$(guard "$CAGE")")" ]
    echo '# of another release' >>"$ENV/guard/rules.py"
    run -0 tc export "$CAGE" -y
    says "Nothing new to export from cage '$CAGE'."
    [[ $(cat "$ENV/.state/image/used-guard-image") == trusty-cage-guard:* ]]
    run -0 tc make -y "$CAGE" recreate
    run -0 tc export "$CAGE" -y
    [ "$(cat "$ENV/.state/image/used-guard-image")" = "$(docker inspect --format '{{.Config.Image}}' "$(guard "$CAGE")")" ]
}

@test "the guard's name is gone: it is found by its label, and there is no second guard" {
    was=$(guard "$CAGE")
    rm "$ENV/.history/guard"
    run -0 tc exec "$CAGE" -- true
    [ "$(guard "$CAGE")" = "$was" ]
    rm "$ENV/.history/guard"
    run -0 tc make -y "$CAGE" recreate
    [ "$(guard "$CAGE")" != "$was" ]
    [ "$(docker ps --all --format '{{.Names}}' --filter "label=trusty-cage.env=$CAGE" | grep guard)" = "$(guard "$CAGE")" ]
}

@test "the guard's name is damaged: said, with the command that mends it" {
    was=$(guard "$CAGE")
    for text in '' '-x' '../x' $'isolated-dev-a.guard\nisolated-dev-b.guard' 'isolated-dev-a b.guard'; do
        printf '%s' "$text" >"$ENV/.history/guard"
        run -1 tc exec "$CAGE" -- true
        says "/.history/guard' is damaged"
    done
    bash -c "$(printed 'Remove it, and it is written anew:')"
    run -0 tc exec "$CAGE" -- true
    [ "$(guard "$CAGE")" = "$was" ]
}

@test "destroy: without its guard and without .state the work is counted and kept all the same" {
    other
    docker exec "isolated-dev-$RUN-other" sh -c 'echo precious >work.txt'
    docker rm --force "$(guard "$RUN-other")" >/dev/null
    rm -rf "$OTHER/.state"
    run -0 tc destroy "$RUN-other" -y
    says '1 added'
    kept work.txt
}

@test "recreate: a home that is gone is said, and dotfiles are laid in anew" {
    make_repo dots
    echo 'set number' >dots/.vimrc
    git -C dots add --all
    git -C dots commit --quiet --message Dots
    other --dotfiles "$PWD/dots"
    docker rm --force "isolated-dev-$RUN-other" "$(guard "$RUN-other")" >/dev/null
    docker volume rm "isolated-dev-$RUN-other.home" >/dev/null
    run -1 tc doctor
    says "volume 'isolated-dev-$RUN-other.home' is gone: logins, shell history and dotfiles"
    run -0 tc make -y "$RUN-other" recreate
    says "volume 'isolated-dev-$RUN-other.home' is gone"
    [ "$(tc exec "$RUN-other" -- bash -c 'cat ~/.vimrc')" = 'set number' ]
    run -0 tc make -y "$RUN-other" recreate
    says_not 'is gone'
}

@test "recreate, destroy: without the base manifest and the containers, a volume with work in it is neither emptied nor removed" {
    other
    docker exec "isolated-dev-$RUN-other" sh -c 'echo precious >work.txt'
    rm "$OTHER/.history/base"
    run -1 tc make -y "$RUN-other" recreate
    says "volume 'isolated-dev-$RUN-other' is there already, and there may be work in it"
    [ "$(tc exec "$RUN-other" -- cat work.txt)" = precious ]
    docker rm --force "isolated-dev-$RUN-other" "$(guard "$RUN-other")" >/dev/null
    run -3 tc destroy "$RUN-other" -y
    says 'could not be counted, so nothing was destroyed'
    run -0 docker volume inspect "isolated-dev-$RUN-other"
    run -0 tc destroy "$RUN-other" -y --force
}

@test "doctor: what it advises for a volume that is left over brings the work home through the judge" {
    run -0 tc start "$CAGE"
    inside <<<'echo left >left-over; ln -s /etc/passwd out'
    (cd "$ENV" && CAGE_NAME=$CAGE CAGE_REPO_URL=x bash lib/destroy/to-trash)
    run tc doctor
    says "volume 'isolated-dev-$CAGE': its cage has no folder; there may be work in it"
    says_not docker\ run
    command=$(sed -n "s/.*Put its folder back from the trash, and export it: \(.*\) && tc export $CAGE\$/\1/p" <<<"$output")
    CAGE_YES=1 run -0 bash -c "${command/recreate/recreate -y}"
    run -3 tc export "$CAGE" -y
    says 'out'
    run -3 tc export "$CAGE" -y --skip-refused
    [ "$(cat "$CLONE/left-over")" = left ] && [ ! -L "$CLONE/out" ]
}
