import { added, median } from '../measure.ts';
import type { Cost } from '../measure.ts';
import type { Result } from '../results.ts';

/** Whom one variant is held against, and the most that it may cost of what that one does. */
export interface Opponent<V extends string> {
  readonly variant: V;
  readonly opponent: string;
  readonly target?: number;
}

/** Returns a row for each opponent of one variant, both over `bare`. */
export function compare<V extends string>(
  costs: Readonly<Record<V, Cost>>,
  bare: V,
  what: string,
  ours: V,
  opponents: readonly Opponent<V>[],
): Result[] {
  const over = (variant: V): number => added(costs[variant], costs[bare]);
  return opponents.map(({ variant, opponent, target }) => ({
    what,
    opponent,
    ours: over(ours),
    theirs: over(variant),
    target,
  }));
}

/** Returns the notes of a report: what each bare variant costs, which is one whose name says so, and the spans of all. */
export function notesOf(costs: Readonly<Record<string, Cost>>): string[] {
  const all = Object.entries(costs);
  const bare = all.filter(([name]) => name.startsWith('bare'));
  return [
    bare.map(([name, { rounds }]) => `B${name.slice(1)}: ${median(rounds).toFixed(1)} µs.`).join(' '),
    `Spans a request: ${all.map(([name, { spans }]) => `${name} ${spans.toFixed(2)}`).join('; ')}.`,
  ];
}
