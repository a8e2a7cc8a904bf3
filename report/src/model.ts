// A trace as the page looks at it: made of its tables once.

import { NONE, Table } from "./columns";
import { packed } from "./pack";
import { Sums, upper } from "./sums";

/**
 * The goroutine states, in the order in which they are drawn above each other. The last is the
 * page's own: a C or Python thread that is not in Go, which the trace has as a syscall of no stack.
 */
export const STATES = ["Running", "Syscall", "Runnable", "Waiting", "Undetermined", "Outside Go"] as const;
export const RUNNING = 0;
export const SYSCALL = 1;
export const RUNNABLE = 2;
export const WAITING = 3;
export const UNDETERMINED = 4;
export const OUTSIDE = 5;

export interface Group {
  readonly name: string;
  readonly kind: string;
  /** Indexes of its goroutines, those that did most first. */
  readonly members: number[];
}

export interface Frame {
  readonly function: string;
  readonly file: string;
  readonly line: number;
  readonly program: boolean;
}

/** Rows of a table by the number one of its columns has, in order. */
export class Buckets {
  readonly rows: Uint32Array;
  readonly offsets: Uint32Array;
  constructor(keys: Int32Array, buckets: number) {
    const offsets = (this.offsets = new Uint32Array(buckets + 1));
    for (const key of keys) if (key >= 0) offsets[key + 1]!++;
    for (let i = 0; i < buckets; i++) offsets[i + 1]! += offsets[i]!;
    const next = offsets.slice();
    this.rows = new Uint32Array(offsets[buckets]!);
    for (let row = 0; row < keys.length; row++) if (keys[row]! >= 0) this.rows[next[keys[row]!]!++] = row;
  }
  of(bucket: number): Uint32Array {
    return this.rows.subarray(this.offsets[bucket]!, this.offsets[bucket + 1]!);
  }
}

/** Rows of which each lies on a lane of its own kind: tasks, regions, ranges. */
export interface Spans {
  readonly n: number;
  readonly begin: Float64Array;
  readonly end: Float64Array;
}

export class Trace {
  readonly total: number;
  readonly goroutines: Table;
  readonly ids: Int32Array;
  readonly indexOf = new Map<number, number>();
  readonly groups: Group[] = [];
  readonly groupOf: Int32Array;

  /** The states' rows, sorted by goroutine and then by time. */
  readonly begin: Float64Array;
  readonly end: Float64Array;
  readonly state: Uint8Array;
  readonly reason: Uint32Array;
  readonly reasons: readonly string[];
  readonly stack: Int32Array;
  readonly proc: Int32Array;
  readonly owner: Int32Array;
  readonly first: Uint32Array;

  readonly procs: number[];
  /** What ran on each P, in order: rows of the states. */
  readonly onProc: Buckets;
  readonly tasks: Table & Spans;
  readonly regions: Table & Spans;
  readonly ranges: Table & Spans;
  readonly logs: Table;
  readonly logTime: Float64Array;
  readonly wakeTime: Float64Array;
  readonly waker: Int32Array;
  readonly woken: Int32Array;
  readonly wakeStack: Int32Array;
  readonly wakesOf: Buckets;
  readonly wakesBy: Buckets;
  readonly regionsOf: Buckets;
  readonly logsOf: Buckets;
  readonly stw: number[];
  /** The ranges in which the collector marked. */
  readonly marking: number[];
  /** Samples of the CPU profile, by time. */
  readonly sampleTime: Float64Array;
  readonly sampleStack: Int32Array;
  readonly sampled: Int32Array;
  readonly samplesOf: Buckets;
  private readonly sums = new Map<number, Sums>();
  private readonly bridges = new Map<number, boolean>();
  private readonly frameOffsets: Uint32Array;
  private readonly frameIds: Int32Array;
  private readonly stackIndex = new Map<number, number>();
  private readonly frameIndex = new Map<number, number>();
  private readonly frameTable: Table;
  private readonly stackTable: Table;

  constructor(readonly table: (name: string) => Table, total: number) {
    const states = table("goroutine_states");
    const goroutines = (this.goroutines = table("goroutines"));
    this.ids = goroutines.ids("goroutine");
    this.ids.forEach((id, i) => this.indexOf.set(id, i));
    this.total = Math.max(total, 1);

    const dense = this.dense(states.ids("goroutine"));
    const sorted = new Buckets(dense, this.ids.length);
    this.first = sorted.offsets;
    const rows = sorted.rows;
    const take = <T extends Float64Array | Int32Array | Uint32Array>(from: T): T => {
      const to = new (from.constructor as new (n: number) => T)(rows.length);
      for (let i = 0; i < rows.length; i++) to[i] = from[rows[i]!]!;
      return to;
    };
    this.begin = take(states.numbers("begin_ns"));
    this.end = take(states.numbers("end_ns"));
    this.stack = take(states.ids("stack"));
    this.proc = take(states.ids("proc"));
    this.owner = take(dense);
    const named = states.coded("state");
    const numbered = named.values.map((name) => Math.max(STATES.indexOf(name as (typeof STATES)[number]), -1));
    this.state = Uint8Array.from(take(named.codes), (code) => (numbered[code]! < 0 ? UNDETERMINED : numbered[code]!));
    const reason = states.coded("reason");
    this.reason = take(reason.codes);
    this.reasons = reason.values.map((value) => (value === null ? "" : String(value)));
    const threads = this.ids.map((_, g) => Number(this.kind(g) === "thread"));
    for (let i = 0; i < rows.length; i++) if (this.state[i] === SYSCALL && this.stack[i] === NONE && threads[this.owner[i]!]) this.state[i] = OUTSIDE;

    // Running rows by P. Rows of a table come in the order of their ends, and a P's do not overlap.
    const onProc = new Int32Array(rows.length).fill(-1);
    const place = new Uint32Array(dense.length);
    for (let i = 0; i < rows.length; i++) place[rows[i]!] = i;
    const known = new Map<number, number>();
    for (const proc of table("proc_states").ids("proc")) if (proc !== NONE) known.set(proc, 0);
    for (let i = 0; i < rows.length; i++) if (this.proc[i] !== NONE) known.set(this.proc[i]!, 0);
    this.procs = [...known.keys()].sort((a, b) => a - b);
    this.procs.forEach((proc, i) => known.set(proc, i));
    for (let row = 0; row < dense.length; row++) {
      if (dense[row]! < 0) continue;
      const i = place[row]!;
      if (this.state[i] === RUNNING && this.proc[i] !== NONE) onProc[row] = known.get(this.proc[i]!)!;
    }
    this.onProc = new Buckets(onProc, this.procs.length);
    for (let i = 0; i < this.onProc.rows.length; i++) this.onProc.rows[i] = place[this.onProc.rows[i]!]!;

    this.groupOf = new Int32Array(this.ids.length);
    this.makeGroups();

    this.tasks = spans(table("tasks"));
    this.regions = spans(table("regions"));
    this.ranges = spans(table("ranges"));
    this.logs = table("logs");
    this.logTime = this.logs.numbers("time_ns");
    this.regionsOf = new Buckets(this.dense(this.regions.ids("goroutine")), this.ids.length);
    this.logsOf = new Buckets(this.dense(this.logs.ids("goroutine")), this.ids.length);
    const wakeups = table("wakeups");
    this.wakeTime = wakeups.numbers("time_ns");
    this.waker = this.dense(wakeups.ids("waker"));
    this.woken = this.dense(wakeups.ids("goroutine"));
    this.wakeStack = wakeups.ids("stack");
    this.wakesOf = new Buckets(this.woken, this.ids.length);
    this.wakesBy = new Buckets(this.waker, this.ids.length);
    const samples = table("samples");
    const moments = samples.numbers("time_ns");
    const order = Uint32Array.from(moments, (_, i) => i).sort((a, b) => moments[a]! - moments[b]!);
    this.sampleTime = Float64Array.from(order, (i) => moments[i]!);
    const [at, whose] = [samples.ids("stack"), this.dense(samples.ids("goroutine"))];
    this.sampleStack = Int32Array.from(order, (i) => at[i]!);
    this.sampled = Int32Array.from(order, (i) => whose[i]!);
    this.samplesOf = new Buckets(this.sampled, this.ids.length);
    this.stw = [];
    this.marking = [];
    for (let i = 0; i < this.ranges.n; i++) {
      const called = this.ranges.text("name", i);
      if (called.startsWith("stop-the-world")) this.stw.push(i);
      else if (called === "GC concurrent mark phase") this.marking.push(i);
    }

    this.stackTable = table("stacks");
    this.stackTable.ids("stack").forEach((id, i) => this.stackIndex.set(id, i));
    this.frameTable = table("frames");
    this.frameTable.ids("frame").forEach((id, i) => this.frameIndex.set(id, i));
    const of = table("stack_frames");
    const keys = of.ids("stack").map((id) => this.stackIndex.get(id) ?? -1);
    const depths = of.numbers("depth");
    const byStack = new Buckets(keys, this.stackIndex.size);
    this.frameOffsets = byStack.offsets;
    const frames = of.ids("frame");
    this.frameIds = new Int32Array(byStack.rows.length);
    for (let i = 0; i < this.stackIndex.size; i++) {
      for (const row of byStack.of(i)) this.frameIds[this.frameOffsets[i]! + depths[row]!] = frames[row]!;
    }
  }

  private dense(ids: Int32Array): Int32Array {
    return ids.map((id) => this.indexOf.get(id) ?? -1);
  }

  private kind(g: number): string {
    return this.goroutines.text("kind", g);
  }

  private makeGroups(): void {
    const by = new Map<string, Group>();
    for (let g = 0; g < this.ids.length; g++) {
      const kind = this.kind(g);
      const name = this.called(g);
      const key = `${kind}\n${name}`;
      let group = by.get(key);
      if (group === undefined) by.set(key, (group = { name, kind, members: [] }));
      group.members.push(g);
    }
    const order = ["thread", "program", "unknown", "runtime", "recorder"];
    const busy = new Float64Array(this.ids.length);
    for (let i = 0; i < this.begin.length; i++) if (this.state[i] !== WAITING && this.state[i] !== OUTSIDE) busy[this.owner[i]!]! += this.end[i]! - this.begin[i]!;
    const sum = (group: Group): number => group.members.reduce((all, g) => all + busy[g]!, 0);
    const sums = new Map([...by.values()].map((group) => [group, sum(group)]));
    this.groups.push(...[...by.values()].sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind) || sums.get(b)! - sums.get(a)!));
    this.groups.forEach((group, i) => {
      for (const g of group.members) this.groupOf[g] = i;
      group.members.sort((a, b) => busy[b]! - busy[a]!);
    });
  }

  sumsOf(goroutine: number): Sums {
    let found = this.sums.get(goroutine);
    if (!found) {
      found = new Sums(this.begin, this.end, this.state, this.first[goroutine]!, this.first[goroutine + 1]!, STATES.length);
      this.sums.set(goroutine, found);
    }
    return found;
  }

  /** The state's row that a goroutine is in at a time; -1 if there is none. */
  rowAt(goroutine: number, time: number): number {
    const row = this.sumsOf(goroutine).at(time);
    return row < this.first[goroutine + 1]! && this.begin[row]! <= time ? row : -1;
  }

  /** Its start function, or which Python thread it is; of a thread that none has named, that it is one. */
  private called(goroutine: number): string {
    const name = this.goroutines.text("name", goroutine);
    return this.kind(goroutine) === "thread" && (name === "" || name === "runtime.cgocallback") ? "unnamed thread" : name;
  }

  /** "G18 main.worker". A Python thread is called by its name. */
  name(goroutine: number): string {
    const name = this.called(goroutine);
    const goid = this.goroutines.text("goid", goroutine);
    return name ? `G${goid} ${name}` : `G${goid}`;
  }

  /** The goroutine that had Go's id in a stretch of time: an id may have had several, one after the other. */
  goroutineOf(goid: number, from: number, to: number): number | undefined {
    let best: number | undefined;
    let most = -Infinity;
    for (let g = 0; g < this.ids.length; g++) {
      if (this.goroutines.number("goid", g) !== goid) continue;
      const shared = Math.min(this.goroutines.number("end_ns", g), to) - Math.max(this.goroutines.number("begin_ns", g), from);
      if (shared > most) [best, most] = [g, shared];
    }
    return best;
  }

  /** How many of the program's goroutines are in each state at a time. */
  countsAt(time: number): number[] {
    const counts = STATES.map(() => 0);
    for (let g = 0; g < this.ids.length; g++) {
      const row = this.isProgram(g) ? this.rowAt(g, time) : -1;
      if (row >= 0) counts[this.state[row]!]!++;
    }
    return counts;
  }

  /** Whether a goroutine is the program's, and not the Go runtime's or the recorder's. */
  isProgram(g: number): boolean {
    return !["runtime", "recorder"].includes(this.groups[this.groupOf[g]!]!.kind);
  }

  /** Whether the program waits there: not a thread that serves the recorder, nor the bridge where the program calls it. */
  isProgramWait(row: number): boolean {
    const g = this.owner[row]!;
    if (!this.isProgram(g) || this.state[row] === OUTSIDE || this.isBridges(this.stack[row]!)) return false;
    if (this.groups[this.groupOf[g]!]!.kind === "thread") return this.hasProgramFrame(this.stack[row]!);
    return this.state[row] !== SYSCALL || this.frames(this.stack[row]!).length > 0;
  }

  /** Whether the innermost frame that is not the standard library's is the bridge's. */
  private isBridges(stack: number): boolean {
    let known = this.bridges.get(stack);
    if (known === undefined) {
      const frame = [...this.frames(stack)].map((id) => this.frame(id)).find(({ function: called, program }) => program || called.startsWith("flightrec/gobridge"));
      this.bridges.set(stack, (known = frame !== undefined && !frame.program));
    }
    return known;
  }

  private hasProgramFrame(stack: number): boolean {
    const i = this.stackIndex.get(stack);
    return i !== undefined && !Number.isNaN(this.stackTable.number("place", i));
  }

  /** A state and its reason, in words. */
  stateText(row: number): string {
    const reason = this.state[row] === OUTSIDE ? "" : this.reasons[this.reason[row]!]!;
    return `${STATES[this.state[row]!]}${reason ? ` (${reason})` : ""}`;
  }

  /** Whether a stop-the-world is there only to begin or end the recording. */
  isRecorderPause(range: number): boolean {
    return /\((start|stop) trace\)$/.test(this.ranges.text("name", range));
  }

  /** The sample nearest to a time, if it is not further off than `most`. */
  sampleNear(time: number, most: number, g?: number): number | undefined {
    let best: number | undefined;
    for (const sample of this.samplesIn(time - most, time + most, g)) {
      if (best === undefined || Math.abs(this.sampleTime[sample]! - time) < Math.abs(this.sampleTime[best]! - time)) best = sample;
    }
    return best;
  }

  /** The samples of the CPU profile in from..to, of a goroutine or of all. */
  *samplesIn(from: number, to: number, g?: number): Generator<number> {
    const rows = g === undefined ? null : this.samplesOf.of(g);
    const n = rows ? rows.length : this.sampleTime.length;
    for (let i = rows ? 0 : upper(this.sampleTime, from - 1, 0, n); i < n; i++) {
      const sample = rows ? rows[i]! : i;
      if (this.sampleTime[sample]! > to) return;
      if (this.sampleTime[sample]! >= from) yield sample;
    }
  }

  frames(stack: number): Int32Array {
    const i = this.stackIndex.get(stack);
    return i === undefined ? new Int32Array(0) : this.frameIds.subarray(this.frameOffsets[i]!, this.frameOffsets[i + 1]!);
  }

  frame(id: number): Frame {
    const i = this.frameIndex.get(id);
    if (i === undefined) return { function: "?", file: "", line: 0, program: false };
    const table = this.frameTable;
    return { function: table.text("function", i), file: table.text("file", i), line: table.number("line", i), program: table.value("program", i) === true };
  }

  /** The innermost frame of the program's own code, else the innermost that is not the runtime's. */
  place(stack: number): Frame | null {
    const frames = this.frames(stack);
    if (frames.length === 0) return null;
    const own = this.stackTable.number("place", this.stackIndex.get(stack)!);
    if (!Number.isNaN(own)) return this.frame(own);
    for (const id of frames) {
      const frame = this.frame(id);
      if (!/^(runtime|internal|sync|syscall)[./]/.test(frame.function)) return frame;
    }
    return this.frame(frames[0]!);
  }
}

function spans(table: Table): Table & Spans {
  return Object.assign(table, { n: table.rows, begin: table.numbers("begin_ns"), end: table.numbers("end_ns") });
}

/** The lines that a table's spans lie on, of those that are listed. */
export function lines(table: Spans, rows: readonly number[]): { line: Int32Array; lines: number } {
  const order = [...rows].sort((a, b) => table.begin[a]! - table.begin[b]!);
  return packed(table.begin, table.end, order);
}
