"""What an overlay is, and how its places in Go's own sources are found.

A place is found by its text, never by a line number, so a Go release that only moves it changes
nothing. A text must occur exactly once; otherwise the whole overlay stays out, and the build says
so. The toolchain's files are only read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

__all__ = ["Outcome", "Overlay", "Patch", "Plan", "Version", "plan_overlays"]

Version = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Patch:
    """A text in one of Go's source files, and what takes its place.

    :ivar file: relative to ``GOROOT/src``; ``{goos}`` and ``{goarch}`` stand for the target's.
    :ivar since: the first Go version that has the place.
    :ivar before: the first Go version that has it no more.
    :ivar everywhere: the text may occur any number of times, also not at all.
    """

    file: str
    text: str
    instead: str
    since: Version = (1, 0)
    before: Version = (99, 0)
    everywhere: bool = False


@dataclass(frozen=True, kw_only=True)
class Overlay:
    """A change of Go's own sources that flightrec builds into a library. All of it or nothing.

    :ivar name: by which builds, ``flightrec doctor`` and ``GoRuntime.overlays`` name it.
    :ivar purpose: what a library without it lacks; completes "without it, …".
    :ivar patches: the places.
    :ivar files: Go files to add, by path relative to ``GOROOT/src``.
    :ivar install: Go statements for an init function of the bridge.
    :ivar imports: the packages that ``install`` needs.
    :ivar systems: the GOOS values it is for; empty for all.
    :ivar before: the first Go version that needs it no more.
    """

    name: str
    purpose: str
    patches: tuple[Patch, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    install: str = ""
    imports: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    before: Version = (99, 0)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Whether an overlay is in.

    :ivar missing: the files in which a text was not found exactly once; empty if the overlay is in.
    """

    name: str
    purpose: str
    missing: tuple[str, ...]

    def __str__(self) -> str:
        if not self.missing:
            return f"{self.name}: in"
        return (
            f"{self.name}: not in, because {', '.join(self.missing)} of this Go version does not "
            f"have the text to replace; without it, {self.purpose}"
        )


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a set of overlays comes to with one toolchain.

    :ivar outcomes: one for each overlay that is for this system and version.
    :ivar files: new contents, by path relative to ``GOROOT/src``.
    :ivar applied: the overlays that are in.
    """

    outcomes: tuple[Outcome, ...]
    files: Mapping[str, str]
    applied: tuple[Overlay, ...]


def plan_overlays(
    overlays: Iterable[Overlay],
    read: Callable[[str], str],
    version: Version,
    target: tuple[str, str],
) -> Plan:
    """Find the places of each overlay.

    :param read: returns the text of a file in ``GOROOT/src``, empty if there is no such file.
    :param version: the toolchain's, such as (1, 26).
    :param target: GOOS and GOARCH.
    """
    goos, goarch = target
    files: dict[str, str] = {}
    outcomes, applied = [], []
    for overlay in overlays:
        if overlay.systems and goos not in overlay.systems:
            continue
        if version >= overlay.before:
            continue
        changed: dict[str, str] = {}
        missing: list[str] = []
        for patch in overlay.patches:
            if not patch.since <= version < patch.before:
                continue
            name = patch.file.format(goos=goos, goarch=goarch)
            text = changed.get(name) or files.get(name) or read(name)
            count = text.count(patch.text)
            if count != 1 and not patch.everywhere:
                missing.append(f"{name} ({'no' if count == 0 else count} places)")
            elif count:
                changed[name] = text.replace(patch.text, patch.instead)
        outcomes.append(Outcome(name=overlay.name, purpose=overlay.purpose, missing=tuple(missing)))
        if not missing:
            files |= changed
            files |= overlay.files
            applied.append(overlay)
    return Plan(outcomes=tuple(outcomes), files=files, applied=tuple(applied))
