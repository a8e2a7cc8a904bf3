"""Sizes and times on the command line."""

from __future__ import annotations

import argparse

import pytest

from flightrec.cli.units import duration, format_duration, format_size, size


@pytest.mark.parametrize(
    ("text", "nbytes"),
    [
        ("4096B", 4096),
        ("10MiB", 10 << 20),
        ("64KiB", 64 << 10),
        ("64 kib", 64 << 10),
        ("1GB", 10**9),
        ("1.5GiB", 3 << 29),
        ("7B", 7),
    ],
)
def test_sizes(text: str, nbytes: int) -> None:
    """Sizes are read with decimal and binary units, in any case."""
    assert size(text) == nbytes


@pytest.mark.parametrize("text", ["", "MiB", "10 MiBs", "-1", "0", "1e3", "10M", "1 2KiB", "10"])
def test_sizes_that_are_none(text: str) -> None:
    """What is no size, or none to be used, is refused by name."""
    with pytest.raises(argparse.ArgumentTypeError, match="size"):
        size(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10s", 10.0),
        ("500ms", 0.5),
        ("2m", 120.0),
        ("1m30s", 90.0),
        ("1h", 3600.0),
        ("250us", 250e-6),
        (".5s", 0.5),
        ("10ns", 1e-8),
    ],
)
def test_times(text: str, seconds: float) -> None:
    """Times are read as Go writes them."""
    assert duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "10", "s", "-1s", "0s", "10 s s", "1d", "1s!", "5S"])
def test_times_that_are_none(text: str) -> None:
    """What is no time, or has no unit, or is no time to wait, is refused by name."""
    with pytest.raises(argparse.ArgumentTypeError, match="time"):
        duration(text)


@pytest.mark.parametrize(
    ("nbytes", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (10 << 20, "10.0 MiB"),
        (3 << 40, "3072.0 GiB"),
    ],
)
def test_sizes_for_people(nbytes: int, text: str) -> None:
    """Sizes are shown with a unit that keeps the number short."""
    assert format_size(nbytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.00025, "250 µs"), (0.45, "450 ms"), (12.34, "12.3 s"), (754, "12 min 34 s")],
)
def test_times_for_people(seconds: float, text: str) -> None:
    """Times are shown with a unit that keeps the number short."""
    assert format_duration(seconds) == text
