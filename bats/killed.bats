#!/usr/bin/env bats
# Verbs that are killed, interrupted by Ctrl-C, or stopped by a step that fails: the same command finishes them, nothing
# is lost, nothing is left over.

load cages

setup_file() {
    shadow docker git mv rm rmdir tar
    make_cage killed
    own_names killed
}
teardown_file() { remove_cage; }
setup() { cd "$BATS_TEST_TMPDIR" || return; }
teardown() {
    for name in "$RUN-one" "$RUN-other"; do remove_cage "$name"; done
    tmux -L "${SCREEN:-none}" kill-server 2>/dev/null || true
    if [ "${STOPPED:-}" ]; then kill -KILL "$STOPPED" 2>/dev/null || true; fi
}

# fault PATTERN COMMAND …: the command dies, with all that it started, after the call that matches PATTERN.
fault() {
    export FAULT_ONCE=$BATS_TEST_TMPDIR/fault.$RANDOM.$RANDOM
    FAULT_ON=$1 PATH=$BATS_FILE_TMPDIR/shadow:$PATH run -137 setsid --wait "${@:2}" </dev/null
    [ -d "$FAULT_ONCE" ]
}

@test "create: killed after any step, the same command finishes it" {
    make_repo "$RUN-one"
    for step in 'git .* clone' 'git .* checkout' 'docker run .*--detach .*[.]guard' 'docker create .*volume-nocopy' \
        'docker run .*[.]helper' 'tar .*clone/answer' 'docker ps .*label' 'docker run .* machine$' 'policy apply' \
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

@test "create: killed in the middle, the same command finishes it" {
    make_repo "$RUN-one"
    tc create "$PWD/$RUN-one" --no-attach >/dev/null 2>&1 3>&- &
    sleep 0.5
    kill -9 $! || true
    sleep 1
    run tc create "$PWD/$RUN-one" --no-attach
    [ "$status" = 0 ] || says 'already exists'
    run -0 tc exec "$RUN-one" -- git status --porcelain
    [ "$output" = '' ]
}

@test "start: killed after any step, the same command finishes it" {
    for step in 'docker container inspect' 'docker start .*[.]guard$' 'docker exec .* policy apply' \
        'docker start .*-killed$'; do
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

@test "sync: killed after any step, the same command finishes it, and undo brings all back" {
    for step in 'docker pause' 'docker run .*judge keep' 'docker run .*receive' 'mv .*received/base'; do
        echo "after $step"
        echo host >>"$CLONE/README" && rm "$CLONE/run.sh" && echo new >"$CLONE/new.txt" && git -C "$CLONE" add --all
        fault "$step" tc sync "$CAGE" -y
        run -0 tc sync "$CAGE" -y
        run -0 docker exec "isolated-dev-$CAGE" sh -c 'cat README new.txt; ls -A'
        [ "$output" = $'hello\nhost\nnew\n.git\n.gitignore\nREADME\nlib\nlink\nnew.txt' ]
        while [ -s "$ENV/.history/syncs" ]; do run -0 tc sync "$CAGE" --undo -y; done
        run -0 docker exec "isolated-dev-$CAGE" git status --porcelain --ignored
        [ "$output" = '' ]
        cmp "$ENV/.history/base" "$ENV/.history/base.seeded"
        git -C "$CLONE" reset -q --hard
    done
}

@test "streams: one that ends early and without a failure changes nothing, and the same command finishes it" {
    cut='eval "$program" "$@" | head -c 1024; exit 0'
    cut_in='eval head -c 1024 | "$program" "$@"; cat >/dev/null; exit 0'
    make_repo "$RUN-one"
    for did in "$cut" "$cut_in"; do
        export FAULT_ONCE=$BATS_TEST_TMPDIR/fault.$RANDOM.$RANDOM
        FAULT_ON='docker run .* seed' FAULT_HOW=before FAULT_DO=$did PATH=$BATS_FILE_TMPDIR/shadow:$PATH \
            run -1 tc create "$PWD/$RUN-one" --no-attach </dev/null
        says 'not all could be written into the cage'
        [ ! -e "$TRUSTY_CAGE_HOME/envs/$RUN-one/.history/base" ]
    done
    run -0 tc create "$PWD/$RUN-one" --no-attach </dev/null
    whole "$RUN-one"
    before=$(sha256sum <"$ENV/.history/base")
    echo host >>"$CLONE/README" && git -C "$CLONE" add --all
    inside <<<'echo more >>lib/code.txt'
    for verb in 'sync judge.sync' 'sync judge.keep' 'sync receive' 'export judge.export'; do
        for did in "$cut" "$cut_in"; do
            echo "$verb $did"
            export FAULT_ONCE=$BATS_TEST_TMPDIR/fault.$RANDOM.$RANDOM
            FAULT_ON="docker run .* ${verb#* }$" FAULT_HOW=before FAULT_DO=$did PATH=$BATS_FILE_TMPDIR/shadow:$PATH \
                run -1 tc "${verb% *}" "$CAGE" -y
            [ -d "$FAULT_ONCE" ]
            [ "$before" = "$(sha256sum <"$ENV/.history/base")" ]
            [ "$(cat "$CLONE/lib/code.txt")" = library ]
        done
    done
    for did in "$cut" "$cut_in"; do
        export FAULT_ONCE=$BATS_TEST_TMPDIR/fault.$RANDOM.$RANDOM
        FAULT_ON='docker run .* judge count$' FAULT_HOW=before FAULT_DO=$did PATH=$BATS_FILE_TMPDIR/shadow:$PATH \
            run -0 tc status "$CAGE"
        says 'un-exported   unknown'
    done
    run -0 tc sync "$CAGE" -y
    [ "$(docker exec "isolated-dev-$CAGE" cat README)" = $'hello\nhost' ]
    run -0 tc export "$CAGE" -y
    says '0 added, 1 changed, 0 deleted'
    run -0 tc export "$CAGE" --undo -y
    git -C "$CLONE" reset -q --hard
    inside <<<'git reset -q --hard; git clean -qfdx'
    cp "$ENV/.history/base.seeded" "$ENV/.history/base"
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

# Type the command $1 in a terminal of its own; at the sight of $2, Ctrl-C.
interrupted_at() {
    SCREEN=killed-$RANDOM
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

@test "undo: killed and run again, what its user had changed since is kept" {
    inside <<<'echo agent >README'
    run -0 tc export "$CAGE" -y
    echo mine >>"$CLONE/README"
    fault 'mv .* repo/$' tc export "$CAGE" --undo -y
    run -0 tc export "$CAGE" --undo -y
    says 'Files of until now are kept in: '
    [ "$(cat "$CLONE/README")" = hello ]
    [ "$(tail -n 1 "$(printed 'Files of until now are kept in:')/README")" = mine ]
    inside <<<'git reset -q --hard'
}

@test "kill: an export killed at any step is finished by the next one, and its undo is whole" {
    before=$(fingerprint "$CLONE")
    git_before=$(fingerprint "$CLONE/.git")
    for delay in 0.05 0.15 0.25 0.35 0.45 0.55 0.65; do
        inside <<<'for i in $(seq 300); do echo "$RANDOM $i" >f$i; done; echo again >>README; rm -f run.sh'
        setsid tc export "$CAGE" -y >/dev/null 2>&1 3>&- &
        sleep "$delay"
        kill -9 -- -$! 2>/dev/null || true
        wait $! 2>/dev/null || true
        run -0 tc export "$CAGE" -y || { echo "$output"; false; }
        [ "$(docker inspect -f '{{.State.Paused}}' "isolated-dev-$CAGE")" = false ]
        [ -z "$(docker ps --quiet --filter "name=isolated-dev-$CAGE.helper")" ]
        cmp "$CLONE/f7" <(docker exec "isolated-dev-$CAGE" cat f7)
        cmp "$CLONE/README" <(docker exec "isolated-dev-$CAGE" cat README)
        [ "$git_before" = "$(fingerprint "$CLONE/.git")" ]
        if [ -e "$ENV/.history/last" ]; then
            run -0 tc export "$CAGE" --undo -y
            [ "$before" = "$(fingerprint "$CLONE")" ]
        fi
        inside <<<'git checkout -q .; rm -f f*'
        run -0 tc export "$CAGE" -y --force
    done
}

# An export that ends after all was written, as by a kill.
cut_short() {
    cp "$ENV/lib/export/close" "$BATS_TEST_TMPDIR/exported"
    sed -i '2i exit 1' "$ENV/lib/export/close"
    run tc export "$CAGE" -y
    cp "$BATS_TEST_TMPDIR/exported" "$ENV/lib/export/close"
    [ -e "$ENV/.history/applying" ]
}

@test "kill: what two attempts at an export replaced makes no repository in the backup, and the undo is whole" {
    inside <<'SH'
git checkout -q . && git clean -fdqx
mkdir x; echo 'ref: refs/heads/main' >x/HEAD; printf '[core]\n\tbare = true\n' >x/config
SH
    run -0 tc export "$CAGE" -y
    before=$(fingerprint "$CLONE")
    inside <<<'rm x/HEAD; mkdir x/objects x/refs; echo 1 >x/objects/y; echo 1 >x/refs/z; rm README; mkdir README; echo 1 >README/x'
    cut_short
    inside <<<'for f in x/objects/y x/refs/z README/x; do echo 2 >$f; done'
    run -0 tc export "$CAGE" -y --take cage
    backup=$ENV/$(cat "$ENV/.history/last")
    run -128 git -C "$backup/files/x" rev-parse --git-dir
    [ "$(cat "$backup"/since-*/README/x)" = 1 ]
    run -0 tc export "$CAGE" --undo -y
    [ "$before" = "$(fingerprint "$CLONE")" ]
}

@test "an owner of the lock that is stopped is told at once" {
    cd "$ENV"
    CAGE_NAME=$CAGE CAGE_ENGINE=docker bash lib/run/lock start sleep 60 3>&- &
    STOPPED=$!
    for _ in {1..50}; do [[ $(owner "$ENV") != *" $STOPPED":* ]] || break; sleep 0.1; done
    kill -STOP "$STOPPED"
    run -1 tc stop "$CAGE"
    says "cage '$CAGE' is held by 'start' (process $STOPPED), which is stopped"
    says "kill -CONT $STOPPED; kill $STOPPED"
}

@test "destroy: killed on the way to the trash, the second run ends in the same place and names the work" {
    other
    docker exec "isolated-dev-$RUN-other" sh -c 'echo precious >work.txt'
    fault 'mv .history' tc destroy "$RUN-other" -y
    run -0 tc destroy "$RUN-other" -y
    says 'Un-exported files:'
    [ "$(find "$TRUSTY_CAGE_HOME/trash" -maxdepth 1 -name "$RUN-other-*" | wc -l)" = 1 ]
    back=$(printed 'Make it again from them:')
    bash -c "$(printed 'Un-exported files:')"
    [ "$(git -C "$OTHER/repo" show "$(git -C "$OTHER/repo" for-each-ref --format='%(refname)' 'refs/heads/cage/*'):work.txt")" = precious ]
    CAGE_NO_ATTACH=1 bash -c "$back"
    [ "$(tc exec "$RUN-other" -- cat README)" = hello ]
    rm -rf "$TRUSTY_CAGE_HOME/trash/$RUN"-other-*
}
