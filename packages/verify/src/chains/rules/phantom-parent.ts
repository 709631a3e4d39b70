import type { Arrival } from '../arrivals.ts';
import { boundaryBetween, boundaryOf } from '../boundary.ts';
import type { ChainFinding } from '../finding.ts';
import { Fact } from '../columns/facts.ts';
import type { Index, SpanGraph } from '../graph.ts';
import { grouped } from '../grouped.ts';
import type { Spot } from '../grouped.ts';
import { crossing, shown, times } from '../words.ts';
import type { ChainRule, Judged } from './context.ts';
import { placesOf } from './places.ts';
import type { Places } from './places.ts';

/**
 * A remote parent that nobody exported. Where the service between shows up in other traces at the same place, before and after, it is not
 * dead: it samples by itself.
 */
export const phantomParent: ChainRule = (judged) => {
  const { graph, arrivals, silent } = judged;
  const places = placesOf(judged);
  const phantoms = arrivals.filter(({ joined }) => joined === 'phantom');
  const samplerOf = samplersIn(graph, places);
  const split: Spot[] = [];
  const other: Spot[] = [];
  for (const arrival of phantoms) {
    const sampler = samplerOf(arrival);
    const boundary = boundaryOf(graph, arrival, 'parent');
    if (sampler === undefined) other.push({ at: arrival.receiver, boundary });
    else split.push({ at: arrival.receiver, boundary: { ...boundary, from: sampler, missing: 'span' } });
  }
  return [
    ...grouped('sampling-split', 'error', graph, split, ({ boundary }, count) => {
      const from = shown(boundary.from);
      return `${crossing(boundary)}: ${from} exported nothing of a trace that goes on in ${shown(boundary.to)}, ${times(count)}, and takes part in others at the same place: it samples without regard to its parent`;
    }),
    ...unanswered(judged, places, new Set(split.map(({ boundary }) => boundary.from as string))),
    ...grouped('phantom-parent', 'error', graph, other, ({ boundary }, count) => {
      const dead = silent.length === 0 ? '' : `; nothing came from ${silent.map(shown).join(', ')}`;
      return `${crossing(boundary)}: ${shown(boundary.to)} names a parent that nobody exported, ${times(count)}${dead}`;
    }),
  ];
};

/** Tells the service that should stand between a trace and an arrival that names a parent of nobody's, if it is seen elsewhere. */
function samplersIn(graph: SpanGraph, places: Places): (arrival: Arrival) => string | undefined {
  // Of a trace the first such service is one for all of its arrivals.
  const known = new Map<number, string | undefined>();
  const samplerOf = (receiver: Index): string | undefined => {
    for (const at of graph.traceOf(receiver)) {
      const service = places.answererElsewhere(at);
      if (service !== undefined && !graph.takesPart(receiver, service)) return service;
    }
    return undefined;
  };
  return ({ receiver, sender }) => {
    if (sender !== undefined) return undefined;
    const trace = graph.traceNumber(receiver);
    if (!known.has(trace)) known.set(trace, samplerOf(receiver));
    return known.get(trace);
  };
}

const ENOUGH = 2;

/** Calls that came out well and that nobody was seen to answer, among others of the same kind that were answered. */
function unanswered(
  { graph, ends, isSettled }: Judged,
  places: Places,
  told: ReadonlySet<string>,
): readonly ChainFinding[] {
  const spots: Spot[] = [];
  for (const { heard, services, unheard, first, last } of places.all) {
    const [service] = services;
    if (service === undefined || services.size > 1 || told.has(service)) continue;
    if (isBehindCache(graph, heard, unheard)) continue;
    const asked = firstCalls(graph, [...heard, ...unheard]);
    const silent = unheard.filter((at) => graph.is(at, Fact.cameOutWell) && !mayBeOfCache(graph, at, asked));
    if (heard.length < ENOUGH || silent.length < ENOUGH) continue;
    // Answered before and after: whoever is there now was there then.
    const between = silent.filter(
      (at) => isSettled(at) && graph.startOf(at) > first && graph.startOf(at) < last && !graph.takesPart(at, service),
    );
    if (between.length < ENOUGH) continue;
    const receiver = ends.heardBy(heard[0] as Index).find((at) => graph.serviceOf(at) === service);
    for (const at of between) spots.push({ at, boundary: boundaryBetween(graph, at, receiver ?? at, 'span') });
  }
  return grouped('sampling-split', 'error', graph, spots, ({ boundary }, count) => {
    const to = shown(boundary.to);
    return `${crossing(boundary)}: ${to} exported nothing of a call that came out well, ${times(count)}, and of others at the same place it did: it samples without regard to its parent`;
  });
}

/** When each call was made first, by what it asked for. */
function firstCalls(graph: SpanGraph, calls: readonly Index[]): ReadonlyMap<number, number> {
  const first = new Map<number, number>();
  for (const at of calls) {
    const call = graph.callOf(at);
    if (call !== undefined) first.set(call, Math.min(first.get(call) ?? Infinity, graph.startOf(at)));
  }
  return first;
}

/** Whether nothing that was answered once was answered again. */
function isBehindCache(graph: SpanGraph, heard: readonly Index[], unheard: readonly Index[]): boolean {
  const first = firstCalls(graph, heard);
  const isAgain = (at: Index): boolean => mayBeOfCache(graph, at, first);
  return unheard.some(isAgain) && !heard.some(isAgain);
}

/** Whether something between may know the answer: the same was asked before. */
function mayBeOfCache(graph: SpanGraph, at: Index, first: ReadonlyMap<number, number>): boolean {
  const method = graph.meetingPoint(at)?.method;
  const call = graph.callOf(at);
  if (call === undefined || (method !== 'GET' && method !== 'HEAD')) return false;
  return (first.get(call) ?? Infinity) < graph.startOf(at);
}
