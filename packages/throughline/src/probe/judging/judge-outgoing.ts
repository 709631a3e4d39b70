import type { Attempt } from '../attempt.ts';
import type { ProbeCase } from '../cases/probe-case.ts';
import { isOurs, isRelayed } from '../sightings.ts';
import type { Seen } from '../sightings.ts';
import type { Remark } from './row.ts';

const VALID = /^00-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-([\da-f]{2})$/;
const SAMPLED = 1;
const RANDOM = 2;

/**
 * Says what is wrong with the `traceparent` that the target wrote.
 * https://www.w3.org/TR/trace-context-2/#mutating-the-traceparent-field
 */
export function judgeOutgoing(probeCase: ProbeCase, attempt: Attempt, { calls, sightings }: Seen): Remark[] {
  const remarks: Remark[] = [];
  const said = (level: Remark['level'], words: string): void => void remarks.push({ level, by: 'callback', words });
  for (const { traceparent } of calls) {
    if (traceparent === undefined || isRelayed(traceparent, attempt)) continue;
    const [, digits = '00'] = VALID.exec(traceparent) ?? [];
    if (!VALID.test(traceparent)) {
      said('fail', `it sent a traceparent on that is not valid: ${traceparent}`);
      continue;
    }
    const flags = Number.parseInt(digits, 16);
    if (flags > (SAMPLED | RANDOM)) said('warning', `it sent flags on that have no meaning: ${digits}`);
    if (!isOurs(traceparent.slice(3, 35), attempt)) continue;
    if (probeCase.sampled === false && (flags & SAMPLED) !== 0)
      said('warning', 'the sampled flag was off, and is on where it goes on');
    if (probeCase.sampled === true && (flags & SAMPLED) === 0)
      said('ok', 'the sampled flag was on, and is off where it goes on');
    if (probeCase.id === 'valid-random' && (flags & RANDOM) === 0)
      said('warning', 'the random flag was dropped (level 2)');
  }
  const isRecorded = sightings.some(({ by, trace }) => by === 'spans' && trace === 'continued');
  if (probeCase.sampled === false && isRecorded) {
    remarks.push({ level: 'warning', by: 'spans', words: 'recorded below a parent that is not: it will be missing' });
  }
  return remarks;
}
