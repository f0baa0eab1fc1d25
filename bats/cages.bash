# Shared by the tests: repositories to start from, cages made from them, and questions about a cage.
# shellcheck shell=bash
# The suite (setup_suite.bash) gives a base image, 'tc' on PATH, and RUN, with which the name of every cage begins: of
# two runs on one engine none has the other's.

bats_require_minimum_version 1.5.0

# A small repository with an executable, a link and an ignore rule, as $1.
make_repo() {
    git init --quiet --initial-branch trunk "$1"
    git -C "$1" config user.name Tester
    git -C "$1" config user.email tester@localhost
    mkdir "$1/lib"
    echo 'hello' >"$1/README"
    echo 'library' >"$1/lib/code.txt"
    printf '#!/bin/sh\necho run\n' >"$1/run.sh"
    chmod 755 "$1/run.sh"
    ln -s README "$1/link"
    printf '%s\n' '*.log' '.env' >"$1/.gitignore"
    git -C "$1" add --all
    git -C "$1" commit --quiet --message 'First'
}

# Files run side by side: each has a home of its own, and settings of git that it may change.
own_home() {
    export HOME=$BATS_FILE_TMPDIR/user TRUSTY_CAGE_HOME=$BATS_FILE_TMPDIR/cages
    cp -R "$BATS_SUITE_TMPDIR/user" "$HOME"
}

# The cage of this test file, made once: its name is $CAGE, its folder $ENV, its clone $CLONE.
make_cage() {
    [ "$HOME" = "$BATS_FILE_TMPDIR/user" ] || own_home
    export CAGE=$RUN-$1
    export ENV=$TRUSTY_CAGE_HOME/envs/$CAGE CLONE=$TRUSTY_CAGE_HOME/envs/$CAGE/repo
    make_repo "$BATS_FILE_TMPDIR/$CAGE"
    tc create "$BATS_FILE_TMPDIR/$CAGE" --no-attach >"$BATS_FILE_TMPDIR/create.out" 2>&1 ||
        { cat "$BATS_FILE_TMPDIR/create.out"; return 1; }
}

# A Dockerfile in $ENV that builds in a moment, with stand-ins for the programs that a cage has to have.
tiny_image() {
    cat >"$ENV/Dockerfile" <<'DOCKERFILE'
ARG CAGE_BASE_IMAGE
FROM ${CAGE_BASE_IMAGE}
RUN for name in tmux git; do ln -s /bin/true /usr/local/bin/$name; done
RUN useradd --create-home --uid 1000 trustycage && mkdir /home/trustycage/project && chown 1000 /home/trustycage/project
DOCKERFILE
}

# The name of a cage's guard, which is random.
guard() { cat "$TRUSTY_CAGE_HOME/envs/${1:-$CAGE}/.history/guard"; }

# The number and the owner of the lock in the folder of a cage, $1.
owner() { find "$1/.state/lock" -type l -printf '%f %l\n' 2>/dev/null | sort -n | tail -n 1; }

# Files run side by side: for one whose tests make cages of names that another's have too, they begin with its own.
own_names() { export RUN=$RUN-in-$1; }

# A cage beside the file's, $RUN-other, made with the options $@; its folder is $OTHER.
other() {
    make_repo "$RUN-other"
    tc create "$PWD/$RUN-other" --no-attach "$@" >other.out 2>&1 || { cat other.out; return 1; }
    OTHER=$TRUSTY_CAGE_HOME/envs/$RUN-other
}

# Remove the cage $1, by default $CAGE, in any state, by its labels alone.
remove_cage() {
    local home name=${1:-$CAGE}
    home=$(cat "$TRUSTY_CAGE_HOME/id")
    docker ps --all --quiet --filter "label=trusty-cage.env=$name" --filter "label=trusty-cage.home=$home" |
        xargs -r docker rm --force >/dev/null
    docker volume ls --quiet --filter "label=trusty-cage.env=$name" --filter "label=trusty-cage.home=$home" |
        xargs -r docker volume rm >/dev/null
    rm -rf "$TRUSTY_CAGE_HOME/envs/$name"
}

# Both sides of $CAGE back to the first commit, and agreed on it.
back_to_first() {
    inside_as_root <<<'find . -mindepth 1 -maxdepth 1 ! -name .git -exec rm -rf {} +'
    inside <<<'git update-ref --no-deref HEAD "$(git rev-list --max-parents=0 HEAD)"; git reset -q --hard
        git checkout -q -B main'
    git -C "$CLONE" checkout --quiet --force trunk && git -C "$CLONE" reset --quiet --hard "$(cat "$ENV/.history/seeded")" && git -C "$CLONE" clean -qffdx
    git -C "$CLONE" for-each-ref --format='%(refname:short)' refs/heads | grep -v '^trunk$' | xargs -r git -C "$CLONE" branch -qD
    cp "$ENV/.history/base.seeded" "$ENV/.history/base"
    rm -rf "$ENV/.history/applying" "$ENV/.history/last" "$ENV/.history/syncs"
}

# The cage's git as it was seeded.
anew() {
    inside <<SH
echo 'ref: refs/heads/main' >.git/HEAD
rm -f .git/refs/stash
echo $(cat "$ENV/.history/imported") >.git/refs/heads/main
git for-each-ref --format='%(refname)' | grep -v '^refs/heads/main$' | xargs -r -n 1 git update-ref -d
git reset -q --hard; git clean -qdffx
SH
}

# Two containers and two volumes of the cage $1, none more, and its own files in it.
whole() {
    [ "$(docker ps --all --format '{{.Names}}' --filter "label=trusty-cage.env=$1" | sort)" = \
        "$(printf '%s\n' "isolated-dev-$1" "$(guard "$1")" | sort)" ]
    [ "$(docker volume ls --quiet --filter "label=trusty-cage.env=$1" | wc -l)" = 2 ]
    [ -z "$(tc exec "$1" -- git status --porcelain 2>&1)" ]
    [ "$(tc exec "$1" -- git ls-files | tr '\n' ' ')" = '.gitignore README lib/code.txt link run.sh ' ]
    run -0 tc export "$1"
    says "Nothing new to export from cage '$1'."
}

# The engine has nothing of the cage $1.
gone() {
    [ -z "$(docker ps --all --quiet --filter "label=trusty-cage.env=$1")" ]
    [ -z "$(docker volume ls --quiet --filter "label=trusty-cage.env=$1")" ]
}

# The work that a destroy put into the trash has the file $1.
kept() {
    local bundle
    bundle=$(find "$TRUSTY_CAGE_HOME/trash" -path "*/$RUN-other-*/branch.bundle")
    git -C "$OTHER/repo" fetch -q "$bundle" work:kept
    [ "$(git -C "$OTHER/repo" show "kept:$1")" = precious ]
    rm -rf "$TRUSTY_CAGE_HOME/trash/$RUN"-other-*
}

# Run the script on standard input in the cage, as the agent would.
inside() {
    docker exec --interactive "isolated-dev-$CAGE" bash -eu
}

# The same as root: the agent may become it.
inside_as_root() {
    docker exec --interactive --user 0 "isolated-dev-$CAGE" bash -eu
}

# A digest over every byte, name and mode below $1.
fingerprint() {
    (cd "$1" && find . -type f -exec sha256sum {} + -o -type l -printf '%p -> %l\n' -o -printf '%p %m\n' | sort | sha256sum)
}

# The programs $@ are fault's in $BATS_FILE_TMPDIR/shadow, for a PATH that begins with it.
shadow() {
    mkdir "$BATS_FILE_TMPDIR/shadow"
    for program; do ln -s "$BATS_TEST_DIRNAME/fault" "$BATS_FILE_TMPDIR/shadow/$program"; done
}

# Run a command in the network, mounts and processes of the tests' own engine in $E; a server there ends with them.
over_there() { nsenter --target "$(cat "$E/first")" --net --mount --pid "$@"; }

# Run the command line $1, of bash whatever SHELL is here, on a terminal; prints its output.
on_terminal() {
    SHELL=$BASH script --quiet --return --command "$1" /dev/null
}

# The terminal of tmux's server $SCREEN shows $1 within half a minute.
screen_shows() {
    for _ in $(seq 120); do
        tmux -L "$SCREEN" capture-pane -p | grep -qF -- "$1" && return
        sleep 0.25
    done
    tmux -L "$SCREEN" capture-pane -p
    return 1
}

# The combined output of the last run holds $1.
says() {
    [[ $output == *"$1"* ]] || { echo "no '$1' in:"; echo "$output"; return 1; }
}

says_not() {
    [[ $output != *"$1"* ]] || { echo "'$1' in:"; echo "$output"; return 1; }
}

# The command that the last run printed after $1.
printed() {
    sed -n "s/^ *$1 *//p" <<<"$output" | head -n 1
}

# Stand-ins of the vendors' APIs (bats/vendors) on port 443 in the network of $CAGE, whose guard's rules reach no
# container beside it. Their requests are in $VENDORS/log, the authority to trust is $VENDORS/ca.pem. Only the keys in
# $VENDORS/keys are taken, where that is there. It ends with remove_cage, and with recreate.
serve_vendors() {
    export VENDORS=$BATS_FILE_TMPDIR/vendors
    [ -e "$VENDORS/server.pem" ] || "$BATS_TEST_DIRNAME/vendors-certificates" "$VENDORS"
    rm -f "$VENDORS/ready"
    docker run --detach --name "isolated-dev-$CAGE-vendors" --network "container:$(guard)" \
        --label "trusty-cage.env=$CAGE" --label "trusty-cage.home=$(cat "$TRUSTY_CAGE_HOME/id")" \
        --user "$(id -u):$(id -g)" --volume "$VENDORS:/vendors" --volume "$BATS_TEST_DIRNAME/vendors:/serve:ro" \
        "$(docker inspect -f '{{.Config.Image}}' "$(guard)")" python3 /serve /vendors "${1:-443}" >/dev/null
    for _ in {1..50}; do [ ! -e "$VENDORS/ready" ] || return 0; sleep 0.1; done
    docker logs "isolated-dev-$CAGE-vendors"
    return 1
}
