"""Building a user's Go package, unmodified, with the bridge inside."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flightrec.errors import ToolchainError
from flightrec.gobuild.bundled import LIBRARY_SUFFIX, bridge_source
from flightrec.gobuild.fetch import Fetched, fetch_package
from flightrec.gobuild.goflags import flag_values
from flightrec.gobuild.modules import view_modules
from flightrec.gobuild.notfound import looks_published, not_here
from flightrec.gobuild.overlays import (
    DEFAULT_OVERLAYS,
    INSTRUMENTS,
    Outcome,
    Overlay,
    apply_overlays,
)
from flightrec.gobuild.overlays.module_version import linker_setting
from flightrec.gobuild.package import Kind, Package, find_package, inject_bridge
from flightrec.toolchain import Toolchain, find_toolchain

__all__ = ["Built", "build", "default_output"]


@dataclass(frozen=True, kw_only=True)
class Built:
    """What :func:`build` has built.

    :ivar library: the shared library.
    :ivar package: the Go package's import path.
    :ivar kind: ``program``: its main function is the workload ``main``; ``exports``: a package main
        with C functions of its own and an empty main; ``library``: a package that is not main.
    :ivar toolchain: what it was built with.
    :ivar overlays: the changes of Go's own sources, and whether each is in.
    """

    library: Path
    package: str
    kind: Kind
    toolchain: Toolchain
    overlays: tuple[Outcome, ...] = ()


def build(
    package: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    go: str | os.PathLike[str] | None = None,
    godebug: Mapping[str, str | int] | None = None,
    tags: Sequence[str] = (),
    race: bool = False,
    verbose: bool = False,
    flags: Sequence[str] = (),
    instrument: Sequence[str] = (),
    on_step: Callable[[str], None] = lambda step: None,
) -> Built:
    """Build a Go package into a shared library that :func:`flightrec.load` can load.

    The package needs no change, and nothing is written into its folder or module. It may be an
    ordinary program, a package main with C functions of its own, or a library package that exports
    C functions or registers workloads. Workspaces, vendor folders, build tags, GOFLAGS and
    read-only folders are respected; cgo is always on, as a shared library needs it. What Go builds,
    Go caches: a second build takes about a second.

    May be called from several threads at once, and for several outputs.

    :param package: a folder; or an import path as seen from the current folder; or
        ``import/path@version``, which Go downloads, as ``go run`` would.
    :param output: the library's path; its folder is created if necessary. For a package with C
        functions of its own, Go writes their header beside it.
    :param go: the go command or its GOROOT; otherwise as :func:`flightrec.toolchain.find_toolchain`
        finds it.
    :param godebug: GODEBUG settings to build in, on top of those that the module has; for what can
        only be set at process start, such as ``{"traceadvanceperiod": 100_000_000}`` (ns).
    :param tags: build tags.
    :param race: with the race detector.
    :param verbose: show the names of packages as they are compiled, on standard error.
    :param flags: further flags for ``go build``, such as ``-ldflags=-X main.version=1.2``.
    :param instrument: standard packages whose work is to be seen in traces: ``net/http`` (requests
        become tasks, by method and route) and ``database/sql`` (operations become regions).
    :param on_step: is told what begins and may take long: ``downloading x/y@latest``, ``building
        x/y``.
    :raises ToolchainError: no usable Go or C compiler, no such package, or it does not compile;
        Go's words are in ``output``.
    """
    toolchain = find_toolchain(None if go is None else Path(go))
    toolchain.require_c_compiler()
    overlays = [*DEFAULT_OVERLAYS, *map(_instrument, instrument)]
    target = Path(output).absolute()
    if target.is_dir():
        raise ToolchainError(f"{output} is a folder; name the library file to write")
    settings = _godebug_text(godebug or {})
    options = list(flags)
    if tags:
        options.append(f"-tags={','.join(tags)}")
    if race:
        options.append("-race")
    with tempfile.TemporaryDirectory(prefix="flightrec-build-") as scratch:
        found, outcomes = _build(
            str(package),
            target,
            toolchain,
            Path(scratch),
            options,
            settings,
            verbose,
            on_step,
            overlays,
        )
    return Built(
        library=target,
        package=found.import_path,
        kind=found.kind,
        toolchain=toolchain,
        overlays=outcomes,
    )


def _build(
    name: str,
    target: Path,
    toolchain: Toolchain,
    scratch: Path,
    options: list[str],
    godebug: str,
    verbose: bool,
    on_step: Callable[[str], None],
    overlays: Sequence[Overlay],
) -> tuple[Package, tuple[Outcome, ...]]:
    fetched: Fetched | None = None
    if "@" in name and not Path(name).exists():
        on_step(f"downloading {name}")
        fetched = fetch_package(name, toolchain, scratch)
        folder, pattern = fetched.folder, "."
        options.append("-buildvcs=false")  # the repository around the copy, if any, is another's
    else:
        folder, pattern = _locate(name)
    bridge = bridge_source()
    on_step(f"building {name}")
    try:
        view = view_modules(folder, bridge, toolchain, scratch, tuple(options))
        env = {**_ENVIRONMENT, **view.env}
        package = find_package(pattern, folder, view, options, env, toolchain)
    except ToolchainError as exc:
        if pattern != "." and looks_published(name):
            raise not_here(name, exc) from exc
        raise
    _refuse_shared_source(package, view.modcache, view.goroot)
    outcomes = apply_overlays(overlays, view, bridge, toolchain)
    injected = inject_bridge(package, view)
    variables = []
    if godebug:
        settings = ",".join(filter(None, (package.default_godebug, godebug)))
        # The linker takes the last -X for a variable; Go's own, from go.mod, comes before these.
        variables.append(f"-X=runtime.godebugDefault={settings}")
    if fetched is not None:
        variables.append(linker_setting(fetched.module, fetched.version, fetched.sum))
    if variables:
        users = flag_values(view.goflags, "ldflags")[-1:]
        options.append("-ldflags=" + " ".join([*users, *variables]))
    target.parent.mkdir(parents=True, exist_ok=True)
    toolchain.run(
        "build",
        *(["-v"] if verbose else []),
        *options,
        *view.write(),
        "-buildmode=c-shared",
        f"-o={target}",
        injected,
        cwd=package.folder,
        env=env,
        echo=verbose,
    )
    return package, outcomes


_ENVIRONMENT = {
    "CGO_ENABLED": "1",
    # Go asks git about the module for the version stamp, and git would rewrite its index.
    "GIT_OPTIONAL_LOCKS": "0",
}


def _locate(name: str) -> tuple[Path, str]:
    """Return the folder to run Go in and the package pattern to give it."""
    path = Path(name).expanduser()
    if path.is_dir():
        return path.resolve(), "."
    if path.is_file():
        raise ToolchainError(f"{name} is a file; name the folder of its package ({path.parent})")
    if path.is_absolute() or name.startswith("."):
        raise ToolchainError(f"there is no folder {name}")
    return Path.cwd(), name


def _refuse_shared_source(package: Package, modcache: Path, goroot: Path) -> None:
    for shared in (modcache, goroot):
        if shared in package.folder.parents:
            raise ToolchainError(
                f"{package.import_path} is in {shared}, which all Go builds share, so the bridge "
                "cannot be put in. For a published program, name import/path@version."
            )


def _instrument(package: str) -> Overlay:
    try:
        return INSTRUMENTS[package]
    except KeyError:
        raise ToolchainError(
            f"flightrec cannot instrument {package}, only {', '.join(INSTRUMENTS)}"
        ) from None


def _godebug_text(settings: Mapping[str, str | int]) -> str:
    for key, value in settings.items():
        if not re.fullmatch(r"[A-Za-z0-9]+", key) or not re.fullmatch(r"[^\s,'\"]+", str(value)):
            raise ToolchainError(f"not a GODEBUG setting: {key}={value}")
    return ",".join(f"{key}={value}" for key, value in settings.items())


def default_output(package: str | os.PathLike[str]) -> Path:
    """Return the library path for a package if none is given: ``libNAME.so`` in this folder."""
    path = Path(package)
    name = (path.resolve() if path.is_dir() else Path(str(package).partition("@")[0])).name
    return Path(f"lib{name or 'main'}{LIBRARY_SUFFIX}")
