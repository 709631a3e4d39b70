import { context as contextApi } from '@opentelemetry/api';
import { whenSettled } from '@throughline/core/adapter';
import { followApiPromise, isApiPromise } from './follow-api-promise.ts';
import { followStream, isStream } from './follow-stream.ts';
import type { Following } from './follow-stream.ts';

/**
 * Returns what `fn` returns, and tells when that is over: when it has returned or thrown, when its promise has settled, or when the stream
 * that comes out has been read, left, or forgotten. A stream, which is a web stream or whatever `for await` takes, is advanced in the
 * context of `following`, and its reader keeps its own.
 */
export function follow<T>(fn: () => T, following: Following): T {
  let result: T;
  try {
    result = contextApi.with(following.context, fn);
  } catch (error) {
    following.ended({ how: 'failed', error });
    throw error;
  }
  if (!isThenable(result)) return settled(result, following) as T;
  // Its kind says whether more than `then` is asked of it.
  if (Object.getPrototypeOf(result) === Promise.prototype && Object.keys(result).length === 0) {
    return (result as unknown as Promise<unknown>).then(
      (value) => settled(value, following),
      (error: unknown) => {
        following.ended({ how: 'failed', error });
        throw error;
      },
    ) as T;
  }
  if (isApiPromise(result))
    return followApiPromise(result, following, settled) as PromiseLike<unknown> as T & PromiseLike<unknown>;
  return followedThenable(result, following);
}

/** Takes what came out: it is over, or a stream, which comes back followed. */
function settled(value: unknown, following: Following): unknown {
  if (isStream(value)) return followStream(value, following);
  following.ended({ how: 'done', value });
  return value;
}

/** Returns a thenable that carries members of its own, such as a query that runs once it is asked for, as one of its kind. */
function followedThenable<T extends PromiseLike<unknown>>(thenable: T, following: Following): T {
  let streams = false;
  const streamed = (value: unknown): unknown => {
    if (!isStream(value)) return value;
    streams = true;
    return followStream(value, following);
  };
  return whenSettled(
    () => mapped(thenable, streamed),
    (failed, value) => {
      if (failed) following.ended({ how: 'failed', error: value });
      else if (!streams) following.ended({ how: 'done', value });
    },
  );
}

/** Returns a thenable whose value is mapped. All else of it stays. */
function mapped<T extends PromiseLike<unknown>>(thenable: T, map: (value: unknown) => unknown): T {
  const then = (fulfilled?: Callback, rejected?: Callback): unknown =>
    thenable.then((value) => {
      const after = map(value);
      return typeof fulfilled === 'function' ? fulfilled(after) : after;
    }, rejected);
  return new Proxy(thenable, {
    get(target, property) {
      if (property === 'then') return then;
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function' || property === 'constructor') return value;
      return (...args: unknown[]): unknown => Reflect.apply(value, target, args);
    },
  });
}

type Callback = ((value: unknown) => unknown) | null | undefined;

function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  try {
    return typeof (value as { then?: unknown }).then === 'function';
  } catch {
    // A getter threw: whoever awaits it will meet the same.
    return false;
  }
}
