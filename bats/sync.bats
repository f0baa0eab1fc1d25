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
    says 'lib/code.txt: changed in the cage too'
    echo new >"$CLONE/lib/new.txt" && git -C "$CLONE" add lib && git -C "$CLONE" checkout -q HEAD -- lib/code.txt
    run -3 tc sync "$CAGE" -y
    says 'lib/new.txt: lib stands in the way'
    run -0 tc sync "$CAGE" -y --take host
    run -0 docker exec "isolated-dev-$CAGE" sh -c 'ls /tmp/target; ls lib'
    [ "$output" = $'code.txt\nnew.txt' ]
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

@test "sync: what a sparse check-out hides is not deleted in the cage, nor asked about by an export" {
    git -C "$CLONE" sparse-checkout set --no-cone /README
    [ ! -e "$CLONE/lib" ]
    run -0 tc sync "$CAGE" -y
    says '0 to the cage, 0 deleted there, 0 conflicts'
    inside <<<'echo more >>lib/code.txt'
    run -0 tc export "$CAGE" -y
    says '0 added, 1 changed, 0 deleted'
    [ "$(cat "$CLONE/lib/code.txt")" = $'library\nmore' ]
    run -0 tc export "$CAGE" --undo -y
    [ ! -e "$CLONE/lib" ]
    git -C "$CLONE" sparse-checkout disable
}

@test "sync: where a large part would go it asks for --force, and its undo brings all of it back" {
    mkdir "$CLONE/many" && (cd "$CLONE/many" && for i in {1..30}; do echo "$i" >"$i"; done)
    git -C "$CLONE" checkout -q -b more && git -C "$CLONE" add many && git -C "$CLONE" commit -qm More
    run -0 tc sync "$CAGE" -y
    inside <<<'echo cage >many/7; chmod 755 many/8'
    git -C "$CLONE" checkout -q trunk
    run -3 tc sync "$CAGE" -y --take host
    says '30 of 35 files would be deleted, so nothing was written'
    says "Write it all the same: tc sync $CAGE --force --yes"
    [ "$(docker exec "isolated-dev-$CAGE" ls many | wc -l)" = 30 ]
    run -0 tc sync "$CAGE" -y --take host --force
    says "Undo:  tc sync $CAGE --undo"
    run ! docker exec "isolated-dev-$CAGE" ls many
    backup=$ENV/$(tail -n 1 "$ENV/.history/syncs")
    [ "$(stat -c %a "$backup/inside.tar")" = 600 ]
    inside <<<'mkdir many; echo later >many/9; echo own >many/own'
    run -2 tc sync "$CAGE" --undo README
    says 'an undo takes back a whole sync'
    run -0 tc sync "$CAGE" --undo -y
    says '30 to the cage, 0 deleted there'
    run -0 docker exec "isolated-dev-$CAGE" sh -c 'cat many/7 many/9 many/own; stat -c %a many/8; ls many | wc -l'
    [ "$output" = $'cage\n9\nown\n755\n31' ]
    tar -xOf "$backup"/undone-*.tar ./many/9 | grep -qx later
    says_not error
    run -0 make -C "$ENV" sync CAGE_UNDO=1 CAGE_YES=1
    says '0 to the cage, 30 deleted there'
    run -1 tc sync "$CAGE" --undo -y
    says 'there is no sync to undo'
}

@test "sync: a file that became a folder, a folder that became a file, and a link, in each direction" {
    rm "$CLONE/README" && mkdir "$CLONE/README" && echo 1 >"$CLONE/README/x"
    rm -r "${CLONE:?}/lib" && echo file >"$CLONE/lib"
    rm "$CLONE/link" && ln -s run.sh "$CLONE/link"
    git -C "$CLONE" add --all
    run -0 tc sync "$CAGE" -y
    run -0 docker exec "isolated-dev-$CAGE" sh -c 'cat README/x lib; readlink link'
    [ "$output" = $'1\nfile\nrun.sh' ]
    run -0 tc sync "$CAGE" --undo -y
    run -0 docker exec "isolated-dev-$CAGE" sh -c 'cat README lib/code.txt; readlink link; git status --porcelain'
    [ "$output" = $'hello\nlibrary\nREADME' ]
    # The cage replaces a folder whose files the host changes, and the other way round.
    git -C "$CLONE" reset -q --hard
    echo host >>"$CLONE/lib/code.txt" && echo more >"$CLONE/lib/more.txt" && git -C "$CLONE" add --all
    inside <<<'rm -r lib; echo cage >lib'
    run -3 tc sync "$CAGE" -y
    run -0 tc sync "$CAGE" -y --take host
    [ "$(docker exec "isolated-dev-$CAGE" sh -c 'cat lib/*')" = $'library\nhost\nmore' ]
    run -0 tc sync "$CAGE" --undo -y
    [ "$(docker exec "isolated-dev-$CAGE" cat lib)" = cage ]
    run -3 tc export "$CAGE" -y
    echo own >"$CLONE/lib/own.txt"
    run -3 tc export "$CAGE" -y --take cage
    says 'files that only the host has, or a link, stand in the way'
    rm "$CLONE/lib/own.txt"
    run -0 tc export "$CAGE" -y --take cage
    [ "$(cat "$CLONE/lib")" = cage ]
    run -0 tc export "$CAGE" --undo -y
    [ "$(cat "$CLONE"/lib/*)" = $'library\nhost\nmore' ]
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
