import type { Context } from '@opentelemetry/api';

/**
 * A context that is made when somebody first asks it for a value. BullMQ names the job only after it has entered the context of its
 * processing; by then, and no sooner, it is known whether the job goes on with the trace that it came in.
 */
export class LazyContext implements Context {
  readonly #own: ReadonlyMap<symbol, unknown>;
  readonly #make: () => Context;
  #made: Context | undefined = undefined;

  /** `own` are the values that it has without being made. */
  constructor(own: ReadonlyMap<symbol, unknown>, make: () => Context) {
    this.#own = own;
    this.#make = make;
  }

  #context(): Context {
    return (this.#made ??= this.#make());
  }

  getValue(key: symbol): unknown {
    return this.#own.has(key) ? this.#own.get(key) : this.#context().getValue(key);
  }

  setValue(key: symbol, value: unknown): Context {
    let context = this.#context();
    for (const [name, held] of this.#own) context = context.setValue(name, held);
    return context.setValue(key, value);
  }

  deleteValue(key: symbol): Context {
    let context = this.#context();
    for (const [name, held] of this.#own) if (name !== key) context = context.setValue(name, held);
    return context.deleteValue(key);
  }
}
