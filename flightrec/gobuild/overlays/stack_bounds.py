"""Calls from the process's main thread, on Go 1.22: over 200 µs without this, 2 µs with it.

At every call from C, Go 1.22 asks the C library for the thread's stack (``pthread_getattr_np``, in
``callbackUpdateSystemStack``). For the main thread glibc then reads all of ``/proc/self/maps``,
which is long in a Python process. Go 1.23 keeps what it has found for as long as the stack pointer
is within. This is how it does that, for 1.22.
"""

from __future__ import annotations

from flightrec.gobuild.overlays.patch import Overlay, Patch

__all__ = ["STACK_BOUNDS"]

_M_FIELD = "\tisExtraInSig  bool          // m is an extra m in a signal handler\n"
_STANDARD_M = """\
\t\t// stack bounds with estimated ones when we already initialized
\t\t// with the exact ones.
\t\treturn
\t}
"""
_ESTIMATE = "\tg0.stack.lo = sp - 32*1024\n\tif !signal && _cgo_getstackbound != nil {\n"
_FOUND = "\t\t\tg0.stack.hi = bounds[1]\n"
_DROP = "\tg0 := mp.g0\n\tg0.stack.hi = 0\n"
_KNOWN = "\tmp.flightrecStackKnown = {}\n"

STACK_BOUNDS = Overlay(
    name="stack-bounds",
    purpose="calls from the main thread take 0.2 ms each",
    before=(1, 23),
    patches=(
        Patch(
            file="runtime/runtime2.go",
            text=_M_FIELD,
            instead=f"{_M_FIELD}\tflightrecStackKnown bool // by the C library\n",
        ),
        Patch(
            file="runtime/cgocall.go",
            text=_STANDARD_M,
            instead=f"{_STANDARD_M}\tif inBound && mp.flightrecStackKnown {{\n\t\treturn\n\t}}\n",
        ),
        Patch(
            file="runtime/cgocall.go",
            text=_ESTIMATE,
            instead=_KNOWN.format("false") + _ESTIMATE,
        ),
        Patch(
            file="runtime/cgocall.go",
            text=_FOUND,
            instead=_FOUND + "\t\t" + _KNOWN.format("true"),
        ),
        Patch(file="runtime/proc.go", text=_DROP, instead=_KNOWN.format("false") + _DROP),
    ),
)
