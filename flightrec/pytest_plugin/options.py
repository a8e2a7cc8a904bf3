"""What the plugin's options and ini settings say."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from flightrec.pytest_plugin.plugin import MODES, results_folder

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Options", "read_options"]

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the command line and the ini file say.

    :ivar mode: ``off``, ``on``, ``retain-on-failure``; None where nobody chose one: then failures
        are kept from the first test on that uses a fixture or marker of the plugin.
    :ivar folder: below which each test has its own.
    :ivar max_bytes: the window's size.
    :ivar min_age: how far it reaches back, in seconds.
    :ivar hang: after how many seconds a test counts as hanging; None for never.
    :ivar library: the Go library to load; None for the bundled one.
    :ivar package: the Go package to build and load instead.
    """

    mode: str | None
    folder: Path
    max_bytes: int
    min_age: float
    hang: float | None
    library: Path | None
    package: str | None
    package_folder: Path

    @property
    def keeps_failures(self) -> bool:
        """Whether the window of a failed test is kept."""
        return self.mode != "off"

    @property
    def records_all(self) -> bool:
        """Whether tests are recorded that use nothing of the plugin."""
        return self.mode in ("on", "retain-on-failure")


def read_options(config: pytest.Config) -> Options:
    """Read them.

    :raises pytest.UsageError: one that makes no sense.
    """
    mode = config.getoption("flightrec") or _ini(config, "flightrec")
    if mode and mode not in MODES:
        raise pytest.UsageError(f"flightrec must be one of {', '.join(MODES)}, not {mode!r}")
    library, package = _ini(config, "flightrec_library"), _ini(config, "flightrec_package")
    if library and package:
        raise pytest.UsageError(
            "flightrec_library and flightrec_package cannot both be set: only one Go library can "
            "be loaded in a process"
        )
    base = config.inipath.parent if config.inipath is not None else config.rootpath
    return Options(
        mode=mode or None,
        folder=results_folder(config),
        max_bytes=_read(config, "max_bytes", _size, 10 << 20),
        min_age=_read(config, "min_age", _seconds, 10.0),
        hang=_read(config, "hang", _seconds, None),
        library=base / library if library else None,
        package=package or None,
        package_folder=base,
    )


def _ini(config: pytest.Config, name: str) -> str:
    return str(config.getini(name) or "").strip()


def _given(config: pytest.Config, name: str) -> str:
    return str(config.getoption(f"flightrec_{name}") or _ini(config, f"flightrec_{name}"))


def _read(config: pytest.Config, name: str, read: Callable[[str], Any], default: T) -> T:
    text = _given(config, name)
    if not text:
        return default
    try:
        value: T = read(text)
    except argparse.ArgumentTypeError as exc:
        flag = f"--flightrec-{name.replace('_', '-')}"
        raise pytest.UsageError(f"{flag} (flightrec_{name} in the ini file): {exc}") from None
    return value


def _size(text: str) -> int:
    from flightrec.cli.units import size

    return size(text)


def _seconds(text: str) -> float:
    """Read a time with its unit, or a plain number of seconds, as pytest-timeout has it."""
    from flightrec.cli.units import duration

    return duration(f"{text}s" if text.replace(".", "", 1).isdigit() else text)
