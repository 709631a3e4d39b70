import { printable } from '../printable.ts';
import type { ChainBoundary } from './finding.ts';

/** Returns a name out of a span as it may be printed. */
export function shown(name: string | undefined): string {
  return name === undefined ? 'an unknown service' : printable(name);
}

/** Returns how a finding names a boundary: `planner → analyst over kafka desk.tasks`. */
export function crossing({ from, to, transport, over }: ChainBoundary): string {
  const way = [transport, over]
    .filter((part) => part !== undefined)
    .map(printable)
    .join(' ');
  return `${shown(from)} → ${shown(to)}${way === '' ? '' : ` over ${way}`}`;
}

/** Returns a number of things, with the thing in its number. */
export function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

/** Returns milliseconds for people. */
export function lasting(milliseconds: number): string {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}
