"""Names of cages and the repositories they come from."""

import os
import subprocess

import pytest
from conftest import ROOT

from cage import names
from cage.errors import CageError
from cage.text import has_secret, printable, quote


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("https://github.com/octocat/Hello-World", "hello-world"),
        ("https://github.com/octocat/Hello-World.git", "hello-world"),
        ("https://github.com/octocat/Hello-World.git/", "hello-world"),
        ("git@github.com:octocat/spoon_knife.git", "spoon_knife"),
        ("host:web", "web"),
        ("/srv/rbenv.bundle", "rbenv"),
        ("/srv/web/.git", "web"),
        ("/srv/web/.git/", "web"),
        ("/srv/web//.git", "web"),
        ("https://h/BOX", "box"),
        ("https://h/BOX/", "box"),
    ],
)
def test_name_is_derived_from_last_path_part(source, name):
    assert names.derive(source) == name


@pytest.mark.parametrize("name", ["a", "0", "a-b_c", "x" * 63])
def test_name_is_taken(name):
    assert names.check(name) == name


HOSTILE = ["", ".", "..", "../..", "/etc", "-x", "_x", "Web", "a.b", "a b", "a\n", "x" * 64, "é", "\x1b[2J"]


RULE = "A name is 1 to 63 of a-z, 0-9, '-' and '_', and starts with a letter or a digit."


def refusal(function, *given):
    """Problem, remedy and exit code of the error that function ends with."""
    with pytest.raises(CageError) as refused:
        function(*given)
    return refused.value.problem, refused.value.remedy, refused.value.code


@pytest.mark.parametrize("name", HOSTILE)
def test_name_is_refused(name):
    assert refusal(names.check, name) == (f"{quote(name)} is not a name for a cage", RULE, 2)


@pytest.mark.parametrize(
    ("source", "name", "proposed"),
    [
        ("https://h/My.Project v2", "my.project v2", "my-project-v2"),
        ("https://h/-a b-", "-a b-", "a-b"),
        ("https://h/é", "é", "work"),
        ("https://h/" + "x" * 70, "x" * 70, "x" * 63),
    ],
)
def test_underivable_name_proposes_one(source, name, proposed):
    assert refusal(names.derive, source) == (
        f"'{name}', from '{source}', is not a name for a cage",
        f"{RULE}\nChoose one, for example: --name {proposed}",
        2,
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/octocat/Hello-World.git",
        "HTTPS://host:8443/x@y/z",
        "https://me@dev.azure.com/org/repo",
        "ssh://git@host:2222/x.git",
        "git://host/x",
        "file:///srv/x.git",
        "git@host:x.git",
        "host:x",
        "https://host:8080/@scope/x",
        "https://host/x?depth=1",
    ],
)
def test_url_stays_as_it_is(url):
    assert names.repository(url) == url


PASSWORDS = [
    "https://me:hunter2@host/x",
    "https://:hunter2@host/x",
    "https://me:@host/x",
    "https://me:hun/ter2@host/x",
    "https://me:hun@ter2@host/x",
    "https://me%3Ahunter2@host/x",
    "https://ghp_hunter2@github.com/x",
    "https://hf_hunter2@host/x",
    "https://ATATThunter2@host/x",
    "https://glpat-hunter2@host/x",
    "https://gldt-hunter2@host/x",
    f"https://{'0123456789abcdef' * 2}hunter2@host/x",
    "https://host/x?private_token=hunter2",
    "https://host/x?a=b&access_token=hunter2",
    "ssh://me:hunter2@host/x",
]


@pytest.mark.parametrize("url", PASSWORDS)
def test_password_in_url_is_refused_and_not_echoed(url, tc):
    done = tc("create", url)
    assert done.code == 2
    assert done.out == ""
    assert done.err == (
        "error: the URL of the repository holds a password or a token\n"
        "It would be kept in files. Leave it out, and let a git credential helper or an SSH\n"
        "key answer for it: git help credentials\n"
    )


@pytest.mark.parametrize("url", PASSWORDS)
def test_password_is_never_printed(url):
    assert "ter2" not in printable(f"git says: {url} is gone")


@pytest.mark.parametrize("url", ["git@host:x", "https://user@host/x", "https://host:8080/@scope/x", "https://h/x?a=b"])
def test_url_without_a_password_is_printed_as_it_is(url):
    assert printable(url) == url


@pytest.mark.parametrize("url", PASSWORDS)
def test_password_is_not_echoed_by_a_wrong_call(url, tc):
    done = tc("create", "https://host/x", url)
    assert done.code == 2
    assert "ter2" not in done.err
    assert "me:@" not in done.err


KINDS = "Give an https://, ssh:// or git@host:path URL, or the path of a repository."
REFUSED = {
    "": ("'{}' is not a repository", KINDS),
    "--upload-pack=touch x": ("'{}' is not a repository", KINDS),
    "-x": ("'{}' is not a repository", KINDS),
    "ssh://-oProxyCommand=x/y": ("'{}' is not a repository", KINDS),
    "git@-oProxyCommand=x:y": ("'{}' is not a repository", KINDS),
    "ext::sh -c touch% x": ("'{}' would make git run a program", KINDS),
    "fd::17": ("'{}' would make git run a program", KINDS),
    "::x": ("'{}' would make git run a program", KINDS),
    "foo://host/x": ("'{}' is neither a git URL nor a local repository", KINDS),
    "no-such-folder": ("'{}' is neither a git URL nor a local repository", KINDS),
    "https://": ("'{}' is neither a git URL nor a local repository", KINDS),
    "https://host/a\nb": ("the repository '{}' is too long or holds control characters", "Give it without them."),
    "https://host/a\x1bb": ("the repository '{}' is too long or holds control characters", "Give it without them."),
    "https://host/" + "x" * 4084: (
        "the repository '{}' is too long or holds control characters",
        "Give it without them.",
    ),
}


@pytest.mark.parametrize("url", REFUSED)
def test_url_is_refused_in_words(url, tc, home):
    problem, remedy = REFUSED[url]
    done = tc("create", "--name", "x", "--", url)
    assert done == (2, "", f"error: {problem.format(quote(url)[1:-1])}\n{remedy}\n")
    assert "\x1b" not in done.err
    assert not home.exists()


def test_longest_url_is_taken():
    url = "https://host/" + "x" * 4083
    assert names.repository(url) == url


def test_errors_call_the_source_what_it_is_for():
    assert refusal(names.repository, "no-such-folder", "dotfiles repository") == (
        "'no-such-folder' is neither a git URL nor a local dotfiles repository",
        KINDS,
        2,
    )


def test_local_repository_becomes_absolute(repo, monkeypatch):
    monkeypatch.chdir(repo)
    assert names.repository(".") == str(repo)
    assert names.derive(names.repository(".")) == "web"


@pytest.mark.parametrize("url", ["https://host/x", "git@host:x", "ssh://host/x", "file:///host/x"])
def test_url_is_none_of_the_folder_that_tc_is_typed_in(url, tmp_path):
    """An export could have brought a repository of that name."""
    path = tmp_path / url
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"# v2 git bundle\n")
    assert names.repository(url) == url
    assert names.repository(f"./{url}") == str(path)


def test_bare_repository_becomes_absolute(tmp_path):
    (tmp_path / "bare/objects").mkdir(parents=True)
    assert names.repository("bare") == f"{tmp_path}/bare"


def test_bundle_becomes_absolute(tmp_path):
    bundle = tmp_path / "x.bundle"
    bundle.write_bytes(b"# v2 git bundle\n")
    assert names.repository("x.bundle") == str(bundle)


GIVE = "Give the folder that holds .git, or make one there: git init"


def test_folder_that_is_no_repository_is_refused(tmp_path):
    (tmp_path / "plain").mkdir()
    assert refusal(names.repository, "plain") == (f"'{tmp_path}/plain' is not a git repository", GIVE, 2)


def test_file_that_is_no_bundle_is_refused_unread(tmp_path):
    with (tmp_path / "large").open("wb") as file:
        file.truncate(1 << 40)
    assert refusal(names.repository, "large") == (f"'{tmp_path}/large' is not a git repository", GIVE, 2)


def test_path_with_control_characters_is_refused(tmp_path, monkeypatch):
    (tmp_path / "a\x1bb/.git").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a\x1bb")
    assert refusal(names.repository, ".") == (f"the path '{tmp_path}/a?b' holds control characters", "Move it.", 2)


def origin(url, repository="/none/web"):
    """The output of lib/create/origin for the origin of a local repository."""
    return subprocess.run(
        ["bash", "lib/create/origin"],
        input=f"{url}\n",
        cwd=ROOT / "templates",
        env={**os.environ, "CAGE_NAME": "web", "CAGE_REPO_URL": repository},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("repository", ["{}/web", "file://{}/web"])
@pytest.mark.parametrize("url", ["../up/stream.git", "./../up/stream.git", "../up/stream.git/"])
def test_origin_that_is_a_relative_path_is_read_from_the_repository_on(url, repository, tmp_path):
    (tmp_path / "up/stream.git").mkdir(parents=True)
    (tmp_path / "web").mkdir()
    assert origin(url, repository.format(tmp_path)).stdout == f"{tmp_path}/up/stream.git\n"


def test_relative_origin_that_is_gone_is_absolute_still(tmp_path):
    assert origin("../gone", str(tmp_path)).stdout == f"{tmp_path}/../gone\n"


@pytest.mark.parametrize("url", ["/up/stream.git", "host:up/stream.git", "git@host:x", "https://host/x"])
def test_origin_that_is_no_relative_path_stays(url):
    assert origin(url).stdout == f"{url}\n"


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("https://me:hunter2@host/x.git", "https://host/x.git"),
        ("https://me:hun/ter2@host/x", "https://host/x"),
        ("https://me:hunter2@host:8443/x", "https://host:8443/x"),
        ("https://ghp_hunter2@host/x", "https://host/x"),
        ("https://host/x?private_token=hunter2", "https://host/x"),
        ("ssh://me:hunter2@host/x", "ssh://me@host/x"),
        ("ftp://me:hunter2@host/x", "ftp://host/x"),
        ("https://me:hun@ter2@host/x", "https://host/x"),
    ],
)
def test_origin_is_taken_over_without_its_password(url, taken):
    done = origin(url)
    assert (done.returncode, done.stdout) == (0, f"{taken}\n")
    assert "ter2" not in done.stderr


@pytest.mark.parametrize(
    "url",
    [
        "https://host:8443/x@y",
        "https://host/@scope/x",
        "ssh://git@host:2222/x.git",
        "git@host:x.git",
        "host:x",
        "/srv/x y.git",
        "file:///srv/x.git",
    ],
)
def test_origin_without_a_password_is_taken_over_as_it_is(url):
    done = origin(url)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{url}\n", "")


@pytest.mark.parametrize("url", ["-x", "--upload-pack=touch x", "ext::sh -c touch% x", "fd::17", "::x"])
def test_origin_that_names_a_program_is_not_taken_over(url):
    done = origin(url)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


@pytest.mark.parametrize(
    "url",
    [
        "https://u:p@h/x",
        "https://ghp_abc@h/x",
        "https://u:p/w@h/x",
        "https://h/x?token=1",
        "ssh://git:p@h/x",
        "git://u:p@h/x",
        "https://%3a:@h/x",
        f"https://{'a' * 40}@h/x",
        "https://h:8080/x",
        "ssh://git@h:22/x",
        "git@h:x",
    ],
)
def test_what_is_refused_in_a_url_is_what_a_clone_does_not_take_over(url):
    environment = {"CAGE_NAME": "x", "CAGE_REPO_URL": "/x", **os.environ}
    pipes = {"input": url, "capture_output": True, "text": True}
    done = subprocess.run(["bash", "lib/create/origin"], cwd=ROOT / "templates", env=environment, **pipes)
    assert (done.stdout.rstrip("\n") != url) == has_secret(url) == (printable(url) != url)
    assert not has_secret(done.stdout.rstrip("\n"))


@pytest.mark.parametrize(
    ("source", "of", "ref"),
    [
        ("owner/repo#123", "https://github.com/owner/repo", "refs/pull/123/head"),
        ("Own-er/re.po_x#1", "https://github.com/Own-er/re.po_x", "refs/pull/1/head"),
        ("owner/repo.git#7", "https://github.com/owner/repo", "refs/pull/7/head"),
        ("https://github.com/owner/repo/pull/123", "https://github.com/owner/repo", "refs/pull/123/head"),
        ("https://github.com/owner/repo/pull/123/files", "https://github.com/owner/repo", "refs/pull/123/head"),
        ("https://github.com/owner/repo/pull/5?w=1#diff", "https://github.com/owner/repo", "refs/pull/5/head"),
        ("https://git.example.com/owner/repo/pulls/9", "https://git.example.com/owner/repo", "refs/pull/9/head"),
        (
            "https://gitlab.com/a/b/c/-/merge_requests/42/diffs",
            "https://gitlab.com/a/b/c",
            "refs/merge-requests/42/head",
        ),
    ],
)
def test_request_is_a_repository_and_a_ref(source, of, ref):
    assert names.request(source) == (of, ref, ref.split("/")[2])


@pytest.mark.parametrize(
    "source",
    ["owner/repo", "owner/repo#", "owner/repo#0", "owner/repo#1x", "#1", "a/b/c#1", "./owner/repo#1", "-o/repo#1",
     "owner/..#1", "owner/-x#1", "owner/repo#\u0661", "owner/repo#1\n", "https://user:pw@github.com/o/r/pull/1",
     "https://github.com/owner/pull/x", "git@github.com:owner/repo", "https://github.com/o/r/issues/3"],
)  # fmt: skip
def test_other_sources_are_no_request(source):
    assert names.request(source) == ("", "", "")
