"""What rules cost a Go program while none of them fires: ``python -m bench.rules``.

The bundled HTTP server under its own clients, recorded all the time, in turns without and with
rules: on metrics that are read twice a second, on tasks and on requests.
"""

from __future__ import annotations

import statistics

import flightrec

ROUNDS = 5
SECONDS = 3.0
RULES = (
    "goroutines > 1000000",
    "sched.p99 > 10m for 5s",
    "rate(gc.cycles) > 100000",
    "recorder.dropped_generations > 1000000",
    "task slower than 1h",
    "http slower than 1h",
)


def main() -> None:
    """Print throughput and latencies, and what they are to those without rules."""
    runtime = flightrec.load()
    found: dict[bool, list[dict[str, float]]] = {False: [], True: []}
    with flightrec.FlightRecorder(runtime) as recorder:
        for _ in range(ROUNDS):
            for with_rules in (False, True):
                for rule in RULES if with_rules else ():
                    recorder.when(rule, on_fire=print)
                found[with_rules].append(runtime.run("http_server", duration=SECONDS))
                for rule in RULES if with_rules else ():
                    recorder.forget(rule)
    print("| | without rules | with rules | ratio |\n|---|---|---|---|")
    for name in ("requests", "p50_ms", "p99_ms"):
        without, with_rules_ = (
            statistics.median(each[name] for each in found[rules]) for rules in (False, True)
        )
        print(f"| {name} | {without:.3f} | {with_rules_:.3f} | {with_rules_ / without:.3f} |")


if __name__ == "__main__":
    main()
