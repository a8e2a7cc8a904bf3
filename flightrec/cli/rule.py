"""``flightrec rule``: add rules to a running recorder, and remove them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flightrec.cli.units import delay, duration, size

if TYPE_CHECKING:
    from flightrec.cli.options import Subparsers

__all__ = ["configure", "run"]

_SECONDS = 20.0


def configure(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "rule",
        help="add a rule to a running recorder, or remove one",
        description="Have a running process save a snapshot whenever a condition becomes true, "
        "such as 'goroutines > 10000' or 'http slower than 200ms'; docs/rules.md has the language. "
        "`flightrec stat PID` shows the rules.",
    )
    parser.add_argument(
        "pid", metavar="PID", type=int, help="the process; `flightrec ps` lists them"
    )
    actions = parser.add_subparsers(title="actions", dest="action", metavar="ACTION", required=True)
    add = actions.add_parser(
        "add",
        help="add a rule",
        description="Add a rule, and print its name. The running process saves the snapshots; it "
        "makes the folder if there is none.",
    )
    add.add_argument("rule", metavar="RULE", help="such as 'goroutines > 10000'")
    add.add_argument(
        "-d", "--snapshots-dir", metavar="DIR", required=True, help="where the snapshots go"
    )
    add.add_argument("--name", metavar="NAME", help="the rule's name (default: RULE itself)")
    add.add_argument(
        "--tail",
        type=delay,
        metavar="TIME",
        help="keep recording this long after the rule fires, then save",
    )
    add.add_argument(
        "--last", type=duration, metavar="TIME", help="save only this much of the window"
    )
    add.add_argument(
        "--arm-after",
        type=delay,
        metavar="TIME",
        help="do not fire until the window reaches back this far (default: its --min-age)",
    )
    add.add_argument(
        "--min-interval",
        type=delay,
        metavar="TIME",
        help="least time between two snapshots of any rules (default: 1s)",
    )
    add.add_argument(
        "--per-rule",
        type=delay,
        metavar="TIME",
        help="least time between two snapshots of this rule (default: 1m)",
    )
    add.add_argument(
        "--max-files", type=int, metavar="N", help="the most snapshots in the folder (default: 50)"
    )
    add.add_argument(
        "--max-bytes",
        type=size,
        metavar="SIZE",
        help="their size together, at most (default: 1GiB)",
    )
    remove = actions.add_parser("remove", help="remove a rule", description="Remove a rule.")
    remove.add_argument("name", metavar="NAME", help="as `flightrec stat` shows it")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Add or remove it."""
    from flightrec.control.client import ask, find

    path = find(args.pid)
    if args.action == "remove":
        ask(path, {"do": "remove rule", "name": args.name}, timeout=_SECONDS)
        return 0
    request: dict[str, Any] = {
        "do": "add rule",
        "rule": args.rule,
        "to": str(Path(args.snapshots_dir).absolute()),
    }
    options = ("name", "tail", "last", "arm_after")
    limits = ("min_interval", "per_rule", "max_files", "max_bytes")
    for option in (*options, *limits):
        request[option] = getattr(args, option)
    reply = ask(path, request, timeout=_SECONDS)
    print(reply["name"])
    return 0
