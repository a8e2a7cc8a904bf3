"""Hooks in the Go runtime for the end of the process: ``os.Exit`` and panics that nobody recovers.

Go has no public way to be told of either. The build's overlay gives the runtime one: a file of its
own, and a call of it at the two places. The toolchain's files are read and stay as they are. Where
a place is not found, as may be in a Go version to come, the program is built without the hooks.
"""

from __future__ import annotations

from pathlib import Path

from flightrec.gobuild.modules import ModuleView

__all__ = ["INSTALL_HOOKS", "add_departure_hooks"]

_HOOKS = """\
package runtime

// FlightrecBeforeExit is called by os.Exit.
var FlightrecBeforeExit func(code int)

// FlightrecBeforePanic is called by a panic that nobody has recovered, after all deferred calls. It
// says whether the process is to exit, even though it is a library, and not to abort.
var FlightrecBeforePanic func() (exits bool)

func flightrecBeforeExit(code int) {
	if FlightrecBeforeExit != nil {
		FlightrecBeforeExit(code)
	}
}

func flightrecBeforePanic() {
	if FlightrecBeforePanic != nil && FlightrecBeforePanic() {
		traceback_cache &^= tracebackCrash
	}
}
"""

#: File in the runtime, text that occurs in it once, and what takes its place.
_CALLS = (
    ("panic.go", "\tpreprintpanics(&p)\n", "\tflightrecBeforePanic()\n\tpreprintpanics(&p)\n"),
    (
        "proc.go",
        "func os_beforeExit(exitCode int) {\n",
        "func os_beforeExit(exitCode int) {\n\tflightrecBeforeExit(exitCode)\n",
    ),
)

#: Go code for a package that imports the bridge as flightrecBridge.
INSTALL_HOOKS = """
func init() {
\tflightrecRuntime.FlightrecBeforeExit = flightrecBridge.BeforeExit
\tflightrecRuntime.FlightrecBeforePanic = flightrecBridge.BeforePanic
}
"""


def add_departure_hooks(view: ModuleView) -> bool:
    """Put the hooks into the runtime that Go sees; return whether that was possible."""
    folder: Path = view.goroot / "src" / "runtime"
    patched = {}
    for name, text, instead in _CALLS:
        source = (folder / name).read_text(encoding="utf-8")
        if source.count(text) != 1:
            return False
        patched[name] = source.replace(text, instead)
    for name, source in patched.items():
        view.add_file(folder / name, source)
    view.add_file(folder / "zz_flightrec.go", _HOOKS)
    return True
