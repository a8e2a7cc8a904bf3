"""Is an ELF file as long as it says? The dynamic linker maps one that is not, and then crashes."""

from __future__ import annotations

import struct
from pathlib import Path

__all__ = ["missing_bytes"]

_LOAD = 1  # PT_LOAD: a segment that the dynamic linker maps


def missing_bytes(path: Path) -> int:
    """Return how many bytes the segments of an ELF file lack; 0 also for what is no ELF file.

    :raises OSError: it cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(64)
        if head[:4] != b"\x7fELF" or len(head) < 6:
            return 0
        order = "<" if head[5] == 1 else ">"
        wide = head[4] == 2
        if len(head) < (64 if wide else 52):
            return 0  # the dynamic linker says so itself
        (table,) = struct.unpack_from(order + ("Q" if wide else "I"), head, 32 if wide else 28)
        entry, count = struct.unpack_from(order + "HH", head, 54 if wide else 42)
        file.seek(table)
        headers = file.read(entry * count)
    end: int = table + entry * count
    form = struct.Struct(order + ("IIQQQQQQ" if wide else "IIIIIIII"))
    for at in range(0, len(headers) - form.size + 1, entry or form.size):
        fields = form.unpack_from(headers, at)
        # Type, flags, offset, vaddr, paddr, filesz; with 32 bits, flags come later.
        offset, length = (fields[2], fields[5]) if wide else (fields[1], fields[4])
        if fields[0] == _LOAD:
            end = max(end, offset + length)
    return max(end - size, 0)
