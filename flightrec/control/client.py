"""The other end of the control socket: finding recorders, and asking them."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path
from typing import Any

from flightrec.control.places import pid_of, socket_paths
from flightrec.control.wire import MAX_REPLY, receive, send
from flightrec.errors import FlightRecorderError

__all__ = ["NotAnsweringError", "RemoteError", "ask", "find", "listening"]


class NotAnsweringError(FlightRecorderError):
    """A recorder's process has a socket, and does not answer on it: it is stopped, say."""


class RemoteError(FlightRecorderError):
    """A recorder could not do what it was asked to.

    :ivar kind: the name of its exception.
    """

    def __init__(self, message: str, *, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind


def listening() -> dict[int, Path]:
    """Return the sockets of this user's recorders by process id; left over ones are removed."""
    found = {}
    for path in socket_paths():
        pid = pid_of(path)
        if pid is None or pid in found:
            continue
        if _is_left_over(path):
            with contextlib.suppress(OSError):
                path.unlink()
        else:
            found[pid] = path
    return found


def _is_left_over(path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1.0)
            connection.connect(str(path))
    except (ConnectionRefusedError, FileNotFoundError):
        return True
    except OSError:
        return False  # busy, or not ours to judge
    return False


def find(pid: int) -> Path:
    """Return the socket of a process's recorder.

    :raises FlightRecorderError: it has none.
    """
    users: list[int | None] = [None]
    with contextlib.suppress(OSError):
        users.append(Path(f"/proc/{pid}").stat().st_uid)  # root may ask anybody's
    for user in users:
        for path in socket_paths(user):
            if pid_of(path) == pid:
                return path
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, 0)
        raise FlightRecorderError(
            f"process {pid} has no recorder that listens: it was not started by `flightrec run`, "
            "and did not call recorder.listen()"
        )
    raise FlightRecorderError(f"there is no process {pid} of yours with a recorder")


def ask(
    path: Path, request: dict[str, Any], *, timeout: float, file: int | None = None
) -> dict[str, Any]:
    """Send a request to a recorder, and return its answer.

    :param timeout: seconds for each way.
    :param file: an open file that it shall write.
    :raises RemoteError: it could not do it.
    :raises NotAnsweringError: it does not answer in time, or is gone.
    """
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout)
            connection.connect(str(path))
            send(connection, request, timeout, file)
            reply, extra = receive(connection, MAX_REPLY, timeout)
    except (ConnectionError, FileNotFoundError) as exc:
        raise NotAnsweringError(f"process {path.stem} no longer listens: {exc}") from exc
    except (TimeoutError, BlockingIOError) as exc:
        raise NotAnsweringError(
            f"process {path.stem} does not answer within {timeout:g} s; it is stopped, or a C "
            "extension holds its GIL"
        ) from exc
    if extra is not None:
        os.close(extra)
    if reply is None:
        raise NotAnsweringError(f"process {path.stem} closed the connection without an answer")
    if not reply.get("ok"):
        raise RemoteError(str(reply.get("error")), kind=str(reply.get("kind", "")))
    return reply
