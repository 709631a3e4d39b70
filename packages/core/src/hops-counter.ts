import { createNoopMeter, metrics } from '@opentelemetry/api';
import type { Attributes, Counter, MeterProvider } from '@opentelemetry/api';
import type { HopOutcome, Transport } from './hop.ts';

/** Counts one hop: `throughline.hops{transport, direction, outcome}`. */
export type CountHop = (transport: Transport, direction: 'inbound' | 'outbound', outcome: HopOutcome) => void;

/** Returns the counter of hops, on the given provider or the global one, which may be registered after the wrap. */
export function hopsCounter(option: MeterProvider | undefined, scope: { name: string; version: string }): CountHop {
  let provider: MeterProvider | undefined;
  let counter: Counter | undefined;
  // One attributes object for each combination that occurs: the sets are few, and a hop is frequent.
  const inbound = new Map<string, Map<string, Attributes>>();
  const outbound = new Map<string, Map<string, Attributes>>();
  return (transport, direction, outcome) => {
    const current = option ?? metrics.getMeterProvider();
    if (current !== provider) {
      provider = current;
      const meter = current.getMeter(scope.name, scope.version);
      counter =
        meter === createNoopMeter()
          ? undefined
          : meter.createCounter('throughline.hops', {
              description: 'Hops between agents, services and tools, and what became of the trace context at each',
              unit: '{hop}',
            });
    }
    if (counter === undefined) return;
    const sets = direction === 'inbound' ? inbound : outbound;
    let byOutcome = sets.get(transport);
    if (byOutcome === undefined) sets.set(transport, (byOutcome = new Map<string, Attributes>()));
    let attributes = byOutcome.get(outcome);
    if (attributes === undefined) {
      attributes = { transport, direction, outcome };
      byOutcome.set(outcome, attributes);
    }
    counter.add(1, attributes);
  };
}
