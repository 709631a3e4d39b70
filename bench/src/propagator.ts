import { defaultTextMapGetter, defaultTextMapSetter, ROOT_CONTEXT } from '@opentelemetry/api';
import type { TextMapPropagator } from '@opentelemetry/api';
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core';
import { W3CPropagator } from '@throughline/core';
import { median } from './measure.ts';
import type { Effort } from './measure.ts';
import type { Report, Result } from './results.ts';

type Fields = Readonly<Record<string, string>>;

const plain: Fields = Object.freeze({
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  tracestate: 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE',
  baggage: 'session.id=5f2c,user.tier=gold,region=eu-west',
});
const encoded: Fields = Object.freeze({ ...plain, baggage: 'session.id=5f2c,user.tier=gold,region=eu%20west' });

/** Extract and inject of all three fields: `W3CPropagator` against the composite of OpenTelemetry's two. */
export async function propagator(effort: Effort): Promise<Report> {
  const ours = new W3CPropagator();
  const theirs = new CompositePropagator({
    propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()],
  });
  const results: Result[] = [];
  for (const [what, carrier] of [
    ['extract + inject, all fields', plain],
    ['the same, one baggage value with `%20`', encoded],
  ] as const) {
    const costs = await inTurns(ours, theirs, carrier, effort);
    results.push({ what, opponent: "`CompositePropagator` of OpenTelemetry's two", ...costs, target: 1 / 4 });
  }
  return {
    title: 'propagator',
    method:
      'One extract and one inject of `traceparent`, `tracestate` with 2 members and `baggage` with 3, plain records, the default getter and setter. Both in one process, in turns.',
    results,
    notes: results.map(({ what, ours, theirs }) => `${what}: ${(theirs / ours).toFixed(1)} times as fast.`),
  };
}

async function inTurns(
  ours: TextMapPropagator,
  theirs: TextMapPropagator,
  carrier: Fields,
  effort: Effort,
): Promise<{ ours: number; theirs: number }> {
  for (const each of [ours, theirs]) {
    const sent = JSON.stringify(roundTrip(each, carrier));
    if (sent !== JSON.stringify(carrier)) throw new Error(`a round trip changed the fields: ${sent}`);
  }
  const count = Math.round(15_000 * effort.scale);
  const costs = { ours: [] as number[], theirs: [] as number[] };
  for (let round = -3; round < effort.rounds * effort.processes; round++) {
    const order = [['ours', ours] as const, ['theirs', theirs] as const];
    if (round % 2 !== 0) order.reverse();
    for (const [name, each] of order) {
      const cost = spent(each, carrier, count);
      if (round >= 0) costs[name].push(cost);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { ours: median(costs.ours), theirs: median(costs.theirs) };
}

function spent(propagator: TextMapPropagator, carrier: Fields, count: number): number {
  const before = process.cpuUsage();
  for (let at = 0; at < count; at++) roundTrip(propagator, carrier);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

function roundTrip(propagator: TextMapPropagator, carrier: Fields): Record<string, string> {
  const sent: Record<string, string> = {};
  propagator.inject(propagator.extract(ROOT_CONTEXT, carrier, defaultTextMapGetter), sent, defaultTextMapSetter);
  return sent;
}
