import { checkChains } from '@throughline/verify';
import type { ChainFinding, CollectedSpan } from '@throughline/verify';
import { Random } from '@throughline/test-hostile/random';
import { captures } from '../captures.ts';
import { copies } from './copies.ts';
import { cutAt } from './cut.ts';
import { drops } from './drops.ts';
import { chainsOf, familyOf } from './family.ts';
import type { Mutated, Mutation, Need } from './mutation.ts';
import { parents } from './parents.ts';
import { unmet } from './receipts.ts';
import { times } from './times.ts';

/** A mutation that was judged wrong, and the fewest spans that show it. */
export interface Failure {
  readonly index: number;
  readonly captures: readonly string[];
  readonly mutation: string;
  /** What was not found, and what was found that is not there. */
  readonly missed: readonly Need[];
  readonly alarms: readonly string[];
  readonly services?: readonly string[] | undefined;
  /** Before the change and after it. */
  readonly before: readonly CollectedSpan[];
  readonly after: readonly CollectedSpan[];
}

// What a cache answers looks like a service that samples by itself, once some of its requests are left out.
const CACHED = 'nginx-answers-from-cache';
const sound = captures.filter(({ name, expected }) => expected.verdict === 'sound' && name !== CACHED);
const draws = [...drops, ...parents, ...times, ...copies];
const HOUR = 3_600_000_000_000n;

/** Runs mutations `from` to below `to` of a seed, and returns what was judged wrong. */
export function campaign(seed: number, from: number, to: number): Failure[] {
  const failures: Failure[] = [];
  for (let index = from; index < to; index++) {
    const failure = mutate(seed, index);
    if (failure !== undefined) failures.push(failure);
  }
  return failures;
}

/** Makes one mutation and has it judged. Each is drawn by its own seed, so that it can be made again alone. */
export function mutate(seed: number, index: number): Failure | undefined {
  const random = new Random(Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b));
  return random.chance(0.05) ? cutFile(index, random) : mutateSpans(index, random);
}

function cutFile(index: number, random: Random): Failure | undefined {
  const { name, file, spans } = random.pick(sound);
  const at = random.below(file.length + 1);
  const { problems, mutated } = cutAt(file, spans, at);
  const { missed, alarms } = judge(mutated);
  if (missed.length + alarms.length + problems.length === 0) return undefined;
  const mutation = `cuts the file at byte ${at}`;
  return {
    index,
    captures: [name],
    mutation,
    missed,
    alarms: [...alarms, ...problems],
    before: spans,
    after: mutated.spans,
  };
}

function mutateSpans(index: number, random: Random): Failure | undefined {
  const { names, spans } = draw(random);
  // Chains that are left out, and captures side by side, are sound to begin with.
  const { alarms } = judge({ spans, must: [] });
  if (alarms.length > 0)
    return { index, captures: names, mutation: 'nothing', missed: [], alarms, before: spans, after: spans };
  let mutation: Mutation | undefined;
  while (mutation === undefined) mutation = random.pick(draws)(familyOf(spans), random);
  const change = mutation;
  if (isRight(change, spans)) return undefined;
  const before = smallest(spans, (fewer) => isWrong(change, fewer));
  const mutated = change.apply(familyOf(before)) as Mutated;
  return {
    index,
    captures: names,
    mutation: change.name,
    ...judge(mutated),
    services: mutated.services,
    before,
    after: mutated.spans,
  };
}

/** Draws what is changed: some or all chains of a sound capture, sometimes with another capture an hour later. */
function draw(random: Random): { readonly names: string[]; readonly spans: CollectedSpan[] } {
  const first = random.pick(sound);
  const chosen = random.chance(0.3) ? [first, random.pick(sound)] : [first];
  const captured = [...new Set(chosen)].map(({ name, spans, expected }) => {
    const chains = chainsOf(familyOf(spans));
    const some = random.chance(0.5) || expected.whole === true ? chains : chains.filter(() => random.chance(0.6));
    return { name, spans: (some.length === 0 ? chains : some).flat() };
  });
  let start: bigint | undefined;
  const spans = captured.flatMap((capture) => {
    const begin = capture.spans.reduce(
      (least, span) => (span.startTimeUnixNano < least ? span.startTimeUnixNano : least),
      1n << 63n,
    );
    const by = start === undefined ? 0n : start - begin;
    const shifted = capture.spans.map((span) => ({
      ...span,
      startTimeUnixNano: span.startTimeUnixNano + by,
      endTimeUnixNano: span.endTimeUnixNano + by,
    }));
    start = shifted.reduce((most, span) => (span.endTimeUnixNano > most ? span.endTimeUnixNano : most), 0n) + HOUR;
    return shifted;
  });
  return { names: captured.map(({ name }) => name), spans };
}

const errorsOf = ({ spans, services }: Pick<Mutated, 'spans' | 'services'>): readonly ChainFinding[] =>
  checkChains(spans, { services }).findings.filter(({ severity }) => severity === 'error');

function judge(mutated: Mutated): Pick<Failure, 'missed' | 'alarms'> {
  const errors = errorsOf(mutated);
  const { may = [] } = mutated;
  const must = [...mutated.must, ...unmet(mutated.spans)];
  return {
    missed: must.filter((need) => !errors.some((error) => fits(error, need))),
    alarms: errors
      .filter((error) => ![...must, ...may].some((need) => fits(error, need)))
      .map(({ code, message }) => `${code}: ${message}`),
  };
}

function fits({ code, boundary }: ChainFinding, { codes, from, to }: Need): boolean {
  return (
    codes.includes(code) && (from === undefined || boundary?.from === from) && (to === undefined || boundary?.to === to)
  );
}

function isRight(mutation: Mutation, spans: readonly CollectedSpan[]): boolean {
  const mutated = mutation.apply(familyOf(spans));
  if (mutated === undefined) return true;
  const { missed, alarms } = judge(mutated);
  return missed.length + alarms.length === 0;
}

/** Whether fewer spans show it too: they are sound, and changed they are judged wrong. */
function isWrong(mutation: Mutation, spans: readonly CollectedSpan[]): boolean {
  return errorsOf({ spans }).length === 0 && !isRight(mutation, spans);
}

/** Takes spans away, many at once and then fewer, as long as what is left still shows it. */
function smallest(
  spans: readonly CollectedSpan[],
  shows: (fewer: readonly CollectedSpan[]) => boolean,
): readonly CollectedSpan[] {
  let kept = spans;
  if (!shows(kept)) return kept;
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < kept.length;) {
      const fewer = [...kept.slice(0, at), ...kept.slice(at + size)];
      if (shows(fewer)) kept = fewer;
      else at += size;
    }
  }
  return kept;
}
