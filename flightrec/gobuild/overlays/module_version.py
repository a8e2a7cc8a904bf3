"""The version of a downloaded program, for its own ``debug.ReadBuildInfo``.

flightrec builds ``import/path@version`` from a copy of the module, since Go lets no overlay change
files in its module cache. Go takes a copy for a module under development and writes ``(devel)``
where ``go install`` would have written the version. The line is put right when the runtime is
initialised, which is before any other package can read it.
"""

from __future__ import annotations

from flightrec.gobuild.overlays.patch import Overlay

__all__ = ["MODULE_VERSION", "linker_setting"]

_VARIABLE = "runtime.flightrecModule"

_FILE = """\
package runtime

// flightrecModule is set by the linker: path|version|sum of the main module.
var flightrecModule string

func init() {
	line, rest, found := "mod\\t", flightrecModule, false
	end := 0
	for i := range len(rest) {
		if rest[i] != '|' {
			line += rest[i : i+1]
			continue
		}
		if !found {
			found, end = true, len(line)+1
		}
		line += "\\t"
	}
	if !found {
		return
	}
	for i := 0; i+end <= len(modinfo); i++ {
		if modinfo[i:i+end] != line[:end] {
			continue
		}
		stop := i
		for stop < len(modinfo) && modinfo[stop] != '\\n' {
			stop++
		}
		modinfo = modinfo[:i] + line + modinfo[stop:]
		return
	}
}
"""

MODULE_VERSION = Overlay(
    name="module-version",
    purpose="a program named by import/path@version says that its version is (devel)",
    patches=(),
    files={"runtime/zz_flightrec_version.go": _FILE},
)


def linker_setting(module: str, version: str, checksum: str) -> str:
    """Return the linker's flag that tells a build the main module's version."""
    return f"-X={_VARIABLE}={module}|{version}|{checksum}"
