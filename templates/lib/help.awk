# Prints a Makefile's '##@ Section' lines and its 'target: ## sentence' lines.
/^##@/ { section = substr($0, 5) }
/^[a-z][a-z-]*:.*## / {
    if (section != shown) { printf "\n%s\n", section; shown = section }
    target = $0
    sub(/:.*/, "", target)
    sentence = $0
    sub(/^.*## /, "", sentence)
    printf "  %-14s %s\n", target, sentence
}
