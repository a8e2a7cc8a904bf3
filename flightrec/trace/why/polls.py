"""What a wait that Go calls "network" is for: sockets, pipes and devices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from flightrec.trace.program import is_standard_library
from flightrec.trace.stacks import Frame

__all__ = ["is_socket_read", "polled"]

_FILE: Final = "os.(*File)"
_CONNECT: Final = "net.(*netFD).connect"
_ACCEPT: Final = "net.(*netFD).accept"
_READ: Final = "for the network"
# Of internal/poll's functions, which have the operation in their names: Read, ReadFrom, Write, …
_POLL: Final = "internal/poll.(*FD)."


def is_socket_read(stack: Iterable[Frame]) -> bool:
    """Whether it is to read from a socket, or may be: nothing is known without a stack."""
    return polled(stack) == _READ


def polled(stack: Iterable[Frame]) -> str:
    """What it is for, in words that follow "waited"."""
    names = [frame.function for frame in _library(stack)]
    operation = next((n.removeprefix(_POLL) for n in names if n.startswith(_POLL)), "")
    writes = "Write" in operation or operation == "SendFile"
    if any(name.startswith(_FILE) for name in names):
        return f"for a pipe or device (to {'write' if writes else 'read'})"
    if any(name.startswith(_CONNECT) for name in names):
        return "for the network (to connect)"
    if any(name.startswith(_ACCEPT) for name in names):
        return "for the network (to accept a connection)"
    return "for the network (to write)" if writes else _READ


def _library(stack: Iterable[Frame]) -> Iterable[Frame]:
    """The frames of the standard library that a stack begins with."""
    for frame in stack:
        if not is_standard_library(frame.function):
            return
        yield frame
