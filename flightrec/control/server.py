"""The recorder's end of the control socket.

Each client is served on a thread of its own, with limits in time and size, so one that hangs, goes
away or sends nonsense harms nobody. Nothing here needs the Go runtime to answer.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flightrec.control.places import own_folder
from flightrec.control.requests import Requests
from flightrec.control.wire import MAX_REQUEST, WireError, peer_uid, receive, send
from flightrec.errors import FlightRecorderError
from flightrec.recorder import FlightRecorder
from flightrec.signals import takes_no_signals

__all__ = ["ControlServer"]

#: How long a client may take to send its request, and to take the reply, in seconds.
_REQUEST_SECONDS = 10.0
_REPLY_SECONDS = 10.0
#: How many clients are served at the same time; others wait.
_CLIENTS = 32
#: How long one waits for a place, in seconds.
_PLACE_SECONDS = 30.0

_log = logging.getLogger("flightrec")


class ControlServer:
    """Listens until :meth:`close`; also a context manager. One in a process.

    :param program: what the process is called by ``flightrec ps``.
    :param sees_signals: whether the rules are told of signals that end the process.
    :raises OSError: the socket cannot be made.
    :raises FlightRecorderError: there is one, or the folder for sockets is not safe.
    """

    def __init__(
        self,
        recorder: FlightRecorder,
        *,
        program: str | None = None,
        sees_signals: bool = False,
    ) -> None:
        global _server
        recorder.runtime._library.check_fork()
        self._requests = Requests(recorder, program, sees_signals)
        self._closed = False
        self._pid = os.getpid()
        self._places = threading.Semaphore(_CLIENTS)
        with _lock:
            if _server is not None and not _server._closed and _server._pid == self._pid:
                raise FlightRecorderError(
                    f"this process listens on {_server.path} already; one recorder can"
                )
            self._path = own_folder() / f"{self._pid}.sock"
            self._socket = _bind(self._path)
            _server = self
        # It is woken by a connection, on close too: closing the socket would not wake it.
        target = takes_no_signals(self._accept)
        self._thread = threading.Thread(target=target, name="flightrec-control", daemon=True)
        self._thread.start()

    @property
    def path(self) -> Path:
        """The socket."""
        return self._path

    def close(self) -> None:
        """Stop listening and remove the socket. May be called again."""
        if self._closed or os.getpid() != self._pid:
            return
        self._closed = True
        with contextlib.suppress(OSError):
            with socket.socket(socket.AF_UNIX) as waker:
                waker.settimeout(1.0)
                waker.connect(str(self._path))
        with contextlib.suppress(OSError):
            self._path.unlink()
        if self._thread is not threading.current_thread():
            self._thread.join(2.0)
        self._socket.close()

    def __enter__(self) -> ControlServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- threads

    def _accept(self) -> None:
        while not self._closed:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                if self._closed:
                    return
                time.sleep(0.05)  # out of descriptors, say: it may get better
                continue
            if self._closed:
                connection.close()
                return
            self._start(connection)

    def _start(self, connection: socket.socket) -> None:
        try:
            threading.Thread(
                target=takes_no_signals(self._serve),
                args=(connection,),
                name="flightrec-client",
                daemon=True,
            ).start()
        except BaseException:  # no thread to be had
            connection.close()
            _log.warning("flightrec: a client could not be served", exc_info=True)

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                uid = peer_uid(connection)
                if uid not in (None, 0, os.geteuid()):
                    send(connection, _error("another user's process"), _REPLY_SECONDS)
                    return
                if not self._places.acquire(timeout=_PLACE_SECONDS):
                    send(connection, _error("too many clients at once"), _REPLY_SECONDS)
                    return
                try:
                    self._answer(connection)
                finally:
                    self._places.release()
            except (OSError, WireError):
                pass  # it is gone, or does not read
            except BaseException:
                _log.exception("flightrec: serving a client failed")

    def _answer(self, connection: socket.socket) -> None:
        try:
            message, file = receive(connection, MAX_REQUEST, _REQUEST_SECONDS)
        except (WireError, TimeoutError) as exc:
            send(connection, _error(str(exc)), _REPLY_SECONDS)
            return
        try:
            if message is None:
                return
            reply = _guarded(lambda: self._requests.answer(message, file))
        finally:
            if file is not None:
                os.close(file)
        send(connection, reply, _REPLY_SECONDS)


def _guarded(answer: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return {"ok": True, **answer()}
    except (FlightRecorderError, ValueError, OSError) as exc:
        return _error(str(exc), type(exc).__name__)
    except Exception as exc:
        _log.exception("flightrec: a request failed")
        return _error(f"{type(exc).__name__}: {exc}")


def _error(text: str, kind: str = "") -> dict[str, Any]:
    return {"ok": False, "error": text, "kind": kind}


def _bind(path: Path) -> socket.socket:
    """Make the listening socket; one that is left over from a process of this id is replaced."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        listening.bind(str(path))
        path.chmod(0o600)
        listening.listen(128)
    except BaseException as exc:
        listening.close()
        if isinstance(exc, OSError) and "too long" in str(exc):
            raise OSError(f"{path} is too long for a socket's path") from None
        raise
    return listening


_server: ControlServer | None = None
_lock = threading.Lock()


def _at_exit() -> None:
    if _server is not None:
        _server.close()


def _after_fork_in_child() -> None:
    """The socket is the parent's: the child neither answers on it nor removes it."""
    global _server, _lock
    _lock = threading.Lock()
    if _server is not None:
        _server._closed = True
        with contextlib.suppress(OSError):
            _server._socket.close()
        _server = None


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
