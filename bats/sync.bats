#!/usr/bin/env bats
# sync: the host's changes on their way into the cage. Each test leaves both sides as it found them.

load cages

setup_file() { make_cage sync; }
teardown_file() { remove_cage; }

teardown() { back_to_first; }

@test "sync: the host's changes go in; the agent's newer edits stay without --take host" {
    echo host >>"$CLONE/README"
    rm "$CLONE/run.sh"
    git -C "$CLONE" add --all && git -C "$CLONE" commit --quiet --message Host
    echo private >"$CLONE/untracked.txt"
    run -0 tc sync "$CAGE" -y
    says '1 to the cage, 1 deleted there, 0 conflicts'
    run -0 docker exec "isolated-dev-$CAGE" sh -c 'cat README; ls -A'
    says host
    says_not run.sh
    says_not untracked.txt
    inside <<<'echo agent >>README'
    echo host2 >>"$CLONE/README"
    run -3 tc sync "$CAGE" -y
    says 'README: changed in the cage too'
    run -0 docker exec "isolated-dev-$CAGE" cat README
    says agent
    run -0 tc sync "$CAGE" -y --take host
    run -0 docker exec "isolated-dev-$CAGE" cat README
    says host2
}

@test "sync: only the paths that are named, and never through a link that the agent planted" {
    echo one >>"$CLONE/README"; echo two >>"$CLONE/lib/code.txt"
    run -0 tc sync "$CAGE" lib -y
    says '1 to the cage'
    [ "$(docker exec "isolated-dev-$CAGE" cat README)" = hello ]
    inside <<<'rm -r lib; mkdir /tmp/target; ln -s /tmp/target lib'
    echo three >>"$CLONE/lib/code.txt"
    run -3 tc sync "$CAGE" -y
    says 'stands in the way'
    run -0 docker exec "isolated-dev-$CAGE" ls /tmp/target
    [ "$output" = '' ]
}

@test "sync: a file that git on the host ignores stays there, even one that the base has" {
    inside <<<'echo cage >notes.txt'
    run -0 tc export "$CAGE" -y
    mkdir -p "$CLONE/.git/info"
    echo notes.txt >>"$CLONE/.git/info/exclude"
    echo private >"$CLONE/notes.txt"
    run -0 tc sync "$CAGE" -y
    says '0 to the cage, 0 deleted there, 0 conflicts, 1 ignored on the host and kept there'
    [ "$(docker exec "isolated-dev-$CAGE" cat notes.txt)" = cage ]
    : >"$CLONE/.git/info/exclude"
}

@test "sync: a file of the host's own stays there, though the cage has one of its name" {
    inside <<<'echo cage >notes.txt; echo new >new.txt'
    echo private >"$CLONE/notes.txt"
    run -0 tc export "$CAGE" -y --take host
    echo 'more of it' >>"$CLONE/notes.txt"
    run -0 tc sync "$CAGE" -y --take host
    says '0 to the cage, 0 deleted there, 0 conflicts'
    [ "$(docker exec "isolated-dev-$CAGE" cat notes.txt)" = cage ]
}

@test "sync: hard links of the host arrive, each as a file of its own" {
    ln "$CLONE/README" "$CLONE/same.txt"
    git -C "$CLONE" add same.txt
    echo host >>"$CLONE/README"
    run -0 tc sync "$CAGE" -y
    says '2 to the cage'
    run -0 docker exec "isolated-dev-$CAGE" sh -c 'cat README same.txt; stat -c %h README same.txt; ls -A'
    [ "$output" = $'hello\nhost\nhello\nhost\n1\n1\n.git\n.gitignore\nREADME\nlib\nlink\nrun.sh\nsame.txt' ]
}

@test "sync: a file of a repository in an ignored folder stays there" {
    inside <<<'mkdir vendor; echo cage >vendor/x'
    run -0 tc export "$CAGE" -y
    mkdir -p "$CLONE/.git/info"
    echo vendor/ >>"$CLONE/.git/info/exclude"
    git init --quiet "$CLONE/vendor"
    echo private >"$CLONE/vendor/x"
    run -0 tc sync "$CAGE" -y
    : >"$CLONE/.git/info/exclude"
    rm -rf "$CLONE/vendor"
    says '0 to the cage, 0 deleted there, 0 conflicts'
}

@test "sync: links of the host that are hard links of each other stay in the cage" {
    inside <<<'ln -s README one; ln -s README two'
    run -0 tc export "$CAGE" -y
    rm "$CLONE/two" && ln -P "$CLONE/one" "$CLONE/two"
    run -0 tc sync "$CAGE" -y
    says '0 to the cage, 0 deleted there, 0 conflicts'
}

@test "sync: a path that begins with ./ is that path" {
    echo one >>"$CLONE/README"; echo two >>"$CLONE/lib/code.txt"
    run -0 tc sync "$CAGE" ./README -y
    says '1 to the cage'
    [ "$(docker exec "isolated-dev-$CAGE" cat README lib/code.txt)" = $'hello\none\nlibrary' ]
}

@test "sync: a path that nothing has is an error" {
    echo one >>"$CLONE/README"
    run -2 tc sync "$CAGE" -y README none.txt
    says "came from the cage at: none.txt"
    [ "$(docker exec "isolated-dev-$CAGE" cat README)" = hello ]
}

@test "sync: a cage that was left paused is paused again while it is written" {
    echo theirs >"$CLONE/README"
    docker pause "isolated-dev-$CAGE" >/dev/null
    TRUSTY_CAGE_TRACE=1 run -0 tc sync "$CAGE" -y
    says_not 'is not paused'
    [[ $output =~ synced\ +docker\ pause.*synced\ +docker\ run ]] || [[ $output =~ docker\ pause.*docker\ run.*receive ]]
    [ "$(docker inspect --format '{{.State.Status}}' "isolated-dev-$CAGE")" = running ]
    [ "$(tc exec "$CAGE" -- cat README)" = theirs ]
    git -C "$CLONE" checkout -q README
    run -0 tc sync "$CAGE" -y
}
