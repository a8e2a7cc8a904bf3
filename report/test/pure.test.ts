import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateSync } from "node:zlib";
import { binned } from "../src/bins";
import { fromBase64, inflated, parseBlock, tablesOf } from "../src/decode";
import { flame } from "../src/flame";
import { bytes, count, duration, measured, moment, percent, shortFunction, shortName } from "../src/format";
import { formatPlace, parsePlace } from "../src/link";
import { packed } from "../src/pack";
import { clamped, panned, tickStep, ticks, zoomed } from "../src/scale";
import { SearchIndex } from "../src/search";
import { distribution, histogram } from "../src/stats";
import { Sums } from "../src/sums";
import { visible } from "../src/visible";

test("durations have three digits and the unit that fits", () => {
  const said = [0, 1, 999.6, 1234, 999_600, 1.5e6, 999_999_999, 59e9, 60e9, 5400e9, NaN].map(duration);
  assert.deepEqual(said, ["0 s", "1 ns", "1 µs", "1.23 µs", "1 ms", "1.5 ms", "1 s", "59 s", "1 min", "1.5 h", "—"]);
});

test("moments have as many digits as tell the ticks apart", () => {
  assert.equal(moment(1_234_567_890, 1e6), "1.235 s");
  assert.equal(moment(1_234_567_890, 10), "1.23456789 s");
  assert.equal(moment(0, 200e6), "0 ms");
});

test("counts, sizes, shares and functions are short", () => {
  assert.equal(count(1234567), "1\u202f234\u202f567");
  assert.equal(bytes(1536), "1.5 KiB");
  assert.deepEqual([0, 0.0004, 0.004, 0.5].map(percent), ["0 %", "< 0.1 %", "0.4 %", "50 %"]);
  assert.equal(shortFunction("net/http.(*conn).serve"), "http.(*conn).serve");
  assert.equal(shortFunction("a/b.F[c/d.T]"), "b.F[c/d.T]");
});

test("control, direction and lone surrogate characters are shown", () => {
  assert.equal(visible("a\0b\x1b[31m\u202e\x7f\ud800é\u{1f600}"), "a␀b␛[31m⟨U+202E⟩␡\ufffdé\u{1f600}");
});

test("zooming keeps the moment under the pointer, and stays inside of the trace", () => {
  const view = zoomed({ from: 0, to: 1000 }, 0.5, 250, 1000);
  assert.deepEqual(view, { from: 125, to: 625 });
  assert.deepEqual(zoomed(view, 100, 300, 1000), { from: 0, to: 1000 });
  assert.deepEqual(panned(view, 9999, 1000), { from: 500, to: 1000 });
  assert.deepEqual(clamped(-50, 50, 1000), { from: 0, to: 100 });
});

test("ticks are 1, 2 or 5 times a power of ten apart", () => {
  const view = { from: 130, to: 1130 };
  assert.equal(tickStep(view, 10), 100);
  assert.equal(tickStep(view, 9), 200);
  assert.deepEqual(ticks(view, 500), [500, 1000]);
});

/** Intervals of a lane, some with gaps between, as a generator of pseudo-random numbers makes them. */
function lane(n: number): { begin: Float64Array; end: Float64Array; kind: Uint8Array } {
  let seed = 42;
  const random = (): number => (seed = (seed * 1103515245 + 12345) % 2 ** 31) / 2 ** 31;
  const [begin, end, kind] = [new Float64Array(n), new Float64Array(n), new Uint8Array(n)];
  let time = 10;
  for (let i = 0; i < n; i++) {
    begin[i] = time += i % 7 === 0 ? 5 : 0;
    end[i] = time += 1 + Math.floor(random() * 100);
    kind[i] = Math.floor(random() * 3);
  }
  return { begin, end, kind };
}

function slowSums(of: ReturnType<typeof lane>, from: number, to: number): number[] {
  const sums = [0, 0, 0];
  of.kind.forEach((k, i) => (sums[k]! += Math.max(Math.min(of.end[i]!, to) - Math.max(of.begin[i]!, from), 0)));
  return sums;
}

test("sums between two moments are those of looking at each interval", () => {
  const of = lane(500);
  const sums = new Sums(of.begin, of.end, of.kind, 0, 500, 3);
  const last = of.end[499]!;
  const into = new Float64Array(3);
  for (let i = 0; i < 400; i++) {
    const from = (i * 7919) % last;
    const to = Math.min(from + ((i * 104729) % 5000), last + 50);
    sums.between(from, to, into);
    assert.deepEqual([...into], slowSums(of, from, to));
  }
});

test("bins hold all of the time in view, each interval in its group", () => {
  const of = lane(300);
  const found = binned(of.begin, of.end, of.kind, (row) => row % 2, 2, 3, 100, 8100, 64);
  const sums = [0, 0, 0];
  found.sums.forEach((value, i) => (sums[i % 3]! += value));
  slowSums(of, 100, 8100).forEach((value, k) => assert.ok(Math.abs(value - sums[k]!) < 0.5));
});

test("intervals that overlap lie on different lines, and as few as possible", () => {
  assert.deepEqual(packed([0, 5, 10, 12], [10, 20, 15, 13], [0, 1, 2, 3]), { line: Int32Array.of(0, 1, 0, 2), lines: 3 });
});

test("a flame graph's widths are shares, a parent's at least those of its children", () => {
  const stacks: Record<number, number[]> = { 1: [30, 20, 10], 2: [20, 10], 3: [40] };
  const { nodes, total, depth } = flame([[1, 60], [2, 20], [3, 20], [4, 0]], (stack) => stacks[stack] ?? []);
  assert.equal(total, 100);
  assert.equal(depth, 3);
  const widths = Object.fromEntries(nodes.map((node) => [node.frame, [node.depth, node.width, node.self]]));
  assert.deepEqual(widths, { 10: [0, 0.8, 0], 20: [1, 0.8, 20], 30: [2, 0.6, 60], 40: [0, 0.2, 20] });
});

test("a link restores its place, and what is wrong in one is left out", () => {
  const place = { t: [10, 2000] as const, g: -3, s: [20, 30] as const, task: 7, tab: "logs", q: "a&b=#ü", pin: [1, 2] };
  assert.deepEqual(parsePlace(formatPlace(place)), place);
  assert.deepEqual(parsePlace("#t=9-3&g=x&tab=../&s=1&pin=,a"), {});
  assert.equal(formatPlace({}), "");
});

test("a search finds what has every word, in any case, with its number", () => {
  const index = new SearchIndex();
  ["cache miss for A", "Miss", "other"].forEach((text, i) => index.add("log", text, i));
  assert.deepEqual(index.search("MISS", 10).found.map((entry) => entry.at), [1, 0]);
  assert.deepEqual(index.search("miss cache", 10).found.map((entry) => entry.at), [0]);
  assert.deepEqual([index.search("miss", 1).found.length, index.search("miss", 1).total], [1, 2]);
});

test("percentiles are values that there are; a histogram has each value once", () => {
  const found = distribution(Float64Array.from({ length: 100 }, (_, i) => 100 - i));
  assert.deepEqual([found.p50, found.p90, found.p99, found.max, found.total], [50, 90, 99, 100, 5050]);
  const buckets = histogram([0, 1, 4, 5, 1000]);
  assert.equal(buckets.reduce((n, bucket) => n + bucket.count, 0), 5);
  assert.deepEqual(buckets.at(-1), { from: 1000, to: 2000, count: 1 });
});

/** A block as `flightrec/report/write.py` makes it. */
function block(table: string, rows: number, columns: Record<string, { described: object; data: ArrayBufferView | null }>): string {
  let data = Buffer.alloc(0);
  const described: Record<string, object> = {};
  for (const [name, column] of Object.entries(columns)) {
    const bytes = column.data ? Buffer.from(column.data.buffer, column.data.byteOffset, column.data.byteLength) : Buffer.alloc(0);
    described[name] = { ...column.described, at: data.length, size: bytes.length };
    data = Buffer.concat([data, bytes, Buffer.alloc((8 - (bytes.length % 8)) % 8)]);
  }
  const header = Buffer.from(JSON.stringify({ table, rows, columns: described }));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(header.length);
  return deflateSync(Buffer.concat([length, header, data])).toString("base64");
}

test("blocks become tables: deltas, begins told by ends, dictionaries of several blocks", async () => {
  const sources = [
    block("t", 3, {
      begin_ns: { described: { kind: "plain", type: "u8", before: "end_ns" }, data: Uint8Array.of(5, 6, 7) },
      end_ns: { described: { kind: "delta", type: "i32", first: 100 }, data: Int32Array.of(-10, 20) },
      name: { described: { kind: "dictionary", type: "u8", values: ["a", null] }, data: Uint8Array.of(0, 1, 0) },
      at_ns: { described: { kind: "plain", type: "f64" }, data: Float64Array.of(1.5, NaN, 3) },
    }),
    block("t", 1, {
      begin_ns: { described: { kind: "plain", type: "u16", before: "end_ns" }, data: Uint16Array.of(300) },
      end_ns: { described: { kind: "delta", type: "u8", first: 500 }, data: null },
      name: { described: { kind: "dictionary", type: "none", values: ["b"] }, data: null },
      at_ns: { described: { kind: "plain", type: "f64" }, data: Float64Array.of(4) },
    }),
  ];
  const blocks = await Promise.all(sources.map(async (source) => parseBlock(await inflated(fromBase64(source)))));
  const table = tablesOf(blocks).get("t")!;
  assert.deepEqual([...table.numbers("end_ns")], [100, 90, 110, 500]);
  assert.deepEqual([...table.numbers("begin_ns")], [95, 84, 103, 200]);
  assert.deepEqual([0, 1, 2, 3].map((row) => table.value("name", row)), ["a", null, "a", "b"]);
  assert.deepEqual([0, 1].map((row) => table.value("at_ns", row)), [1.5, null]);
  assert.equal(table.text("nothing", 0), "");
});

test("a rule's value is a count, or three digits", () => {
  assert.equal(measured(12345), "12\u202f345");
  assert.equal(measured(0.123456), "0.123");
});

test("a goroutine's short name keeps its id and its function's package", () => {
  assert.equal(shortName("G7 net/http.(*conn).serve"), "G7 http.(*conn).serve");
  assert.equal(shortName("G7"), "G7");
});
