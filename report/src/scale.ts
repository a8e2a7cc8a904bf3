// The stretch of time that is on the screen.

export interface View {
  readonly from: number;
  readonly to: number;
}

/** A view as wide as asked for (at least `least`), inside of 0..total. */
export function clamped(from: number, to: number, total: number, least = 100): View {
  const width = Math.min(Math.max(to - from, least), Math.max(total, least));
  const middle = (from + to) / 2;
  let begin = middle - width / 2;
  begin = Math.min(Math.max(begin, 0), Math.max(total - width, 0));
  return { from: begin, to: begin + width };
}

/** Zoomed in by `factor` (< 1) or out (> 1), so that `at` stays where it is. */
export function zoomed(view: View, factor: number, at: number, total: number, least = 100): View {
  const width = view.to - view.from;
  const next = Math.min(Math.max(width * factor, least), Math.max(total, least));
  const share = width > 0 ? (at - view.from) / width : 0.5;
  const from = at - share * next;
  const begin = Math.min(Math.max(from, 0), Math.max(total - next, 0));
  return { from: begin, to: begin + next };
}

/** Moved by `by` ns, as far as 0..total lets it. */
export function panned(view: View, by: number, total: number): View {
  const width = view.to - view.from;
  const from = Math.min(Math.max(view.from + by, 0), Math.max(total - width, 0));
  return { from, to: from + width };
}

/** The distance of ticks (1, 2 or 5 × 10ⁿ ns) of which at most `most` are in view. */
export function tickStep(view: View, most: number): number {
  const rough = Math.max((view.to - view.from) / Math.max(most, 1), 1);
  const power = 10 ** Math.floor(Math.log10(rough) + 1e-12);
  for (const factor of [1, 2, 5]) if (factor * power >= rough * (1 - 1e-9)) return factor * power;
  return 10 * power;
}

/** Where the ticks are. */
export function ticks(view: View, step: number): number[] {
  const found = [];
  for (let i = Math.ceil(view.from / step - 1e-9); i * step <= view.to; i++) found.push(i * step);
  return found;
}
