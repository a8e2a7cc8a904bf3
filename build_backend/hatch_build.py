"""Hatchling's build hook: builds the bundled Go library and puts it into the wheel."""

from __future__ import annotations

import sysconfig
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from source_modules import ROOT, load_from_source


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
