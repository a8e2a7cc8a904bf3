"""What the pytest plugin costs a suite of trivial tests: ``python -m bench.plugin``.

Two suites: one whose tests have nothing to do with Go, and one that has loaded Go in every run, so
that the difference is what recording costs. The runs alternate. First: what importing the plugin
costs each run of pytest. Last: what the calls into Go cost that a test makes, in a loop that does
nothing else, and with other work between them, as in pytest.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_SUITES = {"no Go": "", "Go is loaded": "import flightrec\n\nflightrec.load()\n"}

_TESTS = """\
import pytest

@pytest.mark.parametrize("n", range({tests}))
def test_it(n):
    pass
"""

_OPTIONS = {
    "without": (),
    "with --flightrec=retain-on-failure": ("--flightrec=retain-on-failure",),
}


_IMPORT = """\
import time
import pytest
began = time.perf_counter()
import flightrec.pytest_plugin.plugin
print(time.perf_counter() - began)
"""

_CALLS = """\
import statistics
from time import perf_counter_ns

import flightrec
from flightrec.annotate.stages import Stages

runtime = flightrec.load()
stages = Stages(runtime._annotations)
calls = {
    "nothing": lambda: runtime._annotations.end_task(0),
    "the next region": lambda: stages.next("call", 0),
    "the next task and its region": lambda: stages.next("set-up", 0, "test_it.py::test_it[1]"),
}

def work():
    compile("def f(a):\\n    return [a * x for x in range(9)]\\n" * 5, "other", "exec")

def took(call, before):
    times = []
    for _ in range(1500):
        before()
        began = perf_counter_ns()
        call()
        times.append(perf_counter_ns() - began)
    return statistics.median(times) / 1e3

with flightrec.FlightRecorder(runtime):
    stages.next("set-up", 0, "the first task")
    for name, call in calls.items():
        times = [took(call, before) for before in (lambda: None, work)]
        print("  {}: {:.1f} µs, between other work {:.1f} µs".format(name, *times))
    stages.end()
"""


def _environment(folder: Path) -> dict[str, str]:
    """Return one with compiled modules, as any second run has them, whatever this one wants."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    env["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")
    env["PYTHONPATH"] = str(Path(__file__).parents[1])
    return env


def _import(rounds: int) -> None:
    """Print how long it takes to import what pytest imports of the plugin."""
    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, "-c", _IMPORT]
        env = _environment(Path(name))
        times = [
            float(subprocess.run(command, env=env, capture_output=True, check=True).stdout)
            for _ in range(1 + rounds)
        ][1:]
    print(
        f"importing the plugin, {rounds} rounds: {1e3 * statistics.median(times):.2f} ms "
        f"(fastest {1e3 * min(times):.2f}, slowest {1e3 * max(times):.2f})"
    )


def _run(folder: Path, options: tuple[str, ...]) -> float:
    """Run the suite; return how long that took, the interpreter's start included, in seconds."""
    env = _environment(folder)
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options],
        cwd=folder,
        env=env,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - began


def main() -> None:
    """Print the times and their ratio."""
    parser = argparse.ArgumentParser(prog="python -m bench.plugin", description=__doc__)
    parser.add_argument("--tests", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    _import(args.rounds)
    for suite, begin in _SUITES.items():
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            code = begin + _TESTS.format(tests=args.tests)
            (folder / "test_it.py").write_text(code, encoding="utf-8")
            (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
            print(f"{args.tests} empty tests, {suite}, {args.rounds} rounds")
            _compare(folder, args.rounds)
    print("a call into Go that begins")
    sys.stdout.flush()
    subprocess.run([sys.executable, "-c", _CALLS], check=True)


def _compare(folder: Path, rounds: int) -> None:
    times: dict[str, list[float]] = {name: [] for name in _OPTIONS}
    for options in _OPTIONS.values():
        _run(folder, options)
    for _ in range(rounds):
        for contender, options in _OPTIONS.items():
            times[contender].append(_run(folder, options))
    for contender, found in times.items():
        print(
            f"  {contender}: {statistics.median(found):.3f} s "
            f"(fastest {min(found):.3f}, slowest {max(found):.3f})"
        )
    off, on = times.values()
    pairs = [b / a for a, b in zip(off, on, strict=True)]
    print(
        f"  ratio: {statistics.median(on) / statistics.median(off):.3f} of the medians, "
        f"{min(on) / min(off):.3f} of the fastest, {statistics.median(pairs):.3f} of the pairs"
    )


if __name__ == "__main__":
    main()
