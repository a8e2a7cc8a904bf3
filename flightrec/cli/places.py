"""Places in the program's code, as one line: from stacks and from the JSON of stacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

from flightrec.trace.program import is_c_thread, package, program_frame
from flightrec.trace.stacks import Frame

__all__ = ["frames_of", "place_text", "short"]


def short(function: str, *, wide: bool = False) -> str:
    """A function's name; with its package's name, not the whole path, unless ``wide``."""
    path = package(function)
    if wide or "/" not in path:
        return function
    return function[path.rindex("/") + 1 :]


def frames_of(stack: Iterable[Mapping[str, Any]]) -> tuple[Frame, ...]:
    """The frames in a stack that was made for JSON."""
    return tuple(
        Frame(frame["function"], frame["file"], frame["line"], frame["pc"]) for frame in stack
    )


def place_text(frames: Iterable[Frame], *, wide: bool = False) -> str:
    """Where a stack is: the program's innermost frame, and what of the library it called there.

    Without a frame of the program's, the innermost that is not the runtime's, and the start
    function.
    """
    frames = tuple(frames)
    if not frames:
        return "(no stack)"
    own = program_frame(frames)
    inner = next((frame for frame in frames if package(frame.function) != "runtime"), frames[0])
    if own is None:
        text = short(inner.function, wide=wide) or "(no name)"
        start = frames[-1].function
        if is_c_thread(start):
            return f"{text}, called from a C or Python thread"
        return text if start == inner.function else f"{text} < {short(start, wide=wide)}"
    text = f"{short(own.function, wide=wide)} ({PurePath(own.file).name}:{own.line})"
    return text if inner == own else f"{text} in {short(inner.function, wide=wide)}"
