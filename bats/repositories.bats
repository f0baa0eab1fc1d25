#!/usr/bin/env bats
# Every kind of repository becomes a cage with exactly its files, and work done there comes home.
# shellcheck disable=SC2016 # a '$' is part of a name, or for the shell inside

load cages

setup_file() { own_home; }
setup() {
    cd "$BATS_TEST_TMPDIR" || return
    export CAGE=$RUN-repos
    ENV=$TRUSTY_CAGE_HOME/envs/$CAGE CLONE=$TRUSTY_CAGE_HOME/envs/$CAGE/repo
    git init --quiet --initial-branch trunk source
    export SCREEN=repositories
}
teardown() {
    tmux -L repositories kill-server 2>/dev/null || true
    [ ! -e server.pid ] || kill "$(cat server.pid)"
    remove_cage
}

# No packing in the background: a clone at that moment ends, since git misses objects that it has listed.
commit() {
    git -C source add --all --force
    git -C source -c gc.auto=0 commit --quiet --message Work
}

create() {
    run -0 tc create "${1:-$PWD/source}" --name "$CAGE" --no-attach "${@:2}"
    says "Created cage '$CAGE'."
}

# The cage has exactly these files, one name a line.
holds() {
    run -0 docker exec "isolated-dev-$CAGE" sh -c 'git ls-files -z | tr "\0\n" "\n@"'
    [ "$output" = "$1" ]
    [ -z "$(tc exec "$CAGE" -- git status --porcelain 2>&1)" ]
    [ "$(tc exec "$CAGE" -- git log --format=%s 2>&1)" = 'Initial commit (trusty-cage import)' ]
}

# A file made inside comes home, and nothing else changes there.
comes_home() {
    inside <<<'echo made >made-inside.txt'
    run -0 tc export "$CAGE" -y --include-ignored
    says '1 added, 0 changed, 0 deleted, 0 refused, 0 held back'
    [ "$(cat "$CLONE/made-inside.txt")" = made ]
}

@test "an empty repository: its head is not born yet" {
    create
    holds ''
    comes_home
    [ "$(git -C "$CLONE" symbolic-ref HEAD)" = refs/heads/trunk ]
    inside <<<'git add .; git commit -q -m made'
    run -0 tc export "$CAGE" --commits
    run -0 bash -c "$(sed -n 's/^Look:  *git /git --no-pager /p' <<<"$output")"
    says made
    run -0 tc destroy "$CAGE" -y
}

@test "another default branch, and one that is asked for" {
    echo one >source/file && commit
    git -C source checkout --quiet -b develop
    echo two >source/file && commit
    create
    [ "$(docker exec "isolated-dev-$CAGE" cat file)" = two ]
    [ "$(git -C "$CLONE" symbolic-ref --short HEAD)" = develop ]
    remove_cage
    create "$PWD/source" --branch trunk
    [ "$(docker exec "isolated-dev-$CAGE" cat file)" = one ]
    remove_cage
    run -1 tc create "$PWD/source" --name "$CAGE" --no-attach --branch none
    says "can't be cloned"
}

@test "submodules stay empty folders, and an export leaves them alone" {
    git init --quiet sub && git -C sub commit --quiet --allow-empty --message sub
    git -C source -c protocol.file.allow=always submodule --quiet add "$PWD/sub" sub
    echo own >source/own && commit
    create
    run -0 docker exec "isolated-dev-$CAGE" ls -A
    says own
    says .gitmodules
    comes_home
    run -0 git -C "$CLONE" status --porcelain
    [ "$output" = '?? made-inside.txt' ]
}

@test "large files in LFS stay pointers; no filter is run" {
    echo '*.bin filter=lfs diff=lfs merge=lfs -text' >source/.gitattributes
    printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 9\n' 7 >source/large.bin
    git -C source -c filter.lfs.clean=cat -c filter.lfs.process= -c filter.lfs.required=false add --all
    commit
    git config --global filter.lfs.smudge "touch '$PWD/ran'; cat"
    git config --global filter.lfs.required true
    create
    git config --global --unset filter.lfs.smudge
    git config --global --unset filter.lfs.required
    [ ! -e ran ]
    [ "$(docker exec "isolated-dev-$CAGE" cat large.bin)" = "$(cat source/large.bin)" ]
    comes_home
}

@test "all files are ignored ones, all the same committed" {
    echo '*' >source/.gitignore
    echo kept >source/kept.txt
    mkdir source/build && echo out >source/build/out.txt
    commit
    create
    holds $'.gitignore\nbuild/out.txt\nkept.txt'
    inside <<<'echo changed >build/out.txt'
    run -0 tc export "$CAGE" -y
    [ "$(cat "$CLONE/build/out.txt")" = changed ]
}

@test "an encoding that is none, as the attributes have it, keeps no file out" {
    echo one >source/file && commit
    echo 'file working-tree-encoding=NOPE-8' >source/.gitattributes
    git -C source add .gitattributes && git -C source commit --quiet --message Encoding
    create
    [ "$(docker exec "isolated-dev-$CAGE" git ls-files)" = $'.gitattributes\nfile' ]
    comes_home
}

@test "names with line breaks, blanks, quotes, escape sequences and other bytes" {
    (
        cd source || exit
        for name in $'two\nlines' ' blank ' "quo'te\"s" '$(id)' '`id`' '-x' '--help' $'esc\e]0;x\a' '#h' 'a\b' 'é ü' '*' '{{7*7}}'; do
            echo "$name" >"./$name"
        done
        mkdir $'dir\nx' && echo in >$'dir\nx/file'
    )
    commit
    create
    run -0 docker exec "isolated-dev-$CAGE" sh -c 'find . -name .git -prune -o -type f -print0 | sort -z | xargs -0 sha256sum -z | sha256sum'
    [ "$output" = "$(cd source && find . -name .git -prune -o -type f -print0 | sort -z | xargs -0 sha256sum -z | sha256sum)" ]
    inside <<<'find . -name .git -prune -o -type f -print0 | xargs -0 -I@ sh -c "echo more >>\"\$1\"" - @'
    run -0 tc export "$CAGE" -y --skip-refused
    [[ $output != *$'\e'* ]] && [[ $output != *$'\a'* ]]
    [ "$(tail -n 1 "$CLONE/two"$'\n'lines)" = more ]
    [ "$(tail -n 1 "$CLONE/-x")" = more ]
}

@test "twenty thousand files" {
    (cd source && mkdir $(seq 100) && seq 20000 | awk '{ f = ($1 % 100 + 1) "/" $1; print $1 >f; close(f) }')
    commit
    create
    run -0 docker exec "isolated-dev-$CAGE" sh -c 'git ls-files | wc -l'
    [ "$output" = 20000 ]
    comes_home
    [ "$(git -C "$CLONE" status --porcelain)" = '?? made-inside.txt' ]
}

@test "a bundle" {
    echo one >source/file && commit
    git -C source bundle create --quiet ../some.bundle HEAD trunk
    create "$PWD/some.bundle"
    holds file
    comes_home
}

@test "a bare repository, and a work tree of another" {
    echo one >source/file && commit
    git clone --quiet --bare source bare.git
    create "$PWD/bare.git"
    holds file
    comes_home
    git -C "$CLONE" add --all && git -C "$CLONE" commit --quiet --message home
    bash -c "$(sed -n 's/^Bring it home, once committed:  //p' <<<"$output")"
    [ "$(git --git-dir bare.git show trunk:made-inside.txt)" = made ]
    remove_cage
    git -C source worktree add --quiet ../tree -b other
    create "$PWD/tree"
    holds file
    [ "$(git -C "$CLONE" symbolic-ref --short HEAD)" = other ]
}

@test "a repository of another user: once git's own advice is followed, its origin and its changes are known" {
    [ "$(id -u)" = 0 ] || skip 'gives a repository to another user'
    echo one >source/file && commit
    git -C source remote add origin https://example.com/theirs.git
    echo two >>source/file
    chown -R 65534 source
    run -1 tc create "$PWD/source" --name "$CAGE" --no-attach
    advice=$(sed -n 's/^\t\(git config --global --add safe.directory .*\)/\1/p' <<<"$output")
    [ -n "$advice" ] && eval "$advice"
    run -0 tc create "$PWD/source" --name "$CAGE" --no-attach
    says '1 uncommitted file of'
    [ "$(git -C "$CLONE" config remote.origin.url)" = https://example.com/theirs.git ]
    git config --global --unset-all safe.directory
}

@test "a clone that borrows, one without old files and a shallow one: work comes home as commits, and into the trash" {
    for text in one two three; do echo $text >source/file && commit; done
    git -C source config uploadpack.allowFilter true
    git clone --quiet --shared source shared
    git clone --quiet --filter=blob:none "file://$PWD/source" partial
    git clone --quiet --depth 1 "file://$PWD/source" shallow
    for kind in shared partial shallow; do
        echo "$kind"
        create "$PWD/$kind"
        holds file
        [ "$(docker exec "isolated-dev-$CAGE" cat file)" = three ]
        inside <<<'git config user.name a; git config user.email a@b; echo 1 >new; git add new; git commit -qm Mine; echo 2 >new'
        run -0 tc export "$CAGE" --commits
        [ "$(git -C "$CLONE" show "cage/$CAGE:new")" = 1 ]
        run -0 tc export "$CAGE" --branch --as state
        [ "$(git -C "$CLONE" show state:new)" = 2 ]
        git -C "$CLONE" branch -qD "cage/$CAGE" state
        run -0 tc destroy "$CAGE" -y
        for bundle in branch:work commits:main; do
            git -C "$CLONE" fetch -q "$(find "$TRUSTY_CAGE_HOME/trash" -path "*/$CAGE-*/${bundle%:*}.bundle")" \
                "${bundle#*:}:${bundle%:*}"
        done
        [ "$(git -C "$CLONE" show commits:new)" = 1 ] && [ "$(git -C "$CLONE" show branch:new)" = 2 ]
        remove_cage
        rm -rf "$TRUSTY_CAGE_HOME"/trash/*
    done
}

@test "a path with blanks, quotes and a dollar sign" {
    echo one >source/file && commit
    mv source "it's \$HOME (ü)"
    create "$PWD/it's \$HOME (ü)"
    holds file
    comes_home
    run -0 tc destroy "$CAGE" -y
}

# A server with a private repository; its port comes in $PORT.
serve() {
    echo one >source/file && commit
    git clone --quiet --bare source served.git
    "$BATS_TEST_DIRNAME/git-server" "$PWD" 'me:canary-0123456789' >port 2>/dev/null 3>&- &
    echo $! >server.pid
    for _ in $(seq 50); do [ ! -s port ] || break; sleep 0.1; done
    PORT=$(cat port)
}

@test "a private repository asks for the password in the terminal, and keeps it nowhere" {
    serve
    tmux -L repositories new-session -d -x 150 -y 40
    tmux -L repositories send-keys "PATH='$PATH' tc create http://127.0.0.1:$PORT/served.git --name $CAGE --no-attach --auth-mode api_key; echo code=\$?" Enter
    screen_shows 'Username for'
    tmux -L repositories send-keys me Enter
    screen_shows 'Password for'
    tmux -L repositories send-keys canary-0123456789 Enter
    screen_shows 'code=0'
    holds file
    run grep -r canary "$ENV"
    says_not canary
    run docker inspect "isolated-dev-$CAGE" "$(guard)"
    says_not canary
}

@test "a private repository without a terminal: an error in words, and with a credential helper it works" {
    serve
    run -1 setsid --wait tc create "http://127.0.0.1:$PORT/served.git" --name "$CAGE" --no-attach </dev/null
    says "'http://127.0.0.1:$PORT/served.git' can't be cloned"
    run -2 tc create "http://me:canary-0123456789@127.0.0.1:$PORT/served.git" --name "$CAGE" --no-attach
    says 'holds a password or a token'
    says_not canary
    git config --global credential.helper '!f() { echo username=me; echo password=canary-0123456789; }; f'
    create "http://127.0.0.1:$PORT/served.git"
    git config --global --unset credential.helper
    holds file
}

@test "a local repository that git would wait for, and a tree that it refuses, are told in words" {
    echo one >source/file && commit
    cp -a source fifo && rm fifo/.git/index && mkfifo fifo/.git/index
    run -1 timeout 60 tc create "$PWD/fifo" --name "$CAGE" --no-attach
    says "error: git would wait for this, or read it without end: $PWD/fifo/.git/index"
    run -0 tc destroy "$CAGE" -y
    rm -rf "$TRUSTY_CAGE_HOME/envs/$CAGE"
    top=$( (printf '100644 .git\0' && git -C source rev-parse HEAD:file |
        python3 -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read()))') |
        git -C source hash-object -w -t tree --literally --stdin)
    below=$(printf '040000 tree %s\t\033]0;x\007\n' "$top" | git -C source mktree)
    for tree in "$top" "$below"; do
        git -C source update-ref HEAD "$(git -C source commit-tree -m x "$tree")"
        run -1 timeout 120 tc create "$PWD/source" --name "$CAGE" --no-attach
        says "error: the repository has a file name that git refuses here"
        for word in fatal 'invalid path' gitfile $'\e'; do says_not "$word"; done
        remove_cage
    done
}

# A bare repository, $1, whose HEAD names 'master', with each other argument as a branch.
headless() {
    git init --quiet --initial-branch first work
    git -C work commit --quiet --allow-empty --message First
    git init --quiet --bare --initial-branch master "$1"
    git -C work push --quiet "$PWD/$1" "${@:2}"
    rm -rf work
}

@test "a HEAD that names no branch: the only one is taken, and said" {
    headless bare.git first:main
    run -0 tc create "$PWD/bare.git" --name "$RUN-headless" --no-attach
    says "The repository's HEAD names 'master', which is not there: its only branch 'main' is taken."
    run -0 tc exec "$RUN-headless" -- git log -1 --format=%s
    run -0 git -C "$TRUSTY_CAGE_HOME/envs/$RUN-headless/repo" rev-parse --abbrev-ref HEAD '@{upstream}'
    [ "$output" = $'main\norigin/main' ]
    remove_cage "$RUN-headless"
}

@test "a HEAD that names no branch: of several one is chosen by the command that is printed, by tc and by make" {
    headless bare.git first:main first:topic
    run -1 tc create "$PWD/bare.git" --name "$RUN-headless" --no-attach
    says "error: the repository's HEAD names 'master', which is not there; it has: main, topic"
    run -0 bash -c "$(printed 'Choose:') --no-attach"
    says "Created cage '$RUN-headless'."
    [ "$(git -C "$TRUSTY_CAGE_HOME/envs/$RUN-headless/repo" branch --show-current)" = main ]
    run -0 tc status "$RUN-headless" --json
    remove_cage "$RUN-headless"
    tc create "$PWD/bare.git" --name "$RUN-headless" --render-only
    run -2 make -C "$TRUSTY_CAGE_HOME/envs/$RUN-headless" create
    run -0 bash -c "$(printed 'Choose:')"
    remove_cage "$RUN-headless"
}

@test "a HEAD that names no branch, and tags alone: one is chosen" {
    headless bare.git first:refs/tags/v1 first:refs/tags/v2
    run -1 tc create "$PWD/bare.git" --name "$RUN-headless" --no-attach
    says "which is not there; it has: v1, v2"
    run -0 bash -c "$(printed 'Choose:') --no-attach"
    remove_cage "$RUN-headless"
}
