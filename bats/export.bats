#!/usr/bin/env bats
# A hostile cage on the way out. Each test leaves the cage as it found it.

load cages

setup_file() { make_cage export; }
teardown_file() { remove_cage; }

setup() {
    GIT_BEFORE=$(fingerprint "$CLONE/.git")
}

teardown() {
    # No export touches the host's .git.
    [ "$GIT_BEFORE" = "$(fingerprint "$CLONE/.git")" ]
    # The test's files go again, and the next export makes that the new base.
    inside_as_root <<<'find . -mindepth 1 -maxdepth 1 ! -name .git -exec rm -rf {} +'
    inside <<<'git reset -q --hard'
    git -C "$CLONE" checkout --quiet . && git -C "$CLONE" clean -qffdx
    cp "$ENV/.history/base.seeded" "$ENV/.history/base"
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

@test "export: .git at the root as a link to a prepared folder is refused" {
    inside <<'SH'
mv .git /tmp/real.git
mkdir -p evil; git init -q evil/repo; mv evil/repo/.git evil/git; rmdir evil/repo
printf '[core]\n\tfsmonitor = touch /tmp/pwned\n' >>evil/git/config
ln -s evil/git .git
SH
    run -3 tc export "$CAGE" -y
    says '  .git: is '
    says 'nothing was written'
    run -3 tc export "$CAGE" -y --skip-refused
    [ ! -L "$CLONE/.git" ]
    [ ! -e "$CLONE/evil/git/HEAD" ]
    git -C "$CLONE" status >/dev/null
    [ ! -e /tmp/pwned ]
    inside <<<'rm .git; mv /tmp/real.git .git; rm -rf evil'
}

@test "export: .git as a file or folder in another place or spelling is refused" {
    inside <<'SH'
echo 'gitdir: ../evil' >lib/.git
mkdir -p a/.GIT b/.git. c/git~1 d/.git
echo x | tee a/.GIT/config b/.git./config c/git~1/config d/.git/config >/dev/null
mkdir "e$(printf '\342\200\214')"; mkdir "f"; mkdir "f/.g$(printf '\342\200\214')it"; echo x >"f/.g$(printf '\342\200\214')it/config"
mkdir -p bare.git/objects bare.git/refs; echo 'ref: refs/heads/main' >bare.git/HEAD
SH
    run -3 tc export "$CAGE" -y --skip-refused
    for path in lib/.git a/.GIT b/.git. c/git~1 d/.git 'f/.g\u200cit' bare.git; do says "  $path: is "; done
    [ -z "$(find "$CLONE" -mindepth 2 -iname '*git*' -not -path "$CLONE/.git/*")" ]
}

@test "export: links that leave the project are refused, straight or in two steps; inner links arrive" {
    inside <<'SH'
ln -s /etc/passwd absolute
ln -s ../../outside climbing
ln -s .git/config into-git
ln -s ../.git/config lib/into-git
mkdir -p deep/er
ln -s deep/er hop
ln -s hop/../../.. two-steps
ln -s ../README lib/inner
SH
    run -3 tc export "$CAGE" -y --skip-refused
    for path in absolute climbing into-git lib/into-git two-steps; do says "  $path: is a link"; done
    [ "$(readlink "$CLONE/lib/inner")" = ../README ]
    [ "$(readlink "$CLONE/hop")" = deep/er ]
    for path in absolute climbing into-git two-steps; do [ ! -L "$CLONE/$path" ]; done
}

@test "export: special files are refused without being opened, a large sparse one without being read" {
    inside <<'SH'
mkfifo pipe
truncate -s 50G sparse
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("sock")'
SH
    run -3 timeout 60 tc export "$CAGE" -y --skip-refused
    says '  pipe: is a FIFO'
    says '  sock: is a socket'
    says '  sparse: is larger than 100 MiB'
    [ ! -e "$CLONE/pipe" ] && [ ! -e "$CLONE/sparse" ] && [ ! -e "$CLONE/sock" ]
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

@test "export: hostile names: options stay names, control characters are refused and never printed raw" {
    inside <<'SH'
echo 1 >-rf; echo 2 >--delete
echo 3 >"$(printf 'title\033]0;owned\007')"
echo 4 >"$(printf 'two\nlines')"
echo 5 >"$(printf 'bidi\342\200\256txt')"
echo 6 >"$(printf 'bad\377')"
echo 7 >readme
SH
    run -3 tc export "$CAGE" -y --skip-refused
    says 'title\x1b]0;owned\x07: has invisible or control characters'
    says 'two\nlines: has invisible'
    says 'bidi\u202etxt: has invisible'
    says 'readme: is README on file systems that fold case'
    says_not $'\033'
    says_not $'\342\200\256'
    [ "$(cat "$CLONE/-rf")" = 1 ]
    [ "$(cat "$CLONE/--delete")" = 2 ]
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

@test "export: a folder that the host's owner made a link is not written through" {
    mkdir "$BATS_TEST_TMPDIR/elsewhere"
    mv "$CLONE/lib" "$BATS_TEST_TMPDIR/kept"
    ln -s "$BATS_TEST_TMPDIR/elsewhere" "$CLONE/lib"
    inside <<<'echo x >>lib/code.txt; echo y >lib/new.txt'
    run -3 tc export "$CAGE" -y --skip-refused
    says 'lies below lib, which is no folder on the host'
    [ -z "$(ls "$BATS_TEST_TMPDIR/elsewhere")" ]
    [ -L "$CLONE/lib" ]
    rm "$CLONE/lib" && mv "$BATS_TEST_TMPDIR/kept" "$CLONE/lib"
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
    says ' more'
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
