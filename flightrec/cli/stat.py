"""``flightrec stat``: what a running recorder has, and what its rules have come to."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
import time
from typing import TYPE_CHECKING, Any

from flightrec.cli.layout import terminal_width
from flightrec.cli.units import count, duration, format_duration, format_size

if TYPE_CHECKING:
    from flightrec.cli.options import Subparsers

__all__ = ["configure", "rules_text", "run", "window_text"]

#: Clears a terminal.
_CLEAR = "\x1b[H\x1b[2J"
#: How long the process may take to answer, in seconds.
_SECONDS = 10.0


def configure(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "stat",
        help="show a running recorder's window, and why each rule did or did not fire",
        description="Show the window of a running process's recorder, and for each rule whether it "
        "is armed, its last value, how often it fired, and what prevented it.",
    )
    parser.add_argument(
        "pid", metavar="PID", type=int, help="the process; `flightrec ps` lists them"
    )
    parser.add_argument(
        "--watch",
        type=duration,
        nargs="?",
        const=1.0,
        metavar="TIME",
        help="repeat every TIME (default: 1s), until Ctrl-C or the process ends",
    )
    parser.add_argument("--json", action="store_true", help="as JSON; with --watch one a line")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Show it."""
    from flightrec.control.client import ask, find

    path = find(args.pid)
    while True:
        facts = ask(path, {"do": "stat"}, timeout=_SECONDS)
        facts.pop("ok", None)
        if args.json:
            print(json.dumps(facts, indent=None if args.watch else 2), flush=True)
        else:
            print(_laid_out(_text(facts), watched=args.watch is not None), flush=True)
        if args.watch is None:
            return 0
        time.sleep(args.watch)


def window_text(facts: dict[str, Any]) -> str:
    """Say how large the window is and how far it reaches back."""
    stats = facts["stats"]
    if not facts["enabled"]:
        return "not recording"
    age = stats["age_ns"] / 1e9
    return f"{format_size(stats['window_bytes'])}, {format_duration(age)}"


def rules_text(facts: dict[str, Any]) -> str:
    """Say how many rules there are and how many are armed."""
    rules = facts["rules"]
    if not rules:
        return "none"
    return f"{len(rules)}, {sum(rule['armed'] for rule in rules)} armed"


def _laid_out(text: str, *, watched: bool) -> str:
    """Break lines between words to fit a terminal, which shows one state after the other."""
    if not sys.stdout.isatty():
        return text
    width = terminal_width()
    lines = [textwrap.fill(line, width, subsequent_indent="  ") for line in text.splitlines()]
    return _CLEAR * watched + "\n".join(lines)


def _text(facts: dict[str, Any]) -> str:
    stats = facts["stats"]
    lines = [
        f"{facts['pid']}: {facts['program']} ({facts['go']})",
        f"window: {window_text(facts)}; asked for {facts['min_age']:g} s, "
        f"{format_size(facts['max_bytes'])}",
    ]
    lines.append(
        f"recorded: {format_size(stats['total_bytes'])} in "
        f"{count(stats['total_generations'], 'generation')}, "
        f"{stats['dropped_generations']} dropped"
    )
    lines += [f"rule {rule['text']}" for rule in facts["rules"]]
    return "\n".join(lines)
