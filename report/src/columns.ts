// Columns of a table as the page has them in memory.

export type Value = string | number | boolean | null;

/** One column: numbers (NaN for none), or an index into a list of values for each row. */
export type Column =
  | { readonly numbers: Float64Array; readonly codes?: undefined; readonly values?: undefined }
  | { readonly numbers?: undefined; readonly codes: Uint32Array; readonly values: readonly Value[] };

/** A table. A column that is not there reads as one of nothing. */
export class Table {
  constructor(
    readonly rows: number,
    private readonly columns: ReadonlyMap<string, Column>,
  ) {}

  value(name: string, row: number): Value {
    const column = this.columns.get(name);
    if (column === undefined) return null;
    if (column.numbers) {
      const value = column.numbers[row]!;
      return Number.isNaN(value) ? null : value;
    }
    return column.values[column.codes[row]!] ?? null;
  }

  text(name: string, row: number): string {
    const value = this.value(name, row);
    return value === null ? "" : String(value);
  }

  number(name: string, row: number): number {
    return asNumber(this.value(name, row));
  }

  /** A column as numbers; NaN where there is none. */
  numbers(name: string): Float64Array {
    const column = this.columns.get(name);
    if (column === undefined) return new Float64Array(this.rows).fill(NaN);
    if (column.numbers) return column.numbers;
    const values = Float64Array.from(column.values, asNumber);
    const found = new Float64Array(this.rows);
    for (let i = 0; i < found.length; i++) found[i] = values[column.codes[i]!]!;
    return found;
  }

  /** A column as numbers of 32 bits, for ids; `NONE` where there is none. */
  ids(name: string): Int32Array {
    const column = this.columns.get(name);
    const found = new Int32Array(this.rows).fill(NONE);
    if (column === undefined) return found;
    if (column.codes) {
      const values = Int32Array.from(column.values, asId);
      for (let i = 0; i < found.length; i++) found[i] = values[column.codes[i]!]!;
    } else for (let i = 0; i < found.length; i++) found[i] = asId(column.numbers[i]!);
    return found;
  }

  /** A column's rows as indexes into a list of its different values. */
  coded(name: string): { codes: Uint32Array; values: readonly Value[] } {
    const column = this.columns.get(name);
    if (column === undefined) return { codes: new Uint32Array(this.rows), values: [null] };
    if (column.codes) return column;
    const known = new Map<number, number>();
    const values: number[] = [];
    const codes = column.numbers.map((value) => known.get(value) ?? (values.push(value), known.set(value, values.length - 1), values.length - 1));
    return { codes: Uint32Array.from(codes), values };
  }
}

/** In a column of ids: there is none. */
export const NONE = -2147483648;

function asNumber(value: Value): number {
  return value === null || value === "" ? NaN : Number(value);
}

function asId(value: Value): number {
  const number = asNumber(value);
  return Number.isNaN(number) ? NONE : number;
}
