# shellcheck shell=sh
# For login shells, bash and zsh: programs that pip, npm and pyenv install for the user can be run by name. Only here,
# never in the image's own PATH: an 'exec' from outside must find the system's programs first.
for folder in "$HOME/.pyenv/shims" "$HOME/.local/bin"; do
    case ":$PATH:" in
    *":$folder:"*) ;;
    *) [ ! -d "$folder" ] || PATH="$folder:$PATH" ;;
    esac
done
# Stock dotfiles look for oh-my-zsh in the home, and put plugins of their own into its folder custom.
if [ -d /opt/oh-my-zsh ] && [ ! -e ~/.oh-my-zsh/oh-my-zsh.sh ]; then
    mkdir -p ~/.oh-my-zsh/custom
    ln -sf /opt/oh-my-zsh/* ~/.oh-my-zsh/ 2>/dev/null || :
fi
# pyenv looks in the home: the image's Python is linked there. The link of an image before leads nowhere.
if [ -d /opt/pyenv/versions ]; then
    [ -d ~/.pyenv/versions ] || mkdir -p ~/.pyenv/versions
    for folder in ~/.pyenv/versions/*; do [ -e "$folder" ] || rm -f "$folder"; done
    for folder in /opt/pyenv/versions/*; do
        [ -e ~/.pyenv/versions/"${folder##*/}" ] || ln -s "$folder" ~/.pyenv/versions/
    done
fi
unset folder
# The home may be another image's.
case $- in
*i*) cmp -s /etc/cage/image "$HOME/.cage-image" 2>/dev/null || sh /usr/local/lib/trusty-cage/home-check ;;
esac
# The starters of the agents come first: they set up key and questions, also for an agent that the user installed.
PATH=/usr/local/lib/trusty-cage/bin:$PATH
export PATH
