"""Hooks in the Go runtime for the end of the process.

That is ``os.Exit``, a panic that nobody recovers, a fatal error that Go code brings about (a
concurrent map write, the unlock of an unlocked mutex), and a write to a broken pipe. Go has no
public way to be told of them. The build's overlay gives the runtime one: a file of its own, and a
call of it at these places. The toolchain's files are read and stay as they are. Where the first two
places are not found, as may be in a Go version to come, the program is built without the hooks.
"""

from __future__ import annotations

from pathlib import Path

from flightrec.gobuild.modules import ModuleView

__all__ = ["INSTALL_HOOKS", "add_departure_hooks"]

_HOOKS = """\
package runtime

// FlightrecBeforeExit is called by os.Exit.
var FlightrecBeforeExit func(code int)

// FlightrecBeforePanic is called by a panic that nobody has recovered, after all deferred calls,
// and by fatal errors that happen on a goroutine.
var FlightrecBeforePanic func()

// FlightrecEndAsProgram makes panics and fatal errors exit with status 2, as in a program, or
// abort, as in a library.
func FlightrecEndAsProgram(asProgram bool) {
	if asProgram && gogetenv("GOTRACEBACK") != "crash" {
		traceback_cache &^= tracebackCrash
	} else {
		traceback_cache |= tracebackCrash
	}
}

func flightrecBeforeExit(code int) {
	if FlightrecBeforeExit != nil {
		FlightrecBeforeExit(code)
	}
}

func flightrecBeforePanic() {
	if FlightrecBeforePanic != nil {
		FlightrecBeforePanic()
	}
}

// flightrecFatal is for fatal errors in calls from Go code, outside the runtime's own locks.
func flightrecFatal(s string) {
	if gp := getg(); gp == gp.m.curg && gp.m.locks == 0 && gp.m.mallocing == 0 {
		flightrecBeforePanic()
	}
	fatal(s)
}
"""

_SIGPIPE = """\
func os_sigpipe() {
	handled := false
	systemstack(func() { handled = signal_ignored(_SIGPIPE) || sigsend(_SIGPIPE) })
	if !handled {
		flightrecBeforeExit(128 + _SIGPIPE)
		systemstack(func() { dieFromSignal(_SIGPIPE) })
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

#: The same for places that not every Go version has.
_FATAL = "(s string) {\n\tfatal(s)\n}\n"
_MORE_CALLS = (
    *(
        (
            "panic.go",
            f"func {name}{_FATAL}",
            f"func {name}{_FATAL.replace('fatal', 'flightrecFatal')}",
        )
        for name in ("maps_fatal", "sync_fatal", "internal_sync_fatal")
    ),
    (
        "signal_unix.go",
        "func os_sigpipe() {\n\tsystemstack(sigpipe)\n}\n",
        _SIGPIPE,
    ),
)
#: The files in which maps lie that are part of the runtime itself, as they were up to Go 1.23.
_MAPS = ("map.go", "map_fast32.go", "map_fast64.go", "map_faststr.go")

#: Go code for a package that imports the bridge as flightrecBridge.
INSTALL_HOOKS = """
func init() {
\tflightrecRuntime.FlightrecBeforeExit = flightrecBridge.BeforeExit
\tflightrecRuntime.FlightrecBeforePanic = flightrecBridge.BeforePanic
\tflightrecBridge.EndAsProgram = flightrecRuntime.FlightrecEndAsProgram
}
"""


def add_departure_hooks(view: ModuleView) -> bool:
    """Put the hooks into the runtime that Go sees; return whether that was possible."""
    folder: Path = view.goroot / "src" / "runtime"
    patched: dict[str, str] = {}

    def patch(name: str, text: str, instead: str) -> bool:
        source = patched.get(name) or _read(folder / name)
        if text in source:
            patched[name] = source.replace(text, instead)
        return source.count(text) == 1

    if not all(patch(*call) for call in _CALLS):
        return False
    for call in _MORE_CALLS:
        patch(*call)
    for name in _MAPS:
        patch(name, '\tfatal("concurrent map', '\tflightrecFatal("concurrent map')
    for name, source in patched.items():
        view.add_file(folder / name, source)
    view.add_file(folder / "zz_flightrec.go", _HOOKS)
    return True


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
