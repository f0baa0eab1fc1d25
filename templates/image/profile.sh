# shellcheck shell=sh
# For login shells, bash and zsh: programs that pip, npm and pyenv install for the user can be run by name. Only here,
# never in the image's own PATH: an 'exec' from outside must find the system's programs first.
for folder in "$HOME/.pyenv/shims" "$HOME/.local/bin"; do
    case ":$PATH:" in
    *":$folder:"*) ;;
    *) [ ! -d "$folder" ] || PATH="$folder:$PATH" ;;
    esac
done
unset folder
# The starters of the agents come first: they set up key and questions, also for an agent that the user installed.
PATH=/usr/local/lib/trusty-cage/bin:$PATH
export PATH
