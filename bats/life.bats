#!/usr/bin/env bats
# A cage from day to day: in a real terminal, by tc, and by make alone.

load cages

setup_file() { make_cage life; }
teardown_file() {
    tmux -L life kill-server 2>/dev/null || true
    remove_cage
}

# The terminal shows $1 within half a minute.
screen_shows() {
    for _ in $(seq 60); do
        tmux -L life capture-pane -p | grep -qF -- "$1" && return
        sleep 0.5
    done
    tmux -L life capture-pane -p
    return 1
}

@test "attach: three panes, the agent at its prompt and focused, detach says how to return" {
    TC=$(command -v tc)
    tmux -L life new-session -d -x 160 -y 48 -s outer
    tmux -L life send-keys "ANTHROPIC_API_KEY=sk-ant-test $TC attach $CAGE; echo code=\$?" Enter
    screen_shows 'bypass permissions'
    run -0 docker exec "isolated-dev-$CAGE" tmux list-panes -t dev -F '#{pane_left} #{pane_top} #{pane_active} #{pane_width} #{pane_current_command}'
    [ "${#lines[@]}" = 3 ]
    [[ ${lines[0]} == '0 0 0 '*nvim* ]]
    [[ ${lines[1]} == *' 0 1 '* ]]
    [[ ${lines[2]} == *' 0 '*zsh* ]]
    # The editor knows how high its pane is.
    docker exec "isolated-dev-$CAGE" tmux send-keys -t 'dev:.{left}' ':call writefile([&lines], "/tmp/lines")' Enter
    run -0 docker exec "isolated-dev-$CAGE" sh -c 'until [ -s /tmp/lines ]; do sleep 0.1; done; cat /tmp/lines'
    [ "$output" = 47 ]
    tmux -L life send-keys C-a d
    screen_shows 'code=0'
    screen_shows "Return: tc attach $CAGE"
}

# The borders between the panes: column of the upright one, row of the other, in percent.
borders() {
    tmux -L life capture-pane -p | python3 -c '
import sys
rows = sys.stdin.read().split("\n")[:-1]
column = rows[2].index("\u2502")
print(100 * column // max(map(len, rows)), 100 * next(i for i, row in enumerate(rows) if row[column] in "\u251c\u2524") // len(rows))'
}

# The editor has three fifths of the width, the agent 70 % of the height beside it, give or take $1 percent.
as_laid_out() {
    local column row
    read -r column row < <(borders)
    if [ $((column - 60)) -gt "$1" ] || [ $((60 - column)) -gt "$1" ] || [ $((row - 68)) -gt "$1" ] || [ $((68 - row)) -gt "$1" ]; then
        echo "borders at $column % and $row %"
        tmux -L life capture-pane -p
        return 1
    fi
}

@test "attach: the layout holds at two sizes and after a resize; colour, Unicode and clipboard; an unknown TERM" {
    TC=$(command -v tc)
    local size
    tmux -L life set-option -s set-clipboard on
    tmux -L life set-option -as terminal-features ',*:RGB'
    for size in '200 60' '100 30'; do
        docker exec "isolated-dev-$CAGE" tmux kill-server || true
        # shellcheck disable=SC2086 # two words
        set -- $size
        tmux -L life resize-window -t outer -x "$1" -y "$2"
        tmux -L life send-keys "clear; TERM=no-such-terminal COLORTERM=truecolor $TC attach $CAGE" Enter
        screen_shows "[$CAGE]"
        as_laid_out 6
        [ "$size" = '100 30' ] || { tmux -L life send-keys C-a d && screen_shows 'Return:'; }
    done
    tmux -L life resize-window -t outer -x 160 -y 48
    sleep 1
    as_laid_out 12
    docker exec "isolated-dev-$CAGE" tmux new-window -t dev \
        "printf '\033[38;2;1;2;3mcolour\033[0m åβ漢 \033]52;c;Y29waWVk\a'; sleep 60"
    screen_shows 'åβ漢'
    run -0 tmux -L life capture-pane -p -e
    says '38;2;1;2;3m'
    run -0 tmux -L life show-buffer
    [ "$output" = copied ]
    docker exec "isolated-dev-$CAGE" tmux kill-server
    # Until the terminal was given back, keys are dropped with the answers to queries.
    screen_shows 'the session ended'
}

@test "attach: a second one joins the same session" {
    TC=$(command -v tc)
    tmux -L life send-keys "clear; ANTHROPIC_API_KEY=sk-ant-test $TC attach $CAGE" Enter
    screen_shows 'bypass permissions'
    tmux -L life send-keys C-a d
    screen_shows "Return: tc attach $CAGE"
    docker exec "isolated-dev-$CAGE" tmux set-environment -t dev MARK kept
    tmux -L life send-keys "clear; $TC attach $CAGE; echo code=\$?" Enter
    screen_shows 'bypass permissions'
    run -0 docker exec "isolated-dev-$CAGE" tmux show-environment -t dev MARK
    says MARK=kept
    tmux -L life send-keys C-a d
    screen_shows 'code=0'
}

@test "exec, shell: a terminal inside where there is one outside" {
    TC=$(command -v tc)
    tmux -L life send-keys "clear; $TC exec $CAGE -- tty" Enter
    screen_shows /dev/pts/
    tmux -L life send-keys "clear; $TC shell $CAGE" Enter
    sleep 2
    tmux -L life send-keys 'test -t 1 && echo in-a-"terminal"' Enter
    screen_shows in-a-terminal
    tmux -L life send-keys exit Enter
    run -0 bash -c 'echo "cat piped" | tc exec "$CAGE" -- cat'
    [ "$output" = 'cat piped' ]
}

@test "attach: without a terminal it says what to do instead" {
    run -1 tc attach "$CAGE" </dev/null
    says 'attach needs a terminal'
    says "tc exec $CAGE -- COMMAND"
}

@test "exec: relays the exit code and hands over strings as they are" {
    run -42 tc exec "$CAGE" -- bash -c 'exit 42'
    run -0 tc exec "$CAGE" -- printf '%s\n' 'a b' '$(id)' '`id`' "quo'te" '"' '\' '{{7*7}}' '#x' '$$' '%'
    [ "$output" = $'a b\n$(id)\n`id`\nquo\'te\n"\n\\\n{{7*7}}\n#x\n$$\n%' ]
}

@test "exec: pip, npm and apt-get work as one types them" {
    run -0 tc exec "$CAGE" -- pip install six
    run -0 tc exec "$CAGE" -- npm install -g is-number
    run -0 tc exec "$CAGE" -- sudo apt-get install -y hello
    run -0 tc exec "$CAGE" -- hello
    says 'Hello, world!'
}

@test "secrets: the key reaches the session and nothing else" {
    export ANTHROPIC_API_KEY=sk-ant-canary-$CAGE
    run -0 tc exec "$CAGE" -- printenv ANTHROPIC_API_KEY
    says "$ANTHROPIC_API_KEY"
    inside <<<'mkfifo /tmp/wait'
    tc exec "$CAGE" -- sh -c 'touch /tmp/inside; timeout 60 cat /tmp/wait' 3>&- &
    inside <<<'until [ -e /tmp/inside ]; do sleep 0.1; done'
    run ps -eo args
    says_not "canary-$CAGE"
    inside <<<'echo >/tmp/wait'
    wait $!
    run -0 docker inspect "isolated-dev-$CAGE" "$(guard "$CAGE")"
    says_not canary
    run grep -r canary "$ENV"
    says_not canary
    run make -C "$ENV" -pn attach
    says_not canary
}

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

@test "status: one cage in full, as text and as JSON" {
    docker exec "isolated-dev-$CAGE" sh -c 'echo more >>README'
    run -0 tc status "$CAGE"
    says 'un-exported   0 added, 1 changed, 0 deleted'
    run -0 --separate-stderr tc status "$CAGE" --json
    printf '%s' "$output" | python3 -c 'import json, sys; s = json.load(sys.stdin); assert s["status"] == "running" and s["network"] == "open", s'
    run -0 --separate-stderr tc status "$CAGE" --json --size
    printf '%s' "$output" | python3 -c 'import json, sys; s = json.load(sys.stdin); assert int(s["home_bytes"]) > 4096 > int(s["project_bytes"]) > 10 and s["pids"] == "4096" and s["agent"] == "claude", s'
}

@test "status, exec: a reader that has seen enough ends them quietly" {
    run -141 bash -c "set -o pipefail; tc status '$CAGE' | true"
    [ -z "$output" ]
    run -0 bash -c "make --no-print-directory -C '$ENV' status | head -n 1"
    [ "$output" = "cage          $CAGE" ]
    run -141 bash -c "set -o pipefail; tc exec '$CAGE' -- seq 1000000 | head -n 1"
    [ "$output" = 1 ]
}

@test "list: shows the cage, its repository and its state" {
    run -0 tc list
    says "$CAGE"
    says running
}

@test "stop, start: the work is kept" {
    docker exec "isolated-dev-$CAGE" sh -c 'echo kept >kept.txt'
    run -0 tc stop "$CAGE"
    run -0 tc list
    says stopped
    run -0 tc start "$CAGE"
    run -0 tc exec "$CAGE" -- cat kept.txt
    says kept
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

@test "recreate: new containers, the same volumes" {
    before=$(docker inspect -f '{{.Id}}' "isolated-dev-$CAGE")
    run -0 make -C "$ENV" recreate CAGE_YES=1
    [ "$before" != "$(docker inspect -f '{{.Id}}' "isolated-dev-$CAGE")" ]
    run -0 tc exec "$CAGE" -- cat kept.txt
    says kept
}

@test "destroy: counts what is not exported, keeps the clone, puts the recipes into the trash" {
    inside <<<'git clean -qfd; git checkout -q .; echo more >>README; echo new >new.txt'
    run -3 tc destroy "$CAGE" </dev/null
    says '1 added, 1 changed'
    run -0 tc destroy "$CAGE" -y
    says "Host clone: $CLONE"
    says_not paused
    [ -d "$CLONE/.git" ]
    trash=$(ls -d "$TRUSTY_CAGE_HOME"/trash/"$CAGE"-*)
    [ -f "$trash/Makefile" ] && [ -f "$trash/meta.json" ]
    [ -z "$(docker ps --all --quiet --filter "label=trusty-cage.env=$CAGE")" ]
    [ -z "$(docker volume ls --quiet --filter "label=trusty-cage.env=$CAGE")" ]
    run -3 tc create "$BATS_FILE_TMPDIR/$CAGE" --no-attach </dev/null
    says --reuse-clone
    run -0 tc create "$BATS_FILE_TMPDIR/$CAGE" --no-attach --reuse-clone
    run -0 tc destroy "$CAGE" -y
}

@test "destroy: what it prints brings the recipes back, edits and all, with the clone or without" {
    make_repo "$BATS_TEST_TMPDIR/$RUN-again"
    tc create "$BATS_TEST_TMPDIR/$RUN-again" --no-attach --pids 300 >/dev/null 2>&1
    folder=$TRUSTY_CAGE_HOME/envs/$RUN-again
    printf 'greet:\n\t@echo hello from local.mk\n' >>"$folder/local.mk"
    echo '# mine' >>"$folder/layout.sh"
    for clone in with without; do
        docker exec "isolated-dev-$RUN-again" sh -c "echo work >lost-$clone.txt"
        run -0 tc destroy "$RUN-again" -y
        [ $clone = with ] || rm -rf "$folder"
        back=$(sed -n 's/^Make it again from them:  //p' <<<"$output")
        run -0 env CAGE_NO_ATTACH=1 bash -c "$back"
        says "Created cage '$RUN-again'."
        run -0 tc make "$RUN-again" greet
        says 'hello from local.mk'
        [ "$(docker inspect --format '{{.HostConfig.PidsLimit}}' "isolated-dev-$RUN-again")" = 300 ]
        run -0 tc status "$RUN-again"
        says 'layout.sh'
        says '0 added, 0 changed, 0 deleted'
        [ "$(tc exec "$RUN-again" -- cat README)" = hello ]
    done
    remove_cage "$RUN-again"
}

@test "by make alone, without Python: create, attach's way up, change, export, destroy" {
    export CAGE=$RUN-solo
    make_repo "$BATS_TEST_TMPDIR/$CAGE"
    tc create "$BATS_TEST_TMPDIR/$CAGE" --render-only
    # Everything of the PATH but Python.
    mkdir "$BATS_TEST_TMPDIR/bin"
    for folder in /bin /usr/bin /usr/local/bin /usr/sbin; do ln -sf "$folder"/* "$BATS_TEST_TMPDIR/bin/"; done
    rm -f "$BATS_TEST_TMPDIR/bin"/{python*,pip*,tc,trusty-cage}
    solo() { env PATH="$BATS_TEST_TMPDIR/bin" /bin/bash -c '! command -v python3 && "$@"' - "$@"; }
    cage=$TRUSTY_CAGE_HOME/envs/$CAGE
    run -0 solo make -C "$cage" create
    says "Created cage '$CAGE'."
    says "make -C $cage attach"
    run -0 solo make -C "$cage" exec CAGE_CMD='echo by make >made.txt'
    run -0 solo make -C "$cage" status
    says '1 added'
    run -0 solo make -C "$cage" stop
    run -0 solo make -C "$cage" start
    run -2 solo make -C "$cage" export </dev/null
    says 'Answer yes with: CAGE_YES=1'
    run -0 solo make -C "$cage" export CAGE_YES=1
    [ "$(cat "$cage/repo/made.txt")" = 'by make' ]
    run -0 solo make -C "$cage" destroy CAGE_YES=1
    [ -d "$cage/repo" ]
    rm -rf "$cage"
}
