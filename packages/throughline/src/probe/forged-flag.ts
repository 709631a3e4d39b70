import { attempt, PLAIN } from './attempt.ts';
import type { Attempt } from './attempt.ts';
import type { Callback } from './callback.ts';
import { traceparentOf } from './cases/probe-case.ts';
import type { Ids } from './cases/probe-case.ts';
import { rowOf } from './judging/row.ts';
import type { Expectations, Remark, Row } from './judging/row.ts';
import { isKeyed, seenOf } from './sightings.ts';
import type { Evidence, Witnesses } from './sightings.ts';
import type { Target } from './targets/target.ts';

/** The same request many times, with a sampled flag that nobody drew, and without context. */
export interface Forgery {
  readonly forged: readonly Attempt[];
  readonly plain: readonly Attempt[];
}

const FORGED = { sends: (ids: Ids) => ({ traceparent: traceparentOf(ids) }) };

/** Sends both kinds in turn, so that what changes meanwhile changes for both. Stops where the target asks for fewer requests. */
export async function forge(
  target: Target,
  count: number,
  callback: Callback | undefined,
  told: (done: number) => void,
): Promise<Forgery> {
  const forged: Attempt[] = [];
  const plain: Attempt[] = [];
  for (let done = 0; done < count; done++) {
    const [one, other] = [await attempt(target, FORGED, callback), await attempt(target, PLAIN, callback)];
    if (!isServed(one) || !isServed(other)) break;
    forged.push(one);
    plain.push(other);
    told(done + 1);
  }
  return { forged, plain };
}

function isServed({ answer }: Attempt): boolean {
  return answer.kind === 'answered' && answer.served !== 'limited';
}

const ABOUT = { case: 'forged-flag' } as const;
/** How seldom chance alone may look like this: where every one is recorded, as where the flag is honoured, and else. */
const CHANCE_OF_ALL = 0.01;
const CHANCE = 0.0005;

/** Says whether a stranger’s sampled flag has the target record what it would not record by itself. */
export function judgeForgery(
  { forged, plain }: Forgery,
  witnesses: Witnesses,
  { publicEdge }: Pick<Expectations, 'publicEdge'>,
): Row {
  const about = { ...ABOUT, about: `the sampled flag, ${forged.length} times, and no context as often` };
  if (forged.length === 0) return { ...about, outcome: 'not sent', level: 'unknown', evidence: [], details: [] };
  const shares = sharesOf(forged, plain, witnesses);
  if (shares === undefined) {
    return { ...rowOf(about, []), details: ['nothing tells what was recorded'] };
  }
  const { by, ofForged, ofPlain } = shares;
  const told = `${ofForged} of ${forged.length} with the flag, ${ofPlain} of ${plain.length} without context`;
  const remark = (level: Remark['level'], outcome: Remark['outcome'], words: string): Row =>
    rowOf(about, [{ level, by, outcome: outcome ?? 'unknown', words }]);
  if (!publicEdge) return remark('ok', ofForged > ofPlain ? 'continued' : 'ignored', `recorded: ${told}`);
  const chance = chanceOf(ofForged, forged.length, ofPlain, plain.length);
  const isHonoured = chance < (ofForged === forged.length ? CHANCE_OF_ALL : CHANCE);
  if (isHonoured) return remark('fail', 'continued', `a stranger’s flag decides what is recorded: ${told}`);
  return remark('ok', 'ignored', `recorded: ${told}`);
}

interface Shares {
  readonly by: Evidence;
  readonly ofForged: number;
  readonly ofPlain: number;
}

/** By one kind of witness that saw requests of both kinds alike: what sees more of one than of the other would count for it. */
function sharesOf(forged: readonly Attempt[], plain: readonly Attempt[], witnesses: Witnesses): Shares | undefined {
  for (const by of ['callback', 'answer'] as const) {
    const sampled = (all: readonly Attempt[]): (boolean | undefined)[] =>
      all.map((one) => seenOf(one, witnesses).sightings.find((sighting) => sighting.by === by)?.sampled);
    const [ofForged, ofPlain] = [sampled(forged), sampled(plain)];
    if ([...ofForged, ...ofPlain].includes(undefined)) continue;
    return { by, ofForged: ofForged.filter(Boolean).length, ofPlain: ofPlain.filter(Boolean).length };
  }
  // Links and ids would find the forged ones alone.
  const recorded = (all: readonly Attempt[]): number =>
    all.filter(({ key }) => witnesses.spans.some((span) => isKeyed(span, key))).length;
  const [ofForged, ofPlain] = [recorded(forged), recorded(plain)];
  return ofForged + ofPlain === 0 ? undefined : { by: 'spans', ofForged, ofPlain };
}

/**
 * Returns how likely chance alone gives the first group so many of the hits, or more: Fisher’s exact test, with one side.
 */
export function chanceOf(hits: number, size: number, otherHits: number, otherSize: number): number {
  const all = hits + otherHits;
  const least = Math.max(0, all - otherSize);
  const most = Math.min(size, all);
  const weight = (at: number): number => choose(size, at) * choose(otherSize, all - at);
  let total = 0;
  let asMany = 0;
  for (let at = least; at <= most; at++) {
    total += weight(at);
    if (at >= hits) asMany += weight(at);
  }
  return asMany / total;
}

function choose(from: number, count: number): number {
  let ways = 1;
  for (let at = 1; at <= count; at++) ways = (ways * (from - count + at)) / at;
  return ways;
}
