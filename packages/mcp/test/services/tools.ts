import { propagation } from '@opentelemetry/api';
import { currentLineage } from '@throughline/core';
import type { Telemetry } from '@throughline/test-telemetry';
import type { Tool } from '../sdk.ts';

/** Tools that tell what their process sees, the same in the test's own process and in one that it starts. */
export function toolsOf(telemetry: Telemetry): Record<string, Tool> {
  return {
    add: () => 'done',
    hang: ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve('late'))),
    crash: () => process.exit(3),
    ask: ({ sample }) => sample('why?'),
    meta: ({ meta }) => JSON.stringify(meta ?? {}),
    // The user's own: lineage travels with trace context.
    baggage: () =>
      JSON.stringify(
        Object.fromEntries(
          (propagation.getActiveBaggage()?.getAllEntries() ?? [])
            .filter(([name]) => name !== 'throughline.lineage')
            .map(([name, { value }]) => [name, value]),
        ),
      ),
    lineage: () => JSON.stringify(currentLineage() ?? {}),
    environment: () => JSON.stringify({ traceparent: process.env['TRACEPARENT'], baggage: process.env['BAGGAGE'] }),
    spans: () =>
      JSON.stringify(
        telemetry.spans().map((span) => ({
          name: span.name,
          kind: span.kind,
          traceId: span.spanContext().traceId,
          spanId: span.spanContext().spanId,
          parent: span.parentSpanContext?.spanId,
          attributes: span.attributes,
          events: span.events.map(({ name, attributes = {} }) => ({ name, attributes })),
        })),
      ),
  };
}
