"""What an output path names: a file to be replaced, or a stream to be written to."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flightrec.newfile import new_file

__all__ = ["Destination", "check_output", "find_destination", "open_output"]

_DESCRIPTOR = re.compile(r"/dev/(?:fd/(\d+)|(stdin|stdout|stderr))|/proc/self/fd/(\d+)")
_STANDARD = ("stdin", "stdout", "stderr")
#: How many symbolic links one after the other Linux follows.
_LINKS = 40


@dataclass(frozen=True)
class Destination:
    """Where bytes go.

    :ivar path: the path, with a symbolic link at its end followed.
    :ivar descriptor: for ``/dev/stdout``, ``/dev/fd/N`` and the like: that open file.
    :ivar is_stream: it is written to; a file is replaced whole.
    """

    path: Path
    descriptor: int | None = None
    is_stream: bool = False


def find_destination(path: str | os.PathLike[str]) -> Destination:
    """Say what an output path names.

    A symbolic link at its end is followed only where nobody but its user and root can have put it:
    in a folder that others can write to (``/tmp``), it may lead to any file of ours.

    :raises OSError: a folder is there, or such a link.
    """
    at = Path(path)
    for _ in range(_LINKS):
        if (descriptor := _descriptor(at)) is not None:
            return Destination(at, descriptor, is_stream=True)
        if not at.is_symlink():
            break
        if _others_can_write(at.parent):
            raise OSError(
                errno.ELOOP,
                "it is a symbolic link in a folder that others can write to, which is not "
                "followed; name the file itself",
                str(at),
            )
        at = at.parent / at.readlink()
    try:
        mode = at.stat().st_mode
    except FileNotFoundError:
        return Destination(at)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(at))
    return Destination(at, is_stream=not stat.S_ISREG(mode))


def _descriptor(path: Path) -> int | None:
    match = _DESCRIPTOR.fullmatch(str(path))
    if match is None:
        return None
    return _STANDARD.index(match[2]) if match[2] else int(match[1] or match[3])


def _others_can_write(folder: Path) -> bool:
    if not hasattr(os, "geteuid"):
        return False
    info = folder.stat()
    if info.st_uid not in (0, os.geteuid()) or info.st_mode & stat.S_IWOTH:
        return True
    return bool(info.st_mode & stat.S_IWGRP) and not _is_private_group(info.st_gid)


def _is_private_group(gid: int) -> bool:
    """Say whether a group is its user's own, as where each user has one and the umask is 002."""
    import grp
    import pwd

    if gid != os.getegid():
        return False
    try:
        group, user = grp.getgrgid(gid), pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    return group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}


@contextlib.contextmanager
def open_output(path: str | os.PathLike[str], *, durable: bool = False) -> Iterator[int]:
    """Give out a descriptor to write to; a file takes the path's place at the end of the block.

    :param durable: a file's bytes and name have reached the disk at the end; see
        :func:`flightrec.newfile.new_file`.
    :raises OSError: the cause, as the system has it.
    """
    destination = find_destination(path)
    if destination.descriptor is not None:
        yield destination.descriptor
    elif destination.is_stream:
        with destination.path.open("wb", buffering=0) as file:
            yield file.fileno()
    else:
        with new_file(destination.path, durable=durable) as descriptor:
            yield descriptor


def check_output(path: str | os.PathLike[str]) -> None:
    """Find out whether a path can be written to, and change nothing.

    A folder that is not there is taken for one that will be made.

    :raises OSError: it cannot, and why.
    """
    destination = find_destination(path)
    if destination.descriptor is not None:
        os.fstat(destination.descriptor)
    elif destination.is_stream:
        if not os.access(destination.path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(destination.path))
    else:
        folder = destination.path.absolute().parent
        while not folder.exists() and not folder.is_symlink():
            folder = folder.parent
        with new_file(folder / destination.path.name, keep=False):
            pass
