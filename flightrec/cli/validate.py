"""``flightrec validate``: is a file a valid Go trace?"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, NamedTuple

from flightrec.cli.options import UsageError, add_go_option

if TYPE_CHECKING:
    from flightrec.cli.options import Subparsers
    from flightrec.errors import TraceFormatError
    from flightrec.toolchain import Toolchain, Verdict

__all__ = ["configure", "run"]

# From here on Go's reader makes just the events that ours does; older ones have no sync events
# or fewer.
_SAME_EVENTS = (1, 25)


def configure(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "validate",
        help="check whether a trace is valid, and if not, where",
        description="Read a whole trace with flightrec's own reader, which is as strict as Go's. "
        "Exit code 1 if the trace is not valid, or if --with-go is given and Go disagrees.",
    )
    parser.add_argument("file", metavar="FILE", help="the trace, gzip'd or not")
    parser.add_argument(
        "--with-go",
        action="store_true",
        help="have Go's own trace tool read it too, and compare; needs a Go toolchain",
    )
    add_go_option(parser)
    parser.set_defaults(run=run)


class _Reading(NamedTuple):
    """How far flightrec's reader came, and why no further."""

    events: int
    error: TraceFormatError | None


def run(args: argparse.Namespace) -> int:
    """Validate, and say what is wrong and where."""
    from flightrec.toolchain import find_toolchain

    with_go = args.with_go or args.go is not None
    if with_go and args.file == "-":
        raise UsageError("Go's trace tool reads no standard input; give --with-go a file")
    # A Go that was asked for and is not there is told before the long reading.
    toolchain = find_toolchain(args.go) if with_go else None
    reading = _read(args.file)
    verdict = None if toolchain is None else _ask_go(args.file, toolchain)
    if toolchain is None or verdict is None:
        _tell(args.file, reading, "read by flightrec")
        return 0 if reading.error is None else 1
    name = toolchain.version_text
    if verdict.valid != (reading.error is None):
        print(f"{args.file}: flightrec and {name} disagree")
        _tell("  flightrec", reading, "")
        _tell_go(f"  {name}", verdict)
        return 1
    _tell(args.file, reading, f"read by flightrec and {name}")
    if not verdict.valid:
        _tell_go(f"  {name}", verdict)
        return 1
    if verdict.events != reading.events and toolchain.version >= _SAME_EVENTS:
        print(f"  but {name} has {_events(verdict.events)}: flightrec and it disagree")
        return 1
    return 0


def _ask_go(file: str, toolchain: Toolchain) -> Verdict:
    from flightrec.cli.activity import Activity
    from flightrec.toolchain import validate_trace

    with Activity() as activity:
        activity.begin(f"{toolchain.version_text} reads it (its first use builds Go's trace tool)")
        return validate_trace(file, toolchain)


def _read(file: str) -> _Reading:
    from flightrec import trace
    from flightrec.cli.progress import ProgressFile
    from flightrec.cli.tracefile import without_collector
    from flightrec.errors import TraceFormatError

    events = 0
    with ProgressFile(file) as opened, without_collector():
        try:
            with trace.read(opened) as reader:
                for chunk in reader.chunks():
                    events += len(chunk)
        except TraceFormatError as exc:
            return _Reading(events, exc)
    return _Reading(events, None)


def _tell(subject: str, reading: _Reading, by: str) -> None:
    suffix = f" ({by})" if by else ""
    if reading.error is None:
        print(f"{subject}: valid, {_events(reading.events)}{suffix}")
    else:
        print(f"{subject}: not a valid trace: {reading.error}{suffix}")
        print(f"  it stopped {_after(reading.events)}")


def _tell_go(subject: str, verdict: Verdict) -> None:
    if verdict.valid:
        print(f"{subject}: valid, {_events(verdict.events)}")
        return
    print(f"{subject}: not a valid trace: {verdict.error}")
    print(f"  Go stopped {_after(verdict.events)}")
    if verdict.last_event:
        print(f"  the last one: {verdict.last_event}")


def _after(events: int) -> str:
    return f"after {_events(events)}" if events else "before any event"


def _events(n: int) -> str:
    from flightrec.cli.units import count

    return count(n, "event")
