#!/usr/bin/env bats
# Several exports in a row: types that change, exports that were cut short, and the undo of each.

load cages

setup_file() { make_cage landing; }
teardown_file() { remove_cage; }

# An export that ends after all was written, as by a kill.
cut_short() {
    cp "$ENV/lib/export/close" "$BATS_TEST_TMPDIR/exported"
    sed -i '2i exit 1' "$ENV/lib/export/close"
    run tc export "$CAGE" -y
    cp "$BATS_TEST_TMPDIR/exported" "$ENV/lib/export/close"
    [ -e "$ENV/.history/applying" ]
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

@test "kill: what two attempts at an export replaced makes no repository in the backup, and the undo is whole" {
    inside <<'SH'
git checkout -q . && git clean -fdqx
mkdir x; echo 'ref: refs/heads/main' >x/HEAD; printf '[core]\n\tbare = true\n' >x/config
SH
    run -0 tc export "$CAGE" -y
    before=$(fingerprint "$CLONE")
    inside <<<'rm x/HEAD; mkdir x/objects x/refs; echo 1 >x/objects/y; echo 1 >x/refs/z; rm README; mkdir README; echo 1 >README/x'
    cut_short
    inside <<<'for f in x/objects/y x/refs/z README/x; do echo 2 >$f; done'
    run -0 tc export "$CAGE" -y --take cage
    backup=$ENV/$(cat "$ENV/.history/last")
    run -128 git -C "$backup/files/x" rev-parse --git-dir
    [ "$(cat "$backup"/since-*/README/x)" = 1 ]
    run -0 tc export "$CAGE" --undo -y
    [ "$before" = "$(fingerprint "$CLONE")" ]
}

@test "export: links whose way is endless are refused, and soon" {
    inside <<'SH'
git checkout -q . && git clean -fdqx
tail=$(printf '/x%.0s' {1..1900})
for i in {1..38}; do ln -s "l$((i + 1))$tail" "l$i"; done
SH
    run -3 timeout 60 tc export "$CAGE" --dry-run
    says 'l1: is a link that leaves the project through another one'
}
