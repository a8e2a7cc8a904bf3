"""``flightrec workloads``: what can be run by name, with its arguments."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

from flightrec.cli.options import UsageError

if TYPE_CHECKING:
    from flightrec.cli.options import Subparsers
    from flightrec.workloadinfo import WorkloadInfo

__all__ = ["configure", "run"]


def configure(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "workloads",
        help="list what can be run by name, with arguments, types and defaults",
        description="List the workloads of a library that flightrec has built, or the bundled "
        "ones, with their arguments: `flightrec run NAME KEY=VALUE …`.",
    )
    parser.add_argument(
        "library", metavar="LIB", nargs="?", help="a library (default: the bundled workloads)"
    )
    parser.add_argument("--json", action="store_true", help="as a JSON array")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """List them."""
    import flightrec
    from flightrec.workloadinfo import describe_workloads

    if args.library is not None and Path(args.library).is_dir():
        raise UsageError(
            f"{args.library} is a folder; build it first (flightrec build {args.library})"
        )
    runtime = flightrec.load(args.library)
    found = describe_workloads(runtime._library)
    if args.json:
        print(json.dumps([dataclasses.asdict(workload) for workload in found], indent=2))
    elif found:
        print("\n".join(line for workload in found for line in _lines(workload)))
    else:
        print(f"{args.library} has no workloads: it is a library of C functions")
    return 0


def _lines(workload: WorkloadInfo) -> list[str]:
    from flightrec.cli.session import MAIN

    lines = [f"{workload.name}: {workload.summary}" if workload.summary else workload.name]
    if workload.name == MAIN:
        lines[0] += ": the program; its arguments go behind --"
    elif workload.arguments is None:
        lines.append("  it does not say which arguments it takes")
    rows = [
        (f"{known.name}={json.dumps(known.default)}", known.type, known.help)
        for known in workload.arguments or ()
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    for row in rows:
        lines.append(f"  {row[0]:{widths[0]}}  {row[1]:{widths[1]}}  {row[2]}".rstrip())
    return lines
