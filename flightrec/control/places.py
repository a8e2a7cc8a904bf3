"""Where the sockets of recorders are: in a folder that only their user can enter."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from flightrec.errors import FlightRecorderError

__all__ = ["own_folder", "pid_of", "socket_paths"]

#: Names another folder, for tests and for containers that share one.
_VARIABLE = "FLIGHTREC_RUNTIME_DIR"


def own_folder() -> Path:
    """Return this user's folder for sockets; it is created if necessary.

    That is ``flightrec`` in ``$XDG_RUNTIME_DIR`` or ``/run/user/UID``, else ``/tmp/flightrec-UID``.

    :raises FlightRecorderError: it is somebody else's, or others may enter it.
    :raises OSError: it cannot be made.
    """
    folder = next(iter(_folders(os.geteuid(), usable=True)))
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    safe = stat.S_ISDIR(found.st_mode) and not stat.S_IMODE(found.st_mode) & 0o077
    if not safe or found.st_uid != os.geteuid():
        raise FlightRecorderError(
            f"{folder} must be a folder of this user's with mode 0700; remove it, or name another "
            f"one in {_VARIABLE}"
        )
    return folder


def socket_paths(uid: int | None = None) -> Iterator[Path]:
    """Yield the sockets that a user's recorders have, this user's by default."""
    for folder in _folders(os.geteuid() if uid is None else uid, usable=False):
        with contextlib.suppress(OSError):
            found = folder.lstat()
            if stat.S_ISDIR(found.st_mode) and found.st_uid in (uid, os.geteuid()):
                yield from sorted(folder.glob("[0-9]*.sock"))


def pid_of(path: Path) -> int | None:
    """Return the process that a socket is named after."""
    return int(path.stem) if path.stem.isdecimal() else None


def _folders(uid: int, *, usable: bool) -> Iterator[Path]:
    if override := os.environ.get(_VARIABLE):
        yield Path(override)
        return
    parents = []
    if (runtime := os.environ.get("XDG_RUNTIME_DIR")) and uid == os.geteuid():
        parents.append(Path(runtime))
    parents.append(Path(f"/run/user/{uid}"))
    for parent in dict.fromkeys(parents):
        if not usable or (parent.is_dir() and os.access(parent, os.W_OK)):
            yield parent / "flightrec"
    yield Path(f"/tmp/flightrec-{uid}")  # not TMPDIR: both sides must agree
