"""tc init: the folder for cages, and a .env to write one's defaults in."""

from argparse import Namespace

from cage import home, terminal
from cage.settings import SETTINGS
from cage.text import printable

HEADER = """\
# Defaults of new cages. A flag of 'tc create' and a variable of your shell come first.
# Take the '#' away from a line to set it. '$' means nothing here: a value is taken as written.
# No key belongs in this file: it is read from your shell's environment only.
"""


def init(args: Namespace) -> int:
    """Make the folder and a commented .env; an old .env is kept beside a new one."""
    path = home.make_folder(home.root()) / ".env"
    if path.exists():
        if not args.force and not terminal.confirm(f"'{printable(path)}' exists: replace it?", "--force"):
            return 0
        kept = path.with_name(home.aside(".", ".env").name)
        path.rename(kept)
        print(f"Moved the old one to {printable(kept)}")
    lines = [f"\n# {setting.help}\n#{setting.variable}={setting.default}\n" for setting in SETTINGS if setting.variable]
    home.write(path, (HEADER + "".join(lines)).encode())
    home.make_home_id()
    print(f"Wrote {printable(path)}\nMake a cage:  tc create <git-url>")
    return 0
