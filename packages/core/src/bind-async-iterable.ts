import { context as contextApi } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import { ThroughlineError } from './errors.ts';
import { viewOf } from './view.ts';
import type { Replacement } from './view.ts';

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
  const advance: Replacement = (target, method, args) =>
    contextApi.with(context, () => Reflect.apply(method, target, args));
  const replacements: Map<PropertyKey, Replacement> = new Map<PropertyKey, Replacement>([
    ['next', advance],
    ['return', advance],
    ['throw', advance],
    [
      Symbol.asyncIterator,
      (target, method, args): unknown => {
        const iterator = advance(target, method, args);
        // A generator is its own iterator; others make one for each consumer.
        return iterator === target || typeof iterator !== 'object' || iterator === null
          ? iterator
          : viewOf(iterator, replacements);
      },
    ],
  ]);
  const { asyncDispose } = Symbol as { readonly asyncDispose?: symbol };
  if (asyncDispose !== undefined) replacements.set(asyncDispose, advance);
  return viewOf(iterable, replacements);
}
