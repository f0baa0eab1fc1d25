# Prints the verbs of makefiles, 'target: ## sentence' under '##@ Section'; with steps=1 their steps, '#: sentence'
# above a target, file by file.
steps && FNR == 1 { order[++sections] = section = FILENAME }
steps && /^#: / { sentence = substr($0, 4); next }
steps && sentence != "" && /^[^#\t ].*:/ {
    target = $0
    sub(/:.*/, "", target)
    gsub(/\$\(S\)/, ".state", target)
    gsub(/\$\(FOLDERS\)/, ".state/*/", target)
    text[section] = text[section] sprintf("  %-18s %s\n", target, sentence)
    sentence = ""
}
steps { next }
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
