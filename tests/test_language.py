"""Comments and docstrings of the project name their subject: none begins with 'What' or 'Whatever'."""

import ast
import io
import re
import subprocess
import tokenize
from pathlib import Path

import pytest
from conftest import ROOT

# Documents are prose, rendered files repeat the templates, and dev/bench.svg is a picture.
ELSEWHERE = re.compile(r"tests/(rendered|toy)/|.*\.(md|svg|json)$|LICENSE$")
VAGUE = re.compile(r"(?:#+:?|--|\"\"\")?\s*(What|Whatever)\b")


def of_python(text):
    """The comments and docstrings of a Program: (line, text)."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (said := ast.get_docstring(node)):
            yield node.body[0].lineno, said


def of_others(text):
    """The comments of a makefile, a script or a table, known by their '#' (Lua's: '--'): (line, text)."""
    for number, line in enumerate(text.splitlines(), 1):
        if found := re.match(r"\s*(#|--\s)", line) or re.search(r"\s#+:? (?=[A-Z])", line):
            yield number, line[found.start() :].strip()


def is_python(path, text):
    """Whether the file at PATH is a Python program."""
    return path.endswith(".py") or (text.startswith("#!") and "python" in text.split("\n", 1)[0])


def vague(path, text):
    """The comments and docstrings in TEXT, the file at PATH, that begin so: 'path:line: text'."""
    comments = of_python(text) if is_python(path, text) else of_others(text)
    return [f"{path}:{line}: {said}" for line, said in comments if VAGUE.match(said)]


def tracked():
    """The project's own files with comments in them, relative to its root."""
    if not (ROOT / ".git").exists():
        pytest.skip("no checkout of git")
    paths = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for path in paths.split("\0") if path and not ELSEWHERE.match(path) and (ROOT / path).is_file()]


def test_no_comment_begins_with_what():
    assert [fault for path in tracked() for fault in vague(path, Path(ROOT / path).read_text())] == []


def test_no_comment_is_longer_than_a_line_of_120():
    lines = ((path, line) for path in tracked() for line in Path(ROOT / path).read_text().splitlines())
    assert [f"{path}: {line}" for path, line in lines if len(line) > 120 and re.match(r"\s*(#|--\s)", line)] == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", '"""W it is."""\n'),
        ("a.py", "x = 1  # whatever\ny = 2  # Wever it is\n"),
        ("program", "#!/usr/bin/env python3\ndef f():\n    'W it does.'\n"),
        ("Makefile", "x: ## W it makes\n"),
        ("x.mk", "#: W it makes\n"),
        ("script", "#!/bin/sh\n    # W comes next.\n"),
        ("x.lua", "-- W it returns.\n"),
    ],
)
def test_comment_that_begins_so_is_found(path, text):
    """W stands for the word, so that this file passes a search for it."""
    assert len(vague(path, text.replace("W", "What"))) == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", "# The thing, whatever its name.\nx = '# W'\n"),
        ("script", "echo \"$#\" '#W'\n# Somewhat else.\n"),
    ],
)
def test_other_text_is_let_be(path, text):
    assert vague(path, text.replace("W", "What")) == []
