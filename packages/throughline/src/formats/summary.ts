import { printable } from '@throughline/verify';
import type { ChainReport, CriticalStep } from '@throughline/verify';
import { counted } from '../counted.ts';

/** So many steps of the longest path are named. */
const NAMED = 3;

/** Returns what a report says beside its findings, in lines: what the longest path spent its time on, what was asked again, and tokens. */
export function summaryOf({ criticalPath, repeated, agents }: ChainReport): string[] {
  const lines: string[] = [];
  const [first] = criticalPath?.steps ?? [];
  if (criticalPath !== undefined && first !== undefined) {
    const costly = [...criticalPath.steps].sort((a, b) => costOf(b) - costOf(a)).slice(0, NAMED);
    lines.push(`longest: ${lasting(criticalPath.duration)}, of which ${costly.map(told).join('; ')}`);
  }
  const [again] = repeated;
  if (again !== undefined) {
    const over = [again.transport, again.over ?? ''].map(printable).join(' ').trim();
    lines.push(
      `asked again: ${printable(again.from)} over ${over}, ${counted(again.again, 'time')}, ${lasting(again.took)}`,
    );
  }
  for (const { service, agent, tokens } of agents) {
    if (tokens === undefined) continue;
    const { input, output, calls } = tokens;
    const name = agent === undefined || agent === service ? service : `${service} ${agent}`;
    lines.push(`tokens: ${printable(name)} ${input} in, ${output} out, ${counted(calls, 'call')}`);
  }
  return lines;
}

function costOf({ self, waited }: CriticalStep): number {
  return self + waited;
}

function told({ service, name, over, self, waited }: CriticalStep): string {
  const who = `${printable(service)} ${printable(name)}`;
  const queue = waited > 0 ? ` after ${lasting(waited)} in ${over === undefined ? 'a queue' : printable(over)}` : '';
  return `${who} ${lasting(self)}${queue}`;
}

function lasting(milliseconds: number): string {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}
