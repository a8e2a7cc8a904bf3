"""How much is measured: everything in a quarter of an hour, or a little in two minutes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["CONTROLLED", "FULL", "HEAP_BYTES", "QUICK", "WITH_HEAP", "Plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Seconds of a run, and how many rounds of them."""

    name: str
    seconds: float
    rounds: Mapping[tuple[str, str], int]  #: by workload and condition
    gil_rounds: int
    watch_rounds: int  #: of Go's own recorder, for its peak window
    snapshot_rounds: Mapping[int, int]  #: by the window's MiB
    under_load_rounds: int
    lifecycle_rounds: int
    goroutines: tuple[int, ...]
    goroutine_rounds: int
    windows_mib: tuple[int, ...]
    window_rounds: int
    consumer_rounds: int
    hour_seconds: float  #: of trace, replayed


#: A cell of this name runs the workload before the ``+`` beside a live Go heap of 64 MiB. The other
#: workloads have next to none, and Go collects a tiny heap all the time; but its own recorder keeps
#: the window on that heap, which makes it larger and collections rarer. With a heap of some size
#: that counts for less.
WITH_HEAP = "+64MiB"
HEAP_BYTES = 64 << 20

#: The cells of these workloads have a control (``contenders.Control``) as well: they allocate.
CONTROLLED = ("http_server", "gc_churn")

FULL = Plan(
    name="full",
    # Go's own recorder ends a generation a second: a run must be longer than that.
    seconds=1.5,
    rounds={
        ("pingpong", "idle"): 9,
        ("pingpong", "spinning"): 7,
        ("pingpong", "spinning4"): 3,
        ("http_server", "idle"): 5,
        ("http_server", "spinning"): 5,
        ("http_server", "spinning4"): 2,
        ("gc_churn", "idle"): 5,
        ("gc_churn", "spinning"): 5,
        ("gc_churn", "spinning4"): 2,
        ("http_server" + WITH_HEAP, "idle"): 3,
        ("http_server" + WITH_HEAP, "spinning"): 3,
        ("gc_churn" + WITH_HEAP, "idle"): 3,
        ("gc_churn" + WITH_HEAP, "spinning"): 3,
    },
    gil_rounds=3,
    watch_rounds=3,
    snapshot_rounds={1: 9, 10: 9, 100: 3},
    under_load_rounds=4,
    lifecycle_rounds=20,
    goroutines=(10, 1_000, 10_000, 100_000),
    goroutine_rounds=2,
    windows_mib=(1, 10, 100),
    window_rounds=2,
    consumer_rounds=7,
    hour_seconds=3600.0,
)

QUICK = Plan(
    name="quick",
    seconds=1.1,
    rounds={
        ("pingpong", "idle"): 2,
        ("pingpong", "spinning"): 1,
        ("pingpong", "spinning4"): 1,
        ("http_server", "idle"): 1,
        ("http_server", "spinning"): 1,
        ("gc_churn", "idle"): 1,
        ("gc_churn", "spinning"): 1,
        ("gc_churn" + WITH_HEAP, "idle"): 1,
    },
    gil_rounds=1,
    watch_rounds=1,
    snapshot_rounds={1: 2, 10: 2, 100: 1},
    under_load_rounds=1,
    lifecycle_rounds=5,
    goroutines=(10, 10_000),
    goroutine_rounds=1,
    windows_mib=(1, 100),
    window_rounds=1,
    consumer_rounds=2,
    hour_seconds=120.0,
)
