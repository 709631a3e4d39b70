import type { ProbeCase } from '../cases/probe-case.ts';
import type { Seen, Sighting } from '../sightings.ts';
import type { Expectations, Level, Outcome, Remark } from './row.ts';

/** Says whether the trace went on, started anew or came on as it was, and whether that is right. */
export function judgeTrace(probeCase: ProbeCase, { sightings }: Seen, { publicEdge }: Expectations): Remark[] {
  const { trace } = probeCase;
  if (sightings.length === 0) return [];
  if (trace === 'none') return sightings.map(({ by }) => ({ level: 'ok', by, outcome: 'started' }));
  const isValid = trace === 'continue' || trace === 'may-continue' || trace === 'either';
  if (!isValid) return sightings.map((one) => ofInvalid(one, trace === 'ignore' ? 'fail' : 'warning', publicEdge));
  if (publicEdge) return sightings.map(atPublicEdge);
  const goesOn = sightings.filter(({ trace: how }) => how === 'continued' || how === 'relayed');
  if (goesOn.length === 0)
    return sightings.map((one) =>
      trace === 'either' ? { level: 'ok', by: one.by, outcome: 'restarted' } : cutOff(one, trace === 'continue'),
    );
  return [
    ...goesOn.map(({ by, trace: how }): Remark => ({ level: 'ok', by, outcome: how as Outcome })),
    ...sightings
      .filter((one) => !goesOn.includes(one))
      .map(({ by }): Remark => ({ level: 'warning', by, words: `${WHERE[by]} it is in another trace` })),
    ...(sightings.every(({ trace: how }) => how === 'relayed')
      ? [{ level: 'ok', by: 'callback', words: 'passed on as it came: nothing here took part in the trace' } as const]
      : []),
  ];
}

const WHERE: Readonly<Record<Sighting['by'], string>> = {
  spans: 'by its spans',
  callback: 'where it calls the callback',
  answer: 'by its answer',
  status: 'by its status',
};

function ofInvalid({ by, trace }: Sighting, level: Level, publicEdge: boolean): Remark {
  switch (trace) {
    case 'continued':
      return { level, by, outcome: 'continued', words: 'a context that is not valid was used' };
    case 'relayed':
      return publicEdge
        ? { level: 'warning', by, outcome: 'relayed', words: 'what a stranger sent came on to the callback as it was' }
        : { level: 'ok', by, outcome: 'relayed', words: 'passed on as it came: nothing here took part in the trace' };
    default:
      return { level: 'ok', by, outcome: 'ignored' };
  }
}

function atPublicEdge({ by, trace }: Sighting): Remark {
  switch (trace) {
    case 'continued':
      return { level: 'fail', by, outcome: 'continued', words: 'a stranger’s trace was continued' };
    case 'relayed':
      return {
        level: 'fail',
        by,
        outcome: 'relayed',
        words: 'a stranger’s traceparent came on to the callback as it was',
      };
    default:
      return { level: 'ok', by, outcome: 'restarted' };
  }
}

function cutOff({ by, trace, isByTime }: Sighting, isDuty: boolean): Remark {
  if (trace === 'linked') {
    const words = 'a new trace, which links the one that was sent: right at a public edge, and then say --public-edge';
    return { level: 'warning', by, outcome: 'restarted', words };
  }
  const level = isDuty && isByTime !== true ? 'fail' : 'warning';
  const words =
    isByTime === true
      ? 'a new trace began meanwhile; only the time speaks for it'
      : 'a new trace, in the place of the one that was sent';
  return { level, by, outcome: 'restarted', words };
}
