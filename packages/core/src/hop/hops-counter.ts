import { createNoopMeter, metrics } from '@opentelemetry/api';
import type { Attributes, MeterProvider, ObservableResult } from '@opentelemetry/api';
import { warnOnce } from '../diagnostics.ts';
import type { HopOutcome, Transport } from './hop.ts';

/** Counts one hop: `throughline.hops{transport, direction, outcome}`. */
export type CountHop = (transport: Transport, direction: Direction, outcome: HopOutcome) => void;

type Direction = 'inbound' | 'outbound';

interface Scope {
  readonly name: string;
  readonly version: string;
}

/** Returns the counter of hops, on the given provider or the global one, which may be registered after the wrap. */
export function hopsCounter(option: MeterProvider | undefined, scope: Scope): CountHop {
  let provider: MeterProvider | undefined;
  let tally: HopsTally | undefined;
  return (transport, direction, outcome) => {
    const current = option ?? metrics.getMeterProvider();
    if (current !== provider) {
      provider = current;
      tally = tallyOf(current, scope);
    }
    tally?.add(transport, direction, outcome);
  };
}

/** How many hops of each kind there were. Addition is all that happens on a hop: the meter asks when it collects. */
class HopsTally {
  readonly #inbound = new Map<Transport, Map<HopOutcome, Count>>();
  readonly #outbound = new Map<Transport, Map<HopOutcome, Count>>();
  readonly #counts: Count[] = [];

  add(transport: Transport, direction: Direction, outcome: HopOutcome): void {
    const byTransport = direction === 'inbound' ? this.#inbound : this.#outbound;
    let byOutcome = byTransport.get(transport);
    if (byOutcome === undefined) byTransport.set(transport, (byOutcome = new Map<HopOutcome, Count>()));
    let count = byOutcome.get(outcome);
    if (count === undefined) {
      count = { hops: 0, attributes: { transport, direction, outcome } };
      byOutcome.set(outcome, count);
      this.#counts.push(count);
    }
    count.hops++;
  }

  observe(result: ObservableResult): void {
    for (const { hops, attributes } of this.#counts) result.observe(hops, attributes);
  }
}

interface Count {
  hops: number;
  readonly attributes: Attributes;
}

/**
 * Returns the one tally of a provider and a scope: two that report the same series would overwrite each other. `undefined` where
 * nobody measures.
 */
function tallyOf(provider: MeterProvider, scope: Scope): HopsTally | undefined {
  try {
    const meter = provider.getMeter(scope.name, scope.version);
    if (meter === createNoopMeter()) return undefined;
    const tallies = talliesOf(provider);
    const key = `${scope.name} ${scope.version}`;
    const there = tallies.get(key);
    if (there !== undefined) return there;
    const tally = new HopsTally();
    meter
      .createObservableCounter('throughline.hops', {
        description: 'Hops between agents, services and tools, and what became of the trace context at each',
        unit: '{hop}',
      })
      .addCallback((result) => tally.observe(result));
    tallies.set(key, tally);
    return tally;
  } catch (error) {
    warnOnce('meterProvider', `the meter provider failed, so hops are not counted: ${String(error)}`);
    return undefined;
  }
}

// One registry for all loaded copies of this package, made when the first hop is counted: to be imported changes nothing.
const registryKey = Symbol.for('throughline.hops');

function talliesOf(provider: MeterProvider): Map<string, HopsTally> {
  const holder = globalThis as { [registryKey]?: WeakMap<MeterProvider, Map<string, HopsTally>> };
  const known = (holder[registryKey] ??= new WeakMap<MeterProvider, Map<string, HopsTally>>());
  let tallies = known.get(provider);
  if (tallies === undefined) known.set(provider, (tallies = new Map<string, HopsTally>()));
  return tallies;
}
