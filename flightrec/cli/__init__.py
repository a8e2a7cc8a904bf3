"""The command line. One module a command, each with ``configure(subparsers)`` and ``run(args)``.

Exit codes: 0 done; 1 the thing checked is not so; 2 wrong usage or environment.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence

from flightrec._version import __version__
from flightrec.errors import FlightRecorderError

__all__ = ["DONE", "NOT_SO", "UNUSABLE", "main"]

DONE, NOT_SO, UNUSABLE = 0, 1, 2

# In the order in which help shows them. Each module imports what it needs when it is run.
_COMMANDS = (
    "run",
    "build",
    "ps",
    "dump",
    "stat",
    "validate",
    "info",
    "events",
    "sql",
    "export",
    "report",
    "view",
    "doctor",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code.

    An error of flightrec's own, or of the operating system, is shown in one sentence without a
    traceback. Ctrl-C ends with 130, as a shell reports it.
    """
    try:
        args = _parse(sys.argv[1:] if argv is None else list(argv))
        code = args.run(args)
        # What is still buffered must fail here, where it can be reported, not at exit.
        sys.stdout.flush()
    except SystemExit as exc:  # argparse: wrong usage, --help, --version
        return exc.code if isinstance(exc.code, int) else UNUSABLE
    except BrokenPipeError:
        # The reader went away (`flightrec events … | head`), which is not an error. Python would
        # flush once more at exit, and complain: give it somewhere to flush to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except FlightRecorderError as exc:
        print(f"flightrec: {exc}", file=sys.stderr)
        return UNUSABLE
    except OSError as exc:
        subject = f"{exc.filename}: " if exc.filename is not None else ""
        print(f"flightrec: {subject}{exc.strerror or exc}", file=sys.stderr)
        return UNUSABLE
    except KeyboardInterrupt:
        return 130
    return code if isinstance(code, int) else DONE


def _parse(argv: list[str]) -> argparse.Namespace:
    """Parse a command line.

    What stands behind ``--`` becomes ``args.rest``, and words that argparse has no place for become
    ``args.words``, both for commands that set ``free_words``. argparse itself cannot take
    positional arguments that stand behind an option's.
    """
    parser = _parser()
    rest = argv[argv.index("--") + 1 :] if "--" in argv else []
    args, words = parser.parse_known_args(argv[: argv.index("--")] if "--" in argv else argv)
    options = [word for word in words if word.startswith("-")]
    if not getattr(args, "free_words", False):
        options = words + rest
    if options:
        parser.error(f"unrecognized arguments: {' '.join(options)}")
    args.words, args.rest = words, rest
    return args


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="flightrec",
        description="A flight recorder for a real Go runtime inside a Python process.",
        epilog="Exit codes: 0 done, 1 the thing checked is not so, 2 wrong usage or environment.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"flightrec {__version__}")
    subparsers = parser.add_subparsers(
        title="commands", dest="command", metavar="COMMAND", required=True
    )
    for name in _COMMANDS:
        if importlib.util.find_spec(f"flightrec.cli.{name}") is not None:
            importlib.import_module(f"flightrec.cli.{name}").configure(subparsers)
    return parser
