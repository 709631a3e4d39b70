import { context as contextApi } from '@opentelemetry/api';
import { whenSettled } from '@throughline/core/adapter';
import { followStream, isStream } from './follow-stream.ts';
import type { Following } from './follow-stream.ts';

/**
 * Returns what `fn` returns, and tells when that is over: when it has returned or thrown, when its promise has settled, or when the stream
 * that comes out has been read, left, or forgotten. A stream, which is a web stream or whatever `for await` takes, is advanced in the
 * context of `following`, and its reader keeps its own.
 */
export function follow<T>(fn: () => T, following: Following): T {
  let streams = false;
  const result = whenSettled(
    () => contextApi.with(following.context, () => mapped(fn(), streamed)),
    (failed, value) => {
      if (failed) following.ended({ how: 'failed', error: value });
      else if (!streams) following.ended({ how: 'done', value });
    },
  );
  return result;

  function streamed(value: unknown): unknown {
    if (!isStream(value)) return value;
    streams = true;
    following.stream?.();
    return followStream(value, following);
  }
}

/** Returns `result` with its value, or that of its promise, mapped. A promise that carries members of its own keeps them. */
function mapped<T>(result: T, map: (value: unknown) => unknown): T {
  if (!isThenable(result)) return map(result) as T;
  // Its kind says whether more than `then` is asked of it.
  if (Object.getPrototypeOf(result) === Promise.prototype && Object.keys(result).length === 0) {
    return (result as unknown as Promise<unknown>).then(map) as T;
  }
  const then = (fulfilled?: Callback, rejected?: Callback): unknown =>
    result.then((value) => {
      const after = map(value);
      return typeof fulfilled === 'function' ? fulfilled(after) : after;
    }, rejected);
  return new Proxy(result, {
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
