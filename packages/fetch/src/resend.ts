import { createContextKey } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';

interface Sent {
  readonly root: unknown;
  readonly resends: number;
}

const sentKey = createContextKey('throughline.dispatch');
// Handlers are nested as deep as interceptors are composed.
const MAX_DEPTH = 16;

/**
 * Returns how often the request of a dispatch was sent before, by a retry or a redirect, and the context in which the callbacks
 * of this dispatch run: what sends the request again starts from one of them. The context alone does not tell, since the caller's
 * next call may start there too, nor the handler, which may serve several calls: both have to be the same.
 */
export function resend(handler: object, caller: Context): { resends: number; callbacks: Context } {
  const root = rootOf(handler);
  const before = caller.getValue(sentKey) as Sent | undefined;
  const resends = before?.root === root ? before.resends + 1 : 0;
  return { resends, callbacks: caller.setValue(sentKey, { root, resends } satisfies Sent) };
}

/**
 * Returns the handler of the call itself. undici's retry and redirect handlers keep the one that they serve in `handler`; where
 * both are composed, the inner one is made anew each time that the outer one sends.
 */
function rootOf(handler: object): object {
  let root = handler;
  try {
    for (let depth = 0; depth < MAX_DEPTH; depth++) {
      const { handler: served } = root as { handler?: unknown };
      if (typeof served !== 'object' || served === null) break;
      root = served;
    }
  } catch {
    // A getter of somebody's handler threw.
  }
  return root;
}
