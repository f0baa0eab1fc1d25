# Once for all bats files: surroundings of their own, a base image from this machine's package mirror, and the images
# that every cage here shares. All objects go by their labels, at the end; after a kill, when the next run begins.
# shellcheck shell=bash

setup_suite() {
    bats_require_minimum_version 1.7.0
    limit_time
    own_name
    own_surroundings
    tc create "$BATS_SUITE_TMPDIR/empty" --name suite --render-only >&2
    if ! docker image inspect "$TRUSTY_CAGE_BASE_IMAGE" >/dev/null 2>&1; then
        note "making the base image $TRUSTY_CAGE_BASE_IMAGE"
        make -C "$TRUSTY_CAGE_HOME/envs/suite" base-image >&2
    fi
    note 'building the images'
    # The network, too: files that run side by side have homes of their own, which no lock keeps apart.
    CAGE_MISSING=ok make -C "$TRUSTY_CAGE_HOME/envs/suite" image guard-image network-there >&2
    rm -r "$TRUSTY_CAGE_HOME/envs/suite"
}

teardown_suite() {
    "$BATS_TEST_DIRNAME/runs" end "$RUN"
}

# The names of this run's cages begin with it: two runs on one engine don't meet.
own_name() {
    RUN=$(od -An -N3 -tx1 /dev/urandom | tr -d ' \n')
    export RUN
    "$BATS_TEST_DIRNAME/runs" sweep >&3
    "$BATS_TEST_DIRNAME/runs" begin "$RUN" $$ "$BATS_RUN_TMPDIR"
}

# No test waits for ever; BATS_TEST_TIMEOUT=60 before 'make bats' is another limit.
limit_time() {
    export BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-900}
    "$BATS_TEST_DIRNAME/time-limit" "$PPID" >/dev/null 2>&1 </dev/null 3>&- 4>&- &
}

# The caller's settings, git configuration and key must not change the tests' results.
own_surroundings() {
    local name
    for name in "${!TRUSTY_CAGE_@}" "${!CAGE_@}" "${!ANTHROPIC_@}" "${!OPENAI_@}" "${!GEMINI_@}" "${!GOOGLE_@}" "${!GIT_@}" "${!PYTHON@}"; do
        [ "$name" = TRUSTY_CAGE_CA_BUNDLE ] || unset "$name"
    done
    # A make that runs the tests, by its own flags and depth.
    unset MAKEFLAGS MAKELEVEL MFLAGS
    export DOCKER_CONFIG=${DOCKER_CONFIG:-$HOME/.docker}
    export HOME=$BATS_SUITE_TMPDIR/user TRUSTY_CAGE_HOME=$BATS_SUITE_TMPDIR/cages
    # The sockets of tmux are this run's, too.
    export TMUX_TMPDIR=$BATS_SUITE_TMPDIR
    export PATH=$BATS_TEST_DIRNAME/../.venv/bin:$PATH
    TRUSTY_CAGE_BASE_IMAGE=$(cd "$BATS_TEST_DIRNAME/.." && . dev/words && base_image)
    # Unless it is set, a create on a terminal asks for the identity of commits.
    export TRUSTY_CAGE_BASE_IMAGE TRUSTY_CAGE_IMAGE=slim TRUSTY_CAGE_GIT_IDENTITY=no
    mkdir "$HOME"
    git config --global user.name Tester
    git config --global user.email tester@localhost
    git init --quiet "$BATS_SUITE_TMPDIR/empty"
}

note() {
    echo "# $1" >&3
}
