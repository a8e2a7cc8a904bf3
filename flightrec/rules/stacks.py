"""Where each Python thread is just now."""

from __future__ import annotations

import sys
import threading

from flightrec.knownthreads import known_threads

__all__ = ["python_stacks"]

_FRAMES = 60
_THREADS = 200


def python_stacks() -> list[dict[str, object]]:
    """Return the stack of each Python thread but flightrec's own, innermost frame first.

    No source file is read for it, so it is cheap enough for the thread that a rule fires on. Takes
    no lock, so a signal handler may call it.
    """
    names = {thread.ident: thread.name for thread in known_threads()}
    here = threading.get_ident()
    stacks = []
    for ident, frame in list(sys._current_frames().items())[:_THREADS]:
        if names.get(ident, "").startswith("flightrec-"):
            continue
        lines: list[str] = []
        at = frame
        while at is not None and len(lines) < _FRAMES:
            code = at.f_code
            lines.append(f"{code.co_name} ({code.co_filename}:{at.f_lineno})")
            at = at.f_back  # type: ignore[assignment]
        stacks.append(
            {
                "thread": names.get(ident, "?"),
                "ident": ident,
                "fired": ident == here,
                "stack": lines,
            }
        )
    return stacks
