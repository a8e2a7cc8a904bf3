"""Sizes and times as people write them, as types for argparse."""

from __future__ import annotations

import argparse
import math
import re

__all__ = ["count", "delay", "duration", "format_duration", "format_size", "size"]

_SIZES = {
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
}
_TIMES = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_NUMBER = re.compile(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*([A-Za-zµ]*)\s*")


def size(text: str) -> int:
    """Read a size such as ``10MiB``, ``64KiB``, ``1GB`` or ``4096B``, in bytes.

    :raises argparse.ArgumentTypeError: it is not one, is zero or has no unit.
    """
    match = _NUMBER.fullmatch(text)
    if match is not None and not match[2]:
        raise argparse.ArgumentTypeError(
            f"a size needs its unit: {text!r}; write it as {match[1]}MiB, or {match[1]}B for bytes"
        )
    unit = _SIZES.get(match[2].lower()) if match else None
    if match is None or unit is None:
        raise argparse.ArgumentTypeError(f"not a size: {text!r}; write it as 10MiB, 64KiB or 1GB")
    n = round(float(match[1]) * unit)
    if n < 1:
        raise argparse.ArgumentTypeError(f"a size must be at least one byte: {text!r}")
    return n


def duration(text: str) -> float:
    """Read a time such as ``10s``, ``500ms`` or ``1m30s``, in seconds.

    :raises argparse.ArgumentTypeError: it is not one, is zero or has no unit.
    """
    parts = list(re.finditer(r"(\d+(?:\.\d+)?|\.\d+)([A-Za-zµ]+)", text.strip()))
    units = [_TIMES.get(part[2]) for part in parts]
    whole = "".join(part[0] for part in parts) == text.strip()
    if not parts or not whole or None in units:
        raise argparse.ArgumentTypeError(
            f"not a time: {text!r}; write it with its unit, as 10s, 500ms or 2m"
        )
    seconds = math.fsum(
        float(part[1]) * unit for part, unit in zip(parts, units, strict=True) if unit is not None
    )
    if seconds <= 0:
        raise argparse.ArgumentTypeError(f"a time must be longer than zero: {text!r}")
    return seconds


def delay(text: str) -> float:
    """Read a time that may be zero, in seconds: ``200ms``, ``0s`` or ``0``.

    :raises argparse.ArgumentTypeError: it is not one.
    """
    return 0.0 if re.fullmatch(r"0[a-zµ]*", text.strip()) else duration(text)


def format_size(n: int) -> str:
    """Write a size in bytes for people, such as ``10.0 MiB``."""
    if n < 1024:
        return f"{n} B"
    value = float(n)
    for unit in ("KiB", "MiB", "GiB"):
        value /= 1024
        if value < 1000 or unit == "GiB":
            break
    return f"{value:.1f} {unit}"


def format_duration(seconds: float) -> str:
    """Write a time in seconds for people, such as ``12.3 s`` or ``450 ms``."""
    if seconds >= 120:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    if seconds >= 1:
        return f"{seconds:.1f} s"
    if seconds >= 1e-3:
        return f"{seconds * 1e3:.0f} ms"
    return f"{seconds * 1e6:.0f} µs"


def count(n: int, noun: str) -> str:
    """Write a number of things for people, such as ``1 event`` or ``2 events``."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
