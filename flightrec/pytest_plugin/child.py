"""``flightrec run`` in a process of its own that never outlives the tests that started it."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

__all__ = ["command", "main"]

#: How long the program may take to end once the tests are gone, in seconds.
_GRACE = 10.0


def command(parent: int) -> list[str]:
    """Return the begin of a command; the arguments of ``flightrec`` follow.

    :param parent: a pipe to read from that only the tests write to: its end means that they have
        ended, however that came.
    """
    package_folder = Path(__file__).resolve().parents[2]
    # -I: what lies in the program's folder, or in its environment, is not Python's to import.
    start = (
        f"import sys; sys.path.insert(0, {str(package_folder)!r}); "
        "from flightrec.pytest_plugin.child import main; main()"
    )
    return [sys.executable, "-I", "-c", start, str(parent)]


def main() -> None:
    """Run the command line that ``sys.argv`` has behind the pipe's number."""
    parent = int(sys.argv.pop(1))
    os.set_inheritable(parent, False)
    threading.Thread(target=_end_with, args=(parent,), name="flightrec-parent", daemon=True).start()
    from flightrec.cli import main as run

    sys.exit(run())


def _end_with(parent: int) -> None:
    """Wait for the tests' end; then end as by SIGTERM, which leaves a snapshot."""
    os.read(parent, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE)
    os.kill(os.getpid(), signal.SIGKILL)
