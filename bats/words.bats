#!/usr/bin/env bats
# The engine's own errors: for a container that can't be started they name paths of the cage, chosen by the agent.

load cages

setup_file() { make_cage words; }
teardown_file() { remove_cage; }

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

@test "what to do is the last on a terminal, once, after all that make says" {
    run -1 on_terminal "tc create '$BATS_FILE_TMPDIR/$CAGE'"
    says "error: cage '$CAGE' already exists"
    run -3 tc destroy "$CAGE" </dev/null
    [ "${lines[-1]}" = 'Answer yes with: -y' ]
    [ "$(grep -c '^error: ' <<<"$output")" = 1 ]
    [[ ${lines[-3]} == 'make: *** '* ]]
    run -2 make --no-print-directory -C "$ENV" destroy </dev/null
    [[ ${lines[-1]} == 'make: *** '* ]]
    says 'Answer yes with: CAGE_YES=1'
}
