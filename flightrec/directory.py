"""A folder of snapshots with a budget.

The limits are kept in the folder itself, so they hold from one run of a program to the next, and
for several processes that share it. Where there are no file locks (Windows), they hold within a
process.

Beside the snapshots, the folder has ``.flightrec.json``: when the last ones were saved, and what
was suppressed. Files that other programs put there are neither counted nor removed.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import re
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol

try:
    import fcntl
except ImportError:  # pragma: no cover, Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["SavedSnapshot", "SnapshotDirectory", "Suppressed", "Ticket"]

#: How long another process may hold the folder's lock, in seconds.
_LOCK_SECONDS = 5.0
#: How many rules' times are kept.
_RULES_KEPT = 500
#: After which a small file without its snapshot is one that a dead process has left.
_LEFT_OVER_SECONDS = 600.0
#: How much metadata may grow after it was written: by rules that fire meanwhile.
_AMENDMENT_BYTES = 16 << 10
_STATE = ".flightrec.json"
_LOCK = ".flightrec.lock"
_NAME = re.compile(r"\d{8}T\d{6}\.\d{6}Z-.+\.trace")
_TEMPORARY = re.compile(r"\.(\d{8}T\d{6}\.\d{6}Z-.+)\.(\d+)\.tmp")


class Writable(Protocol):
    """What can be saved: a :class:`flightrec.Snapshot`."""

    @property
    def nbytes(self) -> int:
        """How many bytes it has."""

    def write_to(self, file: Any) -> int:
        """Write it to a binary file object."""


@dataclass(frozen=True, slots=True)
class SavedSnapshot:
    """A snapshot in the folder.

    :ivar path: of the trace.
    :ivar metadata: of the JSON file beside it.
    :ivar nbytes: of the trace.
    """

    path: Path
    metadata: Path
    nbytes: int

    def amend(self, facts: Mapping[str, Any]) -> None:
        """Write other metadata beside the snapshot; up to 16 KiB more than before are planned for.

        :raises OSError: it cannot be written; the earlier one stays.
        """
        _write_whole(self.metadata, _text(facts))


@dataclass(frozen=True, slots=True)
class Suppressed:
    """Why a snapshot was not saved.

    :ivar limit: ``min_interval``, ``per_rule``, ``max_bytes`` or ``max_files``.
    :ivar reason: a sentence.
    :ivar retry_after: when the limit ends, in seconds; None if that depends on something else.
    """

    limit: str
    reason: str
    retry_after: float | None = None


class _Kept(NamedTuple):
    path: Path
    nbytes: int  # with its metadata


class SnapshotDirectory:
    """Where rules save snapshots: the oldest are removed to stay within a budget.

    Safe to use from any thread, and from several processes at once.

    :param path: the folder; it is created if necessary.
    :param max_files: how many snapshots there may be.
    :param max_bytes: how many bytes they may take together, including their metadata.
    :param min_interval: seconds between any two snapshots.
    :param per_rule: seconds between two snapshots of the same rule.
    :param arguments: whether the metadata contains the program's arguments.
    :raises ValueError: a limit that is not positive.
    :raises OSError: the folder cannot be made or written to.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        max_files: int = 50,
        max_bytes: int = 1 << 30,
        min_interval: float = 1.0,
        per_rule: float = 60.0,
        arguments: bool = True,
    ) -> None:
        if max_files < 1 or max_bytes < 1:
            raise ValueError("max_files and max_bytes must be at least 1")
        if not (min_interval >= 0 and per_rule >= 0):
            raise ValueError("min_interval and per_rule are seconds, and must not be negative")
        self.path = Path(path).absolute()  # the program may change its working folder
        self.max_files = max_files
        self.max_bytes = max_bytes
        self.min_interval = float(min_interval)
        self.per_rule = float(per_rule)
        self.arguments = arguments
        self.path.mkdir(parents=True, exist_ok=True)
        with self._locked():
            pass

    def __repr__(self) -> str:
        return f"SnapshotDirectory({str(self.path)!r})"

    # ---- what is there

    def snapshots(self) -> tuple[Path, ...]:
        """Return the snapshots, oldest first."""
        return tuple(kept.path for kept in self._kept())

    def suppressed(self) -> dict[str, dict[str, int]]:
        """Return how many snapshots each rule did not get, by the limit that prevented it."""
        with self._locked():
            suppressed: dict[str, dict[str, int]] = self._read_state()["suppressed"]
            return suppressed

    def _kept(self) -> list[_Kept]:
        found = []
        for entry in os.scandir(self.path):
            if _NAME.fullmatch(entry.name):
                with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                    found.append(_Kept(Path(entry.path), entry.stat().st_size))
        with_metadata = []
        for kept in sorted(found):
            nbytes = kept.nbytes
            with contextlib.suppress(OSError):
                nbytes += _metadata_of(kept.path).stat().st_size
            with_metadata.append(_Kept(kept.path, nbytes))
        return with_metadata

    # ---- saving

    def admit(self, rule: str) -> Ticket | Suppressed:
        """Ask whether a rule may save a snapshot now; the time between two counts from now.

        :returns: a ticket to save it with, or to withdraw; or why not, which is counted.
        :raises OSError: the folder cannot be read or written.
        """
        now = time.time()
        with self._locked():
            state = self._read_state()
            for limit, seconds, last in (
                ("min_interval", self.min_interval, state["last"]),
                ("per_rule", self.per_rule, state["rules"].get(rule)),
            ):
                # A time to come is of a clock that was set back since.
                if last is not None and 0 <= now - last < seconds:
                    whose = "of this rule " if limit == "per_rule" else ""
                    reason = (
                        f"the last snapshot {whose}was {now - last:.1f} s ago, and {limit} is "
                        f"{seconds:g} s"
                    )
                    left = seconds - (now - last)
                    return self._suppress(state, rule, Suppressed(limit, reason, left))
            before = (state["last"], state["rules"].get(rule))
            state["last"] = state["rules"][rule] = now
            while len(state["rules"]) > _RULES_KEPT:
                state["rules"].pop(min(state["rules"], key=state["rules"].__getitem__))
            self._write_state(state)
            return Ticket(self, rule, now, before)

    def count_suppressed(self, rule: str, limits: Mapping[str, int]) -> None:
        """Add to what :meth:`suppressed` returns: snapshots that nobody asked the folder for.

        :raises OSError: the folder cannot be written.
        """
        with self._locked():
            state = self._read_state()
            counts = state["suppressed"].setdefault(rule, {})
            for limit, n in limits.items():
                counts[limit] = counts.get(limit, 0) + n
            self._write_state(state)

    def _suppress(self, state: dict[str, Any], rule: str, suppressed: Suppressed) -> Suppressed:
        counts = state["suppressed"].setdefault(rule, {})
        counts[suppressed.limit] = counts.get(suppressed.limit, 0) + 1
        while len(state["suppressed"]) > _RULES_KEPT:
            state["suppressed"].pop(next(iter(state["suppressed"])))
        self._write_state(state)
        return suppressed

    def _save(
        self, snapshot: Writable, rule: str, facts: Mapping[str, Any]
    ) -> SavedSnapshot | Suppressed:
        text = _text(facts)
        needed = snapshot.nbytes + len(text) + _AMENDMENT_BYTES
        with self._locked():
            if suppressed := self._make_room(needed):
                return self._suppress(self._read_state(), rule, suppressed)
            name, temporary, file = self._reserve(rule, needed)
        path = self.path / f"{name}.trace"
        try:
            # While this file is open it is locked, so that nobody takes it for left over.
            with file:
                written = snapshot.write_to(file)
                _write_whole(_metadata_of(path), text)
                temporary.replace(path)
        except BaseException:
            for left in (temporary, _metadata_of(path)):
                with contextlib.suppress(OSError):
                    left.unlink()
            raise
        return SavedSnapshot(path, _metadata_of(path), written)

    def _make_room(self, needed: int) -> Suppressed | None:
        """Remove the oldest until so much more fits."""
        if needed > self.max_bytes:
            return Suppressed(
                "max_bytes",
                f"the snapshot has {needed} bytes, more than the whole folder may have "
                f"({self.max_bytes}); use a larger budget, or a smaller window",
            )
        # In this order: what becomes a snapshot between the two looks is seen by the second.
        writing = self._being_written()
        kept = self._kept()
        done = {k.path.stem for k in kept}
        being_written = [nbytes for stem, nbytes in writing.items() if stem not in done]
        while kept and (
            len(kept) + len(being_written) + 1 > self.max_files
            or sum(k.nbytes for k in kept) + sum(being_written) + needed > self.max_bytes
        ):
            oldest = kept.pop(0)
            for path in (oldest.path, _metadata_of(oldest.path)):
                with contextlib.suppress(FileNotFoundError):
                    path.unlink()
        if len(being_written) + 1 > self.max_files:
            return Suppressed("max_files", "other processes are writing all there may be")
        if sum(being_written) + needed > self.max_bytes:
            return Suppressed("max_bytes", "what other processes are writing leaves no room")
        return None

    def _being_written(self) -> dict[str, int]:
        """Return the sizes of what is being written now; remove what a dead process has left."""
        writing = {}
        entries = {entry.name: entry for entry in os.scandir(self.path)}
        for name in entries:
            if not (match := _TEMPORARY.fullmatch(name)):
                continue
            with contextlib.suppress(FileNotFoundError):
                with (self.path / name).open("rb") as file:
                    if _try_lock(file):
                        (self.path / name).unlink()
                    else:
                        writing[match[1]] = int(match[2])
        for name, entry in entries.items():
            stem = name.removesuffix(".json")
            alone = _NAME.fullmatch(f"{stem}.trace") and f"{stem}.trace" not in entries
            if (alone and stem != name and stem not in writing) or name.endswith(".part"):
                with contextlib.suppress(FileNotFoundError):
                    if time.time() - entry.stat().st_mtime > _LEFT_OVER_SECONDS:
                        (self.path / name).unlink()
        return writing

    def _reserve(self, rule: str, needed: int) -> tuple[str, Path, IO[bytes]]:
        slug = re.sub(r"[^A-Za-z0-9._-]+", "-", rule)[:60].strip("-.") or "rule"
        while True:
            now = datetime.datetime.now(datetime.timezone.utc)
            stamp = now.strftime("%Y%m%dT%H%M%S.%fZ")
            name = f"{stamp}-{slug}-{os.getpid()}-{secrets.token_hex(2)}"
            temporary = self.path / f".{name}.{needed}.tmp"
            with contextlib.suppress(FileExistsError):
                file = temporary.open("xb", buffering=0)
                _try_lock(file)
                return name, temporary, file

    def _withdraw(self, rule: str, at: float, before: tuple[float | None, float | None]) -> None:
        with self._locked():
            state = self._read_state()
            if state["last"] == at:
                state["last"] = before[0]
            if state["rules"].get(rule) == at:
                state["rules"].pop(rule)
                if before[1] is not None:
                    state["rules"][rule] = before[1]
            self._write_state(state)

    # ---- what is kept in the folder

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Be the only one that changes the folder.

        :raises TimeoutError: another process holds the lock for too long: it was stopped, say.
        """
        if fcntl is None:
            with _one_process:
                yield
            return
        with (self.path / _LOCK).open("ab") as file:
            until = time.monotonic() + _LOCK_SECONDS
            while not _try_lock(file):
                if time.monotonic() > until:
                    raise TimeoutError(
                        f"{self.path} is locked by another process for more than "
                        f"{_LOCK_SECONDS:g} s; is one stopped in the middle of a snapshot?"
                    )
                time.sleep(0.005)
            yield  # closing the file unlocks it

    def _read_state(self) -> dict[str, Any]:
        state: Any = None
        with contextlib.suppress(OSError, ValueError):
            state = json.loads((self.path / _STATE).read_text(encoding="utf-8"))
        if not isinstance(state, dict):
            state = {}
        last = state.get("last")
        return {
            "last": last if _is_number(last) else None,
            "rules": {k: v for k, v in _dict(state.get("rules")).items() if _is_number(v)},
            "suppressed": {
                rule: {k: n for k, n in _dict(counts).items() if isinstance(n, int)}
                for rule, counts in _dict(state.get("suppressed")).items()
            },
        }

    def _write_state(self, state: dict[str, Any]) -> None:
        _write_whole(self.path / _STATE, json.dumps(state, indent=1).encode())


class Ticket:
    """Leave to save one snapshot in a folder. Use it once: save or withdraw."""

    def __init__(
        self,
        directory: SnapshotDirectory,
        rule: str,
        at: float,
        before: tuple[float | None, float | None],
    ) -> None:
        self.directory = directory
        self.rule = rule
        self._at = at
        self._before = before

    def save(self, snapshot: Writable, facts: Mapping[str, Any]) -> SavedSnapshot | Suppressed:
        """Save the snapshot and its metadata; the oldest are removed to make room.

        :returns: where; or why not: it has more bytes than the folder may have.
        :raises OSError: it cannot be written. Nothing is left behind, and the time does not count.
        """
        saved = None
        try:
            saved = self.directory._save(snapshot, self.rule, facts)
            return saved
        finally:
            if not isinstance(saved, SavedSnapshot):
                self.withdraw()

    def withdraw(self) -> None:
        """Give it back, as if it had never been asked for."""
        with contextlib.suppress(OSError):
            self.directory._withdraw(self.rule, self._at, self._before)


_one_process = threading.Lock()


def _try_lock(file: IO[bytes]) -> bool:
    """Lock an open file unless another has it; say whether it is ours now."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _text(facts: Mapping[str, Any]) -> bytes:
    return (json.dumps(facts, indent=2, default=str) + "\n").encode()


def _metadata_of(path: Path) -> Path:
    return path.with_suffix(".json")


def _write_whole(path: Path, text: bytes) -> None:
    """Write a small file so that nobody sees half of it."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        temporary.write_bytes(text)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
