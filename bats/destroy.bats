#!/usr/bin/env bats
# destroy: work that is not exported is counted, and kept in the trash, from where the printed commands bring it back.

load cages

setup_file() {
    make_cage destroy
    own_names destroy
}
teardown_file() { remove_cage; }

# The file's cage is made again for the test after one that has destroyed it.
setup() {
    cd "$BATS_TEST_TMPDIR" || return
    [ ! -e "$ENV/meta.json" ] || return 0
    remove_cage
    rm -rf "$TRUSTY_CAGE_HOME/trash/$CAGE"-*
    tc create "$BATS_FILE_TMPDIR/$CAGE" --no-attach
}
teardown() {
    for name in "$RUN-one" "$RUN-other"; do remove_cage "$name"; done
    tmux -L destroy kill-server 2>/dev/null || true
}

# Run the commands that the last destroy printed to bring the work back.
bring_back() {
    sed -e ':a' -e '/\\$/{N;s/\\\n *//;ba' -e '}' <<<"$output" | sed -n 's/^Un-exported [a-z]*:  *//p' >back
    [ -s back ] && bash -eu back
}

@test "destroy: branches, tags, notes, stashes, work trees and reflogs are told by name, kept, and brought back" {
    inside <<'SH'
git checkout -q -b feature/x; echo x >new; git add new; git commit -q -m other
git tag -a v1 -m 'Release one'; git notes add -m 'remember'; git checkout -q main
git checkout -q --detach; echo left >left; git add left; git commit -q -m left; git checkout -q main
echo stashed >>README; git stash -q
git worktree add -q --detach ../tree; git -C ../tree commit -q --allow-empty -m 'in the tree'; echo open >../tree/open.txt
SH
    run -0 tc status "$CAGE"
    says "1 commit on branch 'feature/x'"
    run -0 tc destroy "$CAGE" -y
    for what in "1 commit on branch 'feature/x'" "1 commit on tag 'v1'" "stash 'stash@{0}'" "1 commit on notes 'commits'" \
        "linked work tree 'tree'" '1 commit that only reflogs name'; do
        says "  and beside that: $what"
    done
    bring_back
    into=$(git -C "$CLONE" for-each-ref --format='%(refname:short)' 'refs/heads/cage/*/feature/x')
    into=${into%/feature/x}
    [ "$(git -C "$CLONE" show "$into/feature/x:new")" = x ]
    [ "$(git -C "$CLONE" show "$into/stash/0:README" | tail -n 1)" = stashed ]
    [ "$(git -C "$CLONE" log -1 --format=%s "$into/worktrees/tree")" = 'in the tree' ]
    [ "$(git -C "$CLONE" for-each-ref --format='%(contents:subject)' "refs/tags/$into/v1")" = 'Release one' ]
    [ -z "$(git -C "$CLONE" tag --list v1)" ]
    git -C "$CLONE" for-each-ref --format='%(refname)' "refs/heads/$into/reflog" | while IFS= read -r ref; do
        git -C "$CLONE" ls-tree --name-only "$ref"
    done | grep -x left
    [ "$(git -C "$CLONE" log -1 --format=%N --notes="refs/notes/$into/commits" "$into/feature/x")" = remember ]
}

@test "destroy: what may not leave is kept as one file, and a cage made again from the trash has it" {
    inside <<'SH'
ln -s /etc out; echo odd >"$(printf 'odd\377')"; mkdir deep; head -c 3000000 /dev/zero >deep/large; echo '#!/bin/sh' >run; chmod 755 run
git worktree add -q --detach ../tree; echo open >../tree/open.txt
git checkout -q -b torn; echo torn >torn; git add torn; git commit -q -m torn; git checkout -q main
rm -f ".git/objects/$(git rev-parse torn:torn | sed 's,^..,&/,')"
SH
    echo 'CAGE_LIMIT_FILE := 2000000' >>"$ENV/local.mk"
    run -0 tc destroy "$CAGE" -y
    says ' 3 refused'
    says 'kept.tar; a cage made again from these recipes gets it'
    back=$(sed -n 's/^Make it again from them:  //p' <<<"$output")
    CAGE_NO_ATTACH=1 run -0 bash -c "$back"
    says 'From the destroyed cage: files that may not leave: 3, in their places'
    says "linked work trees' files, in .git/kept/trees"
    says 'a git folder, as .git/kept/git'
    inside <<'SH'
[ "$(readlink out)" = /etc ]; [ "$(cat odd*)" = odd ]; [ "$(stat -c %s-%U deep/large)" = 3000000-trustycage ]
[ "$(cat .git/kept/trees/tree/open.txt)" = open ]; [ "$(git --git-dir .git/kept/git log -1 --format=%s torn)" = torn ]
SH
    run -0 tc status "$CAGE"
    says ' 3 refused'
    # More of it than an export may carry stops the next destroy.
    echo 'CAGE_LIMIT_TOTAL := 1000000' >>"$ENV/local.mk"
    run -3 tc destroy "$CAGE" -y
    says 'could be kept for the trash, so nothing was destroyed'
    run -0 docker volume inspect "isolated-dev-$CAGE"
    run -0 tc destroy "$CAGE" -y --force
    gone "$CAGE"
}

@test "destroy: what it prints makes the cage again, half made, or without its clone" {
    make_repo "$BATS_TEST_TMPDIR/$RUN-one"
    folder=$TRUSTY_CAGE_HOME/envs/$RUN-one
    for state in seeded clone; do
        rm -rf "$folder"
        tc create "$BATS_TEST_TMPDIR/$RUN-one" --render-only >/dev/null
        if [ $state = seeded ]; then
            CAGE_MISSING=ok make -C "$folder" .history/base
            force=
        else
            CAGE_NO_ATTACH=1 make -C "$folder" create
            rm -rf "$folder/repo"
            force=--force
        fi
        [ -z "$force" ] || run -3 tc destroy "$RUN-one" -y
        run -0 tc destroy "$RUN-one" -y ${force:+"$force"}
        back=$(sed -n 's/^Make it again from them:  //p' <<<"$output")
        CAGE_NO_ATTACH=1 run -0 bash -c "$back"
        whole "$RUN-one"
        tc destroy "$RUN-one" -y
    done
}

@test "destroy: what it prints brings the recipes back, edits and all, with the clone or without" {
    make_repo "$BATS_TEST_TMPDIR/$RUN-again"
    tc create "$BATS_TEST_TMPDIR/$RUN-again" --no-attach --pids 300 >/dev/null 2>&1
    folder=$TRUSTY_CAGE_HOME/envs/$RUN-again
    printf 'greet:\n\t@echo hello from local.mk\n' >>"$folder/local.mk"
    echo '# mine' >>"$folder/layout.sh"
    echo 'MARK=kept' >>"$folder/env"
    for clone in with without; do
        docker exec "isolated-dev-$RUN-again" sh -c "echo work >lost-$clone.txt"
        run -0 tc destroy "$RUN-again" -y
        [ $clone = with ] || rm -rf "$folder"
        back=$(sed -n 's/^Make it again from them:  //p' <<<"$output")
        run -0 env CAGE_NO_ATTACH=1 bash -c "$back"
        says "Created cage '$RUN-again'."
        run -0 tc make "$RUN-again" greet
        says 'hello from local.mk'
        [ "$(tc exec "$RUN-again" -- printenv MARK)" = kept ]
        [ "$(docker inspect --format '{{.HostConfig.PidsLimit}}' "isolated-dev-$RUN-again")" = 300 ]
        run -0 tc status "$RUN-again"
        says 'layout.sh'
        says '0 added, 0 changed, 0 deleted'
        [ "$(tc exec "$RUN-again" -- cat README)" = hello ]
    done
    remove_cage "$RUN-again"
}

@test "destroy: what is not exported goes into the trash as bundles, and the printed command brings it back" {
    make_repo "$BATS_TEST_TMPDIR/$RUN-gone"
    tc create "$BATS_TEST_TMPDIR/$RUN-gone" --no-attach >/dev/null 2>&1
    docker exec --interactive "isolated-dev-$RUN-gone" bash -eu <<<'echo done >work.txt; git add work.txt; git commit -q -m Work; echo open >open.txt'
    run -0 tc destroy "$RUN-gone" -y
    says '2 added'
    says '1 commit inside'
    bring_back
    clone=$TRUSTY_CAGE_HOME/envs/$RUN-gone/repo
    into=$(git -C "$clone" for-each-ref --format='%(refname:short)' 'refs/heads/cage/*/main')
    [ "$(git -C "$clone" show "$into:work.txt")" = 'done' ]
    [ "$(git -C "$clone" show "${into%/main}-files:open.txt")" = open ]
    rm -rf "$TRUSTY_CAGE_HOME/envs/$RUN-gone"
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
    # Commits that git can't count are taken for work, and its folder is kept whole.
    docker exec "isolated-dev-$RUN-one" sh -c 'rm work.txt; printf "%040d\n" 7 >.git/refs/heads/main'
    run -0 tc destroy "$RUN-one" -y
    says '0 deleted, 0 refused, 0 held back, ? commits inside'
    says 'kept.tar; a cage made again from these recipes gets it'
    tar -tf "$(find "$TRUSTY_CAGE_HOME/trash" -path "*$RUN-one-*/kept.tar")" | grep -qx git/HEAD
    gone "$RUN-one"
}

@test "destroy: a git folder that can't be read at all is kept whole" {
    inside <<<'echo work >work; git add work; git commit -q -m work; echo /nowhere >.git/objects/info/alternates'
    run -0 tc destroy "$CAGE" -y
    says "beside that: a git folder that can't be read whole"
    says "The cage's commits could not be bundled, so its git folder is kept whole."
    tar -tf "$(find "$TRUSTY_CAGE_HOME/trash" -path "*$CAGE-*/kept.tar")" | grep -qx git/refs/heads/main
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
    cat "$TRUSTY_CAGE_HOME/envs/$RUN-one/repo/work.txt" 2>/dev/null || says 'Un-exported files:'
}

@test "destroy: what the agent does while the question is open is kept, too" {
    other
    docker exec "isolated-dev-$RUN-other" sh -c 'echo early >early.txt'
    tmux -L destroy -f /dev/null new-session -d -x 200 -y 40 'bash --norc'
    tmux -L destroy send-keys "$(command -v tc) destroy $RUN-other; echo ended with \$?" Enter
    SCREEN=destroy screen_shows '[y/N]'
    docker exec "isolated-dev-$RUN-other" sh -c 'echo precious >late.txt'
    tmux -L destroy send-keys y Enter
    SCREEN=destroy screen_shows 'ended with 0'
    run -0 tmux -L destroy capture-pane -p
    says "Destroyed cage '$RUN-other'."
    kept late.txt
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

@test "destroy: counts what is not exported, keeps the clone, puts the recipes into the trash" {
    inside <<<'git clean -qfd; git checkout -q .; echo more >>README; echo new >new.txt'
    run -3 tc destroy "$CAGE" </dev/null
    says '1 added, 1 changed'
    run -0 tc destroy "$CAGE" -y
    says "Host clone: $CLONE"
    says_not paused
    [ -d "$CLONE/.git" ]
    trash=$(ls -d "$TRUSTY_CAGE_HOME"/trash/"$CAGE"-*)
    [ -f "$trash/Makefile" ] && [ -f "$trash/meta.json" ]
    [ -z "$(docker ps --all --quiet --filter "label=trusty-cage.env=$CAGE")" ]
    [ -z "$(docker volume ls --quiet --filter "label=trusty-cage.env=$CAGE")" ]
    run -3 tc create "$BATS_FILE_TMPDIR/$CAGE" --no-attach </dev/null
    says --reuse-clone
    run -0 tc create "$BATS_FILE_TMPDIR/$CAGE" --no-attach --reuse-clone
    # No bundle is made of files that a branch of the clone has already.
    inside <<<'echo more >>README'
    run -0 tc export "$CAGE" --branch
    run -0 tc destroy "$CAGE" -y
    says "Un-exported files are on the host clone's branch 'cage/$CAGE'."
    says_not bundle
}
