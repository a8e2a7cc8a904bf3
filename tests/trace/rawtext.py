"""The text form of traces that Go's ``internal/trace/raw`` has, and test files made of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from flightrec.trace.spec import EVENT_TYPES, SPECS


class GoldenTest(NamedTuple):
    """One of Go's ``*.test`` files: a trace, and whether Go's reader must accept it."""

    accept: bool
    trace: bytes


def read_golden(path: Path) -> GoldenTest:
    """Read a ``*.test`` file: a txtar archive of the two files ``expect`` and ``trace``."""
    files: dict[str, list[str]] = {}
    name = None
    for line in path.read_text(encoding="utf-8").splitlines():
        marker = re.fullmatch(r"-- (.+) --", line)
        if marker is not None:
            name = marker[1]
            files[name] = []
        elif name is not None:
            files[name].append(line)
    verdict = files["expect"][0].split(" ", 1)[0]
    assert verdict in ("SUCCESS", "FAILURE"), verdict
    return GoldenTest(verdict == "SUCCESS", encode(files["trace"]))


def read_fuzz_seed(path: Path) -> bytes:
    """Read one of Go's fuzzing seeds that consists of a single ``[]byte``."""
    version, *rest = path.read_text(encoding="utf-8").splitlines()
    assert version == "go test fuzz v1", version
    match = re.fullmatch(r"\[\]byte\((.*)\)", rest[0])
    assert match is not None, rest
    return unquote(match[1])


def encode(lines: list[str]) -> bytes:
    """The bytes of a trace from its text form."""
    words = (line.split("#", 1)[0].split() if "data=" not in line else [line] for line in lines)
    rest = iter([found for found in words if found])
    header = next(rest)
    version = re.fullmatch(r"Go1\.(\d+)", header[1])
    assert header[0] == "Trace", header
    assert version is not None, header
    out = bytearray(f"go 1.{version[1]} trace\0\0\0".encode())
    for name, *arguments in rest:
        spec = SPECS[EVENT_TYPES[name]]
        out.append(spec.type)
        values = _values(arguments, spec.args)
        for value in values:
            out += uvarint(value)
        if spec.is_stack:
            for _ in range(values[1]):
                for value in _values(next(rest), ("pc", "func", "file", "line")):
                    out += uvarint(value)
        if spec.has_data:
            data = unquote(_data(rest))
            out += uvarint(len(data)) + data
    return bytes(out)


def _data(lines: Iterator[list[str]]) -> str:
    name, text = next(lines)[0].split("=", 1)
    assert name.strip() == "data", name
    return text.strip()


def _values(words: list[str], names: tuple[str, ...]) -> list[int]:
    pairs = [word.split("=", 1) for word in words]
    assert tuple(name for name, _ in pairs) == names, (words, names)
    return [int(value) for _, value in pairs]


def uvarint(value: int) -> bytes:
    """A uvarint's bytes."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


_ESCAPE = re.compile(r"\\(x[0-9a-f]{2}|[0-7]{3}|u[0-9a-f]{4}|U[0-9a-f]{8}|.)", re.IGNORECASE)
_SHORT = {"a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13}


def unquote(text: str) -> bytes:
    """A Go string literal's bytes."""
    if text.startswith("`"):
        return text[1:-1].encode()
    assert text[0] == text[-1] == '"', text
    out, at, text = bytearray(), 0, text[1:-1]
    for match in _ESCAPE.finditer(text):
        out += text[at : match.start()].encode()
        at = match.end()
        code = match[1]
        if code[0] == "x":
            out.append(int(code[1:], 16))
        elif code[0] in "uU" and len(code) > 1:
            out += chr(int(code[1:], 16)).encode()
        elif len(code) == 3:
            out.append(int(code, 8))
        else:
            out.append(_SHORT.get(code, ord(code)))
    return bytes(out + text[at:].encode())
