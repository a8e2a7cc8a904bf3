"""The command line. One module a command, each with ``configure(subparsers)`` and ``run(args)``.

Exit codes: 0: done. 1: the check failed. 2: wrong usage or environment.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Sequence

from flightrec._version import __version__
from flightrec.cli.streams import discard_output, prepare_streams
from flightrec.errors import FlightRecorderError

__all__ = ["DONE", "NOT_SO", "UNUSABLE", "main"]

DONE, NOT_SO, UNUSABLE = 0, 1, 2

# In the order in which help shows them. Each module imports what it needs when it is run.
_COMMANDS = (
    "run",
    "build",
    "workloads",
    "ps",
    "dump",
    "stat",
    "rule",
    "validate",
    "why",
    "info",
    "events",
    "goroutine",
    "diff",
    "sql",
    "export",
    "redact",
    "report",
    "view",
    "doctor",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code.

    An error of flightrec's own, or of the operating system, is shown in one sentence without a
    traceback. Ctrl-C ends with 130, as a shell reports it.
    """
    prepare_streams()
    code = _run(sys.argv[1:] if argv is None else list(argv))
    # What is still buffered must fail here, where it can be reported, not at exit.
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        discard_output()  # the reader went away (`flightrec events … | head`), which is no error
    except OSError as exc:
        discard_output()
        _complain(f"standard output: {exc.strerror or exc}")
        return code or UNUSABLE
    return code


def _run(argv: list[str]) -> int:
    try:
        args = _parse(argv)
        code = args.run(args)
    except SystemExit as exc:  # argparse: wrong usage, --help, --version
        return exc.code if isinstance(exc.code, int) else UNUSABLE
    except BrokenPipeError:
        return DONE  # as when it is noticed at the end only
    except FlightRecorderError as exc:
        _complain(str(exc))
        return UNUSABLE
    except OSError as exc:
        subject = f"{exc.filename}: " if exc.filename is not None else ""
        _complain(f"{subject}{exc.strerror or exc}")
        return UNUSABLE
    except KeyboardInterrupt:
        return 130
    return code if isinstance(code, int) else DONE


def _complain(sentence: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # standard error is gone: the status remains
        print(f"flightrec: {sentence}", file=sys.stderr)


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
        epilog="Exit codes: 0: done. 1: the check failed. 2: wrong usage or environment.",
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
