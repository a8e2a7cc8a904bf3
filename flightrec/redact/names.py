"""What stands for the program's names: the same word for the same text, all over a trace."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from flightrec.trace.program import is_bridge, is_standard_library, package

__all__ = ["CLASSES", "PRIVATE", "PUBLIC", "RUNTIME", "Names", "is_public"]

#: The classes of text that can be kept, and the word that stands for each.
CLASSES: Final = {
    "functions": "func",
    "files": "file",
    "tasks": "task",
    "regions": "region",
    "categories": "category",
    "messages": "message",
    "types": "type",
    "threads": "thread",
}

#: The runtime's own words: why a goroutine waits, a world is stopped. They tell nothing.
RUNTIME: Final = "runtime"

#: A function or file of the standard library or of flightrec, and one of something else.
PUBLIC: Final = "public"
PRIVATE: Final = "private"

_BRIDGE: Final = "flightrec/gobridge/"
_CGO_WRAPPERS: Final = "_cgo_gotypes.go"
_TYPE_ARGUMENTS: Final = re.compile(r"\[.*\]")


class Names:
    """Replaces text, as far as its class is not to be kept.

    Two texts never become one. A function stays in a package of its own, one of the standard
    library or of flightrec stays as it is, and a file keeps its ending, so that what is the
    program's and what is not can still be told.
    """

    def __init__(self, keep: Collection[str] = ()) -> None:
        unknown = set(keep) - set(CLASSES)
        if unknown:
            raise ValueError(
                f"there is no class of text {', '.join(sorted(unknown))}; "
                f"there are {', '.join(CLASSES)}"
            )
        self._keep = frozenset(keep)
        self._known: dict[tuple[str, str], str] = {}
        self._packages: dict[str, str] = {}
        self._counts = dict.fromkeys(CLASSES, 0)

    def replaced(self, text: str, uses: Collection[str]) -> str:
        """What stands for a text that is used as these classes, and perhaps PUBLIC or PRIVATE."""
        if not text or RUNTIME in uses or self._keep.intersection(uses):
            return text
        # A trace has a text once, whatever it is used as.
        use = next((name for name in CLASSES if name in uses), "messages")
        found = self._known.get((use, text))
        if found is None:
            public = PUBLIC in uses and PRIVATE not in uses
            if use == "functions":
                found = self._function(text, public=public)
            elif use == "files":
                found = self._file(text, public=public)
            elif use == "threads":
                found = self._thread(text)
            else:
                found = self._numbered(use)
            self._known[use, text] = found
        return found

    def _numbered(self, name: str) -> str:
        self._counts[name] += 1
        return f"{CLASSES[name]}{self._counts[name]}"

    def _function(self, text: str, *, public: bool) -> str:
        if public:
            arguments = _TYPE_ARGUMENTS.search(text)
            if arguments is None or arguments[0] == "[...]":
                return text
            # Go writes [...], so this is not to be expected.
            return _TYPE_ARGUMENTS.sub(f"[{self._numbered('functions')}]", text)
        path = package(text)
        if not path:
            # What Go exports to C is known by how it begins.
            start = _EXPORT if text.startswith(_EXPORT) else "_"
            return start + self._numbered("functions")
        return f"{self._package(path)}.{self._numbered('functions')}"

    def _thread(self, text: str) -> str:
        """A thread's native id, which stays, and its name."""
        number, _, name = text.partition(" ")
        if name == "MainThread" or name.startswith(_OWN_THREADS):
            return text
        return f"{number} {self._numbered('threads')}"

    def _package(self, path: str) -> str:
        found = self._packages.get(path)
        if found is None:
            found = self._packages[path] = f"package{len(self._packages) + 1}"
        return found

    def _file(self, text: str, *, public: bool) -> str:
        path = text.replace("\\", "/")
        name = path.rpartition("/")[2]
        if public:
            # Without the folder of the toolchain, or of whoever built it.
            for mark in ("/src/", "/flightrec/gobridge/"):
                before, _, below = path.rpartition(mark)
                if before and below:
                    return below if mark == "/src/" else mark[1:] + below
            if name == _CGO_WRAPPERS:
                return name
            if not path.startswith("/") and ":" not in path:
                return path
        if name == _CGO_WRAPPERS:
            return f"{self._numbered('files')}/{name}"
        ending = name.rpartition(".")[2]
        return self._numbered("files") + (f".{ending}" if ending in _ENDINGS else "")


# Of flightrec's own threads, as threads are named by it.
_OWN_THREADS: Final = "flightrec-"
_EXPORT: Final = "_cgoexp_"
_ENDINGS: Final = frozenset({"go", "s", "c", "h"})


def is_public(function: str, file: str) -> bool:
    """Whether a function is of the standard library or of flightrec, as its file says too.

    A program's package may be called as one of the standard library's is. The runtime has the
    functions that other packages declare without a body (linkname): time.Sleep, for one.
    """
    path = package(function)
    if is_bridge(function) or path.startswith(_BRIDGE):
        return True
    if not is_standard_library(function):
        return False
    folder = f"/{file}".replace("\\", "/").rpartition("/")[0]
    return folder.endswith((f"/{path}", "/src/runtime")) or folder == "/runtime"
