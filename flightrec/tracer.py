"""Full traces, as ``runtime/trace.Start`` gives them: any number at once, beside recorders."""

from __future__ import annotations

import io
import math
import os
from dataclasses import replace
from types import NoneType

from flightrec.arguments import experiments_of
from flightrec.output import BinaryWriter
from flightrec.runtime import GoRuntime, runtime_of
from flightrec.sinks import open_sink
from flightrec.stream import TraceStream, buffered

__all__ = ["DEFAULT_BUFFER_BYTES", "Tracer"]

DEFAULT_BUFFER_BYTES = 64 << 20


class Tracer:
    """Writes a Go runtime's execution trace while it happens.

    The model is ``runtime/trace.Start``. Streams share the runtime's tracer with each other, with
    flight recorders and with the program's own traces: none notices the others. Safe to use from
    any thread.

    :param runtime: from :func:`flightrec.load`; by default what that returns.
    :param experiments: ``("allocfree",)``; see :class:`flightrec.FlightRecorder`.
    :param buffer_bytes: how much a stream may keep in memory until the file has taken it. Like a
        recorder's window it stays below 1.25 times this. Beyond that the oldest generations are
        dropped, and counted.
    :raises ValueError: an unknown experiment, or a size that is not positive.
    """

    def __init__(
        self,
        runtime: GoRuntime | None = None,
        *,
        experiments: tuple[str, ...] = (),
        buffer_bytes: int = DEFAULT_BUFFER_BYTES,
    ) -> None:
        self._options = buffered(buffer_bytes, experiments_of(experiments))
        self._runtime = runtime_of(runtime)

    @property
    def runtime(self) -> GoRuntime:
        """The Go runtime that it traces."""
        return self._runtime

    def start(
        self,
        file: str | os.PathLike[str] | BinaryWriter,
        *,
        rotate_bytes: int | None = None,
        rotate_seconds: float | None = None,
    ) -> TraceStream:
        """Begin to write the trace of what happens from now on; return the stream, to be stopped.

        It begins with a generation that begins now, and ends with one that ends at ``stop``: each
        output is a trace that Go's tools read.

        :param file: a path gets the trace when the stream is stopped. Until then it is in
            ``NAME.partial`` beside it, which stays if the process dies, and can be read up to the
            last generation. A named pipe, ``/dev/stdout``, ``/dev/fd/N`` and a binary file object
            are written to. What was open before stays open. Opening a named pipe
            waits for its reader.
        :param rotate_bytes: begin another file before this one would get larger: after
            ``NAME.trace``, ``NAME-0002.trace`` and so on, with the next free number. Generations
            are ended early, at a fifth of this. They are never divided: a file with one generation
            that is larger by itself exceeds the limit (see docs/streams.md for when that happens).
        :param rotate_seconds: begin another file after so many seconds. A file ends with a whole
            generation, so it can last up to a second longer.
        :raises OSError: the file cannot be written to.
        :raises ValueError: a limit that is not positive, or for something else than a path.
        :raises TracingConflictError: someone else traces the runtime of a library that was built
            without the overlay ``program-trace``.
        :raises BridgeError: this Go has no such experiment, or the runtime is traced without it
            already.
        :raises ForkedProcessError: the library was loaded before a fork.
        """
        self._runtime._library.check_fork()
        for name, limit in (("rotate_bytes", rotate_bytes), ("rotate_seconds", rotate_seconds)):
            if not isinstance(limit, (int, float, NoneType)):
                raise TypeError(f"{name} must be a number, not {limit!r}")
            if limit is not None and not (limit > 0 and math.isfinite(limit)):
                raise ValueError(f"{name} must be positive and finite: {limit!r}")
        if not isinstance(file, (str, os.PathLike)) and (
            isinstance(file, io.TextIOBase) or not callable(getattr(file, "write", None))
        ):
            raise TypeError(f"file must be a path or a binary file object, not {file!r}")
        options = self._options
        if rotate_bytes is not None:  # so that a file has several
            options = replace(options, pace_bytes=math.ceil(rotate_bytes))
        sink = open_sink(file, rotate_bytes=rotate_bytes, rotate_seconds=rotate_seconds)
        stream = None
        try:
            stream = TraceStream(self._runtime, options, sink)
            stream._begin()
        except BaseException:
            if stream is None:
                sink.discard()
            else:
                stream._abandon()
            raise
        return stream
