// Draws lanes. What is narrower than a pixel is summed up, so that a frame costs pixels, not events.

import { binned, type Bins } from "./bins";
import { bytes, count, moment, shortFunction, shortName } from "./format";
import { REGIONS, type Lane } from "./lanes";
import { OUTSIDE, RUNNABLE, RUNNING, STATES, SYSCALL, Trace, WAITING } from "./model";
import { ticks, tickStep, type View } from "./scale";
import { upper } from "./sums";
import { visible } from "./visible";

export const LABELS = 210;
export const RULER = 26;

export interface Theme {
  readonly dark: boolean;
  readonly font: string;
  readonly text: string;
  readonly soft: string;
  readonly line: string;
  readonly panel: string;
  readonly back: string;
  readonly accent: string;
  readonly stw: string;
  readonly gc: string;
  readonly heap: string;
  readonly task: string;
  readonly region: string;
  readonly log: string;
  readonly sample: string;
  readonly states: readonly string[];
}

const DISTINCT = 10;

export class Painter {
  width = 0;
  height = 0;
  /** How many pixels of the screen there are to one of CSS. */
  ratio = 1;
  view: View = { from: 0, to: 1 };
  private bins: Bins | null = null;
  private readonly scratch = new Float64Array(STATES.length);
  private readonly metrics: { time: number[]; value: number[] };
  private readonly goal: { time: number[]; value: number[] };
  private readonly sets = new Map<string, number[]>();

  constructor(
    private readonly trace: Trace,
    readonly context: CanvasRenderingContext2D,
    public theme: Theme,
  ) {
    const series = (name: string): { time: number[]; value: number[] } => {
      const table = trace.table("metrics");
      const found = { time: [] as number[], value: [] as number[] };
      for (let i = 0; i < table.rows; i++) {
        if (!table.text("name", i).startsWith(name)) continue;
        found.time.push(table.number("time_ns", i));
        found.value.push(table.number("value", i));
      }
      return found;
    };
    this.metrics = series("/memory/classes/heap/objects");
    this.goal = series("/gc/heap/goal");
  }

  x(time: number): number {
    return LABELS + ((time - this.view.from) / (this.view.to - this.view.from)) * (this.width - LABELS);
  }

  /** The same at a whole pixel of the screen: what is drawn side by side then has no seams. */
  private whole(time: number): number {
    return Math.round(this.x(time) * this.ratio) / this.ratio;
  }

  time(x: number): number {
    return this.view.from + ((x - LABELS) / (this.width - LABELS)) * (this.view.to - this.view.from);
  }

  private get perPixel(): number {
    return (this.view.to - this.view.from) / Math.max(this.width - LABELS, 1);
  }

  /** A step of the ruler, which also says how finely moments are told. */
  get step(): number {
    return tickStep(this.view, Math.max((this.width - LABELS) / 110, 2));
  }

  /** Prepare the sums over groups for a view; those of a wider one serve until they are too coarse. */
  prepare(settled: boolean): void {
    const { view, bins } = this;
    const width = view.to - view.from;
    const inside = bins !== null && bins.from <= view.from && bins.to >= view.to;
    const fine = bins !== null && (bins.to - bins.from) / bins.n <= this.perPixel * (settled ? 2 : 40);
    if (inside && fine) return;
    const from = Math.max(0, view.from - width / 2);
    const to = Math.min(this.trace.total, view.to + width / 2);
    const { trace } = this;
    this.bins = binned(trace.begin, trace.end, trace.state, (row) => trace.groupOf[trace.owner[row]!]!, trace.groups.length, STATES.length, from, to, 2048);
  }

  /** Draw a lane; returns what stands beside its label. */
  lane(lane: Lane, y: number): string | void {
    switch (lane.kind) {
      case "counts":
        return this.counts(y, lane.height);
      case "heap":
        return this.heap(y, lane.height);
      case "ranges":
        return this.spans(this.trace.ranges, lane.rows, y + 3, lane.height - 6, (row) => (this.trace.ranges.text("name", row).startsWith("stop") ? this.theme.stw : this.theme.gc), (row) => this.trace.ranges.text("name", row));
      case "samples":
        return this.samples(this.trace.sampleTime, y + 3, lane.height - 6);
      case "tasks":
        return this.tasks(lane.rows, lane.regions, y, lane.height);
      case "proc":
        return this.proc(lane.at, y, lane.height);
      case "group":
        return this.group(lane.group, y, lane.height);
      case "goroutine":
        return this.goroutine(lane.g, y, lane.height);
      case "section":
    }
  }

  /** The colour of a goroutine's group on the Ps' lanes. */
  groupColour(group: number): string {
    const { dark } = this.theme;
    return `hsl(${(group * 137.5 + 190) % 360} ${group < DISTINCT ? 38 : 18}% ${dark ? 46 : 56}%)`;
  }

  private goroutine(g: number, y: number, height: number): void {
    const { trace, view, scratch } = this;
    const sums = trace.sumsOf(g);
    const { begin, end, state } = trace;
    const top = y + 3;
    const tall = height - 6;
    const rects = STATES.map((): number[] => []);
    const per = this.perPixel;
    const narrow = per * 2;
    let row = sums.at(view.from);
    let time = Math.max(view.from, row < sums.last ? begin[row]! : view.to);
    while (row < sums.last && begin[row]! < view.to) {
      if (end[row]! - begin[row]! >= narrow) {
        const x = this.x(Math.max(begin[row]!, time));
        const right = this.x(Math.min(end[row]!, view.to));
        const k = state[row]!;
        const thin = k === WAITING || k === OUTSIDE;
        rects[k]!.push(x, thin ? top + tall * 0.35 : top, Math.max(right - x, 0.5), thin ? tall * 0.3 : tall);
        time = end[row]!;
        row++;
        continue;
      }
      // Two pixels, with the states' shares of them above each other.
      const from = Math.max(begin[row]!, time);
      const to = from + narrow;
      sums.between(from, to, scratch);
      const x = this.x(from);
      let low = top + tall;
      for (let k = 0; k < WAITING; k++) {
        const part = Math.min(scratch[k]! / narrow, 1);
        if (part < 0.03) continue;
        const size = Math.max(part * tall, 1.5);
        low -= size;
        rects[k]!.push(x, low, 2, size);
      }
      const rest = scratch[OUTSIDE]! > scratch[WAITING]! ? OUTSIDE : WAITING;
      if (low > top + 1 && scratch[rest]! > 0) rects[rest]!.push(x, top + tall * 0.35, 2, Math.min(tall * 0.3, Math.max(low - top - tall * 0.35, 0)));
      time = to;
      row = upper(end, to, row, sums.last);
    }
    this.fillAll(rects);
    this.nested(g, y, height);
    if (row > 0) this.captions(g, top, tall);
  }

  /** The reason of a wait, or the place of a stop, in what is wide enough for it. */
  private captions(g: number, top: number, tall: number): void {
    const { trace, view, context } = this;
    const sums = trace.sumsOf(g);
    const wide = this.perPixel * 70;
    context.font = `10px ${this.theme.font}`;
    for (let row = sums.at(view.from), drawn = 0; row < sums.last && trace.begin[row]! < view.to && drawn < 40; ) {
      const from = Math.max(trace.begin[row]!, view.from);
      const to = Math.min(trace.end[row]!, view.to);
      if (to - from >= wide) {
        const k = trace.state[row]!;
        const reason = k === RUNNING ? "" : k === OUTSIDE ? "outside Go" : trace.reasons[trace.reason[row]!]!;
        const place = k === RUNNING ? null : trace.place(trace.stack[row]!);
        const text = [reason, place ? shortFunction(place.function) : ""].filter(Boolean).join(" · ");
        if (text) this.caption(text, this.x(from), this.x(to), top + tall / 2, k === WAITING || k === OUTSIDE ? this.theme.soft : "#fff");
        drawn++;
        row++;
      } else {
        // Nothing that begins in the next stretch of this width has room before its end.
        row = Math.max(row + 1, upper(trace.end, trace.begin[row]! + wide / 4, row, sums.last));
      }
    }
  }

  private caption(text: string, left: number, right: number, middle: number, colour: string): void {
    const { context } = this;
    const room = right - left - 8;
    if (room < 12) return;
    const shown = fitted(visible(text), room / 5.6);
    const width = Math.min(context.measureText(shown).width, room);
    if (colour === this.theme.soft) {
      context.fillStyle = this.theme.back;
      context.fillRect(left + 3, middle - 6, width + 3, 12);
    }
    context.fillStyle = colour;
    context.fillText(shown, left + 4, middle + 0.5, room);
  }

  /** Regions as lines below a goroutine's states, its CPU samples as ticks on top, its logs as marks. */
  private nested(g: number, y: number, height: number): void {
    const { trace, view, context } = this;
    context.fillStyle = this.theme.region;
    let drawn = 0;
    let until = -1;
    for (const row of trace.regionsOf.of(g)) {
      if (trace.regions.end[row]! < view.from || trace.regions.begin[row]! > view.to) continue;
      const left = Math.max(this.x(trace.regions.begin[row]!), LABELS);
      const right = this.x(Math.min(trace.regions.end[row]!, view.to));
      if (right < until + 0.5) continue;
      until = Math.max(right, left + 1);
      context.fillRect(left, y + height - 3, Math.max(right - left - 0.5, 1), 2);
      if (drawn++ > 3000) break;
    }
    const samples = trace.samplesOf.of(g);
    if (samples.length > 0) this.samples(Float64Array.from(samples, (sample) => trace.sampleTime[sample]!), y, 4);
    context.fillStyle = this.theme.log;
    let last = -10;
    for (const row of trace.logsOf.of(g)) {
      const x = this.x(trace.logTime[row]!);
      if (x < LABELS || x > this.width || x - last < 2) continue;
      this.mark(x, y + 4);
      last = x;
    }
  }

  /** CPU samples, each a tick; one for each pixel at most. */
  private samples(times: Float64Array, y: number, height: number): void {
    const { context } = this;
    context.fillStyle = this.theme.sample;
    let i = upper(times, this.view.from - 1, 0, times.length);
    while (i < times.length && times[i]! <= this.view.to) {
      context.fillRect(Math.round(this.x(times[i]!)), y, 1, height);
      i = upper(times, times[i]! + this.perPixel, i, times.length);
    }
  }

  private mark(x: number, y: number): void {
    const { context } = this;
    context.beginPath();
    context.moveTo(x, y + 4);
    context.lineTo(x - 3.5, y - 2);
    context.lineTo(x + 3.5, y - 2);
    context.fill();
  }

  private fillAll(rects: readonly number[][]): void {
    const { context, theme } = this;
    rects.forEach((list, k) => {
      if (list.length === 0) return;
      context.fillStyle = theme.states[k]!;
      for (let i = 0; i < list.length; i += 4) context.fillRect(list[i]!, list[i + 1]!, list[i + 2]!, list[i + 3]!);
    });
  }

  private proc(at: number, y: number, height: number): void {
    const { trace } = this;
    this.spans(trace, trace.onProc.of(at), y + 2, height - 4, (row) => this.groupColour(trace.groupOf[trace.owner[row]!]!), (row) => shortName(trace.name(trace.owner[row]!)));
  }

  /** Tasks of one line, their regions in lines below them, and their logs as marks. */
  private tasks(rows: Uint32Array, regions: readonly Uint32Array[], y: number, height: number): void {
    const { trace, context } = this;
    const below = regions.length * REGIONS;
    this.spans(trace.tasks, rows, y + 3, height - 6 - below, () => this.theme.task, (row) => trace.tasks.text("name", row));
    regions.forEach((line, i) => this.spans(trace.regions, line, y + height - 3 - below + i * REGIONS + 1, REGIONS - 2, () => this.theme.region, (row) => trace.regions.text("name", row)));
    // Logs of the tasks on this line.
    context.fillStyle = this.theme.log;
    if (trace.logs.rows === 0 || trace.logs.rows > 20_000) return;
    const ids = this.idsOf(rows);
    let last = -10;
    for (let i = 0; i < trace.logs.rows; i++) {
      const x = this.x(trace.logTime[i]!);
      if (x < LABELS || x > this.width || x - last < 2 || !ids.includes(trace.logs.number("task", i))) continue;
      this.mark(x, y + 4);
      last = x;
    }
  }

  private idsOf(rows: Uint32Array): number[] {
    const key = `${rows[0]}`;
    let found = this.sets.get(key);
    if (!found) this.sets.set(key, (found = Array.from(rows, (row) => this.trace.tasks.number("task", row))));
    return found;
  }

  /** Spans of one line: in order, and not overlapping. */
  private spans(of: { begin: Float64Array; end: Float64Array }, rows: Uint32Array, y: number, height: number, colour: (row: number) => string, text: (row: number) => string): void {
    const { view, context } = this;
    const per = this.perPixel;
    let i = firstEnding(of.end, rows, view.from, 0);
    context.font = `11px ${this.theme.font}`;
    while (i < rows.length) {
      const row = rows[i]!;
      if (of.begin[row]! > view.to) break;
      const left = this.x(Math.max(of.begin[row]!, view.from));
      const right = this.x(Math.min(of.end[row]!, view.to));
      context.fillStyle = colour(row);
      if (right - left < 1) {
        context.fillRect(left, y, 1, height);
        i = Math.max(i + 1, firstEnding(of.end, rows, of.begin[row]! + per, i));
        continue;
      }
      context.fillRect(left, y, Math.max(right - left - (right - left > 3 ? 0.5 : 0), 1), height);
      if (right - left > 44) this.caption(text(row), left, right, y + height / 2, "#fff");
      i++;
    }
  }

  private group(group: number, y: number, height: number): void {
    this.stacked([group], [RUNNING, SYSCALL, RUNNABLE], y + 2, height - 4);
  }

  /** A text cut to so many pixels. */
  cut(text: string, room: number): string {
    const shown = visible(text);
    const width = this.context.measureText(shown).width;
    return width <= room ? shown : fitted(shown, (shown.length * room) / width - 1);
  }

  private counts(y: number, height: number): string {
    const groups = this.trace.groups.map((_, i) => i).filter((i) => this.trace.isProgram(this.trace.groups[i]!.members[0]!));
    const top = this.stacked(groups, [RUNNING, SYSCALL, RUNNABLE, WAITING], y + 3, height - 6);
    return `max ${count(Math.round(top))}`;
  }

  /** How many goroutines of some groups were in each state; returns the most in view. */
  private stacked(groups: readonly number[], states: readonly number[], y: number, height: number): number {
    const { bins, view } = this;
    if (!bins) return 0;
    const width = (bins.to - bins.from) / bins.n;
    const low = Math.max(Math.floor((view.from - bins.from) / width), 0);
    const high = Math.min(Math.ceil((view.to - bins.from) / width), bins.n);
    const sums = new Float32Array((high - low) * states.length);
    let most = 0;
    for (let bin = low; bin < high; bin++) {
      let all = 0;
      for (const group of groups) {
        const at = (group * bins.n + bin) * bins.kinds;
        for (let s = 0; s < states.length; s++) {
          const n = bins.sums[at + states[s]!]! / width;
          sums[(bin - low) * states.length + s]! += n;
          all += n;
        }
      }
      most = Math.max(most, all);
    }
    const rects = STATES.map((): number[] => []);
    for (let bin = low; bin < high; bin++) {
      const x = Math.max(this.whole(bins.from + bin * width), LABELS);
      const wide = Math.max(this.whole(bins.from + (bin + 1) * width) - x, 1 / this.ratio);
      let bottom = y + height;
      for (let s = 0; s < states.length; s++) {
        const tall = (sums[(bin - low) * states.length + s]! / (most || 1)) * height;
        if (tall < 0.2) continue;
        bottom -= tall;
        rects[states[s]!]!.push(x, bottom, wide, tall);
      }
    }
    this.fillAll(rects);
    return most;
  }

  /** The heap's size and goal at a time, in bytes; NaN where they are not known. */
  heapAt(time: number): [number, number] {
    const at = (series: { time: number[]; value: number[] }): number => series.value[upper(series.time, time, 0, series.time.length) - 1] ?? NaN;
    return [at(this.metrics), at(this.goal)];
  }

  private heap(y: number, height: number): string {
    const { context, theme } = this;
    const most = Math.max(1, ...[this.metrics, this.goal].map((series) => series.value.reduce((a, b) => Math.max(a, b < 1e15 ? b : 0), 0)));
    const draw = (series: { time: number[]; value: number[] }, filled: boolean): void => {
      if (series.time.length === 0) return;
      let i = Math.max(upper(series.time, this.view.from, 0, series.time.length) - 1, 0);
      const level = (value: number): number => y + height - 3 - Math.min(value / most, 1) * (height - 8);
      const left = Math.max(this.x(series.time[i]!), LABELS);
      context.beginPath();
      context.moveTo(left, filled ? y + height - 3 : level(series.value[i]!));
      let at = level(series.value[i]!);
      context.lineTo(left, at);
      let last = left;
      for (i++; i < series.time.length && series.time[i]! <= this.view.to; i++) {
        const x = this.x(series.time[i]!);
        const next = level(series.value[i]!);
        if (x - last < 0.5 && i + 1 < series.time.length) continue;
        context.lineTo(x, at);
        context.lineTo(x, next);
        at = next;
        last = x;
      }
      const right = this.x(Math.min(this.view.to, this.trace.total));
      context.lineTo(right, at);
      if (filled) {
        context.lineTo(right, y + height - 3);
        context.fillStyle = theme.heap;
        context.globalAlpha = 0.3;
        context.fill();
        context.globalAlpha = 1;
      }
      context.strokeStyle = filled ? theme.heap : theme.soft;
      context.setLineDash(filled ? [] : [3, 3]);
      context.stroke();
      context.setLineDash([]);
    };
    context.lineWidth = 1;
    draw(this.metrics, true);
    draw(this.goal, false);
    return `max ${bytes(most)}`;
  }

  /** Each collection's marking and each stop-the-world through all lanes. */
  bands(top: number): void {
    this.band(this.trace.marking, this.theme.gc, 0.09, top);
    this.band(this.trace.stw, this.theme.stw, 0.24, top);
  }

  /** What is narrower than a pixel is as much paler, so that many of them do not hide the lanes. */
  private band(rows: readonly number[], colour: string, alpha: number, top: number): void {
    const { context } = this;
    const { begin, end } = this.trace.ranges;
    context.fillStyle = colour;
    let last = -1;
    for (const row of rows) {
      if (end[row]! < this.view.from || begin[row]! > this.view.to) continue;
      const left = Math.max(this.x(begin[row]!), LABELS);
      const width = this.x(end[row]!) - left;
      if (left + Math.max(width, 1) < last + 1) continue;
      context.globalAlpha = alpha * Math.min(Math.max(width, 0.35), 1);
      context.fillRect(left, top, Math.max(width, 1), this.height - top);
      last = left + Math.max(width, 1);
    }
    context.globalAlpha = 1;
  }

  /** A moment through all lanes, with a word at its head; returns the stretch of the ruler it takes. */
  moment(time: number, text: string): readonly [number, number] | null {
    const { context, theme } = this;
    const x = Math.round(this.x(time));
    if (x < LABELS || x > this.width) return null;
    context.fillStyle = theme.states[RUNNABLE]!;
    context.fillRect(x - 1, 0, 2, this.height);
    context.font = `600 10px ${theme.font}`;
    const width = context.measureText(text).width + 8;
    const left = Math.min(x - 1, this.width - width);
    context.fillRect(left, 5, width, RULER - 10);
    context.fillStyle = "#000";
    context.fillText(text, left + 4, RULER / 2 + 0.5);
    return [left, left + width];
  }

  /** The ruler's ground, below all that is on it. */
  head(): void {
    this.context.fillStyle = this.theme.panel;
    this.context.fillRect(0, 0, this.width, RULER);
  }

  /** The ruler's ticks, and their times where nothing is in the way. */
  ruler(taken: readonly (readonly [number, number])[]): void {
    const { context, theme, view, step } = this;
    context.font = `11px ${theme.font}`;
    for (const tick of ticks(view, step)) {
      const x = Math.round(this.x(tick)) + 0.5;
      const text = moment(tick, step);
      const end = x + 8 + context.measureText(text).width;
      if (taken.some(([from, to]) => x < to && end > from)) continue;
      context.fillStyle = theme.soft;
      if (end - 4 <= this.width) context.fillText(text, x + 4, RULER / 2);
      context.fillStyle = theme.line;
      context.fillRect(x, 4, 1, RULER - 4);
    }
    context.fillRect(0, RULER - 1, this.width, 1);
  }

  grid(): void {
    const { context, theme } = this;
    context.fillStyle = theme.line;
    for (const tick of ticks(this.view, this.step)) context.fillRect(Math.round(this.x(tick)), RULER, 1, this.height);
  }
}

function firstEnding(end: Float64Array, rows: Uint32Array, time: number, low: number): number {
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (end[rows[middle]!]! <= time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A text cut to about so many characters. */
export function fitted(text: string, characters: number): string {
  const room = Math.max(Math.floor(characters), 1);
  return text.length <= room ? text : `${text.slice(0, Math.max(room - 1, 1))}…`;
}
