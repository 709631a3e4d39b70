import { printable } from '../printable.ts';

/** Returns a name out of a span as it may be printed. */
export function shown(name: string | undefined): string {
  return name === undefined ? 'an unknown service' : printable(name);
}

/** What a boundary is named by. */
type Crossing = Readonly<Partial<Record<'from' | 'to' | 'transport' | 'over', string | undefined>>>;

/** Returns how a finding names a boundary: `planner → analyst over kafka desk.tasks`. */
export function crossing({ from, to, transport, over }: Crossing): string {
  const way = [transport, over]
    .filter((part) => part !== undefined)
    .map(printable)
    .join(' ');
  return `${shown(from)} → ${shown(to)}${way === '' ? '' : ` over ${way}`}`;
}

/** Returns a number of things, as `1 span` or `2 spans`. */
export function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** Returns how often. */
export function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

/** Returns milliseconds for people. */
export function lasting(milliseconds: number): string {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}
