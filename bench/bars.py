"""The bars that flightrec has set itself, and whether a run's measurements hold them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.contenders import CONTROL, DEFAULT_WINDOW
from bench.plan import WITH_HEAP
from bench.results import Results, throughput_ratio
from bench.spread import Spread

__all__ = ["Bar", "bars"]

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One of them. The median decides."""

    what: str
    limit: float
    at_least: bool  #: else at most
    measured: Spread
    digits: int = 2
    unit: str = ""
    note: str = ""
    also: bool = True  #: what must hold besides the number

    @property
    def holds(self) -> bool:
        """Whether it does."""
        median = self.measured.median
        return self.also and (median >= self.limit if self.at_least else median <= self.limit)

    @property
    def bar(self) -> str:
        """The bar itself, as text."""
        sign = "≥" if self.at_least else "≤"
        return f"{sign} {self.limit:.{min(self.digits, 2)}f}{self.unit}"

    def as_json(self) -> dict[str, Any]:
        """Return what results.json says of it."""
        return {
            "what": self.what,
            "bar": self.bar,
            "measured": self.measured.as_json(),
            "holds": self.holds,
            "note": self.note,
        }


def bars(results: Results) -> list[Bar]:
    """Return all bars of which something was measured."""
    return [
        *_speed(results),
        *_window(results),
        *_gil(results),
        *_snapshots(results),
        *_hour(results),
    ]


def _speed(results: Results) -> Iterator[Bar]:
    for workload, condition, limit in (
        ("pingpong", "idle", 1.0),
        ("pingpong", "spinning", 0.97),
        ("http_server", "idle", 1.0),
        ("http_server", "spinning", 0.98),
        ("gc_churn", "idle", 1.0),
        ("gc_churn", "spinning", 0.98),
    ):
        if samples := results.throughput.get((workload, condition)):
            yield Bar(
                what=f"Go throughput, ours / Go's own, {workload}, Python {condition}",
                limit=limit,
                at_least=True,
                measured=throughput_ratio(samples, "ours", "go"),
                note=_beside(results, workload, condition),
            )
    if samples := results.throughput.get(("pingpong", "idle")):
        yield Bar(
            what="Go throughput, ours / discard floor, pingpong, Python idle",
            limit=0.97,
            at_least=True,
            measured=throughput_ratio(samples, "ours", "discard"),
        )


def _beside(results: Results, workload: str, condition: str) -> str:
    """Say what the ratio is where the two heaps, and so the collections, are alike."""
    parts = []
    if CONTROL in (samples := results.throughput[workload, condition]):
        ratio = throughput_ratio(samples, CONTROL, "go").median
        parts.append(f"with as much on the Go heap as Go's own: {ratio:.2f}")
    if samples := results.throughput.get((workload + WITH_HEAP, condition), {}):
        ratio = throughput_ratio(samples, "ours", "go").median
        parts.append(f"both beside 64 MiB: {ratio:.2f}")
    return "; ".join(parts)


def _window(results: Results) -> Iterator[Bar]:
    samples = results.throughput.get(("pingpong", "idle"))
    if not samples:
        return
    speed = Spread.of(s.mib * MIB / 1e6 / s.seconds for s in samples["ours"])
    note = f"at {speed.median:.0f} MB/s" + ("" if speed.median >= 50 else ": too slow to count")
    if results.watched:
        own = Spread.of(_window_ratio(s.facts.peak_window_bytes) for s in results.watched)
        note += f"; Go's own: {own.median:.1f}"
    yield Bar(
        what="peak window / max_bytes, 10 MiB, pingpong",
        limit=1.25,
        at_least=False,
        measured=Spread.of(_window_ratio(s.facts.peak_window_bytes) for s in samples["ours"]),
        note=note,
    )


def _window_ratio(peak: int | None) -> float:
    return (peak or 0) / DEFAULT_WINDOW.max_bytes


def _gil(results: Results) -> Iterator[Bar]:
    if ours := results.gil.get("ours"):
        plain = results.gil["python"].callback_ms.median
        yield Bar(
            what="GIL held per MiB recorded, pingpong, Python idle",
            limit=0.1,
            at_least=False,
            measured=ours.callback_ms,
            digits=3,
            unit=" ms",
            note=f"kept in Python: {plain:.2f} ms",
        )


def _snapshots(results: Results) -> Iterator[Bar]:
    if times := results.snapshots.get(10):
        yield Bar(
            what="snapshot of a 10 MiB window to a file, ours / Go's own",
            limit=1.0,
            at_least=False,
            measured=times.to_reference,
            note=f"{times.ours.median:.1f} ms / {times.reference.median:.1f} ms",
        )
        yield Bar(
            what="the same / bare writev of the same bytes + one advance",
            limit=1.5,
            at_least=False,
            measured=times.to_bare,
            note=f"{times.ours.median:.1f} ms / {times.bare.median:.1f} ms",
        )


def _hour(results: Results) -> Iterator[Bar]:
    hour = results.hour
    if hour is None or not hour.beyond_window_bytes:
        return
    growth = hour.growth_bytes / MIB
    yield Bar(
        what=f"RSS beyond the window, {hour.trace_seconds:.0f} s of trace replayed, and flat",
        limit=16.0,
        at_least=False,
        measured=Spread((hour.peak_beyond_bytes / MIB,)),
        digits=1,
        unit=" MiB",
        note=f"{hour.nbytes / 1e9:.0f} GB; last quarter {growth:+.1f} MiB against the second",
        also=growth <= 1.0,
    )
