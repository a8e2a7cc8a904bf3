"""The Go runtime's metrics, as rules read them.

A call into a Go runtime that is stuck does not return. So they are read on a thread of its own, and
a reading that hangs stops nothing else.
"""

from __future__ import annotations

import ctypes
import json
import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from flightrec import abi
from flightrec.abi import Status
from flightrec.library import Library, error_for
from flightrec.rules.catalog import Catalog, Metric
from flightrec.rules.histogram import Histogram
from flightrec.signals import takes_no_signals

__all__ = ["MetricsReader", "Reader", "Reading", "describe_metrics"]

T = TypeVar("T")

_log = logging.getLogger("flightrec")


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """Values, and when they were read, in seconds of ``time.monotonic()``."""

    at: float
    values: T


def describe_metrics(library: Library) -> Catalog:
    """Return the metrics that a Go runtime has."""
    return Catalog({facts["name"]: Metric(**facts) for facts in library.describe("metrics")})


class MetricsReader:
    """Reads metrics of the Go runtime by name, all in one call. For one thread at a time."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._buffer = ctypes.create_string_buffer(64 << 10)
        self._buckets: dict[str, tuple[float, ...]] = {}

    def read(self, names: Sequence[str]) -> dict[str, float | Histogram | None]:
        """Return the metrics' values now; None for one that has none.

        :raises BridgeError: there is no such metric.
        """
        wanted = any(name not in self._buckets for name in names)
        values = json.loads(self._text(json.dumps(list(names)).encode(), int(wanted)))
        found: dict[str, float | Histogram | None] = {}
        for name, value in zip(names, values, strict=True):
            if isinstance(value, dict):
                if "buckets" in value:
                    self._buckets[name] = _boundaries(value["buckets"])
                found[name] = Histogram(value["counts"], self._buckets[name])
            else:
                self._buckets.setdefault(name, ())
                found[name] = value
        return found

    def _text(self, names: bytes, buckets: int) -> bytes:
        length, error = ctypes.c_size_t(), abi.Error()
        read = self._library.cdll.flightrec_metrics_read
        while True:
            status = read(names, buckets, self._buffer, len(self._buffer), length, error)
            if status != Status.SHORT:
                break
            self._buffer = ctypes.create_string_buffer(2 * length.value)
        if status:
            raise error_for("flightrec_metrics_read", status, error)
        return self._buffer.raw[: length.value]


def _boundaries(buckets: Sequence[float | None]) -> tuple[float, ...]:
    """Return bucket boundaries; JSON has no infinity, and only the outermost are infinite."""
    last = len(buckets) - 1
    infinite = {0: -math.inf, last: math.inf}
    return tuple(infinite[i] if b is None else b for i, b in enumerate(buckets))


class Reader(Generic[T]):
    """A thread that reads a source whenever it is asked to, one reading after the other."""

    def __init__(self, name: str, read: Callable[[], T], notify: Callable[[], Any]) -> None:
        self._read = read
        self._notify = notify
        self._changed = threading.Condition()
        self._asked = False
        self._closed = False
        self._began: float | None = None
        self._latest: Reading[T] | None = None
        self._error: BaseException | None = None
        target = takes_no_signals(self._run)
        self._thread = threading.Thread(target=target, name=f"flightrec-{name}", daemon=True)
        self._thread.start()

    def ask(self) -> None:
        """Ask for a reading; does nothing while one is under way. Never waits."""
        with self._changed:
            if self._began is None:
                self._asked = True
                self._changed.notify_all()

    @property
    def latest(self) -> Reading[T] | None:
        """The last reading."""
        return self._latest

    @property
    def error(self) -> BaseException | None:
        """Why the last reading failed; None if it did not."""
        return self._error

    @property
    def stall(self) -> float:
        """For how many seconds the reading under way has not returned; 0 if none is."""
        began = self._began
        return 0.0 if began is None else time.monotonic() - began

    def close(self, timeout: float) -> None:
        """End the thread, unless a reading hangs for longer than that."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not (self._asked or self._closed):
                    self._changed.wait()
                if self._closed:
                    return
                self._asked = False
                self._began = time.monotonic()
            try:
                values = self._read()
                self._latest, self._error = Reading(time.monotonic(), values), None
            except BaseException as exc:
                self._error = exc
                _log.debug("flightrec: reading failed", exc_info=True)
            with self._changed:
                self._began = None
            self._notify()
