"""A goroutine that Go makes for a signal on a thread of Python's is not in a trace.

A signal that comes while such a thread is in C, after a call into Go, is handled on a second M and
goroutine (``badsignal``, ``needm(true)``). Those have no events. But an advance states where every
goroutine is, so one that meets the handler has two goroutines on one thread, and Go's reader
refuses the whole trace: "inconsistent thread for syscalling goroutine".
"""

from __future__ import annotations

from flightrec.gobuild.overlays.patch import Overlay, Patch

__all__ = ["SIGNAL_STATUS"]

_NOW_REAL = "\t// mp.curg is now a real goroutine.\n"
_SUSPENDED = "\t\t\ts := suspendG(gp)\n\t\t\tif !s.dead {\n\t\t\t\tug.goid = s.g.goid\n"
_STATED = _SUSPENDED.replace("!s.dead", "!s.dead && (s.g.m == nil || !s.g.m.isExtraInSig)")

SIGNAL_STATUS = Overlay(
    name="signal-status",
    purpose="a trace can be invalid that was cut while a signal was handled on a Python thread",
    patches=(
        # As soon as the goroutine may be seen, not only after that.
        Patch(
            file="runtime/proc.go",
            text=_NOW_REAL,
            instead=f"\tmp.isExtraInSig = signal\n{_NOW_REAL}",
        ),
        Patch(file="runtime/trace2.go", text=_SUSPENDED, instead=_STATED, before=(1, 23)),
        Patch(file="runtime/trace.go", text=_SUSPENDED, instead=_STATED, since=(1, 23)),
    ),
)
