import { context as contextApi, ROOT_CONTEXT } from '@opentelemetry/api';
import type { Ending, Following } from './follow-stream.ts';

/**
 * What the clients of OpenAI and Anthropic return. As a promise it is settled at once: the request runs, and the body is read where `parse`
 * is called, which `then`, `catch`, `finally` and `withResponse` do. `asResponse` gives the response with its body unread.
 */
export interface ApiPromise extends PromiseLike<unknown>, ApiPromiseMembers {}

interface ApiPromiseMembers {
  parse: () => Promise<unknown>;
  asResponse: () => Promise<unknown>;
  /** Returns one of the same request whose body is mapped once it is read. */
  _thenUnwrap: (map: (value: unknown, ...more: unknown[]) => unknown) => ApiPromise;
}

/** Whether a promise is one of those clients'. */
export function isApiPromise(promise: PromiseLike<unknown>): promise is ApiPromise {
  const { parse, asResponse, _thenUnwrap: unwrap } = promise as Partial<ApiPromise>;
  return typeof parse === 'function' && typeof asResponse === 'function' && typeof unwrap === 'function';
}

/**
 * Returns a promise of the same kind that is followed to its end: to that of its body, which `settled` takes in; to its headers, where only
 * the raw response is asked for; or to the limit, where nothing is.
 */
export function followApiPromise(
  promise: ApiPromise,
  following: Following,
  settled: (value: unknown, following: Following) => unknown,
): ApiPromise {
  const { context, abandonMs } = following;
  let isOver = false;
  let isParsing = false;
  const ends = (ending: Ending): void => {
    clearTimeout(timer);
    if (isOver) return;
    isOver = true;
    following.ended(ending);
  };
  const failed = (error: unknown): never => {
    ends({ how: 'failed', error });
    throw error;
  };
  const timer =
    abandonMs === Infinity
      ? undefined
      : contextApi.with(ROOT_CONTEXT, () => setTimeout(() => ends({ how: 'abandoned' }), abandonMs)).unref();

  const take = (value: unknown): unknown => {
    if (isOver) return value;
    // From here on it is told of what came out.
    isOver = true;
    clearTimeout(timer);
    return settled(value, following);
  };

  // In place: a second promise of the same request would read its body a second time, where somebody else has begun to read this one.
  const watched = (api: ApiPromise, taken: (value: unknown) => unknown): ApiPromise => {
    const { parse, asResponse, _thenUnwrap: unwrap } = api;
    let parsed: Promise<unknown> | undefined;
    const members: ApiPromiseMembers = {
      parse: () => {
        isParsing = true;
        clearTimeout(timer);
        return (parsed ??= contextApi.with(context, () => parse.call(api)).then(taken, failed));
      },
      asResponse: async () => {
        const response = await contextApi.with(context, () => asResponse.call(api)).catch(failed);
        // Whoever parses it too, as `withResponse` does, reads it to its end.
        if (!isParsing) ends({ how: 'done' });
        return response;
      },
      _thenUnwrap: (map) =>
        watched(
          unwrap.call(api, (value, ...more) => map(take(value), ...more)),
          asIs,
        ),
    };
    for (const [name, value] of Object.entries(members)) {
      Object.defineProperty(api, name, { value, writable: true, configurable: true });
    }
    return api;
  };

  return watched(promise, take);
}

function asIs(value: unknown): unknown {
  return value;
}
