"""Which of the process's Python interpreters this is; asked without ctypes."""

from __future__ import annotations

import importlib

from flightrec.errors import LibraryLoadError

__all__ = ["refuse_sub_interpreter"]


def refuse_sub_interpreter() -> None:
    """Raise LibraryLoadError in a sub-interpreter, before it imports ctypes.

    CPython 3.13 crashes later if an interpreter with a GIL of its own uses ctypes before the main
    one does.
    """
    for name in ("_interpreters", "_xxsubinterpreters"):  # from Python 3.13 on, and before
        try:
            interpreters = importlib.import_module(name)
        except ImportError:
            continue
        if interpreters.get_current() != interpreters.get_main():
            raise LibraryLoadError(
                "cannot load a Go library: this is a sub-interpreter, and a Go runtime belongs to "
                "the whole process. Load it in the main interpreter, or use another process.",
                path="",
            )
        return
