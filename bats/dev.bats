#!/usr/bin/env bats
# The tools of developing: they refuse the faults that they look for, and nothing else.

load cages

setup() {
    cd "$BATS_TEST_DIRNAME/.." || return
}
teardown() {
    [ -n "${KILLED:-}" ] || return 0
    kill -KILL -- "-$KILLED" 2>/dev/null || true
    TMPDIR=$BATS_TEST_TMPDIR bats/runs sweep
}

@test "lint-portable: every rule refuses its own example" {
    run -0 dev/lint-portable --examples
    [ -z "$output" ]
}

@test "lint-portable: names the file, the line and what to write instead" {
    printf '%s\n' 'set -eu' "sed -i 's/a/b/' file" >"$BATS_TEST_TMPDIR/script"
    run -1 dev/lint-portable "$BATS_TEST_TMPDIR/script"
    [ "${lines[0]}" = "$BATS_TEST_TMPDIR/script:2: sed -i 's/a/b/' file" ]
    [ "${lines[1]}" = '    not portable: use sed … >new and cat new >old' ]
}

@test "lint-portable: make's rules hold in makefiles only, the shell's in both" {
    printf '%s\n' '.ONESHELL:' 'x:' >"$BATS_TEST_TMPDIR/Makefile"
    printf '%s\n' 'echo .ONESHELL:' >"$BATS_TEST_TMPDIR/script"
    run -1 dev/lint-portable "$BATS_TEST_TMPDIR/Makefile"
    run -0 dev/lint-portable "$BATS_TEST_TMPDIR/script"
    printf '\t%s\n' 'readlink -f x' >>"$BATS_TEST_TMPDIR/Makefile"
    run -1 dev/lint-portable "$BATS_TEST_TMPDIR/Makefile"
    [[ $output == *'readlink -f x'* ]]
}

@test "lint-portable: lets pass what is portable, what the engine is told, and what is marked" {
    cat >"$BATS_TEST_TMPDIR/Makefile" <<'MK'
# sed -i, .ONESHELL, declare -A: a comment.
export CAGE_X := $(call tag,x,y)
define RECIPE
endef
all: a b | c ; @test "$$x" != y && echo "$$x"
	"$$CAGE_ENGINE" rm --force -- "$$CAGE_NAME"
	sed -n 's/a/b/p' x | sort -u | xargs -0 rm -f --
	tar -C a -cf - --no-recursion --null -T list | tar -xpf - -C b
	tar -C x -cf - . | tar -xf - --no-same-owner
	date -u +%Y%m%dT%H%M%SZ; find . -type f -print0; mkdir -p -m 700 x; head -n 1 x; stat_of -x
	local=a; grep -qxF -- "$$a" list; grep -Eq '^(a|b)$$' x; cp -R a/. b/; echo "$${x%,}" "$${list[*]}"
	setsid dockerd # linux
MK
    run -0 dev/lint-portable "$BATS_TEST_TMPDIR/Makefile"
    [ -z "$output" ]
}

@test "setup: a purpose that there is none of is refused" {
    run -1 dev/setup nonsense
    [ "${lines[0]}" = "error: 'nonsense' is no purpose" ]
}

@test "bats: the ten slowest tests are named, and what failed; output and exit code stay" {
    local stub=$BATS_TEST_TMPDIR/stub
    mkdir "$stub"
    printf '#!/bin/sh\necho 1..12\nfor i in 2 1 3 4 5 6 7 8 9 10 11; do echo "ok $i test $i in ${i}200ms"; done\n' >"$stub/bats"
    printf 'echo "not ok 12 in the end in 99999ms # timeout"; echo "# why"; echo "ok 13 none # skip"; exit 3\n' >>"$stub/bats"
    chmod 755 "$stub/bats"
    PATH=$stub:$PATH run -3 dev/bats some.bats
    [ "${lines[0]} ${lines[1]} ${lines[13]}" = '1..12 ok 2 test 2 in 2200ms # why' ] || { printf '%s\n' "${lines[@]}"; false; }
    [ "${lines[14]}" = 'ok 13 none # skip' ]
    [ "${lines[15]} ${lines[16]}" = 'The slowest:   100.0 s  in the end' ]
    [ "${lines[17]}" = '   11.2 s  test 11' ]
    [ "${lines[-3]}" = '    3.2 s  test 3' ]
    [ "${lines[-2]} ${lines[-1]}" = 'Failed:   100.0 s  in the end' ]
}

# A run of bats within this one, without the outer one's variables.
inner() {
    local name unset=()
    for name in "${!BATS_@}"; do unset+=(-u "$name"); done
    exec env "${unset[@]}" TMPDIR="$BATS_TEST_TMPDIR" "$@" 3>&- 4>&-
}

@test "runs: two of one file, side by side on one engine, both pass" {
    (inner bats --filter 'set: limits' bats/recipes.bats) >"$BATS_TEST_TMPDIR/first" 2>&1 &
    run inner bats --filter 'set: limits' bats/recipes.bats
    echo "$output"
    wait $! || { cat "$BATS_TEST_TMPDIR/first"; false; }
    [ "$status" = 0 ]
    grep '^ok 1 ' "$BATS_TEST_TMPDIR/first"
    says 'ok 1 '
    says_not 'was killed'
}

# How many containers and volumes the cage $1 has.
objects() {
    { docker ps --all --quiet --filter "label=trusty-cage.env=$1"; docker volume ls --quiet --filter "label=trusty-cage.env=$1"; } | wc -l
}

@test "runs: one that goes on is let be, what one that was killed has left is gone after the next" {
    local notes cage folder left
    notes=$BATS_TEST_TMPDIR/trusty-cage-runs-$(id -u)
    (inner setsid bats bats/recipes.bats) >"$BATS_TEST_TMPDIR/killed" 2>&1 &
    KILLED=$!
    for _ in $(seq 600); do
        cage=$(ls "$notes" 2>/dev/null || true)-recipes
        [ -z "$(docker ps --quiet --filter "name=^isolated-dev-$cage\$")" ] || break
        sleep 0.2
    done
    folder=$(sed -n 2p "$notes/${cage%-recipes}")
    BATS_RUN_TMPDIR=$folder setsid sleep 500 3>&- &
    left=$!
    kill -STOP -- "-$KILLED"
    run -0 inner bats --filter 'a purpose' bats/dev.bats
    says_not swept
    [ "$(objects "$cage")" -ge 4 ]
    kill -KILL -- "-$KILLED"
    run -0 inner bats --filter 'a purpose' bats/dev.bats
    says "${cage%-recipes} is swept"
    [ "$(objects "$cage")" = 0 ]
    [ -n "$folder" ] && [ ! -e "$folder" ]
    run -137 wait "$left"
    [ -z "$(ls "$notes")" ]
}

@test "runs: a number that another program has by now is no run; what another namespace notes is let be" {
    local notes
    export TMPDIR=$BATS_TEST_TMPDIR
    notes=$TMPDIR/trusty-cage-runs-$(id -u)
    mkdir "$TMPDIR/bats-run-one" "$TMPDIR/bats-run-two"
    bats/runs begin one $$ "$TMPDIR/bats-run-one"
    bats/runs begin two $$ "$TMPDIR/bats-run-two"
    sed -i '$s/.*/pid:[1]/' "$notes/two"
    run -0 bats/runs sweep
    [ "$output" = '# a run that was killed left things: one is swept' ]
    [ ! -e "$TMPDIR/bats-run-one" ] && [ -d "$TMPDIR/bats-run-two" ]
    [ "$(ls "$notes")" = two ]
}
