"""What the pytest plugin costs a suite of trivial tests: ``python -m bench.plugin``.

Two suites: one whose tests have nothing to do with Go, and one that has loaded Go in every run, so
that the difference is what recording costs. The runs alternate.
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


def _run(folder: Path, options: tuple[str, ...]) -> float:
    """Run the suite; return how long that took, the interpreter's start included, in seconds."""
    # With compiled modules, as any second run has them, whatever this environment wants.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    env["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")
    env["PYTHONPATH"] = str(Path(__file__).parents[1])
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
    for suite, begin in _SUITES.items():
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            code = begin + _TESTS.format(tests=args.tests)
            (folder / "test_it.py").write_text(code, encoding="utf-8")
            (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
            print(f"{args.tests} empty tests, {suite}, {args.rounds} rounds")
            _compare(folder, args.rounds)


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
