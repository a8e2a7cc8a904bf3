"""Before anything is measured: does every recorder record the same, and is it a trace?"""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.conditions import IDLE, PythonLoad
from bench.contenders import Contender, Discard, Ours, Reference, Window
from bench.measure import Job, measure
from flightrec import GoRuntime
from flightrec.toolchain import Toolchain, validate_trace

__all__ = ["verify"]

_WINDOW = Window(max_bytes=64 << 20, min_age=60.0)
_SECONDS = 0.03


def verify(runtime: GoRuntime, toolchain: Toolchain) -> None:
    """Have each recorder write a snapshot, and Go read it.

    :raises RuntimeError: one is not a valid trace, or does not have the workload's events in it.
    """
    ours, plain, reference = Ours(runtime), Ours(runtime, storage="python"), Reference(runtime)
    with tempfile.TemporaryDirectory(prefix="flightrec-bench-") as folder:
        path = Path(folder) / "snapshot.trace"
        contenders: tuple[Contender, ...] = (reference, ours, plain)
        for contender in contenders:
            contender.start(_WINDOW)
            result = runtime.run("pingpong", duration=_SECONDS)
            if isinstance(contender, Ours):
                contender.recorder.write_to(path)
            else:
                reference.write_to(path)
            contender.stop()
            verdict = validate_trace(path, toolchain)
            # Two goroutines, each blocked and woken in a round trip; some of it precedes no event.
            if not verdict.valid or verdict.events < result["roundtrips"]:
                raise RuntimeError(
                    f"{contender.title}: a snapshot of {result['roundtrips']} round trips has "
                    f"{verdict.events} events, {verdict.error or 'and no error'}"
                )
        # Discard has nothing to show but that the tracer wrote: its stop checks that.
        measure(runtime, Discard(runtime), Job("pingpong", _SECONDS), PythonLoad(IDLE.threads))
