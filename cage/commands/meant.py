"""A word that is no verb of tc: which verb its typist may have meant."""

from collections.abc import Iterable
from difflib import get_close_matches

from cage.errors import USAGE, CageError
from cage.text import quote

# Verbs of other tools: docker, git, vagrant, devcontainer and the shell.
OTHER_WORDS = {
    "attach": "enter open connect join code tmux session",
    "completion": "completions",
    "create": "new add clone",
    "destroy": "rm remove delete del erase purge prune uninstall",
    "diff-recipes": "edits",
    "doctor": "check diagnose troubleshoot",
    "exec": "run execute do",
    "export": "pull fetch save download out merge apply",
    "export --branch": "commit branch",
    "export --dry-run --diff": "diff changes patch",
    "export --undo": "undo revert rollback reset",
    "list": "ls ps ll dir cages",
    "make": "target",
    "rebuild-image": "build rebuild image",
    "recreate": "reload refresh",
    "render": "update upgrade template",
    "set": "config configure settings edit option",
    "shell": "sh bash zsh ssh console terminal",
    "start": "up resume unpause boot",
    "status": "info inspect show stat stats logs log top",
    "stop": "down halt pause suspend kill",
    "stop, then: tc start": "restart reboot",
    "put": "cp copy upload send import paste",
    "sync": "push",
    "key": "keys secret secrets",
    "auth": "login logout credentials token",
    "--help": "help man usage",
    "--version": "version",
}


def unknown(word: str, verbs: Iterable[str]) -> CageError:
    """The error for a word that is none of verbs."""
    meant = next((verb for verb, words in OTHER_WORDS.items() if word.lower() in words.split()), "")
    meant = meant or next(iter(get_close_matches(word.lower(), verbs, 1)), "")
    said = f"{quote(word)} is no command"
    return CageError(f"{said}; you mean: tc {meant}" if meant else said, "See: tc --help", USAGE)
