#!/usr/bin/env bats
# The tools of developing: what they refuse, and that they refuse nothing else.

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_DIRNAME/.." || return
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
