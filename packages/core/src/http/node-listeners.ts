import { context as contextApi, ROOT_CONTEXT } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';

type Listener = (this: unknown, ...args: unknown[]) => void;
type Add = (this: BoundEmitter, type: string | symbol, listener: Listener) => unknown;

/** A listener that runs in a context. `listener` is how Node's emitters find it when the original one is removed. */
interface BoundListener extends Listener {
  listener: Listener;
}

/** The methods of an emitter as they were, ours calling them. */
interface Underlying {
  readonly context: Context;
  readonly on: Add;
  readonly prependListener: Add;
  readonly removeListener: Add;
  /** What was added through methods that hide our listeners; see {@link bindListeners}. */
  readonly hidden: { type: string | symbol; bound: BoundListener }[] | undefined;
}

const underlyingKey = Symbol.for('throughline.http.listeners');

interface BoundEmitter {
  [underlyingKey]?: Underlying;
  on: Add;
  addListener: Add;
  once: Add;
  prependListener: Add;
  prependOnceListener: Add;
  removeListener: Add;
  off: Add;
}

/**
 * Makes every listener that is added to `emitter` from now on run in the context it is added in, or in `context` where that is none.
 * Node emits `end`, `finish` and `close` from the socket, where the context is that of `listen()`.
 *
 * The methods are shared functions, put on the object itself: no closure is made until somebody adds a listener, and no
 * prototype changes. What is bound already stays as it is. A bound listener holds the original as `listener`, which is what `removeListener`, `off`,
 * `listeners` and `listenerCount` of Node go by, so those stay as they are.
 */
export function bindListeners(emitter: object, context: Context): void {
  const own = emitter as BoundEmitter;
  if (own[underlyingKey] !== undefined) return;
  // An emitter that OpenTelemetry's context manager has bound keeps listeners in wrappers of its own, which `removeListener`
  // finds by identity. There we have to say which of ours stands for which.
  const hides = Object.hasOwn(emitter, 'removeListener');
  own[underlyingKey] = {
    context,
    on: own.on,
    prependListener: own.prependListener,
    removeListener: own.removeListener,
    hidden: hides ? [] : undefined,
  };
  own.on = on;
  own.addListener = on;
  own.once = once;
  own.prependListener = prependListener;
  own.prependOnceListener = prependOnceListener;
  if (hides) {
    own.removeListener = removeHidden;
    own.off = removeHidden;
  }
}

function underlying(emitter: BoundEmitter): Underlying {
  return emitter[underlyingKey] as Underlying;
}

function on(this: BoundEmitter, type: string | symbol, listener: Listener): unknown {
  return add(this, underlying(this).on, type, listener, false);
}

function once(this: BoundEmitter, type: string | symbol, listener: Listener): unknown {
  return add(this, underlying(this).on, type, listener, true);
}

function prependListener(this: BoundEmitter, type: string | symbol, listener: Listener): unknown {
  return add(this, underlying(this).prependListener, type, listener, false);
}

function prependOnceListener(this: BoundEmitter, type: string | symbol, listener: Listener): unknown {
  return add(this, underlying(this).prependListener, type, listener, true);
}

function add(emitter: BoundEmitter, method: Add, type: string | symbol, listener: Listener, only: boolean): unknown {
  // Node says what is wrong with it.
  if (typeof listener !== 'function') return method.call(emitter, type, listener);
  const { context: own, hidden } = underlying(emitter);
  const active = contextApi.active();
  const context = active === ROOT_CONTEXT ? own : active;
  const bound = function (this: unknown, ...args: unknown[]): void {
    if (only) emitter.removeListener(type, bound);
    // Where Node kept the context itself, as for what it adds after a response, there is nothing to restore.
    if (contextApi.active() === context) return listener.apply(this, args);
    return contextApi.with(context, listener, this, ...args);
  } as BoundListener;
  // Node's own `once` wrapper, handed on by others that patch emitters, stands for a listener too.
  bound.listener = (listener as Partial<BoundListener>).listener ?? listener;
  hidden?.push({ type, bound });
  return method.call(emitter, type, bound);
}

function removeHidden(this: BoundEmitter, type: string | symbol, listener: Listener): unknown {
  const { hidden, removeListener } = underlying(this);
  for (let at = (hidden?.length ?? 0) - 1; at >= 0; at--) {
    const entry = hidden?.[at];
    if (entry?.type === type && (entry.bound === listener || entry.bound.listener === listener)) {
      hidden?.splice(at, 1);
      return removeListener.call(this, type, entry.bound);
    }
  }
  return removeListener.call(this, type, listener);
}
