"""What a Go program that is loaded takes for its arguments and its executable."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator, Sequence

__all__ = ["launching"]

_ARGS = "FLIGHTREC_ARGS"
_EXECUTABLE = "FLIGHTREC_EXECUTABLE"


@contextlib.contextmanager
def launching(
    args: Sequence[str] | None = None, executable: str | os.PathLike[str] | None = None
) -> Iterator[None]:
    """Have a library that is loaded in a ``with`` statement see these before its init functions.

    It must be loaded by :func:`flightrec.load`, which waits until the Go runtime has started.
    Only libraries with the overlay ``program-args`` look. Not for several threads at once.

    :param args: ``os.Args``, from the program's name on; None: those of the Python process.
    :param executable: what ``os.Executable`` returns; None: Python.
    :raises ValueError: a text has a NUL in it, or ``args`` is empty.
    """
    words = None if args is None else [os.fsencode(word) for word in args]
    if words is not None:
        if not words:
            raise ValueError("args must have at least the program's name")
        if any(b"\0" in word for word in words):
            raise ValueError(f"args must not contain NUL characters: {args!r}")
        argv = (ctypes.c_char_p * (len(words) + 1))(*words, None)
        os.environ[_ARGS] = f"{os.getpid()}:{ctypes.addressof(argv)}"
    try:
        if executable is not None:
            os.environ[_EXECUTABLE] = os.fspath(executable)
        yield
    finally:
        os.environ.pop(_ARGS, None)
        os.environ.pop(_EXECUTABLE, None)
