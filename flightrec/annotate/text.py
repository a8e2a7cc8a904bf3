"""What may stand in a trace as a name, a category or a message: the rules for all text."""

from __future__ import annotations

__all__ = ["MOST_BYTES", "check_text", "encoded"]

#: The longest string that a Go trace can have, in bytes of UTF-8 (``MaxEventTrailerDataSize``). The
#: runtime cuts longer ones without a mark, and ends the process for a name of 64 KiB.
MOST_BYTES = 1024

_CUT = "…".encode()


def check_text(value: object, what: str) -> None:
    """Raise TypeError unless a value is a string; ``what`` begins the message.

    Whatever the string is, :func:`encoded` makes something of it, so nothing else is refused.
    """
    if not isinstance(value, str):
        raise TypeError(f"{what} must be a str, not {type(value).__name__}: {value!r:.80}")


def encoded(text: str) -> bytes:
    r"""Return a string as it stands in the trace: at most 1024 bytes of UTF-8.

    What UTF-8 or C cannot say is escaped as in Python's source: a lone surrogate is ``\udcff``, a
    NUL ``\x00``. A longer string is cut between two characters, and ends with "…".
    """
    if len(text) > MOST_BYTES:
        text = text[: MOST_BYTES + 1]
    data = text.encode("utf-8", "backslashreplace")
    if b"\0" in data:
        data = data.replace(b"\0", rb"\x00")
    if len(data) <= MOST_BYTES:
        return data
    end = MOST_BYTES - len(_CUT)
    while data[end] & 0xC0 == 0x80:  # inside a character
        end -= 1
    return data[:end] + _CUT
