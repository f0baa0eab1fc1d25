# shellcheck shell=sh
# For login shells, bash and zsh: what pip and npm install for the user can be run by name. Only here, never
# in the image's own PATH: whatever is run in the cage from outside finds the system's programs first.
case ":$PATH:" in
*":$HOME/.local/bin:"*) ;;
*) PATH="$HOME/.local/bin:$PATH" ;;
esac
export PATH
