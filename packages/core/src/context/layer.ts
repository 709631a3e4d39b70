import { ROOT_CONTEXT } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';

const MAX_DEPTH = 16;

/**
 * A context as a layer of one value over another context. OpenTelemetry's own copies a `Map` for each value that is set, four
 * times on every hop; a layer is one small object. Past 16 layers they are folded into one, so that a look-up stays
 * short however deep a program nests.
 */
class Layer implements Context {
  readonly #base: Context;
  readonly #below: Layer | undefined;
  readonly #key: symbol | undefined;
  readonly #value: unknown;
  readonly #depth: number;

  constructor(base: Context, below: Layer | undefined, key: symbol | undefined, value: unknown, depth: number) {
    this.#base = base;
    this.#below = below;
    this.#key = key;
    this.#value = value;
    this.#depth = depth;
  }

  getValue(key: symbol): unknown {
    for (let at: Layer | undefined = this; at !== undefined; at = at.#below) if (at.#key === key) return at.#value;
    return this.#base.getValue(key);
  }

  setValue(key: symbol, value: unknown): Context {
    // The lowest layer holds nothing; a value set again replaces the one on top.
    if (this.#key === undefined || this.#key === key) {
      return new Layer(this.#base, this.#below, key, value, this.#depth);
    }
    if (this.#depth === MAX_DEPTH) return this.#folded().setValue(key, value);
    return new Layer(this.#base, this, key, value, this.#depth + 1);
  }

  deleteValue(key: symbol): Context {
    return this.getValue(key) === undefined ? this : this.setValue(key, undefined);
  }

  #folded(): Context {
    const values = new Map<symbol, unknown>();
    for (let at: Layer | undefined = this; at !== undefined; at = at.#below) {
      if (at.#key !== undefined && !values.has(at.#key)) values.set(at.#key, at.#value);
    }
    let context = this.#base;
    for (const [key, value] of values) {
      context = value === undefined ? context.deleteValue(key) : context.setValue(key, value);
    }
    return layered(context);
  }
}

const root: Context = new Layer(ROOT_CONTEXT, undefined, undefined, undefined, 0);

/**
 * Returns a context that holds what `context` does, and on which setting a value costs one small object. A context of
 * somebody else's making is returned as it is, so that its own `setValue` is asked: it may refuse a value.
 */
export function layered(context: Context): Context {
  if (context === ROOT_CONTEXT) return root;
  return isPlain(context) ? new Layer(context, undefined, undefined, undefined, 0) : context;
}

// OpenTelemetry's own. Not `instanceof`: API 1.10 has a class for `import` and one for `require`, and both meet in a process.
function isPlain(context: Context): boolean {
  return '_currentContext' in context;
}
