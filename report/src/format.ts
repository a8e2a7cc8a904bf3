// Durations, counts and sizes as people read them.

const UNITS: readonly [number, string][] = [
  [1, "ns"],
  [1e3, "µs"],
  [1e6, "ms"],
  [1e9, "s"],
  [60e9, "min"],
  [3600e9, "h"],
];

/** Three significant digits, without an exponent and without trailing zeros after the point. */
function significant(value: number): string {
  const size = Math.abs(value);
  if (size >= 100) return String(Math.round(value));
  return String(Number(value.toPrecision(3)));
}

/** A duration in ns: "1.25 ms"; an em dash if there is none. */
export function duration(ns: number): string {
  if (!Number.isFinite(ns)) return "—";
  if (ns === 0) return "0 s";
  const size = Math.abs(ns);
  let [unit, name] = UNITS[0]!;
  for (const [next, called] of UNITS) {
    // What would be rounded up to 1000 belongs to the next unit.
    if (size >= next * (next > 1e9 ? 1 : 0.9995)) [unit, name] = [next, called];
  }
  return `${significant(ns / unit)} ${name}`;
}

/** A moment of a scale whose ticks are `step` ns apart: as many digits as tell them apart. */
export function moment(ns: number, step: number): string {
  const size = Math.max(Math.abs(ns), step);
  const [unit, name] = size >= 1e9 ? [1e9, "s"] : size >= 1e6 ? [1e6, "ms"] : size >= 1e3 ? [1e3, "µs"] : [1, "ns"];
  const digits = Math.max(0, Math.min(9, Math.ceil(Math.log10((unit as number) / step) - 1e-9)));
  return `${(ns / (unit as number)).toFixed(digits)} ${name}`;
}

/** A count with thin spaces between thousands: "12 345". */
export function count(value: number): string {
  if (!Number.isFinite(value)) return "—";
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** Any number, such as one that a rule has read: a count if it is whole, else three digits. */
export function measured(value: number): string {
  return Number.isInteger(value) ? count(value) : significant(value);
}

/** A size: "1.5 MiB". */
export function bytes(value: number): string {
  if (!Number.isFinite(value)) return "—";
  const names = ["B", "KiB", "MiB", "GiB", "TiB"];
  let i = 0;
  while (Math.abs(value) >= 1024 && i < names.length - 1) {
    value /= 1024;
    i++;
  }
  return `${significant(value)} ${names[i]}`;
}

/** A share: "12 %", "0.3 %", "< 0.1 %". */
export function percent(share: number): string {
  if (!Number.isFinite(share)) return "—";
  const value = share * 100;
  if (value > 0 && value < 0.1) return "< 0.1 %";
  return `${value >= 10 || value === 0 ? Math.round(value) : Number(value.toFixed(1))} %`;
}

/** "1 goroutine", "12 goroutines". */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** `net/http.(*conn).serve` as `http.(*conn).serve`: the package's path without its folders. */
export function shortFunction(name: string): string {
  const paren = name.search(/[([]/);
  const end = paren < 0 ? name.length : paren;
  return name.slice(name.lastIndexOf("/", end) + 1);
}

/** `G7 net/http.(*conn).serve` as `G7 http.(*conn).serve`. */
export function shortName(text: string): string {
  const at = text.indexOf(" ");
  return at < 0 ? text : `${text.slice(0, at)} ${shortFunction(text.slice(at + 1))}`;
}

/** The last part of a path. */
export function baseName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
}
