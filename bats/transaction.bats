#!/usr/bin/env bats
# Export as a transaction: three sides, undo, branches, commits, the way back, and remains of a kill.

load cages

setup_file() { make_cage transaction; }
teardown_file() { remove_cage; }

setup() {
    git -C "$CLONE" config user.name Owner
    git -C "$CLONE" config user.email owner@localhost
}

teardown() {
    # Both sides back to the first commit, and agreed on it.
    inside_as_root <<<'find . -mindepth 1 -maxdepth 1 ! -name .git -exec rm -rf {} +'
    inside <<<'git update-ref --no-deref HEAD "$(git rev-list --max-parents=0 HEAD)"; git reset -q --hard
        git checkout -q -B main'
    git -C "$CLONE" checkout --quiet --force trunk && git -C "$CLONE" reset --quiet --hard "$(cat "$ENV/.history/seeded")" && git -C "$CLONE" clean -qffdx
    git -C "$CLONE" for-each-ref --format='%(refname:short)' refs/heads | grep -v '^trunk$' | xargs -r git -C "$CLONE" branch -qD
    cp "$ENV/.history/base.seeded" "$ENV/.history/base"
    rm -rf "$ENV/.history/applying" "$ENV/.history/last"
}

@test "conflict: both sides changed: nothing is written, and each way out is named" {
    inside <<<'echo cage >>README; echo new >new.txt'
    echo host >>"$CLONE/README"
    run -3 tc export "$CAGE" -y
    says 'README: changed in the cage, other on the host'
    says "tc export $CAGE --take cage"
    [ "$(cat "$CLONE/README")" = $'hello\nhost' ]
    [ ! -e "$CLONE/new.txt" ]
    run -0 tc export "$CAGE" -y --take cage
    [ "$(cat "$CLONE/README")" = $'hello\ncage' ]
    [ "$(cat "$ENV/$(cat "$ENV/.history/last")/files/README")" = $'hello\nhost' ]
}

@test "conflict: --take host keeps the host's version and settles the matter" {
    inside <<<'echo cage >>README; echo new >new.txt'
    echo host >>"$CLONE/README"
    run -0 tc export "$CAGE" -y --take host
    [ "$(cat "$CLONE/README")" = $'hello\nhost' ]
    [ "$(cat "$CLONE/new.txt")" = new ]
    run -0 tc export "$CAGE" -y
    says 'Nothing new'
}

@test "conflict: a file that only the host has is never overwritten unasked" {
    inside <<<'echo cage >notes.txt'
    echo host >"$CLONE/notes.txt"
    run -3 tc export "$CAGE" -y
    says 'notes.txt: new in the cage, other on the host'
    [ "$(cat "$CLONE/notes.txt")" = host ]
}

@test "agreement: the same change on both sides is no conflict" {
    inside <<<'echo both >>README'
    echo both >>"$CLONE/README"
    run -0 tc export "$CAGE" -y
    says '0 added, 0 changed, 0 deleted'
}

@test "ignored: a new file that only the host's rules match stays in the cage; --include-ignored takes it" {
    mkdir -p "$CLONE/.git/info"
    echo 'secret*' >>"$CLONE/.git/info/exclude"
    inside <<<'echo 1 >secret.txt; echo 2 >debug.log'
    run -0 tc export "$CAGE" -y
    says '2 held back'
    [ ! -e "$CLONE/secret.txt" ]
    run -0 tc export "$CAGE" -y --include-ignored
    [ -e "$CLONE/secret.txt" ] && [ -e "$CLONE/debug.log" ]
    : >"$CLONE/.git/info/exclude"
}

@test "force: an emptied cage needs it" {
    inside <<<'rm -rf ./* .gitignore'
    run -3 tc export "$CAGE" -y
    says "the cage's project is empty"
    [ -e "$CLONE/README" ]
    run -0 tc export "$CAGE" -y --force
    [ ! -e "$CLONE/README" ]
}

@test "undo: the state before the last export comes back, deletions included, and nothing written since is lost" {
    before=$(fingerprint "$CLONE")
    inside <<<'echo cage >>README; mkdir -p a/b; echo new >a/b/new.txt; rm run.sh'
    run -0 tc export "$CAGE" -y
    [ "$before" != "$(fingerprint "$CLONE")" ]
    echo later >>"$CLONE/a/b/new.txt"
    run -0 tc export "$CAGE" --undo -y
    [ "$before" = "$(fingerprint "$CLONE")" ]
    run -0 grep -r later "$ENV/.history/backups"
    run -0 tc export "$CAGE" -y
    says '1 added, 1 changed, 1 deleted'
    run -0 tc export "$CAGE" --undo -y
    run -1 tc export "$CAGE" --undo -y
    says 'there is no export to undo'
}

@test "plan: --json is the plan, --diff shows the change with nothing that a terminal acts on" {
    inside <<'SH'
printf 'evil \033]52;c;AAAA\007 text\n' >>README
SH
    run -0 --separate-stderr tc export "$CAGE" --json
    printf '%s' "$output" | python3 -c 'import json, sys; p = json.load(sys.stdin); assert p["changed"] == ["README"], p'
    NO_COLOR=1 run -0 on_terminal "tc export $CAGE --diff -y"
    says '+evil ]52;c;AAAA text'
    says_not $'\033'
}

@test "plan: --diff for a program is a patch that git takes, and nothing else" {
    inside <<'SH'
echo new >new; printf 'x' >>README; mv lib/code.txt lib/moved; chmod 644 run.sh; ln -sf run.sh link
printf '\0\1\2' >binary; printf 'a\r\nb' >crlf; echo '* binary' >.gitattributes; mknod pipe p
SH
    run -3 --separate-stderr tc export "$CAGE" --diff --dry-run
    [[ $stderr == *'  A  new'*'pipe: is a FIFO'*'error: some entries may not leave the cage'* ]]
    tc export "$CAGE" --diff --dry-run 2>/dev/null >"$BATS_TEST_TMPDIR/patch" || [ $? = 3 ]
    git -C "$CLONE" apply --check "$BATS_TEST_TMPDIR/patch"
    cp -R "$CLONE" "$BATS_TEST_TMPDIR/copy"
    git -C "$BATS_TEST_TMPDIR/copy" apply --whitespace=nowarn "$BATS_TEST_TMPDIR/patch"
    run -3 tc export "$CAGE" --skip-refused -y
    diff -r --no-dereference --exclude .git "$CLONE" "$BATS_TEST_TMPDIR/copy"
    [ ! -x "$BATS_TEST_TMPDIR/copy/run.sh" ]
    run -0 tc export "$CAGE" --undo -y
    inside <<<'rm pipe; git checkout -q .; git clean -fdq'
}

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

@test "commits: the agent's git configuration, hooks, links and alternates are not used" {
    inside <<'SH'
echo x >x.txt; git add x.txt; git commit -q -m X
git config core.fsmonitor 'touch /tmp/pwned'
git config core.sshCommand 'touch /tmp/pwned'
git config uploadpack.packObjectsHook 'touch /tmp/pwned'
printf '#!/bin/sh\ntouch /tmp/pwned\n' >.git/hooks/post-update 2>/dev/null || { mkdir .git/hooks; printf '#!/bin/sh\ntouch /tmp/pwned\n' >.git/hooks/post-checkout; chmod 755 .git/hooks/*; }
SH
    run -0 tc export "$CAGE" --commits --as agent
    [ ! -e /tmp/pwned ]
    run ! docker exec "isolated-dev-$CAGE" test -e /tmp/pwned
    inside <<<'git config --unset core.fsmonitor; git config --unset core.sshCommand; git config --unset uploadpack.packObjectsHook; rm -rf .git/hooks'
}

@test "commits: a tree with .git in it is refused by git before the clone has it" {
    inside <<'SH'
blob=$(echo '[core]' | git hash-object -w --stdin)
tree=$(printf '100644 blob %s\tconfig\n' "$blob" | git mktree)
outer=$(printf '040000 tree %s\t.git\n' "$tree" | git mktree)
git update-ref refs/heads/main "$(git commit-tree -p HEAD -m evil "$outer")"
SH
    run -3 tc export "$CAGE" --commits --as agent
    run ! git -C "$CLONE" rev-parse --verify --quiet agent
}

@test "sync: the host's changes go in; the agent's newer edits stay without --take host" {
    echo host >>"$CLONE/README"
    rm "$CLONE/run.sh"
    git -C "$CLONE" add --all && git -C "$CLONE" commit --quiet --message Host
    echo private >"$CLONE/untracked.txt"
    run -0 tc sync "$CAGE" -y
    says '1 to the cage, 1 deleted there, 0 conflicts'
    run -0 docker exec "isolated-dev-$CAGE" sh -c 'cat README; ls -A'
    says host
    says_not run.sh
    says_not untracked.txt
    inside <<<'echo agent >>README'
    echo host2 >>"$CLONE/README"
    run -3 tc sync "$CAGE" -y
    says 'README: changed in the cage too'
    run -0 docker exec "isolated-dev-$CAGE" cat README
    says agent
    run -0 tc sync "$CAGE" -y --take host
    run -0 docker exec "isolated-dev-$CAGE" cat README
    says host2
}

@test "sync: only the paths that are named, and never through a link that the agent planted" {
    echo one >>"$CLONE/README"; echo two >>"$CLONE/lib/code.txt"
    run -0 tc sync "$CAGE" lib -y
    says '1 to the cage'
    [ "$(docker exec "isolated-dev-$CAGE" cat README)" = hello ]
    inside <<<'rm -r lib; mkdir /tmp/target; ln -s /tmp/target lib'
    echo three >>"$CLONE/lib/code.txt"
    run -3 tc sync "$CAGE" -y
    says 'stands in the way'
    run -0 docker exec "isolated-dev-$CAGE" ls /tmp/target
    [ "$output" = '' ]
}

@test "sync: a file that git on the host ignores stays there, even one that the base has" {
    inside <<<'echo cage >notes.txt'
    run -0 tc export "$CAGE" -y
    mkdir -p "$CLONE/.git/info"
    echo notes.txt >>"$CLONE/.git/info/exclude"
    echo private >"$CLONE/notes.txt"
    run -0 tc sync "$CAGE" -y
    says '0 to the cage, 0 deleted there, 0 conflicts, 1 ignored on the host and kept there'
    [ "$(docker exec "isolated-dev-$CAGE" cat notes.txt)" = cage ]
    : >"$CLONE/.git/info/exclude"
}

@test "sync: a file of the host's own stays there, though the cage has one of its name" {
    inside <<<'echo cage >notes.txt; echo new >new.txt'
    echo private >"$CLONE/notes.txt"
    run -0 tc export "$CAGE" -y --take host
    echo 'more of it' >>"$CLONE/notes.txt"
    run -0 tc sync "$CAGE" -y --take host
    says '0 to the cage, 0 deleted there, 0 conflicts'
    [ "$(docker exec "isolated-dev-$CAGE" cat notes.txt)" = cage ]
}

@test "sync: hard links of the host arrive, each as a file of its own" {
    ln "$CLONE/README" "$CLONE/same.txt"
    git -C "$CLONE" add same.txt
    echo host >>"$CLONE/README"
    run -0 tc sync "$CAGE" -y
    says '2 to the cage'
    run -0 docker exec "isolated-dev-$CAGE" sh -c 'cat README same.txt; stat -c %h README same.txt; ls -A'
    [ "$output" = $'hello\nhost\nhello\nhost\n1\n1\n.git\n.gitignore\nREADME\nlib\nlink\nrun.sh\nsame.txt' ]
}

@test "sync: a file of a repository in an ignored folder stays there" {
    inside <<<'mkdir vendor; echo cage >vendor/x'
    run -0 tc export "$CAGE" -y
    mkdir -p "$CLONE/.git/info"
    echo vendor/ >>"$CLONE/.git/info/exclude"
    git init --quiet "$CLONE/vendor"
    echo private >"$CLONE/vendor/x"
    run -0 tc sync "$CAGE" -y
    : >"$CLONE/.git/info/exclude"
    rm -rf "$CLONE/vendor"
    says '0 to the cage, 0 deleted there, 0 conflicts'
}

@test "sync: links of the host that are hard links of each other stay in the cage" {
    inside <<<'ln -s README one; ln -s README two'
    run -0 tc export "$CAGE" -y
    rm "$CLONE/two" && ln -P "$CLONE/one" "$CLONE/two"
    run -0 tc sync "$CAGE" -y
    says '0 to the cage, 0 deleted there, 0 conflicts'
}

@test "ignored: rules that are hard links of each other hold back alike" {
    mkdir "$CLONE/one" "$CLONE/two"
    echo secret >"$CLONE/one/.gitignore"
    ln "$CLONE/one/.gitignore" "$CLONE/two/.gitignore"
    inside <<<'mkdir one two; echo x >one/secret; echo x >two/secret'
    run -0 tc export "$CAGE" -y
    says '0 added, 0 changed, 0 deleted, 0 refused, 2 held back'
}

@test "sync: a path that begins with ./ is that path" {
    echo one >>"$CLONE/README"; echo two >>"$CLONE/lib/code.txt"
    run -0 tc sync "$CAGE" ./README -y
    says '1 to the cage'
    [ "$(docker exec "isolated-dev-$CAGE" cat README lib/code.txt)" = $'hello\none\nlibrary' ]
}

@test "sync: a path that nothing has is an error" {
    echo one >>"$CLONE/README"
    run -2 tc sync "$CAGE" -y README none.txt
    says "came from the cage at: none.txt"
    [ "$(docker exec "isolated-dev-$CAGE" cat README)" = hello ]
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

@test "destroy: what is not exported goes into the trash as bundles, and the printed command brings it back" {
    make_repo "$BATS_TEST_TMPDIR/$RUN-gone"
    tc create "$BATS_TEST_TMPDIR/$RUN-gone" --no-attach >/dev/null 2>&1
    docker exec --interactive "isolated-dev-$RUN-gone" bash -eu <<<'echo done >work.txt; git add work.txt; git commit -q -m Work; echo open >open.txt'
    run -0 tc destroy "$RUN-gone" -y
    says '2 added'
    says '1 commit inside'
    while IFS= read -r line; do
        case $line in 'Un-exported work:  '*) bash -c "${line#Un-exported work:  }" ;; esac
    done <<<"$output"
    clone=$TRUSTY_CAGE_HOME/envs/$RUN-gone/repo
    [ "$(git -C "$clone" show "cage/$RUN-gone-commits:work.txt")" = 'done' ]
    [ "$(git -C "$clone" show "cage/$RUN-gone-branch:open.txt")" = open ]
    rm -rf "$TRUSTY_CAGE_HOME/envs/$RUN-gone"
}
