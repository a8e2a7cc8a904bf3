"""What flightrec changes in Go's own sources when it builds a library, one file an overlay.

``go build -overlay`` has Go read other contents for some files; the toolchain stays as it is. See
``docs/overlays.md`` for what each one does and which Go versions it was tried with.
"""

from flightrec.gobuild.overlays.apply import apply_overlays, inspect_overlays
from flightrec.gobuild.overlays.database_sql import DATABASE_SQL
from flightrec.gobuild.overlays.module_version import MODULE_VERSION
from flightrec.gobuild.overlays.net_http import NET_HTTP
from flightrec.gobuild.overlays.own_signals import OWN_SIGNALS
from flightrec.gobuild.overlays.patch import Outcome, Overlay, Patch
from flightrec.gobuild.overlays.process_end import PROCESS_END
from flightrec.gobuild.overlays.program_args import PROGRAM_ARGS
from flightrec.gobuild.overlays.program_trace import PROGRAM_TRACE
from flightrec.gobuild.overlays.reader_slice import READER_SLICE
from flightrec.gobuild.overlays.signal_masks import SIGNAL_MASKS
from flightrec.gobuild.overlays.signal_status import SIGNAL_STATUS
from flightrec.gobuild.overlays.stack_bounds import STACK_BOUNDS
from flightrec.gobuild.overlays.task_hooks import TASK_HOOKS

__all__ = [
    "DEFAULT_OVERLAYS",
    "INSTRUMENTS",
    "Outcome",
    "Overlay",
    "Patch",
    "apply_overlays",
    "inspect_overlays",
]

#: In every library that flightrec builds.
DEFAULT_OVERLAYS: tuple[Overlay, ...] = (
    READER_SLICE,
    PROCESS_END,
    MODULE_VERSION,
    STACK_BOUNDS,
    SIGNAL_MASKS,
    SIGNAL_STATUS,
    TASK_HOOKS,
    OWN_SIGNALS,
    PROGRAM_ARGS,
    PROGRAM_TRACE,
)

#: In those that ask for them, by the package that they instrument.
INSTRUMENTS = {overlay.name: overlay for overlay in (NET_HTTP, DATABASE_SQL)}
