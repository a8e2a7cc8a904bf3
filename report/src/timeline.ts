// The timeline: lanes on a canvas, and what mouse and keyboard do with them.

import { byId, fill, h, name } from "./dom";
import { bytes, count, duration, moment, shortFunction, shortName } from "./format";
import { Fixed, lanesOf, REGIONS, type Lane } from "./lanes";
import { RUNNING, STATES, Trace, WAITING } from "./model";
import { LABELS, Painter, RULER, type Theme } from "./paint";
import { clamped, panned, zoomed, type View } from "./scale";

/** What is selected: a goroutine, a row of its states, a task, a stretch of time. */
export interface Selection {
  g?: number;
  row?: number;
  task?: number;
  stretch?: readonly [number, number];
}

type Hit = { lane: Lane; time: number; row?: number; task?: number; region?: number; range?: number; sample?: number; g?: number };

/** A moment that is marked through all lanes, with a word. */
export interface Mark {
  readonly time: number;
  readonly text: string;
}

export class Timeline {
  view: View;
  selection: Selection = {};
  readonly open = new Set(["pinned", "overview", "procs", "tasks", "threads", "goroutines"]);
  pinned: number[] = [];
  filter = "";
  marks: readonly Mark[] = [];
  onchange: () => void = () => {};
  onselect: () => void = () => {};
  private lanes: Lane[] = [];
  private readonly fixed: Fixed;
  private readonly painter: Painter;
  private readonly canvas = byId<HTMLCanvasElement>("lanes");
  private readonly scroller = byId("scroller");
  private readonly spacer = byId("spacer");
  private readonly tip = byId("tip");
  private readonly spoken = byId("spoken");
  private waiting = false;
  private settle = 0;
  private focused = "";
  private hover: Hit | null = null;
  private drag: { x: number; y: number; from: View; top: number; select: boolean; moved: boolean } | null = null;
  private pointer = { x: 0, y: 0 };
  private readonly shortest = 100;

  constructor(readonly trace: Trace) {
    this.view = { from: 0, to: trace.total };
    this.fixed = new Fixed(trace);
    if (trace.tasks.n > 0 && this.fixed.tasks.reduce((n, { lines }) => lines.reduce((sum, { regions }) => sum + 1 + regions.length, n), 0) > 60) this.open.delete("tasks");
    const groups = trace.groups.filter((group) => group.kind === "program" && group.members.length > 1 && group.members.length <= 12);
    for (const group of groups.slice(0, 4)) this.open.add(`group${trace.groups.indexOf(group)}`);
    this.painter = new Painter(trace, this.canvas.getContext("2d")!, theme());
    this.arrange();
    new ResizeObserver(() => this.draw()).observe(this.scroller);
    for (const media of [DARK, "print"]) {
      matchMedia(media).addEventListener("change", () => {
        this.painter.theme = theme();
        // Paper does not wait for the next frame.
        this.paint();
      });
    }
    this.listen();
  }

  /** Draw with the next frame. */
  draw(): void {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.paint();
    });
  }

  /** Make the lanes anew. */
  arrange(): void {
    const { lanes, height } = lanesOf(this.trace, this.fixed, { open: this.open, pinned: this.pinned, filter: this.filter });
    this.lanes = lanes;
    this.spacer.style.height = `${height + RULER + 4}px`;
    this.draw();
  }

  show(from: number, to: number): void {
    this.view = clamped(from, to, this.trace.total, this.shortest);
    this.changed();
  }

  /** Show a stretch with some time around it. */
  around(from: number, to: number): void {
    const room = Math.max((to - from) * 0.6, 2000);
    this.show(from - room, to + room);
    this.bringIntoView();
  }

  select(selection: Selection): void {
    this.selection = selection;
    this.onselect();
    this.changed();
  }

  /** Open where a goroutine is, and scroll to it. */
  reveal(g: number): void {
    const group = this.trace.groups[this.trace.groupOf[g]!]!;
    this.open.add(group.kind === "thread" ? "threads" : group.kind === "program" || group.kind === "unknown" ? "goroutines" : "runtime");
    this.open.add(`group${this.trace.groupOf[g]!}`);
    this.arrange();
    const lane = this.laneOf(g);
    if (lane) this.scrollTo(lane);
    this.bringIntoView();
  }

  /** Scroll the page, if it must be, so that the timeline is in its window. */
  private bringIntoView(): void {
    this.scroller.scrollIntoView({ block: "nearest" });
  }

  revealTask(row: number): void {
    this.open.add("tasks");
    this.arrange();
    const lane = this.lanes.find((found) => found.kind === "tasks" && found.rows.includes(row));
    if (lane) this.scrollTo(lane);
  }

  pin(g: number): void {
    this.pinOnly(this.pinned.includes(g) ? this.pinned.filter((other) => other !== g) : [...this.pinned, g]);
  }

  /** Pin these goroutines and no others. */
  pinOnly(pinned: readonly number[]): void {
    this.pinned = [...pinned];
    byId("unpin").hidden = pinned.length === 0;
    this.arrange();
    this.onchange();
  }

  private scrollTo(lane: Lane): void {
    const top = this.scroller.scrollTop;
    const room = this.scroller.clientHeight - RULER;
    if (lane.y < top || lane.y + lane.height > top + room) this.scroller.scrollTop = Math.max(lane.y - room / 2, 0);
    this.focused = lane.id;
  }

  private changed(): void {
    this.onchange();
    this.draw();
  }

  /** The lane a goroutine is on, or its group's. */
  private laneOf(g: number): Lane | undefined {
    return this.lanes.find((lane) => lane.kind === "goroutine" && lane.g === g) ?? this.lanes.find((lane) => lane.kind === "group" && lane.group === this.trace.groupOf[g]);
  }

  private paint(): void {
    const width = this.scroller.clientWidth;
    const height = this.scroller.clientHeight;
    if (width < 50 || height < 50) return;
    const ratio = devicePixelRatio || 1;
    const { canvas, painter } = this;
    const context = painter.context;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
      // The lanes' room begins where the canvas does, which stays while that is scrolled.
      canvas.style.marginBottom = `${-height}px`;
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    painter.ratio = ratio;
    painter.width = width;
    painter.height = height;
    painter.view = this.view;
    const now = performance.now();
    painter.prepare(now - this.settle > 120);
    clearTimeout(this.late);
    if (now - this.settle <= 120) this.late = setTimeout(() => this.draw(), 140);
    const colours = painter.theme;
    context.textBaseline = "middle";
    context.fillStyle = colours.back;
    context.fillRect(0, 0, width, height);
    painter.grid();
    const top = this.scroller.scrollTop;
    for (const lane of this.lanes) {
      const y = lane.y - top + RULER;
      if (y + lane.height < RULER) continue;
      if (y > height) break;
      const chosen = lane.kind === "goroutine" && lane.g === this.selection.g;
      if (chosen || (lane.id === this.focused && document.activeElement === this.scroller)) {
        context.globalAlpha = chosen ? 0.14 : 0.08;
        context.fillStyle = colours.accent;
        context.fillRect(0, y, width, lane.height);
        context.globalAlpha = 1;
      }
      if (lane.kind === "section") {
        context.fillStyle = colours.panel;
        context.fillRect(0, y, width, lane.height);
      }
      context.save();
      context.beginPath();
      context.rect(LABELS, y, width - LABELS, lane.height);
      context.clip();
      const beside = painter.lane(lane, y) ?? (lane.kind === "group" ? `× ${count(lane.members)}` : undefined);
      context.restore();
      this.label(lane, y);
      if (beside) {
        context.font = `10px ${colours.font}`;
        context.fillStyle = colours.soft;
        context.textAlign = "right";
        context.fillText(beside, LABELS - 8, y + (lane.kind === "group" ? lane.height / 2 : 12));
        context.textAlign = "left";
      }
    }
    context.save();
    context.beginPath();
    context.rect(LABELS, RULER, width - LABELS, height);
    context.clip();
    painter.bands(RULER);
    this.arrows();
    this.stretch();
    context.restore();
    painter.head();
    painter.ruler(this.marks.map((mark) => painter.moment(mark.time, mark.text)).filter((taken) => taken !== null));
    context.fillStyle = colours.line;
    context.fillRect(LABELS - 1, 0, 1, height);
    context.fillStyle = colours.soft;
    context.font = `11px ${colours.font}`;
    context.fillText(`${duration(this.view.to - this.view.from)} in view`, 10, RULER / 2);
    if (!document.documentElement.dataset["painted"]) {
      document.documentElement.dataset["painted"] = String(Math.round(performance.now()));
      performance.mark("timeline-painted");
    }
  }
  private late: ReturnType<typeof setTimeout> | undefined;

  private label(lane: Lane, y: number): void {
    const { context, theme: colours } = this.painter;
    const group = lane.kind === "section" || lane.kind === "group";
    const indent = lane.kind === "goroutine" && lane.indent ? 26 : lane.kind === "section" ? 8 : lane.kind === "group" ? 14 : 14;
    context.save();
    context.beginPath();
    const room = LABELS - (lane.kind === "counts" || lane.kind === "heap" ? 62 : lane.kind === "group" ? 46 : 4);
    context.rect(0, y, room, lane.height);
    context.clip();
    context.font = `${lane.kind === "section" ? "600 " : ""}12px ${colours.font}`;
    context.fillStyle = lane.kind === "goroutine" ? colours.soft : colours.text;
    let x = indent;
    if (group) {
      context.fillText(this.open.has(lane.id) ? "▾" : "▸", x, y + lane.height / 2);
      x += 14;
    }
    const text = lane.kind === "goroutine" ? shortName(lane.label).replace(" Python thread ", " ") : lane.kind === "group" ? lane.called : lane.label;
    context.fillText(this.painter.cut(text, room - x), x, y + (lane.kind === "counts" || lane.kind === "heap" || lane.kind === "tasks" ? 12 : lane.height / 2));
    context.restore();
  }

  private stretch(): void {
    const found = this.selection.stretch;
    const row = this.selection.row;
    const { context, theme: colours, height } = this.painter;
    if (row !== undefined && this.selection.g !== undefined) {
      const lane = this.laneOf(this.selection.g);
      if (lane?.kind === "goroutine") {
        const left = Math.max(this.painter.x(this.trace.begin[row]!), LABELS);
        const y = lane.y - this.scroller.scrollTop + RULER;
        context.strokeStyle = colours.text;
        context.lineWidth = 1.5;
        context.strokeRect(left, y + 1.5, Math.max(this.painter.x(this.trace.end[row]!) - left, 2), lane.height - 3);
      }
    }
    if (!found) return;
    const left = this.painter.x(found[0]);
    const right = this.painter.x(found[1]);
    context.fillStyle = colours.accent;
    context.globalAlpha = 0.16;
    context.fillRect(left, RULER, right - left, height);
    context.globalAlpha = 1;
    context.fillRect(left, RULER, 1, height);
    context.fillRect(right, RULER, 1, height);
  }

  /** Who woke whom: of the selected goroutine, or of the wait under the pointer. */
  private arrows(): void {
    const { trace, view } = this;
    const wakes: number[] = [];
    if (this.selection.g !== undefined) {
      for (const list of [trace.wakesOf.of(this.selection.g), trace.wakesBy.of(this.selection.g)]) {
        for (const wake of list) {
          if (trace.wakeTime[wake]! < view.from || trace.wakeTime[wake]! > view.to) continue;
          if (wakes.push(wake) > 200) return;
        }
      }
    }
    if (this.hover?.row !== undefined && this.hover.g !== undefined) {
      const wake = this.wakeOf(this.hover.row);
      if (wake !== undefined) wakes.push(wake);
    }
    const { context, theme: colours } = this.painter;
    context.lineWidth = 1.2;
    context.strokeStyle = context.fillStyle = colours.accent;
    const middle = (g: number): number | undefined => {
      const lane = this.laneOf(g);
      return lane && lane.y - this.scroller.scrollTop + RULER + lane.height / 2;
    };
    for (const wake of wakes) {
      const x = this.painter.x(trace.wakeTime[wake]!);
      const to = trace.woken[wake]! < 0 ? undefined : middle(trace.woken[wake]!);
      const from = trace.waker[wake]! < 0 ? (to ?? 0) - 16 : middle(trace.waker[wake]!);
      if (to === undefined || from === undefined || from === to) continue;
      const sign = Math.sign(to - from);
      const bow = Math.min(14, Math.abs(to - from) / 2);
      context.beginPath();
      context.moveTo(x, from);
      context.bezierCurveTo(x - bow, from + sign * bow, x - bow, to - sign * bow, x, to - sign * 5);
      context.stroke();
      context.beginPath();
      context.moveTo(x, to - sign * 2);
      context.lineTo(x - 4, to - sign * 9);
      context.lineTo(x + 3, to - sign * 8);
      context.fill();
    }
  }

  /** What ended a wait. */
  wakeOf(row: number): number | undefined {
    const { trace } = this;
    if (trace.state[row] !== WAITING) return undefined;
    const list = trace.wakesOf.of(trace.owner[row]!);
    let low = 0;
    let high = list.length;
    while (low < high) {
      const at = (low + high) >>> 1;
      if (trace.wakeTime[list[at]!]! < trace.end[row]! - 1) low = at + 1;
      else high = at;
    }
    return low < list.length && Math.abs(trace.wakeTime[list[low]!]! - trace.end[row]!) <= 1 ? list[low] : undefined;
  }

  private hit(x: number, y: number): Hit | null {
    const at = y - RULER + this.scroller.scrollTop;
    if (y < RULER) return null;
    const lane = this.lanes.find((found) => at >= found.y && at < found.y + found.height);
    if (!lane) return null;
    if (x < LABELS) return { lane, time: this.view.from, ...(lane.kind === "goroutine" ? { g: lane.g } : {}) };
    return this.inLane(lane, this.painter.time(x), lane.y + lane.height - at);
  }

  /** What is in a lane at a time, so far above its lower edge. */
  private inLane(lane: Lane, time: number, above = lane.height): Hit {
    const { trace, painter } = this;
    const hit: Hit = { lane, time, ...(lane.kind === "goroutine" ? { g: lane.g } : {}) };
    const slack = (this.view.to - this.view.from) / Math.max(painter.width - LABELS, 1);
    const under = (of: { begin: Float64Array; end: Float64Array }, rows: Uint32Array): number | undefined => {
      let best: number | undefined;
      for (const row of rows) {
        if (of.begin[row]! - 2 * slack > time) break;
        if (of.end[row]! + 2 * slack >= time) best = row;
      }
      return best;
    };
    if (lane.kind === "goroutine") {
      const row = trace.rowAt(lane.g, time);
      if (row >= 0) hit.row = row;
    } else if (lane.kind === "proc") {
      const row = under(trace, trace.onProc.of(lane.at));
      if (row !== undefined) [hit.row, hit.g] = [row, trace.owner[row]!];
    } else if (lane.kind === "tasks") {
      const line = lane.regions[lane.regions.length - Math.max(Math.ceil((above - 3) / REGIONS), 1)];
      const region = line && under(trace.regions, line);
      const row = under(trace.tasks, lane.rows);
      if (region !== undefined) hit.region = region;
      else if (row !== undefined) hit.task = row;
    } else if (lane.kind === "ranges") {
      const row = under(trace.ranges, lane.rows);
      if (row !== undefined) hit.range = row;
    }
    if (lane.kind === "samples" || lane.kind === "goroutine") {
      const sample = trace.sampleNear(time, 3 * slack, lane.kind === "goroutine" ? lane.g : undefined);
      if (sample !== undefined) {
        hit.sample = sample;
        if (lane.kind === "samples" && trace.sampled[sample]! >= 0) hit.g = trace.sampled[sample]!;
      }
    }
    return hit;
  }

  /** What a place says, in words: its heading and lines. */
  private describe(hit: Hit): string[] {
    const { trace } = this;
    const at = `at ${moment(hit.time, this.painter.step / 10)}`;
    if (hit.row !== undefined) {
      const row = hit.row;
      const lines = [
        trace.name(trace.owner[row]!),
        `${trace.stateText(row)} for ${duration(trace.end[row]! - trace.begin[row]!)}, ${at}`,
      ];
      const frames = trace.frames(trace.stack[row]!);
      if (frames.length > 0 && trace.state[row] === RUNNING) lines.push("It was stopped at:");
      lines.push(...this.stackLines(frames, 6));
      if (hit.sample !== undefined) lines.push("CPU sample:", ...this.stackLines(trace.frames(trace.sampleStack[hit.sample]!), 6));
      const wake = this.wakeOf(row);
      if (wake !== undefined) {
        const waker = trace.waker[wake]!;
        lines.push(waker >= 0 ? `Woken by ${shortName(trace.name(waker))}` : "Woken by a timer or the network poller");
      }
      for (const region of trace.regionsOf.of(trace.owner[row]!)) {
        if (trace.regions.begin[region]! <= hit.time && trace.regions.end[region]! >= hit.time) lines.push(`In region ${trace.regions.text("name", region)}`);
      }
      return lines;
    }
    if (hit.region !== undefined) {
      const g = trace.indexOf.get(trace.regions.number("goroutine", hit.region));
      const lines = [`Region ${trace.regions.text("name", hit.region)}`, `${duration(trace.regions.end[hit.region]! - trace.regions.begin[hit.region]!)}${trace.regions.value("goes_on", hit.region) === true ? ", still going on" : ""}, in task ${trace.regions.text("task", hit.region)}`];
      if (g !== undefined) lines.push(`On ${shortName(trace.name(g))}`);
      return lines;
    }
    if (hit.task !== undefined) {
      const id = trace.tasks.number("task", hit.task);
      const lines = [`Task ${id} ${trace.tasks.text("name", hit.task)}`, `${duration(trace.tasks.end[hit.task]! - trace.tasks.begin[hit.task]!)}${trace.tasks.value("goes_on", hit.task) === true ? ", still going on" : ""}`];
      for (const line of hit.lane.kind === "tasks" ? hit.lane.regions : []) {
        for (const region of line) {
          if (trace.regions.begin[region]! > hit.time) break;
          if (trace.regions.end[region]! >= hit.time && trace.regions.number("task", region) === id) lines.push(`In region ${trace.regions.text("name", region)}`);
        }
      }
      const near = ((this.view.to - this.view.from) / 200) * 1.5;
      for (let i = 0; i < trace.logs.rows && lines.length < 8; i++) {
        if (trace.logs.number("task", i) === id && Math.abs(trace.logTime[i]! - hit.time) < near) lines.push(`${trace.logs.text("category", i)}: ${trace.logs.text("message", i)}`);
      }
      return lines;
    }
    if (hit.range !== undefined) return [trace.ranges.text("name", hit.range), duration(trace.ranges.end[hit.range]! - trace.ranges.begin[hit.range]!)];
    if (hit.sample !== undefined) return [hit.g === undefined ? "CPU sample" : trace.name(hit.g), `CPU sample, at ${moment(trace.sampleTime[hit.sample]!, this.painter.step / 10)}`, ...this.stackLines(trace.frames(trace.sampleStack[hit.sample]!), 12)];
    if (hit.lane.kind === "section") return [];
    if (hit.lane.kind === "counts") return [`${hit.lane.label} ${at}`, ...trace.countsAt(hit.time).flatMap((n, k) => (n > 0 ? [`${count(n)} ${STATES[k]}`] : []))];
    if (hit.lane.kind === "heap") {
      const [size, goal] = this.painter.heapAt(hit.time);
      return [`${hit.lane.label} ${at}`, `${bytes(size)} in use${Number.isNaN(goal) ? "" : `, collected at ${bytes(goal)}`}`];
    }
    return hit.g !== undefined ? [trace.name(hit.g)] : [hit.lane.label, at];
  }

  private stackLines(frames: Int32Array, most: number): string[] {
    const shown = [...frames.subarray(0, most)].map((id) => this.trace.frame(id));
    const lines = shown.map((frame) => `  ${shortFunction(frame.function)}:${frame.line}`);
    return frames.length > most ? [...lines, `  … ${frames.length - most} more`] : lines;
  }

  private listen(): void {
    const { scroller, canvas } = this;
    scroller.addEventListener("scroll", () => this.draw(), { passive: true });
    scroller.addEventListener("focus", () => this.draw());
    scroller.addEventListener("blur", () => this.draw());
    scroller.addEventListener(
      "wheel",
      (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey) {
          event.preventDefault();
          this.zoom(1.0022 ** event.deltaY, this.painter.time(event.clientX - canvas.getBoundingClientRect().left));
        } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
          event.preventDefault();
          this.pan(((event.deltaX || event.deltaY) / (this.painter.width - LABELS)) * (this.view.to - this.view.from));
        }
      },
      { passive: false },
    );
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      const [x, y] = this.at(event);
      this.drag = { x, y, from: this.view, top: scroller.scrollTop, select: event.shiftKey || y < RULER, moved: false };
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      const [x, y] = this.at(event);
      this.pointer = { x: event.clientX, y: event.clientY };
      const drag = this.drag;
      if (!drag) return this.over(x, y);
      if (!drag.moved && Math.hypot(x - drag.x, y - drag.y) < 4) return;
      drag.moved = true;
      this.tip.hidden = true;
      if (drag.select) {
        const times = [this.painter.time(Math.max(drag.x, LABELS)), this.painter.time(Math.max(x, LABELS))].sort((a, b) => a - b);
        this.selection = { stretch: [Math.max(times[0]!, 0), Math.min(times[1]!, this.trace.total)] };
        this.draw();
      } else {
        this.settle = performance.now();
        this.view = panned(drag.from, ((drag.x - x) / (this.painter.width - LABELS)) * (drag.from.to - drag.from.from), this.trace.total);
        scroller.scrollTop = drag.top + drag.y - y;
        this.draw();
      }
    });
    canvas.addEventListener("pointerup", (event) => {
      const drag = this.drag;
      this.drag = null;
      const [x, y] = this.at(event);
      if (drag?.moved) {
        if (drag.select) this.onselect();
        this.changed();
      } else this.click(x, y);
    });
    canvas.addEventListener("pointerleave", () => {
      this.tip.hidden = true;
      this.hover = null;
      this.draw();
    });
    canvas.addEventListener("dblclick", (event) => {
      const [x, y] = this.at(event);
      const hit = this.hit(x, y);
      if (hit?.row !== undefined) this.around(this.trace.begin[hit.row]!, this.trace.end[hit.row]!);
      else if (hit?.region !== undefined) this.around(this.trace.regions.begin[hit.region]!, this.trace.regions.end[hit.region]!);
      else if (hit?.task !== undefined) this.around(this.trace.tasks.begin[hit.task]!, this.trace.tasks.end[hit.task]!);
    });
    scroller.addEventListener("keydown", (event) => {
      if (!event.ctrlKey && !event.metaKey && !event.altKey && this.key(event.key)) event.preventDefault();
    });
  }

  private at(event: PointerEvent | MouseEvent): [number, number] {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  private over(x: number, y: number): void {
    const before = this.hover?.row;
    this.hover = this.hit(x, y);
    const lines = this.hover ? this.describe(this.hover) : [];
    this.canvas.style.cursor = y < RULER ? "col-resize" : x < LABELS ? "pointer" : "default";
    this.tip.hidden = lines.length === 0;
    if (lines.length > 0) {
      fill(this.tip, ...lines.map((line, i) => h("div", { class: i === 0 ? "head" : line.startsWith("  ") ? "frame" : "" }, name(line.trim()))));
      const left = Math.min(this.pointer.x + 14, innerWidth - this.tip.offsetWidth - 8);
      const below = this.pointer.y + 16 + this.tip.offsetHeight < innerHeight;
      this.tip.style.left = `${Math.max(left, 4)}px`;
      this.tip.style.top = `${below ? this.pointer.y + 16 : Math.max(this.pointer.y - this.tip.offsetHeight - 10, 4)}px`;
    }
    if (before !== this.hover?.row) this.draw();
  }

  private click(x: number, y: number): void {
    const hit = this.hit(x, y);
    if (!hit) return this.select({});
    this.focused = hit.lane.id;
    if ((hit.lane.kind === "section" || hit.lane.kind === "group") && (x < LABELS || hit.lane.kind === "section")) return this.toggle(hit.lane.id);
    this.choose(hit);
  }

  private choose(hit: Hit): void {
    if (hit.task !== undefined) this.select({ task: hit.task });
    else if (hit.region !== undefined) {
      const g = this.trace.indexOf.get(this.trace.regions.number("goroutine", hit.region));
      this.select({ ...(g !== undefined ? { g } : {}), stretch: [this.trace.regions.begin[hit.region]!, this.trace.regions.end[hit.region]!] });
    } else if (hit.range !== undefined) this.select({ stretch: [this.trace.ranges.begin[hit.range]!, this.trace.ranges.end[hit.range]!] });
    else if (hit.g !== undefined) {
      const row = hit.row ?? (hit.sample === undefined ? -1 : this.trace.rowAt(hit.g, this.trace.sampleTime[hit.sample]!));
      this.select({ g: hit.g, ...(row >= 0 ? { row } : {}) });
    }
    else this.select({});
  }

  toggle(id: string): void {
    if (!this.open.delete(id)) this.open.add(id);
    this.arrange();
  }

  zoom(factor: number, at = (this.view.from + this.view.to) / 2): void {
    this.settle = performance.now();
    this.view = zoomed(this.view, factor, at, this.trace.total, this.shortest);
    this.changed();
  }

  pan(by: number): void {
    this.settle = performance.now();
    this.view = panned(this.view, by, this.trace.total);
    this.changed();
  }

  /** A key on the timeline; false if it means nothing. */
  private key(key: string): boolean {
    const width = this.view.to - this.view.from;
    const lane = this.lanes.find((found) => found.id === this.focused);
    switch (key) {
      case "ArrowLeft":
      case "a":
        this.pan(-width / 5);
        return true;
      case "ArrowRight":
      case "d":
        this.pan(width / 5);
        return true;
      case "+":
      case "=":
      case "w":
        this.zoom(0.6);
        return true;
      case "-":
      case "s":
        this.zoom(1 / 0.6);
        return true;
      case "0":
      case "Home":
        this.show(0, this.trace.total);
        return true;
      case "ArrowDown":
      case "ArrowUp": {
        const at = lane ? this.lanes.indexOf(lane) + (key === "ArrowDown" ? 1 : -1) : 0;
        const next = this.lanes[Math.min(Math.max(at, 0), this.lanes.length - 1)];
        if (!next) return true;
        this.scrollTo(next);
        this.speak(next.kind === "section" || next.kind === "group" ? `${next.label}, ${this.open.has(next.id) ? "open" : "closed"}` : next.label || "more of the same");
        this.draw();
        return true;
      }
      case "Enter":
        if (!lane) return false;
        if (lane.kind === "section" || lane.kind === "group") {
          this.toggle(lane.id);
          this.speak(`${lane.label}, ${this.open.has(lane.id) ? "open" : "closed"}`);
        } else if (lane.kind === "goroutine") this.step(lane.g, 0);
        else this.speak(this.describe(this.inLane(lane, (this.view.from + this.view.to) / 2)).join(". "));
        return true;
      case "[":
      case "]":
        if (lane?.kind !== "goroutine") return false;
        this.step(lane.g, key === "]" ? 1 : -1);
        return true;
      case "p":
        if (lane?.kind === "goroutine") this.pin(lane.g);
        return lane?.kind === "goroutine";
      case "z":
        if (this.selection.row !== undefined) this.around(this.trace.begin[this.selection.row]!, this.trace.end[this.selection.row]!);
        else if (this.selection.stretch) this.around(...this.selection.stretch);
        return true;
      case "Escape":
        this.select({});
        return true;
    }
    return false;
  }

  /** Select the state before or after the selected one, and say what it is. */
  private step(g: number, by: number): void {
    const { trace } = this;
    const now = this.selection.g === g ? this.selection.row : undefined;
    const row = now === undefined ? trace.rowAt(g, (this.view.from + this.view.to) / 2) : now + by;
    if (row < trace.first[g]! || row >= trace.first[g + 1]!) return this.speak("There is no other.");
    this.select({ g, row });
    const [from, to] = [trace.begin[row]!, trace.end[row]!];
    if (to < this.view.from || from > this.view.to) {
      const half = (this.view.to - this.view.from) / 2;
      this.show((from + to) / 2 - half, (from + to) / 2 + half);
    }
    this.speak(this.describe({ lane: this.lanes[0]!, time: from, row, g }).join(". "));
  }

  private speak(text: string): void {
    fill(this.spoken, text);
  }
}

const DARK = "screen and (prefers-color-scheme: dark)";

function theme(): Theme {
  const style = getComputedStyle(document.documentElement);
  const colour = (called: string): string => style.getPropertyValue(`--${called}`).trim();
  return {
    dark: matchMedia(DARK).matches,
    font: getComputedStyle(document.body).fontFamily,
    text: colour("text"),
    soft: colour("soft"),
    line: colour("line"),
    panel: colour("panel"),
    back: colour("back"),
    accent: colour("accent"),
    stw: colour("stw"),
    gc: colour("gc"),
    heap: colour("heap"),
    task: colour("task"),
    region: colour("region"),
    log: colour("log"),
    sample: colour("sample"),
    states: [colour("running"), colour("syscall"), colour("runnable"), colour("waiting"), colour("undetermined"), colour("outside")],
  };
}
