import { context as contextApi } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import { ThroughlineError } from '../errors.ts';
import { replacing, viewOf } from './same-type.ts';

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
  const target = emitter as unknown as Loose;
  const members: Record<string, Method> = {};
  for (const [name, adder, once] of ADDERS) {
    if (typeof target[name] !== 'function') continue;
    members[name] = (...args) => {
      const [event, listener, ...rest] = args;
      // The emitter says itself what is wrong.
      const added =
        typeof listener === 'function'
          ? target[adder]?.(event, bound(target, event, listener as Method, once, context), ...rest)
          : target[name]?.(...args);
      return added === emitter ? view : added;
    };
  }
  const view: E = viewOf(emitter, replacing(members));
  return view;
}

type Method = (...args: unknown[]) => unknown;
type Loose = Partial<Record<string, Method>>;

// By which method each one adds. Node's own `once` wraps a listener again, and then only finds the outer one by its name.
const ADDERS = [
  ['on', 'on', false],
  ['addListener', 'addListener', false],
  ['prependListener', 'prependListener', false],
  ['once', 'on', true],
  ['prependOnceListener', 'prependListener', true],
] as const;

function bound(target: Loose, event: unknown, listener: Method, once: boolean, given: Context | undefined): Method {
  const context = given ?? contextApi.active();
  let fired = false;
  const run = function (this: unknown, ...values: unknown[]): unknown {
    if (once) {
      if (fired) return undefined;
      fired = true;
      target['removeListener']?.(event, run);
    }
    return contextApi.with(context, () => Reflect.apply(listener, this, values));
  };
  // Under this name Node finds a listener that is wrapped, to remove it and to list it.
  run.listener = listener;
  return run;
}
