"""``flightrec doctor``: what works on this machine and what does not."""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from flightrec.cli.options import add_go_option

if TYPE_CHECKING:
    from flightrec.cli.options import Subparsers

__all__ = ["configure", "run"]


class Finding(NamedTuple):
    """One line of the report. ``works`` is None where it is not known or does not matter."""

    subject: str
    works: bool | None
    text: str


def configure(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "doctor",
        help="check Go, C compiler, library and platform",
        description="Check what flightrec needs. Exit code 1 if it cannot record here; building Go "
        "packages and validating traces need a Go toolchain, recording does not.",
    )
    add_go_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check, and print a line for each thing."""
    recording = _recording()
    toolchain = list(_toolchain(args.go))
    findings = [_python(), _platform(), recording, *toolchain]
    width = max(len(finding.subject) for finding in findings)
    for subject, works, text in findings:
        mark = {True: "ok  ", False: "FAIL", None: "note"}[works]
        indented = text.replace("\n", "\n" + " " * (width + 8))
        print(f"{mark}  {subject:{width}}  {indented}")
    can_build = all(finding.works is not False for finding in toolchain)
    print()
    print(f"Recording {'works' if recording.works else 'does not work'} here.")
    print(f"Building Go packages {'works' if can_build else 'does not work'} here.")
    return 0 if recording.works else 1


def _python() -> Finding:
    from flightrec import __version__

    implementation = platform.python_implementation()
    text = f"flightrec {__version__} on {implementation} {platform.python_version()}"
    if implementation != "CPython":
        return Finding("Python", None, f"{text}: flightrec has never been run on {implementation}")
    return Finding("Python", True, text)


def _platform() -> Finding:
    machine = platform.machine()
    if sys.platform != "linux":
        return Finding(
            "platform",
            None,
            f"{platform.system()} {machine}: flightrec has never been run on it; it is written to "
            "work there",
        )
    libc = " ".join(platform.libc_ver())
    if not libc.startswith("glibc") or "musl" in (sysconfig.get_config_var("HOST_GNU_TYPE") or ""):
        return Finding(
            "platform",
            False,
            f"Linux {machine} with {libc or 'another C library than glibc'}: Go cannot be loaded "
            "as a shared library into a program that uses musl",
        )
    if machine not in ("x86_64", "AMD64"):
        return Finding("platform", None, f"Linux {machine}, {libc}: never run on this processor")
    return Finding("platform", True, f"Linux {machine}, {libc}")


# In another process: where a Go runtime cannot be loaded, the process may well crash.
_RECORD = """\
import flightrec
from flightrec.library import bundled_library
print(bundled_library())
runtime = flightrec.load()
with flightrec.FlightRecorder(runtime) as recorder:
    runtime.log("flightrec", "doctor")
    nbytes = len(bytes(recorder.snapshot()))
print(f"{runtime.go_version}, {len(runtime.workloads())} workloads, recorded {nbytes} bytes")
print(f"overlays: {', '.join(runtime.overlays) or 'none'}")
"""


def _recording() -> Finding:
    done = subprocess.run(
        [sys.executable, "-c", _RECORD],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    lines = done.stdout.splitlines()
    if done.returncode == 0 and len(lines) == 3:
        return Finding("recording", True, f"{lines[1]}\n{lines[2]}\n{lines[0]}")
    said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}, nothing said"]
    # The last line of a traceback is the error's own.
    return Finding("recording", False, said[-1].partition(": ")[2] or said[-1])


def _toolchain(go: str | None) -> Iterator[Finding]:
    from flightrec.errors import ToolchainError
    from flightrec.gobuild.overlays import DEFAULT_OVERLAYS, inspect_overlays
    from flightrec.toolchain import find_toolchain

    try:
        toolchain = find_toolchain(go)
    except ToolchainError as exc:
        yield Finding("Go", False, str(exc))
        return
    where = f"{toolchain.version_text}, {toolchain.go} ({toolchain.source})"
    yield Finding("Go", True, where)
    try:
        compiler = toolchain.require_c_compiler()
    except ToolchainError as exc:
        yield Finding("C compiler", False, str(exc))
    else:
        yield Finding("C compiler", True, compiler)
    outcomes = inspect_overlays(DEFAULT_OVERLAYS, toolchain)
    absent = [str(outcome) for outcome in outcomes if outcome.missing]
    text = "\n".join(absent) or ", ".join(outcome.name for outcome in outcomes)
    yield Finding("overlays", None if absent else True, text)
