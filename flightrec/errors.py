"""Every exception that flightrec raises on its own account.

All of them derive from :class:`FlightRecorderError`. The message is a sentence that says what
happened and what to do; the facts behind it are attributes; text that came from Go is passed
on word for word.
"""

from __future__ import annotations

__all__ = [
    "AlreadyEnabledError",
    "BridgeError",
    "EmptySnapshotError",
    "FlightRecorderError",
    "ForkedProcessError",
    "LibraryLoadError",
    "NotEnabledError",
    "RuleError",
    "SnapshotActiveError",
    "StreamOverrunError",
    "ToolchainError",
    "TraceFormatError",
    "TracingConflictError",
    "WorkloadError",
    "WorkloadPanicError",
]


class FlightRecorderError(Exception):
    """The root of flightrec's exceptions."""


class LibraryLoadError(FlightRecorderError):
    """A Go shared library could not be loaded, or is not one that flightrec can drive.

    :ivar path: the library's path, as text.
    """

    def __init__(self, message: str, *, path: str) -> None:
        super().__init__(message)
        self.path = path


class BridgeError(FlightRecorderError):
    """The bridge returned a status that has no exception of its own.

    :ivar function: the C function that was called.
    :ivar status: its numeric status (``flightrec.abi.Status``).
    """

    def __init__(self, message: str, *, function: str, status: int) -> None:
        super().__init__(message)
        self.function = function
        self.status = status


class AlreadyEnabledError(FlightRecorderError):
    """``start`` was called on a recorder that is recording, or whose runtime already has one."""


class NotEnabledError(FlightRecorderError):
    """``stop``, ``write_to`` or ``snapshot`` was called on a recorder that is not recording."""


class SnapshotActiveError(FlightRecorderError):
    """``write_to`` was called while another ``write_to`` of the same recorder is in progress."""


class EmptySnapshotError(FlightRecorderError):
    """No generation of the trace is complete yet, or none fits: there is nothing to snapshot."""


class StreamOverrunError(FlightRecorderError):
    """A pipe or file object took a stream's trace too slowly: the trace ends where the gap begins.

    :ivar missed: how many generations were missed when that was noticed.
    """

    def __init__(self, message: str, *, missed: int) -> None:
        super().__init__(message)
        self.missed = missed


class RuleError(FlightRecorderError, ValueError):
    """A rule that cannot be understood, or that asks for something that does not exist.

    :ivar rule: the rule's text.
    :ivar position: where in it the mistake is, counted from 0; None if it is in no one place.
    :ivar suggestion: what was probably meant, or what could stand there; empty if unknown.
    """

    def __init__(
        self, message: str, *, rule: str, position: int | None = None, suggestion: str = ""
    ) -> None:
        text = message
        if position is not None:
            text += f" (position {position + 1} of {rule!r})"
        elif rule:
            text += f" (in {rule!r})"
        super().__init__(f"{text}; {suggestion}" if suggestion else text)
        self.reason = message
        self.rule = rule
        self.position = position
        self.suggestion = suggestion


class TraceFormatError(FlightRecorderError, ValueError):
    """Bytes that are not a valid Go execution trace.

    :ivar offset: where in the input the error is, in bytes; None if it is in no one place.
    :ivar generation: the trace generation it is in; None before the first, or if unknown.
    """

    def __init__(
        self, message: str, *, offset: int | None = None, generation: int | None = None
    ) -> None:
        where = []
        if generation is not None:
            where.append(f"generation {generation}")
        if offset is not None:
            where.append(f"offset {offset}")
        super().__init__(f"{message} ({', '.join(where)})" if where else message)
        self.reason = message
        self.offset = offset
        self.generation = generation


class TracingConflictError(FlightRecorderError):
    """Someone else is tracing this Go runtime (its own ``trace.Start``, or an HTTP trace).

    :ivar reason: what the Go runtime said.
    """

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class WorkloadError(FlightRecorderError):
    """A Go workload returned an error, is unknown, or was cancelled.

    :ivar workload: its name.
    :ivar reason: the text of the Go error.
    """

    def __init__(self, message: str, *, workload: str, reason: str) -> None:
        super().__init__(message)
        self.workload = workload
        self.reason = reason


class WorkloadPanicError(WorkloadError):
    """A Go workload panicked; the bridge recovered it and the process goes on.

    :ivar stack: the Go stack of the panic, as ``runtime/debug.Stack`` prints it.
    """

    def __init__(self, message: str, *, workload: str, reason: str, stack: str) -> None:
        super().__init__(message, workload=workload, reason=reason)
        self.stack = stack


class ForkedProcessError(FlightRecorderError):
    """The Go runtime was loaded before ``fork``: in the child it has no threads and would hang.

    :ivar loaded_in: the process id that loaded the library.
    """

    def __init__(self, message: str, *, loaded_in: int) -> None:
        super().__init__(message)
        self.loaded_in = loaded_in


class ToolchainError(FlightRecorderError):
    """No usable Go toolchain or C compiler, or the build failed.

    :ivar output: what the tool printed, word for word; empty if none was run.
    """

    def __init__(self, message: str, *, output: str = "") -> None:
        super().__init__(message)
        self.output = output
