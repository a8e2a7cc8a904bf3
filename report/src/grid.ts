// A table that sorts and filters; only the rows in view are elements.

import { fill, h, name } from "./dom";
import { count } from "./format";
import { words } from "./search";

export interface GridColumn<R> {
  readonly title: string;
  /** What is shown. */
  readonly text: (row: R) => string;
  /** What is sorted by; the text if there is none. */
  readonly by?: (row: R) => number | string;
  /** CSS width of the column. */
  readonly width: string;
  readonly numeric?: boolean;
  /** A bar from 0 to 1 behind the value. */
  readonly bar?: (row: R) => number;
}

export interface GridOptions<R> {
  readonly label: string;
  readonly rows: readonly R[];
  readonly columns: readonly GridColumn<R>[];
  /** The column to sort by at first, the largest first. */
  readonly sort: number;
  readonly go: (row: R) => void;
  readonly empty: string;
  /** Rows that are shown only if they are asked for, and what they are. */
  readonly further?: { readonly rows: readonly R[]; readonly label: string };
}

const HEIGHT = 26;

export function grid<R>(options: GridOptions<R>): HTMLElement {
  const { columns } = options;
  let sort = options.sort;
  let down = !!columns[sort]?.numeric;
  let rows: R[] = [];
  let chosen = -1;
  const template = columns.map((column) => column.width).join(" ");
  const filter = h("input", { type: "search", placeholder: "Filter…", "aria-label": `Filter: ${options.label}`, oninput: () => arrange() });
  const further = h("input", { type: "checkbox", onchange: () => arrange() });
  const total = h("span", { class: "soft", role: "status" });
  const buttons = columns.map((column, i) =>
    h("button", {
      type: "button",
      onclick: () => {
        down = sort === i ? !down : !!column.numeric;
        sort = i;
        arrange();
      },
    }),
  );
  const heads = columns.map((column, i) => h("div", { role: "columnheader", class: column.numeric ? "num" : "" }, buttons[i]));
  const head = h("div", { role: "row", class: "grid-head", "aria-rowindex": 1 }, ...heads);
  head.style.gridTemplateColumns = template;
  const space = h("div", { class: "grid-space", role: "rowgroup" });
  const body = h("div", { class: "grid-body", tabindex: 0, role: "grid", "aria-label": `${options.label}: arrows choose a row, Enter shows it in the timeline` }, h("div", { role: "rowgroup", class: "grid-sticky" }, head), space);

  const value = (row: R, column: GridColumn<R>): number | string => column.by?.(row) ?? column.text(row).toLowerCase();
  const all = (): readonly R[] => (further.checked ? [...options.rows, ...options.further!.rows] : options.rows);
  const arrange = (): void => {
    const wanted = words(filter.value);
    rows = all().filter((row) => {
      if (wanted.length === 0) return true;
      const text = columns.map((column) => column.text(row)).join(" ").toLowerCase();
      return wanted.every((word) => text.includes(word));
    });
    const column = columns[sort]!;
    const keys = new Map(rows.map((row) => [row, value(row, column)]));
    rows.sort((a, b) => {
      const [x, y] = [keys.get(a)!, keys.get(b)!];
      // What has no value stands last, whichever way it is sorted.
      if (x !== x || y !== y) return Number(x !== x) - Number(y !== y);
      return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1);
    });
    columns.forEach((each, i) => {
      fill(buttons[i]!, each.title, i === sort ? (down ? " ▾" : " ▴") : "");
      heads[i]!.setAttribute("aria-sort", i === sort ? (down ? "descending" : "ascending") : "none");
    });
    chosen = -1;
    body.setAttribute("aria-rowcount", String(rows.length + 1));
    space.style.height = `${Math.max(rows.length, 1) * HEIGHT}px`;
    // As tall as its rows, within what the style allows.
    body.style.height = `${(Math.max(rows.length, 1) + 1) * HEIGHT + 18}px`;
    fill(total, wanted.length > 0 ? `${count(rows.length)} of ${count(all().length)}` : count(all().length));
    body.scrollTop = 0;
    draw();
  };
  const draw = (): void => {
    const first = Math.max(Math.floor(body.scrollTop / HEIGHT) - 4, 0);
    const last = Math.min(first + Math.ceil((body.clientHeight || 320) / HEIGHT) + 10, rows.length);
    const shown: Node[] = [];
    for (let i = first; i < last; i++) {
      const row = rows[i]!;
      const cells = columns.map((column) => {
        const cell = h("div", { role: "gridcell", class: column.numeric ? "num" : "", title: column.text(row) });
        if (column.bar) {
          const bar = h("i", { class: "bar" });
          bar.style.width = `${Math.min(Math.max(column.bar(row), 0), 1) * 100}%`;
          cell.append(bar);
        }
        cell.append(name(column.text(row)));
        return cell;
      });
      const element = h("div", { role: "row", class: `grid-row${i === chosen ? " chosen" : ""}`, "aria-rowindex": i + 2, "aria-selected": i === chosen ? "true" : "false", onclick: () => choose(i, true) }, ...cells);
      element.style.top = `${i * HEIGHT}px`;
      element.style.gridTemplateColumns = template;
      element.id = `${body.id}-${i}`;
      shown.push(element);
    }
    if (rows.length === 0) shown.push(h("div", { role: "row", class: "grid-row none" }, h("div", { role: "gridcell" }, all().length === 0 ? options.empty : "Nothing matches.")));
    space.replaceChildren(...shown);
    if (chosen >= first && chosen < last) body.setAttribute("aria-activedescendant", `${body.id}-${chosen}`);
    else body.removeAttribute("aria-activedescendant");
  };
  const choose = (i: number, go: boolean): void => {
    chosen = Math.min(Math.max(i, 0), rows.length - 1);
    const [top, room] = [chosen * HEIGHT, body.clientHeight - HEIGHT];
    if (top < body.scrollTop) body.scrollTop = top;
    else if (top + HEIGHT > body.scrollTop + room) body.scrollTop = top + HEIGHT - room;
    draw();
    if (go && rows[chosen] !== undefined) options.go(rows[chosen]!);
  };
  body.id = `grid-${++numbered}`;
  body.addEventListener("scroll", draw, { passive: true });
  body.addEventListener("keydown", (event) => {
    if (event.target !== body) return;
    const page = Math.max(Math.floor(body.clientHeight / HEIGHT) - 2, 1);
    const by: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -rows.length, End: rows.length };
    if (by[event.key] !== undefined) choose(chosen + by[event.key]!, false);
    else if (event.key === "Enter") choose(Math.max(chosen, 0), true);
    else return;
    event.preventDefault();
  });
  new ResizeObserver(draw).observe(body);
  arrange();
  const bar = h("div", { class: "grid-bar" }, filter, total);
  if (options.further && options.further.rows.length > 0) bar.append(h("label", { class: "further" }, further, ` ${options.further.label} (${count(options.further.rows.length)})`));
  // On paper the tables' tabs are not there to say what this is.
  return h("section", { class: "grid", "data-label": options.label }, bar, body);
}

let numbered = 0;
