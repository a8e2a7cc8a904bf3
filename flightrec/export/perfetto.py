"""Writes a trace for Perfetto (ui.perfetto.dev and its trace processor).

One process has these tracks: each P and each M with the goroutine that runs on it; each goroutine
with its states, its logs, its regions and the runtime's ranges on it; tasks; GC and
stop-the-world; the runtime's metrics as counters; and CPU samples with their stacks. An arrow leads
from whoever makes a goroutine ready to run, or creates it, to the goroutine.

The encoding is that of ``perfetto/protos/perfetto/trace/*.proto``. Names are interned, so a packet
is 20 to 40 bytes.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Protocol, TypeAlias

from flightrec.export.protobuf import Times, fixed64, integer, message, text, varint
from flightrec.tables.interning import Row
from flightrec.tables.read import TableReader

__all__ = ["PERFETTO_TABLES", "BinaryOutput", "write_perfetto"]

#: What is read for it.
PERFETTO_TABLES: Final = (
    "snapshots",
    "goroutines",
    "goroutine_states",
    "wakeups",
    "tasks",
    "regions",
    "logs",
    "ranges",
    "metrics",
    "samples",
    "stacks",
    "stack_frames",
    "frames",
)

# Fields of TracePacket.
_CLOCKS, _TIME, _SEQUENCE, _EVENT, _INTERNED, _FLAGS, _DESCRIPTOR, _SAMPLE = (
    *(6, 8, 10, 11, 12, 13, 60, 66),
)
# Fields of TrackEvent, and its types.
_DEBUG, _TYPE, _NAME, _TRACK, _COUNTER_VALUE, _FLOW, _FLOW_END, _CALLSTACK = (
    *(4, 9, 10, 11, 30, 47, 48, 56),
)
_BEGIN, _END, _INSTANT, _COUNTER = 1, 2, 3, 4
# Fields of InternedData.
_NAMES, _FUNCTIONS, _FRAMES, _CALLSTACKS, _SOURCES = 2, 5, 6, 7, 18

_PID: Final = 1
_REALTIME, _BOOTTIME = 1, 6
_BYTES: Final = 3

# All packets are of one sequence, which refers to what was interned on it.
_OF_SEQUENCE: Final = integer(_SEQUENCE, 1) + integer(_FLAGS, 2)
_FIRST: Final = integer(_SEQUENCE, 1) + integer(_FLAGS, 1)

_TIME_TAG: Final = varint(_TIME << 3)
_PACKET: Final = varint(1 << 3 | 2)

# How many shapes of packets are kept, some hundred bytes each.
_KEPT: Final = 100_000

# Track numbers: what kind of track, and a number among those.
_KIND: Final = 1 << 40
_PROCESS, _GROUP, _P, _M, _GOROUTINE, _TASK, _RANGE, _METRIC, _REGION = range(1, 10)
_PS, _MS, _GOROUTINES, _TASKS, _RUNTIME, _COUNTERS = range(1, 7)


class BinaryOutput(Protocol):
    """A binary file, of which only ``write`` is used."""

    def write(self, data: bytes, /) -> object: ...


def write_perfetto(reader: TableReader, out: BinaryOutput) -> None:
    """Write a trace, read with ``PERFETTO_TABLES`` at least, to a binary file.

    Memory is bounded as the reader's is, and by the number of tracks. Raises what the reader and
    the file raise.
    """
    _Writer(reader, out).run()


# What stands before and after the time in a packet; the same of the two packets of a slice.
_Shape: TypeAlias = tuple[bytes, bytes]
_Slice: TypeAlias = tuple[bytes, bytes, bytes, bytes]
_StateShape: TypeAlias = tuple[_Slice, _Slice]


def _head(size: int) -> bytes:
    """How a packet begins, up to its time; ``size`` is that of the time and what follows."""
    size += len(_TIME_TAG)
    return _PACKET + (bytes((size,)) if size < 128 else varint(size)) + _TIME_TAG


class _Writer:
    def __init__(self, reader: TableReader, out: BinaryOutput) -> None:
        self._reader = reader
        self._file = out
        self._packets: list[bytes] = []
        self._times = Times()
        self._names: dict[str, int] = {}
        self._functions: dict[str, int] = {}
        self._sources: dict[str, int] = {}
        self._tracks: dict[int, str] = {}
        self._metric_numbers: dict[str, int] = {}
        self._range_numbers: dict[tuple[str, int | None], int] = {}
        self._goroutine_tracks: dict[int | None, tuple[int, str]] = {}
        self._own = 0
        # What is the same each time something is in that place.
        self._shapes: dict[tuple[int, int, str | None, int | None, int], _Shape] = {}
        self._states_seen: dict[tuple[int | None, str, str, int | None], _StateShape] = {}
        self._running: dict[tuple[int | None, int | None, int | None], tuple[_Slice, ...]] = {}
        # From the first time in the trace: a varint's length that nearly all its times have.
        self._length = 0
        # The arrows to each goroutine that have not arrived: when, and the arrow's number.
        self._arrows: dict[int | None, deque[tuple[int, bytes]]] = {}
        self._arrow = 0

    def run(self) -> None:
        self._begin()
        for chunk in self._reader:
            self._intern(chunk.rows("stacks"), chunk.rows("stack_frames"), chunk.rows("frames"))
            self._name_goroutines(chunk.rows("goroutines"))
            self._wakeups(chunk.rows("wakeups"))
            self._states(chunk.rows("goroutine_states"))
            self._tasks(chunk.rows("tasks"))
            self._regions(chunk.rows("regions"))
            self._logs(chunk.rows("logs"))
            self._ranges(chunk.rows("ranges"))
            self._metrics(chunk.rows("metrics"))
            self._samples(chunk.rows("samples"))
            for row in chunk.rows("snapshots"):
                self._clocks(row)
            self._file.write(b"".join(self._packets))
            self._packets.clear()
            if len(self._shapes) > _KEPT:
                self._shapes.clear()
                self._states_seen.clear()
                self._running.clear()

    # Packets.

    def _packet(self, *parts: bytes) -> None:
        self._packets.append(message(1, *parts))

    def _when(self, time: int) -> bytes:
        return (
            Times.low[time & 0x3FFF] + self._times[time >> 14] if time >= 1 << 14 else varint(time)
        )

    def _at(self, time: int, rest: bytes) -> None:
        """A packet at a time; ``rest`` is all of it but the time."""
        when = self._when(time)
        self._packets += (_head(len(when) + len(rest)), when, rest)

    def _begin(self) -> None:
        self._packet(_FIRST, message(_INTERNED))
        process = message(3, integer(1, _PID), text(6, "Go program"))
        self._packet(message(_DESCRIPTOR, integer(1, _PROCESS * _KIND), process))
        groups = ("Ps", "Ms", "Goroutines", "Tasks", "GC and stop-the-world", "Metrics")
        for number, name in enumerate(groups, 1):
            self._describe(_GROUP * _KIND + number, name, _PROCESS * _KIND, order=number)

    def _describe(
        self, track: int, name: str, parent: int, *rest: bytes, order: int | None = None
    ) -> None:
        """Say what a track is, unless that has been said."""
        if self._tracks.get(track) == name:
            return
        self._tracks[track] = name
        ranked = b"" if order is None else integer(12, order)
        # Children are sorted by their ranks (EXPLICIT).
        self._packet(
            message(
                _DESCRIPTOR,
                integer(1, track),
                integer(5, parent),
                text(2, name),
                integer(11, 3),
                ranked,
                *rest,
            )
        )

    def _name(self, name: str) -> int:
        """A name's number; it is interned at its first use."""
        number = self._names.get(name)
        if number is None:
            number = self._names[name] = len(self._names) + 1
            entry = message(_NAMES, integer(1, number), text(2, name))
            self._packet(_OF_SEQUENCE, message(_INTERNED, entry))
        return number

    def _event(
        self, kind: int, track: int, name: str | None, stack: int | None, *rest: bytes
    ) -> bytes:
        """A packet with a track event, without its time."""
        parts = [integer(_TYPE, kind), integer(_TRACK, track)]
        if name is not None:
            parts.append(integer(_NAME, self._name(name)))
        if stack is not None:
            parts.append(integer(_CALLSTACK, stack))
        return _OF_SEQUENCE + message(_EVENT, *parts, *rest)

    def _shape(
        self, kind: int, track: int, name: str | None, stack: int | None, flow: int = 0
    ) -> _Shape:
        """What stands before and after the time in an event's packet.

        With ``flow``, that field's number, eight bytes of its value are to follow.
        """
        key = kind, track, name, stack, flow
        found = self._shapes.get(key)
        if found is None:
            number = (fixed64(flow, 0),) if flow else ()
            rest = self._event(kind, track, name, stack, *number)
            head = _head(self._length + len(rest))
            found = self._shapes[key] = (head, rest[:-8] if flow else rest)
        return found

    def _slice(self, track: int, name: str, stack: int | None, begin: int, end: int) -> None:
        """A slice, one of few of this kind."""
        self._at(begin, self._event(_BEGIN, track, name, stack))
        self._at(end, self._event(_END, track, None, None))

    # Stacks.

    def _intern(self, stacks: list[Row], stack_frames: list[Row], frames: list[Row]) -> None:
        entries: list[bytes] = []
        for number, function, file, line, _ in frames:
            entries.append(
                message(
                    _FRAMES,
                    integer(1, number),
                    integer(2, self._string(entries, _FUNCTIONS, self._functions, function)),
                    integer(5, self._string(entries, _SOURCES, self._sources, file)),
                    integer(6, line % (1 << 32)),
                )
            )
        of_stack: dict[int, list[int]] = {stack: [] for stack, *_ in stacks}
        for stack, _, frame in stack_frames:
            of_stack[stack].append(frame)
        for stack, found in of_stack.items():
            # Perfetto has the outermost frame first.
            ids = b"".join(integer(2, frame) for frame in reversed(found))
            entries.append(message(_CALLSTACKS, integer(1, stack), ids))
        if entries:
            self._packet(_OF_SEQUENCE, message(_INTERNED, *entries))

    @staticmethod
    def _string(entries: list[bytes], field: int, known: dict[str, int], value: str) -> int:
        number = known.get(value)
        if number is None:
            number = known[value] = len(known) + 1
            entries.append(message(field, integer(1, number), text(2, value)))
        return number

    # Goroutines.

    def _name_goroutines(self, rows: list[Row]) -> None:
        """Tell the names of those that end, for good."""
        for number, goid, name, *_ in rows:
            self._goroutine(number, goid, name)
            if not self._arrows.get(number, True):
                del self._arrows[number]

    def _goroutine(self, number: int | None, goid: int | None, name: str) -> tuple[int, str]:
        """A goroutine's track, and what it is called."""
        called = f"G{'?' if goid is None else goid} {name}".rstrip()
        track = _GOROUTINE * _KIND + (number or 0) % _KIND
        self._describe(
            track, called, _GROUP * _KIND + _GOROUTINES, order=min(abs(number or 0), (1 << 31) - 1)
        )
        found = self._goroutine_tracks[number] = track, called
        return found

    def _track(self, number: int | None) -> tuple[int, str]:
        found = self._goroutine_tracks.get(number)
        if found is None:
            found = self._goroutine(number, *self._reader.goroutine(number))
        return found

    def _states(self, rows: list[Row]) -> None:
        """The slices of goroutines, and those of Ps and Ms: most of what is written."""
        if not rows:
            return
        if not self._length:
            self._length = max(3, len(self._when(rows[0][1])))
        # The times whose varints have that length.
        least, most = 1 << 7 * (self._length - 1), 1 << 7 * self._length
        low, times, arrows = Times.low, self._times, self._arrows
        shapes, running = self._states_seen, self._running
        out = self._packets
        for goroutine, begin, state, reason, stack, proc, thread, _, end, _ in rows:
            key = goroutine, state, reason, stack
            plain, pointed = shapes.get(key) or self._state_shape(*key)
            waiting = arrows.get(goroutine)
            on = goroutine, proc, thread
            lanes = (running.get(on) or self._lanes(*on)) if state == "Running" else ()
            if waiting and waiting[0][0] == begin:
                number = waiting.popleft()[1]
                plain = pointed
            else:
                number = b""
            if begin < least or end >= most:
                for _, rest, _, rest_end in (plain, *lanes):
                    self._at(begin, rest + number)
                    self._at(end, rest_end)
                    number = b""
                continue
            first = low[begin & 0x3FFF] + times[begin >> 14]
            last = low[end & 0x3FFF] + times[end >> 14]
            head, rest, head_end, rest_end = plain
            out += (head, first, rest, number, head_end, last, rest_end)
            for head, rest, head_end, rest_end in lanes:
                out += (head, first, rest, head_end, last, rest_end)

    def _state_shape(
        self, goroutine: int | None, state: str, reason: str, stack: int | None
    ) -> _StateShape:
        """The shapes of a state's slice: without an arrow to it, and with one."""
        track, _ = self._track(goroutine)
        name = f"{state}: {reason}" if reason else state
        end = self._shape(_END, track, None, None)
        plain = self._shape(_BEGIN, track, name, stack) + end
        arrow = self._shape(_BEGIN, track, name, stack, _FLOW_END) + end
        found = self._states_seen[goroutine, state, reason, stack] = (plain, arrow)
        return found

    def _lanes(
        self, goroutine: int | None, proc: int | None, thread: int | None
    ) -> tuple[_Slice, ...]:
        """The shapes of a running goroutine's slices on its P and its M."""
        _, called = self._track(goroutine)
        tracks = []
        if proc is not None:
            tracks.append(self._lane(_P, _PS, "P", proc))
        if thread is not None:
            tracks.append(self._lane(_M, _MS, "M", thread))
        found = self._running[goroutine, proc, thread] = tuple(
            self._shape(_BEGIN, track, called, None) + self._shape(_END, track, None, None)
            for track in tracks
        )
        return found

    def _lane(self, kind: int, group: int, letter: str, number: int) -> int:
        track = kind * _KIND + number % _KIND
        if track not in self._tracks:
            order = min(max(number, 0), (1 << 31) - 1)
            self._describe(track, f"{letter}{number}", _GROUP * _KIND + group, order=order)
        return track

    def _wakeups(self, rows: list[Row]) -> None:
        arrows = self._arrows
        for time, kind, waker, goroutine, stack, _, _, _ in rows:
            if waker is None:
                continue
            self._arrow += 1
            number = self._arrow.to_bytes(8, "little")
            waiting = arrows.get(goroutine)
            if waiting is None:
                waiting = arrows[goroutine] = deque()
            waiting.append((time, number))
            track, _ = self._goroutine_tracks.get(waker) or self._track(waker)
            _, rest = self._shape(_INSTANT, track, kind, stack, _FLOW)
            when = self._when(time)
            self._packets += (_head(len(when) + len(rest) + 8), when, rest, number)

    # What the program says.

    def _new_track(self, kind: int, name: str, parent: int) -> int:
        """A track for one slice: such may overlap others. Perfetto shows equal ones together."""
        self._own += 1
        track = kind * _KIND + self._own
        self._describe(track, name, parent)
        return track

    def _tasks(self, rows: list[Row]) -> None:
        for task, name, _, begin, end, _, _, _, _, stack, _ in rows:
            track = self._new_track(_TASK, name or "(task)", _GROUP * _KIND + _TASKS)
            number = self._argument("task", integer(4, task))
            self._at(begin, self._event(_BEGIN, track, name or "(task)", stack, number))
            self._at(end, self._event(_END, track, None, None))
            del self._tracks[track]

    def _regions(self, rows: list[Row]) -> None:
        for goroutine, task, name, _, begin, end, _, _, stack in rows:
            parent, _ = self._track(goroutine)
            track = self._new_track(_REGION, "regions", parent)
            number = self._argument("task", integer(4, task))
            self._at(begin, self._event(_BEGIN, track, name, stack, number))
            self._at(end, self._event(_END, track, None, None))
            del self._tracks[track]

    def _logs(self, rows: list[Row]) -> None:
        for time, goroutine, _, _, task, category, message_text, stack in rows:
            track, _ = self._track(goroutine)
            rest = (
                self._argument("message", text(6, message_text)),
                self._argument("task", integer(4, task)),
            )
            self._at(time, self._event(_INSTANT, track, category or "log", stack, *rest))

    @staticmethod
    def _argument(name: str, value: bytes) -> bytes:
        """A value that the viewer shows with an event."""
        return message(_DEBUG, text(10, name), value)

    # What the runtime says.

    def _ranges(self, rows: list[Row]) -> None:
        for name, scope, goroutine, proc, begin, end, _, _, stack, *_ in rows:
            owner, parent = None, _GROUP * _KIND + _RUNTIME
            if scope == "Proc":
                owner, parent = proc, self._lane(_P, _PS, "P", proc)
            elif scope == "Goroutine":
                owner = goroutine
                if not name.startswith("stop-the-world"):
                    parent, _ = self._track(goroutine)
            called = "stop-the-world" if name.startswith("stop-the-world") else name
            # One thing has one range of a name at a time.
            number = self._range_numbers.setdefault((name, owner), len(self._range_numbers) + 1)
            track = _RANGE * _KIND + number
            self._describe(track, called, parent)
            self._slice(track, name, stack, begin, end)

    def _metrics(self, rows: list[Row]) -> None:
        for time, name, value in rows:
            number = self._metric_numbers.setdefault(name, len(self._metric_numbers) + 1)
            track = _METRIC * _KIND + number
            unit = integer(3, _BYTES) if name.endswith(":bytes") else b""
            self._describe(track, name, _GROUP * _KIND + _COUNTERS, message(8, unit))
            self._at(time, self._event(_COUNTER, track, None, None, integer(_COUNTER_VALUE, value)))

    def _samples(self, rows: list[Row]) -> None:
        for time, _, proc, thread, stack in rows:
            parts = [integer(2, _PID), integer(5, 2)]
            if proc is not None:
                parts.append(integer(1, proc % (1 << 32)))
            if thread is not None:
                parts.append(integer(3, thread % (1 << 32)))
            if stack is not None:
                parts.append(integer(4, stack))
            self._at(time, _OF_SEQUENCE + message(_SAMPLE, *parts))

    def _clocks(self, row: Row) -> None:
        """The trace clock is what Perfetto takes for its own; say how it stands to wall time."""
        begin, offset = row[3], row[5]
        clocks = [message(1, integer(1, _BOOTTIME), integer(2, begin))]
        if offset is not None:
            clocks.append(message(1, integer(1, _REALTIME), integer(2, begin + offset)))
        self._packet(message(_CLOCKS, *clocks))
