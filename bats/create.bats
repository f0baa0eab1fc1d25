#!/usr/bin/env bats
# create: repositories that it takes, files that it leaves behind, a second run, and several at once.

load cages

setup_file() {
    own_home
    own_names create
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    NAME=$RUN-$BATS_TEST_NUMBER
    export CAGE=$NAME
    SOURCE=$BATS_TEST_TMPDIR/$NAME
    CLONE=$TRUSTY_CAGE_HOME/envs/$NAME/repo
}

teardown() {
    for name in "$NAME" "$RUN-one" "$RUN-two" "$RUN-other" "$TRUSTY_CAGE_HOME/envs/$RUN"-ten*; do
        remove_cage "${name##*/}"
    done
}

@test "create: the host has the clone with history and remotes, the cage one commit and no remote" {
    make_repo "$SOURCE"
    git -C "$SOURCE" remote add origin https://example.com/upstream.git
    echo dirty >>"$SOURCE/README"
    run -0 tc create "$SOURCE" --no-attach
    says "1 uncommitted file of $SOURCE is not taken"
    says "Created cage '$NAME'."
    [ "$(git -C "$CLONE" remote get-url origin)" = https://example.com/upstream.git ]
    [ "$(git -C "$CLONE" log --format=%s)" = First ]
    [ "$(cat "$CLONE/README")" = hello ]
    run -0 inside <<'SH'
git log --format='%s by %an'
git branch --show-current
git remote | wc -l
git status --porcelain | wc -l
readlink link
[ -x run.sh ] && echo executable
SH
    [ "$output" = $'Initial commit (trusty-cage import) by trusty-cage\nmain\n0\n0\nREADME\nexecutable' ]
}

@test "create: nothing of the host enters but the repository's own files" {
    make_repo "$SOURCE"
    echo 'PRIVATE KEY' >"$BATS_TEST_TMPDIR/id_ed25519"
    ln -s "$BATS_TEST_TMPDIR/id_ed25519" "$SOURCE/key"
    ln -s ../../id_ed25519 "$SOURCE/lib/key"
    git -C "$SOURCE" add --all && git -C "$SOURCE" commit --quiet --message 'Links out'
    echo 'TOKEN=secret' >"$SOURCE/.env"
    echo 'noise' >"$SOURCE/debug.log"
    run -0 tc create "$SOURCE" --no-attach
    run -0 inside <<<'ls -A; readlink key lib/key; grep -r "PRIVATE KEY" . /home/trustycage --exclude-dir=.git 2>/dev/null || echo none'
    says_not .env
    says_not debug.log
    says "$BATS_TEST_TMPDIR/id_ed25519"
    says none
    # The escaping links are the repository's own: unchanged, they stop no export.
    run -0 tc export "$NAME" -y
    says 'Nothing new'
}

@test "create: the container has no mount of the host, no capability to spare, and limits" {
    make_repo "$SOURCE"
    run -0 tc create "$SOURCE" --no-attach --memory 512m --pids 200
    run -0 docker inspect -f '{{range .Mounts}}{{.Type}} {{.Name}} {{.Destination}}{{"\n"}}{{end}}{{.HostConfig.Privileged}} {{.HostConfig.CapDrop}} {{.HostConfig.CapAdd}} {{.HostConfig.PidsLimit}} {{.HostConfig.Memory}} {{.HostConfig.RestartPolicy.Name}} {{.HostConfig.PidMode}}' "isolated-dev-$NAME"
    says "volume isolated-dev-$NAME /home/trustycage/project"
    says "volume isolated-dev-$NAME.home /home/trustycage"
    says_not bind
    says 'false [ALL] ['
    says '] 200 536870912 no '
    for capability in CHOWN DAC_OVERRIDE FOWNER SETUID SETGID; do says "$capability"; done
    [ "$(docker inspect -f '{{len .HostConfig.CapAdd}}' "isolated-dev-$NAME")" = 5 ]
}

@test "create: hardened has no capability at all, and no sudo" {
    make_repo "$SOURCE"
    run -0 tc create "$SOURCE" --no-attach --hardened
    run ! tc exec "$NAME" -- sudo -n true
    run -0 tc exec "$NAME" -- grep CapBnd /proc/self/status
    says 0000000000000000
}

@test "create: a repository without a commit, with an unborn HEAD, makes an empty cage" {
    git init --quiet "$SOURCE"
    run -0 tc create "$SOURCE" --no-attach
    run -0 tc exec "$NAME" -- bash -c 'git log --oneline | wc -l; ls -A'
    says 1
    run -0 tc exec "$NAME" -- bash -c 'echo first >file'
    run -0 tc export "$NAME" -y
    [ "$(cat "$CLONE/file")" = first ]
}

@test "create: a branch, a submodule, export-ignore and names with newlines" {
    make_repo "$SOURCE"
    git -C "$SOURCE" checkout --quiet -b topic
    echo 'secret.txt export-ignore' >"$SOURCE/.gitattributes"
    echo 'kept' >"$SOURCE/secret.txt"
    echo 'odd' >"$SOURCE/$(printf 'two\nlines')"
    git -C "$SOURCE" add --all && git -C "$SOURCE" commit --quiet --message Topic
    git -C "$SOURCE" checkout --quiet trunk
    run -0 tc create "$SOURCE" --no-attach --branch topic
    run -0 tc exec "$NAME" -- bash -c 'cat secret.txt two*; echo edited >two*'
    says kept
    says odd
    run -0 tc export "$NAME" -y
    [ "$(cat "$CLONE/$(printf 'two\nlines')")" = edited ]
}

@test "create: an existing cage is an error that leaves it alone" {
    make_repo "$SOURCE"
    tc create "$SOURCE" --no-attach
    run -1 tc create "$SOURCE" --no-attach
    says "cage '$NAME' already exists"
    says "tc attach $NAME"
}

@test "create: a half-made cage of another repository is named, and nothing is changed" {
    make_repo "$SOURCE"
    make_repo "$BATS_TEST_TMPDIR/other"
    tc create "$SOURCE" --render-only
    run -1 tc create "$BATS_TEST_TMPDIR/other" --name "$NAME" --no-attach
    says "$SOURCE"
    says "$BATS_TEST_TMPDIR/other"
}

@test "create: a container that is somebody else's is not touched" {
    make_repo "$SOURCE"
    docker create --name "isolated-dev-$NAME" "$TRUSTY_CAGE_BASE_IMAGE" true >/dev/null
    run -1 tc create "$SOURCE" --no-attach
    says "container 'isolated-dev-$NAME' exists and is not this cage's"
    docker inspect "isolated-dev-$NAME" >/dev/null
    docker rm "isolated-dev-$NAME" >/dev/null
}

@test "create: a name that another home on this engine has is said before anything is made, with one that is free" {
    make_repo "$SOURCE"
    theirs="--label trusty-cage.env=$NAME --label trusty-cage.home=ffffffffffffffff"
    for object in container volume; do
        # shellcheck disable=SC2086 # options
        case $object in
            container) docker create --name "isolated-dev-$NAME" $theirs "$TRUSTY_CAGE_BASE_IMAGE" true ;;
            volume) docker volume create $theirs "isolated-dev-$NAME" ;;
        esac
        mkdir -p "$TRUSTY_CAGE_HOME/envs/$NAME-2"
        run -1 tc create "$SOURCE" --no-attach
        says "another user or TRUSTY_CAGE_HOME of this engine has a cage called '$NAME'; nothing was made"
        says "tc create $SOURCE --name $NAME-3"
        says_not CLONE
        [ ! -e "$TRUSTY_CAGE_HOME/envs/$NAME/repo" ]
        run -0 tc destroy "$NAME" -y
        [ "$object" = volume ] || docker rm "isolated-dev-$NAME"
        [ "$object" = container ] || docker volume rm "isolated-dev-$NAME"
    done
    rmdir "$TRUSTY_CAGE_HOME/envs/$NAME-2"
    run -0 tc create "$SOURCE" --no-attach
}

@test "create: dotfiles arrive without credentials, and a failing install script stops nothing" {
    make_repo "$SOURCE"
    dots=$BATS_TEST_TMPDIR/dots
    make_repo "$dots"
    mkdir -p "$dots/common/.config/gh" "$dots/common/.ssh"
    echo 'set number' >"$dots/common/.vimrc"
    echo 'token' >"$dots/common/.config/gh/hosts.yml"
    echo 'key' >"$dots/common/.ssh/id_rsa"
    printf '[user]\n\tname = Me\n[credential]\n\thelper = store\n' >"$dots/common/.gitconfig"
    echo 'alias mine=true' >"$dots/zshrc"
    printf '#!/bin/sh\nln -s ~/.dotfiles/zshrc ~/.zshrc && echo linked\ncp common/.* ~\necho installing; exit 4\n' >"$dots/install.sh"
    git -C "$dots" add --all && git -C "$dots" commit --quiet --message Dots
    run -0 tc create "$SOURCE" --no-attach --dotfiles "$dots"
    says 'left out of the dotfiles: common/.ssh'
    says 'left out of the dotfiles: common/.config/gh'
    says "warning: the dotfiles' install script failed"
    says linked
    says installing
    run -0 tc exec "$NAME" -- bash -c 'cat ~/.vimrc; ls -A ~ ~/.dotfiles; cat ~/.gitconfig'
    says 'set number'
    says 'name = Me'
    says_not .ssh
    says_not credential
}

@test "create: a base image that can't be had names the command that makes one" {
    make_repo "$SOURCE"
    run -1 tc create "$SOURCE" --no-attach --base-image registry.invalid/none:1
    says "base image 'registry.invalid/none:1' can't be pulled"
    says "tc make $NAME base-image"
}

@test "create: with keys=inside a subscription's credential file is copied, and nothing else of that folder" {
    make_repo "$SOURCE"
    export HOME=$BATS_TEST_TMPDIR/home
    mkdir -p "$HOME/.claude/projects"
    git config --global user.name Tester
    run -1 tc create "$SOURCE" --no-attach --auth-mode subscription --keys inside
    says "Log in with 'claude' first"
    echo '{"canary": "token-0123456789"}' >"$HOME/.claude/.credentials.json"
    echo 'transcript' >"$HOME/.claude/projects/other.jsonl"
    run -0 tc create "$SOURCE" --no-attach --auth-mode subscription --keys inside
    run -0 tc exec "$NAME" -- bash -c 'cat ~/.claude/.credentials.json; stat -c %a ~/.claude/.credentials.json; find ~/.claude; printenv ANTHROPIC_API_KEY || echo no key'
    says token-0123456789
    says 600
    says 'no key'
    says_not other.jsonl
    run grep -r token-0123456789 "$TRUSTY_CAGE_HOME/envs/$NAME"
    says_not token
    echo '{"canary": "renewed"}' >"$HOME/.claude/.credentials.json"
    run -0 tc auth "$NAME"
    run -0 tc exec "$NAME" -- bash -c 'cat ~/.claude/.credentials.json'
    says renewed
}

@test "create: where this side's addresses can't be told nothing is opened" {
    make_repo "$RUN-other"
    tc create "$PWD/$RUN-other" --no-attach --render-only
    printf 'echo "no addresses" >&2; exit 1\n' >"$TRUSTY_CAGE_HOME/envs/$RUN-other/lib/engine/host-addresses"
    CAGE_NO_ATTACH=1 run ! make -C "$TRUSTY_CAGE_HOME/envs/$RUN-other" create
    says 'no addresses'
    says_not 'Created cage'
    [ -z "$(docker ps --quiet --filter name="^isolated-dev-$RUN-other\$")" ]
}

@test "a home folder with blanks and other letters, umask 000" {
    make_repo "$RUN-two"
    export TRUSTY_CAGE_HOME="$PWD/a house für \$HOME's"
    umask 000
    run -0 tc create "$PWD/$RUN-two" --no-attach
    [ -z "$(find "$TRUSTY_CAGE_HOME" "$TRUSTY_CAGE_HOME/envs" -maxdepth 1 -type d -perm /077 -print)" ]
    [ -z "$(find "$TRUSTY_CAGE_HOME/envs/$RUN-two" -maxdepth 1 -type f -perm /022 -print)" ]
    docker exec "isolated-dev-$RUN-two" sh -c 'echo changed >README'
    run -0 tc export "$RUN-two" -y
    [ "$(cat "$TRUSTY_CAGE_HOME/envs/$RUN-two/repo/README")" = changed ]
    run -0 make -C "$TRUSTY_CAGE_HOME/envs/$RUN-two" export CAGE_YES=1
    run -0 tc destroy "$RUN-two" -y
    gone "$RUN-two"
}

@test "two creates of one name at once: one makes it, the other says so" {
    make_repo "$RUN-one"
    tc create "$PWD/$RUN-one" --no-attach >first 2>&1 3>&- &
    first=$!
    code=0
    tc create "$PWD/$RUN-one" --no-attach >second 2>&1 || code=$?
    wait $first || code=$?
    cat first second
    [ "$code" = 1 ] || [ "$code" = 0 ]
    grep -q "Created cage '$RUN-one'." first second
    whole "$RUN-one"
}

@test "ten creates at once: ten cages, one network" {
    local makers=()
    for name in $(seq -f "$RUN-ten%g" 10); do
        make_repo "$name"
        tc create "$PWD/$name" --no-attach >"$name.out" 2>&1 </dev/null 3>&- &
        makers+=($!)
    done
    for maker in "${makers[@]}"; do wait "$maker"; done
    [ "$(docker network ls --quiet --filter name='^trusty-cage$' | wc -l)" = 1 ]
    for name in "$RUN-ten1" "$RUN-ten10"; do whole "$name"; done
}
