"""Stacks and frames, each of them once, with numbers to refer to them by."""

from __future__ import annotations

from typing import Any, TypeAlias

from flightrec.tables.text import valid_text
from flightrec.trace.program import is_program_frame
from flightrec.trace.stacks import NO_STACK, Frame, Stack

__all__ = ["Interner", "KnownStacks", "Row"]

#: The values of a table's row, in the order of its columns.
Row: TypeAlias = tuple[Any, ...]


class Interner:
    """Numbers stacks and frames from 1. One may serve several traces. Not thread-safe.

    A frame is a function, a file and a line: program counters differ from process to process,
    and so would the same place's numbers. New rows of the tables ``stacks``, ``stack_frames`` and
    ``frames`` are in the lists of those names until somebody takes them.
    """

    def __init__(self) -> None:
        self.stacks: list[Row] = []
        self.stack_frames: list[Row] = []
        self.frames: list[Row] = []
        self._stack_numbers: dict[tuple[int, ...], int] = {}
        self._frame_numbers: dict[tuple[str, str, int], int] = {}
        self._program: set[int] = set()

    def stack(self, stack: Stack) -> int | None:
        """A stack's number; None for the empty one."""
        if stack is NO_STACK or not stack:
            return None
        frames = tuple([self._frame(frame) for frame in stack.frames])
        number = self._stack_numbers.get(frames)
        if number is None:
            number = self._stack_numbers[frames] = len(self._stack_numbers) + 1
            place = next((frame for frame in frames if frame in self._program), None)
            self.stacks.append((number, len(frames), frames[0], frames[-1], place))
            self.stack_frames += [(number, depth, frame) for depth, frame in enumerate(frames)]
        return number

    def _frame(self, frame: Frame) -> int:
        function, file, line, _ = frame
        key = function, file, line
        number = self._frame_numbers.get(key)
        if number is None:
            number = self._frame_numbers[key] = len(self._frame_numbers) + 1
            program = is_program_frame(function, file)
            if program:
                self._program.add(number)
            line = min(line, (1 << 63) - 1)  # A number from a file may be any.
            self.frames.append((number, valid_text(function), valid_text(file), line, program))
        return number


class KnownStacks:
    """The numbers of a generation's stacks by their identity: much cheaper than by their frames.

    An id is one object's only while that lives, so the stacks are kept until they are forgotten.
    *null* is the number of the empty one.
    """

    __slots__ = ("_alive", "_interner", "_null", "by_id")

    def __init__(self, interner: Interner, null: Any) -> None:
        self.by_id: dict[int, Any] = {}
        self._alive: list[Stack] = []
        self._interner = interner
        self._null = null
        self.forget()

    def number(self, stack: Stack) -> Any:
        """A stack's number."""
        try:
            return self.by_id[id(stack)]
        except KeyError:
            number = self._interner.stack(stack)
            self._alive.append(stack)
            found = self.by_id[id(stack)] = self._null if number is None else number
            return found

    def forget(self) -> None:
        """The generation ends."""
        self._alive.clear()
        self.by_id.clear()
        self.by_id[id(NO_STACK)] = self._null
