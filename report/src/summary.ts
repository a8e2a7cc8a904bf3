// The first screen: what happened, in the words of `flightrec why`, and the facts beside it.

import type { About, Line, Reason } from "./about";
import { fill, h, name } from "./dom";
import { baseName, bytes, count, duration, measured, moment, percent, plural, shortName } from "./format";
import { RUNNABLE, Trace } from "./model";
import type { Timeline } from "./timeline";

interface Fired {
  readonly rule: string;
  readonly text: string;
  readonly values: string;
  /** When, ns since the trace's begin. */
  readonly time?: number;
}

/** Why the snapshot was saved: the rules that fired, or who asked for it. */
function firings({ snapshot, origin_ns, total_ns }: About): Fired[] {
  const reasons = snapshot.sidecar?.reasons;
  if (!Array.isArray(reasons) || reasons.length === 0) return snapshot.reason ? [{ rule: snapshot.rule ?? "", text: snapshot.reason, values: "" }] : [];
  return reasons.filter((one): one is Reason => typeof one === "object" && one !== null).map(({ rule, condition, reason, values, trace_ns }) => {
    const text = typeof reason === "string" ? reason : "";
    const [called, wanted] = [rule, condition].map((value) => (typeof value === "string" ? value : ""));
    // A rule without a name of its own is called by its condition, which the reason repeats.
    const shown = called === wanted && text.endsWith(` (${wanted})`) ? text.slice(0, -wanted!.length - 3) : text;
    const told = typeof values === "object" && values !== null ? Object.entries(values).map(([key, value]) => `${key} = ${typeof value === "number" ? measured(value) : JSON.stringify(value)}`) : [];
    const time = typeof trace_ns === "number" ? trace_ns - Number(origin_ns) : NaN;
    return { rule: called!, text: called === shown ? "" : shown, values: told.join(", "), ...(time >= 0 && time <= total_ns ? { time } : {}) };
  });
}

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
  const buttons: Node[] = [];
  if (snapshot.error) story.push(h("p", { class: "broken", role: "alert" }, "This trace is broken; what comes before the broken place is shown: ", name(snapshot.error)));
  const fired = firings(about);
  for (const one of fired.slice(0, 3)) {
    const { rule, text, values, time } = one;
    const at = time === undefined ? null : h("button", { type: "button", class: "link", onclick: () => timeline.around(Math.max(time - 1e6, 0), Math.min(time + 1e6, trace.total)) }, `at ${moment(time, 1000)}`);
    story.push(h("p", { class: "rule" }, h("strong", {}, rule ? "Rule " : "Saved: "), rule ? name(rule) : null, rule ? " fired " : null, rule ? at : null, rule && text ? ": " : null, name(text), values ? h("span", { class: "soft" }, " (", name(values), ")") : null));
  }
  if (fired.length > 3) story.push(h("p", { class: "soft note" }, `${plural(fired.length - 3, "further rule")} fired for this snapshot.`));
  timeline.marks = fired.flatMap(({ rule, time }) => (rule && time !== undefined ? [{ time, text: "rule fired" }] : []));
  if (explanation) {
    const [from, to] = [explanation.begin_ns, explanation.end_ns];
    const find = (goid: number | null): number | undefined => (goid === null ? undefined : trace.goroutineOf(goid, from, to));
    // The rule is said above.
    const said = `Saved because ${snapshot.reason}. `;
    story.push(h("p", { class: "headline" }, name(explanation.headline.startsWith(said) ? explanation.headline.slice(said.length) : explanation.headline)));
    const whole = to - from;
    const line = ({ ns, depth, goid, text }: Line): HTMLElement => {
      const bar = h("i", { class: "bar" });
      bar.style.width = `${Math.min(ns / (whole || 1), 1) * 100}%`;
      const g = find(goid);
      const words = h("span", { class: "why-text" }, g === undefined ? name(text) : h("button", { type: "button", class: "link plain", title: "Show the goroutine in the timeline", onclick: () => show(g, [g]) }, name(text)));
      words.style.paddingLeft = `${depth * 16}px`;
      return h("li", {}, h("span", { class: "why-ns" }, duration(ns)), h("span", { class: "why-share" }, bar, percent(ns / (whole || 1))), words);
    };
    // The time that a goroutine's states were in is what its row in the timeline is about.
    const show = (g: number | undefined, pinned: readonly number[]): void => {
      timeline.pinOnly([...new Set([...timeline.pinned, ...pinned])]);
      if (g !== undefined) timeline.reveal(g);
      timeline.select({ ...(g !== undefined ? { g } : {}), stretch: [from, to] });
      timeline.around(from, to);
    };
    const large = explanation.lines.filter(({ ns }, i) => i < 7 && (i < 2 || ns >= whole / 100));
    const small = explanation.lines.filter((each) => !large.includes(each));
    const list = h("ol", { class: "why" }, ...large.map(line));
    if (large.length > 0) story.push(list);
    if (small.length > 0) {
      const more = h("button", { type: "button", class: "link", onclick: () => {
        fill(list, ...explanation.lines.map(line));
        more.parentElement!.remove();
      } }, `Show ${plural(small.length, "shorter part")}`);
      story.push(h("p", { class: "more" }, more));
    }
    if (explanation.kind !== "nothing") {
      const chain = [explanation.goid, ...large.map(({ goid }) => goid)].flatMap((goid) => find(goid) ?? []);
      buttons.push(h("button", { type: "button", class: "main", onclick: () => show(find(explanation.goid), chain) }, "Show it in the timeline"));
    }
    for (const note of explanation.notes) story.push(h("p", { class: "soft note" }, "Note: ", name(note)));
  }
  fill(into.story, h("div", { class: "story-head" }, h("h2", {}, "What happened"), ...buttons), h("div", { class: "story-text", tabindex: 0, role: "region", "aria-label": "What happened" }, ...story));

  const cards: HTMLElement[] = [];
  const card = (title: string, value: string, text: string, go?: () => void): void => {
    const inside = [h("span", { class: "card-title" }, title), h("strong", {}, value), h("span", { class: "soft", title: text }, name(text))];
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
  const pauses = trace.stw.filter((row) => !trace.isRecorderPause(row));
  const pause = longestOf(pauses.length, (i) => ranges.end[pauses[i]!]! - ranges.begin[pauses[i]!]!);
  if (pause >= 0) {
    const row = pauses[pause]!;
    card("Longest stop-the-world", duration(ranges.end[row]! - ranges.begin[row]!), ranges.text("name", row).replace(/^stop-the-world \((.*)\)$/, "$1"), () => {
      timeline.select({ stretch: [ranges.begin[row]!, ranges.end[row]!] });
      timeline.around(ranges.begin[row]!, ranges.end[row]!);
    });
  }
  let delay = -1;
  for (let row = 0; row < trace.begin.length; row++) {
    if (trace.state[row] !== RUNNABLE || !trace.isProgram(trace.owner[row]!)) continue;
    if (delay < 0 || trace.end[row]! - trace.begin[row]! > trace.end[delay]! - trace.begin[delay]!) delay = row;
  }
  if (delay >= 0) {
    const g = trace.owner[delay]!;
    card("Longest wait for a P", duration(trace.end[delay]! - trace.begin[delay]!), shortName(trace.name(g)).replace(" Python thread ", " "), () => {
      timeline.reveal(g);
      timeline.select({ g, row: delay });
      timeline.around(trace.begin[delay]!, trace.end[delay]!);
    });
  }
  card("Garbage collections", count(trace.marking.length), `world stopped ${plural(pauses.length, "time")}`);
  fill(into.cards, ...cards);
}
