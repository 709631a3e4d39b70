import { printable, renderUsage } from '@throughline/verify';
import type { ChainReport, CriticalStep } from '@throughline/verify';
import { counted } from '../counted.ts';

/** So many steps of the longest path are named. */
const NAMED = 3;
/** So many signals are told. */
const NAMED_SIGNALS = 20;

/** Returns what a report says beside its findings, in lines: what the longest path spent its time on, what was asked again, tokens, and signals. */
export function summaryOf(report: ChainReport): string[] {
  const { criticalPath, repeated, signals } = report;
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
  lines.push(...renderUsage(report));
  for (const { kind, service, agent, count } of signals.slice(0, NAMED_SIGNALS)) {
    const name = agent === undefined || agent === service ? service : `${service} ${agent}`;
    lines.push(`signal: ${printable(kind)} at ${printable(name)}, ${counted(count, 'time')}`);
  }
  if (signals.length > NAMED_SIGNALS) lines.push(`signal: … and ${signals.length - NAMED_SIGNALS} more`);
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
