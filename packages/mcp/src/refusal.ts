import type { Refused } from '@throughline/core';
import type { Outcome } from '@throughline/core/adapter';
import { ERROR_DEADLINE, META_PROTOCOL_VERSION } from './conventions.ts';
import { isObject } from './message.ts';
import type { RequestId } from './message.ts';

// Of the codes that JSON-RPC leaves to implementations; the revision of 2026-07-28 takes those from -32020 on for itself.
const REFUSED = -32_010;
// What both SDKs call a request that timed out.
const REQUEST_TIMEOUT = -32_001;

/** An answer to a request. */
export interface Answer {
  readonly jsonrpc: '2.0';
  readonly id: RequestId;
  readonly result?: RefusedResult;
  readonly error?: {
    readonly code: number;
    readonly message: string;
    readonly data: Readonly<Record<string, unknown>>;
  };
}

/** The result of a tool call that was refused: for a model to read and act on. */
export interface RefusedResult {
  readonly isError: true;
  readonly content: readonly { readonly type: 'text'; readonly text: string }[];
  readonly resultType?: 'complete';
}

/** Returns what a tool call that was refused results in. The revision of 2026-07-28 wants to know what kind of result it is. */
export function refusedResult({ message }: Refused, meta: unknown): RefusedResult {
  const result: RefusedResult = { isError: true, content: [{ type: 'text', text: message }] };
  return isObject(meta) && meta[META_PROTOCOL_VERSION] !== undefined ? { ...result, resultType: 'complete' } : result;
}

/** Returns the answer to a request that was refused: a result that a model can read for a tool call, else an error. */
export function refusalAnswer(id: RequestId, method: string, params: unknown, refused: Refused): Answer {
  // A call that asks for a task of SDK v1 is answered with the task, and no result.
  if (method === 'tools/call' && isObject(params) && params['task'] === undefined)
    return { jsonrpc: '2.0', id, result: refusedResult(refused, params['_meta']) };
  const { reason, lineage } = refused.error;
  const data = { reason, hops: lineage.hops, maxHops: lineage.maxHops };
  return { jsonrpc: '2.0', id, error: { code: REFUSED, message: refused.message, data } };
}

/** Returns what fails a request at the deadline of its chain as a timeout of the SDK's own would. */
export function deadlineAnswer(id: RequestId): Answer {
  const data = { reason: 'deadline' };
  return { jsonrpc: '2.0', id, error: { code: REQUEST_TIMEOUT, message: 'Request timed out', data } };
}

/** The outcome of a request that was in flight at the deadline of its chain. */
export const pastDeadline: Outcome = { errorType: ERROR_DEADLINE };

/** Returns how a request that was refused came out, in the words of its span. */
export function refusedOutcome({ refused }: Refused): Outcome {
  return { errorType: `throughline.${refused}` };
}
