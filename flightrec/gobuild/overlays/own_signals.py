"""A hook for signals that a program sends to itself, as another way to end itself.

etcd, on SIGTERM, sets the signal's disposition back to the default and kills itself. What a program
does by a raw system call or through ``golang.org/x/sys/unix.Kill`` is not seen.
"""

from __future__ import annotations

from flightrec.gobuild.overlays.patch import Overlay, Patch

__all__ = ["OWN_SIGNALS"]

_SYSCALL = """\
package syscall

// FlightrecBeforeKill is called before a signal is sent to a process or a process group.
var FlightrecBeforeKill func(pid int, sig Signal)

func flightrecBeforeKill(pid int, sig Signal) {
	if FlightrecBeforeKill != nil {
		FlightrecBeforeKill(pid, sig)
	}
}
"""

_RUNTIME = """\
package runtime

// FlightrecIsDefault says whether nothing handles or ignores a signal.
func FlightrecIsDefault(sig uint32) bool {
	return sig < uint32(len(sigtable)) && getsig(sig) == _SIG_DFL
}
"""

_KILL = "func Kill(pid int, sig Signal) (err error) {\n"
_PIDFD = "\treturn convertESRCH(unix.PidFDSendSignal(handle, s))\n"

OWN_SIGNALS = Overlay(
    name="own-signals",
    purpose="a program that ends itself by a signal (etcd does) leaves no snapshot",
    systems=("linux",),
    patches=(
        Patch(
            file="syscall/zsyscall_{goos}_{goarch}.go",
            text=_KILL,
            instead=f"{_KILL}\tflightrecBeforeKill(pid, sig)\n",
        ),
        Patch(
            file="os/pidfd_linux.go",
            text=_PIDFD,
            instead="\tif syscall.FlightrecBeforeKill != nil {\n"
            f"\t\tsyscall.FlightrecBeforeKill(p.Pid, s)\n\t}}\n{_PIDFD}",
            since=(1, 23),
        ),
    ),
    files={
        "syscall/zz_flightrec_kill.go": _SYSCALL,
        "runtime/zz_flightrec_kill.go": _RUNTIME,
    },
    install="""\
\tsignalIsDefault = runtime.FlightrecIsDefault
\tsyscall.FlightrecBeforeKill = beforeKill
""",
    imports=("runtime", "syscall"),
)
