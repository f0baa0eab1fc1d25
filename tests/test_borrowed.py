"""Local repositories that lack objects: borrowed from another, left out by a filter, or cut off. Without an engine."""

import pytest
from test_local import clone, git, source  # noqa: F401 (fixtures)


@pytest.fixture
def older(source):  # noqa: F811
    """A repository whose older version of its file has a blob of its own."""
    (source / "file").write_text("two\n")
    git(source, "commit", "--all", "--quiet", "--message", "Two")
    git(source, "config", "uploadpack.allowFilter", "true")
    return source


@pytest.fixture
def made(clone, tmp_path, home):  # noqa: F811
    """made(WORDS of git clone …) makes a repository, and the host clone of it: its folder, exit code and words."""

    def run(*words, url="{}", more=()):
        taken = tmp_path / "taken"
        git(tmp_path, "clone", "--quiet", *words, taken)
        for each in more:
            git(taken, *each)
        code, said = clone(of=url.format(taken), name="taken")
        return home / "envs/taken/repo", code, said

    return run


def missing(repo):
    """The objects that REPO lacks."""
    listed = git(repo, "rev-list", "--objects", "--all", "--missing=print").splitlines()
    return [line for line in listed if line.startswith("?")]


def test_borrowed_objects_are_copied(made, older, tmp_path):
    repo, code, said = made("--shared", older)
    assert code == 0, said
    older.rename(tmp_path / "gone")
    (tmp_path / "taken").rename(tmp_path / "gone too")
    assert not (repo / ".git/objects/info/alternates").exists()
    assert git(repo, "fsck", "--full") == ""
    assert git(repo, "show", "HEAD~1:file") == "one"


def test_clone_of_a_partial_clone_lacks_the_same_and_nothing_is_fetched(made, older):
    repo, code, said = made("--filter=blob:none", f"file://{older}")
    assert code == 0, said
    assert (
        "The repository is a partial clone (blob:none): objects that it lacks are missing in the host clone too.\n"
        in said
    )
    assert (repo / "file").read_text() == "two\n"
    assert len(missing(repo)) == 1
    settings = {key: git(repo, "config", key) for key in ("remote.origin.promisor", "remote.origin.partialclonefilter")}
    assert settings == {"remote.origin.promisor": "true", "remote.origin.partialclonefilter": "blob:none"}
    assert git(repo, "config", "extensions.partialclone") == "origin"
    assert git(repo, "config", "core.repositoryformatversion") == "1"
    assert git(repo, "status", "--porcelain") == git(repo, "fsck") == ""
    # Its owner's git fetches it, from the origin.
    assert git(repo, "show", "HEAD~1:file") == "one"
    assert missing(repo) == []


def test_clone_that_borrows_from_a_partial_one_stops_to_borrow(made, older, tmp_path):
    git(tmp_path, "clone", "--quiet", "--filter=blob:none", f"file://{older}", "partial")
    promised = ("config", "remote.origin.promisor", "true")
    repo, code, said = made("--shared", tmp_path / "partial", more=[promised])
    assert code == 0, said
    (tmp_path / "partial").rename(tmp_path / "gone")
    assert not (repo / ".git/objects/info/alternates").exists()
    assert (repo / "file").read_text() == "two\n"
    assert len(missing(repo)) == 1


def test_partial_clone_without_the_files_to_begin_with_is_told_in_words(made, older):
    _, code, said = made("--filter=blob:none", "--no-checkout", f"file://{older}")
    assert code == 2
    assert "error: the repository is a partial clone that lacks 1 of the files that the cage would begin with\n" in said


def test_partial_clone_by_its_url_is_told_in_words(made, older, tmp_path):
    _, code, said = made("--filter=blob:none", f"file://{older}", url="file://{}")
    assert code == 2
    assert "error: the repository is a partial clone, which git can clone by its path alone\n" in said
    assert f"\nGive its path: tc create {tmp_path}/taken\n" in said


def test_setting_of_a_partial_clone_that_is_no_filter_is_not_taken_over(made, older):
    odd = ("config", "remote.origin.partialclonefilter", "blob:none --upload-pack=x\x1b[2J")
    repo, code, said = made("--filter=blob:none", f"file://{older}", more=[odd])
    assert code == 0, said
    assert "The repository is a partial clone: objects" in said
    assert "partialclonefilter" not in git(repo, "config", "--list")


def test_shallow_clone_stays_one(made, older):
    repo, code, said = made("--depth", "1", f"file://{older}")
    assert code == 0, said
    assert (repo / "file").read_text() == "two\n"
    assert git(repo, "rev-parse", "--is-shallow-repository") == "true"
    assert git(repo, "fsck") == ""
