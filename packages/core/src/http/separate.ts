import { trace } from '@opentelemetry/api';
import type { Context, Span } from '@opentelemetry/api';
import { httpRequestSpan } from '../context/opentelemetry.ts';
import type { Received } from '../hop/hop.ts';

/** Returns the trace that a policy has kept out, where its SERVER span of instrumentation-http is open for the request all the same. */
export function keptOutOf({ context, joined }: Received): string | undefined {
  return joined ? undefined : httpRequestSpan(context)?.span.spanContext().traceId;
}

/**
 * Returns `context`, in which no span of the trace `keptOut` can be made the active one, nor in any context made from it.
 *
 * Beside instrumentation-http a restarted trace runs below spans of the caller's trace: that of the request, and one for each layer
 * that instrumentation-express and instrumentation-router have opened on the way. They make those active again whenever
 * middleware calls `next()`, ours too, and what the policy has kept out would be back in.
 */
export function separate(context: Context, keptOut: string): Context {
  return new SeparateContext(context, keptOut);
}

class SeparateContext implements Context {
  readonly #context: Context;
  readonly #keptOut: string;

  constructor(context: Context, keptOut: string) {
    this.#context = context;
    this.#keptOut = keptOut;
  }

  getValue(key: symbol): unknown {
    return this.#context.getValue(key);
  }

  setValue(key: symbol, value: unknown): Context {
    const changed = this.#context.setValue(key, value);
    // The key of the active span is not public; what it would do is.
    if (isSpan(value) && trace.getSpan(changed) === value && value.spanContext().traceId === this.#keptOut) return this;
    return new SeparateContext(changed, this.#keptOut);
  }

  deleteValue(key: symbol): Context {
    return new SeparateContext(this.#context.deleteValue(key), this.#keptOut);
  }
}

function isSpan(value: unknown): value is Span {
  return typeof (value as Partial<Span> | null | undefined)?.spanContext === 'function';
}
