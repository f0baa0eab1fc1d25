"""Files of the host on their way into a volume. They wait in a folder there until all of them have come.

Folders are opened one by one without following links: the agent may plant one on the way, at any time.
"""

import os
import re
import shutil
import stat
from contextlib import contextmanager, suppress

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK  # a FIFO in its place is not waited for
DRAFTS = b".trusty-cage." + os.urandom(8).hex().encode()  # a name that the agent can't have taken


def folder_of(root, path):
    """A descriptor of the folder of PATH below ROOT, made where it is missing."""
    here = os.open(root, FOLDER)
    for part in path.split(b"/")[:-1]:
        with suppress(FileExistsError):
            os.mkdir(part, 0o755, dir_fd=here)
        below = os.open(part, FOLDER, dir_fd=here)
        os.close(here)
        here = below
    return here


@contextmanager
def drafts(volume):
    """A descriptor of the folder in VOLUME where files wait; it goes in the end, one that a kill left goes first."""
    root = os.open(volume, FOLDER)
    for left in os.listdir(volume):
        if re.fullmatch(rb"\.trusty-cage\.[0-9a-f]{16}", left):
            with suppress(OSError, RecursionError):
                shutil.rmtree(left, dir_fd=root)
    os.mkdir(DRAFTS, 0o700, dir_fd=root)
    try:
        yield os.open(DRAFTS, FOLDER, dir_fd=root)
    finally:
        shutil.rmtree(DRAFTS, dir_fd=root)


def draft(folder, name, info, content):
    """The tar entry INFO as NAME in FOLDER."""
    if info.issym():
        os.symlink(os.fsencode(info.linkname), name, dir_fd=folder)
        return
    mode = 0o755 if info.mode & 0o100 else 0o644
    with os.fdopen(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode, dir_fd=folder), "wb") as file:
        os.fchmod(file.fileno(), mode)
        while block := content.read(1 << 20):
            file.write(block)


def copied(folder, name, info, within, first):
    """The draft FIRST of the folder WITHIN once more, as NAME in FOLDER: the tar entry INFO is a hard link of it."""
    if stat.S_ISLNK(os.lstat(first, dir_fd=within).st_mode):
        os.symlink(os.readlink(first, dir_fd=within), name, dir_fd=folder)
    else:
        with os.fdopen(os.open(first, READ, dir_fd=within), "rb") as content:
            draft(folder, name, info, content)
