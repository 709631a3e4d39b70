import type { Outcome } from './load.ts';

const MB = 1_000_000;
/** What a process may grow by once nothing more is kept. V8 collects when it likes: a collector that is full settles some 100 MB later. */
const GROWTH = 150 * MB;
/** How long one export of a hundred may wait. */
const LONGEST_MS = 1000;

/** Returns in which way a collector did not hold: it answers everything, loses no count, and is flat once it is full. */
export function faultsOf({ sent, rejected, statuses, samples, held }: Outcome): string[] {
  const faults: string[] = [];
  const others = [...statuses].filter(([status]) => status !== 200);
  if (others.length > 0) faults.push(`exports were answered with ${others.map(([status]) => status).join()}`);
  if (held.spans + held.rejected !== sent)
    faults.push(`of ${sent} spans ${held.spans} are kept and ${held.rejected} rejected`);
  if (held.rejected !== rejected) faults.push(`${held.rejected} were rejected, and senders were told of ${rejected}`);
  const full = samples.filter((sample) => sample.rejected > 0).map(({ memory }) => memory);
  const third = Math.ceil(full.length / 3);
  const [first, last] = [middleOf(full.slice(0, third)), middleOf(full.slice(-third))];
  if (full.length < 3) faults.push('it was never seen to be full: send more, or lower its limit');
  else if (last - first > GROWTH)
    faults.push(`its memory grew from ${first / MB} MB to ${last / MB} MB while it was full`);
  return faults;
}

/** Returns in which way it was slow, on a machine that does nothing else. */
export function latenessOf({ sent, seconds, waits }: Outcome, spansPerSecond: number): string[] {
  const faults: string[] = [];
  const late = waits[Math.floor((waits.length - 1) * 0.99)] ?? 0;
  if (late > LONGEST_MS) faults.push(`one export of a hundred waited for ${Math.round(late)} ms`);
  const rate = Math.round(sent / seconds);
  if (rate < 0.98 * spansPerSecond) faults.push(`it took ${rate} spans a second`);
  return faults;
}

function middleOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
