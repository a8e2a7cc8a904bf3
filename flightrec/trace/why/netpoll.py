"""Who sent what a goroutine waited for on the network, inferred from when others wrote.

The trace does not say which sockets are the two ends of one connection. But who reads and who
writes does not change during a connection: the goroutine that has written shortly before nearly
every wake of a reader is the one at the other end.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from typing import Final, NamedTuple

from flightrec.trace.nanoseconds import ns_text
from flightrec.trace.why.lives import Lives, State

__all__ = ["Guess", "Writers"]

_WRITES: Final = ("net.(*netFD).", "net.(*conn).", "net.sendFile", "net.splice")

# How many wakes of one reader are looked at, and how many writers before each.
_WAKES: Final = 200
_NEAR: Final = 24

# Below this share of wakes that a writer explains, it is not named.
_LEAST: Final = 0.5

# With so many wakes explained, a pair is known; with fewer, the goroutines' ages say more.
_ENOUGH: Final = 5

# The two ends of a connection begin at most so far apart (ns), and what is written arrives within
# this time; how many writes are looked at.
_APART: Final = 20_000_000
_LATE: Final = 20_000_000
_RECENT: Final = 400


class Guess(NamedTuple):
    """Goroutine ``goid`` wrote at ``time``, in row ``row``; ``support`` says what speaks for it."""

    goid: int
    time: int
    row: int
    support: str


class Writers:
    """Finds who is at the other end of a connection."""

    def __init__(self, lives: Lives) -> None:
        self._lives = lives
        self._rows: array[int] | None = None
        self._pairs: dict[int, tuple[int, int, int] | None] = {}
        self._by_writer: dict[int, list[int]] = {}

    def _writes(self) -> array[int]:
        """The rows in which a goroutine begins to write to a socket."""
        if self._rows is None:
            lives = self._lives
            numbers = {
                number
                for number in range(1, lives.stack_count)
                if any(
                    frame.function.startswith(_WRITES) for frame in lives.stack_numbered(number)[:8]
                )
            }
            code = State.RUNNING * 8 + State.SYSCALL
            self._rows = array(
                "I",
                [
                    row
                    for row, (found, stack) in enumerate(
                        zip(lives.codes, lives.stacks, strict=True)
                    )
                    if found == code and stack in numbers
                ],
            )
            for row in self._rows:
                self._by_writer.setdefault(lives.goids[row], []).append(row)
        return self._rows

    def who_wrote(self, reader: int, begin: int, end: int) -> Guess | None:
        """Who wrote what ended a reader's wait on the network; None if that cannot be told."""
        self._writes()
        pair = self._pair(reader)
        if pair is None or pair[1] < _ENOUGH:
            young = self._by_age(reader, begin, end)
            if young is not None:
                return young
        if pair is None:
            return None
        writer, explained, wakes = pair
        row = self._last_write(writer, end)
        time = self._lives.times[row]
        if time < begin or time >= end:
            return None
        support = f"it wrote before {explained} of {wakes} ends of such waits"
        return Guess(writer, time, row, support)

    def _last_write(self, writer: int, end: int) -> int:
        """A writer's last write before a time, else its first."""
        rows = self._by_writer[writer]
        return rows[max(0, bisect_left(rows, self._lives.row_at(end)) - 1)]

    def _by_age(self, reader: int, begin: int, end: int) -> Guess | None:
        """Who wrote just before and is as old as the reader, as the two ends of a connection are.

        Such a connection serves a request or two, so there is nothing to learn from.
        """
        lives = self._lives
        born = self._born(reader)
        if born is None:
            return None
        writes = self._writes()
        last = bisect_left(writes, lives.row_at(end))
        best: tuple[int, int, int] | None = None
        seen: set[int] = set()
        for at in range(last - 1, max(0, last - _RECENT) - 1, -1):
            row = writes[at]
            time = lives.times[row]
            if time < max(begin, end - _LATE):
                break
            writer = lives.goids[row]
            if writer == reader or writer in seen:
                continue
            seen.add(writer)
            other = self._born(writer)
            if other is None or abs(other - born) > _APART:
                continue
            cost = abs(other - born) + end - time
            if best is None or cost < best[0]:
                best = cost, writer, row
        if best is None:
            return None
        _, writer, row = best
        time = lives.times[row]
        apart = ns_text(abs((self._born(writer) or 0) - born))
        support = (
            f"it is as old as the reader to {apart} and wrote {ns_text(end - time)} before; "
            f"{len(seen)} wrote about then"
        )
        return Guess(writer, time, row, support)

    def _born(self, goid: int) -> int | None:
        """When a goroutine was created; None if that was before what was read."""
        birth = self._lives.births.get(goid)
        return None if birth is None else birth.time

    def _wakes(self, reader: int) -> list[tuple[int, int]]:
        """A reader's waits for the network: begin and end rows."""
        lives = self._lives
        network = lives.reason_number("network")
        own = lives.own.get(reader, array("I"))
        return [
            (own[i], own[i + 1])
            for i in range(len(own) - 1)
            if lives.after(own[i]) == State.WAITING and lives.reasons[own[i]] == network
        ]

    def _pair(self, reader: int) -> tuple[int, int, int] | None:
        """The writer that explains a reader's wakes best: (goroutine, explained, wakes)."""
        if reader not in self._pairs:
            self._pairs[reader] = self._learn(reader)
        return self._pairs[reader]

    def _learn(self, reader: int) -> tuple[int, int, int] | None:
        lives, writes = self._lives, self._writes()
        wakes = self._wakes(reader)[-_WAKES:]
        scores: dict[int, float] = {}
        explained: dict[int, int] = {}
        for begin, end in wakes:
            first = bisect_right(writes, begin)
            last = bisect_left(writes, end)
            seen: set[int] = set()
            for at in range(last - 1, max(first, last - _NEAR) - 1, -1):
                writer = lives.goids[writes[at]]
                if writer == reader or writer in seen:
                    continue
                seen.add(writer)
                scores[writer] = scores.get(writer, 0.0) + 1 / len(seen)
                explained[writer] = explained.get(writer, 0) + 1
        if not scores:
            return None
        writer = max(scores, key=lambda key: scores[key])
        if explained[writer] < 2 or explained[writer] < _LEAST * len(wakes):
            return None
        return writer, explained[writer], len(wakes)
