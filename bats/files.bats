#!/usr/bin/env bats
# put and get: files that a user names go into the cage and come out of it. The agent lays links in the way, and gives
# files names, kinds and sizes that may not leave.

load cages

setup_file() {
    make_cage files
    mkdir "$BATS_FILE_TMPDIR/bin"
}
teardown_file() { remove_cage; }

setup() { cd "$BATS_TEST_TMPDIR" || return; }
teardown() {
    inside_as_root <<<'rm -rf /home/trustycage/inbox* lib way deep'
    inside <<<'git checkout -q -f .; git clean -qfdx'
    [ "$(docker inspect -f '{{.State.Paused}}' "isolated-dev-$CAGE")" = false ]
    [ ! -e "$ENV/.state/files/named" ]
}

INBOX=/home/trustycage/inbox

@test "put, get: files and folders make the round trip, with modes, odd names, links, hard links and large files" {
    mkdir -p src/deep/empty
    printf 'bytes\0\377\r\n' >src/data.bin
    : >src/nothing
    printf '#!/bin/sh\n' >src/deep/run && chmod 755 src/deep/run
    chmod 600 src/data.bin
    echo '*' >src/.gitignore
    echo odd >"src/-rf blank é '\$(x)'.txt"
    ln src/deep/run src/deep/same
    ln -s ../data.bin src/deep/inner
    head -c 50000000 /dev/urandom >large
    ln -s large named
    run -0 --separate-stderr tc put "$CAGE" src named
    [ "$(sort <<<"$output")" = "$INBOX/named"$'\n'"$INBOX/src" ]
    run -0 inside <<<'cd; stat -c "%a %U %n" inbox/src/deep/run inbox/src/data.bin inbox/src/deep/empty'
    [ "$output" = $'755 trustycage inbox/src/deep/run\n644 trustycage inbox/src/data.bin\n755 trustycage inbox/src/deep/empty' ]
    run -0 --separate-stderr tc get "$CAGE" "$INBOX/src" "$INBOX/named" --to back
    [ "$output" = "$PWD/back/named"$'\n'"$PWD/back/src" ]
    [[ $stderr == *'run ×1: src/deep/run'* ]]
    rmdir src/deep/empty # no folder without files leaves a cage
    diff -r --no-dereference src back/src
    cmp large back/named
    [ -x back/src/deep/run ] && [ ! -x back/src/data.bin ] && [ ! -L back/named ]
    run -0 --separate-stderr tc export "$CAGE" --dry-run
    [[ $output == '0 added, 0 changed'* ]]
}

@test "put, get: standard input and output, byte by byte, and never onto a terminal" {
    printf 'a\0b\033]0;x\007' >bytes
    run -0 --separate-stderr tc put "$CAGE" - --as in.bin --to lib <bytes
    [ "$output" = /home/trustycage/project/lib/in.bin ]
    tc get "$CAGE" lib/in.bin --to - >out 2>err
    cmp bytes out
    run -2 on_terminal "tc get $CAGE lib/in.bin --to -"
    says 'is not printed on a terminal'
    says_not $'\033]0;x'
    run -2 tc put "$CAGE" - <bytes
    says 'standard input has no name'
}

@test "put, get: a stopped cage stays stopped, make alone does the same, and limits are the cage's" {
    echo x >x
    tc stop "$CAGE"
    run -0 make -C "$ENV" put CAGE_FILES="$PWD/x" CAGE_TO=lib
    says /home/trustycage/project/lib/x
    run -2 make -C "$ENV" get CAGE_PATHS=lib CAGE_TO="$PWD/out" CAGE_LIMIT_FILE=7
    says 'lib/code.txt: is larger than'
    run -0 make -C "$ENV" get CAGE_PATHS=lib CAGE_TO="$PWD/out"
    [ "$(cat out/lib/x)" = x ]
    [ "$(docker inspect -f '{{.State.Running}}' "isolated-dev-$CAGE")" = false ]
    tc start "$CAGE"
    run -2 make -C "$ENV" put CAGE_FILES=x
    says "'x' is not a whole path"
}

@test "put: a name that is there stays, and with --force it is kept beside the new one" {
    mkdir dir
    echo new | tee file >dir/file
    inside <<<'mkdir -p ~/inbox/dir; cd ~/inbox; echo old | tee file >dir/other'
    run -3 tc put "$CAGE" file dir
    says "$INBOX/file is there already"
    [ "$(inside <<<'cd ~/inbox; ls; cat file')" = $'dir\nfile\nold' ]
    run -0 tc put "$CAGE" file dir --force
    [ "$(inside <<<'cd ~/inbox; cat file dir/* file.before-* dir.before-*/*')" = $'new\nnew\nold\nold' ]
}

@test "put: no link that the agent laid in the way is followed, wherever it is" {
    echo payload >file
    mkdir dir && echo payload >dir/file
    inside <<'SH'
mkdir -p ~/safe deep/er
ln -s ~/safe way; ln -s ~/safe deep/er/way
ln -s ~/safe ~/inbox
SH
    for to in way/below deep/er/way "$INBOX"; do
        run -1 tc put "$CAGE" file --to "$to"
        says 'a link or a file, which is not followed'
    done
    # The name itself: to a folder, to a file, to nowhere.
    inside <<'SH'
rm ~/inbox; mkdir ~/inbox; cd ~/inbox
echo safe >~/safe/file; ln -s ~/safe/file file; ln -s ~/safe dir; ln -s ~/safe/new gone
SH
    echo payload >gone
    run -3 tc put "$CAGE" gone file dir
    run -0 tc put "$CAGE" gone file dir --force
    run -0 inside <<<'cd ~; cat safe/*; ls safe; cat inbox/file inbox/dir/file inbox/gone; rm -r safe'
    [ "$output" = $'safe\nfile\npayload\npayload\npayload' ]
    run -1 tc put "$CAGE" file --to ../../../proc/1/cwd/tmp
    says 'is neither in the project nor in /home/trustycage'
}

@test "put: links that are laid and taken away meanwhile lead nothing astray" {
    mkdir dir
    for n in 1 2 3 4 5 6 7 8 9; do echo payload | tee "dir/$n" >"$n"; done
    inside <<'SH'
mkdir -p ~/safe ~/inbox
cat >/tmp/race <<'RACE'
cd
while [ ! -e /tmp/enough ]; do
    mv -T inbox aside 2>/dev/null; ln -sT safe inbox; rm -f inbox; mv -T aside inbox 2>/dev/null
    for draft in .trusty-cage.*/dir; do
        [ -d "$draft" ] && mv -T "$draft" aside-dir && ln -sT ~/safe "$draft"
    done
    rm -rf aside-dir
done 2>/dev/null
RACE
bash /tmp/race >/dev/null 2>&1 &
SH
    for n in 1 2; do tc put "$CAGE" dir [1-9] --force >out 2>&1 || true; done
    run -0 inside <<<'touch /tmp/enough; sleep 0.5; cd; ls -A safe; rm -rf safe aside* /tmp/enough'
    [ -z "$output" ]
}

@test "put: a host's special file, one that is not there, and two of a name are refused in words" {
    mkfifo pipe
    mkdir -p a b dir
    echo x | tee a/x >b/x
    mkfifo dir/pipe
    run -1 tc put "$CAGE" pipe
    says 'is neither a file nor a folder'
    run -1 tc put "$CAGE" dir
    says "/pipe' is neither a file nor a link"
    run -2 tc put "$CAGE" a/x b/x
    says "two of the files have the name 'x'"
    [ "$(inside <<<'ls -A ~/inbox 2>/dev/null || true')" = '' ]
}

@test "get: what an export refuses stays: special files, links that lead out, git folders, odd names, large files" {
    inside <<'SH'
mkdir -p lib/sub lib/deep/.git lib/bare/objects lib/bare/refs
mkfifo lib/pipe
truncate -s 200M lib/sparse
ln -s /etc/passwd lib/absolute
ln -s ../README lib/beside
ln -s sub/../.. lib/up
ln -s code.txt lib/inner
echo x | tee lib/deep/.git/config lib/bare/refs/x lib/bare/objects/x >/dev/null
echo 'ref: refs/heads/main' >lib/bare/HEAD
echo x >"lib/$(printf 'title\033]0;owned\007')"
echo x >"lib/$(printf 'two\nlines')"
echo x >"lib/$(printf 'bad\377')"
echo x >lib/setuid; chmod 6755 lib/setuid
SH
    inside_as_root <<<'! mknod lib/dev c 1 3 || exit 1; mkfifo lib/dev; chmod 000 lib/setuid lib/dev; chmod u+s lib/setuid'
    run -3 timeout 60 tc get "$CAGE" lib --to out
    says '  lib/pipe: is a FIFO'
    says '  lib/sparse: is larger than 100 MiB'
    says '  lib/absolute: is a link that leaves lib'
    says '  lib/beside: is a link that leaves lib'
    says '  lib/up: is a link'
    says '  lib/deep/.git: is a git folder'
    says '  lib/bare/HEAD: is a bare git repository'
    says 'lib/title\x1b]0;owned\x07: has invisible'
    says 'lib/two\nlines: has invisible'
    says 'lib/bad\xff: has a name that is not UTF-8'
    says 'nothing was written'
    says_not $'\033'
    [ ! -e out/lib ]
    run -3 tc get "$CAGE" lib/sparse "lib/bad"$'\377' "lib/title"$'\033]0;owned\007' --to out # nor one by one
    says_not $'\033'
    run -0 tc get "$CAGE" lib --to out --skip-refused
    [ "$(cd out/lib && find . -type f -o -type l | sort | tr '\n' ' ')" = './code.txt ./inner ./setuid ' ]
    [ -z "$(find out -perm /7000)" ]
}

@test "get: a link that is named, one on the way, a place outside and a git folder are refused" {
    inside <<<'ln -s README named; ln -s ~/.bashrc out; ln -s /etc way; ln -s lib sub'
    run -3 tc get "$CAGE" named out --to here
    says 'named: is a link, which is not followed'
    says 'out: is a link, which is not followed'
    run -1 tc get "$CAGE" /etc/passwd ../../../proc/self/environ .git .git/config . "$INBOX/none" way/passwd \
        sub/code.txt README lib/../README --to here
    says "'way/passwd' lies behind a link"
    says "'sub/code.txt' lies behind a link"
    says "'lib/../README' has the name of another one"
    says "'/etc/passwd' is neither in the project"
    says "'../../../proc/self/environ' is neither"
    says "'.git' is a git folder"
    says "'.git/config' is a git folder"
    says "'.' is all of it"
    says "'$INBOX/none' is not there"
    [ ! -e here ]
}

@test "get: nothing on the host is written over or through, and --force keeps the old one beside it" {
    mkdir -p to elsewhere
    echo mine >to/README
    ln -s "$PWD/elsewhere" to/lib
    ln -s "$PWD/elsewhere/new" to/run.sh
    for path in lib run.sh; do
        run -3 tc get "$CAGE" "$path" .gitignore --to to
        says 'is there already, so nothing was written'
    done
    run -3 tc get "$CAGE" .gitignore README --to to
    [ ! -e to/.gitignore ]
    [ "$(cat to/README)" = mine ]
    [ -z "$(ls -A elsewhere)" ]
    run -0 tc get "$CAGE" README lib run.sh --to to --force
    [ "$(cat to/README)-$(cat to/README.before-*)" = hello-mine ]
    [ "$(cat to/lib/code.txt)" = library ] && [ ! -L to/lib ]
    [ "$(find to -name '*.before-*' -type l | wc -l)" = 2 ] && [ -f to/run.sh ]
    [ -z "$(ls -A elsewhere)" ]
    [ -z "$(find to -name '.trusty-cage*')" ]
}

@test "get: a repository does not land in parts" {
    inside <<<'mkdir -p deep/refs deep/objects; echo x | tee deep/refs/x deep/objects/x >deep/HEAD; mkdir lib/objects; echo x >lib/objects/x'
    run -3 tc get "$CAGE" deep/HEAD deep/refs lib/objects --to to
    says 'is a bare git repository'
    run -0 tc get "$CAGE" deep/HEAD lib/objects --to to
    run -3 tc get "$CAGE" deep/refs --to to
    says 'for a repository'
    [ ! -e to/refs ]
}

@test "put: the clipboard's image by the desktop's program; a missing one and no image are said" {
    export PATH=$BATS_FILE_TMPDIR/bin:$PATH DISPLAY=:0
    unset WAYLAND_DISPLAY
    run -1 tc put "$CAGE" --clipboard
    says "'xclip' is not installed"
    cat >"$BATS_FILE_TMPDIR/bin/xclip" <<'SH'
#!/bin/sh
[ "$*" = '-selection clipboard -target image/png -out' ] && cat "$PICTURE"
SH
    chmod 755 "$BATS_FILE_TMPDIR/bin/xclip"
    echo 'Error: target image/png not available' >text
    PICTURE=$PWD/text run -1 tc put "$CAGE" --clipboard
    says 'the clipboard holds no image'
    printf '\211PNG\r\n\032\nimage' >png
    PICTURE=$PWD/png run -0 --separate-stderr tc put "$CAGE" --clipboard
    [[ $output =~ ^$INBOX/clipboard-[0-9]{8}-[0-9]{6}\.png$ ]]
    tc get "$CAGE" "$output" --to - >back
    cmp png back
    mv "$BATS_FILE_TMPDIR/bin/xclip" "$BATS_FILE_TMPDIR/bin/wl-paste"
    sed -i 's/-selection clipboard -target image.png -out/--type image\/png/' "$BATS_FILE_TMPDIR/bin/wl-paste"
    PICTURE=$PWD/png WAYLAND_DISPLAY=wayland-0 run -0 tc put "$CAGE" --clipboard --as shot.png
    says "$INBOX/shot.png"
    [ "$(inside <<<'head -c 4 ~/inbox/shot.png | tail -c 3')" = PNG ]
}
