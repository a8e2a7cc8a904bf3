"""One measured run: a workload under a contender; and rounds of them, contenders alternating."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.conditions import Condition, PythonLoad
from bench.contenders import DEFAULT_WINDOW, Contender, Facts, Window
from bench.system import busy_seconds, peak_rss_bytes, reset_peak_rss, rss_bytes
from flightrec import GoRuntime

__all__ = ["Job", "Sample", "measure", "rounds"]

#: What each workload counts as one piece of work.
_WORK = {"pingpong": "roundtrips", "http_server": "requests", "gc_churn": "allocations"}


@dataclass(frozen=True, slots=True)
class Job:
    """A workload, for how long, and what else is alive on the Go heap."""

    workload: str
    seconds: float
    arguments: dict[str, Any] = dataclasses.field(default_factory=dict)
    heap_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one run came to. Times are the Go side's."""

    contender: str
    work: int
    seconds: float
    cpu_seconds: float  #: of the whole process: Go, Python and the spinning threads
    p99_ms: float | None
    switches: int
    faults: int
    gcs: int
    rss_growth_bytes: int | None  #: from before the start to the peak
    others_cpus: float | None  #: how many CPUs other processes used meanwhile
    python_turns: int  #: thousands of loop turns of the spinning threads
    facts: Facts

    @property
    def throughput(self) -> float:
        """Work a second."""
        return self.work / self.seconds

    @property
    def mib(self) -> float:
        """MiB of trace, 0 if the contender does not tell."""
        return (self.facts.trace_bytes or 0) / (1 << 20)


def measure(
    runtime: GoRuntime,
    contender: Contender,
    job: Job,
    load: PythonLoad,
    window: Window = DEFAULT_WINDOW,
    during: Callable[[], None] | None = None,
) -> Sample:
    """Run a workload under a contender.

    :param during: called beside the workload.
    """
    holder = runtime.start("hold", bytes=job.heap_bytes)
    runtime.run("collect")
    reset_peak_rss()
    rss = rss_bytes()
    contender.start(window)
    turns, machine = load.turns, busy_seconds()
    began = time.monotonic(), time.process_time()
    handle = runtime.start(
        "timed", workload=job.workload, arguments={**job.arguments, "duration": job.seconds}
    )
    if during is not None:
        during()
    timed = handle.result()
    elapsed, own = time.monotonic() - began[0], time.process_time() - began[1]
    turns = load.turns - turns
    machine = None if machine is None else (busy_seconds() or 0.0) - machine
    facts = contender.stop()
    peak = peak_rss_bytes()
    holder.cancel()
    holder.result()
    result = timed["result"]
    return Sample(
        contender=contender.name,
        work=result[_WORK[job.workload]],
        seconds=timed["seconds"],
        cpu_seconds=timed["cpu_seconds"],
        p99_ms=result.get("p99_ms"),
        switches=timed["switches"],
        faults=timed["faults"],
        gcs=timed["gcs"],
        rss_growth_bytes=None if rss is None or peak is None else peak - rss,
        others_cpus=None if machine is None else max(machine - own, 0.0) / elapsed,
        python_turns=turns,
        facts=facts,
    )


def rounds(
    runtime: GoRuntime,
    contenders: Sequence[Contender],
    job: Job,
    condition: Condition,
    count: int,
    window: Window = DEFAULT_WINDOW,
) -> dict[str, list[Sample]]:
    """Measure all contenders in turn, several times over: A B C A B C. By contender's name."""
    samples: dict[str, list[Sample]] = {contender.name: [] for contender in contenders}
    with PythonLoad(condition.threads).running() as load:
        for _ in range(count):
            for contender in contenders:
                samples[contender.name].append(measure(runtime, contender, job, load, window))
    return samples
