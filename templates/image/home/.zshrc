# The shell of a cage. Your dotfiles replace this file.
HISTFILE=~/.zsh_history HISTSIZE=50000 SAVEHIST=50000
if [ -d /opt/oh-my-zsh ]; then
    ZSH=/opt/oh-my-zsh ZSH_THEME=robbyrussell DISABLE_AUTO_UPDATE=true
    plugins=(git)
    source $ZSH/oh-my-zsh.sh
else
    autoload -Uz compinit && compinit -i
    bindkey -e
    setopt interactive_comments hist_ignore_dups share_history
    PROMPT='%F{cyan}%m%f %~ %# '
fi
