#!/usr/bin/env bats
# create from a pull request: the ref is fetched on the host, and the cage is a cage like any.

load cages

setup_file() {
    own_home
    own_names pull
    cd "$BATS_FILE_TMPDIR" || return
    export CAGE=$RUN-123 ENV=$TRUSTY_CAGE_HOME/envs/$RUN-123 CLONE=$TRUSTY_CAGE_HOME/envs/$RUN-123/repo
    mkdir owner
    make_repo "owner/$RUN"
    git -C "owner/$RUN" checkout --quiet --detach
    echo 'their change' >>"owner/$RUN/README"
    git -C "owner/$RUN" commit --quiet --all --message 'Their change'
    git -C "owner/$RUN" update-ref refs/pull/123/head HEAD
    git -C "owner/$RUN" update-ref refs/merge-requests/4/head HEAD
    git -C "owner/$RUN" checkout --quiet trunk
    git config --global "url.file://$PWD/.insteadOf" https://github.com/
}

setup() { cd "$BATS_TEST_TMPDIR" || return; }
teardown_file() { remove_cage; }

@test "pull: owner/repo#123 is a cage of that pull request, whatever lies in the folder; work on it comes home" {
    mkdir owner && make_repo "owner/$RUN#123"
    run -0 tc create "owner/$RUN#123" --no-attach
    says "Created cage '$CAGE'."
    [ "$(inside <<<'tail -n 1 README')" = 'their change' ]
    [ "$(git -C "$CLONE" symbolic-ref HEAD)" = refs/heads/pull/123 ]
    [ "$(git -C "$CLONE" log --format=%s trunk..HEAD)" = 'Their change' ]
    git -C "$CLONE" config --get branch.pull/123.merge '^refs/pull/123/head$'
    run -0 tc status "$CAGE"
    says "repository    https://github.com/owner/$RUN"
    says 'branch        refs/pull/123/head'
    inside <<<'git config user.name a; git config user.email a@b; echo mine >mine; git add mine; git commit -qm Mine'
    run -0 tc export "$CAGE" --commits
    [ "$(git -C "$CLONE" log --format=%s "trunk..cage/$CAGE")" = $'Mine\nTheir change' ]
    run -0 tc export "$CAGE" --branch --as state
    [ "$(git -C "$CLONE" log --format=%s "trunk..state" | tail -n 1)" = 'Their change' ]
    page=https://github.com/owner/$RUN/pull/123/files
    run -1 tc create "$page" --no-attach
    says "error: cage '$CAGE' already exists"
}

@test "pull: a number that there is none of is told, another is another cage, and a branch beside it is refused" {
    run -1 tc create "owner/$RUN#9" --no-attach
    says "error: 'https://github.com/owner/$RUN' has no pull request 9"
    [ ! -e "$TRUSTY_CAGE_HOME/envs/$RUN-9/repo" ]
    run -0 tc destroy "$RUN-9" -y
    run -2 tc create "owner/$RUN#123" --branch trunk --name "$RUN-b" --no-attach
    says 'error: a pull request is the branch of its cage'
    run -0 tc create "https://github.com/owner/$RUN/-/merge_requests/4" --render-only
    run -0 make -C "$TRUSTY_CAGE_HOME/envs/$RUN-4" repo/.git/index
    [ "$(git -C "$TRUSTY_CAGE_HOME/envs/$RUN-4/repo" symbolic-ref HEAD)" = refs/heads/merge-requests/4 ]
    tail -n 1 "$TRUSTY_CAGE_HOME/envs/$RUN-4/repo/README" | grep -q 'their change'
}
