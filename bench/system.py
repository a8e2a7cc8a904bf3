"""What Linux accounts for: this process's memory, the machine's CPUs. Elsewhere all is unknown."""

from __future__ import annotations

import os
import re
from pathlib import Path

__all__ = ["busy_seconds", "peak_rss_bytes", "reset_peak_rss", "rss_bytes"]

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def _field(name: str) -> int | None:
    try:
        status = _STATUS.read_text()
    except OSError:
        return None
    match = re.search(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)
    return int(match[1]) * 1024 if match else None


def rss_bytes() -> int | None:
    """Return the resident set's size."""
    return _field("VmRSS")


def peak_rss_bytes() -> int | None:
    """Return the most it has been since the last reset."""
    return _field("VmHWM")


def reset_peak_rss() -> None:
    """Make the peak what the resident set is now."""
    try:
        _CLEAR.write_text("5")
    except OSError:
        return


def busy_seconds() -> float | None:
    """Return the CPU seconds that all processes of the machine have used."""
    try:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    except OSError:
        return None
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
