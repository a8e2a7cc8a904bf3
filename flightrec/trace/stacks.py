"""Stacks and frames. A stack's names are looked up when somebody asks for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, overload

__all__ = ["NO_STACK", "Frame", "FrameTable", "Stack"]


class Frame(NamedTuple):
    """One frame. ``pc`` is a return address, or for the innermost frame where it was.

    Text that was not UTF-8 has its bytes kept as surrogate escapes.
    """

    function: str
    file: str
    line: int
    pc: int


class FrameTable:
    """One generation's frames by PC: string ids and a line, made into frames on demand."""

    __slots__ = ("_frames", "_strings", "raw")

    def __init__(self, strings: dict[int, str]) -> None:
        #: pc -> (function's string id, file's string id, line)
        self.raw: dict[int, tuple[int, int, int]] = {}
        self._strings = strings
        self._frames: dict[int, Frame] = {}

    def frame(self, pc: int) -> Frame:
        """The frame of ``pc``, which must be in ``raw``."""
        found = self._frames.get(pc)
        if found is None:
            function, file, line = self.raw[pc]
            found = Frame(self._strings[function], self._strings[file], line, pc)
            self._frames[pc] = found
        return found


class Stack(Sequence[Frame]):
    """A stack trace: an immutable sequence of frames, innermost first.

    Empty (and false) where an event has none. Two stacks are equal if their frames are, in
    whichever generation they were seen. Frames are resolved at first use, from tables that
    the stack keeps alive. May be used from several threads.
    """

    __slots__ = ("_frames", "_pcs", "_table")

    def __init__(self, pcs: tuple[int, ...], table: FrameTable | None) -> None:
        self._pcs = pcs
        self._table = table
        self._frames: tuple[Frame, ...] | None = None

    @classmethod
    def of(cls, *frames: Frame) -> Stack:
        """A stack of given frames, for tests and for readers of other formats."""
        stack = cls(tuple(frame.pc for frame in frames), None)
        stack._frames = frames
        return stack

    @property
    def pcs(self) -> tuple[int, ...]:
        """The program counters alone, which cost nothing to get."""
        return self._pcs

    @property
    def frames(self) -> tuple[Frame, ...]:
        """The frames, innermost first."""
        frames = self._frames
        if frames is None:
            table = self._table
            frames = () if table is None else tuple([table.frame(pc) for pc in self._pcs])
            self._frames = frames
        return frames

    def __len__(self) -> int:
        return len(self._pcs)

    def __iter__(self) -> Iterator[Frame]:
        return iter(self.frames)

    @overload
    def __getitem__(self, index: int) -> Frame: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Frame, ...]: ...

    def __getitem__(self, index: int | slice) -> Frame | tuple[Frame, ...]:
        return self.frames[index]

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Stack):
            return NotImplemented
        return self._pcs == other._pcs and self.frames == other.frames

    def __hash__(self) -> int:
        return hash(self._pcs)

    def __reduce__(self) -> tuple[object, ...]:
        # The frames alone, not the tables of the whole generation.
        return Stack.of, self.frames

    def __repr__(self) -> str:
        if not self._pcs:
            return "<no stack>"
        return f"<stack {' < '.join(frame.function for frame in self.frames[:3])}" + (
            f" … {len(self._pcs)} frames>" if len(self._pcs) > 3 else ">"
        )

    def __str__(self) -> str:
        """The stack as Go prints one: a function and its PC, then file and line, indented."""
        return "".join(
            f"{frame.function} @ 0x{frame.pc:x}\n\t{frame.file}:{frame.line}\n" for frame in self
        )


#: The stack of an event that has none.
NO_STACK: Final = Stack((), None)
