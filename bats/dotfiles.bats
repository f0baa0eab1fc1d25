#!/usr/bin/env bats
# dotfiles: the layouts that people have, modelled on public repositories; submodules, questions, time, Ctrl-C.

load cages

setup_file() {
    make_cage dotfiles
    export WEB=$BATS_FILE_TMPDIR/web
    mkdir "$WEB"
    "$BATS_TEST_DIRNAME/git-server" "$WEB" me:t0ken >"$BATS_FILE_TMPDIR/port" 3>&- &
    echo $! >"$BATS_FILE_TMPDIR/server"
    while [ ! -s "$BATS_FILE_TMPDIR/port" ]; do sleep 0.1; done
}

teardown_file() {
    remove_cage
    kill "$(cat "$BATS_FILE_TMPDIR/server")"
}

setup() {
    DOTS=$BATS_TEST_TMPDIR/dots
    git init --quiet "$DOTS"
    cd "$DOTS" || return
    # The home as it was when the cage was made.
    docker exec --workdir / "isolated-dev-$CAGE" bash -euc '
        find ~ -mindepth 1 -maxdepth 1 ! -name project -exec rm -rf {} +
        cp -R /etc/skel/. /usr/local/lib/trusty-cage/home/. ~
        chmod -R u+w ~/.[a-z]*; ls -A ~ >/tmp/home'
}

# A file $1 of the dotfiles, from standard input; executable if its name is a script's.
file() {
    mkdir -p "$(dirname "$1")"
    cat >"$1"
    case ${1##*/} in *.sh | install | dotbot) chmod +x "$1" ;; esac
}

# Commit the dotfiles, and bring them into the cage; time limit $1.
bring_in() {
    git -C "$DOTS" add --all && git -C "$DOTS" commit --quiet --message Dots
    tc set "$CAGE" "dotfiles_repo=$DOTS" "dotfiles_limit=${1:-100}"
    tc make "$CAGE" dotfiles
}

@test "dotfiles: a script that links finds nothing in its way" {
    file zsh/zshrc <<<'alias mine=true'
    file bash/.bashrc <<<'alias mine=true'
    file install.sh <<'SH'
#!/usr/bin/env bash
set -e
cd "$(dirname "$0")"
ln -s "$PWD/zsh/zshrc" ~/.zshrc
ln -s "$PWD/bash/.bashrc" ~/.bashrc
SH
    run -0 bring_in
    says_not warning
    says "Cage '$CAGE' has your dotfiles, in ~/.dotfiles."
    run -0 inside <<<'readlink ~/.zshrc ~/.bashrc; ls -A ~/.before-dotfiles; cat ~/.profile >/dev/null; zsh -ic "alias mine"'
    [ "$output" = $'/home/trustycage/.dotfiles/zsh/zshrc\n/home/trustycage/.dotfiles/bash/.bashrc\n.bashrc\n.zshrc\nmine=true' ]
}

@test "dotfiles: Stow's packages are links in the home, the files for readers are not" {
    file zsh/.zshrc <<<'alias mine=true'
    file nvim/.config/nvim/init.lua <<<'-- mine'
    file git/.gitconfig <<<$'[user]\n\tname = Me'
    file git/.config/git/ignore <<<'*.swp'
    file README.md <<<'How to: stow */'
    file docs/page <<<'text'
    file .gitignore <<<'*.swp'
    run -0 bring_in
    says_not warning
    run -0 inside <<<'cd; find . -path ./.dotfiles -prune -o -type l -printf "%P %l\n" | sort; git config user.name; ls README.md page || true'
    says ".config/git/ignore /home/trustycage/.dotfiles/git/.config/git/ignore"
    says ".config/nvim/init.lua /home/trustycage/.dotfiles/nvim/.config/nvim/init.lua"
    says ".zshrc /home/trustycage/.dotfiles/zsh/.zshrc"
    says Me
    says "cannot access 'README.md'"
    says "cannot access 'page'"
}

@test "dotfiles: dotbot finds its submodule and a git repository; no history comes along, and no credentials of submodules" {
    # The submodule has a history with a secret, and files that are left out.
    git init --quiet "$BATS_TEST_TMPDIR/dotbot"
    (
        cd "$BATS_TEST_TMPDIR/dotbot"
        file old <<<'canary-history'
        git add --all && git commit --quiet --message Old && git rm --quiet old
        file .env <<<'TOKEN=canary-env'
        file .ssh/id_rsa <<<'canary-key'
        file dot_netrc.tmpl <<<'canary-netrc'
        file bin/dotbot <<'SH'
#!/bin/sh
# As dotbot does it: links from its configuration, none over a file.
set -eu
sed -n 's,^ *\(~/[^:]*\): *\(.*\),\1 \2,p' "$4" | while read -r to from; do
    ln -s "$2/$from" "$HOME/${to#??}"
done
SH
        git add --all && git commit --quiet --message New
    )
    git clone --quiet --bare "$BATS_TEST_TMPDIR/dotbot" "$WEB/dotbot.git"
    git -c protocol.file.allow=always submodule --quiet add "$BATS_TEST_TMPDIR/dotbot" dotbot
    git config --file .gitmodules submodule.dotbot.url "http://me:t0ken@127.0.0.1:$(cat "$BATS_FILE_TMPDIR/port")/dotbot.git"
    file zshrc <<<'alias mine=true'
    file install.conf.yaml <<<$'- link:\n    ~/.zshrc: zshrc'
    file install <<'SH'
#!/usr/bin/env bash
set -e
CONFIG="install.conf.yaml"
DOTBOT_DIR="dotbot"
BASEDIR="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cd "${BASEDIR}"
git -C "${DOTBOT_DIR}" submodule sync --quiet --recursive
git submodule update --init --recursive "${DOTBOT_DIR}"
"${BASEDIR}/${DOTBOT_DIR}/bin/dotbot" -d "${BASEDIR}" -c "${CONFIG}" "${@}"
SH
    run -0 bring_in
    says 'left out of the dotfiles: dotbot/.env'
    says 'left out of the dotfiles: dotbot/.ssh'
    says 'left out of the dotfiles: .gitmodules: credential settings and tokens'
    says_not warning
    run -0 inside <<'SH'
readlink ~/.zshrc
cd ~/.dotfiles
git log --format=%s && git -C dotbot log --format=%s
git remote -v && git -C dotbot remote -v
grep -r -e canary -e t0ken . || git cat-file --batch-all-objects --batch | grep -a -e canary -e t0ken || echo none
git -C dotbot cat-file --batch-all-objects --batch | grep -a canary || echo none
SH
    [ "$output" = $'/home/trustycage/.dotfiles/zshrc\nDotfiles\nDotfiles\nnone\nnone' ]
}

@test "dotfiles: no submodule brings a folder of the host along; that it is missing is said" {
    make_repo "$BATS_TEST_TMPDIR/private"
    git -c protocol.file.allow=always submodule --quiet add "$BATS_TEST_TMPDIR/private" private
    file .vimrc <<<'set number'
    run -0 bring_in
    says 'warning: not all submodules of the dotfiles could be cloned'
    run -0 inside <<<'cat ~/.vimrc; ls -A ~/.dotfiles/private'
    [ "$output" = 'set number' ]
}

@test "dotfiles: a chezmoi source is applied where the image has chezmoi, and named where it has none" {
    file dot_zshrc <<<'alias mine=true'
    file .chezmoiignore <<<'README.md'
    file private_dot_ssh/private_id_ed25519 <<<'key'
    run -0 bring_in
    says 'warning: the dotfiles are a chezmoi source, and the image has no chezmoi: nothing was applied'
    says "tc recreate $CAGE, and tc make $CAGE dotfiles"
    says 'left out of the dotfiles: private_dot_ssh'
    # A stand-in.
    inside_as_root <<'SH'
printf '#!/bin/sh\nset -eu\ncd "$6"\n[ "$1 $2" = "init --apply" ]\nfor file in dot_*; do cp "$file" ~/".${file#dot_}"; done\n' >/usr/local/bin/chezmoi
chmod 755 /usr/local/bin/chezmoi
SH
    run -0 tc make "$CAGE" dotfiles
    says_not warning
    run -0 inside <<<'cat ~/.zshrc; rm -f ~/.zshrc'
    [ "$output" = 'alias mine=true' ]
    inside_as_root <<<'rm /usr/local/bin/chezmoi'
}

@test "dotfiles: a script that asks again and again is ended at once; one that asks once gets an empty answer; both are said" {
    file install.sh <<'SH'
#!/bin/bash
while true; do
    read -p "Do you wish to install this? " yn
    case $yn in [Yy]*) break ;; [Nn]*) exit ;; esac
done
SH
    begun=$SECONDS
    run -0 bring_in
    [ $((SECONDS - begun)) -lt 20 ]
    says "warning: the dotfiles' install script waits for an answer, and nobody is there to give one; it was ended"
    says "To answer it yourself, run it in ~/.dotfiles: tc shell $CAGE. Once it asks nothing without a terminal: tc make $CAGE dotfiles"
    file install.sh <<'SH'
#!/bin/bash
printf '%s' "This may overwrite files in your home. Are you sure? (y/n) "
read -n 1
if [[ $REPLY =~ ^[Yy]$ ]]; then touch ~/finished; fi
SH
    run -0 bring_in
    says "warning: the dotfiles' install script asked something, and got an empty answer, as if Enter was typed"
    says '  This may overwrite files in your home. Are you sure? (y/n)'
    run -0 tc exec "$CAGE" -- ls -A /home/trustycage
    says_not finished
}

@test "dotfiles: a script that is not done in time is ended with its programs, and what else it started goes on" {
    file setup.sh <<'SH'
#!/bin/sh
setsid sleep 987 &
echo begun; sleep 986
SH
    run -0 bring_in 2
    says "warning: the dotfiles' install script was not done after 2 seconds; it was ended"
    says 'begun'
    says "Give it longer, as CAGE_DOTFILES_LIMIT in the Makefile, and try again: tc make $CAGE dotfiles"
    run -0 inside <<<'ps -eo args | grep "^sleep 98"; pkill -f "^sleep 987"'
    [ "$output" = 'sleep 987' ]
}

@test "dotfiles: Ctrl-C ends the script inside too, and the cage that was just created opens" {
    file install.sh <<<$'#!/bin/sh\ntouch ~/begun\nsleep 985\ntouch ~/finished'
    git add --all && git commit --quiet --message Dots
    tc set "$CAGE" "dotfiles_repo=$DOTS" dotfiles_limit=100
    # As far as a create had come.
    rm "$ENV/.history/created"
    rm -f "$ENV/.history/dotfiles"
    cd "$BATS_TEST_TMPDIR"
    SCREEN=$RUN-dotfiles
    tmux -L "$SCREEN" -f /dev/null new-session -d -x 150 -y 40 "sh"
    tmux -L "$SCREEN" send-keys "tc create $BATS_FILE_TMPDIR/$CAGE --no-attach; echo ended with \$?" Enter
    for _ in $(seq 200); do
        ! docker exec "isolated-dev-$CAGE" test -e /home/trustycage/begun || break
        sleep 0.1
    done
    tmux -L "$SCREEN" send-keys C-c
    screen_shows 'ended with 130'
    screen_shows "Try again: tc make $CAGE dotfiles"
    tmux -L "$SCREEN" kill-server
    run -0 tc exec "$CAGE" -- sh -c 'sleep 1; ls -A ~; ps -eo args | grep "^sleep 98" || true'
    says_not finished
    says_not 'sleep 985'
    run -0 tc start "$CAGE"
    says "Your dotfiles are not in this cage yet. Bring them in: tc make $CAGE dotfiles"
}

@test "dotfiles: none are named, and some that can't be cloned" {
    tc set "$CAGE" dotfiles_repo=
    run -2 tc make "$CAGE" dotfiles
    says 'there are no dotfiles to bring in'
    file .vimrc <<<'set number'
    run -0 bring_in
    mv "$DOTS" "$DOTS.gone"
    mkdir "$DOTS"
    run -1 tc make "$CAGE" dotfiles
    says "the dotfiles '$DOTS' can't be cloned"
    run -0 tc exec "$CAGE" -- cat /home/trustycage/.vimrc
}
