"""What a recorder does when something happens, and what can be asked of it from outside.

Methods of :class:`flightrec.FlightRecorder`. They import what they need when they are called: most
programs need none of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from flightrec.control.server import ControlServer
    from flightrec.directory import SavedSnapshot, SnapshotDirectory
    from flightrec.recorder import FlightRecorder
    from flightrec.rules.conditions import Condition
    from flightrec.rules.firing import Firing
    from flightrec.rules.rule import Rule
    from flightrec.rules.status import RuleStatus
    from flightrec.rules.watch import Watch

__all__ = ["Steering"]


class Steering:
    """Rules, watched blocks, and the control socket. All methods may be called from any thread."""

    def when(
        self,
        rule: str | Condition,
        to: SnapshotDirectory | str | os.PathLike[str] | None = None,
        *,
        name: str | None = None,
        tail: float = 0.0,
        last: float | None = None,
        arm_after: float | None = None,
        wait: bool = False,
        on_fire: Callable[[Firing], Any] | None = None,
        on_saved: Callable[[SavedSnapshot], Any] | None = None,
        on_error: Callable[[BaseException], Any] | None = None,
    ) -> Rule:
        """Save a snapshot whenever a condition becomes true, on a thread of its own.

        May be called before the recorder is started. The rule stays until :meth:`forget`.

        :param rule: ``"sched.p99 > 10ms for 5s"``, ``"http slower than 200ms"``, ``"panic"``, …;
            docs/rules.md has the language.
        :param to: the folder, or a :class:`SnapshotDirectory` with limits of your own.
        :param name: what the rule is called in file names, metadata and :meth:`rules`; by default
            its text.
        :param tail: how many seconds to keep recording after it fired: the snapshot then shows
            what followed.
        :param last: how much of the window before that is saved, in seconds; all by default.
        :param arm_after: the rule does not fire until the window reaches back so many seconds; by
            default ``min_age``, or as much as the size allows. Rules about the program's end are
            always armed.
        :param wait: whether the thread of your program that it fires on (a request's, a watched
            block's) waits for the snapshot, for ten seconds at most.
        :param on_fire: called with the ``Firing`` at once, on the thread that it fires on.
        :param on_saved: called with the ``SavedSnapshot``, on the thread that saves: for uploads.
        :param on_error: called with the exception if saving failed; it is logged as well.
        :raises RuleError: the rule cannot be understood, or asks for what does not exist; or there
            is a rule of that name.
        :raises ValueError: an option that makes no sense.
        :raises OSError: the folder cannot be made or written to.
        :raises ForkedProcessError: the library was loaded before a fork.
        """
        from flightrec.rules.attach import when

        return when(
            cast("FlightRecorder", self),
            rule,
            to,
            name=name,
            tail=tail,
            last=last,
            arm_after=arm_after,
            wait=wait,
            on_fire=on_fire,
            on_saved=on_saved,
            on_error=on_error,
        )

    def forget(self, name: str) -> None:
        """Remove a rule; what it has asked for is still saved.

        :raises RuleError: there is none of that name.
        """
        from flightrec.rules.attach import engine_of

        engine_of(cast("FlightRecorder", self)).remove(name)

    def rules(self) -> tuple[RuleStatus, ...]:
        """Return the status of each rule: whether it is armed, and why it did or did not fire."""
        from flightrec.rules.attach import rules

        return rules(cast("FlightRecorder", self))

    def watch(
        self,
        to: SnapshotDirectory | str | os.PathLike[str] | None = None,
        *,
        name: str,
        slower_than: float | None = None,
        while_running: bool = False,
        on_exception: bool | type[BaseException] | tuple[type[BaseException], ...] = False,
        **options: Any,
    ) -> Watch:
        """Watch blocks of code, as a context manager or a decorator of functions, sync and async.

        Each block is a task of that name in the Go trace, so the Go work that it starts belongs to
        it. Calls with the same arguments return the same object: it can be used in a loop.

        :param to: the folder for snapshots, or a :class:`SnapshotDirectory`.
        :param name: of the kind of work; in the trace, and in the rule.
        :param slower_than: save a snapshot when a block took longer than so many seconds.
        :param while_running: save it as soon as a block has taken that long, while it still runs:
            for blocks that may hang. Works while the Go runtime is stuck, too.
        :param on_exception: save one when a block raises: any ``Exception``, or those of these
            types.
        :param options: further ones of :meth:`when`: tail, last, arm_after, on_saved….
        :raises ValueError: nothing to watch for, or an option that makes no sense.
        :raises RuleError: more different watches than make sense.
        :raises ForkedProcessError: the library was loaded before a fork.
        """
        from flightrec.rules.watch import watch

        return watch(
            cast("FlightRecorder", self),
            to,
            name=name,
            slower_than=slower_than,
            while_running=while_running,
            on_exception=on_exception,
            **options,
        )

    def listen(self, *, program: str | None = None) -> ControlServer:
        """Let ``flightrec ps``, ``stat``, ``dump`` and ``rule`` reach this recorder.

        Only processes of this user, and root, get an answer. It listens until the ``close`` of what
        is returned (also a context manager), or the end of the process.

        :param program: what ``flightrec ps`` shows; by default the command line.
        :raises FlightRecorderError: another recorder of this process listens, or the folder for
            sockets is not safe.
        :raises OSError: the socket cannot be made.
        """
        from flightrec.control.server import ControlServer

        return ControlServer(cast("FlightRecorder", self), program=program)
