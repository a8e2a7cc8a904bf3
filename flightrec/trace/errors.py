"""How the reader says that a trace is broken."""

from __future__ import annotations

from flightrec.errors import TraceFormatError

__all__ = ["TruncatedTraceError", "broken"]


class TruncatedTraceError(TraceFormatError):
    """A trace that ends before it is complete; what there is of it may be sound.

    ``read(…, on_truncated="stop")`` ends there without raising.
    """


def broken(
    reason: str,
    *,
    offset: int | None = None,
    generation: int | None = None,
    thread: int | None = None,
    batch: int | None = None,
) -> TraceFormatError:
    """A :class:`TraceFormatError` that names the batch as well, by its M and its header's offset.

    An attribute would be better than text, but the exception has none for it.
    """
    if batch is not None:
        owner = "no M" if thread is None else f"M {thread}"
        reason = f"{reason}; in the batch of {owner} at {batch}"
    return TraceFormatError(reason, offset=offset, generation=generation)
