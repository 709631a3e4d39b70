import { ROOT_CONTEXT } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';

const MAX_DEPTH = 16;

/**
 * A context as a layer of one value over another context. OpenTelemetry's own copies a `Map` for each value that is set, four
 * times on every hop; a layer is one small object. Past 16 layers they are folded into one, so that a look-up stays
 * short however deep a program nests.
 */
class Layer implements Context {
  readonly #below: Context;
  readonly #key: symbol | undefined;
  readonly #value: unknown;
  readonly #depth: number;

  constructor(below: Context, key: symbol | undefined, value: unknown, depth: number) {
    this.#below = below;
    this.#key = key;
    this.#value = value;
    this.#depth = depth;
  }

  getValue(key: symbol): unknown {
    let at: Context = this;
    while (#key in at) {
      if (at.#key === key) return at.#value;
      at = at.#below;
    }
    return at.getValue(key);
  }

  setValue(key: symbol, value: unknown): Context {
    // The base layer itself holds nothing; a value set again replaces the one on top.
    if (this.#key === undefined || this.#key === key) return new Layer(this.#below, key, value, this.#depth);
    return this.#depth < MAX_DEPTH ? new Layer(this, key, value, this.#depth + 1) : this.#folded().setValue(key, value);
  }

  deleteValue(key: symbol): Context {
    return this.getValue(key) === undefined ? this : this.setValue(key, undefined);
  }

  #folded(): Context {
    const values = new Map<symbol, unknown>();
    let at: Context = this;
    while (#key in at) {
      if (at.#key !== undefined && !values.has(at.#key)) values.set(at.#key, at.#value);
      at = at.#below;
    }
    for (const [key, value] of values) at = value === undefined ? at.deleteValue(key) : at.setValue(key, value);
    return layered(at);
  }
}

const root: Context = new Layer(ROOT_CONTEXT, undefined, undefined, 0);

/** Returns a context that holds what `context` does, and on which setting a value costs one small object. */
export function layered(context: Context): Context {
  if (context === ROOT_CONTEXT) return root;
  return context instanceof Layer ? context : new Layer(context, undefined, undefined, 0);
}
