"""Writes a trace anew with other strings, and all else byte for byte as it was."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any, Final, Protocol

from flightrec.redact.names import PRIVATE, PUBLIC, RUNTIME, Names, is_public
from flightrec.threadnames import THREAD_CATEGORY
from flightrec.trace.batches import Batch, read_batches, read_header
from flightrec.trace.decode import decode_events
from flightrec.trace.errors import TruncatedTraceError, broken
from flightrec.trace.source import Input, Source
from flightrec.trace.spec import EVENT_TYPES, MAX_BATCH_SIZE, SPECS
from flightrec.trace.tables import QuietEndError, Tables
from flightrec.trace.varint import VarintError, encode_uvarint, read_uvarint

__all__ = ["redact"]

_EVENT_BATCH: Final = EVENT_TYPES["EventBatch"]
_EXPERIMENTAL_BATCH: Final = EVENT_TYPES["ExperimentalBatch"]
_STRINGS: Final = EVENT_TYPES["Strings"]
_STRING: Final = EVENT_TYPES["String"]
_STACKS: Final = EVENT_TYPES["Stacks"]
_LOG: Final = EVENT_TYPES["UserLog"]
# What stands first in the batches that are no events'.
_TABLES: Final = frozenset(
    EVENT_TYPES[name] for name in ("Strings", "Stacks", "CPUSamples", "Frequency", "Sync")
)
_ALLOC_FREE: Final = 1
_TYPES_BATCH, _INFO_BATCH = 0, 1

# Which events have strings, where in their records, and what those are.
_USES: Final[dict[int, tuple[tuple[int, str], ...]]] = {
    number: tuple(
        (
            index + 2,
            {
                ("UserTaskBegin", "name_string"): "tasks",
                ("UserRegionBegin", "name_string"): "regions",
                ("UserRegionEnd", "name_string"): "regions",
                ("UserLog", "key_string"): "categories",
                ("UserLog", "value_string"): "messages",
            }.get((spec.name, spec.values[index]), RUNTIME),
        )
        for index in spec.strings
    )
    for number, spec in SPECS.items()
    if spec.timed and spec.strings
}


class Output(Protocol):
    """A binary file, of which only ``write`` is used."""

    def write(self, data: bytes, /) -> object: ...


def redact(source: Source, out: Output, *, keep: Collection[str] = ()) -> None:
    """Write a trace without the program's names and messages.

    Functions and files of the program, names of tasks and regions, categories and messages of
    logs, and names of types become words with numbers; the same text becomes the same word all over
    the trace. Functions of the standard library and of flightrec stay, and so do the runtime's own
    words. Times, ids, program counters and line numbers stay as well.

    *source* is what :func:`flightrec.trace.read` takes. *keep* names classes of
    :data:`~flightrec.redact.CLASSES` that stay as they are; ValueError for any other. Raises
    OSError and TraceFormatError; what is in *out* by then is not a whole trace. Memory is bounded
    by a generation and the distinct names.
    """
    names = Names(keep)
    opened = Input(source)
    try:
        version = read_header(opened)
        out.write(f"go 1.{version} trace\0\0\0".encode())
        generation: list[Batch] = []
        for batch in read_batches(opened):
            if batch.ends_generation:
                _write_generation(generation, names, out)
                generation = []
                out.write(batch.data)
                continue
            if generation and batch.generation != generation[0].generation:
                _write_generation(generation, names, out)
                generation = []
            generation.append(batch)
        if generation and version >= 26:
            raise TruncatedTraceError(
                "the trace ends before the generation does", generation=generation[0].generation
            )
        _write_generation(generation, names, out)
    finally:
        opened.close()


def _write_generation(batches: list[Batch], names: Names, out: Output) -> None:
    """Write the batches of one generation, once it is known what its strings are."""
    tables = Tables()
    uses: defaultdict[int, set[str]] = defaultdict(set)
    for batch in batches:
        if batch.first in (_STRINGS, _STACKS):
            try:
                (tables.add_strings if batch.first == _STRINGS else tables.add_stacks)(batch)
            except QuietEndError:
                reason = "a table ends where a number should begin"
                raise broken(reason, offset=batch.offset, generation=batch.generation) from None
    for batch in batches:
        if batch.first is not None and batch.first not in _TABLES:
            _note_uses(batch, tables.strings, uses)
    strings = tables.strings
    for function, file, _ in tables.frames.raw.values():
        public = is_public(strings.get(function, ""), strings.get(file, ""))
        for number, name in ((function, "functions"), (file, "files")):
            uses[number] |= {name, PUBLIC} if public else {name, PRIVATE}
    # A string that nothing refers to becomes empty.
    new = {
        number: names.replaced(text, uses[number]) if number in uses else ""
        for number, text in strings.items()
    }
    for batch in batches:
        if batch.first == _STRINGS:
            _write_split(batch, bytes([_STRINGS]), _string_entries(batch, new), out)
        elif batch.experiment:
            _write_experimental(batch, names, out)
        else:
            _write_batch(batch, batch.data, out)


def _note_uses(batch: Batch, strings: dict[int, str], uses: defaultdict[int, set[str]]) -> None:
    records, reason = decode_events(batch.data, batch.time, None)
    if reason is not None:
        raise broken(reason, offset=batch.data_offset, generation=batch.generation)
    for record in records:
        kind = record[1]
        if kind == _LOG and strings.get(record[3]) == THREAD_CATEGORY:
            uses[record[3]].add(RUNTIME)
            uses[record[4]].add("threads")
            continue
        for index, name in _USES.get(kind, ()):
            uses[record[index]].add(name)


def _string_entries(batch: Batch, new: dict[int, str]) -> Iterable[bytes]:
    """The strings that were in a batch, by their new text."""
    data, at = batch.data, 1
    while at < len(data):
        number, at = read_uvarint(data, at + 1)
        length, at = read_uvarint(data, at)
        at += length
        text = new[number].encode("utf-8", "surrogateescape")
        yield bytes([_STRING]) + encode_uvarint(number) + encode_uvarint(len(text)) + text


def _write_experimental(batch: Batch, names: Names, out: Output) -> None:
    """Write a batch of an experiment whose form is known; of another, nothing can be told."""
    data = batch.data
    if batch.experiment != _ALLOC_FREE or not data:
        return
    if data[0] == _INFO_BATCH:
        _write_batch(batch, data, out)
    elif data[0] == _TYPES_BATCH:
        try:
            _write_split(batch, data[:1], list(_type_entries(data, names)), out)
        except VarintError as error:
            raise broken(
                f"a batch of the AllocFree experiment is broken: {error}",
                offset=batch.data_offset,
                generation=batch.generation,
            ) from None


def _type_entries(data: bytes, names: Names) -> Iterable[bytes]:
    at = 1
    while at < len(data):
        begin = at
        for _ in range(4):
            _, at = read_uvarint(data, at)
        numbers = data[begin:at]
        length, at = read_uvarint(data, at)
        if at + length > len(data):
            raise VarintError(truncated=True)
        name = data[at : at + length].decode("utf-8", "surrogateescape")
        at += length
        text = names.replaced(name, ("types",)).encode("utf-8", "surrogateescape")
        yield numbers + encode_uvarint(len(text)) + text


def _write_split(batch: Batch, start: bytes, entries: Iterable[bytes], out: Output) -> None:
    """Write entries in as many batches as they need, each with the header of the one they had."""
    held, size = [start], len(start)
    for entry in entries:
        if size + len(entry) > MAX_BATCH_SIZE:
            _write_batch(batch, b"".join(held), out)
            held, size = [start], len(start)
        held.append(entry)
        size += len(entry)
    _write_batch(batch, b"".join(held), out)


def _write_batch(batch: Batch, data: bytes, out: Output) -> None:
    kind = [_EXPERIMENTAL_BATCH, batch.experiment] if batch.experiment else [_EVENT_BATCH]
    thread: Any = -1 if batch.thread is None else batch.thread
    numbers = (batch.generation, thread % (1 << 64), batch.time, len(data))
    out.write(bytes(kind) + b"".join(map(encode_uvarint, numbers)) + data)
