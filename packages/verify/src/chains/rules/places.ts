import type { Index, SpanGraph } from '../graph.ts';
import { listed } from '../listed.ts';
import type { Judged } from './context.ts';

/** The calls that one service makes at one place, and waits for. */
export interface Place {
  /** Those that somebody was seen to answer, and by whom. */
  readonly heard: Index[];
  readonly services: Set<string>;
  readonly unheard: Index[];
  /** When the first and the last of those started that were answered. */
  first: number;
  last: number;
}

/** All places of a capture. */
export interface Places {
  readonly all: Iterable<Place>;
  /** Returns the one service that answers calls of this kind, this one apart, after it too. */
  answererElsewhere(sender: Index): string | undefined;
}

/** Returns the places at which calls are made. */
export function placesOf({ graph, ends }: Judged): Places {
  const places = new Map<string, Place>();
  for (const sender of ends.senders) {
    const key = keyOf(graph, sender);
    if (key === undefined) continue;
    const place = listed(places, key, (): Place => ({
      heard: [],
      services: new Set(),
      unheard: [],
      first: Infinity,
      last: -Infinity,
    }));
    const hearers = ends.heardBy(sender);
    if (hearers.length === 0) {
      place.unheard.push(sender);
      continue;
    }
    place.heard.push(sender);
    for (const hearer of hearers) place.services.add(graph.serviceOf(hearer));
    place.first = Math.min(place.first, graph.startOf(sender));
    place.last = Math.max(place.last, graph.startOf(sender));
  }
  return {
    all: places.values(),
    answererElsewhere(sender) {
      if (!ends.isSender(sender) || ends.heardBy(sender).length > 0) return undefined;
      const place = places.get(keyOf(graph, sender) ?? '');
      const [only] = place?.services ?? [];
      return place?.services.size === 1 && place.last > graph.startOf(sender) ? only : undefined;
    },
  };
}

function keyOf(graph: SpanGraph, sender: Index): string | undefined {
  const point = graph.meetingPoint(sender);
  if (point?.waits !== true) return undefined;
  const { transport, port, method, names } = point;
  return `${graph.serviceNumber(sender)}\n${transport}\n${port}\n${method}\n${names[0]}`;
}
