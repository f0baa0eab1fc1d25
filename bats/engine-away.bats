#!/usr/bin/env bats
# An engine that stops, crashes or is restarted in the middle of a verb, refuses the user, or has a full disk: that is
# said, and the same verb finishes once it is mended. And one that runs on another machine, or has no bridge. On an
# engine of the tests' own.

load cages

setup_file() {
    [ "$(id -u)" = 0 ] || skip 'starts an engine of its own'
    export E=$BATS_FILE_TMPDIR/engine OWN=$BATS_TEST_DIRNAME/own-engine
    mkdir -p "$E"
    shadow docker
    "$OWN" open "$E"
    "$OWN" start "$E"
    local guard
    own_home
    export CAGE=$RUN-engine
    tc create "$BATS_SUITE_TMPDIR/empty" --name "$CAGE" --render-only >/dev/null
    CAGE_MISSING=ok make -C "$TRUSTY_CAGE_HOME/envs/$CAGE" guard-image >/dev/null
    guard=$(cat "$TRUSTY_CAGE_HOME/envs/$CAGE/.state/image/used-guard-image")
    rm -rf "$TRUSTY_CAGE_HOME/envs/$CAGE"
    docker save "$guard" "$TRUSTY_CAGE_BASE_IMAGE" | docker --host "unix://$E/sock" load >/dev/null
    export DOCKER_HOST=unix://$E/sock CLONE=$TRUSTY_CAGE_HOME/envs/$CAGE/repo
    make_repo "$BATS_FILE_TMPDIR/engine-repo"
    slim "$CAGE"
    tc create "$BATS_FILE_TMPDIR/engine-repo" --name "$CAGE" --no-attach >&2
}
teardown_file() {
    [ ! -e "${E:-}/name" ] || "$OWN" close "$E"
    rm -rf "$TRUSTY_CAGE_HOME/envs/$CAGE"
}
setup() { cd "$BATS_TEST_TMPDIR" || return; }
teardown() {
    docker version >/dev/null 2>&1 || "$OWN" start "$E"
    mount -o remount,size=4g "$E/data"
    remove_cage "$RUN-other"
}

# The engine's disk has $1 megabytes left.
room() {
    mount -o "remount,size=$(($(df -k --output=used "$E/data" | tail -n 1) + $1 * 1024))k" "$E/data"
}

# The recipes of the cage $1, with an image that is made in no time, after the instruction $2, of the repository $3.
slim() {
    tc create "${3:-$BATS_FILE_TMPDIR/engine-repo}" --name "$1" --shell bash --render-only >/dev/null
    cat >"$TRUSTY_CAGE_HOME/envs/$1/Dockerfile" <<DOCKERFILE
ARG CAGE_BASE_IMAGE
FROM \${CAGE_BASE_IMAGE}
${2:-}
RUN for name in tmux git; do ln -s /bin/true /usr/local/bin/\$name; done
RUN useradd --create-home --uid 1000 trustycage && mkdir /home/trustycage/project && chown 1000 /home/trustycage/project
DOCKERFILE
}

# fault 'ACT HOW PATTERN' COMMAND …: at the call that matches PATTERN, before or during it, the engine is made to ACT.
fault() {
    local act how pattern
    read -r act how pattern <<<"$1"
    export FAULT_ONCE=$BATS_TEST_TMPDIR/fault.$RANDOM.$RANDOM
    FAULT_DO="$OWN $act $E" FAULT_HOW=$how FAULT_ON=$pattern PATH=$BATS_FILE_TMPDIR/shadow:$PATH run "${@:2}" </dev/null
    echo "$1: $status"
    echo "$output"
    [ -d "$FAULT_ONCE" ]
}

# The engine goes away at each of the calls: 4 and a sentence, once; when it is back, the same command ends well.
survives() {
    local command=$1 call
    for call in "${@:2}"; do
        # shellcheck disable=SC2086 # a command and its arguments
        fault "$call" $command
        [ "$status" = 4 ]
        [ "$(grep -c "error: the engine 'docker' can't be reached" <<<"$output")" = 1 ]
        says 'tc doctor'
        "$OWN" start "$E"
        # shellcheck disable=SC2086
        run $command </dev/null
        [ "$status" = 0 ] || { echo "$output"; tail -n 5 "$E/log"; return 1; }
        [ -z "$(docker ps --all --quiet --filter name=helper)" ]
    done
}

@test "another engine is named, and nothing is touched: the verbs, list and doctor" {
    local verb before
    before=$(fingerprint "$TRUSTY_CAGE_HOME/envs/$CAGE/.history")
    for verb in status start stop 'exec -- true' export sync 'recreate -y' 'destroy -y' 'destroy -y --force' auth; do
        # shellcheck disable=SC2086 # words
        set -- $verb
        run -4 env -u DOCKER_HOST tc "$1" "$CAGE" "${@:2}" </dev/null
        says "cage '$CAGE' is on the engine of '"
        says "Use that one: export DOCKER_HOST=unix://$E/sock"
        [ "$(grep -c '^error: ' <<<"$output")" = 1 ]
    done
    run -0 env -u DOCKER_HOST tc list
    [[ $(grep "^$CAGE " <<<"$output") = *' on another engine '* ]]
    run env -u DOCKER_HOST tc doctor
    says "'$CAGE' is on the engine of '"
    says_not "tc destroy $CAGE"
    [ "$before" = "$(fingerprint "$TRUSTY_CAGE_HOME/envs/$CAGE/.history")" ]
    run -0 tc exec "$CAGE" -- cat README
    says hello
}

@test "create: the engine goes away at any step; once it is back, the same command finishes" {
    local command="tc create $BATS_FILE_TMPDIR/engine-repo --name $RUN-other --shell bash --no-attach"
    slim "$RUN-other" 'RUN sleep 1'
    for call in 'stop during docker build .*Dockerfile' 'crash before docker create .*[.]guard' \
        'stop before docker run .*[.]helper' 'crash before docker exec .*policy' 'stop before docker start .*-other$'; do
        survives "$command" "$call"
        [ "$(tc exec "$RUN-other" -- cat README)" = hello ]
        [ "$(docker ps --all --quiet --filter "label=trusty-cage.env=$RUN-other" | wc -l)" = 2 ]
        [ "$(docker volume ls --quiet --filter "label=trusty-cage.env=$RUN-other" | wc -l)" = 2 ]
        remove_cage "$RUN-other"
        slim "$RUN-other" 'RUN sleep 1'
    done
}

@test "start, stop, status and exec: the engine goes away in the middle" {
    for call in 'stop before docker start .*[.]guard$' 'crash before docker start .*-engine$'; do
        run -0 tc stop "$CAGE"
        survives "tc start $CAGE" "$call"
    done
    survives "tc stop $CAGE" 'stop before docker stop'
    survives "tc status $CAGE" 'crash before docker container inspect'
    run -0 tc start "$CAGE"
    survives "tc exec $CAGE -- sleep 1" 'stop during docker exec .*sleep' 'crash during docker exec .*sleep'
}

# answers ADDRESS PORT, to the cage.
answers() { docker exec "isolated-dev-$CAGE" timeout 3 bash -c "exec 3<>/dev/tcp/$1/$2" 2>/dev/null; }

# serves PORT, on every address of the engine's machine.
serves() {
    over_there python3 -m http.server --bind 0.0.0.0 "$1" >/dev/null 2>&1 </dev/null 3>&- 4>&- &
    for _ in {1..50}; do ! over_there bash -c "exec 3<>/dev/tcp/127.0.0.1/$1" 2>/dev/null || return 0; sleep 0.1; done
    return 1
}

@test "the engine runs on another machine: whatever address that has, by the guard's next start it is closed" {
    over_there ip link set lo up
    serves 8765
    over_there ip link add far type veth peer name away
    over_there ip address add 198.51.100.7/24 brd + dev far
    over_there sh -c "ip link set far up && ip link set away up"
    over_there ip route add local 198.51.100.128/25 dev lo
    run -0 tc exec "$CAGE" -- true
    answers 198.51.100.7 8765
    answers 198.51.100.200 8765
    run -0 tc stop "$CAGE"
    run -0 tc exec "$CAGE" -- true
    run ! answers 198.51.100.7 8765
    run ! answers 198.51.100.200 8765
    grep -qx 'broadcast 198.51.100.255/32' "$TRUSTY_CAGE_HOME/envs/$CAGE/.state/engine/machine"
    rm -rf "$TRUSTY_CAGE_HOME/envs/$CAGE/.state"
    run -0 tc exec "$CAGE" -- true
    run ! answers 198.51.100.7 8765
    [ -z "$(docker ps --all --quiet --filter name=machine)" ]
}

# The engine's machine has the nameserver $1 in /etc/resolv.conf; a resolver of its own there asks 169.254.169.253.
names() {
    over_there umount /etc/resolv.conf 2>/dev/null || true
    echo "nameserver $1" >"$BATS_TEST_TMPDIR/resolv.conf"
    over_there mount --bind "$BATS_TEST_TMPDIR/resolv.conf" /etc/resolv.conf
    "$OWN" restart "$E"
}

@test "a link-local address answers on port 53 where it is a nameserver of the engine's machine, and nowhere else" {
    over_there mount -t tmpfs none /run
    over_there mkdir -p /run/systemd/resolve
    over_there sh -c 'echo nameserver 169.254.169.253 >/run/systemd/resolve/resolv.conf'
    over_there ip address add 169.254.169.253/32 dev lo
    over_there ip address add 169.254.169.254/32 dev lo
    over_there ip link set lo up
    serves 53
    serves 80
    for server in 192.0.2.53 169.254.169.253 127.0.0.53; do
        names "$server"
        run -0 tc exec "$CAGE" -- true
        run ! answers 169.254.169.254 53
        run ! answers 169.254.169.253 80
        if [ "$server" = 192.0.2.53 ]; then run ! answers 169.254.169.253 53; else answers 169.254.169.253 53; fi
    done
    over_there umount /etc/resolv.conf
    over_there umount --lazy /run
}

@test "an engine without a bridge of its own: its machine tells its addresses all the same" {
    "$OWN" stop "$E"
    OWN_ENGINE='--bridge none' "$OWN" start "$E"
    run -0 tc exec "$CAGE" -- true
    grep -q '^closed ' "$TRUSTY_CAGE_HOME/envs/$CAGE/.state/engine/machine"
    "$OWN" restart "$E"
}

@test "export and sync: the engine goes away in the middle, and the work arrives whole" {
    for call in 'stop before docker pause' 'crash during docker run .*[.]helper'; do
        run -0 tc start "$CAGE"
        docker exec "isolated-dev-$CAGE" sh -c "echo '$call' >README; rm -f lib/code.txt"
        survives "tc export $CAGE -y" "$call"
        [ "$(cat "$CLONE/README")" = "$call" ]
        run -0 tc export "$CAGE" --undo -y
        [[ $call == crash* ]] || continue
        run -0 tc start "$CAGE"
        echo "$call" >>"$CLONE/run.sh"
        survives "tc sync $CAGE -y --take host" "$call"
        run -0 tc exec "$CAGE" -- tail -n 1 run.sh
        says "$call"
        git -C "$CLONE" checkout --quiet .
        run -0 tc sync "$CAGE" -y --take host
    done
}

@test "the engine is restarted in the middle: an error, or none, and the same verb finishes" {
    for call in 'during docker start .*[.]guard$' 'before docker run .*[.]helper' 'before docker unpause'; do
        verb="export $CAGE -y"
        run -0 tc start "$CAGE"
        docker exec "isolated-dev-$CAGE" sh -c "echo '$call' >README"
        [[ $call != *start* ]] || { tc stop "$CAGE"; verb="start $CAGE"; }
        # shellcheck disable=SC2086 # a verb and its option
        fault "restart $call" tc $verb
        [ "$status" = 0 ] || says 'error: '
        # shellcheck disable=SC2086
        run -0 tc $verb
    done
    [ "$(cat "$CLONE/README")" = "$call" ]
    git -C "$CLONE" checkout --quiet .
}

@test "destroy: the engine goes away in the middle; once it is back, all of it goes and no work is lost" {
    for call in 'crash during docker run .*[.]helper' 'stop before docker volume rm'; do
        slim "$RUN-other"
        run -0 tc create "$BATS_FILE_TMPDIR/engine-repo" --name "$RUN-other" --shell bash --no-attach
        docker exec "isolated-dev-$RUN-other" sh -c 'echo precious >work.txt'
        survives "tc destroy $RUN-other -y" "$call"
        [ -z "$(docker ps --all --quiet --filter "label=trusty-cage.env=$RUN-other")" ]
        [ -z "$(docker volume ls --quiet --filter "label=trusty-cage.env=$RUN-other")" ]
        bundle=$(find "$TRUSTY_CAGE_HOME/trash" -path "*/$RUN-other-*/branch.bundle")
        git -C "$TRUSTY_CAGE_HOME/envs/$RUN-other/repo" fetch --quiet "$bundle" work
        [ "$(git -C "$TRUSTY_CAGE_HOME/envs/$RUN-other/repo" show FETCH_HEAD:work.txt)" = precious ]
        rm -rf "$TRUSTY_CAGE_HOME/trash/$RUN"-other-* "$TRUSTY_CAGE_HOME/envs/$RUN-other"
    done
}

@test "a disk of the engine's that is full: create says so; with room again the same command finishes" {
    mkdir large && make_repo large/repo
    head -c 60000000 /dev/urandom >large/repo/large && git -C large/repo add large && git -C large/repo commit --quiet --message large
    slim "$RUN-other" '' "$PWD/large/repo"
    run -0 env CAGE_MISSING=ok make -C "$TRUSTY_CAGE_HOME/envs/$RUN-other" image
    room 30
    run -1 tc create "$PWD/large/repo" --name "$RUN-other" --shell bash --no-attach
    says "the engine's disk is full"
    room 4000
    run -0 tc create "$PWD/large/repo" --name "$RUN-other" --shell bash --no-attach
    run -0 tc exec "$RUN-other" -- sha256sum large
    says "$(sha256sum <large/repo/large | cut -c 1-64)"
    run -0 tc export "$RUN-other" -y
    says 'Nothing new to export'

    # The way in: all of the file that is sent, or the old one.
    head -c 70000000 /dev/urandom >"$TRUSTY_CAGE_HOME/envs/$RUN-other/repo/large"
    echo sent >"$TRUSTY_CAGE_HOME/envs/$RUN-other/repo/README"
    room 0
    run -1 tc export "$RUN-other" -y
    says "error: the cage could not be read, so nothing was written: the engine's disk is full"
    says_not 'Try again'
    run -0 tc status "$RUN-other"
    says "not counted: the engine's disk is full"
    room 30
    run -1 tc sync "$RUN-other" -y
    says "the engine's disk is full"
    run -0 tc exec "$RUN-other" -- sha256sum large
    says "$(sha256sum <large/repo/large | cut -c 1-64)"
    room 4000
    run -0 tc sync "$RUN-other" -y
    run -0 tc exec "$RUN-other" -- sha256sum large
    says "$(sha256sum <"$TRUSTY_CAGE_HOME/envs/$RUN-other/repo/large" | cut -c 1-64)"
    run -0 tc exec "$RUN-other" -- cat README
    says sent
    run -0 tc exec "$RUN-other" -- sh -c 'ls -A | grep trusty-cage || true'
    says_not trusty-cage
}

@test "the engine crashes while the cage is paused: any way in goes on" {
    run -0 tc start "$CAGE"
    docker exec "isolated-dev-$CAGE" sh -c 'echo kept >work.txt; sync'
    docker pause "isolated-dev-$CAGE"
    "$OWN" crash "$E"
    run -4 tc start "$CAGE"
    "$OWN" start "$E"
    run -0 tc exec "$CAGE" -- cat work.txt
    says kept
    run -0 tc exec "$CAGE" -- rm work.txt
}

@test "the engine crashes amid a container's start and stays confused: the remedy that is named helps" {
    run -0 tc stop "$CAGE"
    fault 'crash during docker start .*[.]guard$' tc start "$CAGE"
    [ "$status" = 4 ]
    says "error: the engine 'docker' can't be reached"
    "$OWN" start "$E"
    run tc start "$CAGE"
    if [ "$status" != 0 ]; then
        says "error: the engine could not start a container of this cage"
        says "tc recreate $CAGE"
        run -0 tc make -y "$CAGE" recreate
    fi
    run -0 tc exec "$CAGE" -- cat run.sh
    says 'echo run'
}

@test "a socket that refuses the user: 4, and the command that lets him in" {
    own=$(mktemp -d /tmp/own.XXXXXX)
    cp -a "$TRUSTY_CAGE_HOME/envs/$CAGE" "$own/"
    chown -R nobody "$own"
    for verb in start export destroy; do
        rm -f "$own/code"
        CAGE_EXIT_FILE=$own/code run -2 setpriv --reuid nobody --clear-groups make -C "$own/$CAGE" $verb </dev/null
        [ "$(cat "$own/code")" = 4 ]
        says 'permission denied'
        says "error: the engine 'docker' can't be reached"
        says 'sudo usermod -aG docker nobody'
    done
    rm -rf "$own"
}
