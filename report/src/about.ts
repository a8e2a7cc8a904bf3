// What the page is told beside the tables.

export interface Line {
  readonly depth: number;
  readonly ns: number;
  readonly text: string;
  /** The goroutine of it, as Go numbers it. */
  readonly goid: number;
}

/** Why a snapshot was saved, as the file beside it has it; all of it may be missing or anything. */
export interface Reason {
  readonly rule?: unknown;
  readonly condition?: unknown;
  readonly reason?: unknown;
  readonly values?: unknown;
  readonly trace_ns?: unknown;
}

export interface About {
  readonly format: number;
  /** On the trace clock; text, because it may be more than a number holds. */
  readonly origin_ns: string;
  readonly total_ns: number;
  readonly flightrec: string;
  readonly snapshot: {
    readonly path: string;
    readonly format: string;
    readonly nbytes: number | null;
    readonly events: number;
    readonly wall_offset_ns: string | null;
    readonly error: string | null;
    readonly reason: string | null;
    readonly rule: string | null;
    readonly sidecar: { readonly reasons?: unknown; readonly versions?: Record<string, string> } | null;
  };
  /** Times are ns since the trace's begin. */
  readonly explanation: {
    readonly headline: string;
    readonly lines: readonly Line[];
    readonly notes: readonly string[];
    readonly kind: string;
    readonly id: number | null;
    readonly goid: number | null;
    readonly begin_ns: number;
    readonly end_ns: number;
  } | null;
}
