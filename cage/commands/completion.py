"""tc completion: the shells' completion scripts, made from the command line when the package was built."""

from argparse import Namespace
from pathlib import Path

from cage.errors import CageError


def completion(args: Namespace) -> int:
    """Print the completions for a shell."""
    try:
        text = Path(__file__).parent.with_name("generated").joinpath(f"tc.{args.shell}").read_text()
    except FileNotFoundError:
        problem = "the completions were not made: this package was never built"
        raise CageError(problem, "Build it: pip install --editable .") from None
    print(text, end="")
    return 0
