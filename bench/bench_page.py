"""How fast a report is to look at: ``python -m bench.bench_page``.

Writes reports of 10 MiB snapshots of ``pingpong`` (few goroutines, many events) and ``http_server``
(many goroutines, tasks and regions) and of one of 10,000 goroutines, and opens each in headless
Chromium several times: the time from the page's load to the first paint of its timeline, and frames
a second while zooming at each frame. The bars of issue 15 are 2 s, 30 and 15 MB.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import flightrec
from bench.build import FOLDER
from bench.table import text_table
from tests.environment import make_environment
from tests.report.browser import ZOOM, Browser, find_chromium

_PAINTED = """() => Number(document.documentElement.dataset.painted)
    - performance.getEntriesByType('navigation')[0].loadEventEnd"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print a table; 1 if a bar is missed, 2 where there is no browser."""
    parser = argparse.ArgumentParser(prog="python -m bench.bench_page", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="openings of each (%(default)s)")
    options = parser.parse_args(arguments)
    chromium = find_chromium()
    if chromium is None:
        print("bench: needs Chromium", file=sys.stderr)
        return 2
    FOLDER.mkdir(parents=True, exist_ok=True)
    python = make_environment((FOLDER / "browser").resolve(), "browser")
    rows, held = [], True
    with Browser(python, chromium) as browser:
        for file in _traces():
            report = file.with_suffix(".html").resolve()
            began = time.perf_counter()
            command = [sys.executable, "-m", "flightrec", "report", str(file), "-o", str(report)]
            subprocess.run(command, check=True, capture_output=True)
            took = time.perf_counter() - began
            paints, frames = [], []
            for _ in range(options.rounds):
                browser.open(report)
                paints.append(browser.evaluate(_PAINTED))
                frames.append(browser.evaluate(ZOOM))
            paint, rate, size = statistics.median(paints), statistics.median(frames), report.stat()
            held &= paint < 2000 and rate >= 30 and size.st_size < 15_000_000
            rows.append(
                [
                    file.stem,
                    f"{file.stat().st_size / 2**20:.1f} MiB",
                    f"{took:.1f} s",
                    f"{size.st_size / 1e6:.1f} MB",
                    f"{paint:.0f} ms",
                    f"{max(paints):.0f} ms",
                    f"{rate:.0f}",
                    f"{min(frames):.0f}",
                ]
            )
    heads = ["trace", "size", "written in", "report", "painted after load", "slowest"]
    print(text_table("reports in a browser", [*heads, "frames/s", "slowest"], rows))
    return int(not held)


def _traces() -> list[Path]:
    runtime = flightrec.load()
    large = [FOLDER / f"{name}.trace" for name in ("pingpong", "http_server")]
    many = FOLDER / "goroutines.trace"
    for file in large:
        with flightrec.FlightRecorder(runtime, max_bytes=16 << 20, min_age=60) as recorder:
            running = runtime.start(file.stem)
            while recorder.stats().window_bytes < 10.5 * 2**20:
                time.sleep(0.001)
            recorder.write_to(file)
            running.cancel()
            running.wait()
    with flightrec.FlightRecorder(runtime, max_bytes=10 << 20) as recorder:
        runtime.run("idle", goroutines=10_000, duration=0.5)
        recorder.write_to(many)
    return [*large, many]


if __name__ == "__main__":
    sys.exit(main())
