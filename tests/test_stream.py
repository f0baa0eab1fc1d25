"""Commits as they are written for git fast-import: every byte, without a git."""

import io
import time

import pytest
from test_verdict import GUARD  # noqa: F401 (it puts the guard's modules on the path)

import objects  # isort: skip
import stream  # isort: skip

ONE, TWO = "1" * 40, "2" * 40
COMMIT = objects.Commit(ONE, (), b"A <a@a> 5 +0100", b"B <b@b> 6 -0100", "utf-8", b"m\n")


@pytest.fixture
def written():
    """A Stream, and its output."""
    written = stream.Stream(io.BytesIO())
    written.text = written.out.getvalue
    return written


def test_content_goes_by_its_length_and_once(written):
    written.blob(ONE, 7, [b"data 5\n"])
    written.blob(TWO, 4, [b"ab", b"cd"])
    written.blob(ONE, 7, [b"never read"])
    assert written.text() == b"blob\nmark :1\ndata 7\ndata 5\n\nblob\nmark :2\ndata 4\nabcd\n"
    assert written.marks == {ONE: b":1", TWO: b":2"}


def test_first_commit_has_no_parent(written):
    written.commit(ONE, COMMIT, [], [])
    assert written.text() == (
        b"reset refs/heads/work\n\n"
        b"commit refs/heads/work\nmark :1\nauthor A <a@a> 5 +0100\ncommitter B <b@b> 6 -0100\ndata 2\nm\n\n\n"
    )
    assert written.marks == {ONE: b":1"}


def test_commit_names_parents_and_changes_in_order(written):
    name = written.blob(TWO, 1, [b"x"])
    changes = [(b"old", None, None), (b"new", b"100644", name), (b'q"\n', b"120000", name)]
    changes.append((b"s", b"160000", b"9" * 40))
    written.commit(ONE, COMMIT, [b"f" * 40, b":7", b":8"], changes)
    assert written.text().partition(b"m\n\n")[2] == (
        b"from " + b"f" * 40 + b"\nmerge :7\nmerge :8\n"
        b'D "old"\nM 100644 :1 "new"\nM 120000 :1 "q\\042\\012"\nM 160000 ' + b"9" * 40 + b' "s"\n\n'
    )  # fmt: skip


def test_commit_that_begins_anew_deletes_all_after_its_parent(written):
    written.commit(ONE, COMMIT, [b":7"], [(b"old", None, None)], anew=True)
    assert written.text().endswith(b'from :7\ndeleteall\nD "old"\n\n')


def test_message_is_cleaned_by_its_encoding_and_then_counted(written):
    written.commit(ONE, COMMIT._replace(encoding="iso-8859-1", message=b"\x1bcaf\xe9\r\n"), [], [])
    assert b"\ndata 9\n\xef\xbf\xbdcaf\xc3\xa9\n\n" in written.text()


def test_people_are_written_as_they_were_parsed(written):
    written.commit(ONE, COMMIT._replace(author=b"no address", committer=b"x\x1b <y>"), [], [])
    assert b"\nauthor no address <> 0 +0000\ncommitter x\xef\xbf\xbd <y> 0 +0000\n" in written.text()


def test_other_ref_names_a_commit(written):
    written.reset("refs/heads/cage/x", b":7")
    assert written.text() == b"reset refs/heads/cage/x\nfrom :7\n\n"


@pytest.mark.parametrize(("tagger", "said"), [(b"A <a@a> 5", b"tagger A <a@a> 5 +0000\n"), (b"", b"")])
def test_tag_is_written_from_its_values(written, tagger, said):
    written.tag("refs/tags/cage/v1", b"f" * 40, objects.Tag(ONE, tagger, b"one\x1b\r\n"))
    assert written.text() == b"tag cage/v1\nfrom " + b"f" * 40 + b"\n" + said + b"data 7\none\xef\xbf\xbd\n\n"


def test_notes_are_texts_by_their_length(written):
    written.notes("refs/notes/cage", COMMIT, [(b":7", b"data 5\n"), (b"f" * 40, b"\x1b")])
    assert written.text() == (
        b"commit refs/notes/cage\nauthor A <a@a> 5 +0100\ncommitter B <b@b> 6 -0100\ndata 0\n\n"
        b"N inline :7\ndata 7\ndata 5\n\nN inline " + b"f" * 40 + b"\ndata 3\n\xef\xbf\xbd\n\n"
    )


def test_trial_goes_on_where_its_stream_is_and_leaves_that_as_it_was(written):
    written.blob(ONE, 1, [b"x"])
    before = written.text(), written.written
    trial = written.trial()
    assert trial.blob(ONE, 1, []) == b":1" and trial.blob(TWO, 1, [b"y"]) == b":2"
    assert (written.text(), written.written) == before and written.marks == {ONE: b":1"}
    assert trial.written > written.written


def test_end_is_a_line_of_its_own(written):
    written.done()
    assert written.text() == b"done\n"


def test_stream_may_be_as_large_as_the_limit_and_no_larger(written, monkeypatch):
    monkeypatch.setattr(stream, "TOTAL_BYTES", 5 << 20)
    written.write(b"x" * (3 << 20))
    written.write(b"x" * (2 << 20))
    with pytest.raises(SystemExit) as ended:
        written.write(b"x")
    assert ended.value.code == "error: the cage's commits are larger than 5 MiB"
    assert len(written.text()) == 5 << 20


@pytest.mark.parametrize(
    ("path", "quoted"),
    [
        (b"a b/c.d~", b'"a b/c.d~"'),
        (b'"', b'"\\042"'),
        (b"\\", b'"\\134"'),
        (b"\x1f\x7f\x80\xff\n", b'"\\037\\177\\200\\377\\012"'),
        (b"XX", b'"XX"'),
    ],
)
def test_path_is_quoted_as_fast_import_reads_it(path, quoted):
    assert stream.quoted(path) == quoted


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"A <a@b> 5 +1400", b"A <a@b> 5 +1400"),
        (b"A <a@b> 5 +1401", b"A <a@b> 5 +0000"),
        (b"A <a@b> 5 -1359", b"A <a@b> 5 -1359"),
        (b"A <a@b> 5 +1360", b"A <a@b> 5 +0000"),
        (b"A <a@b> 5 +0160", b"A <a@b> 5 +0000"),
        (b"A <a@b> 5 +0199", b"A <a@b> 5 +0000"),
        (b"A <a@b> 1099511627776 +0100", b"A <a@b> 1099511627776 +0100"),
        (b"A <a@b> 1099511627777 +0100", b"A <a@b> 1099511627776 +0100"),
        (b"A <a@b> 0 +0100", b"A <a@b> 0 +0100"),
        (b"A <a@b> 1 +0100", b"A <a@b> 1 +0100"),
        (b"A\tB <a\tb> 5", b"AB <ab> 5 +0000"),
        (b"A <a@b> x", b"A <a@b> 0 +0000"),
        (b"a>b", b"ab <> 0 +0000"),
        (b"a<b", b"ab <> 0 +0000"),
        (b"A <a<b> 5 +0100> 6 +0200", b"A <ab> 5 +0100"),
        (b"A  <a> -5 +0100", b"A <a> 0 +0100"),
        (b"A<a>5", b"A <a> 5 +0000"),
    ],
)
def test_date_and_zone_are_bounded(line, said):
    assert stream.person(line) == said


def test_person_of_megabytes_is_cut_and_not_searched():
    began = time.process_time()
    assert stream.person(b"<" * (4 << 20)) == b" <> 0 +0000"
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("text", "encoding", "said"),
    [
        (b"caf\xe9", "no-such", "caf\ufffd"),
        (b"caf\xe9", "iso-8859-99", "caf\ufffd"),
        (b"\xff\xfe", "utf-8", "\ufffd\ufffd"),
        (b"\x93\xfa\x96\x7b", "shift_jis", "日本"),
        (b"\x93\xfa\x93", "SHIFT-JIS", "日\ufffd"),
        ("é".encode(), "UTF8", "é"),
        (b"tab\there\n", "us-ascii", "tab\there\n"),
        (b"\xd8\x00", "utf-16", "\ufffd\ufffd"),
    ],
)
def test_message_is_decoded_as_it_says_where_that_is_an_encoding(text, encoding, said):
    assert stream.clean(text, encoding).decode() == said


def test_message_is_utf_8_unless_it_says_otherwise():
    assert stream.clean("é".encode()) == "é".encode()
