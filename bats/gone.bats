#!/usr/bin/env bats
# Missing or half-made things: guards, homes, clones, manifests, sessions. Each is named, with the command that mends
# it, and no work is lost on the way. shellcheck disable=SC2030,SC2031 # each test is a process of its own

load cages

setup_file() {
    mkdir "$BATS_FILE_TMPDIR/shadow"
    for program in docker mv; do
        ln -s "$BATS_TEST_DIRNAME/fault" "$BATS_FILE_TMPDIR/shadow/$program"
    done
    make_cage gone
}
teardown_file() {
    remove_cage
}
setup() { cd "$BATS_TEST_TMPDIR" || return; }
teardown() {
    remove_cage "$RUN-other"
    tmux -L gone kill-server 2>/dev/null || true
    if [ "${STOPPED:-}" ]; then kill -KILL "$STOPPED" 2>/dev/null || true; fi
}

# fault PATTERN COMMAND …: the command dies, with all that it started, after the call that matches PATTERN.
fault() {
    export FAULT_ONCE=$BATS_TEST_TMPDIR/fault.$RANDOM.$RANDOM
    FAULT_ON=$1 PATH=$BATS_FILE_TMPDIR/shadow:$PATH run -137 setsid --wait "${@:2}" </dev/null
    [ -d "$FAULT_ONCE" ]
}

other() {
    make_repo "$RUN-other"
    tc create "$PWD/$RUN-other" --no-attach "$@" >other.out 2>&1 || { cat other.out; return 1; }
    OTHER=$TRUSTY_CAGE_HOME/envs/$RUN-other
}

# The work that a destroy put into the trash has the file $1.
kept() {
    local bundle
    bundle=$(find "$TRUSTY_CAGE_HOME/trash" -path "*/$RUN-other-*/branch.bundle")
    git -C "$OTHER/repo" fetch -q "$bundle" work:kept
    [ "$(git -C "$OTHER/repo" show "kept:$1")" = precious ]
    rm -rf "$TRUSTY_CAGE_HOME/trash/$RUN"-other-*
}

# The command that the last run printed after $1.
printed() {
    sed -n "s/^ *$1 *//p" <<<"$output" | head -n 1
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

@test "sync: a cage that was left paused is paused again while it is written" {
    echo theirs >"$CLONE/README"
    docker pause "isolated-dev-$CAGE" >/dev/null
    TRUSTY_CAGE_TRACE=1 run -0 tc sync "$CAGE" -y
    says_not 'is not paused'
    [[ $output =~ synced\ +docker\ pause.*synced\ +docker\ run ]] || [[ $output =~ docker\ pause.*docker\ run.*receive ]]
    [ "$(docker inspect --format '{{.State.Status}}' "isolated-dev-$CAGE")" = running ]
    [ "$(tc exec "$CAGE" -- cat README)" = theirs ]
    git -C "$CLONE" checkout -q README
    run -0 tc sync "$CAGE" -y
}

@test "attach: a cage that is stopped from elsewhere gives the terminal back, and says so" {
    tmux -L gone -f /dev/null new-session -d -x 150 -y 40 'bash --norc'
    tmux -L gone send-keys "$(command -v tc) attach $CAGE; echo ended with \$?" Enter
    for _ in {1..60}; do
        [ "$(tmux -L gone display-message -p '#{alternate_on}')" != 1 ] || break
        sleep 0.5
    done
    run -0 tc stop "$CAGE"
    for _ in {1..20}; do
        ! tmux -L gone capture-pane -p | grep -q 'ended with [0-9]' || break
        sleep 0.5
    done
    run -0 tmux -L gone capture-pane -p
    says "error: the session ended: cage '$CAGE' was stopped or removed"
    says "See: tc status $CAGE"
    says 'ended with 1'
    [ "$(tmux -L gone display-message -p '#{alternate_on}#{mouse_any_flag}')" = 00 ]
    run -0 tc start "$CAGE"
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

@test "a verb that waits for a destroy says that the cage was destroyed meanwhile, by tc and by make" {
    local way
    for way in "tc stop $RUN-other" "make -C $TRUSTY_CAGE_HOME/envs/$RUN-other stop" "tc set $RUN-other memory=1g"; do
        other
        (cd "$OTHER" && CAGE_NAME=$RUN-other CAGE_ENGINE=docker CAGE_REPO_URL=x bash lib/run/lock destroy \
            bash -c 'sleep 3; exec bash lib/destroy/to-trash' >"$BATS_TEST_TMPDIR/destroy.out" 2>&1 3>&- &)
        for _ in {1..100}; do [[ $(owner "$OTHER") != *:destroy ]] || break; sleep 0.05; done
        # shellcheck disable=SC2086 # words
        run $way
        for _ in {1..100}; do ! grep -q Destroyed "$BATS_TEST_TMPDIR/destroy.out" || break; sleep 0.05; done
        grep -q Destroyed "$BATS_TEST_TMPDIR/destroy.out" || { cat "$BATS_TEST_TMPDIR/destroy.out"; false; }
        [ "$status" != 0 ]
        says "cage '$RUN-other' is busy with 'destroy'"
        says "error: cage '$RUN-other' was destroyed meanwhile"
        [ "$(grep -c -e '^error: ' -e 'No such file' -e getcwd <<<"$output")" = 1 ]
        remove_cage "$RUN-other"
        rm -rf "$RUN-other" "$TRUSTY_CAGE_HOME/trash/$RUN"-other-*
    done
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

@test "destroy: what the agent does while the question is open is kept, too" {
    other
    docker exec "isolated-dev-$RUN-other" sh -c 'echo early >early.txt'
    tmux -L gone -f /dev/null new-session -d -x 200 -y 40 'bash --norc'
    tmux -L gone send-keys "$(command -v tc) destroy $RUN-other; echo ended with \$?" Enter
    for _ in {1..60}; do
        ! tmux -L gone capture-pane -p | grep -qF '[y/N]' || break
        sleep 0.5
    done
    docker exec "isolated-dev-$RUN-other" sh -c 'echo precious >late.txt'
    tmux -L gone send-keys y Enter
    for _ in {1..60}; do
        ! tmux -L gone capture-pane -p | grep -q 'ended with [0-9]' || break
        sleep 0.5
    done
    run -0 tmux -L gone capture-pane -p
    says "Destroyed cage '$RUN-other'."
    kept late.txt
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

@test "destroy: killed on the way to the trash, the second run ends in the same place and names the work" {
    other
    docker exec "isolated-dev-$RUN-other" sh -c 'echo precious >work.txt'
    fault 'mv .history' tc destroy "$RUN-other" -y
    run -0 tc destroy "$RUN-other" -y
    says 'Un-exported work:'
    [ "$(find "$TRUSTY_CAGE_HOME/trash" -maxdepth 1 -name "$RUN-other-*" | wc -l)" = 1 ]
    back=$(printed 'Make it again from them:')
    bash -c "$(printed 'Un-exported work:')"
    [ "$(git -C "$OTHER/repo" show "cage/$RUN-other-branch:work.txt")" = precious ]
    CAGE_NO_ATTACH=1 bash -c "$back"
    [ "$(tc exec "$RUN-other" -- cat README)" = hello ]
    rm -rf "$TRUSTY_CAGE_HOME/trash/$RUN"-other-*
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

@test "create: where this side's addresses can't be told nothing is opened" {
    make_repo "$RUN-other"
    tc create "$PWD/$RUN-other" --no-attach --render-only
    printf 'echo "no addresses" >&2; exit 1\n' >"$TRUSTY_CAGE_HOME/envs/$RUN-other/lib/engine/host-addresses"
    CAGE_NO_ATTACH=1 run ! make -C "$TRUSTY_CAGE_HOME/envs/$RUN-other" create
    says 'no addresses'
    says_not 'Created cage'
    [ -z "$(docker ps --quiet --filter name="^isolated-dev-$RUN-other\$")" ]
}
