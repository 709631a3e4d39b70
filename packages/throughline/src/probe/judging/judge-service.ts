import type { ProbeCase } from '../cases/probe-case.ts';
import type { Trouble } from '../run-cases.ts';
import type { Level, Outcome, Remark } from './row.ts';

const OUTCOMES: Readonly<Record<Trouble['what'], Outcome>> = {
  gone: 'crashed',
  cut: 'dropped',
  silent: 'hung',
  failed: 'failed',
  refused: 'refused',
  limited: 'unknown',
};

/** Says what went wrong with a request that goes well without its context. W3C: whatever the fields hold, the request is served. */
export function judgeService(probeCase: ProbeCase, { what, certainty, said, orAfter }: Trouble): Remark | undefined {
  const remark = (level: Level, words: string): Remark => ({ level, by: 'status', outcome: OUTCOMES[what], words });
  if (what === 'gone') {
    if (certainty === 'again') return remark('fail', `it went down each time that this was sent (${said})`);
    if (certainty === 'once')
      return remark('warning', `it went down after this, and did not when it was sent again (${said})`);
    const when = orAfter === undefined ? 'this' : `${orAfter} or this`;
    return remark('fail', `it went down after ${when}, and nothing answers since (${said})`);
  }
  // Nothing is said of who was not well anyway.
  if (certainty === 'unsure' || what === 'limited') return undefined;
  // Of one that is no message: it was dropped.
  if (what === 'silent' && probeCase.mayRefuse === 'silently') {
    return { level: 'ok', by: 'status', outcome: 'refused', words: said };
  }
  const told = what === 'silent' || what === 'cut' ? said : `answered ${said}`;
  if (certainty === 'once') return remark('warning', `${told}, and not when it was sent again`);
  const level = levelOf(probeCase, what);
  return remark(level, level === 'fail' ? `${told}, each of 3 times; without the context it answers as usual` : told);
}

function levelOf({ mayRefuse = false, trace }: ProbeCase, what: Trouble['what']): Level {
  // Proxies end connections on what is too large for them.
  if (mayRefuse !== false) return what === 'refused' || what === 'cut' ? 'ok' : 'warning';
  return what === 'refused' && trace !== 'continue' ? 'warning' : 'fail';
}
