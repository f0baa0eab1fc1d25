"""Which files the host runs later, unasked, and how a person is told of them."""

import os
import re
import sys

from rules import bounded, show

# Files that a program of the host runs later, unasked, and what runs them: in any case, and folders as links too.
RUNS_LATER = [
    (rb"(^|/)(\.husky|\.githooks)(/|$)", "git, as hooks"),
    (rb"(^|/)(\.pre-commit-config\.yaml|lefthook\.ya?ml)$", "git, as hooks"),
    (rb"(^|/)\.git(attributes|modules)$", "git"),
    (rb"(^|/)(\.envrc|mise\.toml|\.mise\.toml)$", "the shell"),
    (rb"(^|/)\.(vscode|idea|devcontainer|zed|fleet)(/|$)", "the editor"),
    (
        rb"(^|/)(\.devcontainer\.json|\.n?vim(\.lua|rc)|\.exrc|\.dir-locals\.el|[^/]*\.(code-workspace|sublime-project))$",
        "the editor",
    ),
    (rb"(^|/)\.(claude|cursor|codex|gemini|opencode|windsurf|aider[^/]*|continue)(/|$)", "agents on the host"),
    (
        rb"(^|/)(\.mcp\.json|(CLAUDE(\.local)?|AGENTS|GEMINI)\.md|opencode\.jsonc?|\.(cursor|windsurf|cline)rules)$",
        "agents on the host",
    ),
    (rb"^(\.github(/(workflows|actions)(/|$)|$)|\.gitlab-ci\.yml$|\.circleci(/|$)|Jenkinsfile$|\.travis\.yml$)", "CI"),
    (
        rb"(^|/)(GNUmakefile|[Mm]akefile|[^/]*\.mk|\.?[Jj]ustfile|Rakefile|Taskfile\.ya?ml|CMakeLists\.txt)$",
        "make and its like",
    ),
    (
        rb"(^|/)(package\.json|\.npmrc|\.yarnrc(\.yml)?|\.pnpmfile\.cjs|setup\.(py|cfg)|conftest\.py|tox\.ini|noxfile\.py"
        rb"|build\.rs|\.cargo/config(\.toml)?|pyproject\.toml|Gemfile|[^/]*\.gradle(\.kts)?)$",
        "a package manager",
    ),
    (rb"(^|/)(Dockerfile|(docker-)?compose\.ya?ml)$", "the engine"),
]


def runner(path, mode, before, hooks):
    """What on the host would run PATH later, with MODE now and BEFORE, None for nothing, until now; empty for nothing.

    HOOKS is the folder that git there takes its hooks from.
    """
    if path == hooks or path.startswith(hooks + b"/"):
        return "git, as hooks"
    for pattern, by in RUNS_LATER:
        if re.search(pattern, path, re.IGNORECASE):
            return by
    return "a new executable" if mode == "100755" and (not before or before.mode != mode) else ""


def warning(runs):
    """The lines that point out what RUNS (path -> by what) on the host later; none for nothing."""
    lines = [f"  {show(path)}: {by}" for path, by in sorted(runs.items())]
    return ["Read these first, the host runs them later:", *bounded(lines)] if runs else []


def point_out(runs):
    """Say on standard error what RUNS on the host later; at a destroy (CAGE_FORCE) nobody reads on."""
    if os.environ.get("CAGE_FORCE") != "1":
        print(*(f"{line}\n" for line in warning(runs)), sep="", end="", file=sys.stderr)
