import type { CollectedSpan } from '@throughline/verify';
import { idOf } from './family.ts';
import { replaced } from './mutation.ts';
import type { Draw, Mutation } from './mutation.ts';

const SECOND = 1_000_000_000n;

/** Times break nothing: clocks are wrong, streams outlive who asked for them, and some exporters write no end. */
function retiming(
  name: string,
  isMeant: (span: CollectedSpan) => boolean,
  change: (span: CollectedSpan) => Partial<CollectedSpan>,
): Mutation {
  return {
    name,
    apply: ({ spans }) =>
      spans.some(isMeant)
        ? { spans: spans.map((span) => (isMeant(span) ? { ...span, ...change(span) } : span)), must: [] }
        : undefined,
  };
}

const by = (nanoseconds: bigint) => (span: CollectedSpan) => ({
  startTimeUnixNano: span.startTimeUnixNano + nanoseconds,
  endTimeUnixNano: span.endTimeUnixNano + nanoseconds,
});

const clock: Draw = ({ spans }, random) => {
  const { service } = random.pick(spans);
  const nanoseconds = BigInt(random.below(200_000) - 100_000) * (SECOND / 10n);
  return retiming(
    `puts the clock of ${service} by ${nanoseconds} ns`,
    (span) => span.service === service,
    by(nanoseconds),
  );
};

const late: Draw = ({ spans }, random) => {
  const id = idOf(random.pick(spans));
  const nanoseconds = BigInt(1 + random.below(600)) * SECOND;
  return {
    name: `ends ${id} ${nanoseconds} ns later`,
    apply: (family) => {
      const span = family.find(id);
      if (span === undefined) return undefined;
      return { spans: replaced(family, span, { endTimeUnixNano: span.endTimeUnixNano + nanoseconds }), must: [] };
    },
  };
};

const unended: Draw = ({ spans }, random) => {
  const id = idOf(random.pick(spans));
  const isAll = random.chance(0.3);
  return retiming(
    `takes the ${isAll ? 'times' : 'end'} of ${id}`,
    (span) => idOf(span) === id,
    () => ({ ...(isAll ? { startTimeUnixNano: 0n } : undefined), endTimeUnixNano: 0n }),
  );
};

const jitter: Draw = ({ spans }, random) => {
  const id = idOf(random.pick(spans));
  const nanoseconds = BigInt(random.below(40_000_000) - 20_000_000);
  return retiming(`moves ${id} by ${nanoseconds} ns`, (span) => idOf(span) === id, by(nanoseconds));
};

export const times: readonly Draw[] = [clock, late, unended, jitter];
