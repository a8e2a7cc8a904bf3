"""Hatchling's build hook: builds the bundled Go library and puts it into the wheel."""

from __future__ import annotations

import importlib
import sys
import sysconfig
import types
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent.parent


def load_from_source(name: str) -> Any:
    """Import a module of the flightrec that is being built.

    Without running ``flightrec/__init__.py``, which imports much more than a build needs, and
    before any flightrec that may be installed.
    """
    package = sys.modules.get("flightrec")
    if package is None:
        package = sys.modules["flightrec"] = types.ModuleType("flightrec")
        package.__path__ = [str(ROOT / "flightrec")]
    return importlib.import_module(name)


class GoLibraryHook(BuildHookInterface[Any]):
    """Builds ``flightrec/_lib/libgobridge.*`` for wheels and editable installs."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the library, and say that the wheel is for this platform only."""
        if self.target_name != "wheel":
            return
        toolchains = load_from_source("flightrec.toolchain")
        errors = load_from_source("flightrec.errors")
        gobuild = load_from_source("flightrec.gobuild.bundled")
        library = ROOT / "flightrec" / "_lib" / gobuild.LIBRARY_NAME
        try:
            toolchain = toolchains.find_toolchain()
            if toolchain.target != toolchain.host:
                raise errors.ToolchainError(
                    f"GOOS and GOARCH ask for {'/'.join(toolchain.target)}, but a wheel is built "
                    f"for the machine it is built on, {'/'.join(toolchain.host)}"
                )
            self.app.display_info(f"Building {library.name} with {toolchain.version_text}")
            gobuild.build_bundled_library(library, toolchain)
        except errors.ToolchainError as exc:
            # Ends the build with the message alone; a raised exception would bury it in a
            # traceback.
            self.app.abort(f"flightrec cannot be built: {exc}")
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform}"
        build_data["pure_python"] = False
        build_data["artifacts"].append(f"/flightrec/_lib/{library.name}")
        if version != "editable":  # there, the sources are found beside the package
            build_data["force_include"][str(ROOT / "gobridge")] = "flightrec/_gobridge"
