// How much time a lane spent in each state between two moments, without looking at each interval.

const BLOCK = 32;

/** The first index in low..high whose value is greater than `value`. */
export function upper(values: ArrayLike<number>, value: number, low: number, high: number): number {
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Sums over intervals first..last of columns that hold the intervals of many lanes. A lane's are
 * in order and do not overlap. The sums up to each 32nd are kept, so that a question costs a
 * binary search and a look at 64 intervals, however many lie between.
 */
export class Sums {
  private readonly kept: Float64Array;
  constructor(
    readonly begin: Float64Array,
    readonly end: Float64Array,
    readonly kind: Uint8Array,
    readonly first: number,
    readonly last: number,
    readonly kinds: number,
  ) {
    const blocks = Math.floor((last - first) / BLOCK) + 1;
    const kept = (this.kept = new Float64Array(blocks * kinds));
    for (let b = 1; b < blocks; b++) {
      const to = b * kinds;
      for (let k = 0; k < kinds; k++) kept[to + k] = kept[to - kinds + k]!;
      const stop = first + b * BLOCK;
      for (let i = stop - BLOCK; i < stop; i++) kept[to + kind[i]!]! += end[i]! - begin[i]!;
    }
  }

  /** The interval that has `time` in it, or else the first that begins after it. */
  at(time: number): number {
    return upper(this.end, time, this.first, this.last);
  }

  /** Add the time of each state before `time` × sign to `into`. Returns the interval there. */
  private before(time: number, into: Float64Array, sign: number): number {
    const { begin, end, kind, kinds, kept, first } = this;
    const i = this.at(time);
    const block = Math.floor((i - first) / BLOCK);
    for (let k = 0; k < kinds; k++) into[k]! += sign * kept[block * kinds + k]!;
    for (let j = first + block * BLOCK; j < i; j++) into[kind[j]!]! += sign * (end[j]! - begin[j]!);
    if (i < this.last && begin[i]! < time) into[kind[i]!]! += sign * (time - begin[i]!);
    return i;
  }

  /** The ns of each state in from..to, into `into` (cleared first). */
  between(from: number, to: number, into: Float64Array): void {
    into.fill(0);
    this.before(to, into, 1);
    this.before(from, into, -1);
  }
}
