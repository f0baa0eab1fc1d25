#!/usr/bin/env bats
# No verb runs, reads or imports exported files: each is typed in the clone, with '.' first in PATH, and the clone has a
# trap for each program, module and setting.

load cages

setup_file() { make_cage folder; }
teardown_file() {
    remove_cage
    rm -rf "$TRUSTY_CAGE_HOME"/trash/"$CAGE"-*
}

# In the cage: programs, modules and settings that leave a mark on the host, the programs of the recipes among them.
traps() {
    inside <<SH
mkdir -p bin pip
for name in awk bash cat chmod cmp comm cp cut date diff docker env find git grep head id ip ln ls make mkdir mktemp mv node npm \
    perl pip ps python python3 readlink rm rmdir sed seq sh sha256sum sleep sort stty tail tar tee touch tr uname wc xargs; do
    printf '#!/bin/sh\necho %s >>$BATS_FILE_TMPDIR/mark\nexit 97\n' "\$name" >bin/\$name
    chmod 755 bin/\$name
    [ -d \$name ] || cp bin/\$name .
done
for module in pip/__init__ sh dotenv jinja2 json argparse sitecustomize usercustomize; do
    echo "open('$BATS_FILE_TMPDIR/mark', 'a').write('\$module')" >\$module.py
done
echo 'registry=https://\${ANTHROPIC_API_KEY}.example/' >.npmrc
echo TRUSTY_CAGE_PIDS=none >.env
printf 'x:\n\ttouch %s\n' "$BATS_FILE_TMPDIR/mark" >Makefile
SH
}

# Type a command in the clone.
typed() {
    local program
    program=$(command -v "$1")
    cd "$CLONE" || return
    PATH=.::bin:$PATH: ANTHROPIC_API_KEY=canary TMPDIR=. XDG_CONFIG_HOME=. run -0 "$program" "${@:2}" </dev/null
    cd "$BATS_TEST_TMPDIR" || return
    [ ! -e "$BATS_FILE_TMPDIR/mark" ] || { echo "$*: $(cat "$BATS_FILE_TMPDIR/mark")"; return 1; }
}

@test "no verb uses the clone that it is typed in, nor do its recipes there" {
    traps
    run -0 tc export "$CAGE" -y
    [ -x "$CLONE/xargs" ]
    for words in "start $CAGE" "status $CAGE" "exec $CAGE -- true" list "render $CAGE" "diff-recipes $CAGE" "auth $CAGE"; do
        # shellcheck disable=SC2086 # a command's words
        typed tc $words
    done
    inside <<<'echo more >more; rm -r lib'
    typed tc export "$CAGE" -y --diff
    [ "$(cat "$CLONE/more")" = more ] && [ ! -e "$CLONE/lib" ]
    typed tc export "$CAGE" --undo -y
    [ ! -e "$CLONE/more" ] && [ -e "$CLONE/lib/code.txt" ]
    typed make -C "$ENV" export CAGE_YES=1
    [ ! -e "$CLONE/lib" ]
    typed make -C "$ENV" export CAGE_TO=branch
    typed make -C "$ENV" export CAGE_TO=commits CAGE_AS=theirs
    echo host >>"$CLONE/README"
    typed make -C "$ENV" sync CAGE_YES=1
    [ "$(tc exec "$CAGE" -- tail -n 1 README)" = host ]
    typed tc stop "$CAGE"
    typed make -C "$ENV" recreate CAGE_YES=1
}

@test "doctor in the clone: nothing of it is run, no secret is in what is asked" {
    cd "$CLONE"
    PATH=.::bin:$PATH ANTHROPIC_API_KEY=canary run "$(command -v tc)" doctor
    [ "$status" -lt 2 ]
    says 'engine'
    says_not canary
    says_not .example
    [ ! -e "$BATS_FILE_TMPDIR/mark" ]
}

@test "doctor: what it advises for a volume that is left over brings the work home through the judge" {
    run -0 tc start "$CAGE"
    inside <<<'echo left >left-over; ln -s /etc/passwd out'
    (cd "$ENV" && CAGE_NAME=$CAGE CAGE_REPO_URL=x bash lib/destroy/to-trash)
    run tc doctor
    says "volume 'isolated-dev-$CAGE': its cage has no folder; there may be work in it"
    says_not docker\ run
    command=$(sed -n "s/.*Put its folder back from the trash, and export it: \(.*\) && tc export $CAGE\$/\1/p" <<<"$output")
    CAGE_YES=1 run -0 bash -c "${command/recreate/recreate -y}"
    run -3 tc export "$CAGE" -y
    says 'out'
    run -3 tc export "$CAGE" -y --skip-refused
    [ "$(cat "$CLONE/left-over")" = left ] && [ ! -L "$CLONE/out" ]
}
