"""Go's own threads block the signals that programs handle.

The kernel gives a signal that is sent to a process to any thread that does not block it. Go's
threads inherit the mask that the loading thread had, so they take signals that the Python program
has since blocked on all of its own threads, for ``sigwait`` and ``sigtimedwait``; the default
action then ends the process. And Python's handlers only set a flag: run on one of Go's threads,
they do not wake the main thread, which notices late.

``m.sigmask`` stays what it was: it is the mask that children of ``os/exec`` get. ``os/signal``
needs no change, since it has a thread that unblocks what ``Notify`` asks for. Not blocked are
signals that the kernel sends to the thread that caused them (faults, SIGPIPE, SIGXFSZ, SIGTTIN,
SIGTTOU), those that Go's runtime sends to its threads (SIGURG, SIGPROF), and SIGABRT.

Blocking around ``dlopen`` in Python would be simpler. But then each child that Go starts would
begin with those signals blocked, SIGTERM among them, and SIGCHLD cannot be blocked in that way.
"""

from __future__ import annotations

from flightrec.gobuild.overlays.patch import Overlay, Patch

__all__ = ["SIGNAL_MASKS"]

_MASKS = """\
package runtime

// flightrecHandled says whether programs handle a signal that is sent to the process as a whole.
//
//go:nosplit
func flightrecHandled(sig int) bool {
	switch uint32(sig) {
	case _SIGQUIT:
		return true
	case _SIGURG, _SIGPROF, _SIGPIPE, _SIGXFSZ, _SIGTTIN, _SIGTTOU:
		return false
	}
	flags := sigtable[sig].flags
	return flags&_SigNotify != 0 && flags&(_SigThrow|_SigPanic) == 0
}

// flightrecOwnThread says whether this thread was made by Go.
//
//go:nosplit
func flightrecOwnThread() bool { return islibrary && !getg().m.isextra }

// flightrecThreadMask is the mask of a thread that would have the given one. On a thread that was
// not made by Go, Go would unblock SIGCHLD while it is in Go.
//
//go:nosplit
func flightrecThreadMask(mask sigset) sigset {
	if !islibrary {
		return mask
	}
	if !flightrecOwnThread() {
		with := getg().m.sigmask
		sigaddset(&with, _SIGCHLD)
		if with == getg().m.sigmask {
			sigaddset(&mask, _SIGCHLD)
		}
	} else {
		for i := range sigtable {
			if i != 0 && flightrecHandled(i) {
				sigaddset(&mask, i)
			}
		}
	}
	return mask
}

// flightrecProcessMask is the mask for another program of a thread that has the given one.
//
//go:nosplit
func flightrecProcessMask(mask sigset) sigset {
	if flightrecOwnThread() {
		for i := range sigtable {
			if i == 0 || !flightrecHandled(i) {
				continue
			}
			was := initSigmask
			sigaddset(&was, i)
			if was != initSigmask {
				sigdelset(&mask, i)
			}
		}
	}
	return mask
}

// flightrecBeforeExec gives the thread the mask that the program after syscall.Exec begins with.
func flightrecBeforeExec() {
	lockOSThread()
	var mask sigset
	sigsave(&mask)
	msigrestore(flightrecProcessMask(mask))
}

func flightrecAfterExec() {
	var mask sigset
	sigsave(&mask)
	msigrestore(flightrecThreadMask(mask))
	unlockOSThread()
}
"""

_MINIT = """\
			sigdelset(&nmask, i)
		}
	}
"""
_SET = "\tsigprocmask(_SIG_SETMASK, &nmask, nil)\n"

SIGNAL_MASKS = Overlay(
    name="signal-masks",
    purpose="signals that Python has blocked after loading, or handles, can reach Go's own threads",
    systems=("linux",),
    patches=(
        Patch(
            file="runtime/signal_unix.go",
            text=_MINIT + _SET,
            instead=_MINIT + "\tnmask = flightrecThreadMask(nmask)\n" + _SET,
        ),
        Patch(
            file="runtime/proc.go",
            text="\tmsigrestore(getg().m.sigmask)\n",
            instead="\tmsigrestore(flightrecProcessMask(getg().m.sigmask))\n",
        ),
        Patch(
            file="runtime/proc.go",
            text="func syscall_runtime_BeforeExec() {\n",
            instead="func syscall_runtime_BeforeExec() {\n\tflightrecBeforeExec()\n",
        ),
        Patch(
            file="runtime/proc.go",
            text="func syscall_runtime_AfterExec() {\n",
            instead="func syscall_runtime_AfterExec() {\n\tflightrecAfterExec()\n",
        ),
    ),
    files={"runtime/zz_flightrec_signals.go": _MASKS},
)
