// The tables of the report, made of the trace when they are first looked at.

import { duration, bytes, count, moment, shortFunction } from "./format";
import { grid, type GridColumn } from "./grid";
import { h } from "./dom";
import { RUNNABLE, RUNNING, STATES, SYSCALL, Trace, WAITING } from "./model";
import { distribution, histogram, type Distribution } from "./stats";
import type { Timeline } from "./timeline";

export interface Question {
  readonly id: string;
  readonly title: string;
  readonly make: () => HTMLElement;
}

interface Counted extends Distribution {
  readonly name: string;
  /** The row with the largest. */
  readonly longest: number;
}

/** Rows of one kind with the distribution of their durations. */
function counted(n: number, name: (row: number) => string | null, length: (row: number) => number): (Counted & { values: Float64Array })[] {
  const lists = new Map<string, number[]>();
  for (let row = 0; row < n; row++) {
    const key = name(row);
    if (key === null) continue;
    const list = lists.get(key);
    if (list) list.push(row);
    else lists.set(key, [row]);
  }
  return [...lists].map(([called, rows]) => {
    const longest = rows.reduce((a, b) => (length(b) > length(a) ? b : a), rows[0]!);
    const values = Float64Array.from(rows, length);
    return { name: called, longest, ...distribution(values), values };
  });
}

function percentiles<R extends Distribution>(most: number): GridColumn<R>[] {
  const column = (title: string, key: keyof Distribution): GridColumn<R> => ({ title, text: (row) => duration(row[key]), by: (row) => row[key], width: "84px", numeric: true });
  return [
    { title: "count", text: (row) => count(row.count), by: (row) => row.count, width: "80px", numeric: true },
    { ...column("total", "total"), width: "110px", bar: (row) => row.total / most },
    column("p50", "p50"),
    column("p90", "p90"),
    column("p99", "p99"),
    column("longest", "max"),
  ];
}

/** Bars of how often each duration was, with what they say as a label. */
export function bars(values: ArrayLike<number>, label: string): HTMLElement {
  const buckets = histogram(values);
  const most = Math.max(1, ...buckets.map((bucket) => bucket.count));
  const items = buckets.map((bucket) => {
    const text = `${duration(bucket.from)} to ${duration(bucket.to)}: ${count(bucket.count)}`;
    const fill = h("i");
    fill.style.height = `${Math.max((bucket.count / most) * 56, bucket.count > 0 ? 2 : 0)}px`;
    return h("div", { class: "hist-bar", title: text }, fill, h("span", {}, duration(bucket.from)));
  });
  const said = buckets.filter((bucket) => bucket.count > 0).map((bucket) => `${duration(bucket.from)}: ${count(bucket.count)}`);
  return h("div", { class: "hist", role: "img", "aria-label": `${label}. ${said.join(", ")}` }, ...items);
}

export function questions(trace: Trace, timeline: Timeline): Question[] {
  const width = (of: { begin: Float64Array; end: Float64Array }) => (row: number) => of.end[row]! - of.begin[row]!;
  const length = width(trace);
  const called = (g: number): string => {
    const group = trace.groups[trace.groupOf[g]!]!;
    return group.name ? shortFunction(group.name) : "unknown start function";
  };
  const toState = (row: number): void => {
    timeline.reveal(trace.owner[row]!);
    timeline.select({ g: trace.owner[row]!, row });
    timeline.around(trace.begin[row]!, trace.end[row]!);
  };
  const toSpan = (of: { begin: Float64Array; end: Float64Array }, row: number, g?: number): void => {
    if (g !== undefined) timeline.reveal(g);
    timeline.select({ stretch: [of.begin[row]!, of.end[row]!], ...(g !== undefined ? { g } : {}) });
    timeline.around(of.begin[row]!, of.end[row]!);
  };
  const toTask = (row: number): void => {
    timeline.revealTask(row);
    timeline.select({ task: row });
    timeline.around(trace.tasks.begin[row]!, trace.tasks.end[row]!);
  };
  const largest = (rows: readonly Distribution[]): number => Math.max(1, ...rows.map((row) => row.total));
  const own = "with the Go runtime's and the recorder's own";

  const groups = (): HTMLElement => {
    const times = trace.groups.map(() => new Float64Array(STATES.length));
    for (let row = 0; row < trace.begin.length; row++) times[trace.groupOf[trace.owner[row]!]!]![trace.state[row]!]! += length(row);
    const most = STATES.map((_, k) => Math.max(1, ...times.map((list) => list[k]!)));
    const column = (k: number, title: string): GridColumn<number> => ({ title, text: (i) => duration(times[i]![k]!), by: (i) => times[i]![k]!, width: "110px", numeric: true, bar: (i) => times[i]![k]! / most[k]! });
    const all = trace.groups.map((_, i) => i);
    return grid({
      label: "Goroutines by start function",
      rows: all.filter((i) => trace.isProgram(trace.groups[i]!.members[0]!)),
      further: { rows: all.filter((i) => !trace.isProgram(trace.groups[i]!.members[0]!)), label: own },
      sort: 3,
      empty: "The trace has no goroutines.",
      go: (i) => {
        const member = trace.groups[i]!.members[0]!;
        timeline.reveal(member);
        timeline.select({ g: member });
      },
      columns: [
        { title: "start function", text: (i) => trace.groups[i]!.name || "unknown", width: "minmax(200px, 1fr)" },
        { title: "kind", text: (i) => trace.groups[i]!.kind, width: "90px" },
        { title: "count", text: (i) => count(trace.groups[i]!.members.length), by: (i) => trace.groups[i]!.members.length, width: "80px", numeric: true },
        column(RUNNING, "running"),
        column(RUNNABLE, "runnable"),
        column(SYSCALL, "syscall"),
        column(WAITING, "waiting"),
      ],
    });
  };
  const blocking = (): HTMLElement => {
    const of = (program: boolean): Counted[] =>
      counted(
        trace.begin.length,
        (row) => {
          const kind = trace.state[row];
          return (kind === WAITING || kind === SYSCALL) && trace.isProgramWait(row) === program ? `${trace.reason[row]}/${kind}/${trace.stack[row]}` : null;
        },
        length,
      );
    const rows = of(true);
    const place = (row: Counted): string => {
      const frame = trace.place(trace.stack[row.longest]!);
      return frame ? `${shortFunction(frame.function)}:${frame.line}` : "no stack";
    };
    return grid({
      label: "Where goroutines waited",
      rows,
      further: { rows: of(false), label: own },
      sort: 3,
      empty: "No goroutine waited.",
      go: (row) => toState(row.longest),
      columns: [
        { title: "reason", text: (row) => (trace.state[row.longest] === SYSCALL ? "syscall" : trace.reasons[trace.reason[row.longest]!] || "waiting"), width: "150px" },
        { title: "place", text: place, width: "minmax(200px, 1fr)" },
        ...percentiles<Counted>(largest(rows)),
      ],
    });
  };
  const latency = (): HTMLElement => {
    const of = (program: boolean): ReturnType<typeof counted> => counted(trace.begin.length, (row) => (trace.state[row] === RUNNABLE && trace.isProgram(trace.owner[row]!) === program ? called(trace.owner[row]!) : null), length);
    const rows = of(true);
    const all = new Float64Array(rows.reduce((n, row) => n + row.count, 0));
    let at = 0;
    for (const row of rows) {
      all.set(row.values, at);
      at += row.count;
    }
    const table = grid({
      label: "How long goroutines were runnable before they ran",
      rows,
      further: { rows: of(false), label: own },
      sort: 6,
      empty: "No goroutine was runnable and not running.",
      go: (row) => toState(row.longest),
      columns: [{ title: "start function", text: (row) => row.name, width: "minmax(200px, 1fr)" }, ...percentiles<Counted>(largest(rows))],
    });
    return all.length > 0 ? h("div", { class: "with-hist" }, h("p", { class: "soft" }, "How long the program’s goroutines were ready before they ran, each bar from its length to the next one’s"), bars(all, "Delays before running, by length"), table) : table;
  };
  const cycles = (): HTMLElement => {
    const { ranges } = trace;
    const within = (row: number, what: string): number => {
      let sum = 0;
      for (let i = 0; i < ranges.n; i++) {
        if (!ranges.text("name", i).includes(what)) continue;
        sum += Math.max(Math.min(ranges.end[i]!, ranges.end[row]! + 1e6) - Math.max(ranges.begin[i]!, ranges.begin[row]! - 1e6), 0);
      }
      return sum;
    };
    const metrics = trace.table("metrics");
    const heap = (time: number): number => {
      let found = NaN;
      for (let i = 0; i < metrics.rows && metrics.number("time_ns", i) <= time; i++) if (metrics.text("name", i).startsWith("/memory/classes/heap/objects")) found = metrics.number("value", i);
      return found;
    };
    const facts = trace.marking.map((row) => ({ row, assist: within(row, "mark assist"), stopped: within(row, "stop-the-world"), before: heap(ranges.begin[row]!), after: heap(ranges.end[row]! + 1e6) }));
    return grid({
      label: "Garbage collections",
      rows: facts,
      sort: 1,
      empty: "No garbage collection in this trace.",
      go: ({ row }) => toSpan(ranges, row),
      columns: [
        { title: "begin", text: ({ row }) => moment(ranges.begin[row]!, 1000), by: ({ row }) => ranges.begin[row]!, width: "minmax(120px, 1fr)", numeric: true },
        { title: "mark phase", text: ({ row }) => duration(width(ranges)(row)), by: ({ row }) => width(ranges)(row), width: "120px", numeric: true },
        { title: "stopped the world", text: (fact) => duration(fact.stopped), by: (fact) => fact.stopped, width: "150px", numeric: true },
        { title: "mark assists", text: (fact) => duration(fact.assist), by: (fact) => fact.assist, width: "120px", numeric: true },
        { title: "heap at begin", text: (fact) => bytes(fact.before), by: (fact) => fact.before, width: "120px", numeric: true },
        { title: "heap after", text: (fact) => bytes(fact.after), by: (fact) => fact.after, width: "120px", numeric: true },
      ],
    });
  };
  const tasks = (): HTMLElement => {
    const rows = counted(trace.tasks.n, (row) => trace.tasks.text("name", row) || "(began before the trace)", width(trace.tasks));
    const each = grid({
      label: "Each task",
      rows: Array.from({ length: trace.tasks.n }, (_, i) => i),
      sort: 2,
      empty: "No task in this trace.",
      go: toTask,
      columns: [
        { title: "task", text: (row) => trace.tasks.text("task", row), by: (row) => trace.tasks.number("task", row), width: "90px", numeric: true },
        { title: "name", text: (row) => trace.tasks.text("name", row), width: "minmax(160px, 1fr)" },
        { title: "took", text: (row) => duration(width(trace.tasks)(row)), by: width(trace.tasks), width: "110px", numeric: true },
        { title: "begin", text: (row) => moment(trace.tasks.begin[row]!, 1000), by: (row) => trace.tasks.begin[row]!, width: "130px", numeric: true },
        { title: "end", text: (row) => (trace.tasks.value("goes_on", row) === true ? "goes on" : "ended"), width: "80px" },
      ],
    });
    if (trace.tasks.n === 0) return each;
    const kinds = grid({
      label: "Tasks by name",
      rows,
      sort: 6,
      empty: "No task in this trace.",
      go: (row) => toTask(row.longest),
      columns: [{ title: "name", text: (row) => row.name, width: "minmax(160px, 1fr)" }, ...percentiles<Counted>(largest(rows))],
    });
    kinds.classList.add("short");
    return h("div", { class: "two" }, kinds, each);
  };
  const pauses = (): HTMLElement => {
    const { ranges } = trace;
    return grid({
      label: "Stop-the-world pauses",
      rows: trace.stw.filter((row) => !trace.isRecorderPause(row)),
      further: { rows: trace.stw.filter((row) => trace.isRecorderPause(row)), label: "with those that begin and end the recording" },
      sort: 2,
      empty: "The world was never stopped.",
      go: (row) => toSpan(ranges, row),
      columns: [
        { title: "reason", text: (row) => ranges.text("name", row), width: "minmax(220px, 1fr)" },
        { title: "begin", text: (row) => moment(ranges.begin[row]!, 1000), by: (row) => ranges.begin[row]!, width: "140px", numeric: true },
        { title: "took", text: (row) => duration(width(ranges)(row)), by: width(ranges), width: "110px", numeric: true },
      ],
    });
  };
  const regions = (): HTMLElement => {
    const rows = counted(trace.regions.n, (row) => trace.regions.text("name", row), width(trace.regions));
    return grid({
      label: "Regions by name",
      rows,
      sort: 2,
      empty: "No region in this trace.",
      go: (row) => toSpan(trace.regions, row.longest, trace.indexOf.get(trace.regions.number("goroutine", row.longest))),
      columns: [{ title: "name", text: (row) => row.name, width: "minmax(160px, 1fr)" }, ...percentiles<Counted>(largest(rows))],
    });
  };
  const logs = (): HTMLElement =>
    grid({
      label: "Log messages",
      rows: Array.from({ length: trace.logs.rows }, (_, i) => i),
      sort: 0,
      empty: "No log message in this trace.",
      go: (row) => goToLog(trace, timeline, row),
      columns: [
        { title: "time", text: (row) => moment(trace.logTime[row]!, 1000), by: (row) => trace.logTime[row]!, width: "130px", numeric: true },
        { title: "category", text: (row) => trace.logs.text("category", row), width: "150px" },
        { title: "message", text: (row) => trace.logs.text("message", row), width: "minmax(200px, 1fr)" },
        { title: "task", text: (row) => trace.logs.text("task", row), by: (row) => trace.logs.number("task", row), width: "90px", numeric: true },
      ],
    });
  return [
    { id: "groups", title: "Goroutines", make: groups },
    { id: "blocking", title: "Blocking", make: blocking },
    { id: "latency", title: "Scheduling latency", make: latency },
    { id: "tasks", title: "Tasks", make: tasks },
    { id: "regions", title: "Regions", make: regions },
    { id: "logs", title: "Logs", make: logs },
    { id: "gc", title: "GC cycles", make: cycles },
    { id: "pauses", title: "Pauses", make: pauses },
  ];
}

/** Show where a log message is. */
export function goToLog(trace: Trace, timeline: Timeline, row: number): void {
  const g = trace.indexOf.get(trace.logs.number("goroutine", row));
  const at = trace.logTime[row]!;
  if (g !== undefined) {
    timeline.reveal(g);
    const state = trace.rowAt(g, at);
    timeline.select({ g, ...(state >= 0 ? { row: state } : {}) });
  }
  timeline.around(at - 5000, at + 5000);
}
