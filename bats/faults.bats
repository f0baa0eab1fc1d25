#!/usr/bin/env bats
# Faults of a machine: kills, Ctrl-C, two verbs at once, no engine, no room, no tools. A second run finishes,
# nothing is lost, nothing is left over.
# shellcheck disable=SC2030,SC2031 # each test is a process of its own

load cages

setup_file() {
    mkdir "$BATS_FILE_TMPDIR/shadow"
    for program in docker git mv rm rmdir tar; do
        ln -s "$BATS_TEST_DIRNAME/fault" "$BATS_FILE_TMPDIR/shadow/$program"
    done
    make_cage faults
}
teardown_file() {
    remove_cage
}
setup() { cd "$BATS_TEST_TMPDIR" || return; }
teardown() {
    for name in "$RUN-one" "$RUN-two" $(seq -f "$RUN-ten%g" 10); do remove_cage "$name"; done
    tmux -L "${SCREEN:-none}" kill-server 2>/dev/null || true
    if mountpoint -q "$BATS_TEST_TMPDIR/small"; then umount "$BATS_TEST_TMPDIR/small"; fi
}

# fault PATTERN COMMAND …: the command dies, with all that it started, after the call that matches PATTERN.
fault() {
    export FAULT_ONCE=$BATS_TEST_TMPDIR/fault.$RANDOM.$RANDOM
    FAULT_ON=$1 PATH=$BATS_FILE_TMPDIR/shadow:$PATH run -137 setsid --wait "${@:2}" </dev/null
    [ -d "$FAULT_ONCE" ]
}

# Two containers and two volumes of the cage $1, none more, and its own files in it.
whole() {
    [ "$(docker ps --all --format '{{.Names}}' --filter "label=trusty-cage.env=$1" | sort)" = \
        "$(printf '%s\n' "isolated-dev-$1" "$(guard "$1")" | sort)" ]
    [ "$(docker volume ls --quiet --filter "label=trusty-cage.env=$1" | wc -l)" = 2 ]
    [ -z "$(tc exec "$1" -- git status --porcelain 2>&1)" ]
    [ "$(tc exec "$1" -- git ls-files | tr '\n' ' ')" = '.gitignore README lib/code.txt link run.sh ' ]
    run -0 tc export "$1"
    says "Nothing new to export from cage '$1'."
}

gone() {
    [ -z "$(docker ps --all --quiet --filter "label=trusty-cage.env=$1")" ]
    [ -z "$(docker volume ls --quiet --filter "label=trusty-cage.env=$1")" ]
}

@test "create: killed after any step, the same command finishes it" {
    make_repo "$RUN-one"
    for step in 'git .* clone' 'git .* checkout' 'docker run .*--detach .*[.]guard' 'docker create .*volume-nocopy' \
        'docker run .*[.]helper' 'tar .* imported' 'docker ps .*label' 'docker run .* machine$' 'policy apply' \
        'docker start .*isolated-dev-.*-one$'; do
        echo "after $step"
        fault "$step" tc create "$PWD/$RUN-one" --no-attach
        run -0 tc create "$PWD/$RUN-one" --no-attach </dev/null
        says "Created cage '$RUN-one'."
        whole "$RUN-one"
        remove_cage "$RUN-one"
    done
}

@test "create: killed amid seeding and starting, the same command finishes it" {
    make_repo "$RUN-one"
    export FAULT_HOW=during
    for step in 'docker run .*[.]helper' 'docker run .*--detach .*[.]guard'; do
        fault "$step" tc create "$PWD/$RUN-one" --no-attach
        run -0 tc create "$PWD/$RUN-one" --no-attach </dev/null
        whole "$RUN-one"
        remove_cage "$RUN-one"
    done
}

@test "start: killed after any step, the same command finishes it" {
    for step in 'docker container inspect' 'docker start .*[.]guard$' 'docker exec .* policy apply' \
        'docker start .*-faults$'; do
        tc stop "$CAGE"
        fault "$step" tc start "$CAGE"
        run -0 tc start "$CAGE"
        run -0 tc exec "$CAGE" -- cat README
        says hello
    done
}

@test "export: killed after any step, the same command finishes it and undo brings all back" {
    for step in 'docker pause' 'docker run .*[.]helper' 'docker unpause' 'tar .*kept/files' \
        'mv .*keeping' 'rm .*repo/' 'rmdir .*repo/' 'mv .*stage/tree'; do
        echo "after $step"
        inside <<<"echo '$step' >README; echo new >'$RANDOM.txt'; rm -rf lib"
        fault "$step" tc export "$CAGE" -y
        run -0 tc export "$CAGE" -y
        [ "$(cat "$CLONE/README")" = "$step" ]
        [ ! -e "$CLONE/lib" ]
        [ "$(docker inspect --format '{{.State.Status}}' "isolated-dev-$CAGE")" = running ]
        [ -z "$(docker ps --all --quiet --filter name="isolated-dev-$CAGE.helper")" ]
        run -0 tc export "$CAGE" --undo -y
        [ -z "$(git -C "$CLONE" status --porcelain --ignored)" ]
    done
    inside <<<'git reset -q --hard; git clean -qfdx'
}

@test "export: killed after any step, it can be undone without being finished" {
    before=$(fingerprint "$CLONE")
    for step in 'tar .*kept/files' 'mv .*keeping' 'rm .*repo/' 'rmdir .*repo/' 'mv .*stage/tree'; do
        echo "after $step"
        inside <<<"echo '$step' >README; mkdir new; echo new >'new/$RANDOM.txt'; rm -rf lib; echo 1 >lib"
        fault "$step" tc export "$CAGE" -y
        run -0 tc export "$CAGE" --undo -y
        says 'the host clone is as it was before'
        [ "$before" = "$(fingerprint "$CLONE")" ]
        run -0 tc export "$CAGE" -y
        [ "$(cat "$CLONE/lib")" = 1 ]
        run -0 tc export "$CAGE" --undo -y
        [ "$before" = "$(fingerprint "$CLONE")" ]
        inside <<<'rm -r new; git reset -q --hard; git clean -qfdx'
    done
}

@test "export: one that can't be finished says so, and can be undone" {
    before=$(fingerprint "$CLONE")
    inside <<<'echo more >>README; rm -r lib; mkdir one; echo new >one/new.txt'
    for on in 'mv .*stage/tree' 'rm .*repo/'; do
        printf '#!/bin/sh\necho "no room" >&2\nexit 1\n' >no && chmod 755 no
        export FAULT_ONCE=$BATS_TEST_TMPDIR/fault.$RANDOM.$RANDOM
        FAULT_ON=$on FAULT_HOW=before FAULT_DO="exec $PWD/no" PATH=$BATS_FILE_TMPDIR/shadow:$PATH run -1 tc export "$CAGE" -y
        says 'error: the export was written only in part'
        says "Finish it: tc export $CAGE"
        says "Or take it back: tc export $CAGE --undo"
        run -0 tc export "$CAGE" --undo -y
        [ "$before" = "$(fingerprint "$CLONE")" ]
    done
    run -1 tc export "$CAGE" --undo -y
    says 'there is no export to undo'
    inside <<<'git reset -q --hard; git clean -qfdx'
}

@test "undo: one that did not put all back says so, and goes on when it is run again" {
    before=$(fingerprint "$CLONE")
    inside <<<'echo more >>README; rm run.sh'
    run -0 tc export "$CAGE" -y
    for did in 'true' "touch $CLONE/run.sh"; do
        export FAULT_ONCE=$BATS_TEST_TMPDIR/fault.$RANDOM.$RANDOM
        FAULT_ON='mv .*state/back' FAULT_HOW=before FAULT_DO="exec $did" PATH=$BATS_FILE_TMPDIR/shadow:$PATH \
            run -1 tc export "$CAGE" --undo -y
        says 'error: the host clone is not as it was before'
        says_not 'the host clone is as it was before'
    done
    run -0 tc export "$CAGE" --undo -y
    [ "$before" = "$(fingerprint "$CLONE")" ]
    inside <<<'git reset -q --hard; git clean -qfdx'
}

@test "export: killed amid writing, nothing but whole files is in the clone" {
    inside <<<'head -c 90000000 /dev/zero >large; echo more >>README'
    FAULT_HOW=during fault 'mv .*stage/tree' tc export "$CAGE" -y
    sleep 1
    [ -z "$(cd "$CLONE" && git ls-files --others | grep -v '^large$')" ]
    run -0 tc export "$CAGE" -y
    [ "$(wc -c <"$CLONE/large")" = 90000000 ]
    [ "$(cd "$CLONE" && git ls-files --others)" = large ]
    run -0 tc export "$CAGE" --undo -y
    inside <<<'git reset -q --hard; git clean -qfdx'
}

@test "destroy: killed after any step, the same command finishes it and no work is lost" {
    make_repo "$RUN-one"
    for step in 'docker pause' 'git .* bundle' 'docker rm --force -- [0-9a-f]' 'docker volume rm'; do
        echo "after $step"
        run -0 tc create "$PWD/$RUN-one" --no-attach --fresh-clone
        docker exec "isolated-dev-$RUN-one" sh -c 'echo precious >work.txt'
        fault "$step" tc destroy "$RUN-one" -y
        run -0 tc destroy "$RUN-one" -y
        gone "$RUN-one"
        bundle=$(find "$TRUSTY_CAGE_HOME/trash" -path "*/$RUN-one-*/branch.bundle")
        git -C "$TRUSTY_CAGE_HOME/envs/$RUN-one/repo" fetch --quiet "$bundle" work
        [ "$(git -C "$TRUSTY_CAGE_HOME/envs/$RUN-one/repo" show FETCH_HEAD:work.txt)" = precious ]
        rm -rf "$TRUSTY_CAGE_HOME/trash/$RUN"-one-*
    done
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

# The terminal shows $1 within half a minute.
screen_shows() {
    for _ in $(seq 120); do
        tmux -L "$SCREEN" capture-pane -p -S - | grep -qF -- "$1" && return
        sleep 0.25
    done
    tmux -L "$SCREEN" capture-pane -p -S -
    return 1
}

# Type the command $1 in a terminal of its own; at the sight of $2, Ctrl-C.
interrupted_at() {
    SCREEN=faults-$RANDOM
    tmux -L "$SCREEN" new-session -d -x 150 -y 40
    tmux -L "$SCREEN" send-keys "PATH='$PATH' $1; echo code=\$?" Enter
    screen_shows "$2"
    sleep "${3:-0}"
    tmux -L "$SCREEN" send-keys C-c
    screen_shows 'code=130'
    tmux -L "$SCREEN" kill-server
}

@test "Ctrl-C at a question: nothing was done, 130" {
    inside <<<'echo asked >asked.txt'
    before=$(fingerprint "$CLONE")
    interrupted_at "tc export $CAGE" 'Write this into the host clone? [y/N]'
    interrupted_at "tc destroy $CAGE" 'The host clone is kept. [y/N]'
    [ "$before" = "$(fingerprint "$CLONE")" ]
    [ "$(docker inspect --format '{{.State.Status}}' "isolated-dev-$CAGE")" = running ]
    inside <<<'rm asked.txt'
}

@test "Ctrl-C amid create and export: 130, and the same command finishes" {
    make_repo "$RUN-one"
    head -c 30000000 /dev/urandom >"$RUN-one/large" && git -C "$RUN-one" add large && git -C "$RUN-one" commit --quiet --message large
    interrupted_at "tc create '$PWD/$RUN-one' --no-attach --auth-mode api_key" 'SEED'
    run -0 tc create "$PWD/$RUN-one" --no-attach
    says "Created cage '$RUN-one'."
    docker exec "isolated-dev-$RUN-one" sh -c 'head -c 60000000 /dev/urandom >more'
    interrupted_at "tc export $RUN-one -y" 'STAGE' 0.4
    run -0 tc export "$RUN-one" -y
    run -0 tc exec "$RUN-one" -- sh -c 'sha256sum <more'
    [ "$output" = "$(sha256sum <"$TRUSTY_CAGE_HOME/envs/$RUN-one/repo/more")" ]
}

@test "two creates of one name at once: one makes it, the other says so" {
    make_repo "$RUN-one"
    tc create "$PWD/$RUN-one" --no-attach >first 2>&1 3>&- &
    first=$!
    code=0
    tc create "$PWD/$RUN-one" --no-attach >second 2>&1 || code=$?
    wait $first || code=$?
    cat first second
    [ "$code" = 1 ] || [ "$code" = 0 ]
    grep -q "Created cage '$RUN-one'." first second
    whole "$RUN-one"
}

@test "export and destroy at once: one waits for the other, and the work is in the clone or in the trash" {
    make_repo "$RUN-one"
    run -0 tc create "$PWD/$RUN-one" --no-attach
    docker exec "isolated-dev-$RUN-one" sh -c 'echo precious >work.txt'
    tc export "$RUN-one" -y >first 2>&1 3>&- &
    first=$!
    run tc destroy "$RUN-one" -y
    echo "$output"
    wait $first || true
    gone "$RUN-one"
    cat "$TRUSTY_CAGE_HOME/envs/$RUN-one/repo/work.txt" 2>/dev/null || says 'Un-exported work:'
}

@test "ten creates at once: ten cages, one network" {
    local makers=()
    for name in $(seq -f "$RUN-ten%g" 10); do
        make_repo "$name"
        tc create "$PWD/$name" --no-attach >"$name.out" 2>&1 </dev/null 3>&- &
        makers+=($!)
    done
    for maker in "${makers[@]}"; do wait "$maker"; done
    [ "$(docker network ls --quiet --filter name='^trusty-cage$' | wc -l)" = 1 ]
    for name in "$RUN-ten1" "$RUN-ten10"; do whole "$name"; done
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

@test "a full disk: said before anything is begun; with room again the same command goes on" {
    [ "$(id -u)" = 0 ] || skip 'mounts a file system'
    mkdir small
    mount -t tmpfs -o size=40m none small
    make_repo "$RUN-two"
    export TRUSTY_CAGE_HOME=$PWD/small/cages
    run -0 tc create "$PWD/$RUN-two" --no-attach
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
    mkdir small
    mount -t tmpfs -o size=40m none small
    make_repo "$RUN-two"
    export TRUSTY_CAGE_HOME=$PWD/small/cages
    run -0 tc create "$PWD/$RUN-two" --no-attach
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

@test "destroy: what can't be counted is not destroyed without --force" {
    make_repo "$RUN-one"
    run -0 tc create "$PWD/$RUN-one" --no-attach
    cat >docker <<'SH'
#!/bin/sh
[ "$1" != run ] || exit 125
PATH=${PATH#*:}
exec docker "$@"
SH
    chmod 755 docker
    PATH=$PWD:$PATH run -3 tc destroy "$RUN-one" -y
    says 'could not be counted, so nothing was destroyed'
    says "tc destroy $RUN-one --force"
    run -0 docker exec "isolated-dev-$RUN-one" cat README
    PATH=$PWD:$PATH run -0 tc destroy "$RUN-one" -y --force
    gone "$RUN-one"
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

@test "destroy: work that can't be kept for the trash is not destroyed without --force" {
    make_repo "$RUN-one"
    run -0 tc create "$PWD/$RUN-one" --no-attach
    docker exec "isolated-dev-$RUN-one" sh -c 'echo precious >work.txt'
    mkdir bin
    printf '#!/bin/sh\ncase $* in *" bundle "*) exit 1 ;; esac\nPATH=${PATH#*:}\nexec git "$@"\n' >bin/git
    chmod 755 bin/git
    PATH=$PWD/bin:$PATH run -3 tc destroy "$RUN-one" -y
    says 'could be kept for the trash, so nothing was destroyed'
    says "tc destroy $RUN-one --force"
    run -0 docker exec "isolated-dev-$RUN-one" cat work.txt
    # Commits that git can't count are taken for work.
    docker exec "isolated-dev-$RUN-one" sh -c 'rm work.txt; printf "%040d\n" 7 >.git/refs/heads/main'
    run -3 tc destroy "$RUN-one" -y
    says '0 deleted, 0 refused, 0 held back, ? commits inside'
    says 'nothing was destroyed'
    run -0 docker exec "isolated-dev-$RUN-one" cat README
    run -0 tc destroy "$RUN-one" -y --force
    says 'warning: not all of the work could be kept for the trash'
    gone "$RUN-one"
}

@test "a home folder with blanks and other letters, umask 000" {
    make_repo "$RUN-two"
    export TRUSTY_CAGE_HOME="$PWD/a house für \$HOME's"
    umask 000
    run -0 tc create "$PWD/$RUN-two" --no-attach
    [ -z "$(find "$TRUSTY_CAGE_HOME" "$TRUSTY_CAGE_HOME/envs" -maxdepth 1 -type d -perm /077 -print)" ]
    [ -z "$(find "$TRUSTY_CAGE_HOME/envs/$RUN-two" -maxdepth 1 -type f -perm /022 -print)" ]
    docker exec "isolated-dev-$RUN-two" sh -c 'echo changed >README'
    run -0 tc export "$RUN-two" -y
    [ "$(cat "$TRUSTY_CAGE_HOME/envs/$RUN-two/repo/README")" = changed ]
    run -0 make -C "$TRUSTY_CAGE_HOME/envs/$RUN-two" export CAGE_YES=1
    run -0 tc destroy "$RUN-two" -y
    gone "$RUN-two"
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
