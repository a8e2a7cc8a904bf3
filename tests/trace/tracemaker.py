"""Makes real traces: builds the Go program beside this file and runs it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

from tests.trace.toolchains import Toolchain

_HERE: Final = Path(__file__).resolve().parent


class Scenario(NamedTuple):
    """What runs while a trace is made. ``milliseconds`` and ``nbytes`` bound it."""

    workloads: str
    milliseconds: int = 150
    nbytes: int = 200_000
    profile: bool = False
    godebug: str = ""


#: Scenarios that have everything a trace can have between them.
SCENARIOS: Final = {
    "annotations": Scenario("annotations"),
    "allocfree": Scenario("gc,annotations", 40, godebug="traceallocfree=1"),
    "coroutines": Scenario("fewcoroutines,mutex", 50),
    "gc": Scenario("gc"),
    "generations": Scenario(
        "gc,syscalls,http,annotations", 60, 400_000, godebug="traceadvanceperiod=10000000"
    ),
    "http": Scenario("http"),
    "mutex": Scenario("mutex"),
    "pingpong": Scenario("pingpong"),
    "profile": Scenario("gc,syscalls", 250, profile=True),
    "syscalls": Scenario("syscalls"),
}


class TraceMaker:
    """Makes traces in a folder and keeps them there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def trace(self, toolchain: Toolchain, scenario: str) -> Path:
        """A trace of one of ``SCENARIOS`` made with a toolchain."""
        file = self.folder / f"{scenario}-{toolchain.version}.trace"
        if not file.exists():
            self.record(toolchain, SCENARIOS[scenario], file)
        return file

    def record(self, toolchain: Toolchain, scenario: Scenario, file: Path) -> None:
        """Make a trace of any scenario."""
        command = [
            str(self.program(toolchain, "tracegen")),
            f"-o={file}",
            f"-workloads={scenario.workloads}",
            f"-duration={scenario.milliseconds}ms",
            f"-bytes={scenario.nbytes}",
            f"-profile={str(scenario.profile).lower()}",
        ]
        environment = os.environ | {"GODEBUG": scenario.godebug}
        # With traceallocfree Go 1.25 to 1.27 now and then crash when tracing stops, or write a
        # trace that their own reader refuses: a trace buffer is on the runtime's free list twice
        # (measured: one run in fifty or so).
        flaky = "traceallocfree" in scenario.godebug
        for attempts_left in range(5 if flaky else 1, 0, -1):
            process = subprocess.run(command, env=environment, capture_output=True, check=False)
            if process.returncode == 0 and not (flaky and _refused_by_go(toolchain, file)):
                return
            if attempts_left == 1:
                raise RuntimeError(process.stderr.decode(errors="replace"))

    def program(self, toolchain: Toolchain, name: str) -> Path:
        """The Go program in the folder ``name`` beside this file, built with a toolchain."""
        built = self.folder / f"{name}-{toolchain.version}"
        if not built.exists():
            _build(toolchain, ["-o", str(built), "."], _HERE / name)
        return built

    def verdict_program(self, toolchain: Toolchain) -> Path:
        """The program that asks Go's own reader about files."""
        built = self.folder / f"goverdict-{toolchain.version}"
        if not built.exists():
            build_verdict_program(toolchain, built)
        return built


def build_verdict_program(toolchain: Toolchain, built: Path) -> None:
    """Build the program that asks Go's own reader about files."""
    text = (_HERE / "goverdict" / "main.go.txt").read_text()
    if toolchain.minor == 22:
        text = text.replace('"internal/trace"', 'trace "internal/trace/v2"')
    source = built.with_suffix(".go")
    source.write_text(text)
    # Up to Go 1.25 the go command does not find a package whose files are younger than 2 s.
    os.utime(source, (0, 0))
    # A file in Go's own tree may import Go's internal packages.
    place = toolchain.goroot / "src" / "cmd" / "goverdict" / "main.go"
    overlay = built.with_suffix(".json")
    overlay.write_text(json.dumps({"Replace": {str(place): str(source)}}))
    _build(toolchain, ["-overlay", str(overlay), "-o", str(built), "cmd/goverdict"], built.parent)


def _build(toolchain: Toolchain, arguments: list[str], folder: Path) -> None:
    command = [toolchain.go, "build", *arguments]
    environment = toolchain.environment
    if "-overlay" in arguments:
        environment = environment | {"GOFLAGS": ""}
    subprocess.run(command, cwd=folder, env=environment, check=True)


def _refused_by_go(toolchain: Toolchain, file: Path) -> bool:
    flag = "-d=1" if toolchain.minor < 24 else "-d=parsed"
    process = subprocess.run(
        [toolchain.go, "tool", "trace", flag, str(file)],
        env=toolchain.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return process.returncode != 0
