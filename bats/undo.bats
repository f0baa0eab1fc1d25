#!/usr/bin/env bats
# export --undo: the clone of before an export comes back, whatever became of its files. Each test leaves both sides as
# it found them.

load cages

setup_file() {
    shadow mv
    make_cage undo
}
teardown_file() { remove_cage; }

teardown() { back_to_first; }

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

@test "undo: one that did not put all back says so, and goes on when it is run again" {
    before=$(fingerprint "$CLONE")
    inside <<<'echo more >>README; rm run.sh'
    run -0 tc export "$CAGE" -y
    for did in 'true' "touch $CLONE/run.sh"; do
        export FAULT_ONCE=$BATS_TEST_TMPDIR/fault.$RANDOM.$RANDOM
        FAULT_ON='mv .*state/undo/back' FAULT_HOW=before FAULT_DO="exec $did" PATH=$BATS_FILE_TMPDIR/shadow:$PATH \
            run -1 tc export "$CAGE" --undo -y
        says 'error: the host clone is not as it was before'
        says_not 'the host clone is as it was before'
    done
    run -0 tc export "$CAGE" --undo -y
    [ "$before" = "$(fingerprint "$CLONE")" ]
    inside <<<'git reset -q --hard; git clean -qfdx'
}

@test "undo: a file that became a folder, a folder that became a link and a link that became a folder come back" {
    inside <<<'mkdir e; echo 1 >e/f; ln -s e l'
    run -0 tc export "$CAGE" -y
    before=$(fingerprint "$CLONE")
    inside <<<'rm README; mkdir README; echo x >README/x; rm -r lib; ln -s e lib; rm l; mkdir l; echo 2 >l/f'
    run -0 tc export "$CAGE" -y
    [ -f "$CLONE/README/x" ] && [ -L "$CLONE/lib" ] && [ ! -L "$CLONE/l" ]
    run -0 tc export "$CAGE" --undo -y
    [ "$before" = "$(fingerprint "$CLONE")" ]
}

# A folder for each pair of six kinds of entries: the agent turns the first into the second.
kinds='nothing file program folder link toward'
make_kind() {
    case $1 in
        file) echo file >x ;;
        program) echo run >x && chmod 755 x ;;
        folder) mkdir -p x/deep && echo 1 >x/y && echo 2 >x/deep/z ;;
        link) ln -s aside/x x ;;
        toward) ln -s aside x ;;
    esac
}

@test "undo: whatever becomes of a file, a folder or a link comes back, and folders keep their modes" {
    script=$(declare -f make_kind)
    inside <<SH
git checkout -q . && git clean -fdqx
$script
for a in $kinds; do for b in $kinds; do
    mkdir "\$a \$b" && cd "\$a \$b" && mkdir aside && echo 1 >aside/x && make_kind "\$a" && cd ..
done; done
SH
    run -0 tc export "$CAGE" -y
    find "$CLONE" -mindepth 1 -name .git -prune -o -type d -exec chmod 2750 {} +
    before=$(fingerprint "$CLONE")
    inside <<SH
$script
for a in $kinds; do for b in $kinds; do
    cd "\$a \$b" && rm -rf x && make_kind "\$b" && cd ..
done; done
SH
    run -0 tc export "$CAGE" -y
    for a in $kinds; do
        for b in $kinds; do
            [ "$(stat -c %a "$CLONE/$a $b/aside")" = 2750 ]
            [ "$(ls -A "$CLONE/$a $b/aside")" = x ]
            case $b in
                nothing) [ ! -e "$CLONE/$a $b/x" ] ;;
                file) [ "$(cat "$CLONE/$a $b/x")" = file ] && [ ! -L "$CLONE/$a $b/x" ] ;;
                program) [ -x "$CLONE/$a $b/x" ] && [ -f "$CLONE/$a $b/x" ] ;;
                folder) [ "$(cat "$CLONE/$a $b/x/deep/z")" = 2 ] && [ ! -L "$CLONE/$a $b/x" ] ;;
                link) [ "$(readlink "$CLONE/$a $b/x")" = aside/x ] ;;
                toward) [ "$(readlink "$CLONE/$a $b/x")" = aside ] ;;
            esac
        done
    done
    run -0 tc export "$CAGE" --undo -y
    [ "$before" = "$(fingerprint "$CLONE")" ]
    inside <<<'git checkout -q . && git clean -fdqx'
    run -0 tc export "$CAGE" -y --force
}
