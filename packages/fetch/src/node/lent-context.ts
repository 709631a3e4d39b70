import { context as contextApi } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';

/**
 * The context in which a library makes a call, and that of its caller once the call is made. A connection, and listeners that an
 * instrumentation binds, keep the context that they were made in: under suppressed tracing what the caller does in a listener of a
 * response would go untraced.
 */
export class LentContext implements Context {
  readonly #caller: Context;
  #context: Context;

  constructor(context: Context, caller: Context) {
    this.#context = context;
    // A call that is made in a listener of the one before holds no chain of all that went before.
    this.#caller = caller instanceof LentContext && caller.isBack ? caller.#caller : caller;
  }

  get isBack(): boolean {
    return this.#context === this.#caller;
  }

  /** The call is made. */
  giveBack(): void {
    this.#context = this.#caller;
  }

  /** Calls a function in the caller's context: most often Node is there by itself, and to enter one costs more than to look. */
  run(fn: (...args: unknown[]) => unknown, self: unknown, args: readonly unknown[]): unknown {
    if (this.isBack && contextApi.active() === this) return Reflect.apply(fn, self, args);
    return contextApi.with(this.#caller, fn, self, ...args);
  }

  getValue(key: symbol): unknown {
    return this.#context.getValue(key);
  }

  setValue(key: symbol, value: unknown): Context {
    return this.#context.setValue(key, value);
  }

  deleteValue(key: symbol): Context {
    return this.#context.deleteValue(key);
  }
}
