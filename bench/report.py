"""What a run prints: one table a section, and the bars."""

from __future__ import annotations

from collections.abc import Iterator

from bench.bars import bars
from bench.consumers import THREE, WITH_STREAM
from bench.contenders import CONTROL
from bench.measure import Sample
from bench.results import Results, Samples, throughput_ratio
from bench.spread import Spread, ratios
from bench.table import text_table

__all__ = ["bars_table", "tables"]

MIB = 1 << 20
_CONTENDERS = ("off", "discard", "go", "ours", "python")


def tables(results: Results) -> Iterator[str]:
    """Yield the table of each section that was measured."""
    if results.throughput:
        yield _throughput(results)
        yield _cpu(results)
        yield _memory(results)
    if any(CONTROL in samples for samples in results.throughput.values()):
        yield _collections(results)
    if any(cell[0].startswith("http_server") for cell in results.throughput):
        yield _latency(results)
    if results.gil:
        yield _gil(results)
    if results.snapshots:
        yield _snapshots(results)
    if results.lifecycle:
        yield _lifecycle(results)
    if results.goroutines:
        yield _scaling(
            "Cost against the number of parked goroutines (pingpong)",
            "goroutines",
            results.goroutines,
        )
    if results.windows:
        yield _scaling(
            "Cost against the size of the window (pingpong)", "window MiB", results.windows
        )
    if results.consumers:
        yield _consumers(results)
    if results.hour:
        yield _hour(results)


def _throughput(results: Results) -> str:
    rows = []
    for (workload, condition), samples in results.throughput.items():
        off = Spread.of(sample.throughput for sample in samples["off"])
        rows.append(
            [
                f"{workload}, {condition}",
                f"{off.median:,.0f}",
                *(
                    f"{throughput_ratio(samples, name, 'off').median:.2f}"
                    for name in _CONTENDERS[1:]
                ),
                throughput_ratio(samples, "ours", "go").text(),
                throughput_ratio(samples, "ours", "discard").text(),
                throughput_ratio(samples, "python", "go").text(),
            ]
        )
    return text_table(
        "Go throughput (a second, and as a share of tracing off; medians of the rounds' ratios)",
        ["workload, Python", "off", *_CONTENDERS[1:], "ours / go", "ours / discard", "python / go"],
        rows,
    )


def _cpu(results: Results) -> str:
    rows = []
    for (workload, condition), samples in results.throughput.items():
        rows.append(
            [
                f"{workload}, {condition}",
                *(
                    f"{Spread.of(s.cpu_seconds / s.seconds for s in samples[name]).median:.2f}"
                    for name in _CONTENDERS
                ),
                _cpu_per_work(samples, "ours", "go").text() if condition == "idle" else "",
                ratios(
                    [s.python_turns / s.seconds for s in samples["ours"]],
                    [s.python_turns / s.seconds for s in samples["go"]],
                ).text()
                if condition != "idle"
                else "",
            ]
        )
    return text_table(
        "CPU seconds of the whole process in a second; ours / Go's own: CPU per unit of Go work "
        "and the speed of the spinning Python threads",
        ["workload, Python", *_CONTENDERS, "per work", "Python's speed"],
        rows,
    )


def _cpu_per_work(samples: Samples, above: str, below: str) -> Spread:
    return ratios(
        [s.cpu_seconds / s.work for s in samples[above]],
        [s.cpu_seconds / s.work for s in samples[below]],
    )


def _memory(results: Results) -> str:
    rows = []
    for (workload, condition), samples in results.throughput.items():
        ours = samples["ours"]
        rows.append(
            [
                f"{workload}, {condition}",
                f"{Spread.of(s.mib / s.seconds for s in ours).median:.1f}",
                f"{max(s.facts.peak_window_bytes or 0 for s in ours) / MIB:.1f}",
                *(_rss_growth(samples[name]) for name in _CONTENDERS),
                *(
                    f"{Spread.of(s.gcs for s in samples[name]).median:.0f}"
                    for name in ("off", "go", "ours")
                ),
            ]
        )
    table = text_table(
        "Memory: trace MiB a second; our largest peak window, MiB (max_bytes: 10); growth of RSS "
        "to its peak, MiB; and Go's garbage collections",
        [
            "workload, Python",
            "MiB/s",
            "window",
            *(f"rss {name}" for name in _CONTENDERS),
            *(f"gcs {name}" for name in ("off", "go", "ours")),
        ],
        rows,
    )
    if results.watched:
        peak = Spread.of((s.facts.peak_window_bytes or 0) / MIB for s in results.watched)
        table += f"\nPeak window of Go's own recorder under pingpong, by itself: {peak.text(1)} MiB"
    return table


def _rss_growth(samples: list[Sample]) -> str:
    return f"{Spread.of((s.rss_growth_bytes or 0) / MIB for s in samples).median:.0f}"


def _collections(results: Results) -> str:
    rows = []
    for (workload, condition), samples in results.throughput.items():
        if CONTROL in samples:
            rows.append(
                [
                    f"{workload}, {condition}",
                    *(
                        f"{Spread.of(s.gcs / s.work * 1e6 for s in samples[name]).median:.1f}"
                        for name in (*_CONTENDERS, CONTROL)
                    ),
                    *(
                        throughput_ratio(samples, above, "go").text()
                        for above in ("discard", "ours", CONTROL)
                    ),
                ]
            )
    return text_table(
        "Go's garbage collections for a million requests or allocations, and throughput (control: "
        "ours, with as much alive on the Go heap as Go's own recorder keeps there)",
        ["workload, Python", *_CONTENDERS, CONTROL, "discard / go", "ours / go", "control / go"],
        rows,
    )


def _latency(results: Results) -> str:
    rows = []
    for (workload, condition), samples in results.throughput.items():
        if workload.startswith("http_server"):
            p99 = {name: [s.p99_ms or 0.0 for s in samples[name]] for name in _CONTENDERS}
            rows.append(
                [
                    f"{workload}, {condition}",
                    *(f"{Spread.of(p99[name]).median:.2f}" for name in _CONTENDERS),
                    ratios(p99["ours"], p99["go"]).text(),
                    ratios([s.p99_ms or 0.0 for s in samples[CONTROL]], p99["go"]).text()
                    if CONTROL in samples
                    else "",
                ]
            )
    return text_table(
        "p99 latency of a request, ms",
        ["workload, Python", *_CONTENDERS, "ours / go", "control / go"],
        rows,
    )


def _gil(results: Results) -> str:
    return text_table(
        "The GIL, per MiB recorded (pingpong, Python idle)",
        [
            "",
            "held, ms",
            "thread's CPU, ms",
            "held, us a callback",
            "callbacks/s",
            "MiB/s",
        ],
        [
            [
                name,
                held.callback_ms.text(3),
                held.thread_ms.text(3) if held.thread_ms is not None else "unknown",
                held.callback_us.text(0),
                held.callbacks_per_second.text(0),
                held.mib_per_second.text(0),
            ]
            for name, held in results.gil.items()
        ],
    )


def _snapshots(results: Results) -> str:
    rows = [
        [
            f"{size} MiB",
            times.ours.text(1),
            times.reference.text(1),
            times.bare.text(1),
            times.to_reference.text(),
            times.to_bare.text(),
            f"{times.ours_mib.median:.1f} / {times.reference_mib.median:.1f}",
        ]
        for size, times in results.snapshots.items()
    ]
    if (load := results.under_load) is not None:
        rows.append(
            [
                f"{load.window_mib} MiB, under pingpong",
                load.ours.text(1),
                load.reference.text(1),
                "",
                load.to_reference.text(),
                "",
                f"{load.ours_mib.median:.1f} / {load.reference_mib.median:.1f}",
            ]
        )
    return text_table(
        "Snapshot to a file, ms (bare: writev of the same bytes to a new file, and one advance)",
        [
            "window",
            "ours",
            "Go's own",
            "bare",
            "ours / go",
            "ours / bare",
            "MiB written, ours / go",
        ],
        rows,
    )


def _lifecycle(results: Results) -> str:
    return text_table(
        "Starting and stopping an idle recorder, ms (ours: from Python, all of it)",
        ["", "start", "stop"],
        [
            [name, times.start.text(3), times.stop.text(3)]
            for name, times in results.lifecycle.items()
        ],
    )


def _scaling(title: str, what: str, results: dict[int, Samples]) -> str:
    rows = []
    for number, samples in results.items():
        ours = samples["ours"]
        rows.append(
            [
                f"{number:,}",
                throughput_ratio(samples, "ours", "go").text(),
                _cpu_per_work(samples, "ours", "go").text(),
                *(_rss_growth(samples[name]) for name in ("go", "ours")),
                f"{max(s.facts.peak_window_bytes or 0 for s in ours) / MIB:.1f}",
                f"{Spread.of((s.facts.early_advances or 0) / s.seconds for s in ours).median:.1f}",
                f"{max(s.facts.dropped_generations or 0 for s in ours)}",
                f"{Spread.of(s.mib / s.seconds for s in ours).median:.1f}",
            ]
        )
    return text_table(
        title,
        [
            what,
            "throughput, ours / go",
            "CPU per work, ours / go",
            "rss go",
            "rss ours",
            "our window",
            "early advances/s",
            "dropped",
            "our MiB/s",
        ],
        rows,
    )


def _consumers(results: Results) -> str:
    rows = [
        [
            workload,
            name,
            throughput_ratio(samples, name, "ours").text(),
            _cpu_per_work(samples, name, "ours").text(),
            _rss_growth(samples[name]),
        ]
        for workload, samples in results.consumers.items()
        for name in (WITH_STREAM, THREE)
    ]
    return text_table(
        "Further consumers, to one recorder alone",
        ["", "consumers", "throughput", "CPU per work", "rss"],
        rows,
    )


def _hour(results: Results) -> str:
    hour = results.hour
    assert hour is not None
    lines = [
        [
            "trace replayed",
            f"{hour.trace_seconds:.0f} s worth, {hour.nbytes / 1e9:.1f} GB, "
            f"{hour.batches:,} batches, {hour.generations:,} generations",
        ],
        ["in", f"{hour.seconds:.1f} s"],
        ["generations dropped", f"{hour.dropped_generations}"],
        ["us per batch, second quarter to last", f"x {hour.cost_growth:.2f}"],
    ]
    if hour.beyond_window_bytes:
        lines.append(["RSS beyond the window, at most", f"{hour.peak_beyond_bytes / MIB:.1f} MiB"])
        lines.append(["last quarter against the second", f"{hour.growth_bytes / MIB:+.1f} MiB"])
    return text_table("Cost and memory against the length of a recording", ["", ""], lines)


def bars_table(results: Results) -> str:
    """Return the table of bars."""
    return text_table(
        "The bars (medians of one run; in brackets the smallest and largest of its rounds)",
        ["what", "bar", "measured", "holds", "beside"],
        [
            [
                bar.what,
                bar.bar,
                bar.measured.text(bar.digits),
                "yes" if bar.holds else "NO",
                bar.note,
            ]
            for bar in bars(results)
        ],
    )
