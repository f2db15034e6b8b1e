/** Moving one of a few rows: where the others go, and what comes after it. */

interface Arrangement<T> {
  rows: T[];
  /** What the moved row comes before now; null at the end. */
  before: T | null;
}

/**
 * Put `moved`, which is at `from`, where the row at `to` is. It may come from outside of the rows: -1 is above them, and
 * their number below.
 */
export function arrange<T>(rows: readonly T[], moved: T, from: number, to: number): Arrangement<T> {
  const gap = from < to ? to + 1 : to;
  const before = rows[gap] ?? null;
  return { rows: rows.toSpliced(gap, 0, moved).filter((row, index) => row !== moved || index === gap), before };
}
