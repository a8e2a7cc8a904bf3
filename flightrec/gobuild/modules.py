"""Letting a user's Go module, workspace or vendor folder see the bridge, without touching it.

Everything is said through files in a scratch folder: a copy of go.mod (``-modfile``), a copy of
go.work (``GOWORK``), and an overlay (``-overlay``) by which Go reads other contents for some paths.

==================  ===========================================================================
the user has        what Go is given
==================  ===========================================================================
a module            their go.mod with a require and a replace of the bridge added
a workspace         their go.work with absolute paths and the bridge's folder added
a vendor folder     a go.mod that requires what vendor/modules.txt lists, each module replaced by
                    its folder under vendor; the go.mod files those need exist in the overlay only
a folder alone      a go.mod that exists in the overlay only
==================  ===========================================================================

Vendor mode itself cannot be kept: Go would look for the bridge under the user's vendor folder, and
a package with cgo must really be where Go looks for it.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from flightrec.errors import ToolchainError
from flightrec.gobuild.goflags import flag_values, split_goflags
from flightrec.toolchain import Toolchain

__all__ = ["BRIDGE_MODULE", "ModuleView", "read_go_mod", "view_modules"]

BRIDGE_MODULE = "flightrec/gobridge"
_BRIDGE_VERSION = "v0.0.0-00010101000000-000000000000"  # as Go writes it for a replaced module

# The bridge is written in Go 1.22. A go.mod that says so cannot be required by an older one, and
# raising the user's go line would change what their code means (loop variables, GODEBUG defaults).
# So the bridge's go.mod claims less, and its language is asked for by a compiler flag.
_BRIDGE_LANGUAGE = "go1.22"
_BRIDGE_GO_LINE = "1.16"


@dataclass(kw_only=True)
class ModuleView:
    """How Go is to see the user's module.

    :ivar flags: for ``go list`` and ``go build``.
    :ivar env: variables to run them with.
    :ivar overlay: real contents (a file) for each path whose contents differ.
    :ivar goflags: the user's GOFLAGS.
    """

    scratch: Path
    flags: list[str]
    env: dict[str, str]
    overlay: dict[str, str]
    goflags: list[str]
    modcache: Path
    goroot: Path
    _files: Iterator[int] = field(default_factory=lambda: iter(range(1, 1 << 30)))

    def add_file(self, path: Path, text: str) -> None:
        """Make Go see ``text`` as the contents of ``path``."""
        real = self.scratch / f"{next(self._files)}-{path.name}"
        real.write_text(text, encoding="utf-8")
        self.overlay[str(path)] = str(real)

    def read_file(self, path: Path) -> str:
        """Return the text that Go sees at ``path``."""
        real = self.overlay.get(str(path), str(path))
        return Path(real).read_text(encoding="utf-8", errors="replace")

    def write(self) -> list[str]:
        """Write the overlay, and return all flags."""
        overlay = self.scratch / "overlay.json"
        overlay.write_text(json.dumps({"Replace": self.overlay}), encoding="utf-8")
        return [*self.flags, f"-overlay={overlay}"]


def view_modules(
    folder: Path, bridge: Path, toolchain: Toolchain, scratch: Path, flags: tuple[str, ...] = ()
) -> ModuleView:
    """Work out how Go must see what is around ``folder`` for it to find the bridge.

    :raises ToolchainError: ``folder`` is in no Go module and holds no Go file, or a go.mod, go.work
        or vendor/modules.txt cannot be read; Go's own words are in ``output``.
    """
    names = ("GOMOD", "GOWORK", "GOFLAGS", "GOMODCACHE", "GOROOT", "GO111MODULE")
    values = json.loads(toolchain.run("env", "-json", *names, cwd=folder).stdout)
    if values["GO111MODULE"] == "off":
        raise ToolchainError("GO111MODULE is off: flightrec builds Go modules only; unset it")
    goflags = [*split_goflags(values["GOFLAGS"]), *flags]
    view = ModuleView(
        scratch=scratch,
        flags=[f"-gcflags={BRIDGE_MODULE}/...=-lang={_BRIDGE_LANGUAGE}"],
        env={},
        overlay=_users_overlay(goflags, folder),
        goflags=goflags,
        modcache=Path(values["GOMODCACHE"]),
        goroot=Path(values["GOROOT"]),
    )
    view.add_file(bridge / "go.mod", f"module {BRIDGE_MODULE}\n\ngo {_BRIDGE_GO_LINE}\n")
    if values["GOWORK"] not in ("", "off"):
        _view_workspace(Path(values["GOWORK"]), bridge, toolchain, view)
    elif values["GOMOD"] in ("", "/dev/null", "NUL"):
        _view_folder(folder, bridge, toolchain, view)
    else:
        _view_module(Path(values["GOMOD"]), folder, bridge, toolchain, view)
    return view


def _users_overlay(goflags: list[str], folder: Path) -> dict[str, str]:
    overlays = flag_values(goflags, "overlay")
    if not overlays or not overlays[-1]:
        return {}
    path = folder / overlays[-1]
    try:
        replace = json.loads(path.read_text(encoding="utf-8"))["Replace"]
        return {str(folder / k): str(folder / v) if v else "" for k, v in replace.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise ToolchainError(
            f"GOFLAGS asks for the overlay {path}, which cannot be read: {exc}"
        ) from exc


def _view_module(
    gomod: Path, folder: Path, bridge: Path, toolchain: Toolchain, view: ModuleView
) -> None:
    modfile, modsum = view.scratch / "go.mod", view.scratch / "go.sum"
    named = flag_values(view.goflags, "modfile")
    source = folder / named[-1] if named and named[-1] else gomod
    vendor = gomod.parent / "vendor"
    content = read_go_mod(source, toolchain)
    if _uses_vendor(vendor, content.get("Go", ""), view.goflags):
        listed = list(_read_vendor_list(vendor))
        view.flags.append("-mod=readonly")
        modfile.write_text(
            _head(content)
            + _requires(listed)
            + _replace_by_vendor(listed, vendor, view)
            + _bridge_lines(bridge),
            encoding="utf-8",
        )
    else:
        modfile.write_text(_without_bridge(source, "mod", content, toolchain, view.scratch))
        with modfile.open("a", encoding="utf-8") as file:
            file.write(_bridge_lines(bridge))
        sums = source.with_suffix(".sum")
        if sums.is_file():
            shutil.copyfile(sums, modsum)
    # A relative replace in this file still counts from the module's own folder.
    view.flags.append(f"-modfile={modfile}")


def _view_workspace(work: Path, bridge: Path, toolchain: Toolchain, view: ModuleView) -> None:
    content = _read_module_file(work, "work", toolchain)
    scratch = view.scratch / "go.work"
    vendor = work.parent / "vendor"
    uses = [work.parent / use["DiskPath"] for use in content.get("Use") or ()]
    modules = {use: read_go_mod(use / "go.mod", toolchain) for use in uses}
    # A workspace that has a copy of the bridge gets this flightrec's instead: it must speak the
    # same ABI.
    uses = [use for use in uses if modules[use]["Module"]["Path"] != BRIDGE_MODULE]
    lines = [_head(content)]
    lines += [f"use {_quoted(use)}\n" for use in [*uses, bridge]]
    if _uses_vendor(vendor, content.get("Go", ""), view.goflags, workspace=True):
        listed = list(_read_vendor_list(vendor))
        for use in uses:
            view.add_file(use / "go.mod", _head(modules[use]) + _requires(listed))
        lines.append(_replace_by_vendor(listed, vendor, view))
        view.flags.append("-mod=readonly")
    else:
        for replace in content.get("Replace") or ():
            if replace["Old"]["Path"] != BRIDGE_MODULE:
                lines.append(_replace_line(replace, work.parent))
        for use in uses:
            text = _without_bridge(use / "go.mod", "mod", modules[use], toolchain, view.scratch)
            if text != (use / "go.mod").read_text(encoding="utf-8"):
                view.add_file(use / "go.mod", text)
        sums = work.with_suffix(".work.sum")
        if sums.is_file():
            shutil.copyfile(sums, view.scratch / "go.work.sum")
    scratch.write_text("".join(lines), encoding="utf-8")
    view.env["GOWORK"] = str(scratch)


def _view_folder(folder: Path, bridge: Path, toolchain: Toolchain, view: ModuleView) -> None:
    if not any(folder.glob("*.go")):
        raise ToolchainError(f"{folder} holds no Go file, and there is no go.mod in it or above it")
    major, minor, _ = toolchain.version
    name = re.sub(r"[^A-Za-z0-9._-]", "_", folder.name) or "main"
    view.add_file(
        folder / "go.mod",
        f"module {name}.invalid\n\ngo {major}.{minor}\n" + _bridge_lines(bridge),
    )


class _Vendored(NamedTuple):
    path: str
    version: str
    go: str


def _uses_vendor(vendor: Path, go: str, goflags: list[str], *, workspace: bool = False) -> bool:
    """Say whether Go would take dependencies from ``vendor``, as its ``modload`` decides."""
    modes = flag_values(goflags, "mod")
    if modes and modes[-1]:
        return modes[-1] == "vendor"
    try:
        listing = (vendor / "modules.txt").read_text(encoding="utf-8")
    except OSError:
        return False
    if workspace != listing.startswith("## workspace"):
        return False
    version = tuple(int(n) for n in re.findall(r"\d+", go)[:2])
    return version >= ((1, 22) if workspace else (1, 14))


def _read_vendor_list(vendor: Path) -> Iterator[_Vendored]:
    """Yield the modules that have packages under ``vendor``."""
    path = vendor / "modules.txt"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as exc:
        raise ToolchainError(f"cannot read {path}: {exc.strerror}") from exc
    module: _Vendored | None = None
    for line in lines:
        if line.startswith("# "):
            fields = line.split()
            # "# path => folder", without a version, only repeats a replace line of go.mod.
            versioned = len(fields) > 2 and fields[2] != "=>"
            module = _Vendored(fields[1], fields[2], "") if versioned else None
        elif line.startswith("## ") and module is not None:
            if match := re.search(r"\bgo (\S+)", line):
                module = module._replace(go=match[1])
        elif line and module is not None:
            yield module  # at its first package
            module = None


def _requires(listed: list[_Vendored]) -> str:
    return "".join(f"require {_quoted(m.path)} {m.version}\n" for m in listed if not _is_bridge(m))


def _replace_by_vendor(listed: list[_Vendored], vendor: Path, view: ModuleView) -> str:
    lines = []
    for module in listed:
        if _is_bridge(module):
            continue
        folder = vendor / module.path
        go = f"\ngo {module.go}\n" if module.go else ""
        view.add_file(folder / "go.mod", f"module {_quoted(module.path)}\n{go}")
        lines.append(f"replace {_quoted(module.path)} => {_quoted(folder)}\n")
    return "".join(lines)


def _is_bridge(module: _Vendored) -> bool:
    return module.path == BRIDGE_MODULE


def _bridge_lines(bridge: Path) -> str:
    return (
        f"\nrequire {BRIDGE_MODULE} {_BRIDGE_VERSION}\n"
        f"replace {BRIDGE_MODULE} => {_quoted(bridge)}\n"
    )


def read_go_mod(path: Path, toolchain: Toolchain) -> dict[str, Any]:
    """Read a go.mod by Go's own parser, as ``go mod edit -json`` gives it.

    :raises ToolchainError: there is no such file, or it cannot be read.
    """
    return _read_module_file(path, "mod", toolchain)


def _read_module_file(path: Path, kind: str, toolchain: Toolchain) -> dict[str, Any]:
    if not path.is_file():
        raise ToolchainError(f"there is no {path}")
    # `go mod edit` neither needs nor looks at a module around it, nor does it lock the file.
    content = json.loads(toolchain.run(kind, "edit", "-json", path, env={"GOFLAGS": ""}).stdout)
    assert isinstance(content, dict)
    return content


def _head(content: dict[str, Any]) -> str:
    """Return the lines that say what module it is and which Go it is written for."""
    lines = []
    if module := content.get("Module"):
        lines.append(f"module {_quoted(module['Path'])}\n")
    if go := content.get("Go"):
        lines.append(f"go {go}\n")
    if toolchain := content.get("Toolchain"):
        lines.append(f"toolchain {toolchain}\n")
    lines += [f"godebug {g['Key']}={g['Value']}\n" for g in content.get("Godebug") or ()]
    return "".join(lines)


def _without_bridge(
    path: Path, kind: str, content: dict[str, Any], toolchain: Toolchain, scratch: Path
) -> str:
    """Return a go.mod's text without its requirement and replacements of the bridge."""
    text = path.read_text(encoding="utf-8")
    drop = [
        f"-droprequire={BRIDGE_MODULE}"
        for require in content.get("Require") or ()
        if require["Path"] == BRIDGE_MODULE
    ]
    for replace in content.get("Replace") or ():
        if replace["Old"]["Path"] == BRIDGE_MODULE:
            version = replace["Old"].get("Version")
            drop.append(f"-dropreplace={BRIDGE_MODULE}" + (f"@{version}" if version else ""))
    if not drop:
        return text
    copy = scratch / f"edit.{kind}"
    copy.write_text(text, encoding="utf-8")
    toolchain.run(kind, "edit", *drop, copy, env={"GOFLAGS": ""})
    return copy.read_text(encoding="utf-8")


def _replace_line(replace: dict[str, Any], base: Path) -> str:
    old, new = replace["Old"], replace["New"]
    left = " ".join(filter(None, (_quoted(old["Path"]), old.get("Version"))))
    if version := new.get("Version"):
        return f"replace {left} => {_quoted(new['Path'])} {version}\n"
    return f"replace {left} => {_quoted(base / new['Path'])}\n"


def _quoted(text: str | Path) -> str:
    return json.dumps(str(text), ensure_ascii=False)
