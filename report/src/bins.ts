// Many lanes at once: how much time each group's goroutines spent in each state, by stretch of time.

export interface Bins {
  readonly from: number;
  readonly to: number;
  readonly n: number;
  readonly kinds: number;
  /** ns, at [(group × n + bin) × kinds + state]. */
  readonly sums: Float32Array;
}

/** Sort the time of all intervals that touch from..to into `n` stretches. */
export function binned(
  begin: Float64Array,
  end: Float64Array,
  kind: Uint8Array,
  group: (row: number) => number,
  groups: number,
  kinds: number,
  from: number,
  to: number,
  n: number,
): Bins {
  const sums = new Float32Array(groups * n * kinds);
  const width = (to - from) / n || 1;
  for (let row = 0; row < begin.length; row++) {
    if (end[row]! <= from || begin[row]! >= to) continue;
    const a = Math.max(begin[row]!, from);
    const b = Math.min(end[row]!, to);
    const base = group(row) * n;
    const k = kind[row]!;
    let bin = Math.min(Math.floor((a - from) / width), n - 1);
    const lastBin = Math.min(Math.floor((b - from) / width), n - 1);
    if (bin === lastBin) {
      sums[(base + bin) * kinds + k]! += b - a;
      continue;
    }
    sums[(base + bin) * kinds + k]! += from + (bin + 1) * width - a;
    for (bin++; bin < lastBin; bin++) sums[(base + bin) * kinds + k]! += width;
    sums[(base + lastBin) * kinds + k]! += b - (from + lastBin * width);
  }
  return { from, to, n, kinds, sums };
}
