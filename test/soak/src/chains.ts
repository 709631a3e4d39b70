import { context, propagation, SpanKind, trace } from '@opentelemetry/api';
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace';
import { Finds } from './found.ts';

/** The baggage member that names the chain, and the attribute that hop spans have of it. */
export const CHAIN = 'soak.chain';

/**
 * Watches which chain every span and every context is in. A chain is named by the id of its trace, so that nothing needs to be
 * remembered of it: whatever has one of span, baggage and payload can tell what the others must be.
 */
export class Chains implements SpanProcessor {
  readonly crossings: Finds = new Finds();
  open = 0;
  ended = 0;

  onStart(): void {
    this.open++;
  }

  onEnd(span: ReadableSpan): void {
    this.open--;
    this.ended++;
    if (!span.instrumentationScope.name.startsWith('@throughline/')) return;
    const { traceId } = span.spanContext();
    const named = span.attributes[CHAIN];
    const expected = isOfMany(span) ? undefined : traceId;
    if (named !== expected)
      this.crossings.add(`the span '${span.name}' of chain ${String(named)} is in trace ${traceId}`);
  }

  /** Runs `work` below a root span, with the chain's name in baggage. */
  run<T>(work: (name: string) => Promise<T>): Promise<T> {
    const span = trace.getTracer('soak').startSpan('chain', { root: true });
    const name = span.spanContext().traceId;
    const baggage = propagation.createBaggage({ [CHAIN]: { value: name } });
    const active = propagation.setBaggage(trace.setSpan(context.active(), span), baggage);
    return context.with(active, () => work(name)).finally(() => span.end());
  }

  /** Compares the chain that a payload names with what is active. */
  here(name: string | undefined, where: string): void {
    const inTrace = trace.getSpanContext(context.active())?.traceId;
    const inBaggage = propagation.getActiveBaggage()?.getEntry(CHAIN)?.value;
    if (name === undefined || inTrace !== name || inBaggage !== name)
      this.crossings.add(`${where}: payload ${name}, trace ${inTrace}, baggage ${inBaggage}`);
  }

  async forceFlush(): Promise<void> {}
  async shutdown(): Promise<void> {}
}

/** Whether a span is about messages of many chains: a batch that is handled, or settled. It is in none of them. */
function isOfMany({ kind, attributes, parentSpanContext }: ReadableSpan): boolean {
  if (parentSpanContext !== undefined) return false;
  return (
    attributes['messaging.operation.type'] === 'settle' ||
    (kind === SpanKind.CONSUMER && attributes['messaging.batch.message_count'] !== undefined)
  );
}
