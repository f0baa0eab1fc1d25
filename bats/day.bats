#!/usr/bin/env bats
# The README's day: each command of its block is typed, and prints just what stands there.
# README=write make bats BATS=bats/day.bats   puts there what they print now.

load cages

setup_file() {
    own_home
    export TRUSTY_CAGE_HOME=$HOME/.trusty-cage CAGE=$RUN-web ANTHROPIC_API_KEY=sk-ant-none
    mkdir "$HOME/src"
    (cd "$BATS_TEST_DIRNAME/.." && . dev/words && small_repository "$HOME/src/$CAGE")
}
teardown_file() {
    tmux -L day kill-server 2>/dev/null || true
    remove_cage
}

# The README's lines before the block, in it, or after it.
readme() {
    local place=$BATS_TEST_DIRNAME/../README.md
    case $1 in
        before) sed '/^```console$/q' "$place" ;;
        block) sed -n '/^```console$/,/^```$/p' "$place" | sed '1d;$d' ;;
        after) sed '1,/^```console$/d' "$place" | sed -n '/^```$/,$p' ;;
    esac
}

# The agent's part of the day.
agent_works() {
    inside <<'EOF'
sed -i 's/Hello, {name}!/HELLO, {name}!/' greet.py
sed -i 's/Hello, you!/HELLO, you!/' test_greet.py
EOF
}

# In a terminal; once the agent is at its prompt, it is left. Prints what the terminal shows then.
attach() {
    local shown=''
    tmux -L day -f /dev/null new-session -d -x 120 -y 32 "$1; echo left; sleep 60"
    for _ in $(seq 120); do
        shown=$(tmux -L day capture-pane -p)
        case $shown in
            *'bypass permissions'*) tmux -L day send-keys C-a d ;;
            *left*) break ;;
        esac
        sleep 0.5
    done
    sed '/^left$/,$d' <<<"$shown"
}

# Without the differences between days, machines and versions of git; as wide as the README.
alike() {
    sed -E -e "s|$HOME|~|g; s|$CAGE|web|g; s/[[:space:]]+$//" \
        -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z/2026-11-24T09:00:00Z/; s/[0-9]{8}T[0-9]{6}Z(-[0-9]+)?/20261124T170000Z/g' \
        -e 's/(trusty-cage:)[0-9a-f]{16}/\10123456789abcdef/; s/in [0-9.]+s$/in 0.001s/' \
        -e 's/memory [0-9.]+ GiB/memory 8.0 GiB/; s/^(project +).*/\12.0 KiB/; s/^(.{119}).+/\1…/' |
        sed -e ':a' -e '/^\n*$/{$d;N;ba' -e '}'
}

# Each command of the block, followed by what it prints now.
typed() {
    local line gap=
    while IFS= read -r line; do
        case $line in
            '$ tc attach '*) printf '%s%s\n' "$gap" "$line"; attach "tc attach $CAGE" 2>&1 | alike ;;
            '$ '*)
                printf '%s%s\n' "$gap" "$line"
                line=${line#'$ '}
                bash -c "${line//web/$CAGE}" 2>&1 </dev/null | alike
                ;;
            '# '*) printf '%s%s\n' "$gap" "$line"; agent_works ;;
            *) continue ;;
        esac
        gap=$'\n'
    done < <(readme block)
}

@test "README: the day's commands print what it shows" {
    [ "$(readme block | grep -c '^\$ tc ')" = 6 ]
    now=$(typed)
    if [ "${README:-}" = write ]; then
        { readme before; echo "$now"; readme after; } >"$BATS_TEST_TMPDIR/README.md"
        cat "$BATS_TEST_TMPDIR/README.md" >"$BATS_TEST_DIRNAME/../README.md"
    fi
    diff <(readme block) - <<<"$now"
}
