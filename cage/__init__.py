"""trusty-cage: isolated development environments for AI coding agents."""

import os
import sys

__version__ = "1.0.0"

# 'python -m cage', and '.' or an empty part of PYTHONPATH, put the current folder first in sys.path: an agent's, maybe.
_typed_in = {os.path.abspath(part) for part in os.environ.get("PYTHONPATH", "/").split(":") if part[:1] != "/"}  # noqa: PTH100
_typed_in |= {sys.path[0]} if sys.argv[:1] == ["-m"] and not sys.flags.safe_path else set()
sys.path[:] = [folder for folder in sys.path if folder not in _typed_in - {__file__.removesuffix("/cage/__init__.py")}]
