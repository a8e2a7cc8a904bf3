// Percentiles and histograms of durations.

export interface Distribution {
  readonly count: number;
  readonly total: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** The smallest value that at least `share` of the sorted values do not exceed. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  if (sorted.length === 0) return NaN;
  return sorted[Math.max(Math.ceil(share * sorted.length) - 1, 0)]!;
}

/** Of values, which are sorted in place. */
export function distribution(values: Float64Array): Distribution {
  values.sort();
  let total = 0;
  for (const value of values) total += value;
  return {
    count: values.length,
    total,
    p50: quantile(values, 0.5),
    p90: quantile(values, 0.9),
    p99: quantile(values, 0.99),
    max: values.length > 0 ? values[values.length - 1]! : NaN,
  };
}

export interface Bucket {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** Buckets of 1, 2, 5 × 10ⁿ ns from the first to the last that has a value. */
export function histogram(values: ArrayLike<number>): Bucket[] {
  const counts = new Map<number, number>();
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < values.length; i++) {
    const at = bucketOf(values[i]!);
    counts.set(at, (counts.get(at) ?? 0) + 1);
    low = Math.min(low, at);
    high = Math.max(high, at);
  }
  const found = [];
  for (let at = low; at <= high; at++) found.push({ from: bound(at), to: bound(at + 1), count: counts.get(at) ?? 0 });
  return found;
}

function bound(at: number): number {
  if (at < 0) return 0;
  return [1, 2, 5][at % 3]! * 10 ** Math.floor(at / 3);
}

function bucketOf(value: number): number {
  if (value < 1) return -1;
  const power = Math.floor(Math.log10(value) + 1e-12);
  const lead = value / 10 ** power;
  return power * 3 + (lead >= 5 ? 2 : lead >= 2 ? 1 : 0);
}
