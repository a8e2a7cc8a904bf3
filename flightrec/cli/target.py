"""What ``flightrec run`` is to run: a package to be built, a library, or a bundled workload."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flightrec.cli.options import UsageError, refuse_build_options
from flightrec.cli.session import MAIN

if TYPE_CHECKING:
    import argparse

    from flightrec import GoRuntime

__all__ = ["Target", "load_target", "short_name"]


@dataclass(frozen=True)
class Target:
    """What is to be run.

    :ivar workload: its name in the runtime.
    :ivar executable: a program's name for itself, a file that runs it unrecorded.
    """

    runtime: GoRuntime
    workload: str
    executable: Path | None = None

    @property
    def is_program(self) -> bool:
        """Whether it is a program, run by its main function."""
        return self.workload == MAIN


def short_name(target: str) -> str:
    """Return what a target is called for short: ``caddy``, for its snapshot's name."""
    path = Path(target.partition("@")[0])
    path = path.resolve() if path.exists() else path
    if re.fullmatch(r"v\d+", path.name) and len(path.parts) > 1:
        path = path.parent  # a module's major version, which Go leaves out as well
    return path.name.partition(".")[0] or "flightrec"


def load_target(args: argparse.Namespace, folder: Path) -> Target:
    """Load the target's library, built if necessary.

    :param folder: lasts as long as the run.
    :raises UsageError: there is no such target or workload.
    """
    target = Path(args.target)
    if target.is_file() and target.suffix != ".go":
        refuse_build_options(args, args.target)
        library = target
    elif target.exists() or "/" in args.target or "@" in args.target:
        library = _build(args, folder)
    else:
        refuse_build_options(args, f"the bundled workload {args.target}")
        return _bundled(args.target, args.workload)
    return _load(args.target, library, args.rest, args.workload, folder)


def _bundled(name: str, wanted: str | None) -> Target:
    import flightrec

    runtime = flightrec.load()
    if name not in runtime.workloads():
        near = difflib.get_close_matches(name, runtime.workloads(), n=1)
        hint = f"did you mean {near[0]}? The" if near else "the"
        raise UsageError(
            f"there is no folder, library or bundled workload {name!r}; {hint} "
            f"workloads are {', '.join(runtime.workloads())}"
        )
    if wanted not in (None, name):
        raise UsageError(
            f"{name} is itself a workload: --workload {wanted} is for a library that has several"
        )
    return Target(runtime, name)


def _build(args: argparse.Namespace, folder: Path) -> Path:
    from flightrec.cli.activity import Activity
    from flightrec.gobuild import build

    with Activity(quiet=args.quiet or args.verbose) as activity:
        return build(
            args.target,
            folder / f"lib{short_name(args.target)}.so",
            go=args.go,
            godebug=dict(args.godebug),
            tags=args.tags,
            race=args.race,
            verbose=args.verbose,
            flags=args.build_flag,
            instrument=args.instrument,
            on_step=activity.begin,
        ).library


def _load(
    target: str, library: Path, arguments: list[str], wanted: str | None, folder: Path
) -> Target:
    import flightrec
    from flightrec.cli.unrecorded import write_stub
    from flightrec.launch import launching

    name = short_name(target)
    own = name.removeprefix("lib") if library == Path(target) else name
    stub = folder / (own or name)
    write_stub(stub, library)
    with launching([str(stub), *arguments], stub):
        runtime = flightrec.load(library)
    workload = _choose_workload(runtime, target, wanted)
    return Target(runtime, workload, stub if workload == MAIN else None)


def _choose_workload(runtime: GoRuntime, target: str, wanted: str | None) -> str:
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
