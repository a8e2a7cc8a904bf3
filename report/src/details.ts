// What is selected, in full: a state with its stack and wake-ups, a task, or the sums of a stretch.

import { fill, h, name } from "./dom";
import { baseName, duration, moment, percent, plural, shortFunction, shortName } from "./format";
import { flame } from "./flame";
import { OUTSIDE, RUNNING, STATES, Trace } from "./model";
import type { Timeline } from "./timeline";

function samplesText(n: number): string {
  return plural(n, "sample");
}

export class Details {
  private weighed: string | undefined;
  constructor(
    private readonly trace: Trace,
    private readonly timeline: Timeline,
    private readonly panel: HTMLElement,
  ) {}

  show(): void {
    const { g, row, task, stretch } = this.timeline.selection;
    if (stretch) this.stretch(stretch[0], stretch[1], g);
    else if (row !== undefined) this.state(row);
    else if (task !== undefined) this.task(task);
    else if (g !== undefined) this.goroutine(g);
    else fill(this.panel, h("p", { class: "soft empty-selection" }, "Click a bar to see its state, stack and wake-ups. Drag along the ruler, or with Shift, to select a stretch of time and see where it went."));
  }

  private link(g: number, time?: number): HTMLElement {
    const { trace, timeline } = this;
    const go = (): void => {
      timeline.reveal(g);
      const row = time === undefined ? -1 : trace.rowAt(g, time);
      timeline.select({ g, ...(row >= 0 ? { row } : {}) });
    };
    return h("button", { type: "button", class: "link", onclick: go }, name(shortName(trace.name(g))));
  }

  private stack(stack: number): HTMLElement {
    const frames = [...this.trace.frames(stack)].map((id) => this.trace.frame(id));
    if (frames.length === 0) return h("p", { class: "soft" }, "The trace has no stack here.");
    return h("ol", { class: "stack" }, ...frames.map((frame) => h("li", { class: frame.program ? "own" : "" }, name(frame.function), " ", h("span", { class: "soft", title: `${frame.file}:${frame.line}` }, name(`${baseName(frame.file)}:${frame.line}`)))));
  }

  private state(row: number): void {
    const { trace, timeline } = this;
    const g = trace.owner[row]!;
    const wake = timeline.wakeOf(row);
    const waker = wake === undefined ? -1 : trace.waker[wake]!;
    const facts = h("div", {}, h("h3", {}, name(trace.stateText(row)), ` for ${duration(trace.end[row]! - trace.begin[row]!)}`), h("p", {}, this.link(g), ` from ${moment(trace.begin[row]!, 100)} to ${moment(trace.end[row]!, 100)}`));
    if (wake !== undefined) {
      facts.append(h("p", {}, "Woken by ", waker >= 0 ? this.link(waker, trace.wakeTime[wake]!) : "a timer or the network poller", waker >= 0 ? ", at:" : ""));
      if (waker >= 0) facts.append(this.stack(trace.wakeStack[wake]!));
    }
    facts.append(
      h(
        "p",
        { class: "buttons" },
        h("button", { type: "button", onclick: () => timeline.around(trace.begin[row]!, trace.end[row]!) }, "Zoom to it"),
        h("button", { type: "button", onclick: () => timeline.pin(g) }, timeline.pinned.includes(g) ? "Unpin" : "Pin"),
        h("button", { type: "button", onclick: () => timeline.select({ g, stretch: [trace.begin[trace.first[g]!]!, trace.end[trace.first[g + 1]! - 1]!] }) }, "Where its time went"),
      ),
    );
    const beside = h("div", {}, h("h3", {}, trace.state[row] === RUNNING ? "Stopped at" : "Stack"), this.stack(trace.stack[row]!));
    const samples = this.samples(trace.begin[row]!, trace.end[row]!, g);
    if (samples.size > 0) beside.append(h("h3", {}, "CPU samples"), this.flames(samples, samplesText));
    fill(this.panel, h("div", { class: "columns" }, facts, beside));
  }

  private goroutine(g: number): void {
    const { trace } = this;
    if (trace.first[g]! === trace.first[g + 1]!) return fill(this.panel, h("h3", {}, name(trace.name(g))));
    this.stretch(trace.begin[trace.first[g]!]!, trace.end[trace.first[g + 1]! - 1]!, g);
  }

  private task(row: number): void {
    const { trace, timeline } = this;
    const { tasks } = trace;
    const id = tasks.number("task", row);
    const owner = trace.indexOf.get(tasks.number("goroutine", row));
    const list: HTMLElement[] = [];
    for (let i = 0; i < trace.regions.n && list.length < 200; i++) {
      if (trace.regions.number("task", i) !== id) continue;
      list.push(h("li", {}, name(trace.regions.text("name", i)), ` region, ${duration(trace.regions.end[i]! - trace.regions.begin[i]!)}`));
    }
    for (let i = 0; i < trace.logs.rows && list.length < 400; i++) {
      if (trace.logs.number("task", i) !== id) continue;
      list.push(h("li", {}, h("span", { class: "soft" }, `+${duration(trace.logTime[i]! - tasks.begin[row]!)} `), name(trace.logs.text("category", i)), ": ", name(trace.logs.text("message", i))));
    }
    fill(
      this.panel,
      h("h3", {}, "Task ", String(id), " ", name(tasks.text("name", row)), ` took ${duration(tasks.end[row]! - tasks.begin[row]!)}`),
      h("p", {}, owner === undefined ? "" : "Begun by ", owner === undefined ? null : this.link(owner, tasks.begin[row]!), ` at ${moment(tasks.begin[row]!, 100)}. `, h("button", { type: "button", onclick: () => timeline.around(tasks.begin[row]!, tasks.end[row]!) }, "Zoom to it")),
      h("ul", { class: "facts" }, ...list),
    );
  }

  private stretch(from: number, to: number, g?: number): void {
    const { trace } = this;
    const byState = new Float64Array(STATES.length);
    const byReason = new Map<string, number>();
    const byStack = STATES.map(() => new Map<number, number>());
    const low = g === undefined ? 0 : trace.first[g]!;
    const high = g === undefined ? trace.begin.length : trace.first[g + 1]!;
    const own = trace.groups.map((group) => trace.isProgram(group.members[0]!));
    const sums = STATES.map(() => new Float64Array(trace.reasons.length));
    for (let row = low; row < high; row++) {
      const time = Math.min(trace.end[row]!, to) - Math.max(trace.begin[row]!, from);
      if (time <= 0 || (g === undefined && !own[trace.groupOf[trace.owner[row]!]!])) continue;
      const k = trace.state[row]!;
      byState[k]! += time;
      sums[k]![trace.reason[row]!]! += time;
      const stacks = byStack[k]!;
      stacks.set(trace.stack[row]!, (stacks.get(trace.stack[row]!) ?? 0) + time);
    }
    sums.forEach((list, k) => list.forEach((time, reason) => {
      const text = `${STATES[k]}${trace.reasons[reason] && k !== OUTSIDE ? ` (${trace.reasons[reason]})` : ""}`;
      if (time > 0) byReason.set(text, (byReason.get(text) ?? 0) + time);
    }));
    const all = byState.reduce((a, b) => a + b, 0);
    const bar = h("div", { class: "states", role: "img", "aria-label": STATES.map((state, k) => `${state} ${percent(byState[k]! / (all || 1))}`).join(", ") });
    STATES.forEach((state, k) => {
      if (byState[k]! <= 0) return;
      const part = h("i", { class: state.toLowerCase().replace(" ", "-"), title: `${state}: ${duration(byState[k]!)}` });
      part.style.flexGrow = String(byState[k]! / all);
      bar.append(part);
    });
    const reasons = [...byReason].sort((a, b) => b[1] - a[1]);
    // What the stacks can be weighed by: the time in each state, and CPU samples.
    const graphs = new Map<string, () => HTMLElement>();
    const samples = this.samples(from, to, g);
    STATES.forEach((state, k) => {
      if (byState[k]! > 0) graphs.set(state, () => this.flames(byStack[k]!, duration));
    });
    if (samples.size > 0) graphs.set("CPU samples", () => this.flames(samples, samplesText));
    const most = STATES[byState.indexOf(Math.max(...byState))]!;
    const graph = h("div");
    const draw = (chosen: string): void => {
      for (const button of choices.children) button.setAttribute("aria-pressed", String(button.textContent === chosen));
      fill(graph, graphs.get(chosen)?.() ?? null);
    };
    const choose = (chosen: string) => () => draw((this.weighed = chosen));
    const choices = h("div", { class: "buttons", role: "group", "aria-label": "What the stacks are weighed by" }, ...[...graphs.keys()].map((called) => h("button", { type: "button", onclick: choose(called) }, called)));
    // What was chosen before, if it is there; else that of which there is most.
    draw(this.weighed !== undefined && graphs.has(this.weighed) ? this.weighed : most);
    fill(
      this.panel,
      h("h3", {}, g === undefined ? "All goroutines of the program" : name(trace.name(g)), `: ${duration(to - from)} from ${moment(from, 1000)}`),
      g === undefined ? null : h("p", { class: "buttons" }, h("button", { type: "button", onclick: () => this.timeline.pin(g) }, this.timeline.pinned.includes(g) ? "Unpin" : "Pin")),
      bar,
      h(
        "div",
        { class: "columns wide" },
        h("table", { class: "sums" }, h("caption", {}, "By state and reason"), h("tbody", {}, ...reasons.slice(0, 14).map(([text, time]) => h("tr", {}, h("th", { scope: "row" }, name(text)), h("td", {}, duration(time)), h("td", {}, percent(time / all)))))),
        h("div", {}, h("div", { class: "flame-head" }, "By stack ", choices), graph),
      ),
    );
  }

  /** How many CPU samples each stack has. */
  private samples(from: number, to: number, g?: number): Map<number, number> {
    const found = new Map<number, number>();
    for (const sample of this.trace.samplesIn(from, to, g)) {
      const stack = this.trace.sampleStack[sample]!;
      found.set(stack, (found.get(stack) ?? 0) + 1);
    }
    return found;
  }

  private flames(weights: Map<number, number>, weight: (value: number) => string): HTMLElement {
    const { trace } = this;
    const found = flame(weights, (stack) => trace.frames(stack));
    const graph = h("div", { class: "flames" });
    if (found.nodes.length === 0) return h("p", { class: "soft" }, "The trace has no stacks of this here.");
    graph.style.height = `${Math.min(found.depth, 60) * 19}px`;
    for (const node of found.nodes) {
      if (node.width < 0.002 || node.depth >= 60) continue;
      const frame = trace.frame(node.frame);
      const text = `${shortFunction(frame.function)}: ${weight(node.weight)}, ${percent(node.weight / found.total)}`;
      const box = h("div", { class: `flame${frame.program ? " own" : ""}`, title: `${frame.function}\n${frame.file}:${frame.line}\n${text}` }, name(shortFunction(frame.function)));
      box.style.left = `${node.x * 100}%`;
      box.style.width = `calc(${node.width * 100}% - 1px)`;
      box.style.top = `${node.depth * 19}px`;
      graph.append(box);
    }
    return graph;
  }
}
