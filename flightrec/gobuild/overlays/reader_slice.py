"""The trace reader inherits the time slice of whom it interrupts.

``findRunnable`` returns the trace reader with ``inheritTime`` false, so each of its turns, one or
more a millisecond on a busy trace, begins a new slice. By the slices sysmon notices a P that is
hogged by goroutines which keep waking each other; it then never does, and whoever else is in that
P's queue waits for seconds, an advance among them. docs/upstream.md has the whole matter.
"""

from __future__ import annotations

from flightrec.gobuild.overlays.patch import Overlay, Patch

__all__ = ["READER_SLICE"]

# The same return stands once more, for a worker of the garbage collector.
_TRACE_READER = "\t\t\t\ttraceRelease(trace)\n\t\t\t}\n\t\t\treturn gp, false, true\n"

READER_SLICE = Overlay(
    name="reader-slice",
    purpose="a snapshot taken while goroutines keep waking each other can take seconds",
    patches=(
        Patch(
            file="runtime/proc.go",
            text=_TRACE_READER,
            instead=_TRACE_READER.replace("gp, false,", "gp, true,"),
        ),
    ),
)
