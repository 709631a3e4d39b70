import type { Arrival } from '../arrivals.ts';
import { boundaryBetween, boundaryOf } from '../boundary.ts';
import type { ChainFinding } from '../finding.ts';
import type { Index } from '../graph.ts';
import { grouped } from '../grouped.ts';
import type { Spot } from '../grouped.ts';
import { crossing, shown, times } from '../words.ts';
import type { ChainRule, Judged } from './context.ts';

/**
 * A remote parent that nobody exported. Where the service between shows up in other traces at the same place, before and after, it is not
 * dead: it samples by itself.
 */
export const phantomParent: ChainRule = (judged) => {
  const { graph, arrivals, silent } = judged;
  const phantoms = arrivals.filter(({ joined }) => joined === 'phantom');
  const samplers = new Map(phantoms.map((arrival) => [arrival, samplerOf(arrival, judged)]));
  const split: Spot[] = [];
  const other: Spot[] = [];
  for (const arrival of phantoms) {
    const sampler = samplers.get(arrival);
    const boundary = boundaryOf(graph, arrival, 'parent');
    if (sampler === undefined) other.push({ at: arrival.receiver, boundary });
    else split.push({ at: arrival.receiver, boundary: { ...boundary, from: sampler, missing: 'span' } });
  }
  return [
    ...grouped('sampling-split', 'error', graph, split, ({ boundary }, count) => {
      const from = shown(boundary.from);
      return `${crossing(boundary)}: ${from} exported nothing of a trace that goes on in ${shown(boundary.to)}, ${times(count)}, and takes part in others at the same place: it samples without regard to its parent`;
    }),
    ...unanswered(judged, new Set(split.map(({ boundary }) => boundary.from as string))),
    ...grouped('phantom-parent', 'error', graph, other, ({ boundary }, count) => {
      const dead = silent.length === 0 ? '' : `; nothing came from ${silent.map(shown).join(', ')}`;
      return `${crossing(boundary)}: ${shown(boundary.to)} names a parent that nobody exported, ${times(count)}${dead}`;
    }),
  ];
};

/** Returns the service that should stand between a trace and an arrival that names a parent of nobody's, if it is seen elsewhere. */
function samplerOf({ receiver, sender }: Arrival, { graph, ends }: Judged): string | undefined {
  if (sender !== undefined) return undefined;
  const trace = graph.traces.get(graph.span(receiver).traceId) ?? [];
  const present = new Set(trace.map((at) => graph.span(at).service));
  for (const at of trace) {
    if (!ends.senders.has(at) || ends.heardBy(at).size > 0) continue;
    const service = answererElsewhere(at, graph, ends);
    if (service !== undefined && !present.has(service) && service !== graph.span(receiver).service) return service;
  }
  return undefined;
}

/** Returns the one service that answers calls of this kind, before and after this one. */
function answererElsewhere(sender: Index, graph: Judged['graph'], ends: Judged['ends']): string | undefined {
  const place = placeOf(graph, sender);
  const services = new Set<string>();
  let later = false;
  for (const other of ends.senders) {
    if (other === sender || graph.span(other).service !== graph.span(sender).service || placeOf(graph, other) !== place)
      continue;
    for (const service of ends.heardBy(other)) {
      services.add(service);
      if (graph.startOf(other) > graph.startOf(sender)) later = true;
    }
  }
  const [only] = services;
  return later && services.size === 1 && graph.meetingPoint(sender)?.waits === true ? only : undefined;
}

function placeOf(graph: Judged['graph'], sender: Index): string {
  const point = graph.meetingPoint(sender);
  return JSON.stringify([point?.transport, point?.port, point?.method, point?.names[0]]);
}

const ENOUGH = 2;

/** Calls that came out well and that nobody was seen to answer, among others of the same kind that were answered. */
function unanswered({ graph, ends }: Judged, told: ReadonlySet<string>): readonly ChainFinding[] {
  const places = new Map<string, Index[]>();
  for (const sender of ends.senders) {
    if (graph.meetingPoint(sender)?.waits !== true) continue;
    const key = `${graph.span(sender).service} ${placeOf(graph, sender)}`;
    const known = places.get(key);
    if (known === undefined) places.set(key, [sender]);
    else known.push(sender);
  }
  const spots: Spot[] = [];
  for (const senders of places.values()) {
    const heard = senders.filter((at) => ends.heardBy(at).size > 0);
    const silent = senders.filter((at) => ends.heardBy(at).size === 0 && cameOutWell(graph, at));
    const services = new Set(heard.flatMap((at) => [...ends.heardBy(at)]));
    const [service] = services;
    if (service === undefined || services.size > 1 || told.has(service)) continue;
    if (heard.length < ENOUGH || silent.length < ENOUGH) continue;
    // Answered before and after: whoever is there now was there then.
    const first = Math.min(...heard.map((at) => graph.startOf(at)));
    const last = Math.max(...heard.map((at) => graph.startOf(at)));
    const between = silent.filter(
      (at) => graph.startOf(at) > first && graph.startOf(at) < last && !takesPart(graph, at, service),
    );
    if (between.length < ENOUGH) continue;
    const receiver = heard.flatMap((at) => graph.childrenOf(at)).find((at) => graph.span(at).service === service);
    for (const at of between) {
      spots.push({ at, boundary: boundaryBetween(graph, at, receiver ?? at, 'span') });
    }
  }
  return grouped('sampling-split', 'error', graph, spots, ({ boundary }, count) => {
    const to = shown(boundary.to);
    return `${crossing(boundary)}: ${to} exported nothing of a call that came out well, ${times(count)}, and of others at the same place it did: it samples without regard to its parent`;
  });
}

function cameOutWell(graph: Judged['graph'], at: Index): boolean {
  const { status, attributes } = graph.span(at);
  const code = Number(attributes['http.response.status_code'] ?? attributes['http.status_code'] ?? 200);
  return status.code !== 'ERROR' && code < 400 && code !== 304 && attributes['error.type'] === undefined;
}

function takesPart(graph: Judged['graph'], at: Index, service: string): boolean {
  return (graph.traces.get(graph.span(at).traceId) ?? []).some((other) => graph.span(other).service === service);
}
