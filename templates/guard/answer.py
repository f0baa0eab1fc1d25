"""The answer of a helper: a tar on standard output. Its last file, 'complete', has the count of files and links in it.

A stream can end early, and its sender without a failure: only an answer with the right count is taken. The host's own
tars to a helper have such a file, too (question.py).
"""

import io
import sys
import tarfile
import time


class Answer:
    """A tar that is written entry by entry; complete if the block ends without an error."""

    def __init__(self):
        self.tar = tarfile.open(fileobj=sys.stdout.buffer, mode="w|", format=tarfile.GNU_FORMAT)  # noqa: SIM115 (see __exit__)
        self.count = 0

    def __enter__(self):
        return self

    def __exit__(self, failed, *_):
        if not failed:
            self.put("complete", b"%d\n" % (self.count + 1))
            self.tar.close()

    def put(self, path, content):
        """A file of our own: CONTENT at PATH."""
        self.add(member(path, 0o644, len(content)), io.BytesIO(content))

    def add(self, info, content=None):
        """The entry INFO, with CONTENT to read from."""
        self.tar.addfile(info, content)
        self.count += not info.isdir()


def member(path, mode, size, kind=tarfile.REGTYPE):
    """A tar entry without the cage's owners and times."""
    info = tarfile.TarInfo(path)
    info.mode, info.size, info.type, info.mtime = mode, size, kind, int(time.time())
    return info


def is_whole(files):
    """Whether FILES (name -> content), of a tar, are as many as its file 'complete' says."""
    return files.get("complete", b"").strip() == b"%d" % len(files)
