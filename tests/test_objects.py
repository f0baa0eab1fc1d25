"""The reader of the agent's refs and objects, on plain folders and on a stand-in for git: whole errors."""

import hashlib
import io
import os
import subprocess
from types import SimpleNamespace

import pytest
from test_verdict import GUARD  # noqa: F401 (it puts the guard's modules on the path)

import objects  # isort: skip

OID = "1" * 40
WHO = b"A <a@b> 5 +0000"


@pytest.fixture
def git(tmp_path, monkeypatch):
    """The cage's .git, with HEAD on a branch."""
    folder = tmp_path / "project/.git"
    (folder / "refs/heads").mkdir(parents=True)
    (folder / "objects").mkdir()
    (folder / "HEAD").write_text("ref: refs/heads/work\n")
    (folder / "refs/heads/work").write_text(f"{OID}\n")
    monkeypatch.setattr(objects, "GIT", str(folder))
    monkeypatch.setattr(objects, "SCRATCH", str(tmp_path))
    return folder


def error(function, *given):
    """The words of the error that function ends with."""
    with pytest.raises(SystemExit) as ended:
        function(*given)
    return ended.value.code


def test_error_is_said_as_one():
    assert str(objects.bad("it is so")) == "error: it is so"


# -- refs ----------------------------------------------------------------------


def test_small_file_is_read_without_its_line_end(git):
    assert objects.read_small("refs/heads/work") == OID
    (git / "odd").write_bytes(b" a\xff\n\n")
    assert objects.read_small("odd") == "a\ufffd"


@pytest.mark.parametrize("name", ["none", "none/deeper", "HEAD/below"])
def test_file_that_is_not_there_is_none(name, git):
    assert objects.read_small(name) is None


@pytest.mark.parametrize("where", [".", "refs", "refs/heads", "refs/heads/work"])
def test_link_on_the_way_is_not_followed(where, git, tmp_path):
    path = git if where == "." else git / where
    path.rename(tmp_path / "moved")
    path.symlink_to(tmp_path / "moved")
    assert error(objects.read_small, "refs/heads/work") == (
        "error: the cage's .git has a link where refs/heads/work is looked for"
    )


def test_what_is_no_small_file_is_an_error_in_safe_words(git):
    said = "error: the cage's .git has no small file {}"
    assert error(objects.read_small, "refs/heads") == said.format("refs/heads")
    with (git / "a\x1bb").open("wb") as file:
        file.truncate((16 << 20) + 1)
    assert error(objects.read_small, "a\x1bb") == said.format("a\\x1bb")
    with (git / "most").open("wb") as file:
        file.truncate(16 << 20)
    assert objects.read_small("most") == "\0" * (16 << 20)


def test_ref_leads_to_its_object(git):
    assert objects.resolve() == objects.resolve("refs/heads/work") == OID
    (git / "HEAD").write_text(OID)
    assert objects.resolve() == OID
    (git / "HEAD").write_text("ref:refs/heads/deep/new  \n")
    assert objects.resolve() is None


def test_loose_ref_comes_before_a_packed_one(git):
    (git / "packed-refs").write_text(f"# pack-refs with: peeled\n{'2' * 40} refs/heads/work\n{'3' * 40} refs/tags/v\n")
    assert (objects.resolve(), objects.resolve("refs/tags/v")) == (OID, "3" * 40)
    (git / "refs/heads/work").unlink()
    assert objects.resolve() == "2" * 40


def test_ref_may_lead_on_five_times(git):
    for number in range(6):
        (git / f"refs/heads/{number}").write_text(f"ref: refs/heads/{number + 1}")
    (git / "refs/heads/5").write_text(OID)
    (git / "HEAD").write_text("ref: refs/heads/1")
    assert objects.resolve() == OID
    (git / "HEAD").write_text("ref: refs/heads/0")
    assert error(objects.resolve) == "error: the cage's refs/heads/4 leads round in a circle"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("1" * 39, "names no commit"),
        ("1" * 41, "names no commit"),
        ("A" * 40, "names no commit"),
        ("", "names no commit"),
        ("ref: heads/x", "names no branch"),
        ("ref: refs", "names no branch"),
        ("ref: refs/heads/../../x", "names no branch"),
        ("ref: refs/heads/a..b", "names no branch"),
        ("ref: refs/heads/.x", "names no branch"),
        ("ref: refs/heads/x.lock", "names no branch"),
        ("ref: refs/heads/a b", "names no branch"),
        ("ref: refs/heads/a\x1bb", "names no branch"),
        ("ref: refs/heads/", "names no branch"),
    ],
)
@pytest.mark.parametrize("name", ["HEAD", "refs/heads/work"])
def test_ref_that_names_nothing_is_an_error(value, said, name, git):
    (git / name).write_text(value)
    assert error(objects.resolve) == f"error: the cage's {name} {said}"


def test_object_of_sha256_may_be_named(git):
    (git / "HEAD").write_text("a" * 64)
    assert objects.resolve() == "a" * 64


def test_head_that_is_gone_is_an_error(git):
    (git / "HEAD").unlink()
    assert error(objects.resolve) == "error: the cage's .git has no HEAD"


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_refs_in_another_format_are_an_error(kind, git):
    (git / "reftable").mkdir() if kind == "folder" else (git / "reftable").symlink_to("nowhere")
    assert error(objects.resolve) == "error: the cage's .git keeps its refs in another format (reftable)"


def test_packed_refs_are_lines_of_two(git):
    assert objects.packed() == {}
    (git / "packed-refs").write_text(f"# pack-refs\n{OID} refs/heads/a b\n^{OID}\nodd\n{'2' * 40} refs/tags/v\n")
    assert objects.packed() == {"refs/heads/a b": OID, "refs/tags/v": "2" * 40}


def test_all_refs_are_those_of_files_and_of_the_list(git):
    (git / "packed-refs").write_text(f"{OID} refs/tags/v\n")
    (git / "refs/heads/deep").mkdir()
    (git / "refs/heads/deep/x").touch()
    (git / "refs/heads/work.lock").touch()
    (git / "refs/link").symlink_to("/")
    assert objects.all_refs() == {"refs/heads/work", "refs/heads/deep/x", "refs/tags/v", "refs/link"}


def test_no_refs_are_none(git):
    (git / "refs/heads/work").unlink()
    (git / "refs/heads").rmdir()
    (git / "refs").rmdir()
    assert objects.all_refs() == set()


def test_refs_have_a_bound(git):
    rows = "".join(f"{OID} refs/tags/{number}\n" for number in range(99_999))
    (git / "packed-refs").write_text(rows)
    assert len(objects.all_refs()) == 100_000
    (git / "packed-refs").write_text(f"{rows}{OID} refs/tags/x\n")
    assert error(objects.all_refs) == "error: the cage's .git holds more than 100000 refs"


# -- objects -------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["", "objects"])
def test_git_folder_without_objects_is_no_repository(missing, git, tmp_path):
    path = git / missing
    path.rename(tmp_path / "moved")
    assert error(objects.check_objects) == "error: the cage's .git is no repository"
    path.symlink_to(tmp_path / "moved")
    assert error(objects.check_objects) == "error: the cage's .git is no repository"


def test_objects_are_files_in_folders(git):
    (git / "objects/a/b/c").mkdir(parents=True)
    (git / "objects/a/b/c/x").touch()
    assert objects.check_objects() is None
    (git / "objects/a/b/c/d").mkdir()
    assert error(objects.check_objects) == "error: the cage's .git has d among its objects"


@pytest.mark.parametrize("name", ["alternates", "http-alternates", "fi\x1bfo", "link"])
def test_what_is_no_object_is_an_error_in_safe_words(name, git):
    (git / "objects/info").mkdir()
    path = git / "objects/info" / name
    if name == "link":
        path.symlink_to("x")
    elif "fo" in name:
        os.mkfifo(path)
    else:
        path.touch()
    shown = name.replace("\x1b", "\\x1b")
    assert error(objects.check_objects) == f"error: the cage's .git has {shown} among its objects"


def test_objects_have_a_bound(git, monkeypatch):
    monkeypatch.setattr(objects, "ENTRIES", 2)
    (git / "objects/a").mkdir()
    (git / "objects/a/x").touch()
    assert objects.check_objects() is None
    (git / "objects/a/y").touch()
    assert error(objects.check_objects).endswith(" among its objects")


def name_of(kind, data, of="sha1"):
    return hashlib.new(of, b"%s %d\0" % (kind.encode(), len(data)) + data).hexdigest()


class Answers:
    """A process of git's with the same answer to any question."""

    def __init__(self, said):
        self.stdin, self.stdout = io.BytesIO(), io.BytesIO(said)


def reader(facts, contents=b""):
    """An Objects whose two processes answer FACTS and CONTENTS."""
    made = object.__new__(objects.Objects)
    made.facts, made.contents = Answers(facts), Answers(contents)
    return made


def listed(oid, kind, size):
    return f"{oid} {kind} {size}\n".encode()


def test_object_is_asked_for_by_its_full_name():
    read = reader(listed(OID, "tag", 7))
    assert read.look(OID) == ("tag", 7)
    assert read.facts.stdin.getvalue() == f"{OID}\n".encode()


@pytest.mark.parametrize("name", ["HEAD", "1" * 39, f"{OID}\n", "--all", ""])
def test_object_is_asked_for_by_nothing_else(name):
    read = reader(b"")
    assert error(read.look, name) == "error: an object of the cage's commits has no name that git gives"
    assert read.facts.stdin.getvalue() == b""


@pytest.mark.parametrize(
    "said",
    [
        b"",
        f"{OID} missing\n".encode(),
        listed("2" * 40, "blob", 1),
        listed(OID, "odd", 1),
        listed(OID, "blob", "1" * 19),
        listed(OID, "blob", -1),
        listed(OID, "blob", 1)[:-1],
    ],
)
def test_answer_that_is_none_is_an_error(said):
    assert error(reader(said).look, OID) == f"error: object {'1' * 12} of the cage's commits can't be read"


def test_git_that_is_gone_is_an_error():
    def refuse(data):
        raise BrokenPipeError

    read = reader(b"")
    read.facts = SimpleNamespace(stdin=SimpleNamespace(write=refuse))
    assert error(read.look, OID) == "error: git could not read the cage's commits"


def asked(data, kind="blob", of="sha1", content=None, size=None, again=None):
    """The name of DATA, and an Objects that gives CONTENT for it."""
    oid, size = name_of(kind, data, of), len(data) if size is None else size
    facts = listed(oid, kind, size)
    return oid, reader(facts, (again or facts) + (data if content is None else content) + b"\nnext")


@pytest.mark.parametrize("of", ["sha1", "sha256"])
@pytest.mark.parametrize("data", [b"", b"content\n", b"x" * ((2 << 20) + 5)])
def test_object_is_read_whole_and_hashed(of, data):
    oid, read = asked(data, of=of)
    assert read.read(oid, "blob", len(data)) == data


def test_large_object_comes_in_blocks_of_a_mebibyte():
    oid, read = asked(b"x" * ((2 << 20) + 5))
    assert [len(block) for block in read.chunks(oid, "blob", 4 << 20)] == [1 << 20, 1 << 20, 5]


def test_object_of_another_type_is_an_error():
    oid, read = asked(b"x", kind="tag")
    assert error(read.read, oid, "commit", 9) == (
        f"error: object {oid[:12]} of the cage's commits is a tag, where a commit is named"
    )


def test_object_over_its_bound_is_not_asked_for():
    oid, read = asked(b"x" * ((3 << 20) + 1), kind="tree")
    assert error(read.read, oid, "tree", 3 << 20) == (
        f"error: tree {oid[:12]} of the cage's commits is larger than 3 MiB"
    )
    assert read.contents.stdin.getvalue() == b""


def test_object_that_git_tells_twice_in_two_ways_is_an_error():
    oid = name_of("blob", b"x")
    oid, read = asked(b"x", again=listed(oid, "blob", 2))
    assert error(read.read, oid, "blob", 9) == f"error: object {oid[:12]} of the cage's commits is two things"


def test_object_that_ends_early_is_an_error():
    oid, read = asked(b"xyz", content=b"x")
    read.contents.stdout = io.BytesIO(read.contents.stdout.getvalue().removesuffix(b"\nnext"))
    assert error(read.read, oid, "blob", 9) == "error: git could not read the cage's commits"


@pytest.mark.parametrize("content", [b"xyZ", b"xyzz"])
def test_object_that_is_not_what_its_name_says_is_an_error(content):
    oid, read = asked(b"xyz", content=content)
    assert error(read.read, oid, "blob", 9) == (
        f"error: object {oid[:12]} of the cage's commits is not what its name says"
    )


def test_commit_and_tree_have_bounds_of_their_own():
    for kind, most, ask in (("commit", 16 << 20, "commit"), ("tree", 64 << 20, "_tree")):
        for size, said in ((most, "is not what its name says"), (most + 1, f"is larger than {most >> 20} MiB")):
            read = reader(listed(OID, kind, size), listed(OID, kind, size) + bytes(size))
            assert error(getattr(read, ask), OID).endswith(said)


def test_commit_and_tree_are_read_and_parsed():
    data = b"tree %s\nauthor %s\ncommitter %s\n\nm" % (OID.encode(), WHO, WHO)
    oid, read = asked(data, kind="commit")
    assert read.commit(oid) == (OID, (), WHO, WHO, "utf-8", b"m")
    data = b"100644 a\0" + bytes(20)
    oid, read = asked(data, kind="tree")
    assert read._tree(oid) == (objects.Item(b"100644", b"a", "0" * 40),)


def test_git_is_started_on_the_cage_s_objects_in_a_folder_of_the_helper_s(git, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    started = []

    class Process:
        def __init__(self, command, **more):
            started.append((command, more))

    real = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda command, **more: started.append((command, more)))
    monkeypatch.setattr(subprocess, "Popen", Process)
    objects.Objects()
    monkeypatch.setattr(subprocess, "run", real)
    folder = f"{tmp_path}/commits.git"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OBJECT_DIRECTORY": f"{git}/objects",
    }
    begun, *asking = started
    assert begun[0] == ["git", "init", "--quiet", "--bare", "--template=", folder]
    assert begun[1] == {"env": environment, "check": True, "stdout": subprocess.DEVNULL}
    options = ["-c", "core.commitGraph=false", "-c", "core.multiPackIndex=false", "-c", "core.packedRefsTimeout=0"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    assert asking == [
        (["git", f"--git-dir={folder}", *options, "cat-file", how], {"env": environment, **pipes})
        for how in ("--batch-check", "--batch")
    ]


def test_trees_are_kept_in_mind_up_to_a_bound(git, monkeypatch):
    read = objects.Objects()
    oid = subprocess.run(
        ["git", f"--git-dir={read.folder}", "mktree"], env=read.env, input=b"", capture_output=True, check=True
    ).stdout.decode()
    assert read.tree(oid.strip()) is read.tree(oid.strip()) == ()
    monkeypatch.setattr(objects, "KEPT", 5)
    monkeypatch.setattr(read, "read", lambda oid, *_: b"100644 a\0" + bytes(20) + b"100644 b\0" + bytes(20))
    one, two, three = (digit * 40 for digit in "123")
    for oid in (one, two, one, three):
        read.tree(oid)
    assert list(read.trees) == [three]
    monkeypatch.setattr(objects, "KEPT", 6)
    for oid in (one, three, two):
        read.tree(oid)
    assert list(read.trees) == [three, two]
    for process in (read.facts, read.contents):
        process.communicate()


def test_files_of_a_tree_are_those_below_it_and_no_links(monkeypatch):
    read = reader(b"")
    item = objects.Item
    rows = {
        "1": (item(b"100644", b"a", "a"), item(b"40000", b"d", "2"), item(b"120000", b"l", "l")),
        "2": (item(b"100755", b"run", "r"), item(b"160000", b"sub", "s"), item(b"40000", b"e", "3")),
        "3": (item(b"100644", b"deep", "x"),),
    }
    monkeypatch.setattr(read, "tree", rows.get, raising=False)
    assert list(read.files("1")) == [(b"a", "a"), (b"d/run", "r"), (b"d/e/deep", "x")]
    assert list(read.files("2", b"top")) == [(b"top/run", "r"), (b"top/e/deep", "x")]
    monkeypatch.setattr(objects, "DEPTH", 2)
    assert len(list(read.files("1"))) == 3
    monkeypatch.setattr(objects, "DEPTH", 1)
    assert error(list, read.files("1")) == "error: tree 3 of the cage is deeper than 1 folders"


def test_tag_is_read_and_parsed_and_bounded():
    data = b"object %s\ntype commit\ntag v1\ntagger %s\n\nm\n" % (OID.encode(), WHO)
    oid, read = asked(data, kind="tag")
    assert read.tag(oid) == (OID, WHO, b"m\n")
    oid, read = asked(data.replace(b"commit", b"tree"), kind="tag")
    assert error(read.tag, oid) == f"error: tag {oid[:12]} of the cage is not one of a commit"
    read = reader(listed(OID, "tag", (16 << 20) + 1), b"")
    assert error(read.tag, OID).endswith("is larger than 16 MiB")


def test_object_is_there_if_git_tells_its_type():
    assert reader(listed(OID, "blob", 1)).has(OID) is True
    assert reader(OID.encode() + b" missing\n").has(OID) is False
    assert reader(b"").has(OID) is False


# -- parsing -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "tag"),
    [
        (b"object %(t)s\ntype commit", (OID, b"", b"m")),
        (b"type commit\ntagger %(w)s\nobject %(t)s", (OID, WHO, b"m")),
        (b"object %(t)s\ntype commit\ntagger %(w)s\ntagger x\ntype tree\nobject y", (OID, WHO, b"m")),
        (b"object %(t)s\ntype commit\ntagger A  <x>", (OID, b"A  <x>", b"m")),
    ],
)
def test_tag_has_the_first_of_each_field(head, tag):
    assert objects.parse_tag(OID, commit(head)) == tag


def test_tag_of_sha256_names_a_commit_of_it():
    data = b"object " + b"f" * 64 + b"\ntype commit\n\nm"
    assert objects.parse_tag(OID, data).commit == "f" * 64


@pytest.mark.parametrize("kind", [b"PGP", b"SSH"])
def test_tag_s_message_is_without_its_signature_and_may_have_paragraphs(kind):
    message = b"a\n\nb\n"
    data = commit(b"object %(t)s\ntype commit", message + b"-----BEGIN " + kind + b" SIGNATURE-----\nx\n")
    assert objects.parse_tag(OID, data).message == message
    assert objects.parse_tag(OID, commit(b"object %(t)s\ntype commit", b"")).message == b""


@pytest.mark.parametrize(
    "head",
    [
        b"object %(t)s\ntype tag",
        b"object %(t)s\ntype blob",
        b"object %(t)s",
        b"type commit",
        b"object %(t)s0\ntype commit",
        b"object refs/heads/x\ntype commit",
        b"object \xff\ntype commit",
        b"OBJECT %(t)s\nTYPE commit",
    ],
)
def test_tag_of_anything_but_a_commit_is_an_error(head):
    assert error(objects.parse_tag, OID, commit(head)) == f"error: tag {OID[:12]} of the cage is not one of a commit"


WRONG_COMMIT = f"error: commit {'1' * 12} of the cage is none that git would write"
WRONG_TREE = f"error: tree {'1' * 12} of the cage's commits is none that git would write"


def commit(head, message=b"m"):
    return head % {b"t": OID.encode(), b"w": WHO} + b"\n\n" + message


def test_commit_has_parents_in_order_and_any_message():
    data = commit(
        b"tree %(t)s\nparent " + b"2" * 40 + b"\nparent " + b"3" * 40 + b"\nauthor %(w)s\ncommitter x", b"a\n\nb\n"
    )
    assert objects.parse_commit(OID, data) == (OID, ("2" * 40, "3" * 40), WHO, b"x", "utf-8", b"a\n\nb\n")


def test_commit_s_signature_is_none_of_its_fields():
    lines = [b"-----BEGIN", b" author x", b" tree y", b" ", b" -----END"]
    data = commit(b"tree %(t)s\nauthor %(w)s\ncommitter %(w)s\ngpgsig " + b"\n".join(lines))
    assert objects.parse_commit(OID, data) == (OID, (), WHO, WHO, "utf-8", b"m")


def test_commit_has_the_first_encoding_that_it_names():
    data = commit(b"tree %(t)s\nauthor %(w)s\ncommitter %(w)s\nencoding la\xfftin1\nencoding x")
    assert objects.parse_commit(OID, data).encoding == "la\ufffdtin1"


def test_commit_without_a_message_has_an_empty_one():
    data = commit(b"tree %(t)s\nauthor %(w)s\ncommitter %(w)s", b"")
    assert objects.parse_commit(OID, data).message == b""


def test_error_of_a_commit_names_it():
    oid, read = asked(b"nothing", kind="commit")
    assert error(read.commit, oid) == f"error: commit {oid[:12]} of the cage is none that git would write"
    oid, read = asked(b"nothing", kind="tree")
    assert error(read._tree, oid) == f"error: tree {oid[:12]} of the cage's commits is none that git would write"


@pytest.mark.parametrize(
    "head",
    [
        b"author %(w)s\ncommitter %(w)s",
        b"tree %(t)s\ncommitter %(w)s",
        b"tree %(t)s\nauthor %(w)s",
        b"tree %(t)s\ntree %(t)s\nauthor %(w)s\ncommitter %(w)s",
        b"tree %(t)s\nauthor %(w)s\ncommitter %(w)s\ncommitter %(w)s",
        b"tree %(t)sa\nauthor %(w)s\ncommitter %(w)s",
        b"tree %(t)s\nparent --all\nauthor %(w)s\ncommitter %(w)s",
        b"tree %(t)s\nparent \xff\nauthor %(w)s\ncommitter %(w)s",
    ],
)
def test_commit_that_git_would_not_write_is_an_error(head):
    assert error(objects.parse_commit, OID, commit(head)) == WRONG_COMMIT


def rows(*items):
    return b"".join(b"%s %s\0" % item + bytes(20) for item in items)


def test_tree_is_parsed_to_its_end():
    data = b"100755 b c\0" + b"\x01" * 20 + b"40000 a\0" + b"\xff" * 20
    assert objects.parse_tree(OID, data) == (
        (b"100755", b"b c", "01" * 20),
        (b"40000", b"a", "ff" * 20),
    )
    assert objects.parse_tree(OID, b"") == ()


@pytest.mark.parametrize(
    "data",
    [
        rows((b"100644", b"a"), (b"40000", b"a")),
        rows((b"100644", b"a/b")),
        rows((b"100644", b"")),
        rows((b"100644", b".")),
        rows((b"40000", b"..")),
        rows((b"100000", b"a")),
        rows((b"100644", b"a"))[:-1],
        rows((b"100644", b"a")) + b"100644 b",
        b"100644\0" + bytes(20),
    ],
)
def test_tree_that_git_would_not_write_is_an_error(data):
    assert error(objects.parse_tree, OID, data) == WRONG_TREE
