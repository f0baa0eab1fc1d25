#!/usr/bin/env bats
# The recipes belong to their user: edits, upgrades and settings of a cage that runs.

load cages

setup_file() { make_cage recipes; }
teardown_file() { remove_cage recipes; }

limits_inside() {
    docker inspect --format '{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}' isolated-dev-recipes
}

# As if this release's template had another line where $1 has $2: what was last rendered has $3 there.
rendered_otherwise() {
    sed "s/$2/$3/" "$ENV/.rendered/$1" >"$BATS_TEST_TMPDIR/copy"
    cp "$BATS_TEST_TMPDIR/copy" "$ENV/.rendered/$1"
}

@test "set: limits that the engine refuses change nothing" {
    tc set recipes memory=512m
    before=$(cat "$ENV/meta.json" "$ENV/Makefile" "$ENV/.rendered/Makefile")
    run -1 tc set recipes memory=1 pids=77
    says 'error: the engine refuses these limits; nothing was changed'
    says 'Minimum memory limit'
    [ "$before" = "$(cat "$ENV/meta.json" "$ENV/Makefile" "$ENV/.rendered/Makefile")" ]
    [ "$(limits_inside)" = '536870912 4096' ]
}

@test "set: without an engine the settings change, and it says when they apply" {
    DOCKER_HOST=unix:///nonexistent run -0 tc set recipes pids=300
    says "It applies after: tc make recipes limits (the engine can't be reached now)"
    [ "$(limits_inside)" = '536870912 4096' ]
    run -0 tc make recipes limits
    [ "$(limits_inside)" = '536870912 300' ]
}

@test "stale: another Dockerfile and other flags are named, and nothing is acted upon" {
    id=$(docker inspect --format '{{.Id}}' isolated-dev-recipes)
    echo 'RUN true' >>"$ENV/Dockerfile"
    tc set recipes hardened=yes
    run -0 tc start recipes
    says "The image's recipe changed since this cage was made. Apply it: tc rebuild-image recipes"
    says 'What the containers are made with changed since. Apply it: tc make recipes recreate'
    run -0 tc status recipes
    [[ $output =~ stale\ +'image container' ]]
    [[ $output =~ edited\ +Dockerfile ]]
    [ "$id" = "$(docker inspect --format '{{.Id}}' isolated-dev-recipes)" ]
    sed '$d' "$ENV/Dockerfile" >"$BATS_TEST_TMPDIR/Dockerfile"
    cat "$BATS_TEST_TMPDIR/Dockerfile" >"$ENV/Dockerfile"
    tc set recipes hardened=no
    run -0 tc start recipes
    says_not changed
}

@test "upgrade: verbs say in a line that the recipes are older, and work" {
    printf 0.0.1 >"$ENV/.rendered/.version"
    run -0 tc exec recipes -- true
    [ "$(grep -c 'has the recipes of trusty-cage 0.0.1' <<<"$output")" = 1 ]
    run -0 tc render recipes
    run -0 tc exec recipes -- true
    says_not 'has the recipes'
}

@test "conflict: the live file works on, and the commands that are printed finish it" {
    sed 's/Started cage/Up is cage/' "$ENV/Makefile" >"$BATS_TEST_TMPDIR/Makefile"
    cat "$BATS_TEST_TMPDIR/Makefile" >"$ENV/Makefile"
    rendered_otherwise Makefile 'Started cage' 'Here is cage'
    run -3 tc render recipes
    finish=$(sed -n 's/^  \(mv .*\)/\1/p' <<<"$output")
    run -0 tc start recipes
    says "Up is cage 'recipes'."
    sed '/^<<<<<<< /d; /^||||||| /,/^>>>>>>> /d' "$ENV/Makefile.merge" >"$BATS_TEST_TMPDIR/merge"
    cat "$BATS_TEST_TMPDIR/merge" >"$ENV/Makefile.merge"
    bash -c "$finish"
    run -0 tc render recipes --take mine
    run -0 tc start recipes
    says "Up is cage 'recipes'."
    run -0 tc diff-recipes recipes
    says "+	\$(Q)\$(tell) \"Up is cage '@name@'.\""
    run -0 tc list
    [[ $output =~ recipes\ +running\ .*\ Makefile\  ]]
}

@test "a hand edit that can't be read: every verb names it, and none runs half" {
    echo 'what is this' >>"$ENV/local.mk"
    line=$(wc -l <"$ENV/local.mk")
    for verb in attach start stop status shell export destroy rebuild-image auth 'set pids=9' 'make stop' render; do
        read -r name rest <<<"$verb"
        # shellcheck disable=SC2086 # words
        run -1 tc "$name" recipes $rest
        says "local.mk:$line: *** missing separator"
        says 'tc diff-recipes recipes'
    done
    run -1 tc list
    says "local.mk:$line: *** missing separator"
    [[ $output =~ recipes\ +running ]]
    run -0 tc diff-recipes recipes
    says '+what is this'
}
