# Prints the '##@ Section' lines of makefiles and their 'target: ## sentence' lines, section by section.
FNR == 1 && FILENAME == "local.mk" { order[++sections] = section = "Yours" }
/^##@/ {
    section = substr($0, 5)
    sub(/ *\(.*/, "", section)
    if (!(section in text)) order[++sections] = section
}
/^[A-Za-z0-9][A-Za-z0-9_.-]*:.*## / {
    target = sentence = $0
    sub(/:.*/, "", target)
    sub(/^.*## /, "", sentence)
    text[section] = text[section] sprintf("  %-14s %s\n", target, sentence)
}
END {
    for (i = 1; i <= sections; i++)
        if (text[order[i]] != "") printf "%s%s\n%s", (shown++ ? "\n" : ""), order[i], text[order[i]]
}
