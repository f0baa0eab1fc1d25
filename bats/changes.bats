#!/usr/bin/env bats
# create --with-changes: uncommitted work is in the cage as it is in the user's repository, and every way home agrees.
# shellcheck disable=SC2016 # a '$' is for the shell inside

load cages

setup_file() {
    own_home
    own_names changes
    cd "$BATS_FILE_TMPDIR" || return
    export CAGE=$RUN-one ENV=$TRUSTY_CAGE_HOME/envs/$RUN-one CLONE=$TRUSTY_CAGE_HOME/envs/$RUN-one/repo
    make_repo "$CAGE"
    changed "$CAGE"
    seen "$CAGE" >expected
    # By make alone, and ended before the clone was checked out; tc finishes it, with the first choice.
    tc create "$PWD/$CAGE" --render-only >/dev/null
    export CAGE_WITH_CHANGES=1
    on_terminal "make -C $(printf %q "$ENV") changes-chosen" <<<y >chosen.out
    make -C "$ENV" .history/changes >made.out 2>&1 || { cat made.out; return 1; }
    unset CAGE_WITH_CHANGES
    echo afterwards >>"$CAGE/README"
    tc create "$PWD/$CAGE" --with-changes --no-attach >create.out 2>&1 || { cat create.out; return 1; }
}

setup() { cd "$BATS_TEST_TMPDIR" || return; }
teardown_file() { remove_cage; }

# A staged, a later, a moved, a new and a deleted file, another mode and another link in the repository $1.
changed() {
    echo staged >"$1/README"
    git -C "$1" add README
    echo later >>"$1/README"
    git -C "$1" mv lib/code.txt moved.txt
    echo new >"$1/new.txt"
    echo 'TOKEN=CANARY' >"$1/.env.local"
    chmod 644 "$1/run.sh"
    ln -sfn new.txt "$1/link"
    echo noise >"$1/noise.log"
}

# As git here, in the clone and in the cage tells it.
seen() { git -C "$1" status --porcelain --untracked-files=all | grep -v env.local; }
seen_inside() { inside <<<'git status --porcelain --untracked-files=all'; }

@test "changes: staged and unstaged ones are inside as they were when they were chosen, no credentials, and nothing is news" {
    run -0 cat "$BATS_FILE_TMPDIR/chosen.out" "$BATS_FILE_TMPDIR/create.out"
    says '  .env.local: its name is that of credentials'
    says 'Take these, too? [y/N]'
    says '3 staged, 4 not staged'
    seen_inside | diff - "$BATS_FILE_TMPDIR/expected"
    seen "$CLONE" | diff - "$BATS_FILE_TMPDIR/expected"
    [ "$(inside <<<'cat README; git show :README; readlink link; git log --format=%s')" = \
        $'staged\nlater\nstaged\nnew.txt\nInitial commit (trusty-cage import)' ]
    run -1 inside <<<'grep -rq CANARY . --exclude-dir=.git || git grep -q CANARY $(git rev-list --all)'
    run -0 tc export "$CAGE"
    says "Nothing new to export from cage '$CAGE'."
    run -0 tc sync "$CAGE" --dry-run
    says '0 to the cage, 0 deleted there, 0 conflicts'
}

@test "changes: an export brings the agent's work alone, an undo leads back to them, a sync takes the next ones in" {
    before=$(fingerprint "$CLONE")
    inside <<<'echo agent >>README; rm new.txt; echo made >made.txt'
    run -0 tc export "$CAGE" -y
    says '1 added, 1 changed, 1 deleted, 0 refused, 0 held back'
    [ "$(cat "$CLONE/README")" = $'staged\nlater\nagent' ]
    run -0 tc export "$CAGE" --undo -y
    [ "$(fingerprint "$CLONE")" = "$before" ]
    run -0 tc export "$CAGE" -y
    echo host >"$CLONE/moved.txt"
    run -0 tc sync "$CAGE" -y
    [ "$(inside <<<'cat moved.txt')" = host ]
}

@test "changes: a branch and a destroyed cage's bundle have the whole state, on top of the commit" {
    state=$(inside <<<'cat README moved.txt; ls')
    run -0 tc export "$CAGE" --branch
    git -C "$CLONE" worktree add --quiet "$PWD/tree" "cage/$CAGE"
    [ "$(cat tree/README tree/moved.txt; ls tree)" = "$state" ]
    [ "$(git -C tree rev-parse HEAD^)" = "$(git -C "$BATS_FILE_TMPDIR/$CAGE" rev-parse HEAD)" ]
    git -C "$CLONE" worktree remove "$PWD/tree"
    inside <<<'git config user.name a; git config user.email a@b; git add --all; git commit -qm Mine; echo last >last.txt'
    run -0 tc export "$CAGE" --commits --as own
    [ "$(git -C "$CLONE" show own:README)" = $'staged\nlater\nagent' ]
    run -0 tc destroy "$CAGE" -y
    says 'Not exported: 1 added, 0 changed, 0 deleted, 0 refused, 0 held back, 1 commit inside'
    bundle=$(find "$TRUSTY_CAGE_HOME/trash" -path "*/$CAGE-*/branch.bundle")
    git -C "$CLONE" fetch --quiet "$bundle" work:kept
    [ "$(git -C "$CLONE" show kept:README kept:last.txt)" = $'staged\nlater\nagent\nlast' ]
}
