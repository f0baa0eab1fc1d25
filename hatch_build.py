"""Make the completions and the man page from the command line itself, while the package is built."""

import sys
from argparse import ArgumentParser, _SubParsersAction
from pathlib import Path

import shtab

# Not from build_manpages, which has the same class and imports setuptools.
from argparse_manpage.manpage import Manpage
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))

from cage.settings import SETTINGS  # noqa: E402 (the package that is built)

# The names of cages, from their folders: no engine is asked while somebody types.
CAGES = {
    "bash": """\
_tc_cages() {
  local meta
  for meta in "${TRUSTY_CAGE_HOME:-$HOME/.trusty-cage}"/envs/*/meta.json; do
    meta=${meta%/meta.json} meta=${meta##*/}
    [[ $meta == '*' || $meta != "$1"* ]] || printf '%s\\n' "$meta"
  done
}
""",
    "zsh": """\
_tc_cages() {
  local -a found
  found=(${TRUSTY_CAGE_HOME:-$HOME/.trusty-cage}/envs/*/meta.json(N:h:t))
  compadd -a found
}
""",
    "fish": """\
function _tc_cages
  set -l home $HOME/.trusty-cage
  set -q TRUSTY_CAGE_HOME; and set home $TRUSTY_CAGE_HOME
  set -l found $home/envs/*/meta.json
  string replace --regex '.*/([^/]*)/meta.json$' '$1' -- $found
end
""",
}
# Arguments that are paths.
FILES = ("repository", "dockerfile", "ca_bundle", "dotfiles_repo", "paths")
COMPLETE = {"bash": "_tc_cages", "zsh": "_tc_cages", "fish": "(_tc_cages)"}
# The program has two names.
SECOND = {
    "bash": "\ncomplete -o bashdefault -F _shtab_tc trusty-cage\n",
    "zsh": "",
    "fish": "\ncomplete -c trusty-cage --wraps tc\n",
}


class CustomBuildHook(BuildHookInterface):
    """hatchling calls this before it collects the files."""

    def initialize(self, version: str, build_data: dict) -> None:
        """Write cage/generated/."""
        from cage import cli

        write(cli.parser(), ROOT / "cage" / "generated")


def write(parser: ArgumentParser, folder: Path) -> None:
    """Write tc.bash, tc.zsh, tc.fish and the man page tc.1 into folder."""
    folder.mkdir(exist_ok=True)
    (folder / "tc.1").write_text(manual(parser))
    (folder / "trusty-cage.1").write_text(".so man1/tc.1\n")
    (verbs,) = (action for action in parser._actions if isinstance(action, _SubParsersAction))
    for verb in verbs.choices.values():
        for action in verb._actions:
            if action.dest == "name" and not action.option_strings:
                action.complete = COMPLETE
            elif action.dest in FILES:
                action.complete = shtab.FILE
            elif action.dest == "values":
                action.choices = [*(f"{setting.key}=" for setting in SETTINGS), "agent_version="]
    for shell, cages in CAGES.items():
        text = shtab.complete(parser, shell, preamble={shell: cages}) + SECOND[shell]
        if shell == "zsh":
            text = text.replace("#compdef tc", "#compdef tc trusty-cage", 1).replace("-N tc", "-N tc trusty-cage")
        (folder / f"tc.{shell}").write_text(text)


def manual(parser: ArgumentParser) -> str:
    """The man page, with the line that whatis and apropos read."""
    page = str(Manpage(parser))
    name = ".SH NAME\n" + parser.prog
    if name not in page:
        raise ValueError("the man page has no NAME to complete")
    said = parser.description[0].lower() + parser.description[1:].rstrip(".")
    return page.replace(name, f"{name} \\- {said}", 1).replace("Generated Python Manual", "trusty-cage", 1)
