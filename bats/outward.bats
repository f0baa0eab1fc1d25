# The way out, attacked: commits that pass for commands, repositories that land in parts, work that a destroy would lose.
# shellcheck shell=bash
# bats file_tags=engine

bats_require_minimum_version 1.5.0
load cages

setup_file() {
    make_cage outward
}

teardown_file() {
    remove_cage
}

# The cage's git as it was seeded.
anew() {
    inside <<SH
echo 'ref: refs/heads/main' >.git/HEAD
rm -f .git/refs/stash
echo $(cat "$ENV/.history/imported") >.git/refs/heads/main
git for-each-ref --format='%(refname)' | grep -v '^refs/heads/main$' | xargs -r -n 1 git update-ref -d
git reset -q --hard; git clean -qdffx
SH
}

setup() {
    anew
    git -C "$CLONE" checkout -q --force trunk
    git -C "$CLONE" reset -q --hard "$(cat "$ENV/.history/seeded")"
    git -C "$CLONE" clean -qdffx
    git -C "$CLONE" branch --quiet --format '%(refname:short)' | grep -v '^trunk$' | xargs -r git -C "$CLONE" branch -q -D
    cp "$ENV/.history/base.seeded" "$ENV/.history/base"
}

# Nothing landed, nothing ran, and no byte of the agent's reached the terminal.
nothing_came() {
    [ -z "$(git -C "$CLONE" status --porcelain)" ]
    [ -z "$(git -C "$CLONE" for-each-ref --format='%(refname)' "refs/heads/cage" )" ]
    [ ! -e "$BATS_TEST_TMPDIR/ran" ] && [ ! -e /tmp/outward-ran ]
    says_not $'\033'
}

@test "commits: a tag whose message is commands, as HEAD or in its branch's file, is an error in words" {
    for way in 'git update-ref --no-deref refs/heads/main' 'printf "%s\n"'; do
        inside <<SH
git config user.name x; git config user.email x@x
commit=\$(git commit-tree -p HEAD -m 'harmless' "HEAD^{tree}")
message=\$(printf 'x\n\ncommit refs/heads/work\ncommitter x <x> 1 +0000\ndata 1\nx\nM 120000 inline out\ndata 4\n/etc\nprogress \033]0;OWNED\007\ndone\n')
tag=\$(printf 'object %s\ntype commit\ntag v\ntagger x <x> 1 +0000\n\n%s\n' "\$commit" "\$message" | git hash-object -t tag -w --stdin --literally)
case '$way' in
    printf*) printf '%s\n' "\$tag" >.git/HEAD ;;
    *) printf '%s\n' "\$tag" >.git/refs/heads/main ;;
esac
SH
        run -3 tc export "$CAGE" --commits
        says "HEAD names a tag, where a commit belongs"
        says_not 'Nothing new'
        nothing_came
        run -0 tc status "$CAGE"
        says '? commits inside'
        anew
    done
}

@test "commits: messages, names and contents are data, whatever they say" {
    inside <<'SH'
printf 'data 3\nabc\ncommit refs/heads/other\n' >"$(printf 'a "q"\\n b')"
git add --all
printf 'One\n\nM 120000 inline out\ndata 4\n/etc\nprogress \033]0;OWNED\007\ndone\n' >/tmp/message
git -c user.name="$(printf 'A \033[31mred')" commit -q -F /tmp/message
SH
    run -0 tc export "$CAGE" --commits
    says_not $'\033'
    run -0 git -C "$CLONE" --no-pager log -1 --format='%an%n%B' "cage/$CAGE"
    says 'M 120000 inline out'
    says_not $'\033'
    run -0 git -C "$CLONE" ls-tree -r --name-only "cage/$CAGE"
    says_not out
    [ "$(git -C "$CLONE" for-each-ref --format='%(refname)' refs/heads)" = "refs/heads/cage/$CAGE"$'\nrefs/heads/trunk' ]
}

@test "export: a bare repository does not land in parts, whichever comes first" {
    inside <<<'mkdir -p bb/objects bb/refs; touch bb/objects/a bb/refs/a'
    run -0 tc export "$CAGE" -y
    inside <<<'echo "ref: refs/heads/x" >bb/HEAD; printf "[core]\n\tfsmonitor = touch /tmp/outward-ran\n" >bb/config'
    run -3 tc export "$CAGE" -y
    says 'bb/HEAD: is a bare git repository'
    [ ! -e "$CLONE/bb/HEAD" ] && [ ! -e "$CLONE/bb/config" ]
    for how in branch commits; do
        inside <<<'git add --all; git diff --quiet --cached || git commit -q -m bare'
        run -3 tc export "$CAGE" --$how
        says 'is a bare git repository'
        run ! git -C "$CLONE" rev-parse --verify --quiet "cage/$CAGE"
    done
    (cd "$CLONE/bb" && git status >/dev/null)
    [ ! -e /tmp/outward-ran ]
}

@test "branch, commits: a repository made with what is checked out or lies beside is refused" {
    mkdir -p "$CLONE/cc/objects" "$CLONE/cc/refs"
    inside <<<'mkdir cc; echo "ref: refs/heads/x" >cc/HEAD; git add --all; git commit -q -m head'
    for how in branch commits; do
        run -3 tc export "$CAGE" --$how
        says 'cc/HEAD: is a bare git repository'
        run ! git -C "$CLONE" rev-parse --verify --quiet "cage/$CAGE"
    done
    rm -r "$CLONE/cc"
    mkdir -p "$CLONE/cc/objects" "$CLONE/cc/refs"
    touch "$CLONE/cc/objects/a" "$CLONE/cc/refs/a"
    git -C "$CLONE" add --all
    git -C "$CLONE" commit -q -m mine
    rm -r "$CLONE/cc"
    for how in branch commits; do
        run -3 tc export "$CAGE" --$how
        says 'cc/HEAD: is a bare git repository'
    done
}

@test "export: another case of a name may replace it, and may not stand beside it; a link of the owner's is not led out" {
    mkdir "$CLONE/p"
    ln -s a/../../y "$CLONE/p/x"
    inside <<<'mkdir p; ln -s ../lib p/a; git mv README readme'
    run -3 tc export "$CAGE" -y
    says 'p/a: leads p/x out of the project'
    inside <<<'rm p/a'
    run -0 tc export "$CAGE" -y
    [ -e "$CLONE/readme" ] && [ ! -e "$CLONE/README" ]
    inside <<<'echo x >ReadMe'
    run -3 tc export "$CAGE" -y
    says 'ReadMe: is readme on file systems that fold case or Unicode'
}

@test "destroy: a branch, a stash or a linked work tree stops it, and a refused entry, too" {
    for work in 'git checkout -q -b other; echo x >new; git add new; git commit -q -m other; git checkout -q main' \
        'echo x >>README; git stash -q' 'git worktree add -q --detach ../tree' \
        'git tag -a v1 -m x "$(git commit-tree -m loose "HEAD^{tree}")"'; do
        inside <<<"$work"
        run -3 tc destroy "$CAGE" -y
        says 'and beside that: '
        says 'the cage has work that no commit of its HEAD holds, so nothing was destroyed'
        says "tc destroy $CAGE --force"
        run -0 docker volume inspect "isolated-dev-$CAGE"
        inside <<<'rm -rf ../tree .git/worktrees'
        anew
    done
    inside <<<'ln -s /etc out'
    run -3 tc destroy "$CAGE" -y
    says 'some entries may not leave the cage, so nothing was destroyed'
    inside <<<'rm out; git checkout -q --detach; git commit -q --allow-empty -m empty'
    run -0 tc destroy "$CAGE" -y
    says "-c transfer.fsckObjects=true fetch"
    trash=$(find "$TRUSTY_CAGE_HOME/trash" -maxdepth 1 -name "$CAGE-*")
    run -0 git -C "$CLONE" -c transfer.fsckObjects=true fetch -q "$trash/.history/destroyed/commits.bundle" work:kept
    [ "$(git -C "$CLONE" log -1 --format=%s kept)" = empty ]
}
