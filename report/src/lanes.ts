// Which lanes there are, from top to bottom.

import { count, plural, shortFunction } from "./format";
import { Trace, lines } from "./model";
import { words } from "./search";

export type Lane = { readonly y: number; readonly height: number; readonly label: string; readonly id: string } & (
  | { readonly kind: "section" }
  | { readonly kind: "counts" | "heap" | "samples" }
  | { readonly kind: "ranges"; readonly rows: Uint32Array }
  | { readonly kind: "proc"; readonly at: number }
  | { readonly kind: "tasks"; readonly rows: Uint32Array; readonly regions: readonly Uint32Array[] }
  | { readonly kind: "group"; readonly group: number; readonly called: string; readonly members: number }
  | { readonly kind: "goroutine"; readonly g: number; readonly indent: boolean }
);

type Bare = Lane extends infer L ? (L extends Lane ? Omit<L, "y" | "height"> : never) : never;

const HEIGHTS: Record<Lane["kind"], number> = { section: 24, counts: 46, heap: 46, samples: 18, ranges: 18, proc: 20, tasks: 22, group: 24, goroutine: 22 };
/** How high a line of a task's regions is, below the task. */
export const REGIONS = 14;
// Of regions in each other, and of goroutines that work on a task at a time, so many lines are shown.
const REGION_LINES = 4;

export interface Choice {
  /** Sections and groups that are open, by the lanes' ids. */
  readonly open: ReadonlySet<string>;
  readonly pinned: readonly number[];
  /** Only goroutines whose name has all these words. */
  readonly filter: string;
}

/** The lanes of each kind of task or range that never change: found once. */
export class Fixed {
  readonly tasks: { name: string; rows: number; lines: { rows: Uint32Array; regions: Uint32Array[] }[] }[] = [];
  readonly ranges: { name: string; lines: Uint32Array[] }[] = [];
  constructor(trace: Trace) {
    const byName = new Map<string, number[]>();
    for (let i = 0; i < trace.tasks.n; i++) add(byName, trace.tasks.text("name", i) || "(began before the trace)", i);
    const byTask = new Map<number, number[]>();
    for (let i = 0; i < trace.regions.n; i++) add(byTask, trace.regions.number("task", i), i);
    for (const [name, rows] of byName) {
      const found = split(lines(trace.tasks, rows), rows, trace.tasks.begin).map((line) => {
        const inside = [...line].flatMap((row) => byTask.get(trace.tasks.number("task", row)) ?? []);
        return { rows: line, regions: split(lines(trace.regions, inside), inside, trace.regions.begin).slice(0, REGION_LINES) };
      });
      this.tasks.push({ name, rows: rows.length, lines: found });
    }
    const collector = new Map<string, number[]>();
    for (let i = 0; i < trace.ranges.n; i++) {
      const name = trace.ranges.text("name", i);
      add(collector, name.startsWith("stop-the-world") ? "Stop the world" : name.includes("concurrent mark") ? "GC mark" : name.includes("assist") ? "GC assists" : "GC sweeps", i);
    }
    for (const name of ["GC mark", "Stop the world", "GC assists", "GC sweeps"]) {
      const rows = collector.get(name);
      if (rows) this.ranges.push({ name, lines: split(lines(trace.ranges, rows), rows, trace.ranges.begin) });
    }
  }
}

function add<Key>(map: Map<Key, number[]>, key: Key, row: number): void {
  const list = map.get(key);
  if (list) list.push(row);
  else map.set(key, [row]);
}

function split(found: { line: Int32Array; lines: number }, rows: readonly number[], begin: Float64Array): Uint32Array[] {
  const lists: number[][] = Array.from({ length: found.lines }, () => []);
  for (const row of [...rows].sort((a, b) => begin[a]! - begin[b]!)) lists[found.line[row]!]!.push(row);
  return lists.map((list) => Uint32Array.from(list));
}

export function lanesOf(trace: Trace, fixed: Fixed, choice: Choice): { lanes: Lane[]; height: number } {
  const found: Bare[] = [];
  const wanted = words(choice.filter);
  const shown = (g: number): boolean => {
    const name = trace.name(g).toLowerCase();
    return wanted.every((word) => name.includes(word));
  };
  const section = (id: string, label: string): boolean => {
    found.push({ kind: "section", id, label });
    return choice.open.has(id);
  };
  const goroutine = (g: number, where: string, indent = false): void => {
    found.push({ kind: "goroutine", id: `${where}${g}`, label: trace.name(g), g, indent });
  };
  if (choice.pinned.length > 0) {
    if (section("pinned", "Pinned")) for (const g of choice.pinned) goroutine(g, "pin");
  }
  if (section("overview", "Overview")) {
    if (trace.begin.length > 0) found.push({ kind: "counts", id: "counts", label: "Goroutines" });
    if (trace.table("metrics").rows > 0) found.push({ kind: "heap", id: "heap", label: "Heap" });
    for (const range of fixed.ranges.filter(({ name }) => !name.startsWith("GC ") || name === "GC mark")) {
      range.lines.forEach((rows, i) => found.push({ kind: "ranges", id: `${range.name}${i}`, label: i === 0 ? range.name : "", rows }));
    }
    if (trace.sampleTime.length > 0) found.push({ kind: "samples", id: "samples", label: `CPU samples (${count(trace.sampleTime.length)})` });
  }
  const work = fixed.ranges.filter(({ name }) => name.startsWith("GC ") && name !== "GC mark");
  if (work.length > 0 && section("gc", "GC assists and sweeps")) {
    for (const range of work) range.lines.forEach((rows, i) => found.push({ kind: "ranges", id: `${range.name}${i}`, label: i === 0 ? range.name : "", rows }));
  }
  if (trace.procs.length > 0 && section("procs", `Processors (${trace.procs.length})`)) {
    trace.procs.forEach((proc, at) => found.push({ kind: "proc", id: `p${proc}`, label: `P${proc}`, at }));
  }
  if (trace.tasks.n > 0 && section("tasks", `Tasks (${count(trace.tasks.n)})`)) {
    for (const tasks of fixed.tasks) {
      tasks.lines.forEach((line, i) => found.push({ kind: "tasks", id: `t${tasks.name}${i}`, label: i === 0 ? `${tasks.name} (${count(tasks.rows)})` : "", ...line }));
    }
  }
  const part = (id: string, label: string, kinds: readonly string[], flat: boolean): void => {
    const groups = trace.groups
      .map((group, at) => ({ group, at, members: wanted.length > 0 ? group.members.filter(shown) : group.members }))
      .filter(({ group, members }) => kinds.includes(group.kind) && members.length > 0);
    if (groups.length === 0 || !section(id, `${label} (${count(groups.reduce((n, { members }) => n + members.length, 0))})`)) return;
    for (const { group, at, members } of groups) {
      if (flat || members.length === 1) {
        for (const g of members) goroutine(g, "g");
        continue;
      }
      const name = group.name ? shortFunction(group.name) : "unknown start function";
      found.push({ kind: "group", id: `group${at}`, label: `${name} · ${plural(members.length, "goroutine")}`, group: at, called: name, members: members.length });
      if (choice.open.has(`group${at}`) || wanted.length > 0) for (const g of members) goroutine(g, "g", true);
    }
  };
  part("threads", "Python and C threads", ["thread"], true);
  part("goroutines", "Goroutines", ["program", "unknown"], false);
  part("runtime", "Go runtime and recorder", ["runtime", "recorder"], false);
  let y = 0;
  const lanes = found.map((lane) => {
    const height = HEIGHTS[lane.kind] + (lane.kind === "tasks" ? lane.regions.length * REGIONS : 0);
    const placed = { ...lane, y, height } as Lane;
    y += height;
    return placed;
  });
  return { lanes, height: y };
}
