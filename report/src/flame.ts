// Stacks with weights, as a flame graph: one node for each way that leads from the root to a frame.

export interface FlameNode {
  readonly frame: number;
  readonly depth: number;
  /** Where it begins and how wide it is, as shares of the whole. */
  x: number;
  width: number;
  weight: number;
  self: number;
  readonly children: Map<number, FlameNode>;
}

/** A tree of stacks (frames innermost first, as `frames` gives them) and their weights. */
export function flame(weights: Iterable<readonly [number, number]>, frames: (stack: number) => ArrayLike<number>): { nodes: FlameNode[]; total: number; depth: number } {
  const root = node(-1, -1);
  for (const [stack, weight] of weights) {
    if (!(weight > 0)) continue;
    root.weight += weight;
    let at = root;
    const list = frames(stack);
    for (let i = list.length - 1; i >= 0; i--) {
      const frame = list[i]!;
      let next = at.children.get(frame);
      if (next === undefined) at.children.set(frame, (next = node(frame, at.depth + 1)));
      next.weight += weight;
      at = next;
    }
    at.self += weight;
  }
  const nodes: FlameNode[] = [];
  let depth = 0;
  const todo: FlameNode[] = [root];
  root.width = 1;
  while (todo.length > 0) {
    const at = todo.pop()!;
    let x = at.x;
    for (const child of [...at.children.values()].sort((a, b) => b.weight - a.weight)) {
      child.x = x;
      child.width = child.weight / root.weight;
      x += child.width;
      depth = Math.max(depth, child.depth + 1);
      nodes.push(child);
      todo.push(child);
    }
  }
  return { nodes, total: root.weight, depth };
}

function node(frame: number, depth: number): FlameNode {
  return { frame, depth, x: 0, width: 0, weight: 0, self: 0, children: new Map() };
}
