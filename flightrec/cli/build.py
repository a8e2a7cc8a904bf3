"""``flightrec build``: a Go package into a library with the bridge inside."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from flightrec.cli.options import add_build_options

if TYPE_CHECKING:
    from flightrec.cli.options import Subparsers

__all__ = ["configure", "run"]


def configure(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "build",
        help="build an unmodified Go package with the bridge inside",
        description="Build a Go package into a shared library that flightrec can load and record. "
        "The package needs no change, and nothing is written into its folder.",
    )
    parser.add_argument(
        "package",
        metavar="PKG",
        help="a package's folder, an import path as seen from here, or import/path@version",
    )
    parser.add_argument(
        "-o", "--output", metavar="LIB", help="the library to write (default: ./libNAME.so)"
    )
    add_build_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Build, and say on standard error what was built."""
    from flightrec.cli.activity import Activity
    from flightrec.cli.units import format_duration, format_size
    from flightrec.destination import check_output
    from flightrec.gobuild import build, default_output

    output = Path(args.output) if args.output else default_output(args.package)
    check_output(output)
    began = time.monotonic()
    with Activity(quiet=args.verbose) as activity:
        built = build(
            args.package,
            output,
            go=args.go,
            godebug=dict(args.godebug),
            tags=args.tags,
            race=args.race,
            verbose=args.verbose,
            flags=args.build_flag,
            instrument=args.instrument,
            on_step=activity.begin,
        )
    took = format_duration(time.monotonic() - began)
    kind = {
        "program": "program",
        "exports": "library with C functions",
        "library": "library package",
    }[built.kind]
    print(
        f"{output}: {built.package}, a {kind}, {format_size(output.stat().st_size)}, "
        f"{built.toolchain.version_text}, in {took}",
        file=sys.stderr,
    )
    for overlay in built.overlays:
        if overlay.missing or args.verbose:
            print(f"overlay {overlay}", file=sys.stderr)
    return 0
