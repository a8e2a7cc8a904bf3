// The first screen: what happened, in the words of `flightrec why`, and the facts beside it.

import type { About } from "./about";
import { fill, h, name } from "./dom";
import { baseName, bytes, count, duration, percent, plural, shortFunction } from "./format";
import { RUNNABLE, Trace } from "./model";
import type { Timeline } from "./timeline";

export function summary(about: About, trace: Trace, timeline: Timeline, into: { facts: HTMLElement; story: HTMLElement; cards: HTMLElement }): void {
  const { snapshot, explanation } = about;
  const file = baseName(snapshot.path) || "trace";
  document.title = `${file} · flightrec`;
  const version = snapshot.sidecar?.versions?.["go"] ?? `trace format ${snapshot.format}`;
  const wall = snapshot.wall_offset_ns === null ? null : new Date(Number((BigInt(snapshot.wall_offset_ns) + BigInt(about.origin_ns)) / 1_000_000n));
  fill(
    into.facts,
    h("h1", {}, name(file)),
    h(
      "p",
      {},
      [duration(trace.total), plural(snapshot.events, "event"), plural(trace.ids.length, "goroutine"), snapshot.nbytes === null ? "" : bytes(snapshot.nbytes), version, wall ? `began ${wall.toISOString().replace("T", " ").slice(0, 19)} UTC` : ""].filter(Boolean).join(" · "),
    ),
  );
  const story: Node[] = [];
  if (snapshot.error) story.push(h("p", { class: "broken", role: "alert" }, "This trace is broken; what comes before the broken place is shown: ", name(snapshot.error)));
  const first = snapshot.sidecar?.reasons?.[0];
  if (snapshot.rule || snapshot.reason) {
    const values = first?.["values"] ?? first?.["facts"];
    const told = values && typeof values === "object" ? Object.entries(values).map(([key, value]) => `${key} = ${typeof value === "object" ? JSON.stringify(value) : String(value)}`) : [];
    story.push(h("p", { class: "rule" }, h("strong", {}, snapshot.rule ? "Rule " : "Saved: "), snapshot.rule ? name(snapshot.rule) : null, snapshot.rule && snapshot.reason ? ": " : null, name(snapshot.reason ?? ""), told.length > 0 ? h("span", { class: "soft" }, " (", name(told.join(", ")), ")") : null));
  }
  if (explanation) {
    story.push(h("p", { class: "headline" }, name(explanation.headline)));
    const whole = explanation.end_ns - explanation.begin_ns;
    const lines = explanation.lines.slice(0, 7).map((line) => {
      const bar = h("i", { class: "bar" });
      bar.style.width = `${Math.min(line.ns / (whole || 1), 1) * 100}%`;
      const text = h("span", { class: "why-text" }, name(line.text));
      text.style.paddingLeft = `${line.depth * 16}px`;
      return h("li", {}, h("span", { class: "why-ns" }, duration(line.ns)), h("span", { class: "why-share" }, bar, percent(line.ns / (whole || 1))), text);
    });
    if (lines.length > 0) story.push(h("ol", { class: "why" }, ...lines));
    if (explanation.kind !== "nothing") {
      const show = (): void => {
        const g = explanation.goid === null ? undefined : trace.indexOf.get(explanation.goid);
        if (g !== undefined) timeline.reveal(g);
        timeline.select({ ...(g !== undefined ? { g } : {}), stretch: [explanation.begin_ns, explanation.end_ns] });
        timeline.around(explanation.begin_ns, explanation.end_ns);
      };
      story.push(h("p", { class: "buttons" }, h("button", { type: "button", class: "main", onclick: show }, "Show it in the timeline")));
    }
    for (const note of explanation.notes) story.push(h("p", { class: "soft note" }, "Note: ", name(note)));
  }
  fill(into.story, h("h2", {}, "What happened"), ...story);

  const cards: HTMLElement[] = [];
  const card = (title: string, value: string, text: string, go?: () => void): void => {
    const inside = [h("span", { class: "card-title" }, title), h("strong", {}, value), h("span", { class: "soft" }, name(text))];
    cards.push(go ? h("button", { type: "button", class: "card", onclick: go }, ...inside) : h("div", { class: "card" }, ...inside));
  };
  const longestOf = (n: number, length: (i: number) => number): number => {
    let best = -1;
    for (let i = 0; i < n; i++) if (best < 0 || length(i) > length(best)) best = i;
    return best;
  };
  const { tasks, ranges } = trace;
  const task = longestOf(tasks.n, (i) => tasks.end[i]! - tasks.begin[i]!);
  if (task >= 0) {
    card("Slowest task", duration(tasks.end[task]! - tasks.begin[task]!), `${tasks.text("name", task) || "task"} ${tasks.text("task", task)}`, () => {
      timeline.revealTask(task);
      timeline.select({ task });
      timeline.around(tasks.begin[task]!, tasks.end[task]!);
    });
  }
  const pause = longestOf(trace.stw.length, (i) => ranges.end[trace.stw[i]!]! - ranges.begin[trace.stw[i]!]!);
  if (pause >= 0) {
    const row = trace.stw[pause]!;
    card("Longest stop-the-world", duration(ranges.end[row]! - ranges.begin[row]!), ranges.text("name", row).replace(/^stop-the-world \((.*)\)$/, "$1"), () => {
      timeline.select({ stretch: [ranges.begin[row]!, ranges.end[row]!] });
      timeline.around(ranges.begin[row]!, ranges.end[row]!);
    });
  }
  let delay = -1;
  for (let row = 0; row < trace.begin.length; row++) {
    if (trace.state[row] !== RUNNABLE || ["runtime", "recorder"].includes(trace.groups[trace.groupOf[trace.owner[row]!]!]!.kind)) continue;
    if (delay < 0 || trace.end[row]! - trace.begin[row]! > trace.end[delay]! - trace.begin[delay]!) delay = row;
  }
  if (delay >= 0) {
    const g = trace.owner[delay]!;
    card("Longest delay before running", duration(trace.end[delay]! - trace.begin[delay]!), `G${trace.goroutines.text("goid", g)} ${shortFunction(trace.goroutines.text("name", g))}`, () => {
      timeline.reveal(g);
      timeline.select({ g, row: delay });
      timeline.around(trace.begin[delay]!, trace.end[delay]!);
    });
  }
  let cycles = 0;
  for (let i = 0; i < ranges.n; i++) if (ranges.text("name", i) === "GC concurrent mark phase") cycles++;
  card("Garbage collections", count(cycles), `world stopped ${count(trace.stw.length)} ${trace.stw.length === 1 ? "time" : "times"}`);
  fill(into.cards, ...cards);
}
