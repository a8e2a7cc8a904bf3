"""Having Go build with overlays, and the bridge know which ones are in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from flightrec.gobuild.modules import ModuleView
from flightrec.gobuild.overlays.patch import Outcome, Overlay, Plan, Version, plan_overlays
from flightrec.toolchain import Toolchain, parse_version

__all__ = ["apply_overlays", "bridge_file", "inspect_overlays"]

#: The bridge's file that is empty-handed in its source tree; a build has the plan in its place.
_BRIDGE_FILE = "overlaid.go"


def apply_overlays(
    overlays: Sequence[Overlay], view: ModuleView, bridge: Path, toolchain: Toolchain
) -> tuple[Outcome, ...]:
    """Put the overlays into what Go sees, as far as their places are found."""
    source = view.goroot / "src"

    def read(name: str) -> str:
        path = source / name  # or what the user's own overlay has in its place, if not deleted
        there = bool(view.overlay.get(str(path), path.is_file()))
        return view.read_file(path) if there else ""

    plan = plan_overlays(overlays, read, _version(view.goroot, toolchain), toolchain.target)
    for name, text in plan.files.items():
        view.add_file(source / name, text)
    view.add_file(bridge / _BRIDGE_FILE, bridge_file(plan))
    return plan.outcomes


def inspect_overlays(overlays: Sequence[Overlay], toolchain: Toolchain) -> tuple[Outcome, ...]:
    """Say which overlays would be in a build with this toolchain; change nothing."""

    def read(name: str) -> str:
        path = toolchain.root / "src" / name
        return path.read_text(encoding="utf-8") if path.is_file() else ""

    return plan_overlays(overlays, read, toolchain.version[:2], toolchain.target).outcomes


def _version(goroot: Path, toolchain: Toolchain) -> Version:
    """Return the version that builds: a go.mod may have had Go switch to another toolchain."""
    try:
        return parse_version((goroot / "VERSION").read_text(encoding="utf-8"))[:2]
    except (OSError, ValueError):
        return toolchain.version[:2]


def bridge_file(plan: Plan) -> str:
    """Return the Go file of the bridge that names the overlays and installs their hooks."""
    names = "".join(f'\t"{overlay.name}",\n' for overlay in plan.applied)
    paths = sorted({path for overlay in plan.applied for path in overlay.imports})
    imports = "".join(f'import "{path}"\n' for path in paths)
    statements = "".join(overlay.install for overlay in plan.applied)
    text = f"package gobridge\n\n{imports}\nvar overlays = []string{{\n{names}}}\n"
    return text + (f"\nfunc init() {{\n{statements}}}\n" if statements else "")
