/** Moving one of a few rows: where the others go, and what comes after it. */

export interface Arrangement<T> {
  rows: T[];
  /** What the moved row comes before now; null at the end. */
  before: T | null;
}

/** Take the row at `from` out and put it where the row at `to` is. */
export function arrange<T>(rows: readonly T[], from: number, to: number): Arrangement<T> {
  const moved = rows[from];
  if (moved === undefined) throw new RangeError(`no row ${from}`);
  const others = rows.toSpliced(from, 1);
  return { rows: others.toSpliced(to, 0, moved), before: others[to] ?? null };
}
