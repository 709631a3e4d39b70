import type { Context } from '@opentelemetry/api';

/**
 * The context in which a library makes a call, and that of its caller once the call is made. A connection, and listeners that an
 * instrumentation binds, keep the context that they were made in: under suppressed tracing what the caller does in a listener of a
 * response would go untraced.
 */
export class LentContext implements Context {
  #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  /** The call is made. */
  giveBack(caller: Context): void {
    this.#context = caller;
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
