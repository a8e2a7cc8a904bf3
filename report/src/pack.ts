// Intervals that overlap, on as few lines as they fit on.

/** The line of each interval; `order` lists them by begin. */
export function packed(begin: ArrayLike<number>, end: ArrayLike<number>, order: ArrayLike<number>): { line: Int32Array; lines: number } {
  const line = new Int32Array(begin.length);
  // Lines that are free, smallest first, and those in use by when they end: two binary heaps.
  const free: number[] = [];
  const used: number[] = [];
  const ends: number[] = [];
  let lines = 0;
  const less = (a: number, b: number): boolean => ends[a]! < ends[b]!;
  const smaller = (a: number, b: number): boolean => a < b;
  for (let i = 0; i < order.length; i++) {
    const item = order[i]!;
    while (used.length > 0 && ends[used[0]!]! <= begin[item]!) push(free, pop(used, less), smaller);
    const at = free.length > 0 ? pop(free, smaller) : lines++;
    line[item] = at;
    ends[at] = Math.max(end[item]!, begin[item]!);
    push(used, at, less);
  }
  return { line, lines };
}

function push(heap: number[], item: number, less: (a: number, b: number) => boolean): void {
  let i = heap.push(item) - 1;
  while (i > 0) {
    const up = (i - 1) >> 1;
    if (!less(item, heap[up]!)) break;
    heap[i] = heap[up]!;
    i = up;
  }
  heap[i] = item;
}

function pop(heap: number[], less: (a: number, b: number) => boolean): number {
  const top = heap[0]!;
  const item = heap.pop()!;
  if (heap.length === 0) return top;
  let i = 0;
  for (;;) {
    let down = 2 * i + 1;
    if (down >= heap.length) break;
    if (down + 1 < heap.length && less(heap[down + 1]!, heap[down]!)) down++;
    if (!less(heap[down]!, item)) break;
    heap[i] = heap[down]!;
    i = down;
  }
  heap[i] = item;
  return top;
}
