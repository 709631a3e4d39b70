import { sharedByCopies } from './loaded-copies.ts';

/** What is remembered of a call of a model that failed, for who logs its error. */
export interface FailedCall {
  readonly errorType: string | undefined;
  readonly operation: string | undefined;
  readonly model: string | undefined;
  readonly provider: string | undefined;
  readonly serverAddress: string | undefined;
  readonly agent: string | undefined;
  readonly conversationId: string | undefined;
  readonly requestId: string | undefined;
  readonly inputDigest: string | undefined;
}

const failed = (): WeakMap<object, FailedCall> =>
  sharedByCopies('failed-calls', () => new WeakMap<object, FailedCall>());

/** Remembers the call that an error came from. The first one that catches it made it; the others only pass it on. */
export function rememberFailure(error: unknown, call: FailedCall): void {
  if (typeof error === 'object' && error !== null && !failed().has(error)) failed().set(error, call);
}

const MAX_DEPTH = 8;

/** Returns the call that an error came from, or one behind it. Never throws. */
export function failedCallBehind(error: unknown): FailedCall | undefined {
  let at = error;
  for (let depth = 0; depth < MAX_DEPTH && typeof at === 'object' && at !== null; depth++) {
    const call = failed().get(at);
    if (call !== undefined) return call;
    try {
      at = (at as { cause?: unknown }).cause;
    } catch {
      // A getter of the user's error threw.
      return undefined;
    }
  }
  return undefined;
}

const REQUEST_ID_MEMBERS = ['requestID', 'requestId', 'request_id', '_request_id'] as const;
const MAX_LENGTH = 200;

/** Returns the id that an error of a provider's SDK says its request had. Never throws. */
export function requestIdIn(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  try {
    for (const name of REQUEST_ID_MEMBERS) {
      const id = (error as Readonly<Record<string, unknown>>)[name];
      if (typeof id === 'string' && id !== '' && id.length <= MAX_LENGTH) return id;
    }
  } catch {
    // A getter of the user's error threw.
  }
  return undefined;
}
