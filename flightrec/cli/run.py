"""``flightrec run``: run Go code under the recorder, and leave a snapshot."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flightrec.cli.options import UsageError, add_build_options
from flightrec.cli.units import duration, format_duration, format_size, size

if TYPE_CHECKING:
    from types import FrameType

    from flightrec import Departure, FlightRecorder, GoRuntime, Snapshot, WorkloadHandle
    from flightrec.cli.options import Subparsers

__all__ = ["configure", "run"]

_MAIN = "main"
#: How long a workload may take to return after it was cancelled.
_GRACE_SECONDS = 5.0
#: How long the runtime may take to hand over its newest events.
_FLUSH_SECONDS = 10.0
_UNUSABLE = 2


def configure(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "run",
        help="run Go code under the recorder, and leave a snapshot",
        usage="flightrec run [options] TARGET [KEY=VALUE …] [-- ARGS …]",
        epilog="KEY=VALUE: arguments of a workload; a value is JSON, or text. ARGS: a program's.",
        description="Run a Go program, a library's workload or a bundled workload, and keep the "
        "last seconds of its trace. The snapshot is written when it ends: by returning, os.Exit, a "
        "panic, Ctrl-C, SIGTERM, SIGHUP, SIGQUIT or --duration; and whenever SIGUSR1 arrives. A "
        "program's exit status becomes this command's.",
    )
    parser.add_argument(
        "target",
        metavar="TARGET",
        help="a Go package (its folder, an import path with a slash, or import/path@version), a "
        "library that flightrec has built, or a bundled workload's name",
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="where the snapshot goes (default: NAME.trace)"
    )
    parser.add_argument(
        "--min-age",
        type=duration,
        default=10.0,
        metavar="TIME",
        help="how far the window reaches back, if its size allows (default: 10s)",
    )
    parser.add_argument(
        "--max-bytes",
        type=size,
        default=10 << 20,
        metavar="SIZE",
        help="the window's size (default: 10MiB)",
    )
    parser.add_argument(
        "--duration", type=duration, metavar="TIME", help="stop after this time, with status 0"
    )
    parser.add_argument(
        "--workload", metavar="NAME", help="which workload of the library (default: main)"
    )
    parser.add_argument(
        "--experiment",
        action="append",
        default=[],
        choices=["allocfree"],
        help="record an experiment of the runtime's tracer as well",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing but errors")
    add_build_options(parser)
    parser.set_defaults(run=run, free_words=True)


def run(args: argparse.Namespace) -> int:
    """Run the target; return its exit status."""
    import flightrec

    settings = dict(map(_setting, args.words))
    output = Path(args.output or f"{_short(args.target)}.trace")
    if not os.access(output.parent, os.W_OK) or output.is_dir():
        raise UsageError(f"the snapshot cannot be written to {output}; choose with -o FILE")
    runtime, name = _load(args)
    if name == _MAIN:
        if settings:
            raise UsageError(f"a program's arguments go behind --: {' '.join(settings)}")
        arguments: dict[str, Any] = {"args": [args.target, *args.rest]}
    else:
        if args.rest:
            raise UsageError(f"a workload's arguments are KEY=VALUE: {args.rest[0]!r}")
        arguments = settings
        if args.duration is not None:
            arguments.setdefault("duration", args.duration)
    recorder = flightrec.FlightRecorder(
        runtime,
        min_age=args.min_age,
        max_bytes=args.max_bytes,
        experiments=tuple(args.experiment),
    )
    return _Run(recorder, output, quiet=args.quiet).run(name, arguments, args.duration)


def _setting(word: str) -> tuple[str, Any]:
    key, equals, value = word.partition("=")
    if not equals or not key:
        raise UsageError(f"not an argument: {word!r}; write KEY=VALUE, or a program's behind --")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _load(args: argparse.Namespace) -> tuple[GoRuntime, str]:
    """Load the target's library, built if need be, and return which workload to run."""
    import flightrec

    target = Path(args.target)
    if target.is_file() and target.suffix != ".go":
        runtime = flightrec.load(target)
    elif target.exists() or "/" in args.target or "@" in args.target:
        runtime = _build(args)
    else:
        runtime = flightrec.load()
        if args.target not in runtime.workloads():
            raise UsageError(
                f"there is no folder, library or bundled workload {args.target!r}; the workloads "
                f"are {', '.join(runtime.workloads())}"
            )
        return runtime, args.target
    return runtime, _choose(runtime, args)


def _build(args: argparse.Namespace) -> GoRuntime:
    import flightrec
    from flightrec.gobuild import build

    # The loaded library needs its file no more, and Go may end the process at any time.
    with tempfile.TemporaryDirectory(prefix="flightrec-run-", ignore_cleanup_errors=True) as folder:
        built = build(
            args.target,
            Path(folder, f"lib{_short(args.target)}.so"),
            go=args.go,
            godebug=dict(args.godebug),
            tags=args.tags,
            race=args.race,
            verbose=args.verbose,
            flags=args.build_flag,
        )
        return flightrec.load(built.library)


def _choose(runtime: GoRuntime, args: argparse.Namespace) -> str:
    names = runtime.workloads()
    if not names:
        raise UsageError(
            f"{args.target} has nothing to run: it is a library of C functions. Load it in Python "
            "(flightrec.load) and call them through runtime.cdll."
        )
    if args.workload is not None:
        if args.workload not in names:
            raise UsageError(f"{args.target} has no workload {args.workload!r}, only {names}")
        return str(args.workload)
    if _MAIN in names:
        return _MAIN
    if len(names) == 1:
        return names[0]
    raise UsageError(f"{args.target} has several workloads; choose with --workload: {names}")


def _short(target: str) -> str:
    path = Path(target.partition("@")[0])
    name = (path.resolve() if path.exists() else path).name
    return name.partition(".")[0] or "flightrec"


class _Stopped(BaseException):
    """A signal that is to end the run."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


_SIGNALS = (
    ("SIGINT", "_stop"),
    ("SIGTERM", "_stop"),
    ("SIGHUP", "_stop"),
    ("SIGQUIT", "_stop"),
    ("SIGUSR1", "_want_dump"),
)


class _Run:
    """One run: its recorder, its snapshot, its signals and its status line."""

    def __init__(self, recorder: FlightRecorder, output: Path, *, quiet: bool) -> None:
        self._recorder = recorder
        self._runtime = recorder.runtime
        self._shown = output
        self._output = output.absolute()  # the program may change the working folder
        self._quiet = quiet
        self._live = not quiet and sys.stderr.isatty()
        self._writing = threading.RLock()
        self._stopping = False
        self._dump_wanted = False
        self._status: int | None = None  # once it is certain
        self._answer = ""  # of a workload

    def run(self, name: str, arguments: dict[str, Any], seconds: float | None) -> int:
        self._runtime.on_departure(self._departs, as_program=True)
        handle = None
        try:
            # Before Go code runs: what it then asks for by signal.Notify takes their place.
            self._handle_signals()
            self._recorder.start()
            handle = self._runtime.start(name, **arguments)
            status = self._wait(name, handle, seconds)
        except _Stopped as stopped:
            status = 128 + stopped.number
            if handle is not None and name != _MAIN:
                handle.cancel()
                handle.wait(_GRACE_SECONDS)
        self._stopping = True  # a signal meanwhile must not cost the snapshot
        with self._writing:
            written = self._recorder.enabled and self._write()
            self._status = status if written else status or _UNUSABLE
        if self._recorder.enabled:
            with contextlib.suppress(Exception):  # its error was told with the snapshot
                self._recorder.stop()
        if self._answer:
            print(self._answer)
        return self._status

    def _handle_signals(self) -> None:
        for name, handler in _SIGNALS:
            number = getattr(signal, name, None)
            # What is ignored from the start (nohup, a shell's background job) stays so, as in Go.
            if number is not None and signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, getattr(self, handler))

    def _wait(self, name: str, handle: WorkloadHandle, seconds: float | None) -> int:
        from flightrec import WorkloadError, WorkloadPanicError

        ends = time.monotonic() + seconds if seconds is not None and name == _MAIN else None
        while not handle.wait(0.2 if ends is None else max(0.0, min(0.2, ends - time.monotonic()))):
            if self._dump_wanted:
                self._dump_wanted = False
                self._write()
            if ends is not None and time.monotonic() >= ends:
                return 0
            self._show_status()
        try:
            result = handle.result()
        except WorkloadPanicError as exc:
            self._say(f"panic: {exc.reason}\n\n{exc.stack}".rstrip(), always=True)
            return 2
        except WorkloadError as exc:
            self._say(f"flightrec: {exc}", always=True)
            return 1
        if name != _MAIN and not self._quiet:
            self._answer = json.dumps(result)
        return 0

    def _departs(self, departure: Departure) -> None:
        """Go calls os.Exit or panics: write the snapshot, on the thread that is told of it."""
        self._writing.acquire()  # for good: nothing is to be begun that Go would cut off
        if self._status is not None:
            # The program's end was certain before this: a goroutine that was left over.
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(Exception):
                    stream.flush()
            os._exit(self._status)
        self._write()

    def _write(self) -> bool:
        """Write the snapshot, and tell of it or of what went wrong."""
        with self._writing:
            try:
                snapshot = self._snapshot()
                written = snapshot.save(self._output)
            except Exception as exc:
                self._say(f"flightrec: no snapshot: {exc}", always=True)
                return False
            reach = (snapshot.end_ns - (snapshot.start_ns or snapshot.end_ns)) / 1e9
            self._say(
                f"flightrec: {self._shown}: {format_size(written)}, the last "
                f"{format_duration(reach)} in {len(snapshot.generations)} generations "
                f"(look at it: flightrec view {self._shown})"
            )
            return True

    def _snapshot(self) -> Snapshot:
        from flightrec import FlightRecorderError

        try:
            return self._recorder.snapshot(timeout=_FLUSH_SECONDS)
        except (FlightRecorderError, TimeoutError) as exc:
            # The recording has ended, or the runtime is stuck: better than nothing.
            snapshot = self._recorder.snapshot(flush=False)
            if not snapshot.generations:
                raise
            self._say(f"flightrec: the newest events are missing: {exc}", always=True)
            return snapshot

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        if not self._stopping:
            self._stopping = True
            raise _Stopped(number)

    def _want_dump(self, _number: int, _frame: FrameType | None) -> None:
        self._dump_wanted = True

    def _show_status(self) -> None:
        if not self._live:
            return
        stats = self._recorder.stats()
        line = (
            f"window {format_size(stats.window_bytes)}, {format_duration(stats.age_ns / 1e9)}; "
            f"{stats.total_batches} batches, {stats.total_generations} generations"
        )
        print(f"\r{line}\033[K", end="", file=sys.stderr, flush=True)

    def _clear_status(self) -> None:
        if self._live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def _say(self, text: str, *, always: bool = False) -> None:
        if always or not self._quiet:
            with contextlib.suppress(OSError):  # a terminal that is gone, or a pipe
                self._clear_status()
                print(text, file=sys.stderr, flush=True)
