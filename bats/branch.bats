#!/usr/bin/env bats
# export --branch and --commits: the work as a branch of the host's clone. Each test leaves both sides as it found them.

load cages

setup_file() {
    make_cage branch
    mixed_repo "$BATS_FILE_TMPDIR/$RUN-mixed"
    tc create "$BATS_FILE_TMPDIR/$RUN-mixed" --no-attach
}
teardown_file() { remove_cage; remove_cage "$RUN-mixed"; }

# A repository with a submodule, attributes, and CRLF in a file that they would make LF, as $1.
mixed_repo() {
    make_repo "$1"
    git clone --quiet "$BATS_FILE_TMPDIR/$CAGE" "$BATS_FILE_TMPDIR/submodule"
    git -C "$1" -c protocol.file.allow=always submodule --quiet add "$BATS_FILE_TMPDIR/submodule" lib/sub
    printf 'one\r\ntwo\r\n' >"$1/crlf.txt"
    printf 'one\ntwo\n' | tee "$1/a.bat" >"$1/a.lfs"
    git -C "$1" add --all
    printf '%s\n' '*.txt text=auto' '*.bat eol=crlf' '*.lfs filter=lfs -text' '.gitattributes export-ignore' >"$1/.gitattributes"
    git -C "$1" add .gitattributes
    git -C "$1" commit --quiet --message 'Mixed'
}

# The rest of a test is about the cage of that repository.
mixed() {
    CAGE=$RUN-mixed ENV=$TRUSTY_CAGE_HOME/envs/$RUN-mixed
    CLONE=$ENV/repo
}

teardown() { back_to_first; }

@test "branch: the same work as a commit on the seeded one; work tree and current branch stay" {
    inside <<<'echo cage >>README; echo "*.sh text eol=crlf" >.gitattributes; rm lib/code.txt'
    echo mine >>"$CLONE/run.sh"
    before=$(git -C "$CLONE" status --porcelain; cat "$CLONE/.git/HEAD")
    run -0 tc export "$CAGE" --branch
    [ "$before" = "$(git -C "$CLONE" status --porcelain; cat "$CLONE/.git/HEAD")" ]
    [ "$(git -C "$CLONE" rev-parse "cage/$CAGE^")" = "$(cat "$ENV/.history/seeded")" ]
    [ "$(git -C "$CLONE" show "cage/$CAGE:README")" = $'hello\ncage' ]
    run -0 git -C "$CLONE" diff --name-status "trunk..cage/$CAGE"
    [ "$output" = $'A\t.gitattributes\nM\tREADME\nD\tlib/code.txt' ]
    run -0 tc export "$CAGE" --branch
    says "Nothing new for branch 'cage/$CAGE'"
    inside <<<'git checkout -q README'
    run -0 tc export "$CAGE" --branch
    [ "$(git -C "$CLONE" show "cage/$CAGE:README")" = hello ]
}

@test "branch: --as names it, a name that git refuses is an error" {
    inside <<<'echo cage >>README'
    run -0 tc export "$CAGE" --branch --as review/one
    git -C "$CLONE" rev-parse --verify review/one
    run -2 tc export "$CAGE" --as review/two
    says 'the name of a branch is for work that becomes one'
    says "tc export $CAGE --branch"
    run -2 tc export "$CAGE" --branch --as 'bad..name'
    run -2 tc export "$CAGE" --branch --as '--upload-pack=x'
}

@test "commits: messages, authors, dates, merges, renames, binary files and modes survive; later only what is new" {
    inside <<'SH'
git checkout -q -b feature
git mv README READ.me
git -c user.name='A Gent' -c user.email=agent@example.com commit -q --date='2020-02-02T02:02:02 +0100' -m 'Rename' -m 'With a body.'
head -c 3000 /dev/urandom >blob.bin; chmod 755 blob.bin; git add blob.bin; git commit -q -m Binary
git checkout -q main; echo side >side.txt; git add side.txt; git commit -q -m Side
git merge -q --no-ff -m Merge feature
git checkout -q --detach
SH
    run -0 tc export "$CAGE" --commits --as agent
    run -0 git -C "$CLONE" log --topo-order --format='%s|%an|%ae|%aI' "$(cat "$ENV/.history/seeded")..agent"
    says 'Rename|A Gent|agent@example.com|2020-02-02T02:02:02+01:00'
    [ "${#lines[@]}" = 4 ]
    [ "$(git -C "$CLONE" rev-list --min-parents=2 --count agent)" = 1 ]
    [ "$(git -C "$CLONE" merge-base trunk agent)" = "$(cat "$ENV/.history/seeded")" ]
    cmp <(git -C "$CLONE" show agent:blob.bin) <(docker exec "isolated-dev-$CAGE" cat blob.bin)
    git -C "$CLONE" ls-tree agent blob.bin | grep ^100755
    [ "$(git -C "$CLONE" diff trunk..agent --find-renames --name-status | grep README)" = $'R100\tREADME\tREAD.me' ]
    tip=$(git -C "$CLONE" rev-parse agent)
    inside <<<'echo more >more.txt; git add more.txt; git commit -q -m More'
    run -0 tc export "$CAGE" --commits --as agent
    [ "$(git -C "$CLONE" rev-parse agent^)" = "$tip" ]
    run -0 tc export "$CAGE" --commits --as agent
    says 'Nothing new'
}

@test "commits, branch: what the host runs later is pointed out" {
    inside <<<'mkdir .husky; echo x >.husky/pre-commit; echo x >.envrc; git add -A; git commit -q -m Runs'
    for way in --commits --branch; do
        run -0 --separate-stderr tc export "$CAGE" $way --as "later$way"
        # shellcheck disable=SC2154 # bats sets it
        [[ $stderr == *$'Read these first, the host runs them later:\n  git, as hooks\n    .husky/ ×1: .husky/pre-commit\n'* ]]
        [[ $stderr == *$'\n  the shell\n    .envrc ×1: ./.envrc'* ]]
    done
}

@test "commits: what they bring is judged like an export; --skip-refused leaves it out" {
    inside <<'SH'
ln -s /etc/passwd out; ln -s README fine; echo x >"$(printf 'esc\033]0;t\007')"
mkdir -p bb/objects bb/refs; echo 'ref: refs/heads/x' >bb/HEAD; touch bb/objects/a bb/refs/a
echo more >>README; git add -A -f .; git commit -q -m All
git rm -q out; git commit -q -m 'Not there any more'
SH
    run -3 tc export "$CAGE" --commits
    says '  out: is a link that leaves the project'
    says '  esc\x1b]0;t\x07: has invisible'
    says 'is a bare git repository'
    says_not $'\033'
    run ! git -C "$CLONE" rev-parse --verify --quiet "cage/$CAGE"
    run -0 tc export "$CAGE" --commits --skip-refused
    run -0 git -C "$CLONE" log --format= --name-only "cage/$CAGE"
    says fine
    says README
    says_not out
    says_not esc
}

@test "commits: branches that are left behind are said; --ref takes one, --all-refs all, as the agent made them" {
    anew
    inside <<'SH'
echo one >one; git add one; git commit -q -m one
git checkout -q -b feature/x; echo x >x; git add x; git commit -q -m x; git tag -a v1 -m 'Release one'
git checkout -q main; echo stashed >>README; git stash -q
SH
    run -0 tc export "$CAGE" --commits
    says 'Left inside; --ref NAME or --all-refs takes it (make: CAGE_REF=NAME, CAGE_ALL_REFS=1):'
    says "  1 commit on branch 'feature/x'"
    says "git -C $CLONE merge refs/heads/cage/$CAGE"
    run -0 tc export "$CAGE" --commits --ref feature/x
    says "Branch 'cage/$CAGE-feature/x' of the host clone has the cage's work"
    [ "$(git -C "$CLONE" show "cage/$CAGE-feature/x:x")" = x ]
    run -0 tc export "$CAGE" --commits --ref stash --as kept-stash
    [ "$(git -C "$CLONE" show kept-stash:README | tail -n 1)" = stashed ]
    run -3 tc export "$CAGE" --commits --ref nothing
    says "  branch 'feature/x'"
    says "the cage has no branch, tag or stash 'nothing'"
    # Where the branch of before is in the way of a folder, another is named.
    run -3 tc export "$CAGE" --commits --all-refs
    says "the clone's branch 'cage/$CAGE' is in the way of 'cage/$CAGE/…'"
    says "tc export $CAGE --commits --all-refs --as NAME"
    run -0 tc export "$CAGE" --commits --all-refs --as all
    [ "$(git -C "$CLONE" for-each-ref --format='%(refname)' 'refs/*/all/**')" = "$(printf '%s\n' \
        refs/heads/all/feature/x refs/heads/all/main refs/heads/all/stash/0 refs/tags/all/v1)" ]
    [ "$(git -C "$CLONE" rev-parse all/main)" = "$(git -C "$CLONE" rev-parse "cage/$CAGE")" ]
    run -0 tc export "$CAGE" --commits --all-refs --as all
    git -C "$CLONE" for-each-ref --format='delete %(refname)' 'refs/*/all/**' | git -C "$CLONE" update-ref --stdin
    run -2 tc export "$CAGE" --branch --ref feature/x
    says 'branches and tags of the cage come as commits'
    anew
}

@test "branch: a branch that is in the way is said, with the command that renames it" {
    git -C "$CLONE" branch cage
    inside <<<'echo x >new'
    run -3 tc export "$CAGE" --branch
    says "the clone's branch 'cage' is in the way of 'cage/$CAGE'"
    says "git -C $CLONE branch -m cage NAME"
    git -C "$CLONE" branch -q -m cage renamed
    run -0 tc export "$CAGE" --branch
    says "git -C $CLONE log --stat"
    run -3 tc export "$CAGE" --branch --as cage
    says "the clone's branch 'cage/$CAGE' is in the way of 'cage'"
    run -2 make -C "$ENV" export CAGE_TO=commit
    says "CAGE_TO is neither 'branch' nor 'commits'"
}

@test "commits: submodules stay, whatever became of the history" {
    mixed
    here=$(git -C "$CLONE" ls-tree trunk lib/sub)
    inside <<<'git commit -q --amend --allow-empty -m Amended; git rm -q lib/code.txt; git commit -q -m "No lib"'
    run -0 tc export "$CAGE" --commits
    [ "$(git -C "$CLONE" ls-tree "cage/$CAGE" lib/)" = "$here" ]
    [ "$(git -C "$CLONE" ls-tree "cage/$CAGE^" lib/sub)" = "$here" ]
    [ -z "$(git -C "$CLONE" diff --stat "trunk..cage/$CAGE^")" ]
    inside <<<'git checkout -q --orphan other; git rm -q -rf .; echo x >only; git add only; git commit -q -m Orphan'
    run -0 tc export "$CAGE" --commits --as orphan
    [ "$(git -C "$CLONE" ls-tree orphan lib/)" = "$here" ]
    anew
}

@test "export, branch, commits: a file in a submodule, or in its place, is refused" {
    mixed
    inside <<<'mkdir -p lib/sub; echo x >lib/sub/new'
    for way in --dry-run --branch; do
        run -3 tc export "$CAGE" $way
        says "  lib/sub/new: lies in the submodule 'lib/sub'"
    done
    inside <<<'git add -A; git commit -q -m Sub'
    run -3 tc export "$CAGE" --commits
    says "  lib/sub/new: lies in the submodule 'lib/sub'"
    inside <<<'git rm -q -r lib; echo x >lib; git add lib; git commit -q -m Place'
    run -3 tc export "$CAGE" --commits
    says "  lib: takes the place of the submodule 'lib/sub'"
    anew
}

@test "commits: a repository that the agent made inside is refused by its name" {
    inside <<'SH'
git init -q tool; git -C tool -c user.name=a -c user.email=a@b commit -q --allow-empty -m Tool
git add tool 2>/dev/null; echo x >beside; git add beside; git commit -q -m All
SH
    run -3 tc export "$CAGE" --commits
    says '  tool: is a git repository within'
    run -0 tc export "$CAGE" --commits --skip-refused
    [ "$(git -C "$CLONE" diff --name-only "trunk..cage/$CAGE")" = beside ]
}

@test "export, branch, status: a linked work tree is held back and named, and nothing of it leaves" {
    inside <<<'echo cage >>README; git worktree add -q --detach .trees/one; ln -s /etc/passwd .trees/one/out'
    line="  .trees/one: is a linked work tree of the cage's own repository, held back"
    run -0 tc export "$CAGE" --branch
    says "$line"
    [ "$(git -C "$CLONE" diff --name-only "trunk..cage/$CAGE")" = README ]
    run -0 tc status "$CAGE"
    says '0 refused, 1 held back, 0 commits inside'
    says "linked work tree 'one', where files may be uncommitted"
    says "${line#  }"
    run -0 tc export "$CAGE" -y
    says "$line"
    [ "$(git -C "$CLONE" status --porcelain)" = ' M README' ]
    echo host >"$CLONE/new" && git -C "$CLONE" add new
    run -0 tc sync "$CAGE" -y
    inside <<<'[ "$(cat new)" = host ]; rm -rf .trees .git/worktrees'
}

@test "branch, commits: a line more is a line more, whatever the attributes make of a file" {
    mixed
    inside <<'SH'
[ "$(wc -c <a.bat)" = 10 ]
printf 'one\r\ntwo\r\n' >crlf.txt
for name in crlf.txt a.bat plain.bat; do printf 'more\r\n' >>$name; done
for name in a.lfs README; do echo more >>$name; done
chmod 755 lib/code.txt
echo '* -text' >.gitattributes
SH
    run -0 tc export "$CAGE" --branch
    says "  a.lfs: the filter 'lfs' was not run"
    inside <<<'git checkout -q .gitattributes; git add -A; git commit -q -m More'
    run -0 tc export "$CAGE" --commits --as more
    for branch in "cage/$CAGE" more; do
        run -0 git -C "$CLONE" diff --numstat "trunk..$branch" -- . ':!.gitattributes'
        echo "$output"
        [ "$(tr '\t\n' ' ,' <<<"$output")" = '1 0 README,1 0 a.bat,1 0 a.lfs,1 0 crlf.txt,0 0 lib/code.txt,1 0 plain.bat,' ]
        [ "$(git -C "$CLONE" cat-file blob "$branch:plain.bat")" = more ]
    done
    git -C "$CLONE" checkout --quiet more
    [ -z "$(git -C "$CLONE" status --porcelain)" ]
    git -C "$CLONE" checkout --quiet trunk
    anew
}
