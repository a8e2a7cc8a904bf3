"""Hooks in ``runtime/trace`` for tasks: the bridge is told when one begins and ends.

So slow tasks are found where they end, without a look at the trace; and the tasks that are open
when a snapshot is taken are known, also those that began before the window.
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
"""

_BEGIN = "\tuserTaskCreate(id, pid, taskType)\n"
_END = "\tuserTaskEnd(t.id)\n"

TASK_HOOKS = Overlay(
    name="task-hooks",
    purpose="rules on slow tasks never fire, and metadata lacks the tasks that are open in Go",
    patches=(
        Patch(
            file="runtime/trace/annotation.go",
            text=_BEGIN,
            instead=f"{_BEGIN}\tflightrecTaskBegan(id, pid, taskType)\n",
        ),
        Patch(
            file="runtime/trace/annotation.go",
            text=_END,
            instead=f"{_END}\tflightrecTaskEnded(t.id)\n",
        ),
    ),
    files={"runtime/trace/zz_flightrec_tasks.go": _HOOKS},
    install="""\
\ttrace.FlightrecTaskBegan = TaskBegan
\ttrace.FlightrecTaskEnded = TaskEnded
""",
    imports=("runtime/trace",),
)
