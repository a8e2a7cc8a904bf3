"""Hooks in ``runtime/trace`` for tasks and regions: the bridge is told when one begins and ends.

So slow tasks are found where they end, without a look at the trace; and the tasks and regions that
are open when a snapshot is taken are known, also those that began before the window.
"""

from __future__ import annotations

from flightrec.gobuild.overlays.patch import Overlay, Patch

__all__ = ["TASK_HOOKS"]

_HOOKS = """\
package trace

// FlightrecTaskBegan is called by NewTask.
var FlightrecTaskBegan func(id, parent uint64, name string)

// FlightrecTaskEnded is called by Task.End.
var FlightrecTaskEnded func(id uint64)

// FlightrecRegionBegan is called by StartRegion and WithRegion; its result is the argument of
// FlightrecRegionEnded.
var FlightrecRegionBegan func(task uint64, name string) uint64

// FlightrecRegionEnded is called by Region.End and WithRegion.
var FlightrecRegionEnded func(number uint64)

func flightrecTaskBegan(id, parent uint64, name string) {
	if FlightrecTaskBegan != nil {
		FlightrecTaskBegan(id, parent, name)
	}
}

func flightrecTaskEnded(id uint64) {
	if FlightrecTaskEnded != nil {
		FlightrecTaskEnded(id)
	}
}

func flightrecRegionBegan(task uint64, name string) uint64 {
	if FlightrecRegionBegan != nil {
		return FlightrecRegionBegan(task, name)
	}
	return 0
}

func flightrecRegionEnded(number uint64) {
	if FlightrecRegionEnded != nil && number != 0 {
		FlightrecRegionEnded(number)
	}
}
"""

_FILE = "runtime/trace/annotation.go"

_BEGIN = "\tuserTaskCreate(id, pid, taskType)\n"
_END = "\tuserTaskEnd(t.id)\n"
_REGION = "\tregionType string\n}\n"
_WITH_REGION = "\tdefer userRegion(id, regionEndCode, regionType)\n"
_START_REGION = "\treturn &Region{id, regionType}\n"
_END_REGION = "\tuserRegion(r.id, regionEndCode, r.regionType)\n"

TASK_HOOKS = Overlay(
    name="task-hooks",
    purpose="rules on slow tasks never fire, and metadata lacks what is open in Go",
    patches=(
        Patch(
            file=_FILE,
            text=_BEGIN,
            instead=f"{_BEGIN}\tflightrecTaskBegan(id, pid, taskType)\n",
        ),
        Patch(
            file=_FILE,
            text=_END,
            instead=f"{_END}\tflightrecTaskEnded(t.id)\n",
        ),
        Patch(file=_FILE, text=_REGION, instead="\tregionType string\n\tflightrec  uint64\n}\n"),
        Patch(
            file=_FILE,
            text=_WITH_REGION,
            instead=f"\tdefer flightrecRegionEnded(flightrecRegionBegan(id, regionType))\n"
            f"{_WITH_REGION}",
        ),
        Patch(
            file=_FILE,
            text=_START_REGION,
            instead="\treturn &Region{id, regionType, flightrecRegionBegan(id, regionType)}\n",
        ),
        Patch(
            file=_FILE,
            text=_END_REGION,
            instead=f"{_END_REGION}\tflightrecRegionEnded(r.flightrec)\n",
        ),
    ),
    files={"runtime/trace/zz_flightrec_tasks.go": _HOOKS},
    install="""\
\ttrace.FlightrecTaskBegan = TaskBegan
\ttrace.FlightrecTaskEnded = TaskEnded
\ttrace.FlightrecRegionBegan = RegionBegan
\ttrace.FlightrecRegionEnded = RegionEnded
""",
    imports=("runtime/trace",),
)
