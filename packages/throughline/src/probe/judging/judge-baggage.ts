import { isDeepStrictEqual } from 'node:util';
import type { CollectedSpan } from '@throughline/verify';
import type { Attempt } from '../attempt.ts';
import { INJECTED } from '../cases/baggage-cases.ts';
import type { ProbeCase } from '../cases/probe-case.ts';
import type { Seen } from '../sightings.ts';
import type { Expectations, Remark } from './row.ts';

/** https://www.w3.org/TR/baggage/#limits */
const PASSED_ON = 64;

/** Says where the baggage of a request went. */
export function judgeBaggage(
  { id }: ProbeCase,
  attempt: Attempt,
  { calls, spans }: Seen,
  { publicEdge, thirdParty }: Expectations,
): Remark[] {
  const remarks: Remark[] = [];
  const { marker } = attempt.ids;
  const names = calls.flatMap(({ baggage }) => (baggage === undefined ? [] : namesIn(baggage)));
  const ours = names.filter(isOurs);
  if (ours.length > 0) {
    if (publicEdge) remarks.push(leak(`a stranger’s baggage came on to the callback: ${some(ours)}`));
    else if (thirdParty) remarks.push(leak(`the callback, a third party, got the caller’s baggage: ${some(ours)}`));
    else remarks.push({ level: 'ok', by: 'callback', words: `baggage was passed on: ${some(ours)}` });
    // What the target added counts: the limit is that of what it sends.
    if (id === 'baggage-64' && !publicEdge && !thirdParty && names.length < PASSED_ON) {
      remarks.push({
        level: 'warning',
        by: 'callback',
        words: `of ${PASSED_ON} members of baggage ${ours.length} were passed on`,
      });
    }
  }
  if (publicEdge && attempt.sent.baggage !== undefined) {
    const written = writtenTo(spans, marker);
    if (written !== undefined) {
      remarks.push({
        level: 'warning',
        by: 'spans',
        words: `a stranger’s baggage is an attribute of its spans: ${written}`,
      });
    }
  }
  return [
    ...remarks,
    ...injected(
      attempt,
      calls.some(({ isInjected }) => isInjected),
    ),
    ...echoed(attempt),
  ];
}

function leak(words: string): Remark {
  return { level: 'fail', by: 'callback', outcome: 'leaked', words };
}

/** Whether a member of baggage has a name that the probe gives. */
export function isOurs(name: string): boolean {
  return name.startsWith('probe-') || name === '__proto__' || name === 'constructor';
}

/** Returns the names of the members of a list of baggage. */
export function namesIn(baggage: string): string[] {
  return baggage
    .split(',')
    .map((member) => member.split(/[=;]/, 1)[0]?.trim() ?? '')
    .filter((name) => name !== '');
}

/** Returns the first of these names, and how many more there are. */
export function some(names: readonly string[]): string {
  return names.length > 3 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ');
}

/** Returns the attribute that has the value of the marker. Captured headers have it too, and say whose it is by their name. */
function writtenTo(spans: readonly CollectedSpan[], marker: string): string | undefined {
  for (const { attributes } of spans) {
    for (const [name, value] of Object.entries(attributes)) {
      if (isDeepStrictEqual(value, marker)) return name;
    }
  }
  return undefined;
}

/** A percent-encoded line break in baggage became one in a header. */
function injected({ answer }: Attempt, isInCall: boolean): Remark[] {
  const isInAnswer = answer.kind === 'answered' && answer.headers.some(([name]) => name.toLowerCase() === INJECTED);
  const words = 'decoded baggage was written into a header, and made another header';
  return [
    ...(isInCall ? [leak(words)] : []),
    ...(isInAnswer ? [{ level: 'fail', by: 'answer', outcome: 'leaked', words } as const] : []),
  ];
}

/** What the caller sent itself is no secret to it: said, and not judged. */
function echoed({ answer, ids }: Attempt): Remark[] {
  if (answer.kind !== 'answered') return [];
  const header = answer.headers.find(([, value]) => value.includes(ids.marker))?.[0];
  if (header !== undefined) return [{ level: 'ok', by: 'answer', words: `baggage came back in the header ${header}` }];
  return answer.text.includes(ids.marker)
    ? [{ level: 'ok', by: 'answer', words: 'baggage came back in the body' }]
    : [];
}
