"""What the web middleware and a snapshot cost: ``python -m bench.web``."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from typing import Any

import flightrec

REQUESTS = 20_000
SNAPSHOTS = 100


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer at once."""
    start_response("200 OK", [])
    return [b"done"]


def microseconds(application: Any) -> float:
    """Return how much CPU time a request takes: the best of three rounds."""
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/items/17"}
    rounds = []
    for _ in range(3):
        began = time.thread_time()
        for _ in range(REQUESTS):
            application(environ, lambda *_: None)
        rounds.append((time.thread_time() - began) / REQUESTS * 1e6)
    return min(rounds)


def main() -> None:
    """Print a table."""
    runtime = flightrec.load()
    recorder = flightrec.FlightRecorder(runtime)
    watched = flightrec.wsgi(app, recorder)
    plain = microseconds(app)
    print(f"| a request to an application that does nothing, plain | {plain:.2f} µs |")
    print(
        f"| through flightrec.wsgi, nothing recorded | + {microseconds(watched) - plain:.2f} µs |"
    )
    with recorder:
        print(f"| the same, recording | + {microseconds(watched) - plain:.2f} µs |")
        recorder.when("http slower than 1s", on_fire=print)
        print(f"| the same, with a rule | + {microseconds(watched) - plain:.2f} µs |")
        handle = runtime.start("http_server", duration=3600.0)
        took = []
        for _ in range(SNAPSHOTS):
            began = time.perf_counter()
            recorder.snapshot()
            took.append((time.perf_counter() - began) * 1e3)
            time.sleep(0.02)
        handle.cancel()
        handle.wait()
        found = statistics.quantiles(took, n=100)
        print(
            f"| snapshot beside a busy Go HTTP server, p50 / p90 / p99 | "
            f"{found[49]:.1f} / {found[89]:.1f} / {found[98]:.1f} ms |"
        )
        recorder.forget("http slower than 1s")


if __name__ == "__main__":
    main()
