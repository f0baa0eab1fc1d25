#!/usr/bin/env bats
# The guard's recipe is its user's: an edit of the rules of what may leave is in force at the next export, one of the
# packet rules after 'recreate'.

load cages

setup_file() { make_cage guard; }
teardown_file() { remove_cage; rm -rf "$TRUSTY_CAGE_HOME/trash/$CAGE"-*; }

@test "guard: an edit of its rules is said by start and status, and in force at the next export, or after recreate" {
    sed -i 's/^REFUSED = \[$/&\n    ("*.pem", "may hold a private key"),/' "$ENV/guard/rules.py"
    sed -i 's/^        tcp dport 22 reject with tcp reset$/&\n        tcp dport { 4242, 4243 } counter reject\n        udp dport 4242 limit rate 5\/second counter/' \
        "$ENV/guard/policy"
    inside <<<'echo key >key.pem; mkdir keys; echo key >keys/MY.PEM; echo free >free; git add --all; git commit --quiet -m work'
    run -0 tc start "$CAGE"
    says "The guard's recipe changed since this cage was made. Apply it: tc recreate $CAGE"
    run -0 tc status "$CAGE"
    says "guard: tc recreate $CAGE"
    [[ $output =~ edited\ +guard/policy\ guard/rules.py ]]
    run -3 tc export "$CAGE" --dry-run
    says 'key.pem: may hold a private key'
    run -0 docker exec "$(guard)" nft list table inet trusty_cage
    says_not 4242
    run -0 tc make -y "$CAGE" recreate
    for _ in 1 2; do
        run -0 tc start "$CAGE"
        says_not changed
    done
    run -0 tc status "$CAGE"
    [[ $output =~ stale\ +- ]]
    run -0 docker exec "$(guard)" nft list table inet trusty_cage
    says 'tcp dport { 4242, 4243 } counter packets'
}

@test "guard: a row of REFUSED holds for an export, a branch, the commits and the bundles of a destroy" {
    for way in '' --branch --commits; do
        # shellcheck disable=SC2086 # an option, or none
        run -3 tc export "$CAGE" -y $way
        says 'key.pem: may hold a private key'
        says 'keys/MY.PEM: may hold a private key'
        [ ! -e "$CLONE/key.pem" ]
        [ ! -e "$CLONE/free" ]
    done
    run -3 tc export "$CAGE" -y --skip-refused
    [ "$(cat "$CLONE/free")" = free ]
    [ ! -e "$CLONE/key.pem" ]
    [ ! -e "$CLONE/keys" ]
    git -C "$CLONE" rev-parse --quiet --verify cage/"$CAGE" && false
    run -3 tc destroy "$CAGE" -y
    says 'some entries may not leave the cage, so nothing was destroyed'
    run -0 tc destroy "$CAGE" -y --force
    for bundle in "$TRUSTY_CAGE_HOME/trash/$CAGE"-*/.history/destroyed/{commits,branch}.bundle; do
        rm -rf "$BATS_TEST_TMPDIR/it" && git clone --quiet --mirror "$CLONE" "$BATS_TEST_TMPDIR/it"
        git -C "$BATS_TEST_TMPDIR/it" fetch --quiet "$bundle" refs/heads/work:refs/heads/kept
        run -0 git -C "$BATS_TEST_TMPDIR/it" log --all --name-only --format=
        says free
        says_not key.pem
        says_not MY.PEM
    done
}
