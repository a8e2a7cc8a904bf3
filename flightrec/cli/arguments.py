"""The arguments of a workload on the command line: KEY=VALUE."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flightrec.cli.options import UsageError

if TYPE_CHECKING:
    from flightrec import GoRuntime

__all__ = ["read_words", "workload_arguments"]


def read_words(words: Sequence[str]) -> dict[str, str]:
    """Read words of the form KEY=VALUE.

    :raises UsageError: one is not, or a key is given twice.
    """
    given: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise UsageError(
                f"not an argument: {word!r}; write KEY=VALUE, or a program's behind --"
            )
        if key in given:
            raise UsageError(f"{key} is given twice")
        given[key] = value
    return given


def workload_arguments(
    runtime: GoRuntime, name: str, given: Mapping[str, str], seconds: float | None
) -> tuple[dict[str, Any], float | None]:
    """Return what to start a workload with, and after how long to cancel it.

    A value is JSON, or text; text that looks like JSON is text where text is wanted. ``seconds`` is
    given to a workload that has a duration. Another one is cancelled after that time.

    :raises UsageError: the workload would refuse the arguments.
    """
    from flightrec.errors import WorkloadError
    from flightrec.workloadinfo import check_arguments, describe_workloads

    (info,) = (w for w in describe_workloads(runtime._library) if w.name == name)
    types = {known.name: known.type for known in info.arguments or ()}
    arguments = {
        key: value if types.get(key) == "text" else _value(value) for key, value in given.items()
    }
    if seconds is not None and "duration" in types:
        arguments.setdefault("duration", seconds)
        seconds = None
    try:
        check_arguments(runtime._library, name, arguments)
    except WorkloadError as exc:
        raise UsageError(str(exc)) from exc
    return arguments, seconds


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
