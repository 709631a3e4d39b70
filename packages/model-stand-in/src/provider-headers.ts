/** The headers that an answer comes with. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Behaviour } from './behaviour.ts';
import { RATE_LIMITS_LEFT } from './rate-limits.ts';
import type { ProviderVoice } from './wire-format.ts';

const DEFAULT_EDGE = 'IAD';

/** Returns the id of a request. */
export function requestIdOf({ report }: Behaviour): string {
  return report?.requestId ?? `req_${randomUUID().replaceAll('-', '')}`;
}

/** Returns the headers of an answer that took so long until here. */
export function providerHeaders(
  voice: ProviderVoice,
  { report = {}, fail, headers = {} }: Behaviour,
  requestId: string,
  passedMs: number,
): Record<string, string> {
  const limited = fail?.by === 'status' && fail.status === 429;
  const all = {
    ...voice.headers({
      requestId,
      processingMs: report.processingMs ?? Math.round(passedMs),
      remaining: { ...RATE_LIMITS_LEFT, ...(limited && { requests: 0 }), ...report.remaining },
    }),
    'cf-ray': `${randomBytes(8).toString('hex')}-${report.edge ?? DEFAULT_EDGE}`,
    'x-ms-region': report.region,
    'x-queue-time': report.queueMs,
    'retry-after': fail?.by === 'status' ? fail.retryAfter : undefined,
    'retry-after-ms': fail?.by === 'status' ? fail.retryAfterMs : undefined,
    ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
  };
  return Object.fromEntries(
    Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  );
}
