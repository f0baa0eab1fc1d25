#!/usr/bin/env bats
# The map at the top of a cage's Makefile: each row is edited as its reader would, by sed, and has the effect it says.

load cages

setup_file() { make_cage edits; }
teardown_file() { remove_cage; }

# Edit a file of the cage's folder by sed; it has to change.
edit() {
    cp "$ENV/$1" "$BATS_TEST_TMPDIR/before"
    sed -i "$2" "$ENV/$1"
    ! cmp -s "$BATS_TEST_TMPDIR/before" "$ENV/$1" || { echo "sed found nothing to change in $1"; return 1; }
}

verb() {
    make --no-print-directory -C "$ENV" "$@" </dev/null
}

@test "a setting: the limit of memory, then make limits" {
    edit Makefile 's/^export CAGE_MEMORY := .*/export CAGE_MEMORY := 256m/'
    run -0 verb limits
    [ "$(docker inspect --format '{{.HostConfig.Memory}}' "isolated-dev-$CAGE")" = 268435456 ]
}

@test "a variable of every session: in SESSION_ENV, and exec has its value" {
    edit recipes/container.mk 's/^SESSION_ENV := /&GREETING /'
    GREETING='hello  "there"' CAGE_CMD='printenv GREETING' run -0 verb exec
    [ "$output" = 'hello  "there"' ]
}

@test "clock: its zone is this machine's, or the setting's" {
    TZ=:/usr/share/zoneinfo/America/New_York CAGE_CMD='date --date 2026-01-01T12:00Z +%H%Z' run -0 verb exec
    [ "$output" = 07EST ]
    echo 'export CAGE_TIMEZONE := Asia/Kolkata' >>"$ENV/local.mk"
    TZ=America/New_York CAGE_CMD='date --date 2026-01-01T12:00Z +%H%M%Z' run -0 verb exec
    [ "$output" = 1730IST ]
    echo 'export CAGE_TIMEZONE := -v /:/host' >>"$ENV/local.mk"
    CAGE_CMD='date --date 2026-01-01T12:00Z +%H%M%Z' run -0 verb exec
    [ "$output" = 1200UTC ]
}

@test "the screen: in layout.sh, and the next session has another name" {
    edit layout.sh 's/^session=dev$/session=mine/'
    tmux -L "$RUN" new-session -d -x 80 -y 24 "make -C '$ENV' attach"
    for _ in {1..50}; do
        sleep 0.2
        [ "$(inside <<<'tmux list-sessions -F "#{session_name}" 2>/dev/null || true')" != mine ] || break
    done
    tmux -L "$RUN" kill-server
    [ "$(inside <<<'tmux list-sessions -F "#{session_name}"')" = mine ]
}

@test "a mount, a flag, a capability: in CONTAINER_FLAGS or the rule of the container, then make recreate" {
    [ "$(inside <<<'stat -f -c "%b %S" /dev/shm' | awk '{ print $1 * $2 }')" = 1073741824 ]
    edit Makefile 's/^CONTAINER_FLAGS :=$/& --env "GREETING=hello there" --ulimit nofile=1234/'
    edit Makefile 's/^SHM := 1g$/SHM := 32m/'
    edit recipes/container.mk 's|^\t\t--init \\$|&\n\t\t--mount "type=tmpfs,dst=/scratch" \\\n\t\t--env MINE=yes \\|'
    edit recipes/container.mk 's/^FOR_APT := /&KILL /'
    run -0 verb start
    says "The containers' recipe changed since this cage was made. Apply it: make -C $ENV recreate"
    CAGE_YES=1 run -0 verb recreate
    [ "$(inside <<<'echo "$MINE"; stat -f -c %T /scratch')" = $'yes\ntmpfs' ]
    [ "$(inside <<<'echo "$GREETING"; ulimit -n')" = $'hello there\n1234' ]
    [ "$(inside <<<'stat -f -c "%b %S" /dev/shm' | awk '{ print $1 * $2 }')" = 33554432 ]
    [[ $(docker inspect --format '{{.HostConfig.CapAdd}}' "isolated-dev-$CAGE") == *KILL* ]]
}

@test "the steps of a verb: in recipes/, and make -n shows them" {
    edit recipes/container.mk '/^stopped:/,/^$/s/ stop --time 3 / stop --time 1 /'
    run -0 verb -n stop
    says 'stop --time 1 '
    run -0 verb stop
    [ "$(docker inspect --format '{{.State.Status}}' "isolated-dev-$CAGE")" = exited ]
}

@test "before and after a verb: in local.mk, as often as one likes" {
    printf 'pre-start::\n\t@echo one\npre-start::\n\t@echo two\npost-start::\n\t@echo three\n' >>"$ENV/local.mk"
    run -0 --separate-stderr verb start
    [ "$(grep -x -e one -e two -e three <<<"$output" | tr '\n' ' ')" = 'one two three ' ]
}

@test "a tool, a plugin: in the Dockerfile, then make recreate" {
    # On top of the image that is there: the build itself takes no time.
    printf 'FROM %s\nUSER root\nUSER 1000:1000\n' \
        "$(docker inspect --format '{{index .Config.Labels "trusty-cage.image"}}' "isolated-dev-$CAGE")" >"$ENV/Dockerfile"
    edit Dockerfile 's/^USER 1000:1000$/RUN touch \/etc\/mine\n&/'
    run -0 verb start
    says "The image's recipe changed since this cage was made. Apply it: make -C $ENV recreate"
    CAGE_YES=1 run -0 verb recreate
    run -0 inside <<<'ls /etc/mine'
}

@test "each row of the map has a test here or names the file that has one" {
    rows=$(sed -n '/TO CHANGE/,/^#$/p' "$ENV/Makefile" | sed 1d | grep -c '^#   [a-z]')
    tests=$(grep -c '^@test "\(a\|the\|before\)' "$BATS_TEST_FILENAME")
    elsewhere=$(grep -c '^# Elsewhere: ' "$BATS_TEST_FILENAME")
    [ "$rows" = $((tests + elsewhere)) ]
    sed -n "s/^# Elsewhere: .*, by \(.*\), '\(.*\)'/\1 \2/p" "$BATS_TEST_FILENAME" | while read -r file test; do
        grep -qF "@test \"$test" "$BATS_TEST_DIRNAME/$file" || { echo "no '$test' in $file"; return 1; }
    done
}

# Elsewhere: the agents' own settings, by inside.bats, 'settings of agents: listed parts'
# Elsewhere: a package of the distribution, by inside.bats, 'packages: recreate builds'
# Elsewhere: a port of the cage on the host, by network.bats, 'ports: they lead into the cage'
# Elsewhere: the packet rules, by export.bats, 'guard: an edit of its rules'
# Elsewhere: where keys are sent, by keys.bats, 'keys: an edit of names.map'
# Elsewhere: which files may leave, by export.bats, 'guard: a row of REFUSED holds'
