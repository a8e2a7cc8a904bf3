"""The ordered reader: typed events of all Ms, in the order in which they happened."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from itertools import chain
from types import TracebackType
from typing import Final, Literal

from flightrec.errors import TraceFormatError
from flightrec.trace.batches import read_batches, read_header
from flightrec.trace.errors import TruncatedTraceError
from flightrec.trace.events import Event, Generation
from flightrec.trace.generations import read_generations
from flightrec.trace.merge import merge, sync_event
from flightrec.trace.ordering import OrderState
from flightrec.trace.source import Input, Source
from flightrec.trace.tables import QuietEndError

__all__ = ["Reader", "read"]


#: How much memory a generation may take, unless the caller says otherwise. Go's tracer makes one a
#: second, and some 100 MB/s at its busiest on two cores.
MAX_GENERATION_BYTES: Final = 1 << 30


def read(
    source: Source,
    *,
    on_truncated: Literal["raise", "stop"] = "raise",
    max_generation_bytes: int = MAX_GENERATION_BYTES,
) -> Reader:
    """Read a Go execution trace: its events, in order.

    ::

        for event in read("snapshot.trace"):
            if isinstance(event, RangeBegin): ...

    *source*: a path, a binary file (read from where it stands, and left open), bytes, or a
    snapshot (anything with ``write_to(file)`` or ``__bytes__``); gzip'd or not. Formats of Go
    1.22 and later.

    *on_truncated* says what to do if the trace ends too early: ``"raise"`` a
    :class:`~flightrec.trace.errors.TruncatedTraceError`, or ``"stop"`` after the last complete
    generation. Only from Go 1.26 on does a trace say where a generation is complete. For an
    older one, of which whole batches may be missing at the end unnoticed, ``"stop"`` also ends
    quietly where the last generation stops making sense.

    Events come in the order of Go's own reader, times strictly increasing, a :class:`Sync` first,
    one before each further generation and one last. Memory is bounded by a generation, and a
    generation by *max_generation_bytes*: a gzip'd file of a few KiB can hold gigabytes. A trace
    with one that takes more (its size, and more for its tables) is a TraceFormatError.

    Raises OSError, and TraceFormatError from here where the input does not begin like a trace
    (or is one of Go 1.21 or earlier, or of an unknown version), from the iterator where it is
    broken further on: exactly where Go's reader would reject it, after the events before that.

    Mirrors ``trace.Reader`` of Go 1.26's ``internal/trace`` (``golang.org/x/exp/trace``).
    """
    if on_truncated not in ("raise", "stop"):
        raise ValueError(f"on_truncated is 'raise' or 'stop', not {on_truncated!r}")
    if max_generation_bytes < 1:
        raise ValueError(f"max_generation_bytes must be at least 1, not {max_generation_bytes!r}")
    return Reader(
        source,
        stop_if_truncated=on_truncated == "stop",
        max_generation_bytes=max_generation_bytes,
    )


class Reader(Iterator[Event]):
    """The iterator that :func:`read` returns; also a context manager that closes the file.

    ``version`` is the minor Go version in the trace's header: 22, 23 (also written by Go 1.24),
    25 or 26 (also written by 1.27). Not thread-safe.

    With ``plain``, for flightrec's own use, :meth:`chunks` gives goroutines' transitions as plain
    tuples of the same fields: most of a trace's events are such, and a fifth of the time that it
    takes to read them goes into making named tuples.
    """

    def __init__(
        self,
        source: Source,
        *,
        stop_if_truncated: bool = False,
        max_generation_bytes: int = MAX_GENERATION_BYTES,
        plain: bool = False,
    ) -> None:
        self._input = Input(source)
        self.version = read_header(self._input)
        self._chunks = _chunks(
            self._input,
            self.version,
            stop_if_truncated=stop_if_truncated,
            max_generation_bytes=max_generation_bytes,
            plain=plain,
        )
        self._events: Iterator[Event] = chain.from_iterable(self._chunks)

    def __iter__(self) -> Iterator[Event]:
        """The rest of the events; the same ones, so only one loop may go over them."""
        return self._events

    def __next__(self) -> Event:
        return next(self._events)

    def chunks(self) -> Iterator[list[Event]]:
        """The events in lists, as they are made; the quickest way to go over all of them.

        The lists belong to the caller. Do not mix with taking single events.
        """
        return self._chunks

    def close(self) -> None:
        """Stop reading and close the file, if a path was given. Called by itself at the end."""
        self._chunks.close()
        self._events = iter(())
        self._input.close()

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _chunks(
    opened: Input,
    version: int,
    *,
    stop_if_truncated: bool,
    max_generation_bytes: int,
    plain: bool,
) -> Generator[list[Event], None, None]:
    """All events, in lists. Closes the input at the end."""
    state = OrderState(plain=plain)
    generations = read_generations(read_batches(opened), version, max_generation_bytes)
    last, syncs = 0, 0
    info = Generation(0)
    failure: TraceFormatError | None = None
    try:
        while True:
            data = None
            try:
                data = next(generations, None)
            except TraceFormatError as error:
                failure = error
            except QuietEndError:
                pass
            if data is None:
                break
            if stop_if_truncated and data.complete is False:
                break
            info = data.info
            syncs += 1
            try:
                for events in merge(data, state, syncs, last):
                    last = events[-1][0]  # The time; a plain tuple has no names.
                    yield events
            except TraceFormatError:
                if stop_if_truncated and data.complete is None:
                    break
                raise
            del data  # Before the next generation is read: one at a time is the bound.
        # Like Go's reader: a last sync event comes even before an error.
        yield [sync_event(None, info, syncs + 1, last + 1)]
        if failure is not None and not (
            stop_if_truncated and isinstance(failure, TruncatedTraceError)
        ):
            raise failure
    finally:
        # An error's traceback has this frame: a name for the error here would make a cycle.
        failure = None
        opened.close()
