// Reads what `flightrec report` put into the page (FORMAT.md).

import { Table, type Column, type Value } from "./columns";

type Kind = "u8" | "u16" | "u32" | "i32" | "f64" | "none";

/** What a block says of a column. */
export interface Described {
  readonly kind: "plain" | "delta" | "dictionary";
  readonly type: Kind;
  /** For deltas: the first value. */
  readonly first?: number;
  /** For an interval's begin: the column from which it is taken off. */
  readonly before?: string;
  readonly values?: readonly Value[];
  /** Where its bytes are, from the end of the header. */
  readonly at: number;
  readonly size: number;
}

export interface Block {
  readonly table: string;
  readonly rows: number;
  readonly columns: Readonly<Record<string, Described>>;
  readonly data: Uint8Array;
}

export async function inflated(packed: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const direct = (Uint8Array as unknown as { fromBase64?: (text: string) => Uint8Array<ArrayBuffer> }).fromBase64;
  if (direct) return direct(text);
  const binary = atob(text);
  const found = new Uint8Array(binary.length);
  for (let i = 0; i < found.length; i++) found[i] = binary.charCodeAt(i);
  return found;
}

/** A block: the header's length in 32 bits, the header, the columns' bytes. */
export function parseBlock(bytes: Uint8Array): Block {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length))) as Omit<Block, "data">;
  return { ...header, data: bytes.slice(4 + length) };
}

function raw(block: Block, column: Described, rows: number): ArrayLike<number> {
  const { buffer, byteOffset } = block.data;
  const at = byteOffset + column.at;
  switch (column.type) {
    case "u8":
      return new Uint8Array(buffer, at, rows);
    case "u16":
      return new Uint16Array(buffer, at, rows);
    case "u32":
      return new Uint32Array(buffer, at, rows);
    case "i32":
      return new Int32Array(buffer, at, rows);
    case "f64":
      return new Float64Array(buffer, at, rows);
    case "none":
      return new Uint8Array(rows);
  }
}

/** The tables of all blocks; a table's blocks come in their order. */
export function tablesOf(blocks: readonly Block[]): Map<string, Table> {
  const by = new Map<string, Block[]>();
  for (const block of blocks) {
    const list = by.get(block.table);
    if (list) list.push(block);
    else by.set(block.table, [block]);
  }
  return new Map([...by].map(([name, list]) => [name, joined(list)]));
}

function joined(blocks: readonly Block[]): Table {
  const rows = blocks.reduce((n, block) => n + block.rows, 0);
  const columns = new Map<string, Column>();
  const names = Object.keys(blocks[0]!.columns);
  // A begin is told by its end, which must be there first.
  names.sort((a, b) => Number(!!blocks[0]!.columns[a]!.before) - Number(!!blocks[0]!.columns[b]!.before));
  for (const name of names) {
    const coded = blocks.every((block) => block.columns[name]!.kind === "dictionary");
    columns.set(name, coded ? dictionary(blocks, name, rows) : numbers(blocks, name, rows, columns));
  }
  return new Table(rows, columns);
}

function dictionary(blocks: readonly Block[], name: string, rows: number): Column {
  const known = new Map<Value, number>();
  const values: Value[] = [];
  const codes = new Uint32Array(rows);
  let at = 0;
  for (const block of blocks) {
    const column = block.columns[name]!;
    const ours = Uint32Array.from(column.values!, (value) => {
      let code = known.get(value);
      if (code === undefined) known.set(value, (code = values.push(value) - 1));
      return code;
    });
    const found = raw(block, column, block.rows);
    for (let i = 0; i < block.rows; i++) codes[at++] = ours[found[i]!]!;
  }
  return { codes, values };
}

function numbers(blocks: readonly Block[], name: string, rows: number, columns: ReadonlyMap<string, Column>): Column {
  const found = new Float64Array(rows);
  let at = 0;
  for (const block of blocks) {
    const column = block.columns[name]!;
    if (block.rows === 0) continue;
    if (column.kind === "delta") {
      const values = raw(block, column, block.rows - 1);
      let value = column.first!;
      found[at] = value;
      for (let i = 0; i < values.length; i++) found[at + i + 1] = value += values[i]!;
    } else if (column.kind === "dictionary") {
      const values = Float64Array.from(column.values!, (value) => (value === null ? NaN : Number(value)));
      const codes = raw(block, column, block.rows);
      for (let i = 0; i < block.rows; i++) found[at + i] = values[codes[i]!]!;
    } else {
      const values = raw(block, column, block.rows);
      const ends = column.before ? columns.get(column.before)?.numbers : undefined;
      for (let i = 0; i < block.rows; i++) found[at + i] = ends ? ends[at + i]! - values[i]! : values[i]!;
    }
    at += block.rows;
  }
  return { numbers: found };
}
