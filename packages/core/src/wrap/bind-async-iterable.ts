import { context as contextApi } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import { ThroughlineError } from '../errors.ts';
import { replacing, viewOf } from './same-type.ts';

/**
 * Returns an async iterable of the same type that is advanced in `context` (the active one by
 * default), whoever consumes it. The body of an async
 * generator runs in the context of each `next()`, so that one that is made in a request and consumed by a response
 * writer, a stream or another task loses its own. The consumer keeps its context. Everything else of the iterable is there
 * as it was. Throws a {@link ThroughlineError} for what is no async iterable.
 *
 *
 * @example
 * ```ts
 * return Readable.from(bindAsyncIterable(answer(question)));
 * ```
 */
export function bindAsyncIterable<I extends AsyncIterable<unknown>>(
  iterable: I,
  context: Context = contextApi.active(),
): I {
  if (typeof (iterable as Partial<I> | null | undefined)?.[Symbol.asyncIterator] !== 'function') {
    throw new ThroughlineError(
      'ERR_THROUGHLINE_ARGUMENT',
      '`bindAsyncIterable` takes what `for await` does: an async generator that was called, a stream, an async iterable.',
    );
  }
  return advancedIn(context, iterable);
}

type Method = (...args: unknown[]) => unknown;

const { asyncDispose } = Symbol as { readonly asyncDispose?: symbol };
const ADVANCING: readonly PropertyKey[] = [
  'next',
  'return',
  'throw',
  ...(asyncDispose === undefined ? [] : [asyncDispose]),
];

function advancedIn<T extends object>(context: Context, target: T): T {
  const loose = target as Partial<Record<PropertyKey, Method>>;
  const call = (name: PropertyKey, args: unknown[]): unknown => contextApi.with(context, () => loose[name]?.(...args));
  const members: Record<PropertyKey, Method> = {};
  for (const name of ADVANCING) {
    if (typeof loose[name] === 'function') members[name] = (...args) => call(name, args);
  }
  if (typeof loose[Symbol.asyncIterator] === 'function') {
    members[Symbol.asyncIterator] = (...args) => {
      const iterator = call(Symbol.asyncIterator, args);
      // A generator is its own iterator; others make one for each consumer.
      if (iterator === target) return view;
      return typeof iterator === 'object' && iterator !== null ? advancedIn(context, iterator) : iterator;
    };
  }
  const view: T = viewOf(target, replacing(members));
  return view;
}
