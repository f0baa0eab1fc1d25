"""The verbs of tc, by purpose, in the order of the help."""

GROUPS = {
    "make a cage": "init create",
    "work in it": "attach start stop shell exec forward put get",
    "bring work home": "export sync",
    "look after it": "list status set auth key render diff-recipes rebuild-image recreate make destroy forget",
    "this machine": "doctor completion",
}
VERBS = " ".join(GROUPS.values())
