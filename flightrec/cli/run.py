"""``flightrec run``: run Go code under the recorder, and leave a snapshot."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from flightrec.cli.arguments import read_words, workload_arguments
from flightrec.cli.fulltrace import add_trace_options, read_trace_options
from flightrec.cli.options import UsageError, add_build_options
from flightrec.cli.signals import SignalHandlers, dump_signal
from flightrec.cli.units import duration, size
from flightrec.cli.watching import add_rule_options

if TYPE_CHECKING:
    from flightrec.cli.options import Subparsers
    from flightrec.cli.runfolder import RunFolder

__all__ = ["configure", "run"]


def configure(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "run",
        help="run Go code under the recorder, and leave a snapshot",
        usage="flightrec run [options] TARGET [KEY=VALUE …] [-- ARGS …]",
        epilog="KEY=VALUE: arguments of a workload (flightrec workloads lists them); a value is "
        "JSON, or text. ARGS: a program's.",
        description="Run a Go program, a library's workload or a bundled workload, and keep the "
        "last seconds of its trace. The snapshot is written when it ends: by returning, os.Exit, a "
        "panic, Ctrl-C, SIGTERM, SIGHUP, SIGQUIT or --duration. SIGUSR1 writes one meanwhile, with "
        "a number in its name. A program's exit status becomes this command's.",
    )
    parser.add_argument(
        "target",
        metavar="TARGET",
        help="a Go package (its folder, an import path with a slash, or import/path@version), a "
        "library that flightrec has built, or a bundled workload's name",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="where the snapshot goes (default: NAME.trace); - is standard output",
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
        "--dump-signal",
        type=dump_signal,
        default="SIGUSR1",
        metavar="SIGNAL",
        help="the signal that asks for a snapshot while the program runs (default: SIGUSR1), "
        "for programs that use SIGUSR1 themselves; none: no signal",
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
    parser.add_argument(
        "--status",
        action="store_true",
        help="show a status line for a program too; only if its standard output goes elsewhere",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="print only errors")
    add_trace_options(parser)
    add_rule_options(parser)
    add_build_options(parser)
    parser.set_defaults(run=run, free_words=True)


def run(args: argparse.Namespace) -> int:
    """Run the target; return its exit status."""
    from flightrec.cli.runfolder import RunFolder

    with RunFolder() as folder:
        return _run(args, folder)


def _run(args: argparse.Namespace, folder: RunFolder) -> int:
    import flightrec
    from flightrec.cli.session import Session
    from flightrec.cli.snapshots import SnapshotFile, SnapshotWriter
    from flightrec.cli.target import load_target, short_name
    from flightrec.cli.voice import Voice
    from flightrec.cli.watching import Watching, read_rule_options

    rules = read_rule_options(args)
    given = read_words(args.words)
    file = SnapshotFile(args.output, f"{short_name(args.target)}.trace")
    file.check()
    trace = read_trace_options(args, file)
    target = load_target(args, folder.path)
    if target.is_program:
        if given:
            raise UsageError(f"a program's arguments go behind --: {' '.join(args.words)}")
        arguments: dict[str, Any] = {"args": [str(target.executable), *args.rest]}
        seconds = args.duration
    else:
        if args.rest:
            raise UsageError(f"a workload's arguments are KEY=VALUE: {args.rest[0]!r}")
        arguments, seconds = workload_arguments(
            target.runtime, target.workload, given, args.duration
        )
    recorder = flightrec.FlightRecorder(
        target.runtime,
        min_age=args.min_age,
        max_bytes=args.max_bytes,
        experiments=tuple(args.experiment),
    )
    voice = Voice(quiet=args.quiet, status=_wants_status(args, target.is_program))
    watching = Watching(
        recorder,
        rules,
        voice,
        folder=f"{short_name(args.target)}.snapshots",
        program=" ".join([args.target, *args.rest]),
    )
    file.prepare()
    if trace is not None:
        trace.prepare()
    snapshots = SnapshotWriter(recorder, file, voice)
    signals = SignalHandlers(dump=args.dump_signal)
    session = Session(
        recorder, snapshots, voice, signals, watching, trace, at_departure=folder.close
    )
    return session.run(target.workload, arguments, seconds)


def _wants_status(args: argparse.Namespace, is_program: bool) -> bool:
    """Decide about the status line: none where a program uses the terminal."""
    if not is_program or not args.status:
        return not is_program
    if sys.stdout is not None and sys.stdout.isatty():
        raise UsageError(
            "--status needs the terminal for itself, and this program's standard output goes "
            "there: redirect it (> FILE)"
        )
    return True
