"""``flightrec ps``: which processes have a recorder."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flightrec.cli.options import Subparsers

__all__ = ["configure", "run"]

#: How long a process may take to answer, in seconds.
_SECONDS = 3.0


def configure(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "ps",
        help="list processes that are being recorded",
        description="List this user's processes that record and listen: those started by "
        "`flightrec run`, and Python programs that called recorder.listen().",
    )
    parser.add_argument("--json", action="store_true", help="as a JSON array")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """List them."""
    from concurrent.futures import ThreadPoolExecutor

    from flightrec.control.client import ask, listening
    from flightrec.errors import FlightRecorderError

    def look(pid: int, path: Any) -> dict[str, Any]:
        try:
            return ask(path, {"do": "stat"}, timeout=_SECONDS)
        except FlightRecorderError as exc:
            return {"pid": pid, "error": str(exc)}

    sockets = sorted(listening().items())
    with ThreadPoolExecutor(16) as pool:  # one that does not answer delays no other
        found = list(pool.map(lambda item: look(*item), sockets))
    if args.json:
        print(json.dumps(found, indent=2))
        return 0
    if not found:
        print("no process of yours has a recorder that listens")
        return 0
    print(f"{'PID':>8}  {'WINDOW':<22}  {'RULES':<16}  PROGRAM")
    for facts in found:
        print(_line(facts))
    return 0


def _line(facts: dict[str, Any]) -> str:
    from flightrec.cli.stat import rules_text, window_text

    if "error" in facts:
        return f"{facts['pid']:>8}  {facts['error']}"
    window = window_text(facts)
    return f"{facts['pid']:>8}  {window:<22}  {rules_text(facts):<16}  {facts['program']}"
