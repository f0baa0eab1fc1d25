#!/usr/bin/env bats
# The image: both flavours, the editor, the agents, mirrors, a Dockerfile of one's own. 'full' is built with small
# stand-ins of all downloads but those of apt, pip and npm; its Neovim and git are real.

load cages

setup_file() {
    local address
    own_home
    export CAGE=$RUN-image
    address=$(ip -4 -oneline address show dev docker0 | awk '{ sub("/.*", "", $4); print $4 }')
    "$BATS_TEST_DIRNAME/stand-ins" "$BATS_FILE_TMPDIR/mirror" "$address" 3>&- &
    echo $! >"$BATS_FILE_TMPDIR/mirror.pid"
    make_repo "$BATS_FILE_TMPDIR/$CAGE"
    TRUSTY_CAGE_IMAGE=full tc create "$BATS_FILE_TMPDIR/$CAGE" --render-only --agents gemini
    for _ in {1..600}; do
        [ ! -e "$BATS_FILE_TMPDIR/mirror/build-args" ] || break
        sleep 0.1
    done
    sed 's/^/BUILD_ARGS += /' "$BATS_FILE_TMPDIR/mirror/build-args" >>"$TRUSTY_CAGE_HOME/envs/$CAGE/local.mk"
    cp "$BATS_FILE_TMPDIR/mirror/nvim-plugins" "$TRUSTY_CAGE_HOME/envs/$CAGE/image/nvim-plugins"
}

setup() {
    ENV=$TRUSTY_CAGE_HOME/envs/$CAGE
}

teardown_file() {
    kill "$(cat "$BATS_FILE_TMPDIR/mirror.pid")" || true
    tmux -L agents kill-server 2>/dev/null || true
    tmux -L editor kill-server 2>/dev/null || true
    docker volume rm "$RUN-home" >/dev/null 2>&1 || true
    for name in "$CAGE" "$RUN-own" "$RUN-agents" "$RUN-sh"; do remove_cage "$name"; done
}

# shellcheck disable=SC2120 # by way of run, too
build() {
    CAGE_MISSING=ok make -C "$ENV" image "$@"
}

in_image() {
    timeout 120 docker run --rm --network "${NETWORK:-none}" --env HOME=/home/trustycage \
        "$(cat "$ENV/.state/image/used-image")" sh -euc "$1"
}

# Functions for in_image. lua CODE: its output in Neovim. locked: the plugins in the file of locks, which is whole.
EDITOR='
lua() { nvim --headless "+lua io.stdout:write($1, [[ ]])" +qall!; }
locked() { node -p "Object.keys(JSON.parse(fs.readFileSync(process.argv[1]))).join()" ~/.config/nvim/lazy-lock.json; }
failed="#require([[lazy]]).failed(), [[ of ]], vim.tbl_count(require([[lazy]]).plugins), [[ failed]]"
'

# The environment of any container has $1; a container that goes away meanwhile does not count.
in_containers() {
    docker ps --all --quiet | xargs -r docker inspect --format '{{.Config.Env}}' 2>/dev/null | grep -F "$1"
}

# The steps that the last build did anew.
rebuilt() {
    grep -B 1 'Running in' "$ENV/.state/log/build-image" | grep '^Step'
}

@test "full: all that is pinned is fetched from the mirrors of local.mk, tools lie outside the home" {
    mkdir -p "$ENV/image/home/.gemini"
    echo mine >"$ENV/image/home/.gemini/GEMINI.md"
    NO_PROXY=password-of-the-proxy.example build
    run -0 in_image 'for program in nvim vim vi python python3 python3.12; do $program --version; done; uv --version; node -v'
    [ "$(uname -m)" != x86_64 ] || [ "$(grep -c 'NVIM v0.11.4' <<<"$output")" = 3 ]
    [ "$(grep -c 'Python 3.12.99' <<<"$output")" = 3 ]
    says 'uv 0.'
    says 'v24.'
    run -0 in_image 'cat ~/.gemini/GEMINI.md ~/.zshrc'
    says mine
    says robbyrussell
    run -0 in_image 'du -sm /home/trustycage | cut -f 1'
    [ "$output" -le 1 ]
    run -0 in_image 'ls /opt/node/include/node/openssl/archs; find /opt/pyenv -path "*/test/*" -o -name "*.a"'
    [ "$output" = "linux-$(uname -m)" ]
}

@test "pyenv names the Python that it built, by both of its names, in the user's own folder" {
    run -0 in_image '. /etc/profile.d/trusty-cage.sh; pyenv versions; ~/.pyenv/versions/3.12.99/bin/python --version'
    [ "$output" = $'3.12\n3.12.99\nPython 3.12.99' ]
}

@test "editor: no plugin has failed, git does not run at the start, help and parsers are there" {
    [ "$(uname -m)" = x86_64 ] || skip 'the package with Neovim is for x86-64'
    run -0 in_image "$EDITOR"'
        mkdir /tmp/bin
        printf "#!/bin/sh\necho git ran: \$*; exec /usr/bin/git \"\$@\"\n" >/tmp/bin/git
        chmod 755 /tmp/bin/git
        PATH=/tmp/bin:$PATH nvim --headless +qall!
        lua "$failed"
        nvim --headless "+help catppuccin-colours" "+lua io.stdout:write(vim.fn.expand([[%:t]]), [[ ]])" +qall!
        query="vim.treesitter.query.get([[toy]], [[highlights]]).captures[1]"
        tree="vim.treesitter.get_string_parser([[one two]], [[toy]]):parse()[1]:root():sexpr()"
        lua "vim.opt.rtp:prepend([[/opt/lazyvim/site]]) or [[]], $query, $tree"
        find /opt/lazyvim/plugins /opt/lazyvim/site ! -user trustycage'
    [ "$output" = '0 of 4 failed catppuccin.txt keyword(document (word) (word)) ' ] || { echo "$output"; false; }
}

@test "editor: a plugin that is added comes from the mirror and leaves a whole lock; offline, :Lazy update leaves all" {
    [ "$(uname -m)" = x86_64 ] || skip 'the package with Neovim is for x86-64'
    NETWORK=bridge run -0 in_image "$EDITOR"'
        mkdir -p ~/.config/nvim/lua/plugins
        echo "return { { [[local/extra]] } }" >~/.config/nvim/lua/plugins/mine.lua
        nvim --headless +qall!
        locked
        lua "$failed"
        git -C /opt/lazyvim/plugins/extra config remote.origin.url'
    [ "$output" = $'LazyVim,catppuccin,extra,lazy.nvim,nvim-treesitter\n0 of 5 failed https://github.com/local/extra.git' ] ||
        { echo "$output"; false; }
    run -0 in_image "$EDITOR"'
        lua "require([[lazy]]).update() or 1"
        locked
        lua "$failed"
        ls -d /opt/lazyvim/plugins/*/.git | wc -l'
    [ "$output" = $'1 LazyVim,catppuccin,lazy.nvim,nvim-treesitter\n0 of 4 failed 4' ] || { echo "$output"; false; }
}

@test "editor: a configuration of one's own has the image's plugins, and its lock stays whole" {
    [ "$(uname -m)" = x86_64 ] || skip 'the package with Neovim is for x86-64'
    NETWORK=bridge run -0 in_image "$EDITOR"'
        mkdir ~/.config
        cp -R /opt/lazyvim/starter ~/.config/nvim
        echo "return { { [[local/extra]] } }" >~/.config/nvim/lua/plugins/mine.lua
        nvim --headless +qall!
        locked
        lua "$failed"
        lua "require([[lazy]]).options.checker.enabled and 1"
        ls ~/.local/share/nvim/site/parser'
    [ "$output" = $'LazyVim,catppuccin,extra,lazy.nvim,nvim-treesitter\n0 of 5 failed 1 toy.so' ] || { echo "$output"; false; }
}

@test "full: a home of slim, or of another patch of Python, with stock dotfiles of oh-my-zsh" {
    run -0 in_image '
        rm -r ~/.oh-my-zsh ~/.pyenv
        mkdir -p ~/.pyenv/versions ~/.oh-my-zsh/custom/plugins/mine
        ln -s /opt/pyenv/versions/3.12.1 ~/.pyenv/versions/
        printf "%s\n" "export ZSH=\$HOME/.oh-my-zsh" "plugins=(git mine)" "source \$ZSH/oh-my-zsh.sh" >~/.zshrc
        zsh -lic "pyenv versions" 2>&1
        ls -A ~/.oh-my-zsh/custom | tr "\n" " "'
    [ "$output" = $'3.12\n3.12.99\nplugins ' ] || { echo "$output"; false; }
}

@test "editor: after attach no plugin has failed" {
    [ "$(uname -m)" = x86_64 ] || skip 'the package with Neovim is for x86-64'
    CAGE_NO_ATTACH=1 run -0 make -C "$ENV" create
    export SCREEN=editor
    tmux -L editor new-session -d -x 150 -y 40 "tc attach $CAGE"
    screen_shows "[$CAGE]"
    sleep 2
    tc exec "$CAGE" -- tmux send-keys -t '{left}' Escape ":call writefile([luaeval('#require([[lazy]]).failed()')], '/tmp/failed')" Enter
    for _ in {1..40}; do
        ! run -0 tc exec "$CAGE" -- cat /tmp/failed || break
        sleep 0.25
    done
    [ "$output" = 0 ]
}

@test "the image's history and its inspection know no proxy's password" {
    run -0 docker history --no-trunc "$(cat "$ENV/.state/image/used-image")"
    says_not password-of-the-proxy
    run -0 docker inspect "$(cat "$ENV/.state/image/used-image")"
    says_not password-of-the-proxy
}

@test "a second build of the same recipe builds nothing" {
    run -0 build
    says_not BUILD
    local before
    before=$(docker image inspect --format '{{.Id}}' "$(cat "$ENV/.state/image/used-image")")
    CAGE_MISSING=ok make -C "$ENV" rebuilt
    run rebuilt
    [ -z "$output" ] || { echo "$output"; false; }
    [ "$(docker image inspect --format '{{.Id}}' "$(cat "$ENV/.state/image/used-image")")" = "$before" ]
}

@test "another version of an agent rebuilds its layer alone; bytes that are not the pinned ones stop and name the line" {
    none=$(printf '0%.0s' {1..64})
    run ! build "BUILD_ARGS=$(paste -sd ' ' "$BATS_FILE_TMPDIR/mirror/build-args") GEMINI_SHA512_AMD64=$none GEMINI_SHA512_ARM64=$none"
    says 'error: GEMINI: @google/gemini-cli@'
    says 'is not what is pinned'
    says "'ARG GEMINI_SHA512_"
    [ "$(rebuilt | wc -l)" = 1 ]
    [[ $(rebuilt) == *'steps/agent gemini'* ]]
    run ! build "BUILD_ARGS=$(paste -sd ' ' "$BATS_FILE_TMPDIR/mirror/build-args") NEOVIM_SHA256_AMD64=$none NEOVIM_SHA256_ARM64=$none"
    says 'error: NEOVIM: '
    says "'ARG NEOVIM_SHA256_"
    says "the flavour 'slim' needs none of it"
}

@test "tc set agent_version: the registry's own hash is pinned, and the layers before the agent's stay" {
    local image
    run -0 build
    image=$(cat "$ENV/.state/image/used-image")
    # The npm of the image: this machine may have none.
    mkdir "$BATS_TEST_TMPDIR/bin"
    printf '#!/bin/sh\nexec docker run --rm --network host --workdir / -- %s npm "$@"\n' "$image" >"$BATS_TEST_TMPDIR/bin/npm"
    chmod 755 "$BATS_TEST_TMPDIR/bin/npm"
    PATH=$BATS_TEST_TMPDIR/bin:$PATH run -0 tc set "$CAGE" agent_version=gemini@0.60.0
    says "after: tc recreate $CAGE"
    run -0 build
    says BUILD
    [[ $(rebuilt | head -n 1) == *'steps/agent gemini'* ]]
    run -0 in_image 'gemini --version'
    [ "$output" = 0.60.0 ]
    run -0 tc set "$CAGE" agent_version=gemini
    run -0 build
    says_not BUILD
    [ "$(cat "$ENV/.state/image/used-image")" = "$image" ]
}

@test "a source that can't be reached stops the build, names the line and leaves no container behind" {
    local line none=127.0.0.1:1/$RUN
    for line in "NEOVIM_URL=http://$none" "TREE_SITTER_URL=http://$none" "PYENV_URL=http://$none" "PYTHON_URL=http://$none" "GIT_URL=git://$none"; do
        run ! build "BUILD_ARGS=$(grep -v "^${line%%=*}" "$BATS_FILE_TMPDIR/mirror/build-args" | paste -sd ' ') $line"
        says "'ARG ${line%%=*}='"
        says "BUILD_ARGS += ${line%%=*}="
    done
    # A container of a build has no label yet; the address that this one was given is the run's own.
    run ! in_containers "$none"
}

@test "a build argument with a password is refused: the history would show it" {
    for mirror in https://me:secret@git.example.com me:secret@git.example.com https://me@git.example.com/path \
        https://me:sec/ret@git.example.com; do
        run ! build "BUILD_ARGS=NPM_CONFIG_REGISTRY=https://npm.example.com/@scope GIT_URL=$mirror"
        says "the build argument 'GIT_URL' holds a user or a password"
    done
    says_not secret
}

@test "a Python that the pinned pyenv can't build is refused before anything is built" {
    SECONDS=0
    run ! build BUILD_ARGS= CAGE_PYTHON_VERSION=3.99
    says "can't build Python 3.99; the newest is 3."
    says "Set python_version to one that it knows, or change 'ARG PYENV_VERSION=' and its hash in the Dockerfile."
    [ -z "$(rebuilt)" ]
    [ "$SECONDS" -lt 20 ]
}

@test "slim, by the other builder: each agent answers --version, and knows where it is" {
    local other=$PATH agent python=3.$((100 + RANDOM))
    [ ! -x /usr/bin/docker ] || other=/usr/bin:$PATH
    PATH=$other DOCKER_BUILDKIT=1 run -0 tc create "$BATS_FILE_TMPDIR/$CAGE" --name "$RUN-agents" --no-attach \
        --python-version "$python" --agents claude,codex,gemini,opencode
    says "note: python_version is $python, but the flavour 'slim' has only the base image's Python, 3."
    for agent in claude codex gemini opencode; do
        run -0 tc exec "$RUN-agents" -- "$agent" --version
        says .
        [ "${#lines[@]}" = 1 ]
    done
    run -0 tc exec "$RUN-agents" -- sh -c 'cmp ~/.claude/CLAUDE.md /etc/cage/README.md && cmp ~/.codex/AGENTS.md ~/.config/opencode/AGENTS.md'
    # A home of 'full': the link to plugins that are not here would be in the way of others.
    run -0 tc exec "$RUN-agents" -- sh -euc 'cd ~/.local; mkdir -p share/nvim; ln -s /opt/lazyvim/plugins share/nvim/lazy
        nvim --headless +qall!; find share/nvim -type l'
    [ -z "$output" ]
    run -0 docker history --human=false --no-trunc --format '{{.Size}} {{.CreatedBy}}' \
        "$(cat "$TRUSTY_CAGE_HOME/envs/$RUN-agents/.state/image/used-image")"
    [ "$(awk '!/steps\/agent / { bytes += $1 } END { printf "%d", bytes / 1000000 }' <<<"$output")" -lt 900 ]
    run -0 tc exec "$RUN-agents" -- sh -c 'test ! -w /opt/codex && find ~ ! -user trustycage'
    [ -z "$output" ]
}

# Run $2 in a login shell of the image $1, in the home that all images of this test have.
at_home() {
    docker run --rm --interactive --network none --env HOME=/home/trustycage \
        --mount "type=volume,src=$RUN-home,dst=/home/trustycage" -- "$1" zsh -lic "$2"
}

@test "a home outlives its image: slim, full, another patch release of Python, and slim again" {
    local slim full patched old
    tc create "$BATS_FILE_TMPDIR/$CAGE" --name "$RUN-slim" --render-only
    make -s -C "$TRUSTY_CAGE_HOME/envs/$RUN-slim" tags
    slim=$(cat "$TRUSTY_CAGE_HOME/envs/$RUN-slim/.state/image/tag-image")
    build
    full=$(cat "$ENV/.state/image/used-image")
    build CAGE_PYTHON_VERSION=3.12.100
    patched=$(cat "$ENV/.state/image/used-image")
    python3 - "$BATS_TEST_TMPDIR/greet-1-py3-none-any.whl" <<'PYTHON'
import sys, zipfile
about = "greet-1.dist-info"
files = {"greet.py": "def hello(): print('hello')\n", f"{about}/METADATA": "Metadata-Version: 2.1\nName: greet\nVersion: 1\n",
         f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
         f"{about}/entry_points.txt": "[console_scripts]\ngreet = greet:hello\n", f"{about}/RECORD": ""}
with zipfile.ZipFile(sys.argv[1], "w") as wheel:
    for name, text in files.items():
        wheel.writestr(name, text)
PYTHON
    run -0 at_home "$slim" 'd=$(mktemp -d) && cd $d && cat >greet-1-py3-none-any.whl && pip install -q --no-index *.whl; greet' \
        <"$BATS_TEST_TMPDIR/greet-1-py3-none-any.whl"
    says hello
    says_not note:
    old=$(docker run --rm --network none "$slim" sed 's/python=//' /etc/cage/image)
    for _ in 1 2; do
        run -0 at_home "$full" true
        says "note: pip's packages in this home are of Python $old, and the image has 3.12. Install them anew: pip freeze --path"
        says " ~/.local/lib/python$old/site-packages | pip install -r /dev/stdin"
    done
    run -0 at_home "$full" 'pip install other; other'
    says 'Python 3.12.99'
    run -0 at_home "$patched" 'other; pyenv versions'
    says $'Python 3.12.100\n3.12\n3.12.100'
    says_not note:
    says_not 3.12.99
    run -0 at_home "$slim" 'greet; rm ~/.local/bin/other'
    says 'of a Python that this image lacks. Install them anew, or remove them: other'
    says hello
    run -0 at_home "$slim" 'cmp ~/.cage-image /etc/cage/image'
    [ -z "$output" ]
    docker volume rm "$RUN-home" >/dev/null
}

@test "a base image that is named by its id; a step that fails has the last word: by either builder" {
    local id way E=$TRUSTY_CAGE_HOME/envs/$RUN-own
    id=$(docker image inspect --format '{{.Id}}' "$TRUSTY_CAGE_BASE_IMAGE")
    tc create "$BATS_FILE_TMPDIR/$CAGE" --name "$RUN-own" --shell bash --render-only --base-image "${id:7:12}"
    for way in "$PATH 0" "/usr/bin:$PATH 1"; do
        cat >"$E/Dockerfile" <<'DOCKERFILE'
ARG CAGE_BASE_IMAGE
FROM ${CAGE_BASE_IMAGE}
RUN for name in tmux git; do ln -s /bin/true /usr/local/bin/$name; done && useradd --create-home --uid 1000 trustycage
DOCKERFILE
        PATH=${way% *} DOCKER_BUILDKIT=${way##* } CAGE_MISSING=ok run -0 make -C "$E" rebuilt
        echo 'RUN echo "error: no such mirror"; echo "Change it: ARG MIRROR"; exit 7' >>"$E/Dockerfile"
        PATH=${way% *} DOCKER_BUILDKIT=${way##* } CAGE_MISSING=ok run ! make -C "$E" rebuilt
        says 'the step ended with exit code 7'
        says "error: the image can't be built: no such mirror"$'\n''Change it: ARG MIRROR'$'\n'"Then: make -C $E create"
    done
    [ -z "$(docker image ls --quiet --filter "reference=trusty-cage:*.$RUN-own")" ]
    rm -rf "$E"
}

@test "each agent is at its prompt in the top right pane, unattended, with its own key" {
    local agent key prompt TC
    TC=$(command -v tc)
    tmux -L agents new-session -d -x 180 -y 50
    while read -r agent key prompt; do
        tc set "$RUN-agents" "agent=$agent"
        docker exec "isolated-dev-$RUN-agents" tmux kill-server || true
        tmux -L agents send-keys "clear; $key=sk-test $TC attach $RUN-agents" Enter
        for _ in {1..180}; do
            ! tmux -L agents capture-pane -p | grep -qF -- "$prompt" || break
            sleep 0.5
        done
        tmux -L agents capture-pane -p | grep -F -- "$prompt" || { tmux -L agents capture-pane -p; false; }
        tmux -L agents send-keys C-a d
        sleep 1
    done <<'AGENTS'
claude ANTHROPIC_API_KEY bypass permissions on
codex OPENAI_API_KEY permissions: YOLO mode
gemini GEMINI_API_KEY Type your message
opencode ANTHROPIC_API_KEY Ask anything
AGENTS
}

@test "create --dockerfile: what the image lacks is named; mended, the same command goes on" {
    printf 'FROM %s\nRUN useradd --uid 1001 trustycage\n' "$TRUSTY_CAGE_BASE_IMAGE" >"$BATS_TEST_TMPDIR/Dockerfile"
    run ! tc create "$BATS_FILE_TMPDIR/$CAGE" --name "$RUN-own" --shell bash --no-attach --dockerfile "$BATS_TEST_TMPDIR/Dockerfile"
    says "a user 'trustycage' with user and group id 1000"
    says "the program 'tmux'"
    says "the program 'git'"
    says_not "the program 'bash'"
    says "$TRUSTY_CAGE_HOME/envs/$RUN-own/Dockerfile"
    [ -z "$(docker image ls --quiet --filter "reference=trusty-cage:*.$RUN-own")" ]
    slim=$(docker image ls --quiet --filter label=trusty-cage.shared=1 --filter 'reference=trusty-cage:????????????????' | head -n 1)
    printf 'FROM %s\nCOPY extra /extra\n' "$slim" >"$TRUSTY_CAGE_HOME/envs/$RUN-own/Dockerfile"
    echo more >"$TRUSTY_CAGE_HOME/envs/$RUN-own/image/extra"
    run -0 tc create "$BATS_FILE_TMPDIR/$CAGE" --name "$RUN-own" --no-attach
    run -0 tc exec "$RUN-own" -- cat /extra
    says more
    run -0 tc render "$RUN-own"
    says "$RUN-own: up to date"
    grep -q 'COPY extra' "$TRUSTY_CAGE_HOME/envs/$RUN-own/Dockerfile"
    run -1 tc create "$BATS_FILE_TMPDIR/$CAGE" --name "$RUN-other" --dockerfile "$BATS_TEST_TMPDIR/none"
    says "can't be read: No such file or directory"
}

@test "create --dockerfile: an image without bash and zsh works with its own shell" {
    local slim E=$TRUSTY_CAGE_HOME/envs/$RUN-sh
    slim=$(docker image ls --quiet --filter label=trusty-cage.shared=1 --filter 'reference=trusty-cage:????????????????' | head -n 1)
    cat >"$BATS_TEST_TMPDIR/Dockerfile" <<DOCKERFILE
FROM $slim
USER root
RUN for name in bash zsh getent dpkg perl; do rm -f "/bin/\$name" "/usr/bin/\$name"; done && ! command -v bash zsh
USER 1000:1000
DOCKERFILE
    run -1 tc create "$BATS_FILE_TMPDIR/$CAGE" --name "$RUN-sh" --no-attach --dockerfile "$BATS_TEST_TMPDIR/Dockerfile"
    says "the program 'zsh', or a value of the setting 'shell' that it has: sh"
    tc set "$RUN-sh" shell=sh
    run -0 tc create "$BATS_FILE_TMPDIR/$CAGE" --name "$RUN-sh" --no-attach
    run -0 tc exec "$RUN-sh" -- sh -c 'echo made >made; command -v bash || echo none'
    says none
    run -0 on_terminal "tc shell $RUN-sh <<<'echo in-\$0; exit'"
    says in-sh
    run -0 tc export "$RUN-sh" -y
    [ "$(cat "$E/repo/made")" = made ]
    remove_cage "$RUN-sh"
}

@test "sudo pip, uv across file systems and claude doctor warn about nothing that is meant so" {
    local words
    # shellcheck disable=SC2016 # for the shell in the cage
    words='sudo pip install --quiet --no-deps --no-index --dry-run pip 2>&1; uv venv --quiet /dev/shm/v && cd /dev/shm &&
        VIRTUAL_ENV=/dev/shm/v uv pip install --no-progress six 2>&1; claude doctor 2>&1'
    run tc exec "$RUN-agents" -- sh -c 'pip install --quiet uv'
    run -0 tc exec "$RUN-agents" -- sh -c "$words"
    says_not "as the 'root' user"
    says_not 'Failed to hardlink'
    says 'Installed 1 package'
    says 'No installation issues found'
    says_not 'claude install'
}

@test "README: the command that removes the images no cage uses" {
    run -0 grep -F 'docker image prune --all --filter label=trusty-cage.shared=1' "$BATS_TEST_DIRNAME/../README.md"
}
