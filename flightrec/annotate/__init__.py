"""Tasks, regions and logs of ``runtime/trace``, from Python.

They land in the Go trace beside the goroutines. While no recorder of this process records, they
cost an attribute look-up and do nothing in Go; a task that began before the recording begins in
the trace with the first thing that happens in it.
"""

from flightrec.annotate.active import activate
from flightrec.annotate.bridge import Annotations
from flightrec.annotate.regions import Region
from flightrec.annotate.tasks import Task, current_task_number, log
from flightrec.annotate.traced import traced

__all__ = [
    "Annotations",
    "Region",
    "Task",
    "activate",
    "current_task_number",
    "log",
    "traced",
]
