"""Makes the standard streams fit for use: closed ones, and ones that lack some characters."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys

__all__ = ["discard_output", "prepare_streams"]

#: How the characters beyond ASCII that flightrec itself uses are shown without them.
_PLAIN = str.maketrans(
    {"…": "...", "µ": "u", "–": "-", "—": "-", "×": "x", "→": "->", "►": ">", "’": "'"}
)


def prepare_streams() -> None:
    """Open the standard streams that are closed, and let none fail for a character.

    A closed one becomes /dev/null, as Go does for its programs: else the next file to be opened
    would take its place, and a program would print into it.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if not _is_open(descriptor):
            # The system gives the lowest number that is free, which is this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
        if getattr(sys, name) is None:
            mode = "r" if descriptor == 0 else "w"
            setattr(sys, name, open(descriptor, mode, closefd=False, encoding="utf-8"))  # noqa: SIM115
    codecs.register_error("flightrec", _show_plainly)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="flightrec")


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _show_plainly(error: UnicodeError) -> tuple[str | bytes, int]:
    """Encode what a stream's encoding lacks: by something similar, or by its number."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    with contextlib.suppress(UnicodeEncodeError):
        # Bytes of a file name that are no text were read as surrogates: give them back.
        return text.encode("ascii", "surrogateescape"), error.end
    return text.translate(_PLAIN).encode("ascii", "backslashreplace").decode(), error.end


def discard_output() -> None:
    """Let what is still buffered for standard output go nowhere, instead of failing at exit."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
