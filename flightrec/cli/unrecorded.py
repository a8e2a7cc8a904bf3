"""Running a built program without recording it: what a program that runs itself again comes to.

``flightrec run`` gives a program an executable file of its own, a *stub*: it is the program's
``os.Args[0]``, and starts this module with the same library.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from shlex import quote

__all__ = ["main", "write_stub"]


def write_stub(path: Path, library: Path) -> None:
    """Write an executable file that runs a program's library."""
    package_folder = Path(__file__).resolve().parents[2]
    # -I: what lies in the program's folder, or in its environment, is not Python's to import.
    start = (
        f"import sys; sys.path.insert(0, {str(package_folder)!r}); "
        "from flightrec.cli.unrecorded import main; main()"
    )
    command = f"exec {quote(sys.executable)} -I -c {quote(start)} {quote(str(library.resolve()))}"
    path.write_text(f'#!/bin/sh\n{command} "$0" "$@"\n', encoding="utf-8", errors="surrogateescape")
    path.chmod(0o755)


def main() -> None:
    """Run the library that ``sys.argv`` names, as the program that the rest of it is."""
    import flightrec
    from flightrec.launch import launching

    library, *arguments = sys.argv[1:]
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    with launching(arguments, arguments[0]):
        runtime = flightrec.load(library)
    runtime.on_departure(lambda departure: None, as_program=True)
    runtime.run("main", args=arguments)
    os._exit(0)  # as Go does when main returns: nobody is waited for
