# shellcheck shell=sh
# For login shells, bash and zsh: what pip, npm and pyenv install for the user can be run by name. Only here, never
# in the image's own PATH: whatever is run in the cage from outside finds the system's programs first.
for folder in "$HOME/.pyenv/shims" "$HOME/.local/bin"; do
    case ":$PATH:" in
    *":$folder:"*) ;;
    *) [ ! -d "$folder" ] || PATH="$folder:$PATH" ;;
    esac
done
unset folder
export PATH
