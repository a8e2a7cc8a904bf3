// Places of the report as links: `#t=1200-5600&g=18`. Times are ns since the trace's begin.

export interface Place {
  /** What is in view. */
  t?: readonly [number, number];
  /** The goroutine that is selected. */
  g?: number;
  /** The stretch that is selected. */
  s?: readonly [number, number];
  /** The task that is selected. */
  task?: number;
  /** The table that is open. */
  tab?: string;
  /** What is searched for. */
  q?: string;
  /** Goroutines that are pinned. */
  pin?: readonly number[];
}

/** The place that a link's part after `#` says; what is wrong in it is left out. */
export function parsePlace(hash: string): Place {
  const place: Place = {};
  const found = new URLSearchParams(hash.replace(/^#/, ""));
  const t = stretch(found.get("t"));
  if (t) place.t = t;
  const s = stretch(found.get("s"));
  if (s) place.s = s;
  const g = whole(found.get("g"));
  if (g !== undefined) place.g = g;
  const task = whole(found.get("task"));
  if (task !== undefined) place.task = task;
  const tab = found.get("tab");
  if (tab !== null && /^[a-z]+$/.test(tab)) place.tab = tab;
  const q = found.get("q");
  if (q) place.q = q;
  const pin = (found.get("pin") ?? "").split(",").map(whole).filter((value) => value !== undefined);
  if (pin.length > 0) place.pin = pin;
  return place;
}

/** The link of a place, beginning with `#`; empty for none. */
export function formatPlace(place: Place): string {
  const parts: string[] = [];
  if (place.t) parts.push(`t=${Math.floor(place.t[0])}-${Math.ceil(place.t[1])}`);
  if (place.g !== undefined) parts.push(`g=${place.g}`);
  if (place.task !== undefined) parts.push(`task=${place.task}`);
  if (place.s) parts.push(`s=${Math.round(place.s[0])}-${Math.round(place.s[1])}`);
  if (place.pin && place.pin.length > 0) parts.push(`pin=${place.pin.join(",")}`);
  if (place.tab) parts.push(`tab=${place.tab}`);
  if (place.q) parts.push(`q=${encodeURIComponent(place.q)}`);
  return parts.length > 0 ? `#${parts.join("&")}` : "";
}

function stretch(text: string | null): readonly [number, number] | undefined {
  const found = /^(\d{1,16})-(\d{1,16})$/.exec(text ?? "");
  if (!found) return undefined;
  const [from, to] = [Number(found[1]), Number(found[2])];
  return to >= from ? [from, to] : undefined;
}

function whole(text: string | null): number | undefined {
  return text !== null && /^-?\d{1,15}$/.test(text) ? Number(text) : undefined;
}
