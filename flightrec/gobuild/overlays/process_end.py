"""Hooks in the Go runtime for the end of the process.

That is ``os.Exit``, a panic that nobody recovers, a fatal error that Go code brings about (a
concurrent map write, the unlock of an unlocked mutex), and a write to a broken pipe. Go has no
public way to be told of them.
"""

from __future__ import annotations

from flightrec.gobuild.overlays.patch import Overlay, Patch

__all__ = ["PROCESS_END"]

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

_FATAL = "(s string) {\n\tfatal(s)\n}\n"


def _fatal(name: str, since: tuple[int, int]) -> Patch:
    before = f"func {name}{_FATAL}"
    after = before.replace("\tfatal", "\tflightrecFatal")
    return Patch(file="runtime/panic.go", text=before, instead=after, since=since)


PROCESS_END = Overlay(
    name="process-end",
    purpose="nobody is told before os.Exit, a panic or a fatal error ends the process",
    patches=(
        Patch(
            file="runtime/panic.go",
            text="\tpreprintpanics(&p)\n",
            instead="\tflightrecBeforePanic()\n\tpreprintpanics(&p)\n",
        ),
        Patch(
            file="runtime/proc.go",
            text="func os_beforeExit(exitCode int) {\n",
            instead="func os_beforeExit(exitCode int) {\n\tflightrecBeforeExit(exitCode)\n",
        ),
        Patch(
            file="runtime/signal_unix.go",
            text="func os_sigpipe() {\n\tsystemstack(sigpipe)\n}\n",
            instead=_SIGPIPE,
        ),
        _fatal("sync_fatal", since=(1, 22)),
        _fatal("maps_fatal", since=(1, 24)),
        _fatal("internal_sync_fatal", since=(1, 24)),
        # Maps are part of the runtime itself up to Go 1.23.
        *(
            Patch(
                file=f"runtime/{name}.go",
                text='\tfatal("concurrent map',
                instead='\tflightrecFatal("concurrent map',
                before=(1, 24),
                everywhere=True,
            )
            for name in ("map", "map_fast32", "map_fast64", "map_faststr")
        ),
    ),
    files={"runtime/zz_flightrec_end.go": _HOOKS},
    install="""\
\truntime.FlightrecBeforeExit = BeforeExit
\truntime.FlightrecBeforePanic = BeforePanic
\tEndAsProgram = runtime.FlightrecEndAsProgram
""",
    imports=("runtime",),
)
