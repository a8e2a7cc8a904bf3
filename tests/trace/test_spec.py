"""The table of event types is that of the format, by each toolchain's own source."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flightrec.trace.spec import (
    EVENT_TYPES,
    FORMATS,
    MAX_BATCH_SIZE,
    MAX_FRAMES,
    MAX_STRING_SIZE,
    SPECS,
    specs_for,
)
from tests.trace.toolchains import Toolchain, toolchains

needs_go = pytest.mark.skipif(not toolchains(), reason="no Go toolchain was found")
each_toolchain = pytest.mark.parametrize("toolchain", toolchains(), ids=str)


def _source(toolchain: Toolchain) -> str:
    trace = toolchain.goroot / "src" / "internal" / "trace"
    names = ("tracev2/events.go", "event/go122/event.go", "v2/event/go122/event.go")
    found = next(trace / name for name in names if (trace / name).exists())
    return Path(found).read_text()


def _specs(source: str) -> dict[str, tuple[str, ...]]:
    """Event names and their arguments, from Go's own table."""
    table = source[source.index("pecs = [...]") :]
    return {
        match[1]: tuple(re.findall(r'"(\w+)"', match[2] or ""))
        for match in re.finditer(
            r'Name:\s+"(\w+)",(?:\s+Args:\s+\[\]string\{(.*?)\})?', table, re.DOTALL
        )
    }


def _numbers(source: str) -> dict[str, int]:
    """Event numbers from the constants' order: they count from 0, experimental ones from 127."""
    numbers = {}
    for start, first in ((r"EvNone\b.*= iota", 0), (r"(?:Max|_)\w*\s.*= 127 \+ iota", 127)):
        match = re.search(start, source)
        if match is None:
            continue
        block = source[match.start() : source.index("\n)", match.start())]
        found = re.findall(r"^\s*(\w+)", re.sub(r"//.*", "", block), re.MULTILINE)
        numbers.update({name.removeprefix("Ev"): first + i for i, name in enumerate(found)})
    return numbers


@needs_go
@each_toolchain
def test_names_and_arguments(toolchain: Toolchain) -> None:
    """Every event type that Go's table has is in ours, with the same arguments."""
    theirs = _specs(_source(toolchain))
    assert len(theirs) > 40
    if toolchain.minor < 25:
        # Those mix up the names of a sample's M, P and G; its numbers stand as they do later.
        assert sorted(theirs["CPUSample"]) == sorted(SPECS[EVENT_TYPES["CPUSample"]].args)
        del theirs["CPUSample"]
    assert {name: SPECS[EVENT_TYPES[name]].args for name in theirs} == theirs


@needs_go
@each_toolchain
def test_numbers(toolchain: Toolchain) -> None:
    """Every event type has the number that Go gives it."""
    source = _source(toolchain)
    numbers = _numbers(source)
    names = _specs(source)
    assert {name: EVENT_TYPES[name] for name in names} == {name: numbers[name] for name in names}


@needs_go
@each_toolchain
def test_first_format(toolchain: Toolchain) -> None:
    """A toolchain knows the types of formats up to its own and no others."""
    version = max(number for number in FORMATS if number <= toolchain.minor)
    ours = {spec.name for spec in specs_for(version).values()}
    # Go 1.25 has this one in its table but never writes it to a trace.
    early = {"EndOfGeneration"} if version == 25 else set()
    assert set(_specs(_source(toolchain))) == ours | early


@needs_go
@each_toolchain
def test_limits(toolchain: Toolchain) -> None:
    """Batches, strings and stacks may be as large as Go's reader lets them."""
    source = _source(toolchain)
    limits = dict(re.findall(r"(Max\w+)\s+= (\d+(?: << \d+)?)$", source, re.MULTILINE))
    assert limits["MaxBatchSize"] == f"{MAX_BATCH_SIZE >> 10} << 10"
    assert limits["MaxFramesPerStack"] == str(MAX_FRAMES)
    longest = "MaxEventTrailerDataSize" if toolchain.minor >= 25 else "MaxStringSize"
    assert limits[longest] == f"{MAX_STRING_SIZE >> 10} << 10"


def test_stack_of_the_event_comes_first() -> None:
    """Of two stacks the first is where the event happened, the second the new goroutine's."""
    spec = SPECS[EVENT_TYPES["GoCreate"]]
    assert [spec.values[i] for i in spec.stacks] == ["stack", "new_stack"]


def test_timed_events_begin_with_dt() -> None:
    """An event is timed if and only if its first argument is a time difference."""
    assert {spec.name for spec in SPECS.values() if not spec.timed} == {
        *("EventBatch", "Stacks", "Stack", "Strings", "String", "CPUSamples", "CPUSample"),
        *("Frequency", "ExperimentalBatch", "Sync", "EndOfGeneration"),
    }


def test_unknown_format() -> None:
    """There are no specs for what is no format."""
    with pytest.raises(KeyError):
        specs_for(24)
