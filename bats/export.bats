#!/usr/bin/env bats
# export: what arrives, what is held back, three sides and their conflicts, the plan; and the rules of what may leave,
# which are their user's. Each test leaves the cage as it found it, but for the last two, which share what they make.

load cages

setup_file() { make_cage export; }
teardown_file() { remove_cage; rm -rf "$TRUSTY_CAGE_HOME/trash/$CAGE"-*; }

setup() {
    GIT_BEFORE=$(fingerprint "$CLONE/.git")
}

teardown() {
    [[ $BATS_TEST_DESCRIPTION != guard:* ]] || return 0
    # No export touches the host's .git; tests of ignore rules do.
    [[ $BATS_TEST_DESCRIPTION == ignored:* ]] || [ "$GIT_BEFORE" = "$(fingerprint "$CLONE/.git")" ]
    back_to_first
}

@test "export: nothing new says so and exits 0" {
    run -0 tc export "$CAGE" -y
    says "Nothing new to export from cage '$CAGE'."
}

@test "export: added, changed and deleted files arrive with their modes, and the host's own files stay" {
    echo mine >"$CLONE/only-on-host.log"
    inside <<'SH'
echo two >>README
echo new >lib/new.txt
printf '#!/bin/sh\n' >tool; chmod 755 tool
ln -s lib/new.txt shortcut
rm run.sh
SH
    run -0 tc export "$CAGE" -y
    says "3 added, 1 changed, 1 deleted, 0 refused, 0 held back"
    says "tool ×1: ./tool"
    says "git -C $CLONE diff"
    [ "$(cat "$CLONE/README")" = $'hello\ntwo' ]
    [ "$(cat "$CLONE/lib/new.txt")" = new ]
    [ -x "$CLONE/tool" ]
    [ "$(readlink "$CLONE/shortcut")" = lib/new.txt ]
    [ ! -e "$CLONE/run.sh" ]
    [ "$(cat "$CLONE/only-on-host.log")" = mine ]
    # The host's versions of replaced and deleted files are kept.
    backup=$(ls -d "$ENV"/.history/backups/* | tail -n 1)
    [ "$(cat "$backup/files/README")" = hello ]
    [ -e "$backup/files/run.sh" ]
}

@test "export: an edit with the same size and the same time is found" {
    inside <<'SH'
touch -r README /tmp/then
printf 'jello\n' >README
touch -r /tmp/then README
SH
    run -0 tc export "$CAGE" -y
    says '0 added, 1 changed, 0 deleted'
    [ "$(cat "$CLONE/README")" = jello ]
}

@test "export: --dry-run shows the plan and writes nothing" {
    inside <<<'echo dry >>README'
    run -0 tc export "$CAGE" --dry-run
    says '  M  README'
    [ "$(cat "$CLONE/README")" = hello ]
}

@test "export: without a terminal the question exits 3 and names -y" {
    inside <<<'echo ask >>README'
    run -3 tc export "$CAGE" </dev/null
    says 'Answer yes with: -y'
    [ "$(cat "$CLONE/README")" = hello ]
}

@test "export: modes, owners and unreadable files: only the executable bit travels" {
    inside_as_root <<'SH'
echo a >suid; chmod 6777 suid
echo b >unreadable; chmod 000 unreadable
mkdir locked; echo c >locked/file; chmod 000 locked
chown 1234:1234 suid
SH
    run -0 tc export "$CAGE" -y
    [ "$(stat -c %a "$CLONE/suid")" = 755 ]
    [ "$(stat -c %a "$CLONE/unreadable")" = 644 ]
    [ "$(cat "$CLONE/unreadable")" = b ]
    [ "$(cat "$CLONE/locked/file")" = c ]
    [ "$(stat -c %u "$CLONE/suid")" = "$(id -u)" ]
}

@test "export: ignore rules of the cage hold back new files, never what the base has" {
    inside <<'SH'
printf '*\n' >.gitignore
echo more >>README
echo new >new.txt
rm run.sh
SH
    run -0 tc export "$CAGE" -y
    says '0 added, 2 changed, 1 deleted, 0 refused, 1 held back'
    [ "$(cat "$CLONE/README")" = $'hello\nmore' ]
    [ ! -e "$CLONE/new.txt" ]
}

@test "export: rsync and cvs filter files of the cage have no say" {
    inside <<'SH'
echo '- *' >.rsync-filter
echo '*' >.cvsignore
echo more >>README
echo new >new.txt
SH
    run -0 tc export "$CAGE" -y
    [ "$(cat "$CLONE/README")" = $'hello\nmore' ]
    [ "$(cat "$CLONE/new.txt")" = new ]
}

@test "export: a link becomes a folder and a folder a link" {
    inside <<'SH'
rm link; mkdir link; echo in >link/file
rm -r lib; ln -s link lib
SH
    run -0 tc export "$CAGE" -y
    [ "$(cat "$CLONE/link/file")" = in ]
    [ "$(readlink "$CLONE/lib")" = link ]
}

@test "export: a stopped cage exports too, and stays stopped" {
    inside <<<'echo stopped >>README'
    tc stop "$CAGE"
    run -0 tc export "$CAGE" -y
    [ "$(cat "$CLONE/README")" = $'hello\nstopped' ]
    [ "$(docker inspect -f '{{.State.Running}}' "isolated-dev-$CAGE")" = false ]
    tc start "$CAGE"
}

@test "export: the cage writes all the time, and what arrives is one moment of it" {
    docker exec --detach "isolated-dev-$CAGE" bash -c 'for ((i = 0; i < 100000; i++)); do echo $i >.a && mv .a a.txt; echo $i >.b && mv .b b.txt; done'
    sleep 0.5
    run -0 tc export "$CAGE" -y
    [ $(($(cat "$CLONE/a.txt") - $(cat "$CLONE/b.txt"))) -le 1 ]
    [ "$(docker inspect -f '{{.State.Paused}}' "isolated-dev-$CAGE")" = false ]
    docker restart --time 0 "isolated-dev-$CAGE" >/dev/null
}

@test "export: the agent deletes everything: the host's versions are in the backup" {
    inside <<<'git rm -rq . || true; rm -rf ./* .gitignore'
    run -0 tc export "$CAGE" -y --force
    [ ! -e "$CLONE/README" ]
    backup=$(ls -d "$ENV"/.history/backups/* | tail -n 1)
    [ "$(cat "$backup/files/README")" = hello ]
}

@test "export: thousands of new files arrive" {
    inside <<<'mkdir many; for i in $(seq 3000); do echo $i >many/$i; done'
    run -0 tc export "$CAGE" -y
    says '3000 added'
    says '  A  many/  (3000 files)'
    says "All of it: $ENV/.state/export/stage/plan.txt"
    grep -Fx '  A  many/1234' "$ENV/.state/export/stage/plan.txt"
    [ "$(find "$CLONE/many" -type f | wc -l)" = 3000 ]
}

@test "export: hard links, times in 2100 and attributes are plain files; what is too deep or too long is refused" {
    inside <<'SH'
echo one >first; ln first second; touch -d 2100-01-01 first
python3 -c 'import os; os.setxattr("first", "user.note", b"x")' 2>/dev/null || true
python3 - <<'PY'
import os
for _ in range(150):
    os.mkdir("d"); os.chdir("d")
open("deep", "w").close()
PY
python3 - <<'PY'
import os
for _ in range(6):
    os.mkdir("l" * 200); os.chdir("l" * 200)
open("long", "w").close()
PY
SH
    run -3 tc export "$CAGE" -y --skip-refused
    says 'is deeper than 100 folders or longer than 1000 bytes'
    [ "$(stat -c %h "$CLONE/first")" = 1 ]
    [ "$(stat -c %Y "$CLONE/first")" -le "$(date +%s)" ]
    [ "$(cat "$CLONE/second")" = one ]
    [ -z "$(find "$CLONE" -name deep -o -name long)" ]
    inside <<<'rm -rf d l*'
}

@test "export: the limits are settings" {
    inside <<<'head -c 2000 /dev/zero >two-thousand'
    echo 'export CAGE_LIMIT_FILE := 1000' >>"$ENV/local.mk"
    run -3 tc export "$CAGE" -y
    says '  two-thousand: is larger than'
    sed -i '/CAGE_LIMIT_FILE/d' "$ENV/local.mk"
    run -0 tc export "$CAGE" -y
}

@test "export: a limit that is no number is an error in words" {
    run -2 make -C "$ENV" export CAGE_DRY_RUN=1 CAGE_LIMIT_FILE=100M
    says "error: CAGE_LIMIT_FILE is no number: '100M'"
    says_not Traceback
}

@test "helpers: files and folders that nobody may read are read" {
    inside <<<'mkdir shut; echo x >shut/file; chmod 000 shut/file shut; echo y >secret; chmod 000 secret'
    run -0 tc export "$CAGE" -y
    [ "$(cat "$CLONE/shut/file" "$CLONE/secret")" = $'x\ny' ]
    inside <<<'chmod 700 shut; rm -rf shut secret'
    run -0 tc export "$CAGE" -y
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

@test "ignored: rules that are hard links of each other hold back alike" {
    mkdir "$CLONE/one" "$CLONE/two"
    echo secret >"$CLONE/one/.gitignore"
    ln "$CLONE/one/.gitignore" "$CLONE/two/.gitignore"
    inside <<<'mkdir one two; echo x >one/secret; echo x >two/secret'
    run -0 tc export "$CAGE" -y
    says '0 added, 0 changed, 0 deleted, 0 refused, 2 held back'
}

@test "ignored: the owner's own ignore file holds back, where git takes it from; a FIFO there is not waited for" {
    # shellcheck disable=SC2088 # git expands it
    git config --global core.excludesFile '~/rules of mine'
    echo '*.swp' >"$HOME/rules of mine"
    inside <<<'echo 1 >a.swp; echo 2 >b.swo; echo 3 >c'
    run -0 tc export "$CAGE" --dry-run
    says '2 added, 0 changed, 0 deleted, 0 refused, 1 held back'
    git config --global --unset core.excludesFile
    mkdir -p "$HOME/.config/git"
    echo '*.swo' >"$HOME/.config/git/ignore"
    run -0 make -C "$ENV" export CAGE_DRY_RUN=1
    says '2 added, 0 changed, 0 deleted, 0 refused, 1 held back'
    says_not b.swo
    rm "$HOME/.config/git/ignore"
    mkfifo "$HOME/.config/git/ignore"
    run -0 timeout 60 tc export "$CAGE" --dry-run
    says '3 added, 0 changed, 0 deleted, 0 refused, 0 held back'
    rm "$HOME/.config/git/ignore"
}

@test "names: joiners of scripts and emoji arrive, others don't" {
    inside <<'SH'
for name in '\331\205\333\214\342\200\214\330\256\331\210' '\340\244\225\340\245\215\342\200\215\340\244\267' \
    '\360\237\217\263\357\270\217\342\200\215\360\237\214\210' 'a\342\200\215b'; do printf x >"$(printf "$name")"; done
SH
    run -3 tc export "$CAGE" -y --skip-refused
    says '  a\u200db: has invisible or control characters in its name'
    says '3 added, 0 changed, 0 deleted, 1 refused, 0 held back'
    says_not $'\342\200\215'
    [ "$(git -C "$CLONE" -c core.quotePath=false status --porcelain | wc -l)" = 3 ]
}

@test "names: a rename of case alone leaves by each way; one whose new spelling is refused stays whole" {
    inside <<<'git mv README readme; git mv lib LIB; git commit -q -m Case'
    for way in --branch --commits; do
        run -0 tc export "$CAGE" $way --as "case$way"
        [ "$(git -C "$CLONE" ls-tree -r --name-only "case$way" | tr '\n' ' ')" = '.gitignore LIB/code.txt link readme run.sh ' ]
    done
    run -0 tc export "$CAGE" -y
    [ "$(cd "$CLONE" && ls -d README readme lib LIB 2>/dev/null | tr '\n' ' ')" = 'LIB readme ' ]
    run -0 tc export "$CAGE" --undo -y
    [ -z "$(git -C "$CLONE" status --porcelain)" ]
    inside <<<'head -c 101M /dev/zero >>readme'
    run -3 tc export "$CAGE" -y --skip-refused
    says '1 added, 0 changed, 1 deleted, 1 refused, 0 held back'
    [ "$(cd "$CLONE" && ls -d README readme lib LIB 2>/dev/null | tr '\n' ' ')" = 'LIB README ' ]
}

@test "pipe: a reader that goes early makes no error, and an export that is written is written whole" {
    inside <<<'for i in $(seq 1000); do echo $i >"a new file with a name so long that a thousand of them are more than a pipe holds, $i"; done; seq 200000 >>README'
    for options in --json '--diff --dry-run'; do
        run -141 --separate-stderr bash -c "set -o pipefail; tc export '$CAGE' $options | head -n 1"
        [[ $stderr != *rror* ]]
    done
    run -0 --separate-stderr bash -c "tc export '$CAGE' --dry-run | head -n 1"
    [[ $stderr != *rror* ]]
    run -0 --separate-stderr bash -c "set -o pipefail; make --no-print-directory -C '$ENV' export CAGE_DRY_RUN=1 CAGE_DIFF=1 | head -n 1"
    [[ $stderr != *rror* ]]
    [ -z "$(git -C "$CLONE" status --porcelain)" ]
    run -141 --separate-stderr bash -c "set -o pipefail; tc export '$CAGE' -y --diff | head -n 1"
    [[ $stderr != *rror* ]]
    [ "$(git -C "$CLONE" status --porcelain | wc -l)" = 1001 ]
    run -0 tc export "$CAGE" -y
    says 'Nothing new'
    echo host >>"$CLONE/run.sh"
    run -0 --separate-stderr bash -c "tc sync '$CAGE' -y | head -n 1"
    [[ $stderr != *rror* ]]
    [ "$(docker exec "isolated-dev-$CAGE" tail -n 1 run.sh)" = host ]
}

@test "force: files that moved are not gone" {
    inside <<<'mkdir many; for i in $(seq 60); do echo $i >many/$i; done'
    run -0 tc export "$CAGE" -y
    inside <<<'mv many moved'
    run -0 tc export "$CAGE" -y
    says '60 added, 0 changed, 60 deleted, 0 refused, 0 held back'
    inside <<<'rm -r moved'
    run -3 tc export "$CAGE" -y
    says '60 of 65 files would be deleted'
}

@test "force: an emptied cage needs it" {
    inside <<<'rm -rf ./* .gitignore'
    run -3 tc export "$CAGE" -y
    says "the cage's project is empty"
    [ -e "$CLONE/README" ]
    run -0 tc export "$CAGE" -y --force
    [ ! -e "$CLONE/README" ]
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
    [[ $stderr == *'pipe: is a FIFO'*'  A  new'*'error: some entries may not leave the cage'* ]]
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

@test "guard: an edit of its rules is said by start and status, and in force at the next export, or after recreate" {
    sed -i 's/^REFUSED = \[$/&\n    ("*.pem", "may hold a private key"),/' "$ENV/guard/rules.py"
    sed -i 's/^        tcp dport 22 reject with tcp reset$/&\n        tcp dport { 4242, 4243 } counter reject\n        udp dport 4242 limit rate 5\/second counter/' \
        "$ENV/guard/policy"
    inside <<<'echo key >key.pem; mkdir keys; echo key >keys/MY.PEM; echo free >free; git add --all; git commit --quiet -m work'
    run -0 tc start "$CAGE"
    says "The guard's recipe changed since this cage was made. Apply it: tc recreate $CAGE"
    run -0 tc status "$CAGE"
    says "guard: tc recreate $CAGE"
    [[ $output =~ edited\ +guard/policy\ guard/rules.py ]]
    run -3 tc export "$CAGE" --dry-run
    says 'key.pem: may hold a private key'
    says "export the rest with: tc export $CAGE --skip-refused --yes"
    run -0 docker exec "$(guard)" nft list table inet trusty_cage
    says_not 4242
    run -0 tc make -y "$CAGE" recreate
    for _ in 1 2; do
        run -0 tc start "$CAGE"
        says_not changed
    done
    run -0 tc status "$CAGE"
    [[ $output =~ stale\ +- ]]
    run -0 docker exec "$(guard)" nft list table inet trusty_cage
    says 'tcp dport { 4242, 4243 } counter packets'
}

@test "guard: a row of REFUSED holds for an export, a branch, the commits and the bundles of a destroy" {
    for way in '' --branch --commits; do
        # shellcheck disable=SC2086 # an option, or none
        run -3 tc export "$CAGE" -y $way
        says 'key.pem: may hold a private key'
        says 'keys/MY.PEM: may hold a private key'
        [ ! -e "$CLONE/key.pem" ]
        [ ! -e "$CLONE/free" ]
    done
    run -3 tc export "$CAGE" -y --skip-refused
    [ "$(cat "$CLONE/free")" = free ]
    [ ! -e "$CLONE/key.pem" ]
    [ ! -e "$CLONE/keys" ]
    git -C "$CLONE" rev-parse --quiet --verify cage/"$CAGE" && false
    run -0 tc destroy "$CAGE" -y
    for bundle in "$TRUSTY_CAGE_HOME/trash/$CAGE"-*/.history/destroyed/{commits,branch}.bundle; do
        rm -rf "$BATS_TEST_TMPDIR/it" && git clone --quiet --mirror "$CLONE" "$BATS_TEST_TMPDIR/it"
        git -C "$BATS_TEST_TMPDIR/it" fetch --quiet "$bundle" "refs/heads/*:refs/heads/kept/*"
        run -0 git -C "$BATS_TEST_TMPDIR/it" log --all --name-only --format=
        says free
        says_not key.pem
        says_not MY.PEM
    done
}
