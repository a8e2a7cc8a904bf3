"""Messages between ``flightrec`` and a recorder: one JSON object a line, with a limit and an end.

A request may carry an open file, to be written by the other side with the rights of who opened it.
"""

from __future__ import annotations

import array
import contextlib
import json
import os
import socket
import struct
import time
from typing import Any

from flightrec.errors import FlightRecorderError

__all__ = ["MAX_REPLY", "MAX_REQUEST", "WireError", "peer_uid", "receive", "send"]

#: The longest request and the longest reply, in bytes.
MAX_REQUEST = 64 << 10
MAX_REPLY = 8 << 20
_FILES = 4


class WireError(FlightRecorderError):
    """The other side sent what is no message, or nothing in time."""


def send(
    connection: socket.socket, message: dict[str, Any], timeout: float, file: int | None = None
) -> None:
    """Send a message within so many seconds.

    :raises TimeoutError: the other side does not read.
    :raises OSError: it is gone.
    """
    data = json.dumps(message, default=str).encode() + b"\n"
    until = time.monotonic() + timeout
    ancillary = []
    if file is not None:
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [file]))]
    while data:
        connection.settimeout(max(0.001, until - time.monotonic()))
        sent = connection.sendmsg([data], ancillary)
        data, ancillary = data[sent:], []


def receive(
    connection: socket.socket, limit: int, timeout: float
) -> tuple[dict[str, Any] | None, int | None]:
    """Receive a message within so many seconds, and the open file that came with it.

    :returns: the message, None if the other side has closed the connection; the file's descriptor,
        which is the caller's to close.
    :raises WireError: it is too long, no JSON object, or cut off.
    :raises TimeoutError: it does not come.
    """
    until = time.monotonic() + timeout
    data, files = bytearray(), array.array("i")
    try:
        while b"\n" not in data:
            if len(data) > limit:
                raise WireError(f"a message may have {limit} bytes; this one has more")
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError("no message came in time")
            connection.settimeout(left)
            room = socket.CMSG_SPACE(_FILES * files.itemsize)
            part, ancillary, _, _ = connection.recvmsg(64 << 10, room)
            for level, kind, value in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    files.frombytes(value[: len(value) - len(value) % files.itemsize])
            if not part:
                if data:
                    raise WireError("the other side closed the connection in a message")
                return None, _take(files)
            data += part
        return _object(bytes(data).partition(b"\n")[0]), _take(files)
    except BaseException:
        for left_over in files:
            with contextlib.suppress(OSError):
                os.close(left_over)
        raise


def _object(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as exc:
        raise WireError(f"not a JSON object: {exc}") from None
    if not isinstance(message, dict):
        raise WireError("not a JSON object")
    return message


def _take(files: array.array[int]) -> int | None:
    """Return the first file; close the others."""
    for extra in files[1:]:
        with contextlib.suppress(OSError):
            os.close(extra)
    return files[0] if files else None


def peer_uid(connection: socket.socket) -> int | None:
    """Return the user id of the process at the other end; None where the system does not tell."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    size = struct.calcsize("3i")
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, option, size))
    return int(uid)
