"""Values over time, in memory that does not grow with their number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

__all__ = ["MAX_POINTS", "Point", "Series", "SeriesBuilder"]

#: No series has more points than this.
MAX_POINTS: Final = 2000


class Point(NamedTuple):
    """What a value was. ``low`` and ``high`` are its extremes since the point before."""

    time_ns: int
    value: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Series:
    """A metric over time: every value of a few, and at most :data:`MAX_POINTS` points of many.

    ``points`` are in the order of time (ns on the trace clock); between two of them no extreme is
    lost. ``count`` is how many values there were.
    """

    points: tuple[Point, ...] = ()
    count: int = 0

    @property
    def low(self) -> int | None:
        """The least value; None if there is none."""
        return min((point.low for point in self.points), default=None)

    @property
    def high(self) -> int | None:
        """The greatest value; None if there is none."""
        return max((point.high for point in self.points), default=None)

    @property
    def last(self) -> int | None:
        """The last value; None if there is none."""
        return self.points[-1].value if self.points else None


class SeriesBuilder:
    """Collects a metric's values, which come in the order of time."""

    __slots__ = ("_count", "_high", "_low", "_next", "_points", "_time", "_value", "_width")

    def __init__(self) -> None:
        self._points: list[Point] = []
        self._width = 0  # ns that one point stands for
        self._next = 0  # when the current one's are over
        self._count = 0
        self._time = self._value = self._low = self._high = 0

    def add(self, time: int, value: int) -> None:
        """Add a value."""
        if time < self._next:
            if value < self._low:
                self._low = value
            elif value > self._high:
                self._high = value
        else:
            if self._count:
                self._points.append(Point(self._time, self._value, self._low, self._high))
                if len(self._points) >= MAX_POINTS:
                    self._thin(time)
            self._low = self._high = value
            self._next = time + self._width
        self._count += 1
        self._time = time
        self._value = value

    def _thin(self, now: int) -> None:
        points = self._points
        self._points = [
            Point(b.time_ns, b.value, min(a.low, b.low), max(a.high, b.high))
            for a, b in zip(points[::2], points[1::2], strict=True)
        ]
        self._width = max(2 * self._width, (now - points[0].time_ns) // len(self._points))

    def build(self) -> Series:
        """The series so far."""
        if not self._count:
            return Series()
        last = Point(self._time, self._value, self._low, self._high)
        return Series((*self._points, last), self._count)
