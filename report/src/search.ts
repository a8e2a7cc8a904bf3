// Finding things by what they are called. Every word that is searched for must be there, in any case.

export interface Entry {
  readonly kind: string;
  readonly text: string;
  /** What it stands for: an index into the things of its kind. */
  readonly at: number;
}

export interface Matches {
  readonly found: Entry[];
  /** How many there are, also those beyond the limit. */
  readonly total: number;
}

export function words(query: string): string[] {
  return query.toLowerCase().split(/\s+/).filter(Boolean);
}

export class SearchIndex {
  private readonly lowered: string[] = [];
  private readonly entries: Entry[] = [];

  add(kind: string, text: string, at: number): void {
    this.entries.push({ kind, text, at });
    this.lowered.push(text.toLowerCase());
  }

  /** What has every word; what begins with the query first, then the order it was added in. */
  search(query: string, limit: number): Matches {
    const wanted = words(query);
    if (wanted.length === 0) return { found: [], total: 0 };
    const whole = query.trim().toLowerCase();
    const first: Entry[] = [];
    const rest: Entry[] = [];
    let total = 0;
    for (let i = 0; i < this.lowered.length; i++) {
      const text = this.lowered[i]!;
      if (!wanted.every((word) => text.includes(word))) continue;
      total++;
      const list = text.startsWith(whole) ? first : rest;
      if (list.length < limit) list.push(this.entries[i]!);
    }
    return { found: [...first, ...rest].slice(0, limit), total };
  }
}
