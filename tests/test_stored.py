"""The bytes that git would store, found without git: the same as git's own, for random files and attributes."""

import io
import os
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_verdict import GUARD, program, question, tree, verdict

import commit_rules  # isort: skip
import objects  # isort: skip
import stored  # isort: skip
from stream import Stream  # isort: skip

QUIET = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "GIT_ATTR_NOSYSTEM": "1", "HOME": "/nonexistent"}
WORDS = st.sampled_from(["text", "-text", "!text", "text=auto", "text=input", "text=other", "crlf", "-crlf",
    "crlf=input", "eol=lf", "eol=crlf", "eol=x", "-eol", "ident", "-ident", "binary", "working-tree-encoding=latin1",
    "working-tree-encoding=UTF-8", "working-tree-encoding=UTF-16", "working-tree-encoding=UTF-16LE"])  # fmt: skip
PIECES = st.sampled_from([b"\n", b"\r\n", b"\r", b"\0", b"\x1a", b"\x7f", b"\x01", b"line", b"$Id$", b"$Id: x $",
    b"$Id:", b"$", b"\xe9", b"\x08\x09", b"x" * 130, "ä\r\n".encode("utf-16"), "ä\n".encode("utf-16-le")])  # fmt: skip
DATA = st.lists(PIECES, max_size=6).map(b"".join)


@pytest.fixture
def place(place, monkeypatch):
    """A git folder, and a folder of the helper's own."""
    place.mkdir()
    monkeypatch.setattr(tree, "SCRATCH", str(place / "scratch"))
    git(place, "init", "--quiet", place / "repo")
    return place


def git(place, *words, told=None, code=0, **more):
    done = subprocess.run(
        ["git", "-C", place / "repo" if (place / "repo").exists() else ".", *words],
        input=told, capture_output=True, env=QUIET | more,
    )  # fmt: skip
    assert done.returncode == code or code is None, done.stderr
    return done.stdout if done.returncode == 0 else None


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(WORDS, max_size=4), st.lists(WORDS, max_size=2), st.booleans(), DATA)
def test_bytes_are_those_that_git_stores(place, words, of_clone, autocrlf, data):
    told = {b"d/.gitattributes": f"f {' '.join(words)}\n".encode(), b"unused": b""}
    (place / "repo/d").mkdir(exist_ok=True)
    (place / "repo/d/.gitattributes").write_bytes(told[b"d/.gitattributes"])
    info = f"d/f {' '.join(of_clone)}\n".encode()
    (place / "repo/.git/info").mkdir(exist_ok=True)
    (place / "repo/.git/info/attributes").write_bytes(info)
    crlf = ["-c", f"core.autocrlf={'true' if autocrlf else 'false'}"]
    name = git(place, *crlf, "hash-object", "-w", "--path=d/f", "--stdin", told=data, code=None)
    storing = stored.Storing(stored.Settings(told, info=info, autocrlf=autocrlf), [b"d/f"])
    ours = storing.stored(b"d/f", data)
    if name is None:  # git takes no such file: here it stays as it is, and is named
        assert list(storing.left) == [b"d/f"]
    else:
        assert ours == git(place, "cat-file", "blob", name.decode().strip())
        assert storing.how(b"d/f").converts() or ours == data


@pytest.mark.parametrize(
    "encoding", ["UTF-16LE-BOM", "utf16", "UTF-32", "UTF-32BE", "ISO-8859-15", "SHIFT-JIS", "EUC-JP", "windows-1252"]
)
def test_encodings_are_those_of_git(place, encoding):
    text = "ab\n" if encoding.startswith("I") or encoding.startswith("w") else "aあ\n"
    name = {"UTF-16LE-BOM": "utf-16", "UTF-32": "utf-32", "utf16": "utf-16"}.get(encoding, encoding)
    (place / "repo/.gitattributes").write_text(f"* working-tree-encoding={encoding}\n")
    oid = git(place, "hash-object", "-w", "--path=f", "--stdin", told=text.encode(name)).decode().strip()
    storing = stored.Storing(stored.Settings(own=f"* working-tree-encoding={encoding}\n".encode()), [b"f"])
    assert storing.stored(b"f", text.encode(name)) == git(place, "cat-file", "blob", oid) == text.encode()
    assert storing.warning() == []


def test_file_that_is_not_in_its_encoding_stays_and_is_named(place):
    own = b"a working-tree-encoding=UTF-16\nb working-tree-encoding=no\x1b\nc filter=lfs -text\nd text\n"
    storing = stored.Storing(stored.Settings(own=own), [b"a", b"b", b"c", b"d"])
    assert [storing.stored(path, b"x\r\n") for path in (b"a", b"b", b"c", b"d")] == [b"x\r\n"] * 3 + [b"x\n"]
    assert storing.warning() == [
        "warning: git on the host would store these in another form:",
        "  a: is not in the encoding 'UTF-16' of its attributes",
        "  b: is not in the encoding 'no\\x1b' of its attributes",
        "  c: the filter 'lfs' was not run",
    ]


def test_file_over_the_bound_stays(place, monkeypatch):
    monkeypatch.setattr(stored, "MOST", 3)
    storing = stored.Storing(stored.Settings(own=b"* text\n"), [b"a", b"b"])
    assert [storing.stored(b"a", b"x\r\n"), storing.stored(b"b", b"xx\r\n")] == [b"x\n", b"xx\r\n"]
    assert storing.left == {b"b": "is too large to be converted"}


def test_without_attributes_git_is_not_asked(place, monkeypatch):
    monkeypatch.setattr(stored, "ask_git", None)
    assert not stored.Storing(stored.Settings(), [b"a"]).how(b"a").converts()
    assert stored.Storing(stored.Settings(autocrlf=True), [b"a"]).stored(b"a", b"x\r\n") == b"x\n"


# -- from a host's clone through a cage, and back -------------------------------

ATTRIBUTES = """\
*.bat text eol=crlf
*.u16 text working-tree-encoding=UTF-16
*.latin text working-tree-encoding=latin1
*.id text ident
*.txt text=auto
*.lfs filter=lfs -text
export.* export-ignore
"""
FILES = {
    ".gitattributes": ATTRIBUTES.encode(),
    "d/.gitattributes": b"* -text\n",
    "a.bat": b"one\ntwo\n",
    "a.u16": b"eins\nzwei\n",
    "a.latin": "zw\u00f6lf\n".encode(),
    "a.id": b"$Id$\ncode\n",
    "crlf.txt": b"one\r\ntwo\r\n",
    "mixed.txt": b"one\r\ntwo\n",
    "lf.txt": b"one\ntwo\n",
    "d/raw.txt": b"one\r\ntwo\n",
    "plain": b"one\r\ntwo\r\n",
    "a.lfs": b"version x\n",
    "export.bat": b"one\n",
}


class Case:
    """A host's clone of FILES, the work tree that the cage gets of it, and the cage's own git there."""

    def __init__(self, place, monkeypatch, autocrlf="false", sha="sha1", seeded=True):
        self.place, self.monkeypatch, self.autocrlf = place, monkeypatch, autocrlf
        subprocess.run(["rm", "-rf", place / "repo"], check=True)
        git(place, "init", "--quiet", f"--object-format={sha}", place / "repo")
        for path, data in FILES.items():
            oid = git(place, "hash-object", "-w", "--stdin", "--no-filters", told=data).decode().strip()
            git(place, "update-index", "--add", "--cacheinfo", f"100644,{oid},{path}")
        who = {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        made = git(place, "commit-tree", "-m", "x", git(place, "write-tree").decode().strip(), **who)
        self.seeded = made.decode().strip()
        self.project = place / "project"
        self.project.mkdir()
        (place / "repo/.git/info").mkdir(exist_ok=True)
        (place / "repo/.git/info/attributes").write_text("* -export-ignore -export-subst\n")
        laid = git(place, "-c", f"core.autocrlf={autocrlf}", "archive", self.seeded)
        subprocess.run(["tar", "-C", self.project, "-xf", "-"], input=laid, check=True)
        (place / "repo/.git/info/attributes").unlink()
        monkeypatch.setattr(tree, "ROOT", os.fsencode(self.project))
        monkeypatch.setattr(verdict, "ROOT", os.fsencode(self.project))
        self.base = {path: tree.describe(path, found) for path, found in tree.scan().items()}
        self.base = {path: entry for path, entry in self.base.items() if entry}
        if not seeded:
            return
        self.inside("init", "--quiet", "--initial-branch", "main")
        self.inside("add", "--all", "--force")
        self.inside("commit", "--quiet", "--message", "Initial", **who)
        self.imported, self.who = self.inside("rev-parse", "HEAD"), who
        monkeypatch.setenv("CAGE_SEEDED", self.seeded)
        monkeypatch.setenv("CAGE_PARENT", self.seeded)
        monkeypatch.setenv("CAGE_TREE", git(place, "rev-parse", f"{self.seeded}^{{tree}}").decode().strip())
        monkeypatch.setenv("CAGE_IMPORTED", self.imported)
        monkeypatch.setenv("CAGE_NAME", "web")
        monkeypatch.setenv("CAGE_IDENT", "x <x> 1 +0000")

    def inside(self, *words, **more):
        done = subprocess.run(["git", "-C", self.project, *words], check=True, capture_output=True, env=QUIET | more)
        return done.stdout.decode().strip()

    def host(self):
        listed = git(self.place, "ls-tree", "-r", "-z", self.seeded)
        seeded = question.git_list(listed)
        found = {}
        for path, (_, _, oid) in seeded.items():
            found[path] = git(self.place, "cat-file", "blob", oid.decode())
        crlf = {path: data.replace(b"\r\n", b"") for path, data in found.items() if b"\r\n" in data}
        storage = stored.Settings(
            attributes={path: data for path, data in found.items() if path.endswith(b".gitattributes")},
            autocrlf=self.autocrlf == "true",
            crlf=frozenset(crlf),
            mixed=frozenset(path for path, rest in crlf.items() if b"\n" in rest),
        )
        rows = {path: (mode, oid.decode()) for path, (mode, _, oid) in seeded.items()}
        return question.Host(dict(self.base), set(), {}, set(self.base), seeded=rows, storage=storage)

    def append(self, text):
        """Add a line to each file as an editor would that keeps line ends and encoding."""
        for path in FILES:
            file = self.project / path
            data = file.read_bytes()
            encoding = {".u16": "utf-16", ".latin": "latin1"}.get(file.suffix, "utf-8")
            words = data.decode(encoding)
            words += text + ("\r\n" if "\r\n" in words else "\n")
            file.write_bytes(words.encode(encoding))

    def branch(self):
        """The state as a commit of the host's, its tree."""
        out = io.BytesIO()
        judged = verdict.Verdict(self.base, self.host(), question.Choices(compare_host=False))
        program("judge").write_commit(judged, out)
        return self.land(out)

    def commits(self):
        """The commits inside as those of the host, the last one's tree."""
        self.monkeypatch.setattr(objects, "GIT", str(self.project / ".git"))
        self.monkeypatch.setattr(objects, "SCRATCH", str(self.place / "scratch"))
        read, host = objects.Objects(), self.host()
        judged = commit_rules.Commits(read, self.base, host, self.imported, self.seeded)
        order = judged.order(self.inside("rev-parse", "HEAD"))
        judged.judge(order)
        assert judged.refused == {}
        out = io.BytesIO()
        commits, stream = program("commits"), Stream(out)
        commits.write(read, judged, order, stream, commits.storing_of(judged))
        stream.done()
        return self.land(out)

    def land(self, out):
        git(self.place, "fast-import", "--quiet", "--done", "--force", told=out.getvalue())
        names = git(self.place, "ls-tree", "-r", "--name-only", "work").decode().split()
        return {name: git(self.place, "cat-file", "blob", f"work:{name}") for name in names}


@pytest.fixture(params=["false", "true", "sha256"])
def case(request, place, monkeypatch):
    if request.param == "sha256":
        return Case(place, monkeypatch, sha="sha256")
    return Case(place, monkeypatch, request.param)


def appended(path, data):
    """DATA with a line more, as the host stores it."""
    return data + b"more" + (b"\r\n" if b"\r\n" in data else b"\n")


def test_a_line_more_is_a_line_more_on_a_branch(case):
    case.append("more")
    assert case.branch() == {path: appended(path, data) for path, data in FILES.items()}


def test_files_that_are_as_they_were_have_the_hosts_objects(case, monkeypatch):
    for path in FILES:
        (case.project / path).chmod(0o755)
    monkeypatch.setattr(stored.Storing, "stored", None)
    assert case.branch() == FILES
    assert git(case.place, "diff-tree", "-r", case.seeded, "work", "--name-only").decode().split() == sorted(FILES)


def test_a_line_more_is_a_line_more_in_commits(case, capsys):
    case.append("more")
    case.inside("commit", "--quiet", "--all", "--message", "more", **case.who)
    wanted = {path: appended(path, data) for path, data in FILES.items()}
    # Seeded before CRLF was spared: the cage's git has made LF of them, and of both kinds in one file none is known.
    wanted["mixed.txt"] = wanted["mixed.txt"].replace(b"\r\n", b"\n")
    assert case.commits() == wanted
    assert "encoding" not in capsys.readouterr().err


def test_history_of_its_own_has_the_hosts_objects(case):
    case.inside("commit", "--quiet", "--amend", "--allow-empty", "--message", "anew", **case.who)
    assert case.commits() == FILES


def test_attributes_of_the_agents_decide_nothing(case):
    case.append("more")
    for path in (".gitattributes", "d/.gitattributes", "e/.gitattributes"):
        (case.project / path).parent.mkdir(exist_ok=True)
        (case.project / path).write_text("* -text -eol -ident -working-tree-encoding\n")
    (case.project / "e/new.bat").write_bytes(b"x\r\n")
    made = case.branch()
    changed = {path for path in FILES if made[path] != appended(path, FILES[path])}
    assert changed == {".gitattributes", "d/.gitattributes"}
    assert made["e/new.bat"] == b"x\n"


@pytest.mark.skipif(sys.platform != "linux", reason="the helper's tools are GNU's")
@pytest.mark.parametrize("odd", [False, True])
def test_first_commit_inside_has_the_hosts_bytes_where_a_checkout_would_change_them(place, monkeypatch, odd):
    names = ["crlf.txt", "mixed.txt", "n\nw.txt", "a*.txt", "m.both", "lf.both", "lf.txt", "x.bat", "plain"]
    attributes = b"*.txt text=auto\n*.both text=auto eol=crlf\n*.bat eol=crlf\n"
    attributes += b"plain working-tree-encoding=none\n" if odd else b""
    files = dict.fromkeys(names, b"a\nb\n") | dict.fromkeys(["crlf.txt", "n\nw.txt", "a*.txt", "plain"], b"a\r\nb\r\n")
    files |= {"mixed.txt": b"a\r\nb\n", "m.both": b"a\r\nb\n", ".gitattributes": attributes}
    monkeypatch.setitem(globals(), "FILES", files)
    case = Case(place, monkeypatch, seeded=False)
    laid = git(place, "archive", case.seeded)
    text = (GUARD / "seed").read_text().replace("python3 /usr/local/lib/trusty-cage/tree.py", "true")
    text = text.replace("/project", str(case.project)).replace("/run/j", str(place))
    subprocess.run(
        ["bash", "-c", text, "seed", str(len(files))], input=laid, check=True, capture_output=True, env=QUIET
    )
    listed = git(place, "ls-tree", "-r", "-z", case.seeded).decode()
    assert case.inside("ls-tree", "-r", "-z", "HEAD") == listed
    assert case.inside("status", "--porcelain") == ""
    before = {path.name: path.read_bytes() for path in case.project.iterdir() if path.is_file()}
    for name in before:
        (case.project / name).unlink()
    case.inside("checkout", "--quiet", ".")
    assert {name: (case.project / name).read_bytes() for name in before} == before
    info = case.project / ".git/info/attributes"
    assert (info.read_text() if info.exists() else "") == ("* -working-tree-encoding\n" if odd else "")


def test_filters_are_named_and_not_run(case, capsys):
    case.append("more")
    case.branch()
    said = capsys.readouterr().err
    assert "\n  a.lfs: the filter 'lfs' was not run\n" in said
    assert said.count("filter") == 1
