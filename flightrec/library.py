"""Loading a Go shared library that has the bridge inside, and calling it.

One Go library a process: two Go runtimes in one process are not supported by Go, and a loaded one
cannot be unloaded.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from pathlib import Path
from typing import Any

from flightrec import abi
from flightrec.abi import Status
from flightrec.errors import (
    AlreadyEnabledError,
    BridgeError,
    FlightRecorderError,
    ForkedProcessError,
    LibraryLoadError,
    NotEnabledError,
    TraceFormatError,
    TracingConflictError,
)

__all__ = ["Library", "bundled_library", "open_library"]

LIBRARY_SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")


def bundled_library() -> Path:
    """Return the path of the library that came with flightrec; it may not exist.

    The environment variable ``FLIGHTREC_LIBRARY`` names another one to take its place.
    """
    if path := os.environ.get("FLIGHTREC_LIBRARY"):
        return Path(path)
    return Path(__file__).parent / "_lib" / f"libgobridge{LIBRARY_SUFFIX}"


class Library:
    """A loaded bridge. Safe to use from any thread, but not in a forked child."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.pid = os.getpid()
        self.cdll = _load(path)
        _declare(self.cdll, path)

    def check_fork(self) -> None:
        """Raise ForkedProcessError in a child that was forked after the library was loaded."""
        if _forked:
            raise ForkedProcessError(
                f"{self.path.name} was loaded in process {self.pid}, and this process "
                f"({os.getpid()}) was forked from it: a Go runtime does not survive fork. Load it "
                "after the fork, or start the process anew (multiprocessing's 'spawn').",
                loaded_in=self.pid,
            )

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function that returns a status and takes an error last.

        :raises FlightRecorderError: the exception for the status; see :func:`error_for`.
        """
        if _forked:
            self.check_fork()
        error = abi.Error()
        status = getattr(self.cdll, name)(*arguments, error)
        if status:
            raise error_for(name, status, error)

    def text(self, name: str, *arguments: Any) -> str:
        """Call a function that takes a buffer, its capacity and a length last."""
        if _forked:
            self.check_fork()
        length = ctypes.c_size_t()
        buffer = ctypes.create_string_buffer(512)
        while True:
            status = getattr(self.cdll, name)(*arguments, buffer, len(buffer), length)
            if status == Status.SHORT:
                buffer = ctypes.create_string_buffer(length.value)
                continue
            if status:
                raise error_for(name, status, abi.Error())
            return buffer.raw[: length.value].decode()


def error_for(name: str, status: int, error: abi.Error) -> FlightRecorderError:
    """Return the exception that stands for a status of the bridge."""
    text = error.text.decode(errors="replace")
    if status == Status.ENABLED:
        return AlreadyEnabledError(
            f"cannot start: {text}. A Go runtime has one tracer: stop the other recorder first."
        )
    if status == Status.CONFLICT:
        return TracingConflictError(
            f"the Go runtime's tracer is not ours to use: {text}. A Go runtime has one tracer, and "
            "its own trace.Start or /debug/pprof/trace has taken or stopped it.",
            reason=text,
        )
    if status == Status.ENDED:
        return NotEnabledError("the recording has ended")
    if status == Status.BROKEN:
        return TraceFormatError(
            text,
            offset=None if error.offset < 0 else error.offset,
            generation=error.generation or None,
        )
    return BridgeError(f"{name}: {text or _status_name(status)}", function=name, status=status)


def _status_name(status: int) -> str:
    return Status(status).name if status in Status._value2member_map_ else f"status {status}"


def _load(path: Path) -> ctypes.CDLL:
    if not path.is_file():
        hint = (
            " It is built when flightrec is installed: install it again, or run `make build` in a "
            "source tree."
            if path == bundled_library()
            else ""
        )
        raise LibraryLoadError(f"there is no Go library at {path}.{hint}", path=str(path))
    try:
        return ctypes.CDLL(str(path.resolve()))
    except OSError as exc:
        raise LibraryLoadError(
            f"cannot load {path}: {exc}. It must be a Go shared library for this platform "
            f"({sys.platform}), built by `flightrec build`.",
            path=str(path),
        ) from exc


def _declare(cdll: ctypes.CDLL, path: Path) -> None:
    try:
        version_of = cdll.flightrec_abi_version
    except AttributeError:
        raise LibraryLoadError(
            f"{path} does not have flightrec's bridge inside. Build it with `flightrec build "
            f"PACKAGE -o {path.name}`; the package needs no change.",
            path=str(path),
        ) from None
    version_of.restype = ctypes.c_int32
    version = version_of()
    if version != abi.ABI_VERSION:
        raise LibraryLoadError(
            f"{path} was built with another version of flightrec: its bridge speaks ABI version "
            f"{version}, this flightrec speaks {abi.ABI_VERSION}. Build it again.",
            path=str(path),
        )
    for name, argument_types, result_type in abi.PROTOTYPES:
        try:
            function = getattr(cdll, name)
        except AttributeError:
            raise LibraryLoadError(
                f"{path} does not have all of flightrec's bridge inside: {name} is missing. Build "
                "it again.",
                path=str(path),
            ) from None
        function.argtypes = argument_types
        function.restype = result_type


_loaded: Library | None = None
_loading = threading.Lock()
_forked = False


def open_library(path: Path) -> Library:
    """Load a library, or return it if it is loaded already.

    :raises LibraryLoadError: it is not there, not a library of this platform, without the bridge
        or with another ABI version; or this process has loaded another Go library.
    :raises ForkedProcessError: this process was forked from one that has loaded a Go library.
    """
    global _loaded
    with _loading:
        if _loaded is not None:
            _loaded.check_fork()
            if _same_file(_loaded.path, path):
                return _loaded
            raise LibraryLoadError(
                f"cannot load {path}: this process has loaded {_loaded.path}, and a process can "
                "hold one Go runtime only. Use another process for the second one.",
                path=str(path),
            )
        _loaded = Library(path)
        return _loaded


def _same_file(a: Path, b: Path) -> bool:
    try:
        return a.samefile(b)
    except OSError:
        return False


def is_forked() -> bool:
    """Say whether this process was forked from one that had a Go library loaded."""
    return _forked


def _after_fork_in_child() -> None:
    global _forked, _loading
    _forked = _loaded is not None
    _loading = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
