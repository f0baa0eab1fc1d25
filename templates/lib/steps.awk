# Prints the steps of one verb in the order in which make would take them, each with its sentence: awk -v of=attach.
# A step's own steps come before it: those that it needs, then those that its recipe makes. '*': it calls the engine.

# A rule or a recipe goes on after a backslash.
/\\$/ { held = held substr($0, 1, length($0) - 1) " "; next }
{ $0 = held $0; held = "" }

# While containers are made, create.mk has steps wait for more.
/^ifn?eq / { off = of !~ /^(re)?creat/ }
/^endif/ { off = 0 }
off { next }

/^#: / { sentence = substr($0, 4); next }
# Two variables stand for steps.
/^([a-z]+_step|IMAGES) *:?= / { split($0, side, " *:?= "); meaning["$(" side[1] ")"] = substr($0, length(side[1]) + 2); next }
/^[A-Za-z.$][A-Za-z0-9_.$()\/ -]*:([^=:]|$)/ && !/^[^#]*:[^#]*[^|]=/ {
    rule = $0
    names = $0
    sub(/:.*/, "", names)
    if (names in meaning) names = meaning[names]
    sub(/^[^:]*:/, "", rule)
    said = sentence
    if (match(rule, /## .*/)) {
        said = substr(rule, RSTART + 3)
        rule = substr(rule, 1, RSTART - 1)
    }
    count = split(names, target, " ")
    for (i = 1; i <= count; i++) {
        needs[target[i]] = needs[target[i]] " " rule
        if (said != "") says[target[i]] = said
    }
    sentence = ""
    next
}
# Words that stand for a call of the engine.
/^[A-Z_]+ *:?= / && /CAGE_ENGINE" |\$\((HELPER|LOOK)\)/ { calls[substr($0, 1, index($0, " ") - 1)] }
/^\t/ { for (i = 1; i <= count; i++) recipe[target[i]] = recipe[target[i]] $0 }
/^\t/ && /\$\(MAKE\)/ {
    made = $0
    sub(/^.*\$\(MAKE\)/, "", made)
    sub(/ ([|][|]|[&][&]|;).*/, "", made)
    if (/\$\(resumed\)/) made = made " goes-on"
    for (i = 1; i <= count; i++) needs[target[i]] = needs[target[i]] " " made
}

function show(step, number, part, part_of, words, at, i) {
    if (shown[step]++) return
    words = needs[step]
    for (part in meaning)
        if (at = index(words, part)) words = substr(words, 1, at - 1) meaning[part] substr(words, at + length(part))
    number = split(words, part_of, /[^A-Za-z0-9_.\/-]+/)
    words = ""
    for (i = 1; i <= number; i++) if (part_of[i] in needs) words = words " " part_of[i]
    walk(words)
    if (step in says) printf "%s %-20s %s\n", asks(recipe[step]) ? "*" : " ", step, says[step]
}

function asks(text, word) {
    if (index(text, "\"$$CAGE_ENGINE\"")) return 1
    for (word in calls) if (index(text, "$(" word ")")) return 1
    return 0
}

function walk(words, number, list, i) {
    number = split(words, list, " ")
    for (i = 1; i <= number; i++) show(list[i])
}

END {
    if (!(of in says)) {
        print "error: there is no verb or step '" of "'\nSee: make help, make steps" | "cat >&2"
        exit 2
    }
    show(of)
    print "\n* calls the engine. Steps that don't need each other run side by side."
}
