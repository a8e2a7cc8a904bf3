"""How threads of Python are named in a trace; who records needs it, and who reads."""

from __future__ import annotations

from typing import Final

__all__ = ["THREAD_CATEGORY"]

#: The category of the logs that name threads. The message is the native id, a space, the name; the
#: native id is also what the events of a thread have as their M.
THREAD_CATEGORY: Final = "flightrec.thread"
