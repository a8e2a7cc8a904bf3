"""``runtime/trace.Start`` and ``Stop`` in the program share the tracer with our recordings.

The bridge takes both calls (gobridge/programtrace.go), and uses the plain ones itself. From Go 1.25
on ``trace.FlightRecorder`` has a place of its own in ``runtime/trace`` and needs nothing.
"""

from __future__ import annotations

from flightrec.gobuild.overlays.patch import Overlay, Patch

__all__ = ["PROGRAM_TRACE"]

_HOOKS = """\
package trace

import "io"

// FlightrecStart and FlightrecStop take the calls of Start and Stop.
var (
	FlightrecStart func(w io.Writer) error
	FlightrecStop  func()
)

// FlightrecPlainStart is Start without the hook.
func FlightrecPlainStart(w io.Writer) error { return flightrecPlainStart(w) }

// FlightrecPlainStop is Stop without the hook.
func FlightrecPlainStop() { flightrecPlainStop() }
"""

_START = "func Start(w io.Writer) error {\n"
_STOP = "func Stop() {\n"

PROGRAM_TRACE = Overlay(
    name="program-trace",
    purpose="trace.Start and /debug/pprof/trace fail in a program that is recorded, and its "
    "trace.Stop ends the recording",
    patches=(
        Patch(
            file="runtime/trace/trace.go",
            text=_START,
            instead=f"{_START}\tif FlightrecStart != nil {{\n\t\treturn FlightrecStart(w)\n\t}}\n"
            "\treturn flightrecPlainStart(w)\n}\n\n"
            "func flightrecPlainStart(w io.Writer) error {\n",
        ),
        Patch(
            file="runtime/trace/trace.go",
            text=_STOP,
            instead=f"{_STOP}\tif FlightrecStop != nil {{\n\t\tFlightrecStop()\n\t\treturn\n\t}}\n"
            "\tflightrecPlainStop()\n}\n\n"
            "func flightrecPlainStop() {\n",
        ),
    ),
    files={"runtime/trace/zz_flightrec_start.go": _HOOKS},
    install="""\
\tstartTrace, stopTrace = trace.FlightrecPlainStart, trace.FlightrecPlainStop
\ttrace.FlightrecStart, trace.FlightrecStop = programStart, programStop
""",
    imports=("runtime/trace",),
)
