"""What ``flightrec run`` does beside running: rules, and the control socket."""

from __future__ import annotations

import argparse
import contextlib
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from flightrec.cli.options import UsageError
from flightrec.cli.units import delay, size

if TYPE_CHECKING:
    from flightrec import Departure, FlightRecorder
    from flightrec.cli.log import LogVoice
    from flightrec.cli.voice import Voice
    from flightrec.control.server import ControlServer
    from flightrec.directory import SavedSnapshot
    from flightrec.rules.engine import RuleEngine
    from flightrec.rules.file import RuleFile
    from flightrec.rules.moment import Event

__all__ = ["Watching", "add_rule_options", "needs_rules", "read_rule_options"]


def add_rule_options(parser: argparse.ArgumentParser) -> None:
    """Add the options about rules."""
    group = parser.add_argument_group(
        "rules", "save further snapshots when something happens; docs/rules.md has the language"
    )
    group.add_argument(
        "--when",
        action="append",
        default=[],
        metavar="RULE",
        help="such as 'goroutines > 10000', 'sched.p99 > 10ms for 5s', 'http slower than 200ms', "
        "'panic'; may be repeated",
    )
    group.add_argument(
        "--rules", metavar="FILE", help="rules in a file, TOML (from Python 3.11 on) or JSON"
    )
    group.add_argument(
        "-d",
        "--snapshots-dir",
        metavar="DIR",
        help="where these snapshots go (default: NAME.snapshots)",
    )
    group.add_argument(
        "--tail",
        type=delay,
        metavar="TIME",
        help="keep recording this long after a --when rule fires, then save",
    )
    group.add_argument(
        "--arm-after",
        type=delay,
        metavar="TIME",
        help="--when rules do not fire until the window reaches back this far (default: --min-age)",
    )
    group.add_argument(
        "--min-interval", type=delay, metavar="TIME", help="between two of them (default: 1s)"
    )
    group.add_argument(
        "--per-rule", type=delay, metavar="TIME", help="the same, of one rule (default: 1m)"
    )
    group.add_argument("--max-snapshots", type=int, metavar="N", help="in the folder (default: 50)")
    group.add_argument(
        "--max-snapshots-bytes", type=size, metavar="SIZE", help="in the folder (default: 1GiB)"
    )


#: Options without --when or --rules that would do nothing, and what they are to the folder.
_LIMITS = {
    "min_interval": "min_interval",
    "per_rule": "per_rule",
    "max_snapshots": "max_files",
    "max_snapshots_bytes": "max_bytes",
}


def needs_rules(args: argparse.Namespace) -> str:
    """Return the first option that is given and would do nothing; empty if there is none."""
    if args.when or args.rules:
        return ""
    for name in ("snapshots_dir", "tail", "arm_after", *_LIMITS):
        if getattr(args, name) is not None:
            return "--" + name.replace("_", "-")
    return ""


def read_rule_options(args: argparse.Namespace) -> RuleFile:
    """Return the rules of the options, as if they stood in one file.

    :raises UsageError: an option that would do nothing.
    :raises RuleError: a rule that cannot be understood.
    """
    from flightrec.rules.file import RuleFile, RuleText, read_rules
    from flightrec.rules.grammar import parse

    if useless := needs_rules(args):
        raise UsageError(f"{useless} is about rules, and there are none: add --when RULE")
    read = read_rules(args.rules) if args.rules else RuleFile(folder=None, limits={}, rules=())
    given = {"tail": args.tail, "arm_after": args.arm_after}
    options = {name: value for name, value in given.items() if value is not None}
    words = [RuleText(when=when, condition=parse(when), options=options) for when in args.when]
    limits = {
        limit: getattr(args, name)
        for name, limit in _LIMITS.items()
        if getattr(args, name) is not None
    }
    return RuleFile(
        folder=args.snapshots_dir or read.folder,
        limits={**read.limits, **limits},
        rules=(*read.rules, *words),
    )


class Watching:
    """The rules and the control socket of a run.

    :param rules: they are checked at once, against what this Go runtime has.
    :param folder: for snapshots, where the rules name none.
    :param program: what ``flightrec ps`` shows.
    :raises RuleError: a rule asks for a metric that does not exist.
    :raises OSError: the folder cannot be made or written to.
    """

    def __init__(
        self,
        recorder: FlightRecorder,
        rules: RuleFile,
        voice: Voice,
        *,
        folder: str,
        program: str,
    ) -> None:
        self._recorder = recorder
        self._voice = voice
        self._program = program
        self._engine: RuleEngine | None = None
        self._server: ControlServer | None = None
        self._log: LogVoice | None = None
        if rules.rules:
            self._add(rules, folder)

    def _add(self, rules: RuleFile, folder: str) -> None:
        from flightrec.directory import SnapshotDirectory
        from flightrec.rules.attach import engine_of

        engine = self._engine = engine_of(self._recorder)
        engine.sees_signals = True
        for rule in rules.rules:
            if blind := engine.blind_to(engine.check(rule.when)):
                raise UsageError(f"{rule.when!r} would never fire: {blind}")
        try:
            to = SnapshotDirectory(rules.folder or folder, **rules.limits)
        except ValueError as exc:
            raise UsageError(str(exc)) from exc
        shown = Path(rules.folder or folder)

        def saved(what: SavedSnapshot) -> None:
            self._voice.say(f"flightrec: {shown / what.path.name}: a rule fired")

        for rule in rules.rules:
            try:
                made = engine.rule(rule.when, to=to, on_saved=saved, **rule.options)
            except ValueError as exc:
                raise UsageError(f"{rule.when!r}: {exc}") from exc
            engine.add(made)

    def start(self) -> None:
        """Listen, if that is possible: a run goes on without."""
        from flightrec.cli.log import LogVoice
        from flightrec.control.server import ControlServer
        from flightrec.errors import FlightRecorderError

        self._log = LogVoice(self._voice)
        try:
            self._server = ControlServer(self._recorder, program=self._program, sees_signals=True)
        except (OSError, FlightRecorderError) as exc:
            self._voice.say(f"flightrec: `flightrec dump` cannot reach this process: {exc}")

    def departs(self, departure: Departure) -> None:
        """Go is about to end the process: save what is on its way and what waits for this."""
        from flightrec.rules.moment import Event

        self._ends(Event(kind=departure.kind, status=departure.code))

    def stopped(self, number: int) -> None:
        """The process ends by a signal."""
        from flightrec.rules.moment import Event

        with contextlib.suppress(ValueError):
            self._ends(Event(kind="signal", name=signal.Signals(number).name))

    def returned(self, status: int) -> None:
        """What was run has returned."""
        from flightrec.rules.moment import Event

        self._ends(Event(kind="exit", status=status))

    def _ends(self, event: Event) -> None:
        from flightrec.rules.attach import existing_engine

        engine = self._engine or existing_engine(self._recorder)
        if engine is not None:
            engine.ends(event)
            self._tell_of_silence(engine)

    def _tell_of_silence(self, engine: RuleEngine) -> None:
        """Say which rules were true and saved nothing: nobody can ask for their status any more."""
        for status in engine.status():
            if status.saved or not status.suppressed:
                continue
            limits = ", ".join(f"{n} by {limit}" for limit, n in status.suppressed.items())
            early = " (the window did not reach back far enough yet: see --arm-after)"
            self._voice.say(
                f"flightrec: rule {status.name} saved nothing: suppressed {limits}"
                + early * ("not_armed" in status.suppressed)
            )

    def close(self) -> None:
        """End the rules and stop listening."""
        from flightrec.rules.attach import existing_engine

        if self._server is not None:
            self._server.close()
        engine = self._engine or existing_engine(self._recorder)
        if engine is not None:
            engine.close()
        if self._log is not None:
            self._log.close()
