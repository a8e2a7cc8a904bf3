"""All that one run has measured."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

from bench.gil import GilHeld
from bench.hour import Hour
from bench.lifecycle import Lifecycle
from bench.measure import Sample
from bench.snapshots import SnapshotTimes, UnderLoad
from bench.spread import Spread, ratios
from flightrec import __version__

__all__ = ["Machine", "Results", "Samples"]

#: By contender's name; the samples of one round have the same index everywhere.
Samples = dict[str, list[Sample]]


@dataclasses.dataclass(frozen=True, slots=True)
class Machine:
    """Where it was measured, and beside what."""

    go: str
    python: str
    system: str
    cpu: str
    cpus: int
    load_average: float | None  #: when the run began: what else the machine had to do
    flightrec: str = __version__

    @classmethod
    def here(cls, go_version: str) -> Machine:
        """Describe this machine."""
        return cls(
            go=go_version,
            python=platform.python_version(),
            system=f"{platform.system()} {platform.machine()}",
            cpu=_cpu_model(),
            cpus=len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1,
            load_average=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        )


def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()


@dataclasses.dataclass(slots=True, kw_only=True)
class Results:
    """Filled section by section; a section that was left out is empty."""

    machine: Machine
    plan: str
    seconds: float = 0.0  #: how long the run took
    throughput: dict[tuple[str, str], Samples] = dataclasses.field(default_factory=dict)
    watched: list[Sample] = dataclasses.field(default_factory=list)
    gil: dict[str, GilHeld] = dataclasses.field(default_factory=dict)
    snapshots: dict[int, SnapshotTimes] = dataclasses.field(default_factory=dict)
    under_load: UnderLoad | None = None
    lifecycle: dict[str, Lifecycle] = dataclasses.field(default_factory=dict)
    goroutines: dict[int, Samples] = dataclasses.field(default_factory=dict)
    windows: dict[int, Samples] = dataclasses.field(default_factory=dict)
    consumers: dict[str, Samples] = dataclasses.field(default_factory=dict)  #: by workload
    hour: Hour | None = None

    def others_cpus(self) -> Spread | None:
        """Return how many CPUs other processes used during the runs for the throughput."""
        seen = [
            sample.others_cpus
            for samples in self.throughput.values()
            for each in samples.values()
            for sample in each
            if sample.others_cpus is not None
        ]
        return Spread.of(seen) if seen else None

    def as_json(self) -> dict[str, Any]:
        """Return all of it in terms of JSON; the spreads come with every value."""
        out: dict[str, Any] = _plain(
            {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        )
        out["ratios"] = {
            _key(cell): {
                f"{above}/{below}": _plain(throughput_ratio(samples, above, below))
                for above, below in (
                    ("ours", "go"),
                    ("ours", "discard"),
                    ("python", "go"),
                    ("go", "off"),
                )
            }
            for cell, samples in self.throughput.items()
        }
        return out

    def save(self, path: Path) -> None:
        """Write all of it to a file, which is never seen half written."""
        temporary = path.with_name(path.name + ".tmp")
        temporary.write_text(json.dumps(self.as_json(), indent=1) + "\n")
        temporary.replace(path)


def throughput_ratio(samples: Samples, above: str, below: str) -> Spread:
    """Return the ratio of two contenders' throughputs, round by round."""
    return ratios(
        [sample.throughput for sample in samples[above]],
        [sample.throughput for sample in samples[below]],
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Spread):
        return value.as_json()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {_key(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _key(key: object) -> str:
    return " ".join(map(str, key)) if isinstance(key, tuple) else str(key)
