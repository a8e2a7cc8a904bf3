"""Loading a Go shared library that has the bridge inside, and calling it.

One Go library a process: two Go runtimes in one process are not supported by Go, and a loaded one
cannot be unloaded.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

from flightrec import abi, elf
from flightrec.abi import Status
from flightrec.errors import (
    BridgeError,
    FlightRecorderError,
    ForkedProcessError,
    LibraryLoadError,
    NotEnabledError,
    TraceFormatError,
    TracingConflictError,
)

__all__ = [
    "Library",
    "bundled_library",
    "check_fork",
    "error_for",
    "is_forked",
    "open_library",
]

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
        self.cdll = _load(path)
        _declare(self.cdll, path)

    def check_fork(self) -> None:
        """Raise ForkedProcessError in a child that was forked after the library was loaded.

        Ask first, before any lock: another thread may have held it when the process was forked.
        """
        check_fork()

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function that returns a status and takes an error last.

        :raises FlightRecorderError: the exception for the status; see :func:`error_for`.
        """
        check_fork()
        error = abi.Error()
        status = getattr(self.cdll, name)(*arguments, error)
        if status:
            raise error_for(name, status, error)

    def describe(self, what: str) -> Any:
        """Return what can be known of the library; ``flightrec_describe`` says of what.

        :raises FlightRecorderError: the exception for the status; see :func:`error_for`.
        """
        length = ctypes.c_size_t()
        buffer = ctypes.create_string_buffer(512)
        while True:
            try:
                self.call("flightrec_describe", what.encode(), buffer, len(buffer), length)
                return json.loads(buffer.raw[: length.value])
            except BridgeError as exc:
                if exc.status != Status.SHORT:
                    raise
                buffer = ctypes.create_string_buffer(length.value)


def error_for(name: str, status: int, error: abi.Error) -> FlightRecorderError:
    """Return the exception that stands for a status of the bridge."""
    text = error.text.decode(errors="replace")
    if status == Status.CONFLICT:
        return TracingConflictError(
            f"the Go runtime's tracer is not ours to use: {text}. A Go runtime has one tracer, and "
            "the program has taken or stopped it (trace.Start, /debug/pprof/trace). In libraries "
            "that `flightrec build` makes with its overlay program-trace both can use it.",
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
    if missing := elf.missing_bytes(path):
        raise LibraryLoadError(
            f"cannot load {path}: the file is cut off, {missing} bytes are missing at its end. "
            "Copy or build it again.",
            path=str(path),
        )
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
_owner: tuple[int, Path] | None = None  # process and library, from before the library is opened


def open_library(path: Path) -> Library:
    """Load a library, or return it if it is loaded already.

    :raises LibraryLoadError: it is not there, not a library of this platform, without the bridge
        or with another ABI version; this process has loaded another Go library; or this is not
        the main interpreter.
    :raises ForkedProcessError: this process was forked from one that has loaded a Go library, or
        was about to.
    """
    global _loaded, _owner
    check_fork()
    _check_interpreter(path)
    with _loading:
        if _loaded is not None:
            if _same_file(_loaded.path, path):
                return _loaded
            raise _second_runtime(path, _loaded.path)
        # An exception of a signal handler may come when the library is open and nobody knows.
        if _owner is not None and not _same_file(_owner[1], path) and _is_open(_owner[1]):
            raise _second_runtime(path, _owner[1])
        try:
            _owner = (os.getpid(), path)
            _loaded = Library(path)
        except LibraryLoadError:
            _owner = None
            raise
        return _loaded


def _second_runtime(path: Path, loaded: Path) -> LibraryLoadError:
    return LibraryLoadError(
        f"cannot load {path}: this process has loaded {loaded}, and a process can hold one Go "
        "runtime only. Use another process for the second one.",
        path=str(path),
    )


def _same_file(a: Path, b: Path) -> bool:
    try:
        return a.samefile(b)
    except OSError:
        return False


def _is_open(path: Path) -> bool:
    """Whether the dynamic linker has a library; True where it cannot be asked."""
    if not hasattr(os, "RTLD_NOLOAD"):
        return True
    try:
        ctypes.CDLL(str(path.resolve()), mode=os.RTLD_NOLOAD)
    except OSError:
        return False
    return True


def _check_interpreter(path: Path) -> None:
    """Raise LibraryLoadError in a sub-interpreter.

    It has its own copy of this module, which would load a second Go runtime beside the first one;
    and when it ends, it takes the threads that wait in Go with it.
    """
    python = ctypes.pythonapi
    try:
        this, main = python.PyInterpreterState_Get, python.PyInterpreterState_Main
    except AttributeError:  # not CPython
        return
    this.restype = main.restype = ctypes.c_void_p
    if this() != main():
        raise LibraryLoadError(
            f"cannot load {path}: this is a sub-interpreter, and a Go runtime belongs to the whole "
            "process. Load it in the main interpreter, or use another process.",
            path=str(path),
        )


def is_forked() -> bool:
    """Say whether this process was forked from one that had a Go library loaded, or was at it.

    The process id is compared, because not every fork tells Python. It takes about 0.1 µs.
    """
    return _owner is not None and _owner[0] != os.getpid()


def check_fork() -> None:
    """Raise ForkedProcessError if :func:`is_forked`. The first thing that any public call does."""
    if _owner is not None and _owner[0] != os.getpid():
        pid, path = _owner
        raise ForkedProcessError(
            f"{path.name} was loaded in process {pid}, and this process ({os.getpid()}) was forked "
            "from it: a Go runtime does not survive fork. Load it after the fork, or start the "
            "process anew (multiprocessing's 'spawn').",
            loaded_in=pid,
        )


def _after_fork_in_child() -> None:
    global _loading
    _loading = threading.Lock()  # another thread may have held it, looking for a file


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
