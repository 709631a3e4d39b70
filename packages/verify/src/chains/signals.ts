import type { Acting } from './acting.ts';
import type { Index, SpanGraph } from './graph.ts';
import { listed } from './listed.ts';

/** Something that went wrong without an error, as spans say it. */
export interface SeenSignal {
  /** Such as `empty_retrieval`. */
  readonly kind: string;
  readonly service: string;
  /** The agent that it happened to, where spans name one. */
  readonly agent?: string;
  /** How many spans say so. */
  readonly count: number;
}

/** A signal, and the first spans that say so. */
export interface PlacedSignal {
  readonly signal: SeenSignal;
  readonly spans: readonly Index[];
}

const SHOWN = 20;

/** Returns the signals of a capture, by kind and by who acted, in the order in which they are first seen. */
export function signalsOf(graph: SpanGraph, acting: Acting): PlacedSignal[] {
  const seen = new Map<number, Map<string, Index[]>>();
  const found: { readonly kind: string; readonly actor: number; readonly spans: Index[] }[] = [];
  for (const [at, kinds] of graph.models.signals) {
    const actor = acting.of(at);
    const ofActor = listed(seen, actor, () => new Map<string, Index[]>());
    for (const kind of kinds) {
      listed(ofActor, kind, () => {
        const spans: Index[] = [];
        found.push({ kind, actor, spans });
        return spans;
      }).push(at);
    }
  }
  return found.map(({ kind, actor, spans }) => {
    const { service, agent } = acting.actors[actor] as Acting['actors'][number];
    const who = agent === undefined ? { service } : { service, agent };
    return { signal: { kind, ...who, count: spans.length }, spans: spans.slice(0, SHOWN) };
  });
}
