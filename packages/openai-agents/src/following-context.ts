import type { Context } from '@opentelemetry/api';

/**
 * A context that says what `current` holds now. The framework starts and ends spans without calling anything in between, so there
 * is no function that a fixed context could be active in. What is set on it gives a context that follows no more.
 */
export class FollowingContext implements Context {
  readonly #current: () => Context;

  constructor(current: () => Context) {
    this.#current = current;
  }

  getValue(key: symbol): unknown {
    return this.#current().getValue(key);
  }

  setValue(key: symbol, value: unknown): Context {
    return this.#current().setValue(key, value);
  }

  deleteValue(key: symbol): Context {
    return this.#current().deleteValue(key);
  }

  /** The context that it stands for now. */
  get now(): Context {
    return this.#current();
  }
}

/** Returns a context that follows nothing. */
export function fixed(context: Context): Context {
  return context instanceof FollowingContext ? context.now : context;
}
