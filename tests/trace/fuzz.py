"""Coverage-guided fuzzing of the trace reader for a bounded time: ``make fuzz`` runs it.

It needs atheris (libFuzzer for Python), which is not there for every Python and platform; where it
is not, this says so and ends with 0. The seeds are Go's own test data, of every toolchain found.
What the fuzzer found to be new is kept in ``build/fuzz/corpus`` for the next time, and an input
that breaks the reader in ``build/fuzz``.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).resolve().parents[2] / "build" / "fuzz"

# Any trace that takes so long, or makes the process so large, is a finding.
_SECONDS_AN_INPUT: Final = 20
_MEBIBYTES: Final = 2048
_MAX_INPUT: Final = 1 << 16


def main() -> int:
    """Fuzz, in a child process that libFuzzer may end as it likes."""
    parser = argparse.ArgumentParser(description="Fuzz the trace reader, guided by coverage.")
    parser.add_argument("--seconds", type=int, default=60, help="for how long (default: 60)")
    parser.add_argument("--input", type=Path, help="only run this input, and show what it does")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args, rest = parser.parse_known_args()
    if args.input is not None:
        check(args.input.read_bytes())
        return 0
    if args.child:
        _fuzz(rest)
        return 0
    if reason := _why_not():
        print(f"coverage-guided fuzzing is skipped: {reason}")
        return 0
    corpus, seeds = _FOLDER / "corpus", _FOLDER / "seeds"
    corpus.mkdir(parents=True, exist_ok=True)
    count = _write_seeds(seeds)
    print(f"coverage-guided fuzzing for {args.seconds} s from {count} seeds", flush=True)
    options = [
        f"-max_total_time={args.seconds}",
        f"-timeout={_SECONDS_AN_INPUT}",
        f"-rss_limit_mb={_MEBIBYTES}",
        f"-max_len={_MAX_INPUT}",
        f"-artifact_prefix={_FOLDER}{os.sep}",
        "-print_final_stats=1",
        "-verbosity=1",
    ]
    command = [sys.executable, "-m", "tests.trace.fuzz", "--child", *options]
    done = subprocess.run([*command, str(corpus), str(seeds)], check=False)
    if done.returncode:
        print(
            f"the reader broke: run python -m tests.trace.fuzz --input on the file in {_FOLDER} "
            "that is named above"
        )
    return 1 if done.returncode else 0


def check(data: bytes) -> None:
    """Read the data in every way there is. Only TraceFormatError may come of it."""
    from flightrec.errors import TraceFormatError
    from flightrec.trace import AllocFree, Summarizer, batches, go_text, read, wire_events
    from flightrec.trace.plain import event_dict

    for walk in (batches, wire_events):
        try:
            for _ in walk(data):
                pass
        except TraceFormatError:
            pass
    memory = AllocFree()
    try:
        for event in read(data, on_truncated="stop"):
            memory.feed(event)
    except TraceFormatError:
        pass
    summarizer = Summarizer()
    try:
        for chunk in read(data).chunks():
            summarizer.add(chunk)
            for found in chunk[:100]:
                go_text(found)
                event_dict(found)
    except TraceFormatError:
        pass
    summary = summarizer.summary()
    assert sum(summary.events.values()) == summary.event_count


def _fuzz(arguments: list[str]) -> None:
    atheris = importlib.import_module("atheris")  # there may be none for type checkers either
    # The modules must be loaded like this for the fuzzer to see what runs in them.
    with atheris.instrument_imports(include=["flightrec.trace"]):
        import flightrec.trace.plain
        import flightrec.trace.summary  # noqa: F401
    atheris.Setup([sys.argv[0], *arguments], check)
    atheris.Fuzz()


def _why_not() -> str | None:
    """Why there can be no fuzzing here; None if there can."""
    done = subprocess.run(
        [sys.executable, "-c", "import atheris"], capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return None
    reason = done.stderr.strip().rpartition("\n")[2] or f"it ended with {done.returncode}"
    return f"atheris cannot be imported ({reason}); `pip install atheris`, where it can be"


def _write_seeds(folder: Path) -> int:
    """Write Go's test traces into a folder; return how many there are."""
    from tests.trace.rawtext import read_fuzz_seed, read_golden
    from tests.trace.toolchains import toolchains

    folder.mkdir(parents=True, exist_ok=True)
    traces = set()
    for toolchain in toolchains():
        source = toolchain.goroot / "src" / "internal" / "trace"
        for data in (source / "testdata", source / "v2" / "testdata"):
            traces |= {read_fuzz_seed(path) for path in data.glob("fuzz/FuzzReader/*")}
            traces |= {read_golden(path).trace for path in data.glob("tests/*.test")}
    small = [trace for trace in traces if len(trace) <= _MAX_INPUT]
    for trace in small:
        (folder / hashlib.sha256(trace).hexdigest()[:16]).write_bytes(trace)
    return len(small)


if __name__ == "__main__":
    sys.exit(main())
