import { randomBytes } from 'node:crypto';
import type { Ids, ProbeCase, Sent } from './cases/probe-case.ts';
import type { Callback } from './callback.ts';
import type { Answer, Target } from './targets/target.ts';

/** One request, and what came of it. */
export interface Attempt {
  readonly key: string;
  readonly ids: Ids;
  readonly sent: Sent;
  readonly answer: Answer;
  /** Milliseconds since 1970 at which it was sent, and was over. */
  readonly from: number;
  readonly to: number;
}

/** A request without any context. */
export const PLAIN: Pick<ProbeCase, 'sends'> = { sends: () => ({}) };

/** Sends what a case sends, with ids of its own. Never rejects. */
export async function attempt(
  target: Target,
  { sends }: Pick<ProbeCase, 'sends'>,
  callback: Callback | undefined,
): Promise<Attempt> {
  const hex = (bytes: number): string => randomBytes(bytes).toString('hex');
  const key = hex(6);
  // Not zeros, by their first digits.
  const ids: Ids = {
    traceId: `7e${hex(15)}`,
    otherTraceId: `7e${hex(15)}`,
    spanId: `7e${hex(7)}`,
    marker: `probe-${hex(6)}`,
  };
  const sent = sends(ids);
  const from = Date.now();
  const answer = await target.send(sent, { key, callback: callback?.urlFor(key) });
  return { key, ids, sent, answer, from, to: Date.now() };
}
