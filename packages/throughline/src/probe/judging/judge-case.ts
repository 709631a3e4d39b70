import type { Tried } from '../run-cases.ts';
import type { Seen } from '../sightings.ts';
import { judgeBaggage } from './judge-baggage.ts';
import { judgeOutgoing } from './judge-outgoing.ts';
import { judgeService } from './judge-service.ts';
import { judgeTrace } from './judge-trace.ts';
import { judgeTracestate } from './judge-tracestate.ts';
import { rowOf } from './row.ts';
import type { Expectations, Row } from './row.ts';

/** Returns the line for a case, by what was seen of it. */
export function judgeCase({ probeCase, attempt, trouble }: Tried, seen: Seen, expected: Expectations): Row {
  const about = { case: probeCase.id, about: probeCase.about };
  if (attempt === undefined) {
    return { ...about, outcome: 'not sent', level: 'unknown', evidence: [], details: [] };
  }
  const service = trouble === undefined ? undefined : judgeService(probeCase, trouble);
  const row = rowOf(about, [
    // Which trace a request that was not served is in is nobody’s fault.
    ...(service === undefined ? judgeTrace(probeCase, seen, expected) : [service]),
    ...judgeOutgoing(probeCase, attempt, seen),
    ...judgeTracestate(attempt, seen, expected),
    ...judgeBaggage(probeCase, attempt, seen, expected),
  ]);
  if (trouble === undefined || service !== undefined) return row;
  const why =
    trouble.what === 'limited'
      ? 'it asks for fewer requests'
      : 'so do requests without context, or this one now and then';
  return { ...row, details: [...row.details, `${trouble.said}: ${why}`] };
}
