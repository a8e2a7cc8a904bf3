"""What a program has printed so far."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["Capture"]


class Capture:
    """One of a program's output streams, in a file.

    Not a pipe: nobody needs to read it, and what was printed survives both sides.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    @property
    def text(self) -> str:
        """All that was printed so far."""
        return self.path.read_text(encoding="utf-8", errors="replace")

    def search(
        self, pattern: re.Pattern[str], begin: int, *, ended: bool
    ) -> tuple[re.Match[str] | None, int]:
        """Search the lines from a byte on; return what was found, and where the next line begins.

        :param ended: whether the last line may lack its newline.
        """
        with self.path.open("rb") as file:
            file.seek(begin)
            for line in file:
                if not line.endswith(b"\n") and not ended:
                    break
                begin += len(line)
                found = pattern.search(line.decode("utf-8", "replace").rstrip("\r\n"))
                if found is not None:
                    return found, begin
        return None, begin
