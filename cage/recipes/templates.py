"""From templates and meta.json to the files of a cage's folder."""

import re

from jinja2 import Environment, FileSystemLoader, StrictUndefined

import cage
from cage import agents, meta
from cage.errors import USAGE, CageError
from cage.surroundings import source
from cage.text import quote

BLANKS = (" ", "\t", "\v", "\f")


def make(value: str) -> str:
    """Write value so that make reads it back unchanged: `export X := {{ value | make }}`.

    `empty` and `pound` are defined in Makefile.cage. Raises CageError for a value that no line of a Makefile can hold.
    """
    if re.search(r"[\n\r\0]", value):
        raise CageError(f"{quote(value)} holds a line break", "Give it without.", USAGE)
    text = value.replace("$", "$$").replace("#", "$(pound)")
    if value.startswith(BLANKS):
        text = "$(empty)" + text
    if value.endswith((*BLANKS, "\\")):
        text += "$(empty)"
    return text


def files(fields: meta.Fields, home_id: str) -> dict[str, bytes]:
    """All files of the cage with these fields, by path. Those that end in .j2 go through Jinja and lose the ending."""
    origin = source()
    templates = origin / "templates"
    environment = Environment(
        loader=FileSystemLoader(templates),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["make"] = make
    values = {
        **{key: fields[key] for key in ("name", "repo_url", "branch", "created_at")},
        "home_id": home_id,
        "version": cage.__version__,
        "settings": meta.settings(fields),
        "agents": agents.with_pins(meta.pins(fields)),
    }
    rendered = {"Makefile.cage": (origin / "Makefile.cage").read_bytes()}
    for file in sorted(templates.rglob("*")):
        path = file.relative_to(templates).as_posix()
        # A cage with a Dockerfile of its own does not get ours.
        if not file.is_file() or "__pycache__" in path or (path == "Dockerfile.j2" and fields.get("dockerfile")):
            continue
        if path.endswith(".j2"):
            text = environment.get_template(path).render(values)
            rendered[path.removesuffix(".j2")] = text.encode(errors="surrogateescape")
        else:
            rendered[path] = file.read_bytes()
    return rendered
