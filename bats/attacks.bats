#!/usr/bin/env bats
# Attacks: folders that git takes for repositories, bombs among objects and files, words of the cage's on the terminal.
# Each test leaves the cage as it found it.

load cages

setup_file() { make_cage attacks; }
teardown_file() { remove_cage; }

teardown() {
    inside_as_root <<<'find . -mindepth 1 -maxdepth 1 ! -name .git -exec rm -rf {} +; rm -f .git/objects/info/alternates .git/objects/pack/x.idx'
    inside <<<'[ -d .git ] || mv /tmp/git .git
        git update-ref --no-deref HEAD "$(cat /tmp/first 2>/dev/null || git rev-list --max-parents=0 HEAD)"; git reset -q --hard; git checkout -q -B main'
    git -C "$CLONE" checkout --quiet --force . && git -C "$CLONE" clean -qffdx
    git -C "$CLONE" for-each-ref --format='%(refname:short)' refs/heads | grep -v '^trunk$' | xargs -r git -C "$CLONE" branch -qD
    cp "$ENV/.history/base.seeded" "$ENV/.history/base"
    [ "$(docker inspect -f '{{.State.Paused}}' "isolated-dev-$CAGE")" = false ]
}

# The run must end, and long before the bomb went off.
bounded() {
    timeout 100 "$@"
}

@test "export: a repository whose objects, refs and configuration lie in another folder is refused" {
    inside <<'SH'
mkdir -p wt common/objects common/refs
echo 'ref: refs/heads/main' >wt/HEAD; echo ../common >wt/commondir
touch common/objects/x common/refs/x
printf '[core]\n\trepositoryformatversion = 1\n\tfsmonitor = touch %s\n[extensions]\n\tworktreeConfig = true\n' /tmp/pwned >common/config
printf '[core]\n\tbare = false\n\tworktree = .\n' >wt/config.worktree
SH
    run -3 tc export "$CAGE" -y --skip-refused
    says '  wt: is a bare git repository'
    [ ! -e "$CLONE/wt" ]
}

@test "export: .git with letters that some file systems ignore, and names that only those tell apart, are refused" {
    inside <<'SH'
mkdir a; echo x >"a/.g$(printf '\343\205\244')it"
echo x >"b$(printf '\357\276\240')c"
echo x >"README$(printf '\357\270\217')"
SH
    run -3 tc export "$CAGE" -y --skip-refused
    says 'is a git folder in another place or spelling'
    says 'has invisible or control characters'
    says 'is README on file systems that fold case'
}

@test "export: a terabyte of sparse files is refused without being read" {
    inside <<<'for i in $(seq 10000); do echo "sparse$i"; done | xargs truncate -s 100M'
    run -2 bounded make -C "$ENV" export CAGE_DRY_RUN=1 CAGE_LIMIT_TOTAL=300000000
    says 'brings the export over 286 MiB in all'
}

@test "export: what the host runs later is pointed out in any case, and as a link" {
    inside <<<'mkdir .VSCode d; echo {} >.VSCode/tasks.json; echo {} >d/tasks.json; ln -s d .husky; ln -s d .claude; echo all: >MAKEFILE'
    run -0 tc export "$CAGE" -y
    for line in '.vscode/tasks.json ×1: .VSCode/tasks.json' '.husky/ ×2: ./.husky, d/tasks.json' '.claude/ ×2: ./.claude, d/tasks.json' \
        'Makefile ×1: ./MAKEFILE'; do says "    $line"; done
    inside <<<'echo [] >d/tasks.json'
    run -0 tc export "$CAGE" -y
    says '    .husky/ ×1: d/tasks.json'
}

@test "export: decoys by the thousand hide no name, and all of it is in the file that is named" {
    inside <<'SH'
for i in 1 2 3 4; do
    mkdir -p "!/$i"
    (cd "!/$i" && touch $(seq -f 'a%g.mk' 500) && mkdir $(seq 500) && for d in [0-9]*; do : >$d/.envrc; done && touch $(seq -f x%g.sh 300) && chmod +x x*)
done
mkdir -p deep/down; touch deep/down/Jenkinsfile .envrc .pdbrc
SH
    run -0 --separate-stderr tc export "$CAGE" --dry-run
    says $'\n  the shell\n    .envrc ×2001: ./.envrc, !/1/1/.envrc, !/1/10/.envrc, …\n'
    says $'\n    .pdbrc ×1: ./.pdbrc\n'
    says $'\n    *.mk ×2000: '
    says $'\n  CI\n    Jenkinsfile ×1: deep/down/Jenkinsfile\n'
    says $'\n    and 280 more names\n'
    says "All of them: $ENV/.state/export/stage/runs-later"
    [ "$(wc -l <"$ENV/.state/export/stage/runs-later")" = 5203 ]
    grep -Fx $'CI\tJenkinsfile\tdeep/down/Jenkinsfile' "$ENV/.state/export/stage/runs-later"
    run -0 --separate-stderr tc export "$CAGE" --dry-run --json
    [ "$(python3 -c 'import json, sys; print(sum(len(row["paths"]) for row in json.load(sys.stdin)["runs_later"]))' <<<"$output")" = 5203 ]
}

@test "export: the folder that core.hooksPath names is pointed out, in full as well" {
    git -C "$CLONE" config core.hooksPath "$CLONE/tools/own"
    inside <<<'mkdir -p tools/own; echo x >tools/own/pre-commit'
    run -0 tc export "$CAGE" -y
    git -C "$CLONE" config --unset core.hooksPath
    says '    tools/own/ ×1: tools/own/pre-commit'
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

@test "sync: a draft's name that the agent has taken, and a huge file in the place of a small one" {
    inside <<<'mkdir lib/.trusty-cage.incoming .trusty-cage.incoming; rm run.sh; truncate -s 8T run.sh'
    echo host >>"$CLONE/README"; echo host >>"$CLONE/lib/code.txt"
    run -0 bounded tc sync "$CAGE" -y
    [ "$(docker exec "isolated-dev-$CAGE" tail -n 1 lib/code.txt)" = host ]
    echo host >>"$CLONE/run.sh"
    run -3 bounded tc sync "$CAGE" -y --take host
    says 'run.sh: stands in the way'
}

@test "commits: objects that git would wait on, read without end or look for elsewhere are an error, and soon" {
    for trap in 'mkfifo .git/objects/info/alternates' 'ln -s /dev/zero .git/objects/info/alternates' \
        'printf "/nowhere/\302\2330;OWNED\302\234\n" >.git/objects/info/alternates' 'mkfifo .git/objects/pack/x.idx'; do
        inside <<<"$trap"
        run -3 bounded tc export "$CAGE" --commits
        says "the cage's .git has "
        says_not OWNED
        run -0 bounded tc status "$CAGE"
        says '? commits inside'
        inside <<<'rm -f .git/objects/info/alternates .git/objects/pack/x.idx'
    done
}

@test "commits: a blob of gigabytes, a tree of billions and a tree that git dies of are an error, and soon" {
    inside <<'SH'
git rev-list --max-parents=0 HEAD >/tmp/first
truncate -s 3G /tmp/big
blob=$(git -c core.bigFileThreshold=1m -c pack.compression=1 hash-object -w /tmp/big)
git update-ref HEAD "$(git commit-tree -p HEAD -m big "$(printf "100644 blob $blob\tbig\n" | git mktree)")"
SH
    run -3 bounded tc export "$CAGE" --commits
    says 'nothing was written'
    inside <<'SH'
git update-ref HEAD "$(cat /tmp/first)"
blob=$(echo x | git hash-object -w --stdin)
tree=$(for i in 0 1 2 3 4 5 6 7 8 9; do printf "100644 blob $blob\tf$i\n"; done | git mktree)
for d in 1 2 3 4 5 6 7 8 9; do tree=$(for i in 0 1 2 3 4 5 6 7 8 9; do printf "040000 tree $tree\td$i\n"; done | git mktree); done
git update-ref HEAD "$(git commit-tree -p HEAD -m bomb "$tree")"
SH
    run -3 bounded tc export "$CAGE" --commits
    says "brings the host clone over 1000000 entries"
    inside <<'SH'
git update-ref HEAD "$(cat /tmp/first)"
cat >/tmp/deep.py <<'PY'
import hashlib, os, subprocess, zlib
def put(kind, data):
    data = b"%s %d\0" % (kind, len(data)) + data
    name = hashlib.sha1(data).hexdigest()
    os.makedirs(f".git/objects/{name[:2]}", exist_ok=True)
    with open(f".git/objects/{name[:2]}/{name[2:]}", "wb") as file:
        file.write(zlib.compress(data, 1))
    return name.encode()
first = subprocess.check_output(["git", "rev-parse", "HEAD", "HEAD^{tree}"]).split()
tree = put(b"tree", b"100644 f\0" + bytes.fromhex(put(b"blob", b"x").decode()))
for _ in range(60000):
    tree = put(b"tree", b"40000 d\0" + bytes.fromhex(tree.decode()))
who = b"A" * 30000 + b" <a@b> 1 +0000"
one = put(b"commit", b"tree %s\nparent %s\nauthor %s\ncommitter %s\n\nm\n" % (first[1], first[0], who, who[-20:]))
two = put(b"commit", b"tree %s\nparent %s\nauthor %s\ncommitter %s\n\nm\n" % (tree, one, who[-20:], who[-20:]))
open(".git/refs/heads/main", "wb").write(two + b"\n")
PY
git checkout -q -B main; python3 /tmp/deep.py
SH
    run -3 bounded tc export "$CAGE" --commits
    says 'is deeper than 100 folders'
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

@test "commits: git refuses the agent's objects in words of the tool's, and none of git's reach the terminal" {
    inside <<'SH'
{
    printf '[submodule "x"]\n\tpath = x\n\turl = "-x'
    for i in $(seq 50); do printf '\\nerror: OWNED line %s' $i; done
    printf '\\n\302\2330;31mRED"\n'
} >.gitmodules
git add -f .gitmodules; git commit -q -m Url
SH
    run -3 tc export "$CAGE" --commits
    says "branch 'cage/$CAGE' holds other work, or git refused the objects"
    for word in OWNED RED fsck fatal $'\e'; do says_not "$word"; done
}

@test "terminal: what is cut out of a diff brings nothing together; no lone control byte passes" {
    inside <<'SH'
printf 'a\302\302\235\23552;c;QUFB b\302\342\200\256\233c \342\200\342\200\256\256d \2331me \330\234f caf\303\251\n' >>README
SH
    NO_COLOR=1 run -0 on_terminal "tc export $CAGE --diff --dry-run"
    for bytes in $'\302\233' $'\302\235' $'\342\200\256' $'\330\234'; do says_not "$bytes"; done
    says '?1me'
    says 'café'
}

@test "dotfiles: a link in them is not written through" {
    dots=$BATS_TEST_TMPDIR/dots
    make_repo "$dots"
    echo mine >"$BATS_TEST_TMPDIR/mine"
    printf '[user]\n\tname = theirs\n[credential]\n\thelper = store\n' >"$dots/.gitconfig"
    ln -s "$BATS_TEST_TMPDIR/mine" "$dots/.gitconfig.kept"
    ln -s "$BATS_TEST_TMPDIR/mine" "$dots/.left-out"
    mkdir -p "$BATS_TEST_TMPDIR/env/.state/clone" && cd "$BATS_TEST_TMPDIR/env" && ln -s "$ENV/lib" lib
    run -0 bash lib/create/strip-dotfiles "$dots"
    says 'left out of the dotfiles: .gitconfig: credential settings and tokens'
    [ "$(cat "$BATS_TEST_TMPDIR/mine")" = mine ]
    [ "$(cat "$dots/.gitconfig")" = $'[user]\n\tname = theirs' ]
}

@test "dotfiles: no name in them names anything outside, whatever it holds; credentials under other names stay out too" {
    mkdir -p "$BATS_TEST_TMPDIR/victim/.ssh"
    echo key >"$BATS_TEST_TMPDIR/victim/.ssh/id"
    printf '[credential]\n\thelper = mine\n' >"$BATS_TEST_TMPDIR/victim/.gitconfig"
    before=$(fingerprint "$BATS_TEST_TMPDIR/victim")
    dots=$BATS_TEST_TMPDIR/dots
    make_repo "$dots"
    mkdir -p "$dots/a"$'\n'"$BATS_TEST_TMPDIR/victim/.ssh" "$dots/config/gh" "$dots/dot_ssh"
    echo x >"$dots/a"$'\n'"$BATS_TEST_TMPDIR/victim/.ssh/x"
    printf '[credential]\n\thelper = x\n' >"$dots/a"$'\n'"$BATS_TEST_TMPDIR/victim/.gitconfig"
    printf '[core]\n\tpager = less\n[credential "https://x"]\n\thelper = store\n' >"$dots/git-common"
    ln -s git-common "$dots/.gitconfig"
    touch "$dots/config/gh/hosts.yml" "$dots/dot_ssh/key" "$dots/.pgpass" "$dots/.env"
    mkdir -p "$BATS_TEST_TMPDIR/env/.state/clone" && cd "$BATS_TEST_TMPDIR/env" && ln -s "$ENV/lib" lib
    run -0 bash lib/create/strip-dotfiles "$dots"
    [ "$before" = "$(fingerprint "$BATS_TEST_TMPDIR/victim")" ]
    [ "$(cat "$dots/git-common")" = $'[core]\n\tpager = less' ]
    for gone in config/gh dot_ssh .pgpass .env; do
        says "left out of the dotfiles: $gone"
        [ ! -e "$dots/$gone" ]
    done
}

@test "auth: a FIFO in the place of the credentials is not waited for" {
    mkdir -p "$BATS_TEST_TMPDIR/user/.claude"
    echo '{"canary": "token"}' >"$BATS_TEST_TMPDIR/user/.claude/.credentials.json"
    inside <<<'mkdir -p ~/.claude; rm -f ~/.claude/.credentials.json; mkfifo ~/.claude/.credentials.json'
    HOME=$BATS_TEST_TMPDIR/user run -0 timeout 30 tc auth "$CAGE" --auth-mode subscription
    run -0 docker exec "isolated-dev-$CAGE" sh -c 'stat -c "%F %a" ~/.claude/.credentials.json; cat ~/.claude/.credentials.json'
    [ "$output" = $'regular file 600\n{"canary": "token"}' ]
    run -0 tc auth "$CAGE" --auth-mode api_key
}
