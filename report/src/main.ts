// The report's page: reads its data, shows what happened, and keeps the address in step.

import type { About } from "./about";
import { Table } from "./columns";
import { fromBase64, inflated, parseBlock, tablesOf } from "./decode";
import { Details } from "./details";
import { byId, fill, h, name } from "./dom";
import { count, shortName } from "./format";
import { formatPlace, parsePlace, type Place } from "./link";
import { Trace } from "./model";
import { goToLog, questions } from "./questions";
import { SearchIndex, type Entry } from "./search";
import { summary } from "./summary";
import { Timeline } from "./timeline";

async function load(): Promise<{ about: About; trace: Trace }> {
  const about = JSON.parse(byId("about").textContent!) as About;
  const sources = [...document.querySelectorAll("script.block")];
  const blocks = await Promise.all(
    sources.map(async (source) => {
      const packed = fromBase64(source.textContent!);
      source.remove();
      return parseBlock(await inflated(packed));
    }),
  );
  const tables = tablesOf(blocks);
  const nothing = new Table(0, new Map());
  return { about, trace: new Trace((called) => tables.get(called) ?? nothing, about.total_ns) };
}

function start(about: About, trace: Trace): void {
  const timeline = new Timeline(trace);
  summary(about, trace, timeline, { facts: byId("facts"), story: byId("story"), cards: byId("cards") });
  const details = new Details(trace, timeline, byId("details"));
  const tabs = new Tabs(trace, timeline);
  const search = new Search(trace, timeline);

  let written = "";
  let later: ReturnType<typeof setTimeout> | undefined;
  const place = (): Place => {
    const { g, task, stretch } = timeline.selection;
    const { from, to } = timeline.view;
    return {
      ...(from > 0 || to < trace.total ? { t: [from, to] as const } : {}),
      ...(g !== undefined ? { g: trace.ids[g]! } : {}),
      ...(task !== undefined ? { task: trace.tasks.number("task", task) } : {}),
      ...(stretch ? { s: stretch } : {}),
      ...(tabs.open !== "groups" ? { tab: tabs.open } : {}),
      ...(search.query ? { q: search.query } : {}),
      pin: timeline.pinned.map((pinned) => trace.ids[pinned]!),
    };
  };
  const write = (): void => {
    clearTimeout(later);
    later = setTimeout(() => {
      written = formatPlace(place());
      if (written !== location.hash) history.replaceState(null, "", written || location.pathname + location.search);
    }, 150);
  };
  const restore = (): void => {
    const found = parsePlace(location.hash);
    timeline.pinOnly((found.pin ?? []).flatMap((id) => trace.indexOf.get(id) ?? []));
    if (found.q) search.set(found.q);
    if (found.tab) tabs.show(found.tab);
    const g = found.g === undefined ? undefined : trace.indexOf.get(found.g);
    const task = found.task === undefined ? -1 : trace.tasks.numbers("task").indexOf(found.task);
    if (found.t) timeline.show(found.t[0], found.t[1]);
    if (g !== undefined) timeline.reveal(g);
    if (task >= 0) timeline.revealTask(task);
    timeline.select({ ...(g !== undefined ? { g } : {}), ...(task >= 0 ? { task } : {}), ...(found.s ? { stretch: found.s } : {}) });
    // A state is selected by what is in the middle of the view.
    if (g !== undefined && found.t && !found.s) {
      const row = trace.rowAt(g, (found.t[0] + found.t[1]) / 2);
      if (row >= 0) timeline.select({ g, row });
    }
    timeline.arrange();
  };
  timeline.onchange = write;
  tabs.onchange = write;
  search.onchange = write;
  timeline.onselect = () => details.show();
  byId("legend-samples").hidden = trace.sampleTime.length === 0;
  details.show();
  if (location.hash) restore();
  addEventListener("hashchange", () => {
    if (location.hash !== written) restore();
  });
  byId("zoom-in").addEventListener("click", () => timeline.zoom(0.5));
  byId("zoom-out").addEventListener("click", () => timeline.zoom(2));
  byId("unpin").addEventListener("click", () => timeline.pinOnly([]));
  byId("fit").addEventListener("click", () => timeline.show(0, trace.total));
  const help = byId<HTMLDialogElement>("help");
  byId("help-button").addEventListener("click", () => help.showModal());
  const copy = byId("copy");
  copy.addEventListener("click", () => {
    history.replaceState(null, "", formatPlace(place()) || location.pathname);
    const done = (): void => {
      fill(copy, "Copied");
      setTimeout(() => fill(copy, "Copy link"), 1500);
    };
    // A page from disk may not have the clipboard; the address is right all the same.
    navigator.clipboard?.writeText(location.href).then(done, () => fill(copy, "It is in the address bar"));
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target instanceof HTMLInputElement;
    if (event.ctrlKey || event.metaKey || event.altKey || typing || help.open) return;
    if (event.key === "/") byId("search").focus();
    else if (event.key === "t") byId("scroller").focus();
    else if (event.key === "?") help.showModal();
    else return;
    event.preventDefault();
  });
}

class Tabs {
  open = "";
  onchange: () => void = () => {};
  private readonly list = byId("tabs");
  private readonly panel = byId("tab-panel");
  private readonly made = new Map<string, HTMLElement>();
  private readonly all;

  constructor(trace: Trace, timeline: Timeline) {
    this.all = questions(trace, timeline);
    for (const question of this.all) {
      const tab = h("button", { type: "button", role: "tab", id: `tab-${question.id}`, "aria-controls": "tab-panel", onclick: () => this.show(question.id) }, question.title);
      tab.addEventListener("keydown", (event) => {
        const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
        if (by === 0) return;
        const next = this.all[(this.all.indexOf(question) + by + this.all.length) % this.all.length]!;
        this.show(next.id);
        byId(`tab-${next.id}`).focus();
      });
      this.list.append(tab);
    }
    this.show("groups");
  }

  show(id: string): void {
    const question = this.all.find((found) => found.id === id);
    if (!question) return;
    this.open = id;
    for (const tab of this.list.children) {
      const on = tab.id === `tab-${id}`;
      tab.setAttribute("aria-selected", String(on));
      tab.setAttribute("tabindex", on ? "0" : "-1");
    }
    let made = this.made.get(id);
    if (!made) this.made.set(id, (made = question.make()));
    this.panel.setAttribute("aria-labelledby", `tab-${id}`);
    this.panel.replaceChildren(made);
    this.onchange();
  }
}

class Search {
  query = "";
  onchange: () => void = () => {};
  private index: SearchIndex | undefined;
  private readonly input = byId<HTMLInputElement>("search");
  private readonly results = byId("results");
  private readonly only = byId<HTMLInputElement>("only");
  private found: Entry[] = [];
  private at = -1;
  private later: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly trace: Trace,
    private readonly timeline: Timeline,
  ) {
    this.input.addEventListener("input", () => {
      clearTimeout(this.later);
      this.later = setTimeout(() => this.update(), 80);
    });
    this.only.addEventListener("change", () => this.update());
    this.input.addEventListener("focus", () => this.list());
    this.input.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        if (this.found.length === 0) return;
        this.at = (this.at + (event.key === "ArrowDown" ? 1 : -1) + this.found.length) % this.found.length;
        this.list();
      } else if (event.key === "Enter") {
        clearTimeout(this.later);
        if (this.input.value !== this.query) this.update();
        const entry = this.found[Math.max(this.at, 0)];
        if (entry) this.go(entry);
      } else if (event.key === "Escape") {
        if (this.results.hidden) this.set("");
        this.close();
      } else return;
      event.preventDefault();
    });
    document.addEventListener("pointerdown", (event) => {
      if (!(event.target as Element).closest(".search")) this.close();
    });
  }

  set(query: string): void {
    this.input.value = query;
    this.update();
    this.close();
  }

  private close(): void {
    this.results.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
  }

  private update(): void {
    this.query = this.input.value.trim();
    this.index ??= indexOf(this.trace);
    const { found, total } = this.index.search(this.query, 60);
    this.found = found;
    this.at = -1;
    fill(byId("matches"), this.query ? `${count(total)} found` : "");
    this.list();
    const filter = this.only.checked ? this.query : "";
    if (filter !== this.timeline.filter) {
      this.timeline.filter = filter;
      this.timeline.arrange();
    }
    this.onchange();
  }

  private list(): void {
    this.results.hidden = this.found.length === 0;
    this.input.setAttribute("aria-expanded", String(!this.results.hidden));
    fill(
      this.results,
      ...this.found.map((entry, i) =>
        h("li", { role: "option", id: `result-${i}`, "aria-selected": i === this.at ? "true" : "false", onclick: () => this.go(entry) }, h("span", { class: "kind" }, entry.kind), name(entry.kind === "goroutine" ? shortName(entry.text) : entry.text)),
      ),
    );
    if (this.at >= 0) {
      this.input.setAttribute("aria-activedescendant", `result-${this.at}`);
      this.results.children[this.at]?.scrollIntoView({ block: "nearest" });
    } else this.input.removeAttribute("aria-activedescendant");
  }

  private go(entry: Entry): void {
    const { trace, timeline } = this;
    this.close();
    if (entry.kind === "log") return goToLog(trace, timeline, entry.at);
    if (entry.kind === "task") {
      timeline.revealTask(entry.at);
      timeline.select({ task: entry.at });
      return timeline.around(trace.tasks.begin[entry.at]!, trace.tasks.end[entry.at]!);
    }
    if (entry.kind === "region") {
      const g = trace.indexOf.get(trace.regions.number("goroutine", entry.at));
      if (g !== undefined) timeline.reveal(g);
      timeline.select({ ...(g !== undefined ? { g } : {}), stretch: [trace.regions.begin[entry.at]!, trace.regions.end[entry.at]!] });
      return timeline.around(trace.regions.begin[entry.at]!, trace.regions.end[entry.at]!);
    }
    timeline.reveal(entry.at);
    timeline.select({ g: entry.at });
  }
}

function indexOf(trace: Trace): SearchIndex {
  const index = new SearchIndex();
  for (let i = 0; i < trace.logs.rows; i++) index.add("log", `${trace.logs.text("category", i)} ${trace.logs.text("message", i)}`.trim(), i);
  for (let i = 0; i < trace.tasks.n; i++) index.add("task", `${trace.tasks.text("name", i)} ${trace.tasks.text("task", i)}`.trim(), i);
  for (let i = 0; i < trace.ids.length; i++) index.add("goroutine", trace.name(i), i);
  for (let i = 0; i < trace.regions.n; i++) index.add("region", trace.regions.text("name", i), i);
  return index;
}

load().then(
  ({ about, trace }) => start(about, trace),
  (error: unknown) => {
    fill(byId("story"), h("p", { class: "broken", role: "alert" }, `The report cannot be read: ${error instanceof Error ? error.message : String(error)}`));
    throw error;
  },
);
