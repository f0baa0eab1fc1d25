"""Where the templates are."""

from pathlib import Path


def source() -> Path:
    """The folder that holds templates/ and Makefile.cage: in the package or one level up."""
    package = Path(__file__).parent
    return package if (package / "templates").is_dir() else package.parent
