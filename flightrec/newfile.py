"""A file that takes a path's place whole or not at all.

The bytes go to a temporary file in the same folder, ``.flightrec-RANDOM.tmp``, which then takes the
path's place. While it is written it is locked (flock), so a file that nobody holds a lock on was
left behind by a process that was killed: the next save in that folder deletes it. The lock, unlike
a process id, also tells that for processes in other containers.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: nothing is locked there, and nothing deleted
    fcntl = None  # type: ignore[assignment]

__all__ = ["inherit", "new_file", "private"]

_TEMPORARY = re.compile(r"\.flightrec-[0-9a-f]{16}\.tmp")
#: Who may read a new snapshot: its owner. It holds names, stacks and log messages of a program.
_MODE = 0o600
#: The ``opener`` of open for such a file. It is C, where no exception of a signal handler comes
#: between the making of the file and its object.
private = functools.partial(os.open, mode=_MODE)


@contextlib.contextmanager
def new_file(target: Path, *, durable: bool = False, keep: bool = True) -> Iterator[int]:
    """Give out the descriptor of a file that takes the target's place at the end of the block.

    What was there before stays if the block or anything else fails, and nothing else is left
    behind. A file that is replaced passes its mode on, and its owner and group as far as the system
    lets us; a new one can be read by its owner only.

    :param durable: at the end the bytes and the name have reached the disk (fsync).
    :param keep: False: only try, and leave the target as it is.
    :raises OSError: the cause, as the system has it: no such folder, no permission, disk full.
    """
    _remove_stale(target.parent)
    temporary = target.with_name(f".flightrec-{secrets.token_hex(8)}.tmp")
    # The name is known and the try has begun before there is a file: an exception between any two
    # lines leaves neither the file nor, through FileIO, an open descriptor.
    try:
        with _create(temporary) as file:
            inherit(target, file.fileno())
            yield file.fileno()
            if durable:
                os.fsync(file.fileno())
            if fcntl is None:
                file.close()  # Windows renames no open file
            if keep:
                temporary.replace(target)
            else:
                temporary.unlink()
        if durable and keep:
            _sync_folder(target.parent)
    except BaseException as exc:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(exc, OSError) and exc.filename == os.fspath(temporary):
            exc.filename = os.fspath(target)  # the name that the caller knows
        raise


def _create(path: Path) -> io.FileIO:
    """Create a file and lock it; what cleans up beside us may be faster, so look again."""
    while True:
        file = io.FileIO(path, "xb", opener=private)
        if fcntl is None:
            return file
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()


def inherit(target: Path, descriptor: int) -> None:
    """Give the file the mode, owner and group of the one that it is to replace."""
    try:
        old = target.lstat()
    except OSError:
        return
    if not hasattr(os, "fchmod"):
        return
    mode = old.st_mode & 0o777
    new = os.fstat(descriptor)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        try:
            os.fchown(descriptor, old.st_uid, old.st_gid)
        except OSError:
            try:
                os.fchown(descriptor, -1, old.st_gid)
            except OSError:
                mode &= ~0o070  # meant for another group
    os.fchmod(descriptor, mode)


def _remove_stale(folder: Path) -> None:
    if fcntl is None:
        return
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if _TEMPORARY.fullmatch(entry.name):
                with contextlib.suppress(OSError):
                    _remove_if_stale(entry.path)


def _remove_if_stale(path: str) -> None:
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with io.FileIO(path, "r+b", opener=lambda name, _: os.open(name, flags)) as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        Path(path).unlink()


def _sync_folder(folder: Path) -> None:
    """Have the new name reach the disk. Some file systems cannot do that for a folder."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
