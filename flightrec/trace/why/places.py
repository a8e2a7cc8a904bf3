"""Where in the code something happened: which frame of a stack to name."""

from __future__ import annotations

from flightrec.trace.program import program_frame
from flightrec.trace.stacks import Stack
from flightrec.trace.why.model import Place

__all__ = ["in_program", "place_of", "start_place"]


def place_of(stack: Stack) -> Place | None:
    """The innermost frame that is the program's own, else the goroutine's start function.

    None without a stack.
    """
    if not stack:
        return None
    frames = stack.frames
    frame = program_frame(frames) or frames[-1]
    return Place(frame.function, frame.file, frame.line, frames)


def in_program(stack: Stack) -> bool:
    """Whether any frame of a stack is the program's own."""
    return program_frame(stack.frames) is not None


def start_place(name: str) -> Place | None:
    """A goroutine's start function as a place, for want of a stack."""
    return Place(name, "", 0) if name else None
