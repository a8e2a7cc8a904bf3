"""What is known of a library's workloads before they are run: their arguments."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flightrec import abi
from flightrec.errors import WorkloadError
from flightrec.library import Library

__all__ = ["WorkloadArgument", "WorkloadInfo", "check_arguments", "describe_workloads"]


@dataclass(frozen=True, slots=True)
class WorkloadArgument:
    """An argument of a workload.

    :ivar type: in words: ``whole number``, ``number``, ``text``, ``true or false``, ``list`` or
        ``object``.
    :ivar default: its value if it is not given.
    :ivar help: what it means; may be empty.
    """

    name: str
    type: str
    default: Any
    help: str


@dataclass(frozen=True, slots=True)
class WorkloadInfo:
    """A workload.

    :ivar summary: what it does; may be empty.
    :ivar arguments: None if Go does not say (``gobridge.Register``, and a program's main).
    """

    name: str
    summary: str
    arguments: tuple[WorkloadArgument, ...] | None


def describe_workloads(library: Library) -> tuple[WorkloadInfo, ...]:
    """Return what is known of each workload, sorted by name."""
    return tuple(
        WorkloadInfo(
            found["name"],
            found["summary"],
            None
            if found["arguments"] is None
            else tuple(WorkloadArgument(**argument) for argument in found["arguments"]),
        )
        for found in library.describe("workloads")
    )


def check_arguments(library: Library, name: str, arguments: Mapping[str, Any]) -> None:
    """Find out whether a workload would refuse arguments, and run nothing.

    :raises WorkloadError: it would, or there is none of that name; ``reason`` says why.
    """
    library.check_fork()
    error = abi.Error()
    text = json.dumps(arguments).encode()
    if library.cdll.flightrec_workload_check(name.encode(), text, error):
        reason = error.text.decode(errors="replace").removeprefix("unknown: ")
        raise WorkloadError(f"{name}: {reason}", workload=name, reason=reason)
