/*
 * An SDK keeps 2,000 series of an instrument unless it is told otherwise, and whatever comes after them has none of its own. What a
 * peer may choose is bounded before it becomes a label of a metric.
 */

/** What stands for all that is no series of its own, as it stands for unknown methods and errors in the conventions. */
export const OTHER = '_OTHER';

// Longer than any label.
const MAX_LENGTH = 1024;

/** Whether `value` is among the first `most` distinct ones, which `known` remembers. */
export function isAmong(known: Set<string>, value: string, most: number): boolean {
  if (known.has(value)) return true;
  if (known.size >= most || value.length > MAX_LENGTH) return false;
  known.add(value);
  return true;
}
