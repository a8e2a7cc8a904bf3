"""What a Go package is, and the Go file that puts the bridge into it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from flightrec.errors import ToolchainError
from flightrec.gobuild.modules import BRIDGE_MODULE, ModuleView
from flightrec.toolchain import Toolchain

__all__ = ["Kind", "Package", "find_package", "inject_bridge"]

Kind = Literal["program", "exports", "library"]

_FIELDS = "Dir,ImportPath,Name,GoFiles,CgoFiles,DefaultGODEBUG,Deps,ForTest,Standard"


@dataclass(frozen=True, kw_only=True)
class Package:
    """A Go package as ``go list`` describes it.

    :ivar kind: ``program``: a package main that is run by its main function; ``exports``: a package
        main whose C functions are called and whose main is empty; ``library``: not a package main.
    :ivar default_godebug: the GODEBUG settings that its go.mod and ``//go:debug`` lines imply.
    """

    folder: Path
    import_path: str
    name: str
    kind: Kind
    registers_main: bool
    default_godebug: str


def find_package(
    pattern: str,
    folder: Path,
    view: ModuleView,
    options: list[str],
    env: dict[str, str],
    toolchain: Toolchain,
) -> Package:
    """Ask Go for the one package that ``pattern`` names, seen from ``folder``.

    :raises ToolchainError: Go does not find it or cannot read it (its words are in ``output``), or
        it is more than one.
    """
    flags = [*options, *view.write()]
    done = toolchain.run("list", f"-json={_FIELDS}", *flags, "--", pattern, cwd=folder, env=env)
    found = list(_json_values(done.stdout))
    if len(found) != 1:
        names = ", ".join(p["ImportPath"] for p in found) or "no package"
        raise ToolchainError(f"{pattern} names {names}; name exactly one package")
    listed = found[0]
    path = Path(listed["Dir"])
    go_files = [path / name for name in listed.get("GoFiles") or ()]
    cgo_files = [path / name for name in listed.get("CgoFiles") or ()]
    kind: Kind = "library"
    registers_main = False
    exports = any(_EXPORT.search(view.read_file(file)) for file in cgo_files)
    if listed["Name"] == "main":
        sources = [view.read_file(file) for file in (*go_files, *cgo_files)]
        empty_main = any(_EMPTY_MAIN.search(source) for source in sources)
        kind = "exports" if exports and empty_main else "program"
        registers_main = any(_REGISTERS_MAIN.search(source) for source in sources)
    elif not exports and BRIDGE_MODULE not in (listed.get("Deps") or ()):
        raise ToolchainError(
            f"{listed['ImportPath']} is not a program: it is package {listed['Name']}, which has "
            f"no main function, exports no C function and registers no workload ({BRIDGE_MODULE}."
            "Register), so there would be nothing to call. Name a package main."
        )
    return Package(
        folder=path,
        import_path=listed["ImportPath"],
        name=listed["Name"],
        kind=kind,
        registers_main=registers_main,
        default_godebug=listed.get("DefaultGODEBUG", ""),
    )


_EXPORT = re.compile(r"^//export\s", re.MULTILINE)
_EMPTY_MAIN = re.compile(
    r"^func main\(\)\s*\{(?:\s|//[^\n]*\n|/\*.*?\*/)*\}", re.MULTILINE | re.DOTALL
)
_REGISTERS_MAIN = re.compile(r"\.RegisterMain\(main\)")


def _json_values(text: str) -> Iterator[Any]:
    """Yield the JSON values that stand one after the other in ``text``."""
    decoder = json.JSONDecoder()
    text = text.strip()
    while text:
        value, end = decoder.raw_decode(text)
        yield value
        text = text[end:].lstrip()


_INJECTED = "zz_flightrec_bridge.go"


def inject_bridge(package: Package, view: ModuleView) -> str:
    """Add the file that puts the bridge in, and return what to build from the package's folder."""
    registers = package.kind == "program" and not package.registers_main
    imports = {BRIDGE_MODULE: "flightrecBridge" if registers else "_"}
    if package.kind == "library":
        imports[package.import_path] = "_"
    lines = "".join(f'\t{name} "{path}"\n' for path, name in imports.items())
    text = f"package main\n\nimport (\n{lines})\n"
    if registers:
        text += "\nfunc init() { flightrecBridge.RegisterMain(main) }\n"
    if package.kind == "library":
        # Beneath the package, so that it may import one that is internal.
        text += "\nfunc main() {}\n"
        view.add_file(package.folder / "flightrec_main" / "main.go", text)
        return "./flightrec_main"
    view.add_file(package.folder / _INJECTED, text)
    return "."
