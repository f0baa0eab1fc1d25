"""The verbs of tc: a module each, or several that only run a target."""
