"""What can be asked of a recorder from outside, and the answers."""

from __future__ import annotations

import dataclasses
import math
import os
import stat
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flightrec._version import __version__
from flightrec.directory import SnapshotDirectory
from flightrec.errors import FlightRecorderError, RuleError
from flightrec.recorder import FlightRecorder
from flightrec.rules.attach import engine_of, existing_engine, rules, when
from flightrec.rules.stacks import python_stacks
from flightrec.salvage import FLUSH_SECONDS, take_snapshot
from flightrec.sidecar import metadata, moment

__all__ = ["Requests"]

_LONGEST_TAIL = 300.0


class Requests:
    """Answers requests about one recorder. Safe to use from any thread.

    :param program: what the process is called by ``flightrec ps``.
    :param sees_signals: whether the rules are told of signals that end the process.
    """

    def __init__(
        self, recorder: FlightRecorder, program: str | None = None, sees_signals: bool = False
    ) -> None:
        self._recorder = recorder
        self._sees_signals = sees_signals
        self._program = program if program is not None else " ".join(sys.argv)
        self._began = time.time()

    def answer(self, request: Mapping[str, Any], file: int | None) -> dict[str, Any]:
        """Answer a request; a file that came with it is written, and left open.

        :raises FlightRecorderError: it cannot be done.
        :raises ValueError: it makes no sense.
        :raises OSError: the file cannot be written.
        """
        name = request.get("do")
        if name == "stat":
            return self._stat()
        if name == "dump":
            return self._dump(request, file)
        if name == "add rule":
            return self._add_rule(request)
        if name == "remove rule":
            return self._remove_rule(request)
        raise ValueError(f"an unknown request: {str(name)[:100]!r}")

    def _stat(self) -> dict[str, Any]:
        recorder = self._recorder
        return {
            "pid": os.getpid(),
            "program": self._program,
            "began": self._began,
            "flightrec": __version__,
            "go": recorder.runtime.go_version,
            "min_age": recorder.min_age,
            "max_bytes": recorder.max_bytes,
            "enabled": recorder.enabled,
            "stats": dataclasses.asdict(recorder.stats()),
            "rules": [
                {**dataclasses.asdict(status), "text": str(status)} for status in rules(recorder)
            ],
        }

    def _dump(self, request: Mapping[str, Any], file: int | None) -> dict[str, Any]:
        if file is None:
            raise ValueError("a dump needs an open file to be written to")
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise ValueError("a dump is written to a regular file: a pipe might not take it")
        last, tail = _seconds(request, "last"), _seconds(request, "tail") or 0.0
        if tail > _LONGEST_TAIL:
            raise ValueError(f"a tail can be {_LONGEST_TAIL:g} s at most")
        reason = str(request.get("reason") or "flightrec dump")[:1000]
        at = moment(time.time(), self._recorder.runtime.now_ns())
        stacks = python_stacks()
        opened = self._recorder.runtime._annotations.opened.as_facts()
        if tail:
            threading.Event().wait(tail)
        flush = FLUSH_SECONDS if request.get("flush", True) else 0.0
        snapshot, missing = take_snapshot(
            self._recorder, last=None if last is None else last + tail, flush=flush
        )
        with os.fdopen(os.dup(file), "wb", buffering=0) as out:
            written = snapshot.write_to(out)
        engine = existing_engine(self._recorder)
        facts = metadata(
            self._recorder,
            snapshot,
            [
                {
                    "rule": "dump",
                    "reason": reason,
                    **at,
                    "values": {},
                    "python_stacks": stacks,
                    "open_in_python": opened,
                }
            ],
            open_in_go=None if engine is None else engine._open_in_go(),
            flushed=missing is None,
            stats=self._recorder.stats(),
        )
        return {
            "bytes": written,
            "generations": len(snapshot.generations),
            "seconds": facts["window"]["seconds"],
            "newest_events": missing is None,
            "metadata": facts,
        }

    def _add_rule(self, request: Mapping[str, Any]) -> dict[str, Any]:
        text, to = request.get("rule"), request.get("to")
        if not isinstance(text, str) or not isinstance(to, str) or not Path(to).is_absolute():
            raise ValueError("a rule needs its text, and a folder with its whole path")
        limits = {
            key: request[key]
            for key in ("max_files", "max_bytes", "min_interval", "per_rule")
            if isinstance(request.get(key), (int, float))
        }
        engine = engine_of(self._recorder)
        engine.sees_signals = engine.sees_signals or self._sees_signals
        if blind := engine.blind_to(engine.check(text)):  # before the folder is made
            raise RuleError("it would never fire", rule=text, suggestion=blind)
        rule = when(
            self._recorder,
            text,
            SnapshotDirectory(to, **limits),
            name=request.get("name") or None,
            tail=_seconds(request, "tail") or 0.0,
            last=_seconds(request, "last"),
            arm_after=_seconds(request, "arm_after"),
        )
        return {"name": rule.name}

    def _remove_rule(self, request: Mapping[str, Any]) -> dict[str, Any]:
        engine = existing_engine(self._recorder)
        if engine is None:
            raise FlightRecorderError("this recorder has no rules")
        engine.remove(str(request.get("name")))
        return {}


def _seconds(request: Mapping[str, Any], name: str) -> float | None:
    value = request.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{name} must be a number of seconds")
    if not 0 <= value < math.inf:
        raise ValueError(f"{name} cannot be {value!r} s")
    return float(value)
