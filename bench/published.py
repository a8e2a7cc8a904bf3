"""A published web server under load, recorded: ``python -m bench.published``.

go-httpbin, unmodified, in turns: built as it is and with ``--instrument net/http``, not traced and
traced, and with a rule on slow requests. One request in a thousand takes 100 ms. What the rule
costs is the ratio to the same without it. Checked: the rule found the requests that the client
found slow; each is saved, joined another's snapshot or was suppressed by a limit, and these add up;
only such snapshots are kept, each with its request and what followed; the folder keeps to its
budget.

Requests begin at fixed times, ``--rate`` a second, and their latency counts from those. With
``--rate 0`` clients ask again as soon as they are answered: then requests a second count, and
latencies tell more of the scheduler than of the server.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.build import FOLDER
from bench.kept import Kept, check_folder, check_sum
from flightrec.gobuild import build
from flightrec.toolchain import find_toolchain

__all__ = ["main"]

SERVER = "github.com/mccutchen/go-httpbin/v2/cmd/go-httpbin@v2.18.2"
RULE = "http slower than 50ms"
KEPT = Kept(
    slow="GET /delay/{duration}",
    slower_ns=50_000_000,
    tail_ns=200_000_000,
    max_files=10,
    max_bytes=64 << 20,
)
#: How long what is on its way may take to be saved.
SETTLE_SECONDS = 20.0
FIGURES = ("per_second", "server_cpu_us", "mean_ms", "p50_ms", "p90_ms", "p99_ms", "p99.8_ms")

#: Runs a program in a library and records nothing.
_UNTRACED = """\
import flightrec, sys
flightrec.load(sys.argv[1]).run("main", args=sys.argv[1:])
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """How the server is run."""

    name: str
    instrumented: bool
    traced: bool
    rule: bool = False


KINDS = (
    Kind("plain (not traced)", instrumented=False, traced=False),
    Kind("instrumented (not traced)", instrumented=True, traced=False),
    Kind("plain", instrumented=False, traced=True),
    Kind("instrumented", instrumented=True, traced=True),
    Kind("with the rule", instrumented=True, traced=True, rule=True),
)


def main(words: Sequence[str] | None = None) -> int:
    """Print tables; return 1 if a snapshot or the folder is not as it must be."""
    parser = argparse.ArgumentParser(prog="python -m bench.published", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=4000, help="a second; 0: all there can be")
    parser.add_argument("--kinds", default="plain,instrumented,with the rule", help="or: all")
    parser.add_argument("--server", default=SERVER, help="another version of it")
    options = parser.parse_args(words)
    wanted = options.kinds.split(",")
    kinds = [kind for kind in KINDS if "all" in wanted or kind.name in wanted]
    FOLDER.mkdir(parents=True, exist_ok=True)
    load = FOLDER / "load"
    find_toolchain().run("build", "-o", str(load), ".", cwd=Path(__file__).parent / "load")
    for instrumented in (False, True):
        packages = ("net/http",) if instrumented else ()
        build(options.server, _library(instrumented), instrument=packages)
    found: dict[str, list[dict[str, float]]] = {kind.name: [] for kind in kinds}
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.rounds):
            for kind in kinds:
                snapshots = Path(folder, f"snapshots-{number}")
                with _serving(kind, snapshots, Path(folder)) as (base, pid):
                    before = _cpu_seconds(pid)
                    said = _load(load, base, options)
                    cpu = _cpu_seconds(pid) - before
                    said["server_cpu_us"] = cpu / options.requests * 1e6
                    found[kind.name].append(said)
                    status = _settled(pid) if kind.rule else None
                if status is not None:
                    for text, errors in (check_sum(status, said), check_folder(snapshots, KEPT)):
                        print(text)
                        wrong += errors
    _table(found)
    print("\n".join(wrong or [f"all snapshots of {options.rounds} runs are as they must be"]))
    return int(bool(wrong))


def _library(instrumented: bool) -> Path:
    return FOLDER / f"libhttpbin-{'instrumented' if instrumented else 'plain'}.so"


def _rule_options(folder: Path) -> list[str]:
    return [
        *("--when", RULE, "--tail", f"{KEPT.tail_ns // 1_000_000}ms", "-d", str(folder)),
        *("--arm-after", "0", "--min-interval", "500ms", "--per-rule", "0"),
        *("--max-snapshots", str(KEPT.max_files), "--max-snapshots-bytes", f"{KEPT.max_bytes}B"),
    ]


@contextlib.contextmanager
def _serving(kind: Kind, snapshots: Path, folder: Path) -> Iterator[tuple[str, int]]:
    """Run the server; give its address and process."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        host, port = probe.getsockname()
    library, arguments = _library(kind.instrumented), ["-host", host, "-port", str(port)]
    if kind.traced:
        rule = _rule_options(snapshots) if kind.rule else []
        command = [sys.executable, "-m", "flightrec", "run", str(library), "-q", *rule]
        command += ["-o", str(folder / "s.trace"), "--", *arguments]
    else:
        command = [sys.executable, "-c", _UNTRACED, str(library), *arguments]
    log = (folder / "log").open("wb")
    with log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            for _ in range(1000):
                with contextlib.suppress(OSError), socket.create_connection((host, port)):
                    break
                if process.poll() is not None:
                    raise SystemExit(f"the server ended: {(folder / 'log').read_text()[:1000]}")
                time.sleep(0.02)
            yield f"http://{host}:{port}", process.pid
        finally:
            process.send_signal(signal.SIGTERM)


def _load(load: Path, base: str, options: argparse.Namespace) -> dict[str, float]:
    command = [str(load), "-base", base, "-requests", str(options.requests)]
    command += ["-rate", str(options.rate), "-threshold", f"{KEPT.slower_ns}ns"]
    said: dict[str, float] = json.loads(subprocess.check_output(command))
    if said["failed"]:
        raise SystemExit(f"{said['failed']} requests failed")
    return said


def _cpu_seconds(pid: int) -> float:
    """Return how much CPU time a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _settled(pid: int) -> dict[str, Any]:
    """Return the rule's status as soon as nothing of it is on its way."""
    command = [sys.executable, "-m", "flightrec", "stat", str(pid), "--json"]
    until = time.monotonic() + SETTLE_SECONDS
    while True:
        status: dict[str, Any] = json.loads(subprocess.check_output(command))["rules"][0]
        done = status["saved"] + sum(status["suppressed"].values())
        if done >= status["times_true"] or time.monotonic() > until:
            return status
        time.sleep(0.1)


def _table(found: dict[str, list[dict[str, float]]]) -> None:
    print(f"| | {' | '.join(found)} |\n|---|{'---|' * len(found)}")
    medians = {
        kind: {name: statistics.median(each[name] for each in runs) for name in FIGURES}
        for kind, runs in found.items()
    }
    for name in FIGURES:
        print(f"| {name} | {' | '.join(f'{each[name]:.3f}' for each in medians.values())} |")
    if {"instrumented", "with the rule"} <= found.keys():
        for name in ("per_second", "p99_ms"):
            ratios = [
                rule[name] / none[name]
                for rule, none in zip(found["with the rule"], found["instrumented"], strict=True)
            ]
            print(
                f"{name}, with the rule to without: {statistics.median(ratios):.3f} "
                f"({min(ratios):.3f} to {max(ratios):.3f})"
            )


if __name__ == "__main__":
    sys.exit(main())
