"""A published web server under load, recorded: ``python -m bench.published``.

go-httpbin, unmodified, built without and with ``--instrument net/http``, in turns plain,
instrumented, and instrumented with a rule on slow requests. One request in a thousand takes 100 ms.
What rules and instruments cost is the ratio of the columns. It is checked that each snapshot kept
is of a slow request and has its task and what followed, and that the folder keeps to its budget.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.build import FOLDER
from flightrec import trace
from flightrec.gobuild import build
from flightrec.toolchain import find_toolchain

__all__ = ["main"]

SERVER = "github.com/mccutchen/go-httpbin/v2/cmd/go-httpbin@v2.18.2"
RULE = "http slower than 50ms"
SLOW = "GET /delay/{duration}"
TAIL_NS = 200_000_000
MAX_FILES, MAX_BYTES = 10, 64 << 20
KINDS = ("plain", "instrumented", "with the rule")


def main(words: Sequence[str] | None = None) -> int:
    """Print a table; return 1 if a snapshot or the folder is not as it must be."""
    parser = argparse.ArgumentParser(prog="python -m bench.published", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--server", default=SERVER, help="another version of it")
    options = parser.parse_args(words)
    FOLDER.mkdir(parents=True, exist_ok=True)
    load = FOLDER / "load"
    source = Path(__file__).parent / "load"
    find_toolchain().run("build", "-o", str(load), ".", cwd=source)
    libraries = {}
    for kind, packages in (("plain", ()), ("instrumented", ("net/http",))):
        libraries[kind] = FOLDER / f"libhttpbin-{kind}.so"
        build(options.server, libraries[kind], instrument=packages)
    libraries["with the rule"] = libraries["instrumented"]
    found: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.rounds):
            for kind in KINDS:
                snapshots = Path(folder, f"snapshots-{number}")
                rules = _rules(snapshots) if kind == "with the rule" else []
                with _serving(libraries[kind], rules, Path(folder)) as base:
                    found[kind].append(_load(load, base, options.requests))
                    time.sleep(0.5)  # the last tail
                if rules:
                    wrong += _check(snapshots)
    _table(found)
    print("\n".join(wrong or [f"all snapshots of {options.rounds} runs are as they must be"]))
    return int(bool(wrong))


def _rules(folder: Path) -> list[str]:
    return [
        *("--when", RULE, "--tail", "200ms", "-d", str(folder), "--arm-after", "0"),
        *("--min-interval", "0", "--per-rule", "0", "--max-snapshots", str(MAX_FILES)),
        *("--max-snapshots-bytes", f"{MAX_BYTES}B"),
    ]


@contextlib.contextmanager
def _serving(library: Path, rules: Sequence[str], folder: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        host, port = probe.getsockname()
    command = [sys.executable, "-m", "flightrec", "run", str(library), "-q", *rules]
    command += ["-o", str(folder / "s.trace"), "--", "-host", host, "-port", str(port)]
    log = (folder / "log").open("wb")
    with log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            for _ in range(1000):
                with contextlib.suppress(OSError), socket.create_connection((host, port)):
                    break
                if process.poll() is not None:
                    raise SystemExit(f"the server ended: {(folder / 'log').read_text()[:1000]}")
                time.sleep(0.02)
            yield f"http://{host}:{port}"
        finally:
            process.send_signal(signal.SIGTERM)


def _load(load: Path, base: str, requests: int) -> dict[str, float]:
    command = [str(load), "-base", base, "-requests", str(requests)]
    said: dict[str, float] = json.loads(subprocess.check_output(command))
    if said["failed"]:
        raise SystemExit(f"{said['failed']} requests failed")
    return said


def _check(folder: Path) -> list[str]:
    """Say what is not as it must be of the snapshots that were kept."""
    wrong = []
    files = [path for path in folder.iterdir() if not path.name.startswith(".")]
    nbytes = sum(path.stat().st_size for path in files)
    traces = sorted(path for path in files if path.suffix == ".trace")
    if not 0 < len(traces) <= MAX_FILES or nbytes > MAX_BYTES:
        wrong.append(f"{len(traces)} snapshots, {nbytes} bytes are kept")
    others = 0
    for path in traces:
        facts = json.loads(path.with_suffix(".json").read_text())
        events = [reason["event"] for reason in facts["reasons"]]
        if any(event["end_ns"] - event["start_ns"] <= 50e6 for event in events):
            wrong.append(f"{path.name} is of a request that was not slow: {events}")
        of_slow = [event for event in events if event["name"] == SLOW]
        others += len(events) - len(of_slow)
        if of_slow and not _has(path, of_slow[0], facts["window"]["end_ns"]):
            wrong.append(f"{path.name} lacks the request, or what followed")
    print(f"{len(traces)} snapshots kept, {nbytes / 2**20:.1f} MiB", end="")
    print(f"; {others} requests for the quick page were slow as well" if others else "")
    return wrong


def _has(path: Path, event: dict[str, Any], end_ns: int) -> bool:
    """Say whether a snapshot has a request's task, by the name of its region, and a tail."""
    ended: set[int] = set()
    named: set[int] = set()
    begun: set[int] = set()
    for each in trace.read(path):
        if isinstance(each, trace.TaskBegin) and each.name == "http GET":
            begun.add(each.task)
        elif isinstance(each, trace.RegionBegin) and each.name == f"http {SLOW}":
            named.add(each.task)
        elif isinstance(each, trace.TaskEnd):
            ended.add(each.task)
    return bool(begun & named & ended) and end_ns - event["end_ns"] >= TAIL_NS


def _table(found: dict[str, list[dict[str, float]]]) -> None:
    print("| | plain | instrumented | with the rule | instrumented / plain | rule / none |")
    print("|---|---|---|---|---|---|")
    for name in ("per_second", "p50_ms", "p99_ms"):
        plain, instrumented, rule = (
            statistics.median(each[name] for each in found[kind]) for kind in KINDS
        )
        print(
            f"| {name} | {plain:.3f} | {instrumented:.3f} | {rule:.3f} "
            f"| {instrumented / plain:.3f} | {rule / instrumented:.3f} |"
        )


if __name__ == "__main__":
    sys.exit(main())
