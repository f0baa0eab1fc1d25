#!/usr/bin/env bats
# The recipes belong to their user: hooks, edits, upgrades, and settings of a cage that runs.

load cages

setup_file() { make_cage recipes; }
teardown_file() { remove_cage; }

@test "make -n: every verb shows its commands, changes nothing and shows no secret" {
    export ANTHROPIC_API_KEY=sk-ant-canary-$CAGE
    objects() {
        docker ps --all --no-trunc --format '{{.ID}} {{.State}}' --filter "label=trusty-cage.env=$CAGE"
        docker volume ls --quiet --filter "label=trusty-cage.env=$CAGE"
    }
    objects=$(objects)
    before=$(fingerprint "$ENV")
    for verb in attach start stop status shell exec export destroy rebuild-image recreate auth base-image create; do
        run -0 make -C "$ENV" -n "$verb" CAGE_CMD=true
        says '"$CAGE_ENGINE"'
        says_not canary
    done
    [ "$before" = "$(fingerprint "$ENV")" ]
    [ "$objects" = "$(objects)" ]
}

@test "local.mk: hooks run around a verb, a target of one's own is listed and works" {
    cp "$ENV/local.mk" "$BATS_TEST_TMPDIR/local.mk"
    printf '%s\n' 'pre-exec::' '	@echo before' 'pre-exec::' '	@echo before too' 'post-exec::' '	@echo after' \
        'mine: ## Do what only I do' '	@echo "mine is $$CAGE_NAME"' >>"$ENV/local.mk"
    run -0 tc exec "$CAGE" -- echo during
    [ "$output" = $'before\nbefore too\nduring\nafter' ]
    run -0 make -C "$ENV" help
    says 'mine           Do what only I do'
    run -0 tc make "$CAGE" mine
    says "mine is $CAGE"
    cp "$BATS_TEST_TMPDIR/local.mk" "$ENV/local.mk"
}

@test "limits: memory, cpus and pids change on the running container" {
    run -0 tc set "$CAGE" memory=700m cpus=1 pids=321
    run -0 docker inspect -f '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}} {{.State.Running}}' "isolated-dev-$CAGE"
    [ "$output" = '734003200 1000000000 321 true' ]
    run -0 tc set "$CAGE" memory= cpus= pids=4096
    [ "$(docker inspect -f '{{.HostConfig.PidsLimit}}' "isolated-dev-$CAGE")" = 4096 ]
}

limits_inside() {
    docker inspect --format '{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}' "isolated-dev-$CAGE"
}

# As if this release's template had changed a line of $1 to $2: the last render gets $3 there.
rendered_otherwise() {
    sed "s/$2/$3/" "$ENV/.rendered/$1" >"$BATS_TEST_TMPDIR/copy"
    cp "$BATS_TEST_TMPDIR/copy" "$ENV/.rendered/$1"
}

@test "set: limits that the engine refuses change nothing" {
    tc set "$CAGE" memory=512m
    before=$(cat "$ENV/meta.json" "$ENV/Makefile" "$ENV/.rendered/Makefile")
    run -1 tc set "$CAGE" memory=1 pids=77
    says 'error: the engine refuses these limits; nothing was changed'
    says 'Minimum memory limit'
    [ "$before" = "$(cat "$ENV/meta.json" "$ENV/Makefile" "$ENV/.rendered/Makefile")" ]
    [ "$(limits_inside)" = '536870912 4096' ]
}

@test "set: without an engine the settings change, and it says when they apply" {
    DOCKER_HOST=unix:///nonexistent run -0 tc set "$CAGE" pids=300
    says "It applies after: tc make $CAGE limits (the engine can't be reached now)"
    [ "$(limits_inside)" = '536870912 4096' ]
    run -0 tc make "$CAGE" limits
    [ "$(limits_inside)" = '536870912 300' ]
}

@test "stale: another Dockerfile and other flags are named, and nothing is acted upon" {
    id=$(docker inspect --format '{{.Id}}' "isolated-dev-$CAGE")
    echo 'RUN true' >>"$ENV/Dockerfile"
    tc set "$CAGE" hardened=yes
    run -0 tc start "$CAGE"
    says "The image's recipe changed since this cage was made. Apply it: tc recreate $CAGE (builds what changed)"
    says "The containers' recipe changed since this cage was made. Apply it: tc recreate $CAGE"
    run -0 tc status "$CAGE"
    [[ $output =~ stale\ +"image: tc recreate $CAGE"$'\n'\ +"container: tc recreate $CAGE" ]]
    [[ $output =~ edited\ +Dockerfile ]]
    [ "$id" = "$(docker inspect --format '{{.Id}}' "isolated-dev-$CAGE")" ]
    sed '$d' "$ENV/Dockerfile" >"$BATS_TEST_TMPDIR/Dockerfile"
    cat "$BATS_TEST_TMPDIR/Dockerfile" >"$ENV/Dockerfile"
    tc set "$CAGE" hardened=no
    run -0 tc start "$CAGE"
    says_not changed
}

@test "upgrade: verbs say in a line that the recipes are older, and work" {
    printf 0.0.1 >"$ENV/.rendered/.version"
    run -0 tc exec "$CAGE" -- true
    [ "$(grep -c 'has the recipes of trusty-cage 0.0.1' <<<"$output")" = 1 ]
    run -0 tc render "$CAGE"
    run -0 tc exec "$CAGE" -- true
    says_not 'has the recipes'
}

@test "conflict: the live file works on, and the commands that are printed finish it" {
    sed 's/Started cage/Up is cage/' "$ENV/Makefile" >"$BATS_TEST_TMPDIR/Makefile"
    cat "$BATS_TEST_TMPDIR/Makefile" >"$ENV/Makefile"
    rendered_otherwise Makefile 'Started cage' 'Here is cage'
    run -3 tc render "$CAGE"
    finish=$(sed -n 's/^  \(mv .*\)/\1/p' <<<"$output")
    run -0 tc start "$CAGE"
    says "Up is cage '$CAGE'."
    sed '/^<<<<<<< /d; /^||||||| /,/^>>>>>>> /d' "$ENV/Makefile.merge" >"$BATS_TEST_TMPDIR/merge"
    cat "$BATS_TEST_TMPDIR/merge" >"$ENV/Makefile.merge"
    bash -c "$finish"
    run -0 tc render "$CAGE" --take mine
    run -0 tc start "$CAGE"
    says "Up is cage '$CAGE'."
    run -0 tc diff-recipes "$CAGE"
    says "+	\$(Q)\$(tell) \"Up is cage '@name@'.\""
    run -0 tc list
    [[ $output =~ $CAGE\ +running\ .*\ Makefile\  ]]
}

@test "a hand edit that can't be read: every verb names it, and none runs half" {
    echo 'what is this' >>"$ENV/local.mk"
    line=$(wc -l <"$ENV/local.mk")
    for verb in attach start stop status shell export destroy rebuild-image auth 'set pids=9' 'make stop' render; do
        read -r name rest <<<"$verb"
        # shellcheck disable=SC2086 # words
        run -1 tc "$name" "$CAGE" $rest
        says "local.mk:$line: *** missing separator"
        says "tc diff-recipes $CAGE"
    done
    run -1 tc list
    says "local.mk:$line: *** missing separator"
    [[ $output =~ $CAGE\ +running ]]
    run -0 tc diff-recipes "$CAGE"
    says '+what is this'
}
