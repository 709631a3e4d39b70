import type { Attributes, Meter, MeterProvider, ObservableResult } from '@opentelemetry/api';
import type { HopOutcome, Transport } from '../parties.ts';
import { lazyInstruments } from './instruments.ts';
import type { HopScope } from './instruments.ts';

/** Counts one hop: `throughline.hops{transport, direction, outcome}`. */
export type CountHop = (transport: Transport, direction: Direction, outcome: HopOutcome) => void;

type Direction = 'inbound' | 'outbound';

/** Returns the counter of hops, on the given provider or the global one, which may be registered after the wrap. */
export function hopsCounter(option: MeterProvider | undefined, scope: HopScope): CountHop {
  const tally = lazyInstruments(option, scope, (meter, provider) => tallyOf(meter, provider, scope));
  return (transport, direction, outcome) => tally()?.add(transport, direction, outcome);
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

/** Returns the one tally of a provider and a scope: two that report the same series would overwrite each other. */
function tallyOf(meter: Meter, provider: MeterProvider, scope: HopScope): HopsTally {
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
