"""``flightrec build``."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from flightrec.toolchain import find_toolchain
from tests.gomodules import HELLO, run_command, run_main, write_tree

FILES = {"go.mod": "module example.com/hello\n\ngo 1.22\n", "main.go": HELLO}


def said(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a command said, without how long it has taken so far."""
    lines = done.stderr.splitlines(keepends=True)
    return "".join(line for line in lines if not line.endswith(" s so far\n"))


@pytest.mark.matrix
def test_builds_into_the_named_library(tmp_path: Path) -> None:
    """A folder becomes the library that -o names, and one line says what it is."""
    write_tree(tmp_path / "hello", FILES)
    done = run_command("build", tmp_path / "hello", "-o", tmp_path / "lib.so")
    assert done.returncode == 0, done.stderr
    assert said(done).startswith(f"{tmp_path}/lib.so: example.com/hello, a program, ")
    assert run_main(tmp_path / "lib.so", "x") == "hello x\n"


def test_names_the_library_after_the_package(tmp_path: Path) -> None:
    """Without -o the library is named after the package, in the current folder."""
    write_tree(tmp_path / "hello", FILES)
    root = str(Path(__file__).parents[1])
    done = run_command("build", "./hello", cwd=tmp_path, env={**os.environ, "PYTHONPATH": root})
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hello", "libhello.so"]


def test_compile_error_is_shown_once(tmp_path: Path) -> None:
    """What Go says of code that does not compile is shown once, with exit code 2."""
    write_tree(tmp_path, {**FILES, "main.go": "package main\n\nfunc main() { nonsense() }\n"})
    done = run_command("build", tmp_path, "-o", tmp_path / "lib.so")
    assert done.returncode == 2
    assert done.stderr.count("undefined: nonsense") == 1
    assert said(done).startswith("flightrec: `go build` failed:\n# example.com/hello\n")


def test_compile_error_is_shown_once_when_verbose(tmp_path: Path) -> None:
    """With -v, Go's output comes as it is printed, and is not repeated after it."""
    write_tree(tmp_path, {**FILES, "main.go": "package main\n\nfunc main() { nonsense() }\n"})
    done = run_command("build", "-v", tmp_path, "-o", tmp_path / "lib.so")
    assert done.returncode == 2
    assert done.stderr.count("undefined: nonsense") == 1
    assert done.stderr.endswith("flightrec: `go build` failed\n")


def test_options_reach_the_build(tmp_path: Path) -> None:
    """--go, --tags and --build-flag are passed on."""
    main = (
        "//go:build special\n\n"
        'package main\n\nimport "os"\n\nvar name string\n\n'
        'func main() { os.Stdout.WriteString("I am " + name) }\n'
    )
    write_tree(tmp_path / "src", {**FILES, "main.go": main})
    done = run_command(
        "build", tmp_path / "src", "-o", tmp_path / "lib.so",
        "--go", find_toolchain().root,
        "--tags", "other,special",
        "--build-flag=-ldflags=-X main.name=special",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert run_main(tmp_path / "lib.so") == "I am special"


def test_go_too_old(tmp_path: Path) -> None:
    """A Go that is too old is told with its version, with exit code 2."""
    go = tmp_path / "go"
    go.write_text('#!/bin/sh\necho \'{"GOVERSION": "go1.21.13"}\'\n')
    go.chmod(0o755)
    write_tree(tmp_path / "src", FILES)
    done = run_command("build", tmp_path / "src", "-o", tmp_path / "lib.so", "--go", go)
    assert done.returncode == 2
    assert "is go1.21.13, which is too old" in done.stderr
