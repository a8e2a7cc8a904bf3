"""Arguments of public functions, checked the same way everywhere."""

from __future__ import annotations

import operator
from collections.abc import Iterable

__all__ = ["choices", "experiments_of", "size_of"]

#: No size is larger than this: the bridge and Go count in 64 bits.
_MOST_BYTES = 1 << 60

_EXPERIMENTS = ("allocfree",)


def choices(what: str, given: Iterable[str], known: tuple[str, ...]) -> tuple[str, ...]:
    """Return what is given.

    :raises ValueError: one of them is unknown.
    """
    for each in given:
        if each not in known:
            raise ValueError(f"unknown {what} {each!r}; there is {', '.join(known)}")
    return tuple(given)


def experiments_of(given: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of experiments.

    :raises TypeError: it is a single name.
    :raises ValueError: there is no such experiment.
    """
    if isinstance(given, str):
        raise TypeError(f"experiments must be a tuple of names: ({given!r},)")
    return choices("experiment", given, _EXPERIMENTS)


def size_of(name: str, value: int) -> int:
    """Return a size in bytes.

    :raises TypeError: it is not a whole number.
    :raises ValueError: it is not positive, or more than 2**60.
    """
    try:
        size = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be a whole number of bytes, not {value!r}") from None
    if not 0 < size <= _MOST_BYTES:
        raise ValueError(f"{name} must be a positive number of bytes, up to 2**60: {value!r}")
    return size
