"""Views for common questions. Plain SQL: any SQLite since 3.28 shows them."""

from __future__ import annotations

from typing import Final, NamedTuple

from flightrec.tables.schema import TABLES, Table

__all__ = ["VIEWS", "View"]


class View(NamedTuple):
    """One view: its name, what it tells, and its SELECT statement."""

    name: str
    doc: str
    sql: str


# The nearest rank: the least value that at least so much of all are no greater than.
def _percentiles(value: str) -> str:
    shares = ((50, 100), (90, 100), (99, 100))
    found = [
        f"min(CASE WHEN rank * {of} >= count * {share} THEN {value} END) AS p{share}_ns"
        for share, of in shares
    ]
    return ",\n  ".join(found)


def _latency(source: str, group: str, value: str) -> str:
    """Count, sum, percentiles and maximum of a value, by group."""
    return f"""
SELECT {group}, max(count) AS count, sum({value}) AS total_ns,
  {_percentiles(value)},
  max({value}) AS max_ns
FROM (
  SELECT {group}, {value},
    row_number() OVER (PARTITION BY {group} ORDER BY {value}) AS rank,
    count(*) OVER (PARTITION BY {group}) AS count
  FROM ({source})
)
GROUP BY {group}"""


def _wall(moment: str, row: str) -> str:
    """A time as text in UTC, by the clock snapshot of the generation that it is in."""
    return f"""(
    SELECT strftime('%Y-%m-%d %H:%M:%S', ({row}.{moment} + g.wall_offset_ns) / 1000000000,
      'unixepoch') || printf('.%09d', ({row}.{moment} + g.wall_offset_ns) % 1000000000)
    FROM generations AS g
    WHERE g.file = {row}.file AND g.begin_ns <= {row}.{moment}
    ORDER BY g.begin_ns DESC LIMIT 1
  )"""


# A goroutine that waits for ever has ended, as Go reckons, so that is not counted.
_SUMS: Final = """
  coalesce(sum(ns) FILTER (WHERE state = 'Running'), 0) AS running_ns,
  coalesce(sum(ns) FILTER (WHERE state = 'Runnable'), 0) AS runnable_ns,
  coalesce(sum(ns) FILTER (WHERE state = 'Waiting' AND reason <> 'forever'), 0) AS blocked_ns,
  coalesce(sum(ns) FILTER (WHERE state = 'Syscall' AND reason = ''), 0) AS syscall_ns,
  coalesce(sum(ns) FILTER (WHERE state = 'Syscall' AND reason <> ''), 0) AS syscall_blocked_ns"""

_STATES: Final = (
    "SELECT file, goroutine, state, reason, end_ns - begin_ns AS ns FROM goroutine_states"
)

_SUM_NAMES: Final = ("running_ns", "runnable_ns", "blocked_ns", "syscall_ns", "syscall_blocked_ns")

_DELAYS: Final = """
  SELECT s.file, g.name AS name, s.end_ns - s.begin_ns AS delay_ns
  FROM goroutine_states AS s JOIN goroutines AS g USING (file, goroutine)
  WHERE s.state = 'Runnable' AND NOT s.goes_on"""

_COMPLETE: Final = """
  SELECT file, name, end_ns - begin_ns AS duration_ns FROM {table}
  WHERE NOT began_before AND NOT goes_on"""


def _meanwhile(state: str, name: str) -> str:
    """How long a task's goroutine was in a state during the task."""
    return f"""(
    SELECT coalesce(sum(min(s.end_ns, t.end_ns) - max(s.begin_ns, t.begin_ns)), 0)
    FROM goroutine_states AS s
    WHERE s.file = t.file AND s.goroutine = t.goroutine
      AND s.begin_ns < t.end_ns AND s.end_ns > t.begin_ns AND s.state = '{state}'
      AND s.begin_ns >= coalesce((
        SELECT max(begin_ns) FROM goroutine_states
        WHERE file = t.file AND goroutine = t.goroutine AND begin_ns <= t.begin_ns
      ), 0)
  ) AS {name}"""


_SLOWEST: Final = f"""
SELECT t.file, t.task, t.name, t.begin_ns, t.end_ns, t.end_ns - t.begin_ns AS duration_ns,
  {_wall("begin_ns", "t")} AS began_at,
  t.goroutine,
  {_meanwhile("Running", "running_ns")},
  {_meanwhile("Runnable", "runnable_ns")},
  {_meanwhile("Waiting", "blocked_ns")},
  {_meanwhile("Syscall", "syscall_ns")}
FROM (
  SELECT *, row_number() OVER (PARTITION BY file ORDER BY end_ns - begin_ns DESC, task) AS nth
  FROM tasks WHERE NOT began_before AND NOT goes_on
) AS t
WHERE t.nth <= 100
ORDER BY duration_ns DESC, t.task"""

_VIEWS: Final = (
    View(
        "stack_text",
        "Each stack as text, innermost frame first, and its place: the innermost frame of the "
        "program's own code, or the innermost of all.",
        """
SELECT s.stack,
  (SELECT function || ' (' || file || ':' || line || ')' FROM frames
    WHERE frame = coalesce(s.place, s.top)) AS place,
  (SELECT group_concat(text, char(10)) FROM (
    SELECT f.function || ' (' || f.file || ':' || f.line || ')' AS text
    FROM stack_frames AS sf JOIN frames AS f USING (frame)
    WHERE sf.stack = s.stack ORDER BY sf.depth
  )) AS text
FROM stacks AS s""",
    ),
    View(
        "goroutine_summary",
        "Each goroutine, and how long it was in which state.",
        f"""
SELECT g.file, g.goroutine, g.goid, g.name, g.kind, g.begin_ns, g.end_ns,
  g.end_ns - g.begin_ns AS total_ns,
  {", ".join(f"coalesce(t.{name}, 0) AS {name}" for name in _SUM_NAMES)}
FROM goroutines AS g LEFT JOIN (
  SELECT file, goroutine,{_SUMS}
  FROM ({_STATES}) GROUP BY file, goroutine
) AS t USING (file, goroutine)""",
    ),
    View(
        "function_summary",
        "The same, added up for the goroutines that started with one function.",
        f"""
SELECT file, name, kind, count(*) AS goroutines, sum(total_ns) AS total_ns,
  {", ".join(f"sum({name}) AS {name}" for name in _SUM_NAMES)}
FROM goroutine_summary GROUP BY file, name, kind""",
    ),
    View(
        "sched_latency",
        "How long goroutines were ready before they ran, by start function; `(all)` is all.",
        _latency(
            f"{_DELAYS}\n  UNION ALL\n  SELECT file, '(all)', delay_ns FROM ({_DELAYS})",
            "file, name",
            "delay_ns",
        ),
    ),
    View(
        "blocking_by_stack",
        "Where goroutines waited, by reason and stack; waits that go on included. `kind` is the "
        "goroutines', `program` if any is the program's.",
        """
SELECT w.file, w.reason, w.kind, w.count, w.total_ns, w.max_ns, t.place, w.stack, t.text
FROM (
  SELECT s.file, s.reason, s.stack, sum(s.count) AS count, sum(s.total_ns) AS total_ns,
    max(s.max_ns) AS max_ns,
    CASE WHEN max(g.kind = 'program') THEN 'program' ELSE min(g.kind) END AS kind
  FROM (
    SELECT file, goroutine, reason, stack, count(*) AS count, sum(end_ns - begin_ns) AS total_ns,
      max(end_ns - begin_ns) AS max_ns
    FROM goroutine_states
    WHERE state = 'Waiting' AND reason <> 'forever' GROUP BY file, goroutine, reason, stack
  ) AS s LEFT JOIN goroutines AS g USING (file, goroutine)
  GROUP BY s.file, s.reason, s.stack
) AS w LEFT JOIN stack_text AS t USING (stack)""",
    ),
    View(
        "gc_pauses",
        "Every stop-the-world: when, why and who; `gc` if it is part of a GC cycle.",
        f"""
SELECT r.file, substr(r.name, 17, length(r.name) - 17) AS reason, r.begin_ns, r.end_ns,
  r.end_ns - r.begin_ns AS duration_ns, {_wall("begin_ns", "r")} AS began_at,
  r.name LIKE 'stop-the-world (GC %' AS gc, r.goroutine, r.stack, r.began_before, r.goes_on
FROM ranges AS r WHERE r.name LIKE 'stop-the-world (%'""",
    ),
    View(
        "gc_cycles",
        "Every concurrent mark phase, with the heap when it began and ended.",
        f"""
SELECT r.file, r.begin_ns, r.end_ns, r.end_ns - r.begin_ns AS duration_ns,
  {_wall("begin_ns", "r")} AS began_at,
  (SELECT value FROM metrics AS m WHERE m.file = r.file AND m.time_ns <= r.begin_ns
    AND m.name = '/memory/classes/heap/objects:bytes' ORDER BY m.time_ns DESC LIMIT 1)
    AS heap_begin_bytes,
  (SELECT value FROM metrics AS m WHERE m.file = r.file AND m.time_ns <= r.end_ns
    AND m.name = '/memory/classes/heap/objects:bytes' ORDER BY m.time_ns DESC LIMIT 1)
    AS heap_end_bytes,
  r.began_before, r.goes_on
FROM ranges AS r WHERE r.name = 'GC concurrent mark phase'""",
    ),
    View(
        "task_latency",
        "How long tasks took, by name, of those whose both ends are in the trace.",
        _latency(_COMPLETE.format(table="tasks"), "file, name", "duration_ns"),
    ),
    View(
        "region_latency",
        "The same for regions.",
        _latency(_COMPLETE.format(table="regions"), "file, name", "duration_ns"),
    ),
    View(
        "who_woke_whom",
        "Which functions' goroutines made which others ready to run, where, and how long those had "
        "waited. No waker: a timer or the network poller.",
        """
SELECT w.file, w.kind, w.waker, w.woken, w.count, w.waited_ns, t.place, w.stack
FROM (
  SELECT u.file, u.kind, u.stack, k.name AS waker, g.name AS woken, sum(u.count) AS count,
    sum(u.waited_ns) AS waited_ns
  FROM (
    SELECT file, kind, stack, waker, goroutine, count(*) AS count, sum(waited_ns) AS waited_ns
    FROM wakeups GROUP BY file, kind, stack, waker, goroutine
  ) AS u
    LEFT JOIN goroutines AS k ON k.file = u.file AND k.goroutine = u.waker
    LEFT JOIN goroutines AS g ON g.file = u.file AND g.goroutine = u.goroutine
  GROUP BY u.file, u.kind, u.stack, k.name, g.name
) AS w LEFT JOIN stack_text AS t USING (stack)""",
    ),
    View(
        "slowest_requests",
        "The 100 slowest tasks of each trace that are whole, and what the goroutine that began "
        "them did meanwhile.",
        _SLOWEST,
    ),
)


def _wall_view(table: Table) -> View:
    moment = table.moment
    assert moment is not None
    return View(
        f"{table.name}_wall",
        f"`{table.name}` with the wall time (UTC) of `{moment}` as `at`.",
        f"\nSELECT t.*, {_wall(moment, 't')} AS at FROM {table.name} AS t",
    )


#: All views, by name.
VIEWS: Final[dict[str, View]] = {
    view.name: view
    for view in (
        *_VIEWS,
        *(
            _wall_view(table)
            for table in TABLES.values()
            if table.per_file and table.moment and table.name not in ("snapshots", "generations")
        ),
    )
}
