import { context as contextApi } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import { ThroughlineError } from './errors.ts';
import { viewOf } from './view.ts';
import type { Method, Replacement } from './view.ts';

/** What every `EventEmitter` has. */
export interface EmitterLike {
  on(event: never, listener: never): unknown;
  removeListener(event: never, listener: never): unknown;
  rawListeners(event: never): unknown;
}

/**
 * Returns an emitter of the same type: a listener that is added through it runs in the context in which it was added, or in
 * `context`, whoever emits. It is the same emitter otherwise, and listeners are removed and listed as ever, through either.
 *
 * `context.bind(context.active(), emitter)` of OpenTelemetry's managers changes the emitter itself, for all who use it, and the
 * context of the first caller holds for every listener: right for an emitter of one request, wrong for a shared one. Throws
 * a {@link ThroughlineError} for what is no `EventEmitter`.
 *
 * @example
 * ```ts
 * bindEmitter(bus).once('approved', (id) => resume(id));
 * ```
 */
export function bindEmitter<E extends EmitterLike>(emitter: E, context?: Context): E {
  if (typeof (emitter as Partial<E> | null | undefined)?.rawListeners !== 'function') {
    throw new ThroughlineError(
      'ERR_THROUGHLINE_ARGUMENT',
      "`bindEmitter` takes an EventEmitter. For an EventTarget or a MessagePort bind the listener: `target.addEventListener('message', context.bind(context.active(), listener))`.",
    );
  }
  return viewOf(
    emitter,
    new Map<PropertyKey, Replacement>([
      ['on', adding('on', false, context)],
      ['addListener', adding('addListener', false, context)],
      ['prependListener', adding('prependListener', false, context)],
      // Node's own `once` wraps a listener again, and then only finds the outer one by its name.
      ['once', adding('on', true, context)],
      ['prependOnceListener', adding('prependListener', true, context)],
    ]),
  );
}

function adding(name: string, once: boolean, given: Context | undefined): Replacement {
  return (target, method, args) => {
    const [event, listener, ...rest] = args;
    // The emitter says itself what is wrong.
    if (typeof listener !== 'function') return Reflect.apply(method, target, args);
    const context = given ?? contextApi.active();
    let fired = false;
    const bound = function (this: unknown, ...values: unknown[]): unknown {
      if (once) {
        if (fired) return undefined;
        fired = true;
        (target as Emitter).removeListener(event, bound);
      }
      return contextApi.with(context, () => Reflect.apply(listener, this, values) as unknown);
    };
    // Under this name Node finds a listener that is wrapped, to remove it and to list it.
    bound.listener = listener;
    return (target as Record<string, Method>)[name]?.call(target, event, bound, ...rest);
  };
}

interface Emitter {
  removeListener(event: unknown, listener: unknown): unknown;
}
