#!/usr/bin/env bats
# A cage's insides besides the repository: variables, packages, the author of commits, the agents' own settings.

load cages

setup_file() {
    make_cage inside
    export SCREEN=$RUN-inside
}
teardown_file() {
    tmux -L "$SCREEN" kill-server 2>/dev/null || true
    remove_cage
}
setup() { cd "$BATS_TEST_TMPDIR" || return; }

@test "variables: lines of env reach exec as they stand, a variable of the shell in SESSION_ENV wins" {
    printf '%s\n' '# mine' 'GREETING=hello  "there" # $HOME' 'THEME=light' >"$ENV/env"
    run -0 tc exec "$CAGE" -- printenv GREETING THEME
    [ "$output" = $'hello  "there" # $HOME\nlight' ]
    echo 'SESSION_ENV += THEME' >>"$ENV/local.mk"
    THEME=dark run -0 tc exec "$CAGE" -- printenv THEME
    [ "$output" = dark ]
    run -0 tc exec "$CAGE" -- printenv THEME
    [ "$output" = light ]
}

@test "variables: a bad line stops exec and attach, and is named without its value" {
    printf '%s\n' 'GOOD=1' 'LD_PRELOAD=/tmp/secret.so' >"$ENV/env"
    run -1 tc exec "$CAGE" -- echo ran
    [ "$output" = "error: the file $ENV/env can't be used
line 2: LD_PRELOAD decides how a session starts: try SESSION_ENV, a setting or ~/.profile" ]
    run -1 on_terminal "tc attach $CAGE"
    says 'line 2: LD_PRELOAD decides'
    says_not secret
    rm "$ENV/env"
}

# The variable MARK of a pane that is opened now.
mark() {
    inside <<'SH'
rm -f /tmp/mark
tmux split-window -t dev 'printf "<%s>" "${MARK-none}" >/tmp/mark.new; mv /tmp/mark.new /tmp/mark'
until [ -e /tmp/mark ]; do sleep 0.1; done
cat /tmp/mark
SH
}

attach_once() {
    tmux -L "$SCREEN" send-keys "clear; $(command -v tc) attach $CAGE; echo code=\$?" Enter
    screen_shows "[$CAGE]"
    tmux -L "$SCREEN" send-keys C-a d
    screen_shows 'code=0'
}

@test "variables: new panes of an open session have them after the next attach, and lose one that is gone" {
    echo 'MARK=one' >"$ENV/env"
    tmux -L "$SCREEN" new-session -d -x 100 -y 30
    attach_once
    [ "$(mark)" = '<one>' ]
    echo 'MARK=two  words' >"$ENV/env"
    [ "$(mark)" = '<one>' ]
    attach_once
    [ "$(mark)" = '<two  words>' ]
    rm "$ENV/env"
    attach_once
    [ "$(mark)" = '<none>' ]
}

@test "packages: recreate builds their layer alone; one that does not exist is named, and the cage stays as it was" {
    run -0 tc set "$CAGE" packages=hello
    says "It applies after: tc recreate $CAGE"
    run -0 tc recreate "$CAGE" -y
    run -0 tc exec "$CAGE" -- hello
    says 'Hello, world!'
    # The layers before it come from the cache: a whole build has three times as many. Another run may have built it.
    [ ! -e "$ENV/.state/log/build-image" ] || [ "$(grep -c 'Running in' "$ENV/.state/log/build-image")" -le 7 ]
    run -0 tc set "$CAGE" packages=hello,no-such-package,jq=0.0-none
    run -1 tc recreate "$CAGE" -y
    says "error: the image can't be built: the distribution has no such package: no-such-package"
    says "Take it out of the setting 'packages'"
    run -0 tc exec "$CAGE" -- hello
    tc set "$CAGE" packages=
}

@test "identity: commits carry name and address of the host's git, nothing else of it, until it is taken back" {
    git config --global user.name '-x "Ann" $(id) %s'
    git config --global user.email ann@host.example
    git config --global alias.secret '!secret'
    author() { tc exec "$CAGE" -- sh -c 'git commit -q --allow-empty -m x && git log -1 --format="%an|%ae|%cn"'; }
    [ "$(author)" = 'trusty-cage|trusty-cage@localhost|trusty-cage' ]
    run -0 tc set "$CAGE" git_identity=host
    says "It applies after: tc auth $CAGE"
    run -0 tc auth "$CAGE"
    [ "$(author)" = '-x "Ann" $(id) %s|ann@host.example|-x "Ann" $(id) %s' ]
    run -0 tc exec "$CAGE" -- git config --list
    says_not secret
    run -0 tc export "$CAGE" --commits --as signed -y
    run -0 git -C "$CLONE" log -1 --format='%an|%ae' signed
    [ "$output" = '-x "Ann" $(id) %s|ann@host.example' ]
    tc set "$CAGE" git_identity=no
    run -0 tc auth "$CAGE"
    [ "$(author)" = 'trusty-cage|trusty-cage@localhost|trusty-cage' ]
}

@test "settings of agents: listed parts are laid into the home, no key comes, hooks are named, and the cage's JSON stays" {
    mkdir -p "$HOME/.claude/skills/fly" "$HOME/.claude/commands"
    echo "remember $RUN" >"$HOME/.claude/CLAUDE.md"
    echo 'how to fly' >"$HOME/.claude/skills/fly/SKILL.md"
    echo '{"model": "opus", "env": {"T": "home-canary"}, "hooks": {"Stop": ["home-canary"]}}' >"$HOME/.claude/settings.json"
    for file in .credentials.json history.jsonl skills/fly/.env; do echo home-canary >"$HOME/.claude/$file"; done
    ln -s /etc/passwd "$HOME/.claude/commands/link.md"
    mkfifo "$HOME/.claude/commands/fifo.md"
    run -0 tc make "$CAGE" agent-home
    says "not in the cage: hooks 'Stop' of .claude/settings.json"
    says 'a link: .claude/commands/link.md'
    says "Cage '$CAGE' has your agents' settings"
    run -0 tc exec "$CAGE" -- sh -c 'cd ~/.claude; cat CLAUDE.md skills/fly/SKILL.md settings.json; ls commands; stat -c %U skills'
    says 'You are in a cage'
    says "remember $RUN"
    says '"model": "opus"'
    says_not root:
    run -1 tc exec "$CAGE" -- grep -rl home-canary /home/trustycage
    run -1 grep -rl home-canary "$ENV/.state" "$ENV/.history"
    tc exec "$CAGE" -- sh -c 'echo "{}" >~/.claude/settings.json'
    run -0 make -C "$ENV" agent-home
    run -0 tc exec "$CAGE" -- sh -c 'cat ~/.claude/settings.json; grep -c "You are in a cage" ~/.claude/CLAUDE.md'
    [ "$output" = $'{}\n1' ]
}
