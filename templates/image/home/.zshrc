# The shell of a cage. Your dotfiles replace this file.
autoload -Uz compinit && compinit -i
bindkey -e
setopt interactive_comments hist_ignore_dups share_history
HISTFILE=~/.zsh_history HISTSIZE=50000 SAVEHIST=50000
PROMPT='%F{cyan}%m%f %~ %# '
