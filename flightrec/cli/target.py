"""What ``flightrec run`` is to run: a package to be built, a library, or a bundled workload."""

from __future__ import annotations

import difflib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from flightrec.cli.options import UsageError
from flightrec.cli.session import MAIN

if TYPE_CHECKING:
    import argparse

    from flightrec import GoRuntime

__all__ = ["choose_workload", "load_target", "short_name"]


def short_name(target: str) -> str:
    """Return what a target is called for short: ``caddy``, for its snapshot's name."""
    path = Path(target.partition("@")[0])
    name = (path.resolve() if path.exists() else path).name
    return name.partition(".")[0] or "flightrec"


def load_target(args: argparse.Namespace) -> tuple[GoRuntime, str]:
    """Load the target's library, built if need be, and return which workload to run.

    :raises UsageError: there is no such target or workload.
    """
    import flightrec

    target = Path(args.target)
    if target.is_file() and target.suffix != ".go":
        runtime = flightrec.load(target)
    elif target.exists() or "/" in args.target or "@" in args.target:
        runtime = _build(args)
    else:
        runtime = flightrec.load()
        if args.target not in runtime.workloads():
            near = difflib.get_close_matches(args.target, runtime.workloads(), n=1)
            hint = f"did you mean {near[0]}? The" if near else "the"
            raise UsageError(
                f"there is no folder, library or bundled workload {args.target!r}; {hint} "
                f"workloads are {', '.join(runtime.workloads())}"
            )
        if args.workload not in (None, args.target):
            raise UsageError(
                f"{args.target} is itself a workload: --workload {args.workload} is for a library "
                "that has several"
            )
        return runtime, args.target
    return runtime, choose_workload(runtime, args.target, args.workload)


def _build(args: argparse.Namespace) -> GoRuntime:
    import flightrec
    from flightrec.cli.activity import Activity
    from flightrec.gobuild import build

    # The loaded library needs its file no more, and Go may end the process at any time.
    with tempfile.TemporaryDirectory(prefix="flightrec-run-", ignore_cleanup_errors=True) as folder:
        with Activity(quiet=args.quiet or args.verbose) as activity:
            built = build(
                args.target,
                Path(folder, f"lib{short_name(args.target)}.so"),
                go=args.go,
                godebug=dict(args.godebug),
                tags=args.tags,
                race=args.race,
                verbose=args.verbose,
                flags=args.build_flag,
                on_step=activity.begin,
            )
        return flightrec.load(built.library)


def choose_workload(runtime: GoRuntime, target: str, wanted: str | None) -> str:
    """Return which workload of a library to run: the one wanted, its main, or its only one.

    :raises UsageError: there is none such, or there are several.
    """
    names = runtime.workloads()
    if not names:
        raise UsageError(
            f"{target} has nothing to run: it is a library of C functions. Load it in Python "
            "(flightrec.load) and call them through runtime.cdll."
        )
    if wanted is not None:
        if wanted not in names:
            raise UsageError(f"{target} has no workload {wanted!r}, only {', '.join(names)}")
        return wanted
    if MAIN in names:
        return MAIN
    if len(names) == 1:
        return names[0]
    raise UsageError(f"{target} has several workloads; choose with --workload: {', '.join(names)}")
